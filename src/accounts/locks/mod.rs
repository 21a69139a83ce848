//! The soft lock on guessing: who fails to sign in to an account from a network address waits
//! longer and longer before the next try from there. The account's owner elsewhere never waits,
//! and no lock outlives a quarter of an hour, so a stranger can lock nobody out.

mod store;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};

/// Failures at one account from one address before anybody has to wait: slips are human.
const FREE_FAILURES: u32 = 5;

/// Failures at any accounts from one address before that address has to wait: an office shares one,
/// a list of stolen addresses needs more.
const FREE_FAILURES_OF_ADDRESS: u32 = 60;

/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 900;

/// Failures are forgotten when none was added for this long, in seconds.
const FORGOTTEN_AFTER: i64 = 3_600;

/// Stands for "any account" in the table: no address has an empty key.
const ANY_ACCOUNT: &str = "";

/// Counts one try to sign in before the password is looked at, so that tries in parallel are all
/// counted. `succeeded` takes it back.
///
/// # Errors
/// `too_many_failures` with the seconds to wait; such a try is not counted.
pub(super) fn try_once(tx: &Tx<'_>, key: &str, address: &str) -> Result<()> {
    let mut waits = Vec::new();
    for (key, free) in [(key, FREE_FAILURES), (ANY_ACCOUNT, FREE_FAILURES_OF_ADDRESS)] {
        let found = store::failures(tx, key, address, tx.now().plus_seconds(-FORGOTTEN_AFTER))?;
        let (n_before, locked_until) = found.unwrap_or((0, Moment::default()));
        // A lock that would last longer was made by a clock that has been set back.
        if locked_until > tx.now() && locked_until <= tx.now().plus_seconds(LONGEST_WAIT) {
            return Err(refusal(locked_until.unix() - tx.now().unix()));
        }
        waits.push((key, n_before + 1, wait(n_before + 1, free)));
    }
    for (key, n_failures, seconds) in waits {
        store::put_failures(tx, key, address, n_failures, tx.now().plus_seconds(seconds))?;
    }
    store::forget_failures_before(tx, tx.now().plus_seconds(-FORGOTTEN_AFTER))
}

/// The password was right: the account's failures from here are forgotten, and this try was none.
pub(super) fn succeeded(tx: &Tx<'_>, key: &str, address: &str) -> Result<()> {
    store::forget_failures(tx, key, address)?;
    store::take_back_failure(tx, ANY_ACCOUNT, address)
}

/// Seconds to wait after the `n_failures`th failure in a row: doubling from one.
fn wait(n_failures: u32, free: u32) -> i64 {
    let over = n_failures.saturating_sub(free);
    if over == 0 {
        0
    } else {
        1_i64.checked_shl(over - 1).filter(|it| *it > 0).map_or(LONGEST_WAIT, |it| it.min(LONGEST_WAIT))
    }
}

fn refusal(seconds: i64) -> Error {
    let seconds = u32::try_from(seconds).unwrap_or(1).max(1);
    Error::too_many(
        "too_many_failures",
        format!("Too many failed tries. Please wait {seconds} s, or sign in with a link by mail."),
        seconds,
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::clock::Clock;
    use crate::db::Db;

    fn house() -> (tempfile::TempDir, Db) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = Clock::fixed(Moment::parse("2030-03-04T09:00:00Z").expect("a time"));
        let db = Db::open(directory.path(), clock, 1).expect("a new database");
        (directory, db)
    }

    fn fails(db: &Db, key: &str, address: &str) -> Option<u32> {
        db.write_here(|tx| try_once(tx, key, address)).err().and_then(|refusal| refusal.retry_seconds)
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let waits: Vec<i64> = (1..=8).map(|n| wait(n, FREE_FAILURES)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4]);
        assert_eq!(wait(15, FREE_FAILURES), 512);
        assert_eq!((wait(16, FREE_FAILURES), wait(u32::MAX, FREE_FAILURES)), (LONGEST_WAIT, LONGEST_WAIT));
    }

    #[test]
    fn guessing_slows_the_guesser_down_and_nobody_else() {
        let (_keep, db) = house();
        for _ in 0..6 {
            assert_eq!(fails(&db, "ada", "192.0.2.1"), None);
        }
        assert_eq!(fails(&db, "ada", "192.0.2.1"), Some(1));
        assert_eq!(fails(&db, "ada", "192.0.2.2"), None, "the owner, elsewhere");
        assert_eq!(fails(&db, "bo", "192.0.2.1"), None, "another account from there");
        db.clock().advance(TimeDelta::seconds(1));
        assert_eq!(fails(&db, "ada", "192.0.2.1"), None, "the wait is over, and the next is longer");
        assert_eq!(fails(&db, "ada", "192.0.2.1"), Some(2));
        db.clock().advance(TimeDelta::seconds(FORGOTTEN_AFTER + 1));
        for _ in 0..6 {
            assert_eq!(fails(&db, "ada", "192.0.2.1"), None, "all is forgotten");
        }
    }

    #[test]
    fn one_password_tried_on_many_accounts_is_slowed_down_too() {
        let (_keep, db) = house();
        for n in 0..=FREE_FAILURES_OF_ADDRESS {
            assert_eq!(fails(&db, &format!("account {n}"), "192.0.2.1"), None);
        }
        assert_eq!(fails(&db, "yet another", "192.0.2.1"), Some(1));
        assert_eq!(fails(&db, "yet another", "192.0.2.2"), None);
    }

    #[test]
    fn signing_in_well_many_times_locks_nobody() {
        let (_keep, db) = house();
        for n in 0..500 {
            let key = format!("account {}", n % 7);
            assert_eq!(fails(&db, &key, "192.0.2.1"), None);
            db.write_here(|tx| succeeded(tx, &key, "192.0.2.1")).expect("forgotten");
        }
    }
}
