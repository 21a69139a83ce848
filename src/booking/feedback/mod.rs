//! What each side says of a session that took place.

mod store;

use serde_json::json;

use super::{Asker, Party, Status, read};
use crate::audit::{self, Entry};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::SessionId;
use crate::mentors;

/// Characters of a comment, at most.
pub const LONGEST_COMMENT: usize = 2_000;

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Whose words.
    pub from: Party,
    /// 1 to 5.
    pub rating: u32,
    /// More words, or none.
    pub comment: String,
    /// Whether the other side may read it.
    pub is_shared: bool,
    /// When it was last written.
    pub updated_at: Moment,
}

/// Says how it was; saying it again replaces what was said.
///
/// # Errors
/// `session_unknown`, `forbidden` for who was not part of it, `not_completed` (409), fields `rating`, `comment`.
pub fn give(tx: &Tx<'_>, by: &Asker, id: SessionId, rating: u32, comment: &str, is_shared: bool) -> Result<Feedback> {
    if !(1..=5).contains(&rating) {
        return Err(Error::field("rating", "must be from 1 to 5"));
    }
    let comment = mentors::checked_text("comment", comment, LONGEST_COMMENT)?;
    let session = read::session(tx, by, id)?;
    let Some(from) = session.party(by.user) else {
        return Err(Error::forbidden("forbidden", "Only those who were there say how it was."));
    };
    if session.status != Status::Completed {
        return Err(Error::conflict("not_completed", "How it was can be said once the session has taken place."));
    }
    let said = Feedback { from, rating, comment, is_shared, updated_at: tx.now() };
    store::put(tx, id, &said)?;
    let after = json!({ "from": from, "shared": is_shared });
    let about = id.to_string();
    let entry = Entry { kind: "session.feedback_given", about: ("session", &about), before: ().into(), after };
    audit::note(tx, &by.actor, &entry)?;
    // Ratings are part of what a match is scored by.
    tx.note(session.mentor_number, Change::Slots)?;
    Ok(said)
}

/// What the asker may read: their own words, and the other side's where shared; staff reads all.
///
/// # Errors
/// `session_unknown`.
pub fn of_session(tx: &Tx<'_>, by: &Asker, id: SessionId) -> Result<Vec<Feedback>> {
    let session = read::session(tx, by, id)?;
    let own = session.party(by.user);
    let mut said = store::of_session(tx, id)?;
    said.retain(|it| by.is_staff || it.is_shared || own == Some(it.from));
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::tests::House;

    #[test]
    fn each_side_says_how_it_was_and_says_whether_the_other_may_read_it() {
        let house = House::new();
        let booked = house.book(0, house.slot(24, 1)).expect("booked");
        let say = |by: &Asker, rating, is_shared| house.write(|tx| give(tx, by, booked.id, rating, "Words", is_shared));
        let (mentor, mentee) = (house.mentor_asks(), house.mentee_asks(0));
        assert_eq!(say(&mentee, 4, true).expect_err("too early").code, "not_completed");
        house.pass(chrono::TimeDelta::hours(25));
        house.write(|tx| crate::booking::complete(tx, &house.rules, &mentor, booked.id)).expect("held");
        assert!(say(&mentee, 6, true).expect_err("too much").fields.contains_key("rating"));
        assert_eq!(say(&house.mentee_asks(1), 4, true).expect_err("a stranger").code, "session_unknown");
        assert_eq!(say(&House::staff_asks(), 4, true).expect_err("was not there").code, "forbidden");
        say(&mentee, 2, false).expect("said");
        say(&mentee, 4, true).expect("said again");
        say(&mentor, 3, false).expect("said");
        let read = |by: &Asker| -> Vec<u32> {
            house.read(|tx| of_session(tx, by, booked.id)).iter().map(|it| it.rating).collect()
        };
        assert_eq!((read(&mentee), read(&mentor), read(&House::staff_asks())), (vec![4], vec![4, 3], vec![4, 3]));
    }
}
