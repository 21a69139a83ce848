use super::slots::NewSlot;
use super::*;
use crate::accounts::mentees::{self, NewMentee};
use crate::audit::Actor;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::mentors::{Edit, Patch, Visibility};

/// A mentor, eight mentees, a program's rules, and a clock that stands on Monday, 4 March 2030, 09:00 UTC.
pub(super) struct House {
    _keep: tempfile::TempDir,
    pub(super) db: Db,
    pub(super) mentor: MentorNo,
    pub(super) mentor_id: MentorId,
    pub(super) mentor_user: UserId,
    pub(super) mentees: Vec<(UserId, MenteeId)>,
    pub(super) rules: Rules,
}

impl House {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        let rules = Rules::of(&Config::defaults_in(directory.path()));
        let actor = Actor::nobody("test");
        let edit = Edit { email: Some("ada@example.org".to_owned()), name: Some("Ada".to_owned()), ..Edit::default() };
        let mentor = db
            .write_here(|tx| {
                let put = mentors::put(tx, &actor, "rec1", edit)?;
                mentors::mentor(tx, put.mentor)
            })
            .expect("created")
            .expect("there");
        let mentees = (0..8)
            .map(|number| {
                let new = NewMentee {
                    email: format!("bo{number}@example.org"),
                    name: format!("Bo {number}"),
                    timezone: "UTC".to_owned(),
                    profile: mentees::Mentee::default(),
                };
                db.write_here(|tx| {
                    mentees::put(tx, &actor, &new)?;
                    let user = crate::accounts::user_by_email(tx, &new.email)?.expect("there").id;
                    Ok((user, mentees::of_user(tx, user)?.expect("there").0))
                })
                .expect("created")
            })
            .collect();
        Self {
            _keep: directory,
            db,
            mentor: mentor.number,
            mentor_id: mentor.id,
            mentor_user: mentor.user,
            mentees,
            rules,
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.db.clock().now()
    }

    pub(super) fn pass(&self, time: chrono::TimeDelta) {
        self.db.clock().advance(time);
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> T {
        self.db.read_here(work).expect("read")
    }

    pub(super) fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.db.write_here(work)
    }

    fn asks(user: UserId, is_staff: bool) -> Asker {
        Asker { user, is_staff, actor: Actor::user(user, "test") }
    }

    pub(super) fn mentor_asks(&self) -> Asker {
        Self::asks(self.mentor_user, false)
    }

    pub(super) fn mentee_asks(&self, mentee: usize) -> Asker {
        Self::asks(self.mentees[mentee].0, false)
    }

    pub(super) fn staff_asks() -> Asker {
        Self::asks(UserId::random(), true)
    }

    /// Opens a slot of half an hour, so many hours from now.
    pub(super) fn slot(&self, hour: i64, capacity: u32) -> SlotId {
        let starts_at = self.now().plus_seconds(hour * 3_600);
        let ends_at = starts_at.plus_seconds(1_800);
        let new = NewSlot { starts_at, ends_at, capacity, location: "virtual".to_owned() };
        self.write(|tx| slots::open(tx, &self.mentor_asks(), self.mentor, &[new])).expect("opened")[0].id
    }

    pub(super) fn ask(slot: SlotId) -> Ask {
        Ask {
            wanted: Wanted::Slot(slot, None),
            notes: "About prices".to_owned(),
            request_key: None,
            on_behalf_of: None,
        }
    }

    pub(super) fn book(&self, mentee: usize, slot: SlotId) -> Result<Session> {
        let by = self.mentee_asks(mentee);
        self.write(|tx| book(tx, &self.rules, &by, &Self::ask(slot))).map(|booked| booked.session)
    }

    pub(super) fn edit(&self, edit: Edit) {
        self.write(|tx| {
            let mentor = mentors::by_number(tx, self.mentor)?.expect("there");
            mentors::change(tx, &Actor::nobody("test"), mentor, None, edit)
        })
        .expect("changed");
    }

    pub(super) fn set_cap(&self, cap: u32) {
        self.edit(Edit { load_cap_per_week: Patch::Set(cap), ..Edit::default() });
    }

    pub(super) fn limit(&self) {
        self.edit(Edit { visibility: Patch::Set(Visibility::Limited), ..Edit::default() });
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T>) -> &'static str {
    outcome.expect_err("refused").code
}

#[test]
fn a_seat_is_taken_at_once_and_the_rest_of_the_world_hears_of_it() {
    let house = House::new();
    let slot = house.slot(24, 2);
    let session = house.book(0, slot).expect("booked");
    assert_eq!((session.status, session.seat_no, session.version, session.sequence), (Status::Booked, 1, 1, 0));
    assert_eq!((session.mentor.name.as_str(), session.mentee.name.as_str()), ("Ada", "Bo 0"));
    let room = session.meeting_url.expect("a place to meet");
    assert!(room.starts_with("https://meet.jit.si/tandem-") && room.len() > 50, "{room}");
    assert_eq!(code(house.book(0, slot)), "already_booked");
    let second = house.book(1, slot).expect("the other seat");
    assert_eq!((second.seat_no, second.meeting_url.as_deref()), (2, Some(room.as_str())), "one slot, one room");
    assert_eq!(code(house.book(2, slot)), "slot_taken");
    let kinds = house.read(crate::audit::kinds);
    assert!(kinds.contains(&"session.booked".to_owned()), "{kinds:?}");
}

#[test]
fn every_reason_not_to_book_has_its_name() {
    let house = House::new();
    let (soon, later, same_time) = (house.slot(1, 1), house.slot(24, 1), house.slot(48, 1));
    let own = house.mentor_asks();
    let book_with = |by: &Asker, ask: Ask| house.write(|tx| book(tx, &house.rules, by, &ask));
    let mentee = house.mentee_asks(0);
    assert_eq!(code(house.book(0, soon)), "too_soon");
    assert_eq!(code(house.book(0, SlotId::random())), "slot_unknown");
    assert_eq!(code(book_with(&own, House::ask(later))), "mentee_unknown");
    let named = |mentor| Ask { wanted: Wanted::Slot(later, Some(mentor)), ..House::ask(later) };
    assert_eq!(code(book_with(&mentee, named(MentorId::random()))), "mentor_unknown");
    let times = |starts_at: Moment, ends_at| Ask {
        wanted: Wanted::Times(house.mentor_id, starts_at, ends_at),
        ..House::ask(later)
    };
    let day = house.now().plus_days(1);
    assert_eq!(code(book_with(&mentee, times(day, day.plus_seconds(1_799)))), "slot_unknown");
    let long = Ask { notes: "x".repeat(5_001), ..House::ask(later) };
    assert!(book_with(&mentee, long).expect_err("too long").fields.contains_key("notes"));
    let behalf = Ask { on_behalf_of: Some(house.mentees[1].0), ..House::ask(later) };
    assert_eq!(code(book_with(&mentee, behalf.clone())), "forbidden");
    assert_eq!(book_with(&House::staff_asks(), behalf).expect("staff may").session.mentee.user, house.mentees[1].0);
    let key = Ask { request_key: Some("two words".to_owned()), ..House::ask(later) };
    assert!(book_with(&mentee, key).expect_err("no key").fields.contains_key("Idempotency-Key"));
    house.set_cap(1);
    assert_eq!(code(house.book(0, same_time)), "weekly_cap");
    house.set_cap(5);
    house.edit(Edit { paused_until: Patch::Set(house.now().plus_days(9)), ..Edit::default() });
    assert_eq!(code(house.book(0, same_time)), "mentor_paused");
    house.edit(Edit { paused_until: Patch::Clear, visibility: Patch::Set(Visibility::Private), ..Edit::default() });
    assert_eq!(code(house.book(0, same_time)), "mentor_unknown");
    house.edit(Edit { visibility: Patch::Set(Visibility::Public), ..Edit::default() });
    house.pass(chrono::TimeDelta::days(3));
    assert_eq!(code(house.book(0, same_time)), "in_past");
}

#[test]
fn a_mentor_cannot_sit_in_their_own_slot_nor_in_two_places() {
    let house = House::new();
    house
        .write(|tx| {
            mentees::set(
                tx,
                &Actor::nobody("test"),
                house.mentor_user,
                &mentees::Mentee { stage: "Seed".into(), ..mentees::Mentee::default() },
            )
        })
        .expect("a mentee too");
    let slot = house.slot(24, 2);
    let own = house.write(|tx| book(tx, &house.rules, &house.mentor_asks(), &House::ask(slot)));
    assert_eq!(code(own), "own_slot");
    // Cy offers the same hour; whoever mentors then cannot sit there.
    let cy = house
        .write(|tx| {
            let edit = Edit { email: Some("cy@example.org".into()), name: Some("Cy".into()), ..Edit::default() };
            let put = mentors::put(tx, &Actor::nobody("test"), "rec2", edit)?;
            let starts_at = house.now().plus_days(1);
            open_slot(tx, put.number, starts_at, starts_at.plus_seconds(1_800))
        })
        .expect("opened");
    house.book(0, slot).expect("booked");
    assert_eq!(code(house.write(|tx| book(tx, &house.rules, &house.mentor_asks(), &House::ask(cy)))), "mentee_busy");
    assert_eq!(code(house.book(0, cy)), "mentee_busy");
}

#[test]
fn the_same_request_gives_the_first_session_back_and_no_second_letter() {
    let house = House::new();
    let slot = house.slot(24, 5);
    let ask = Ask { request_key: Some("k1".to_owned()), ..House::ask(slot) };
    let book = || house.write(|tx| book(tx, &house.rules, &house.mentee_asks(0), &ask)).expect("booked");
    let first = book();
    let n_letters = house.read(crate::mail::depth).queued;
    let cancelled = house
        .write(|tx| cancel(tx, &house.rules, &house.mentee_asks(0), first.session.id, "changed my mind"))
        .expect("cancelled");
    assert!(first.is_new);
    for _ in 0..3 {
        let again = book();
        assert_eq!((again.is_new, again.session.id, again.session.status), (false, first.session.id, cancelled.status));
    }
    assert_eq!(n_letters, 2, "one each");
    assert_eq!(house.read(crate::mail::depth).queued, 4, "and one each for the cancellation");
}

#[test]
fn a_request_holds_its_seat_until_it_is_answered_or_runs_out() {
    let house = House::new();
    house.limit();
    let slot = house.slot(100, 1);
    let asked = house.book(0, slot).expect("asked");
    assert_eq!((asked.status, asked.expires_at), (Status::Pending, Some(house.now().plus_days(2))));
    assert_eq!(code(house.book(1, slot)), "slot_taken");
    assert_eq!(code(house.write(|tx| accept(tx, &house.rules, &house.mentee_asks(0), asked.id))), "forbidden");
    house.pass(chrono::TimeDelta::hours(49));
    assert_eq!(code(house.write(|tx| accept(tx, &house.rules, &house.mentor_asks(), asked.id))), "not_pending");
    let other = house.book(1, slot).expect("the seat is free again");
    let gone = house.read(|tx| session(tx, &house.mentor_asks(), asked.id));
    assert_eq!((gone.status, gone.cancelled_by.as_deref()), (Status::Cancelled, Some("expired")));
    let accepted = house.write(|tx| accept(tx, &house.rules, &house.mentor_asks(), other.id)).expect("accepted");
    assert_eq!((accepted.status, accepted.expires_at), (Status::Booked, None));
    assert_eq!(code(house.write(|tx| accept(tx, &house.rules, &house.mentor_asks(), other.id))), "not_pending");
}

#[test]
fn a_mentee_has_so_many_requests_open_and_a_declined_one_is_none() {
    let house = House::new();
    house.limit();
    house.set_cap(50);
    let slots: Vec<SlotId> = (0..6).map(|n| house.slot(100 + n, 1)).collect();
    let asked: Vec<Session> = slots[..5].iter().map(|slot| house.book(0, *slot).expect("asked")).collect();
    assert_eq!(code(house.book(0, slots[5])), "too_many_requests");
    let until = house.now().plus_days(30);
    let decline = |id| house.write(|tx| decline(tx, &house.rules, &house.mentor_asks(), id, "", Some(until)));
    let declined = decline(asked[0].id).expect("declined");
    assert_eq!((declined.status, declined.cancelled_by.as_deref()), (Status::Cancelled, Some("mentor")));
    assert_eq!(code(house.book(0, slots[5])), "mentor_paused");
}

#[test]
fn calling_off_frees_the_seat_and_keeps_to_the_notice() {
    let house = House::new();
    let slot = house.slot(24, 1);
    let booked = house.book(0, slot).expect("booked");
    let cancel = |by: &Asker, reason: &str| house.write(|tx| cancel(tx, &house.rules, by, booked.id, reason));
    assert!(cancel(&house.mentee_asks(0), "  ").expect_err("why?").fields.contains_key("reason"));
    assert_eq!(code(cancel(&house.mentee_asks(1), "not mine")), "session_unknown");
    house.pass(chrono::TimeDelta::hours(13));
    assert_eq!(code(cancel(&house.mentee_asks(0), "late")), "notice_passed");
    let off = cancel(&house.mentor_asks(), "ill").expect("the mentor may");
    assert_eq!((off.cancelled_by.as_deref(), off.sequence, off.version), (Some("mentor"), 1, 2));
    assert_eq!(code(cancel(&house.mentor_asks(), "ill")), "not_active");
    house.book(1, slot).expect("free at once");
}

#[test]
fn a_moved_session_is_the_same_one_at_another_time() {
    let house = House::new();
    house.set_cap(1);
    let (from, to, next_week) = (house.slot(24, 1), house.slot(26, 1), house.slot(24 * 8, 1));
    let booked = house.book(0, from).expect("booked");
    let go = |to, by: &Asker| house.write(|tx| reschedule(tx, &house.rules, by, booked.id, &Wanted::Slot(to, None)));
    assert_eq!(code(go(from, &house.mentee_asks(0))), "same_slot");
    assert_eq!(code(go(to, &house.mentee_asks(1))), "session_unknown");
    let moved = go(to, &house.mentee_asks(0)).expect("a full week does not count the session itself");
    assert_eq!((moved.id, moved.slot, moved.sequence), (booked.id, Some(to), 1));
    house.set_cap(2);
    house.book(1, from).expect("the old seat is free");
    house.book(2, next_week).expect("booked");
    assert_eq!(code(go(next_week, &house.mentee_asks(0))), "slot_taken");
    house.pass(chrono::TimeDelta::days(2));
    assert_eq!(code(go(next_week, &house.mentee_asks(0))), "already_started");
}

#[test]
fn how_it_went_is_said_afterwards_and_taken_back_by_staff() {
    let house = House::new();
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    let staff = House::staff_asks();
    let complete = |by: &Asker| house.write(|tx| complete(tx, &house.rules, by, booked.id));
    let missed = |by: &Asker, party| house.write(|tx| no_show(tx, &house.rules, by, booked.id, party));
    assert_eq!(code(complete(&house.mentor_asks())), "not_started");
    house.pass(chrono::TimeDelta::hours(25));
    assert_eq!(code(complete(&house.mentee_asks(0))), "forbidden");
    assert_eq!(code(missed(&house.mentee_asks(0), Party::Mentee)), "forbidden");
    let said = missed(&house.mentee_asks(0), Party::Mentor).expect("the mentor did not come");
    assert_eq!((said.status, said.no_show_party), (Status::NoShow, Some(Party::Mentor)));
    assert_eq!(code(complete(&house.mentor_asks())), "not_booked");
    assert_eq!(code(house.write(|tx| undo(tx, &house.rules, &house.mentor_asks(), booked.id))), "forbidden");
    let back = house.write(|tx| undo(tx, &house.rules, &staff, booked.id)).expect("taken back");
    assert_eq!((back.status, back.no_show_party), (Status::Booked, None));
    assert_eq!(complete(&house.mentor_asks()).expect("held").status, Status::Completed);
}

#[test]
fn what_took_place_can_be_taken_back_whatever_was_changed_since() {
    let house = House::new();
    let (first, second) = (house.slot(24, 1), house.slot(25, 1));
    let held = house.book(0, first).expect("booked");
    house.book(1, second).expect("booked");
    house.pass(chrono::TimeDelta::hours(30));
    house.write(|tx| complete(tx, &house.rules, &house.mentor_asks(), held.id)).expect("held");
    house.write(|tx| slots::withdraw(tx, &house.rules, &house.mentor_asks(), first, false)).expect("withdrawn");
    house.set_cap(1);
    house.write(|tx| Ok(tx.execute_batch("update mentors set buffer_minutes = 480")?)).expect("changed");
    let back = house.write(|tx| undo(tx, &house.rules, &House::staff_asks(), held.id)).expect("taken back");
    assert_eq!((back.status, back.slot), (Status::Booked, None));
}

#[test]
fn whoever_leaves_calls_off_what_is_to_come() {
    let house = House::new();
    let held = house.book(0, house.slot(24, 1)).expect("booked");
    house.pass(chrono::TimeDelta::hours(30));
    let coming = house.book(0, house.slot(24, 1)).expect("booked");
    let n = house
        .write(|tx| {
            cancel_all_of(tx, &house.rules, &House::staff_asks(), house.mentees[0].0, "The account was closed.")
        })
        .expect("called off");
    assert_eq!(n, 1);
    let state = |id| house.read(|tx| session(tx, &house.mentor_asks(), id)).status;
    assert_eq!((state(held.id), state(coming.id)), (Status::Booked, Status::Cancelled));
}

#[test]
fn whatever_the_code_does_the_schema_refuses_what_must_not_be() {
    let house = House::new();
    house.set_cap(2);
    let (slot, touching, next_day) = (house.slot(24, 1), house.slot(25, 1), house.slot(48, 1));
    let booked = house.book(0, slot).expect("booked");
    let sql = |statement: &str| {
        let refusal = house.write(|tx| Ok(tx.execute_batch(statement)?)).expect_err(statement);
        refusal.cause().unwrap_or_default()
    };
    let raw = |id: u8, slot: SlotId, seat: u32, mentee: usize| {
        format!(
            "insert into office_sessions (id, mentor_number, mentee_id, slot_id, seat_no, starts_at, ends_at, week_key,
                 created_at, updated_at)
             select '{id}', mentor_number, '{}', id, {seat}, starts_at, ends_at, week_key, 0, 0
             from availability where id = '{slot}'",
            house.mentees[mentee].1
        )
    };
    assert!(sql(&raw(1, slot, 1, 1)).contains("seat_no"), "the same seat");
    assert!(sql(&raw(1, slot, 2, 1)).contains("no_such_seat"), "beyond the capacity");
    assert!(sql(&raw(1, slot, 0, 1)).contains("no_such_seat"));
    assert!(sql(&format!("delete from availability where id = '{slot}'")).contains("slot_in_use"));
    assert!(
        sql(&format!("update availability set ends_at = ends_at + 60 where id = '{slot}'")).contains("slot_in_use")
    );
    assert!(
        sql(&format!("update availability set ends_at = ends_at + 7200 where id = '{slot}'")).contains("slot_overlaps")
    );
    let moved = format!("update office_sessions set starts_at = starts_at + 60 where id = '{}'", booked.id);
    assert!(sql(&moved).contains("no_such_seat"), "a seat is of its slot");
    house.write(|tx| Ok(tx.execute_batch("update mentors set buffer_minutes = 45")?)).expect("changed");
    assert!(sql(&raw(1, touching, 1, 1)).contains("slot_taken"), "within the buffer");
    assert_eq!(code(house.book(1, touching)), "slot_taken");
    house.write(|tx| Ok(tx.execute_batch(&raw(1, next_day, 1, 1))?)).expect("a second of two");
    let third = house.slot(72, 1);
    assert!(sql(&raw(2, third, 1, 2)).contains("weekly_cap"));
    house.set_cap(3);
    assert!(
        sql(&raw(2, third, 1, 2).replace(&house.mentees[2].1.to_string(), &MenteeId::random().to_string()))
            .contains("FOREIGN KEY")
    );
    house.write(|tx| Ok(tx.execute_batch(&raw(2, third, 1, 2))?)).expect("a third of three");
    let overlapping = format!(
        "insert into availability (id, mentor_number, starts_at, ends_at, created_at)
         select 'x', mentor_number, starts_at + 60, ends_at, 0 from availability where id = '{third}'"
    );
    assert!(sql(&overlapping).contains("slot_overlaps"));
}

#[test]
fn a_session_that_never_stood_is_none_between_two_people() {
    let house = House::new();
    let stood = |mentee: usize| house.read(|tx| have_session(tx, house.mentor_user, house.mentees[mentee].0));
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    assert!(stood(0) && !stood(1));
    assert!(!house.read(|tx| have_session(tx, house.mentees[0].0, house.mentor_user)), "not the other way round");
    house.write(|tx| cancel(tx, &house.rules, &house.mentor_asks(), booked.id, "ill")).expect("cancelled");
    assert!(!stood(0));
    house.limit();
    house.book(1, house.slot(30, 1)).expect("asked");
    assert!(!stood(1));
}

#[test]
fn what_nobody_took_is_withdrawn_and_what_somebody_took_stays() {
    let house = House::new();
    let (taken, freed, _) = (house.slot(24, 1), house.slot(25, 1), house.slot(26, 1));
    house.book(0, taken).expect("booked");
    let off = house.book(1, freed).expect("booked");
    house.write(|tx| cancel(tx, &house.rules, &house.mentor_asks(), off.id, "ill")).expect("cancelled");
    house.write(|tx| withdraw_offers(tx, house.mentor_user)).expect("withdrawn");
    let left = house.read(|tx| slots::all(tx, house.mentor, house.now(), house.now().plus_days(9)));
    assert_eq!(left.iter().map(|slot| slot.id).collect::<Vec<_>>(), [taken]);
    let all = SessionFilter { is_everybodys: true, ..SessionFilter::default() };
    assert_eq!(house.read(|tx| sessions(tx, &House::staff_asks(), &all, 10)).len(), 2, "sessions stay");
}

#[test]
fn lists_show_what_is_asked_for_and_only_ones_own() {
    let house = House::new();
    let first = house.book(0, house.slot(24, 1)).expect("booked");
    let second = house.book(1, house.slot(26, 1)).expect("booked");
    let list = |by: &Asker, filter: SessionFilter| -> Vec<SessionId> {
        house.read(|tx| sessions(tx, by, &filter, 10)).iter().map(|it| it.id).collect()
    };
    assert_eq!(list(&house.mentor_asks(), SessionFilter::default()), [second.id, first.id], "newest start first");
    let greedy = SessionFilter { is_everybodys: true, ..SessionFilter::default() };
    assert_eq!(list(&house.mentee_asks(0), greedy.clone()), [first.id], "only staff sees those of others");
    assert_eq!(list(&House::staff_asks(), greedy).len(), 2);
    let cancelled = SessionFilter { statuses: vec![Status::Cancelled], ..SessionFilter::default() };
    assert!(list(&house.mentor_asks(), cancelled).is_empty());
    let of_second = SessionFilter { mentee: Some(house.mentees[1].1), ..SessionFilter::default() };
    assert_eq!(list(&house.mentor_asks(), of_second), [second.id]);
    let later = SessionFilter { from: Some(second.starts_at), ..SessionFilter::default() };
    assert_eq!(list(&house.mentor_asks(), later), [second.id]);
    let earlier = SessionFilter { to: Some(second.starts_at), ..SessionFilter::default() };
    assert_eq!(list(&house.mentor_asks(), earlier), [first.id]);
}

#[test]
fn each_takes_along_what_is_theirs_and_no_words_that_were_kept_back() {
    let house = House::new();
    let booked = house.book(0, house.slot(24, 1)).expect("booked");
    house.pass(chrono::TimeDelta::hours(25));
    house.write(|tx| complete(tx, &house.rules, &house.mentor_asks(), booked.id)).expect("held");
    house
        .write(|tx| {
            feedback::give(tx, &house.mentee_asks(0), booked.id, 5, "Shared words", true)?;
            feedback::give(tx, &house.mentor_asks(), booked.id, 2, "Words kept back", false)
        })
        .expect("said");
    let of = |user| house.read(|tx| holdings(tx, user));
    let (mentors, mentees) = (of(house.mentor_user), of(house.mentees[0].0));
    assert_eq!(mentors["sessions"][0]["as"], "mentor");
    assert_eq!(mentors["sessions"][0]["with"], "Bo 0");
    assert_eq!(mentors["availability"].as_array().map(Vec::len), Some(1));
    assert_eq!(mentors["feedbackGiven"][0]["comment"], "Words kept back");
    assert_eq!(mentors["feedbackReceived"][0]["comment"], "Shared words");
    assert_eq!(mentees["sessions"][0]["with"], "Ada");
    assert_eq!(mentees["feedbackGiven"][0]["comment"], "Shared words");
    assert_eq!(mentees["feedbackReceived"], serde_json::json!([]));
    assert_eq!(mentees["availability"], serde_json::json!([]));
}
