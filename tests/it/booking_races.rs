//! Many at once on the same seats: whatever wins, a seat is given away once, nobody is in two places, and everybody
//! is told once. Each race goes through two doors to one file, as two processes would.

use std::sync::Barrier;

use chrono::TimeDelta;
use tandem::booking::slots::{self, SlotChange};
use tandem::booking::{self, Wanted, hours, watch};
use tandem::db::Db;
use tandem::error::{Kind, Result};
use tandem::ids::{SessionId, SlotId};
use tandem::mentors::Visibility;

use crate::office::{Office, refusal, rounds};

/// How many ask for the same slot.
const CROWD: usize = 64;

/// Lets a crowd ask for one slot at once, through doors that are dealt round.
fn rush(office: &Office, doors: &[Db], capacity: u32) {
    office.clear();
    let slot = office.slot(0, 24, capacity);
    let start = Barrier::new(CROWD);
    let answers: Vec<Result<booking::Booked>> = std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..CROWD)
            .map(|mentee| {
                let (start, door) = (&start, &doors[mentee % doors.len()]);
                scope.spawn(move || {
                    start.wait();
                    office.book_through(door, mentee, slot)
                })
            })
            .collect();
        crowd.into_iter().map(|one| one.join().expect("it ends")).collect()
    });
    let n_won = answers.iter().filter(|answer| answer.is_ok()).count();
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!((refused.kind, refused.code), (Kind::Conflict, "slot_taken"), "{refused:?}");
    }
    assert_eq!(n_won, capacity as usize);
    assert_eq!(office.count("select count(*) from outbox"), i64::from(capacity) * 2, "one to each side");
    assert_eq!(office.count("select count(*) from jobs where kind = 'send'"), i64::from(capacity) * 2);
    office.check("a crowd");
}

#[test]
fn a_crowd_gets_as_many_seats_as_there_are() {
    let office = Office::new(CROWD);
    for capacity in [1, 5] {
        rush(&office, std::slice::from_ref(&office.db), capacity);
    }
}

#[test]
fn a_crowd_at_two_doors_gets_no_more() {
    let office = Office::new(CROWD);
    let doors = [office.db.clone(), office.second_door()];
    for capacity in [1, 5] {
        rush(&office, &doors, capacity);
    }
}

#[test]
fn the_weeks_cap_holds_when_different_slots_are_taken_at_once() {
    let office = Office::new(10);
    let doors = [office.db.clone(), office.second_door()];
    office.settle(0, Visibility::Public, 3);
    let slots: Vec<SlotId> = (0..10).map(|hour| office.slot(0, 24 + hour, 1)).collect();
    let start = Barrier::new(slots.len());
    let answers: Vec<Result<booking::Booked>> = std::thread::scope(|scope| {
        let (start, doors, office) = (&start, &doors, &office);
        let one = |(mentee, slot): (usize, &SlotId)| {
            let slot = *slot;
            scope.spawn(move || {
                start.wait();
                office.book_through(&doors[mentee % 2], mentee, slot)
            })
        };
        let all: Vec<_> = slots.iter().enumerate().map(one).collect();
        all.into_iter().map(|one| one.join().expect("it ends")).collect()
    });
    let codes: Vec<&str> = answers.iter().filter_map(|answer| answer.as_ref().err()).map(|it| it.code).collect();
    assert_eq!(codes, ["weekly_cap"; 7]);
    office.check("a full week");
}

/// What may happen to a session, its slot and its mentor while something else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Book,
    Cancel,
    Accept,
    Decline,
    Reschedule,
    Expire,
    Shrink,
    Delete,
    DeleteWithSessions,
    Pause,
}

const DEEDS: [Deed; 10] = [
    Deed::Book,
    Deed::Cancel,
    Deed::Accept,
    Deed::Decline,
    Deed::Reschedule,
    Deed::Expire,
    Deed::Shrink,
    Deed::Delete,
    Deed::DeleteWithSessions,
    Deed::Pause,
];

/// Sessions that were changed more often than anybody was told.
const UNTOLD: &str = "select count(*) from office_sessions
    where version <> (select count(distinct version) from outbox where session_id = office_sessions.id)";

/// A round: Ada offers `held`, where Bo 0 sits or has asked to, and two later slots; Cy offers the hour of the second.
struct Round<'a> {
    office: &'a Office,
    number: u32,
    session: SessionId,
    held: SlotId,
    later: [SlotId; 2],
    cys: SlotId,
}

impl<'a> Round<'a> {
    /// The rounds go through requests and bookings, one seat and two, a wide cap and a narrow one.
    fn new(office: &'a Office, number: u32) -> Self {
        office.clear();
        let is_limited = number.is_multiple_of(2);
        let visibility = if is_limited { Visibility::Limited } else { Visibility::Public };
        office.settle(0, visibility, if number / 4 % 4 == 3 { 1 } else { 5 });
        office.settle(1, Visibility::Public, 5);
        let held = office.slot(0, 200, 1 + number / 2 % 2);
        let later = [office.slot(0, 202, 1), office.slot(0, 204, 1)];
        let cys = office.slot(1, 202, 1);
        let session = office.book(0, held).expect("the first").session.id;
        Self { office, number, session, held, later, cys }
    }

    /// `side` is 0 or 1: who does it, where there are two who could.
    fn does(&self, deed: Deed, side: usize, door: &Db) -> Result<()> {
        let (office, rules) = (self.office, &self.office.rules);
        let (mentor, by_either) =
            (office.mentor_asks(0), if side == 0 { office.mentee_asks(0) } else { office.mentor_asks(0) });
        let number = office.mentors[0].0;
        match deed {
            Deed::Book => match self.number / 3 % 3 {
                0 => office.book_through(door, 1 + side, self.held).map(drop),
                1 => office.book_through(door, 1 + side, self.later[0]).map(drop),
                _ => office.book_through(door, 0, self.cys).map(drop),
            },
            Deed::Cancel => door.write_here(|tx| booking::cancel(tx, rules, &by_either, self.session, "ill").map(drop)),
            Deed::Accept => door.write_here(|tx| booking::accept(tx, rules, &mentor, self.session).map(drop)),
            Deed::Decline => {
                door.write_here(|tx| booking::decline(tx, rules, &mentor, self.session, "no time", None).map(drop))
            }
            Deed::Reschedule => {
                let to = Wanted::Slot(self.later[side], None);
                door.write_here(|tx| booking::reschedule(tx, rules, &by_either, self.session, &to).map(drop))
            }
            Deed::Expire => {
                office.pass(TimeDelta::hours(49));
                door.write_here(|tx| watch::expire_requests(tx, rules).map(drop))
            }
            Deed::Shrink => {
                let change = SlotChange { capacity: Some(1), ..SlotChange::default() };
                door.write_here(|tx| slots::change(tx, &mentor, self.held, &change).map(drop))
            }
            Deed::Delete => door.write_here(|tx| slots::withdraw(tx, rules, &mentor, self.held, false)),
            Deed::DeleteWithSessions => door.write_here(|tx| slots::withdraw(tx, rules, &mentor, self.held, true)),
            Deed::Pause => door.write_here(|tx| hours::pause(tx, &mentor, number, Some(tx.now().plus_days(30)))),
        }
    }

    /// Every seat that is free now is free for somebody else, and not one more.
    fn check_what_is_free(&self, when: &str) {
        let office = self.office;
        office.settle(0, Visibility::Public, 50);
        let mut others = 3..office.mentees.len();
        for slot in [self.held, self.later[0], self.later[1], self.cys] {
            let Some(slot) = office.read(|tx| slots::slot(tx, slot)) else { continue };
            for seat in slot.n_taken..=slot.capacity {
                let booked = office.book(others.next().expect("enough mentees"), slot.id);
                let code = booked.as_ref().err().map(|it| it.code);
                assert_eq!(code, (seat == slot.capacity).then_some("slot_taken"), "{slot:?}: {when}");
            }
        }
        office.check(when);
    }
}

#[test]
fn any_two_things_at_once_leave_the_house_in_order() {
    let office = Office::new(16);
    let doors = [office.db.clone(), office.second_door()];
    let n_rounds = rounds(8, 200);
    let mut pairs = Vec::new();
    for (at, first) in DEEDS.iter().enumerate() {
        pairs.extend(DEEDS[at..].iter().map(|second| [*first, *second]));
    }
    assert_eq!(pairs.len(), 55);
    for (at, pair) in (0..).zip(&pairs) {
        for number in 0..n_rounds {
            // Different pairs begin at different rounds, so that few rounds see every kind too.
            let round = Round::new(&office, number + at * 5);
            let when = format!("{pair:?}, round {}", round.number);
            let start = Barrier::new(2);
            let outcomes = std::thread::scope(|scope| {
                let (round, start) = (&round, &start);
                [0, 1]
                    .map(|side| {
                        let (deed, door) = (pair[side], &doors[side]);
                        scope.spawn(move || {
                            start.wait();
                            round.does(deed, side, door)
                        })
                    })
                    .map(|one| one.join().expect("it ends"))
            });
            let refused = outcomes.map(|outcome| refusal(outcome, &when)).map(|it| it.map(|it| it.code));
            let is_twice = pair[0] == pair[1] && [Deed::Accept, Deed::Decline, Deed::Cancel].contains(&pair[0]);
            assert!(!is_twice || refused.iter().any(Option::is_some), "both won: {when}");
            office.check(&format!("{when}: {refused:?}"));
            let n_untold = office.count(UNTOLD);
            assert_eq!(n_untold, 0, "a change that nobody was told of: {when}: {refused:?}");
            round.check_what_is_free(&format!("{when}: {refused:?}"));
        }
    }
}
