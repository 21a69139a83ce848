//! What falls due by itself: reminders, requests that run out, questions how it went, weekly hours that reach
//! further. Each verb may run any number of times: the table `told` knows what was told already.

mod store;

use super::letters::{self, Occasion};
use super::{Rules, Session, close, hours, read};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::SessionId;

/// Rows of a sort that one round works on; the next round takes the rest.
const MOST: u32 = 200;

/// Mentors whose hours one round lays out.
const MOST_FILLED: u32 = 20;

/// A mentor is told so many hours before a request runs out, if they had twice that time.
const WARNING_HOURS: i64 = 12;

/// How long after the end it is still asked how it went, in days.
const ASKED_DAYS: i64 = 7;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// Sessions that both sides were reminded of.
    pub reminders: u32,
    /// Requests that ran out.
    pub expired: u32,
    /// Mentors told that a request runs out soon.
    pub warned: u32,
    /// Sessions whose parties were asked how it went.
    pub feedback_asked: u32,
    /// Slots made of weekly hours.
    pub slots_made: u32,
}

/// Does everything that is due, each sort in a transaction of its own: one that fails does not keep the others from
/// their turn.
///
/// # Errors
/// The first failure, after all had their turn.
pub fn round(db: &Db, rules: &Rules) -> Result<Done> {
    let expired = db.write_here(|tx| expire_requests(tx, rules));
    let reminders = db.write_here(|tx| remind(tx, rules));
    let feedback_asked = db.write_here(|tx| ask_feedback(tx, rules));
    let slots_made = db.write_here(|tx| hours::fill_all(tx, MOST_FILLED));
    let (expired, warned) = expired?;
    Ok(Done { expired, warned, reminders: reminders?, feedback_asked: feedback_asked?, slots_made: slots_made? })
}

/// Whether a round would find anything to do: a look that costs no write.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_due(tx: &Tx<'_>, rules: &Rules) -> Result<bool> {
    for (hours, nearer) in stretches(rules) {
        if !store::to_remind(tx, hours, nearer, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(store::has_overdue(tx)?
        || !store::to_warn(tx, WARNING_HOURS, 1)?.is_empty()
        || !store::ended(tx, ASKED_DAYS, 1)?.is_empty()
        || !store::held(tx, ASKED_DAYS, 1)?.is_empty()
        || hours::is_due(tx)?)
}

/// Reminds both sides of sessions that are near; of one that is near in several ways only by the nearest.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn remind(tx: &Tx<'_>, rules: &Rules) -> Result<u32> {
    let mut n_reminded = 0;
    for (hours, nearer) in stretches(rules) {
        let found = store::to_remind(tx, hours, nearer, MOST)?;
        n_reminded += tell_all(tx, rules, found, Occasion::Reminder(hours))?;
    }
    Ok(n_reminded)
}

/// Frees what was asked for and never answered, and warns mentors before it comes to that. Returns how many of each.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn expire_requests(tx: &Tx<'_>, rules: &Rules) -> Result<(u32, u32)> {
    let n_expired = close::expire_overdue(tx, rules, None)?;
    let soon = store::to_warn(tx, WARNING_HOURS, MOST)?;
    Ok((n_expired, tell_all(tx, rules, soon, Occasion::AboutToExpire)?))
}

/// Asks mentors whether a session took place once its time is over, and both sides how it was once it has.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn ask_feedback(tx: &Tx<'_>, rules: &Rules) -> Result<u32> {
    let ended = store::ended(tx, ASKED_DAYS, MOST)?;
    let held = store::held(tx, ASKED_DAYS, MOST)?;
    Ok(tell_all(tx, rules, ended, Occasion::Ended)? + tell_all(tx, rules, held, Occasion::FeedbackWanted)?)
}

/// The hours at which to remind, rising, each with the next nearer one.
fn stretches(rules: &Rules) -> Vec<(u32, u32)> {
    let mut hours = rules.reminder_hours.clone();
    hours.sort_unstable();
    hours.dedup();
    let nearer: Vec<u32> = std::iter::once(0).chain(hours.iter().copied()).collect();
    hours.into_iter().zip(nearer).collect()
}

fn tell_all(tx: &Tx<'_>, rules: &Rules, sessions: Vec<SessionId>, occasion: Occasion) -> Result<u32> {
    let mut n_told = 0;
    for id in sessions {
        let session: Session = read::stored(tx, id)?;
        letters::tell(tx, rules, &session, occasion)?;
        store::mark(tx, id, session.version, &occasion.kind(super::Party::Mentor))?;
        n_told += 1;
    }
    Ok(n_told)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::booking::tests::House;
    use crate::booking::{Status, Wanted, accept, complete, reschedule};

    impl House {
        fn round(&self) -> Done {
            let is_due = self.read(|tx| is_due(tx, &self.rules));
            let done = round(&self.db, &self.rules).expect("done");
            assert_eq!(is_due, done != Done::default(), "{done:?}");
            assert_eq!(round(&self.db, &self.rules).expect("done"), Done::default(), "nothing is done twice");
            done
        }

        fn n_letters(&self, kind: &str) -> usize {
            let filter = crate::mail::Filter { kind: Some(kind.to_owned()), state: None };
            self.read(|tx| crate::mail::outbox(tx, &filter, None, 100)).len()
        }
    }

    #[test]
    fn both_are_reminded_a_day_and_an_hour_before_and_never_twice() {
        let house = House::new();
        let booked = house.book(0, house.slot(48, 1)).expect("booked");
        assert_eq!(house.round(), Done::default());
        house.pass(TimeDelta::hours(24));
        assert_eq!(house.round().reminders, 1);
        house.pass(TimeDelta::hours(23));
        assert_eq!(house.round().reminders, 1);
        assert_eq!((house.n_letters("session_reminder_24h"), house.n_letters("session_reminder_1h")), (2, 2));
        let later = house.slot(30, 1);
        house
            .write(|tx| reschedule(tx, &house.rules, &house.mentor_asks(), booked.id, &Wanted::Slot(later, None)))
            .expect("moved");
        assert_eq!(house.round(), Done::default());
        house.pass(TimeDelta::hours(6));
        assert_eq!(house.round().reminders, 1, "a new time is a new reason");
    }

    #[test]
    fn whoever_books_late_is_reminded_only_of_what_is_still_ahead() {
        let house = House::new();
        house.book(0, house.slot(5, 1)).expect("booked");
        assert_eq!(house.round(), Done::default(), "the confirmation has just gone");
        house.pass(TimeDelta::minutes(4 * 60 + 10));
        assert_eq!(house.round().reminders, 1);
        assert_eq!((house.n_letters("session_reminder_24h"), house.n_letters("session_reminder_1h")), (0, 2));
    }

    #[test]
    fn after_a_long_sleep_only_the_nearest_reminder_goes_out() {
        let house = House::new();
        house.book(0, house.slot(48, 1)).expect("booked");
        house.pass(TimeDelta::minutes(47 * 60 + 30));
        assert_eq!(house.round().reminders, 1);
        assert_eq!((house.n_letters("session_reminder_24h"), house.n_letters("session_reminder_1h")), (0, 2));
        house.pass(TimeDelta::hours(1));
        assert_eq!(house.round().reminders, 0);
    }

    #[test]
    fn a_request_warns_and_runs_out() {
        let house = House::new();
        house.limit();
        let asked = house.book(0, house.slot(100, 1)).expect("asked");
        house.pass(TimeDelta::hours(37));
        assert_eq!(house.round().warned, 1);
        assert_eq!(house.n_letters("request_expiring"), 1);
        house.pass(TimeDelta::hours(12));
        assert_eq!(house.round().expired, 1);
        assert_eq!(house.n_letters("request_expired"), 2);
        assert_eq!(house.read(|tx| read::stored(tx, asked.id)).status, Status::Cancelled);
        let second = house.book(0, house.slot(100, 1)).expect("asked");
        house.write(|tx| accept(tx, &house.rules, &house.mentor_asks(), second.id)).expect("accepted");
        house.pass(TimeDelta::hours(49));
        assert_eq!((house.round().warned, house.round().expired), (0, 0));
    }

    #[test]
    fn afterwards_the_mentor_is_asked_whether_it_was_held_and_then_both_how_it_was() {
        let house = House::new();
        let booked = house.book(0, house.slot(3, 1)).expect("booked");
        house.pass(TimeDelta::hours(4));
        assert_eq!(house.round().feedback_asked, 1);
        assert_eq!((house.n_letters("session_ended"), house.n_letters("feedback_wanted")), (1, 0));
        house.write(|tx| complete(tx, &house.rules, &house.mentor_asks(), booked.id)).expect("held");
        assert_eq!(house.round().feedback_asked, 1);
        assert_eq!((house.n_letters("session_ended"), house.n_letters("feedback_wanted")), (1, 2));
        house.pass(TimeDelta::days(8));
        assert_eq!(house.round(), Done::default());
    }
}
