//! Booking against a plain model in memory: random sequences of everything that mentors, mentees and staff do, where
//! the model says beforehand what must come of each step, and what the picker shows is what can be booked.

use chrono::{TimeDelta, Weekday};
use proptest::prelude::*;
use tandem::accounts::mentees;
use tandem::audit::Actor;
use tandem::booking::hours::{self, Hours, Window};
use tandem::booking::slots::{self, NewSlot, SlotChange};
use tandem::booking::{self, Ask, Asker, Party, SessionFilter, Status, Wanted, watch};
use tandem::error::Result;
use tandem::ids::{SessionId, SlotId, UserId};
use tandem::mentors::Visibility;

use crate::office::{Office, asker, refusal, rounds};

/// One thing that somebody does. Numbers name one of what there is, by its place, counted round.
#[derive(Clone, Debug)]
enum Step {
    Open { mentor: usize, half_hours: i64, length: i64, capacity: u32 },
    Change { slot: usize, capacity: u32 },
    Withdraw { slot: usize, cancels: bool },
    Hours { mentor: usize, from: u16, capacity: u32, buffer: u32, notice: u32 },
    Pass { hours: i64 },
    Pause { mentor: usize, days: i64 },
    Book { mentee: usize, slot: usize },
    Move { session: usize, slot: usize, by: Party },
    Cancel { session: usize, by: Party },
    Accept { session: usize },
    Decline { session: usize, pauses: bool },
    Complete { session: usize },
    Missed { session: usize },
    Undo { session: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = 0_usize..64;
    let mentor = 0_usize..2;
    let by = prop_oneof![Just(Party::Mentee), Just(Party::Mentor)];
    let step = prop_oneof![
        6 => (mentor.clone(), -1_i64..120, prop_oneof![Just(1_800_i64), Just(5_400)], 1_u32..4)
            .prop_map(|(mentor, half_hours, length, capacity)| Step::Open { mentor, half_hours, length, capacity }),
        2 => (place.clone(), 1_u32..4).prop_map(|(slot, capacity)| Step::Change { slot, capacity }),
        1 => (place.clone(), any::<bool>()).prop_map(|(slot, cancels)| Step::Withdraw { slot, cancels }),
        2 => (mentor.clone(), 0_u16..20, 1_u32..3, 0_u32..3, 0_u32..3).prop_map(
            |(mentor, from, capacity, buffer, notice)| Step::Hours { mentor, from, capacity, buffer, notice }
        ),
        2 => (1_i64..40).prop_map(|hours| Step::Pass { hours }),
        1 => (mentor, 0_i64..3).prop_map(|(mentor, days)| Step::Pause { mentor, days }),
        14 => (place.clone(), place.clone()).prop_map(|(mentee, slot)| Step::Book { mentee, slot }),
        4 => (place.clone(), place.clone(), by.clone()).prop_map(|(session, slot, by)| Step::Move { session, slot, by }),
        2 => (place.clone(), by).prop_map(|(session, by)| Step::Cancel { session, by }),
        2 => place.clone().prop_map(|session| Step::Accept { session }),
        1 => (place.clone(), any::<bool>()).prop_map(|(session, pauses)| Step::Decline { session, pauses }),
        2 => place.clone().prop_map(|session| Step::Complete { session }),
        1 => place.clone().prop_map(|session| Step::Missed { session }),
        1 => place.prop_map(|session| Step::Undo { session }),
    ];
    proptest::collection::vec(step, 20..41)
}

/// A mentor as the model knows them.
#[derive(Clone, Debug)]
struct Host {
    user: UserId,
    is_limited: bool,
    cap: usize,
    buffer: i64,
    notice: i64,
    paused_until: i64,
}

#[derive(Clone, Debug, PartialEq)]
struct Offered {
    id: SlotId,
    mentor: usize,
    starts: i64,
    ends: i64,
    capacity: u32,
}

#[derive(Clone, Debug)]
struct Met {
    id: SessionId,
    mentor: usize,
    mentee: usize,
    slot: Option<SlotId>,
    starts: i64,
    ends: i64,
    status: Status,
    expires: Option<i64>,
}

/// What there is, in the plainest words.
struct Model {
    now: i64,
    hosts: Vec<Host>,
    guests: Vec<UserId>,
    slots: Vec<Offered>,
    sessions: Vec<Met>,
}

fn week(at: i64) -> i64 {
    // 1 January 1970 was a Thursday.
    (at.div_euclid(86_400) + 3).div_euclid(7)
}

impl Model {
    fn active(&self) -> impl Iterator<Item = &Met> {
        self.sessions.iter().filter(|it| it.status.is_active())
    }

    fn n_taken(&self, slot: SlotId) -> usize {
        self.active().filter(|it| it.slot == Some(slot)).count()
    }

    /// Whether a person is in another session then, on either side.
    fn is_busy(&self, user: UserId, (starts, ends): (i64, i64), except: Option<SessionId>) -> bool {
        self.active()
            .filter(|it| Some(it.id) != except && it.starts < ends && starts < it.ends)
            .any(|it| self.guests[it.mentee] == user || self.hosts[it.mentor].user == user)
    }

    /// Whether the mentor is elsewhere, their buffer included, or sits with somebody else.
    fn is_crowded(&self, slot: &Offered, except: Option<SessionId>) -> bool {
        let host = &self.hosts[slot.mentor];
        self.active().filter(|it| Some(it.id) != except).any(|it| {
            let is_elsewhere = it.mentor == slot.mentor
                && it.slot != Some(slot.id)
                && it.starts < slot.ends + host.buffer
                && slot.starts < it.ends + host.buffer;
            let is_guest = self.guests[it.mentee] == host.user && it.starts < slot.ends && slot.starts < it.ends;
            is_elsewhere || is_guest
        })
    }

    fn is_week_full(&self, slot: &Offered, except: Option<SessionId>) -> bool {
        let mut starts: Vec<i64> = self
            .sessions
            .iter()
            .filter(|it| it.mentor == slot.mentor && it.status != Status::Cancelled && Some(it.id) != except)
            .filter(|it| week(it.starts) == week(slot.starts) && it.starts != slot.starts)
            .map(|it| it.starts)
            .collect();
        starts.sort_unstable();
        starts.dedup();
        starts.len() >= self.hosts[slot.mentor].cap
    }

    fn is_late(&self, slot: &Offered, is_bound: bool) -> std::result::Result<(), &'static str> {
        let host = &self.hosts[slot.mentor];
        match () {
            () if slot.starts <= self.now => Err("in_past"),
            () if is_bound && slot.starts - host.notice <= self.now => Err("too_soon"),
            () if is_bound && host.paused_until > self.now => Err("mentor_paused"),
            () => Ok(()),
        }
    }

    /// What must come of booking.
    fn book(&self, mentee: usize, slot: &Offered) -> std::result::Result<Status, &'static str> {
        let (host, guest) = (&self.hosts[slot.mentor], self.guests[mentee]);
        self.is_late(slot, true)?;
        let n_pending = self.active().filter(|it| it.mentee == mentee && it.status == Status::Pending).count();
        match () {
            () if host.user == guest => Err("own_slot"),
            () if self.active().any(|it| it.mentee == mentee && it.slot == Some(slot.id)) => Err("already_booked"),
            () if self.n_taken(slot.id) >= slot.capacity as usize || self.is_crowded(slot, None) => Err("slot_taken"),
            () if self.is_week_full(slot, None) => Err("weekly_cap"),
            () if self.is_busy(guest, (slot.starts, slot.ends), None) => Err("mentee_busy"),
            () if host.is_limited && n_pending >= 5 => Err("too_many_requests"),
            () => Ok(if host.is_limited { Status::Pending } else { Status::Booked }),
        }
    }

    /// Whether a session may still be called off or moved.
    fn is_changeable(&self, session: &Met, by: Party) -> std::result::Result<(), &'static str> {
        let is_late = session.starts < self.now + 12 * 3_600;
        match () {
            () if !session.status.is_active() => Err("not_active"),
            () if session.starts <= self.now => Err("already_started"),
            () if is_late && session.status == Status::Booked && by == Party::Mentee => Err("notice_passed"),
            () => Ok(()),
        }
    }

    /// What must come of moving.
    fn moved(&self, session: &Met, slot: &Offered, by: Party) -> std::result::Result<(), &'static str> {
        self.is_changeable(session, by)?;
        if slot.mentor != session.mentor {
            return Err("slot_unknown");
        }
        if session.slot == Some(slot.id) {
            return Err("same_slot");
        }
        self.is_late(slot, by == Party::Mentee)?;
        let (guest, except) = (self.guests[session.mentee], Some(session.id));
        let is_there = self.active().any(|it| it.mentee == session.mentee && it.slot == Some(slot.id));
        match () {
            () if is_there => Err("already_booked"),
            () if self.is_busy(guest, (slot.starts, slot.ends), except) => Err("mentee_busy"),
            () if self.n_taken(slot.id) >= slot.capacity as usize => Err("slot_taken"),
            () if self.is_crowded(slot, except) => Err("slot_taken"),
            () if self.is_week_full(slot, except) => Err("weekly_cap"),
            () => Ok(()),
        }
    }

    fn answer_by(&self, slot: &Offered) -> i64 {
        (self.now + 48 * 3_600).min(slot.starts)
    }
}

/// The real thing and its model, side by side.
struct Pair {
    office: Office,
    model: Model,
}

/// Compares what was foretold with what came.
fn agree<T>(foretold: std::result::Result<(), &'static str>, came: Result<T>, when: &str) -> Option<T> {
    match (foretold, came) {
        (Ok(()), Ok(done)) => Some(done),
        (foretold, Err(refused)) => {
            let code = refused.code;
            refusal::<()>(Err(refused), when);
            assert_eq!(Err(code), foretold, "{when}");
            None
        }
        (Err(code), Ok(_)) => panic!("was done, but must be refused as {code}: {when}"),
    }
}

impl Pair {
    /// Cy, the second mentor, is a mentee too: the last of them.
    fn new(caps: [u32; 2], is_limited: [bool; 2]) -> Self {
        let mut office = Office::new(4);
        let cy = office.mentors[1].1;
        let profile = mentees::Mentee { stage: "Seed".to_owned(), ..mentees::Mentee::default() };
        let made = office.write(|tx| {
            mentees::set(tx, &Actor::nobody("test"), cy, &profile)?;
            mentees::of_user(tx, cy)
        });
        office.mentees.push((cy, made.expect("made").expect("a mentee").0));
        let mut hosts = Vec::new();
        for (at, (_, user)) in office.mentors.iter().enumerate() {
            let visibility = if is_limited[at] { Visibility::Limited } else { Visibility::Public };
            office.settle(at, visibility, caps[at]);
            let now = office.read(|tx| hours::hours(tx, office.mentors[at].0));
            let [buffer, notice] = [now.buffer_minutes, now.min_notice_minutes].map(|it| i64::from(it) * 60);
            let (is_limited, cap) = (is_limited[at], caps[at] as usize);
            hosts.push(Host { user: *user, is_limited, cap, buffer, notice, paused_until: 0 });
        }
        let guests = office.mentees.iter().map(|(user, _)| *user).collect();
        let now = office.now().unix();
        Self { office, model: Model { now, hosts, guests, slots: Vec::new(), sessions: Vec::new() } }
    }

    fn take(&mut self, step: &Step, when: &str) {
        match *step {
            Step::Open { mentor, half_hours, length, capacity } => {
                self.open(mentor, half_hours, length, capacity, when);
            }
            Step::Change { slot, capacity } => self.change(slot, capacity, when),
            Step::Withdraw { slot, cancels } => self.withdraw(slot, cancels, when),
            Step::Hours { mentor, from, capacity, buffer, notice } => {
                self.set_hours(mentor, (from, capacity), (buffer * 15, notice * 60), when);
            }
            Step::Pass { hours } => self.pass(hours),
            Step::Pause { mentor, days } => self.pause(mentor, days),
            Step::Book { mentee, slot } => self.book(mentee, slot, when),
            Step::Move { session, slot, by } => self.reschedule(session, slot, by, when),
            Step::Cancel { session, .. }
            | Step::Accept { session }
            | Step::Decline { session, .. }
            | Step::Complete { session }
            | Step::Missed { session }
            | Step::Undo { session } => self.close(session, step, when),
        }
    }

    fn open(&mut self, mentor: usize, half_hours: i64, length: i64, capacity: u32, when: &str) {
        let starts_at = self.office.now().plus_seconds(half_hours * 1_800);
        let ends_at = starts_at.plus_seconds(length);
        let (starts, ends) = (starts_at.unix(), ends_at.unix());
        let is_free = |it: &Offered| it.mentor != mentor || it.starts >= ends || it.ends <= starts;
        let foretold = match () {
            () if half_hours <= 0 => Err("invalid"),
            () if !self.model.slots.iter().all(is_free) => Err("slot_overlaps"),
            () => Ok(()),
        };
        let new = NewSlot { starts_at, ends_at, capacity, location: "virtual".to_owned() };
        let (number, by) = (self.office.mentors[mentor].0, self.office.mentor_asks(mentor));
        let came = self.office.write(|tx| slots::open(tx, &by, number, &[new]));
        if let Some(opened) = agree(foretold, came, when) {
            self.model.slots.push(Offered { id: opened[0].id, mentor, starts, ends, capacity });
        }
    }

    fn slot(&self, place: usize) -> Option<Offered> {
        let n_slots = self.model.slots.len();
        (n_slots > 0).then(|| self.model.slots[place % n_slots].clone())
    }

    fn change(&mut self, slot: usize, capacity: u32, when: &str) {
        let Some(slot) = self.slot(slot) else { return };
        let foretold = match () {
            () if self.model.n_taken(slot.id) > capacity as usize => Err("slot_in_use"),
            () if slot.starts <= self.model.now => Err("invalid"),
            () => Ok(()),
        };
        let change = SlotChange { capacity: Some(capacity), ..SlotChange::default() };
        let by = self.office.mentor_asks(slot.mentor);
        let came = self.office.write(|tx| slots::change(tx, &by, slot.id, &change));
        if agree(foretold, came, when).is_some() {
            let known = self.model.slots.iter_mut().find(|it| it.id == slot.id).expect("known");
            known.capacity = capacity;
        }
    }

    fn withdraw(&mut self, slot: usize, cancels: bool, when: &str) {
        let Some(slot) = self.slot(slot) else { return };
        let n_taken = self.model.n_taken(slot.id);
        let foretold = match () {
            () if n_taken > 0 && !cancels => Err("slot_in_use"),
            () if n_taken > 0 && slot.starts <= self.model.now => Err("already_started"),
            () => Ok(()),
        };
        let by = self.office.mentor_asks(slot.mentor);
        let came = self.office.write(|tx| slots::withdraw(tx, &self.office.rules, &by, slot.id, cancels));
        if agree(foretold, came, when).is_some() {
            self.model.slots.retain(|it| it.id != slot.id);
            for session in self.model.sessions.iter_mut().filter(|it| it.slot == Some(slot.id)) {
                session.slot = None;
                if session.status.is_active() {
                    session.status = Status::Cancelled;
                }
            }
        }
    }

    /// Weekly hours may add and remove only free slots of their own; which, other tests say. The model learns them.
    fn set_hours(&mut self, mentor: usize, (from, capacity): (u16, u32), (buffer, notice): (u32, u32), when: &str) {
        let window = Window { starts: from * 60, ends: from * 60 + 120 };
        let hours = Hours {
            timezone: "UTC".to_owned(),
            session_minutes: 60,
            buffer_minutes: buffer,
            min_notice_minutes: notice,
            window_days: 10,
            capacity,
            rules: vec![(Weekday::Mon, window), (Weekday::Thu, window)],
            exceptions: Vec::new(),
        };
        let (number, by) = (self.office.mentors[mentor].0, self.office.mentor_asks(mentor));
        self.office.write(|tx| hours::set(tx, &by, number, &hours)).unwrap_or_else(|_| panic!("set: {when}"));
        let (host, now) = (&mut self.model.hosts[mentor], self.office.now());
        (host.buffer, host.notice) = (i64::from(buffer) * 60, i64::from(notice) * 60);
        let found = self.office.read(|tx| slots::all(tx, number, now.plus_days(-900), now.plus_days(900)));
        let known = |id: SlotId| self.model.slots.iter().find(|it| it.id == id);
        let mut after: Vec<Offered> = Vec::new();
        for slot in found {
            let (id, starts, ends) = (slot.id, slot.starts_at.unix(), slot.ends_at.unix());
            let it = Offered { id, mentor, starts, ends, capacity: slot.capacity };
            assert!(known(id).map_or(slot.is_from_hours && slot.n_taken == 0, |was| *was == it), "{slot:?}: {when}");
            after.push(it);
        }
        let is_here = |id: Option<SlotId>| after.iter().any(|it| Some(it.id) == id);
        for session in self.model.sessions.iter_mut().filter(|it| it.mentor == mentor && !is_here(it.slot)) {
            assert!(!session.status.is_active(), "a taken slot is gone: {when}");
            session.slot = None;
        }
        self.model.slots.retain(|it| it.mentor != mentor);
        self.model.slots.extend(after);
    }

    fn pass(&mut self, hours: i64) {
        self.office.pass(TimeDelta::hours(hours));
        self.office.write(|tx| watch::expire_requests(tx, &self.office.rules)).expect("expired");
        self.model.now = self.office.now().unix();
        let now = self.model.now;
        let is_over = |it: &&mut Met| it.status == Status::Pending && it.expires.is_some_and(|at| at <= now);
        for session in self.model.sessions.iter_mut().filter(is_over) {
            session.status = Status::Cancelled;
        }
    }

    fn pause(&mut self, mentor: usize, days: i64) {
        let until = (days > 0).then(|| self.office.now().plus_days(days));
        let (number, by) = (self.office.mentors[mentor].0, self.office.mentor_asks(mentor));
        self.office.write(|tx| hours::pause(tx, &by, number, until)).expect("paused");
        self.model.hosts[mentor].paused_until = until.map_or(0, tandem::clock::Moment::unix);
    }

    fn book(&mut self, mentee: usize, slot: usize, when: &str) {
        let (mentee, Some(slot)) = (mentee % self.model.guests.len(), self.slot(slot)) else { return };
        let foretold = self.model.book(mentee, &slot);
        let came = self.office.book(mentee, slot.id);
        let Some(booked) = agree(foretold.map(drop), came, when) else { return };
        assert_eq!(Ok(booked.session.status), foretold, "{when}");
        let is_pending = booked.session.status == Status::Pending;
        self.model.sessions.push(Met {
            id: booked.session.id,
            mentor: slot.mentor,
            mentee,
            slot: Some(slot.id),
            starts: slot.starts,
            ends: slot.ends,
            status: booked.session.status,
            expires: is_pending.then(|| self.model.answer_by(&slot)),
        });
    }

    fn session(&self, place: usize) -> Option<usize> {
        let n_sessions = self.model.sessions.len();
        (n_sessions > 0).then(|| place % n_sessions)
    }

    fn asks(&self, session: &Met, by: Party) -> Asker {
        asker(if by == Party::Mentor {
            self.model.hosts[session.mentor].user
        } else {
            self.model.guests[session.mentee]
        })
    }

    fn reschedule(&mut self, session: usize, slot: usize, by: Party, when: &str) {
        let (Some(at), Some(slot)) = (self.session(session), self.slot(slot)) else { return };
        let session = &self.model.sessions[at];
        let foretold = self.model.moved(session, &slot, by);
        let (asker, to) = (self.asks(session, by), Wanted::Slot(slot.id, None));
        let came = self.office.write(|tx| booking::reschedule(tx, &self.office.rules, &asker, session.id, &to));
        if agree(foretold, came, when).is_some() {
            let answer_by = self.model.answer_by(&slot);
            let session = &mut self.model.sessions[at];
            session.slot = Some(slot.id);
            (session.starts, session.ends) = (slot.starts, slot.ends);
            session.expires = (session.status == Status::Pending).then_some(answer_by);
        }
    }

    /// Everything that changes how a session stands.
    fn close(&mut self, session: usize, step: &Step, when: &str) {
        let Some(at) = self.session(session) else { return };
        let session = self.model.sessions[at].clone();
        let (id, rules, now) = (session.id, &self.office.rules, self.model.now);
        let (mentor, staff) = (self.asks(&session, Party::Mentor), Asker { is_staff: true, ..asker(UserId::random()) });
        let answered = if session.status == Status::Pending { Ok(()) } else { Err("not_pending") };
        let begun = match () {
            () if session.status != Status::Booked => Err("not_booked"),
            () if session.starts > now => Err("not_started"),
            () => Ok(()),
        };
        let (foretold, came) = match *step {
            Step::Cancel { by, .. } => {
                let asker = self.asks(&session, by);
                let came = self.office.write(|tx| booking::cancel(tx, rules, &asker, id, "ill"));
                (self.model.is_changeable(&session, by), came)
            }
            Step::Accept { .. } => (answered, self.office.write(|tx| booking::accept(tx, rules, &mentor, id))),
            Step::Decline { pauses, .. } => {
                let until = pauses.then(|| self.office.now().plus_days(1));
                (answered, self.office.write(|tx| booking::decline(tx, rules, &mentor, id, "no", until)))
            }
            Step::Complete { .. } => (begun, self.office.write(|tx| booking::complete(tx, rules, &mentor, id))),
            Step::Missed { .. } => {
                (begun, self.office.write(|tx| booking::no_show(tx, rules, &mentor, id, Party::Mentee)))
            }
            _ => {
                let came = self.office.write(|tx| booking::undo(tx, rules, &staff, id));
                let is_closed = matches!(session.status, Status::Completed | Status::NoShow);
                // Its seat may be gone or taken since: then the schema says so.
                let code = came.as_ref().err().map(|it| it.code);
                let is_lost = is_closed && matches!(code, Some("slot_taken" | "mentee_busy" | "weekly_cap"));
                let foretold = if is_closed { Ok(()) } else { Err("not_closed") };
                (if is_lost { Err(code.expect("lost")) } else { foretold }, came)
            }
        };
        let Some(now) = agree(foretold, came, when) else { return };
        let is_gone = matches!(step, Step::Cancel { .. } | Step::Decline { .. });
        assert_eq!(now.status == Status::Cancelled, is_gone, "{when}");
        self.model.sessions[at].status = now.status;
        if matches!(step, Step::Decline { pauses: true, .. }) {
            self.model.hosts[session.mentor].paused_until = self.office.now().plus_days(1).unix();
        }
    }

    /// The same slots, the same sessions, and a picker that shows each person just what they can book.
    fn compare(&self, when: &str) {
        self.office.check(when);
        let (office, model) = (&self.office, &self.model);
        let (from, to) = (office.now().plus_days(-900), office.now().plus_days(900));
        let everything = SessionFilter { is_everybodys: true, ..SessionFilter::default() };
        let staff = Asker { is_staff: true, ..asker(UserId::random()) };
        let mut there: Vec<_> = office
            .read(|tx| booking::sessions(tx, &staff, &everything, 1_000))
            .into_iter()
            .map(|it| (it.id.to_string(), it.status, it.slot, it.starts_at.unix()))
            .collect();
        let mut known: Vec<_> =
            model.sessions.iter().map(|it| (it.id.to_string(), it.status, it.slot, it.starts)).collect();
        there.sort_by(|a, b| a.0.cmp(&b.0));
        known.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(there, known, "{when}");
        for (mentor, (number, _)) in office.mentors.iter().enumerate() {
            let own = || model.slots.iter().filter(|it| it.mentor == mentor);
            let all = office.read(|tx| slots::all(tx, *number, from, to));
            assert_eq!(all.len(), own().count(), "{when}");
            for slot in all {
                let known = own().find(|it| it.id == slot.id).unwrap_or_else(|| panic!("{slot:?}: {when}"));
                let taken = (slot.capacity, slot.n_taken as usize);
                assert_eq!(taken, (known.capacity, model.n_taken(slot.id)), "{when}");
            }
            for (mentee, guest) in model.guests.iter().enumerate() {
                let shown = office.read(|tx| slots::bookable(tx, *number, Some(*guest), from, to));
                let mut free: Vec<&Offered> = own()
                    .filter(|slot| matches!(model.book(mentee, slot), Ok(_) | Err("too_many_requests" | "own_slot")))
                    .collect();
                free.sort_by_key(|slot| slot.starts);
                let (shown, free): (Vec<SlotId>, Vec<SlotId>) =
                    (shown.iter().map(|it| it.id).collect(), free.iter().map(|it| it.id).collect());
                // Whoever looks at their own slots sees them as others would; they are refused by name.
                assert!(
                    *guest == model.hosts[mentor].user || shown == free,
                    "{mentee} sees {shown:?} not {free:?}: {when}"
                );
            }
        }
    }

    /// Every slot that the picker shows can be booked, and no other.
    fn try_all(&self, when: &str) {
        let office = &self.office;
        let (from, to) = (office.now().plus_days(-900), office.now().plus_days(900));
        for (number, _) in &office.mentors {
            let by = office.mentee_asks(0);
            let shown = office.read(|tx| slots::bookable(tx, *number, Some(by.user), from, to));
            for slot in office.read(|tx| slots::all(tx, *number, from, to)) {
                let wanted = Wanted::Slot(slot.id, None);
                let ask = Ask { wanted, notes: String::new(), request_key: None, on_behalf_of: None };
                let code = office.db.rehearse_here(|tx| booking::book(tx, &office.rules, &by, &ask)).err();
                let code = code.map_or("", |it| it.code);
                let is_shown = shown.iter().any(|it| it.id == slot.id);
                assert_eq!(["", "too_many_requests"].contains(&code), is_shown, "{slot:?} {code}: {when}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: rounds(24, 600), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn booking_does_what_a_plain_model_says(
        caps in [1_u32..5, 1_u32..5],
        is_limited in [any::<bool>(), any::<bool>()],
        steps in steps(),
    ) {
        let mut pair = Pair::new(caps, is_limited);
        for (at, step) in steps.iter().enumerate() {
            let when = format!("step {at}, {step:?}");
            pair.take(step, &when);
            pair.compare(&when);
        }
        pair.try_all("at the end");
    }
}
