//! A person's sessions as a calendar that programs can subscribe to, behind a secret address.

mod store;

use super::calendar::published;
use super::{Asker, Party, Rules, Session, SessionFilter, Status, read};
use crate::accounts::{self, logins};
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;

/// How far back a feed reaches, in days.
const KEPT_DAYS: i64 = 90;

/// How long a feed shows that a session was called off, in days: programs that look seldom must hear of it.
const CANCELLED_DAYS: i64 = 30;

/// Sessions of a feed, at most.
const MOST: u32 = 500;

/// Whether this person has a feed.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn has_feed(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    store::has(tx, user)
}

/// Makes the feed's secret, or a new one in place of the old, which ends working. It is shown this once.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn renew(tx: &Tx<'_>, actor: &Actor, user: UserId) -> Result<String> {
    let secret = logins::random_secret()?;
    store::put(tx, user, &logins::secret_hash(&secret))?;
    note(tx, actor, "user.feed_renewed", user)?;
    Ok(secret)
}

/// Ends the feed.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn end(tx: &Tx<'_>, actor: &Actor, user: UserId) -> Result<()> {
    if store::delete(tx, user)? { note(tx, actor, "user.feed_ended", user) } else { Ok(()) }
}

/// The feed behind a secret, as iCalendar.
///
/// # Errors
/// `feed_unknown`.
pub fn feed(tx: &Tx<'_>, rules: &Rules, secret: &str) -> Result<String> {
    let unknown = || Error::not_found("feed_unknown", "There is no such calendar, or no longer.");
    let user = store::user(tx, &logins::secret_hash(secret))?.ok_or_else(unknown)?;
    let account = accounts::user(tx, user)?.filter(|user| user.status == accounts::Status::Active);
    account.ok_or_else(unknown)?;
    let by = Asker { user, is_staff: false, actor: Actor::nobody("feed") };
    let filter = SessionFilter { from: Some(tx.now().plus_days(-KEPT_DAYS)), ..SessionFilter::default() };
    let since = tx.now().plus_days(-CANCELLED_DAYS);
    // One that was called off is shown for a while, if calendars ever held it.
    let is_shown = |it: &Session| it.status != Status::Cancelled || (it.sequence > 0 && it.updated_at >= since);
    let sessions = read::sessions(tx, &by, &filter, MOST)?.into_iter().filter(is_shown);
    let with_side: Vec<(Session, Party)> =
        sessions.filter_map(|session| session.party(user).map(|party| (session, party))).collect();
    Ok(published(rules, &with_side, tx.now()))
}

fn note(tx: &Tx<'_>, actor: &Actor, kind: &'static str, user: UserId) -> Result<()> {
    let about = user.to_string();
    audit::note(tx, actor, &Entry { kind, about: ("user", &about), before: ().into(), after: ().into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::tests::House;

    #[test]
    fn a_feed_shows_ones_own_sessions_to_whoever_has_its_secret_until_it_is_renewed() {
        let house = House::new();
        let booked = house.book(0, house.slot(24, 1)).expect("booked");
        let off = house.book(0, house.slot(26, 1)).expect("booked");
        house.write(|tx| crate::booking::cancel(tx, &house.rules, &house.mentor_asks(), off.id, "ill")).expect("off");
        let others = house.book(1, house.slot(28, 1)).expect("booked");
        let by = house.mentee_asks(0);
        let renew = || house.write(|tx| renew(tx, &by.actor, by.user)).expect("made");
        let secret = renew();
        let text = house.read(|tx| feed(tx, &house.rules, &secret));
        assert!(text.contains(&booked.id.to_string()) && !text.contains(&others.id.to_string()), "{text}");
        assert!(text.contains("STATUS:CANCELLED") && text.contains("METHOD:PUBLISH"), "{text}");
        let gone = |secret: &str| house.db.read_here(|tx| feed(tx, &house.rules, secret)).expect_err("gone").code;
        assert_eq!(gone("x"), "feed_unknown");
        let second = renew();
        assert_eq!(gone(&secret), "feed_unknown");
        house.pass(chrono::TimeDelta::days(40));
        assert!(!house.read(|tx| feed(tx, &house.rules, &second)).contains("STATUS:CANCELLED"));
        house.write(|tx| end(tx, &by.actor, by.user)).expect("ended");
        assert_eq!(gone(&second), "feed_unknown");
        assert!(!house.read(|tx| has_feed(tx, by.user)));
    }
}
