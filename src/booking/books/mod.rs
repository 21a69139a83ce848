//! Office hours as the program's books hold them, and how they are brought in again. What is brought in tells
//! nobody: no letter is written. No seat is given away twice here either; the schema has the last word.

mod hours;
mod sessions;
mod slots;
mod store;

use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{FeedbackId, SessionId, SlotId, UserId};
use crate::mentors::{self, books::Reference};

use super::feedback::LONGEST_COMMENT;
use super::hours::Hours;
use super::{Party, Status};
use crate::accounts::books::Effect;

pub use hours::put_hours;
pub use sessions::put_session;
pub use slots::put_slot;

/// A slot as the books hold it. What a file need not say is an `Option`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotBook {
    /// Its id; without one it is known by its mentor and times.
    pub id: Option<SlotId>,
    /// Whose it is.
    pub mentor: Reference,
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// Seats in all.
    pub capacity: u32,
    /// `virtual`, or a place.
    pub location: String,
    /// Whether weekly hours made it.
    pub is_from_hours: bool,
    /// The week that the cap counts it in: `2030-W10`.
    pub week_key: Option<String>,
    /// When it was opened.
    pub created_at: Option<Moment>,
}

/// A mentor's weekly hours as the books hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursBook {
    /// Whose they are.
    pub mentor: Reference,
    /// The hours; their zone is the mentor's.
    pub hours: Hours,
    /// When they last became slots.
    pub filled_at: Option<Moment>,
    /// The zone in which weeks were named; empty where none was.
    pub week_zone: Option<String>,
}

/// What the parties of a session were told because its time had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The letter.
    pub kind: String,
    /// The session's version then.
    pub version: u32,
    /// When.
    pub at: Moment,
}

/// A session as the books hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionBook {
    /// Its id, also the calendar's UID.
    pub id: SessionId,
    /// The mentor.
    pub mentor: Reference,
    /// The mentee's address.
    pub mentee: String,
    /// The slot it sits in.
    pub slot: Option<SlotId>,
    /// Its seat there; the lowest that is free where a file does not say.
    pub seat_no: Option<u32>,
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// How it stands.
    pub status: Status,
    /// `virtual`, or a place.
    pub location: String,
    /// Where to meet online.
    pub meeting_url: Option<String>,
    /// What the mentee wants to discuss.
    pub notes: String,
    /// `mentee`, `mentor`, `staff` or `expired`.
    pub cancelled_by: Option<String>,
    /// Why it was called off.
    pub cancel_reason: Option<String>,
    /// Who did not come.
    pub no_show_party: Option<Party>,
    /// What makes the same request the same session.
    pub request_key: Option<String>,
    /// The account of staff who booked it.
    pub booked_by: Option<UserId>,
    /// The week that the cap counts it in.
    pub week_key: Option<String>,
    /// Pending: until when the mentor may answer.
    pub expires_at: Option<Moment>,
    /// When it was completed, missed or cancelled.
    pub closed_at: Option<Moment>,
    /// RFC 5545 SEQUENCE.
    pub sequence: u32,
    /// Rises with each change.
    pub version: u32,
    /// When it was asked for.
    pub created_at: Option<Moment>,
    /// When it last changed.
    pub updated_at: Option<Moment>,
    /// What its parties were told; `None` where a file does not say.
    pub told: Option<Vec<Told>>,
}

/// What one side said of a session, as the books hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackBook {
    /// Its id.
    pub id: Option<FeedbackId>,
    /// Of which session.
    pub session: SessionId,
    /// Whose words.
    pub from: Party,
    /// 1 to 5.
    pub rating: u32,
    /// More words, or none.
    pub comment: String,
    /// Whether the other side may read it.
    pub is_shared: bool,
    /// When it was first written.
    pub created_at: Option<Moment>,
    /// When it was last written.
    pub updated_at: Option<Moment>,
}

/// Calls `each` for every mentor's hours, in the order of their numbers.
///
/// # Errors
/// Those of `each`.
pub fn for_each_hours(tx: &Tx<'_>, each: impl FnMut(HoursBook) -> Result<()>) -> Result<()> {
    store::for_each_hours(tx, each)
}

/// Calls `each` for every slot, past ones included, mentor by mentor and by start.
///
/// # Errors
/// Those of `each`.
pub fn for_each_slot(tx: &Tx<'_>, each: impl FnMut(SlotBook) -> Result<()>) -> Result<()> {
    store::for_each_slot(tx, each)
}

/// Calls `each` for every session, whatever its state, mentor by mentor and by start.
///
/// # Errors
/// Those of `each`.
pub fn for_each_session(tx: &Tx<'_>, each: impl FnMut(SessionBook) -> Result<()>) -> Result<()> {
    store::for_each_session(tx, each)
}

/// Calls `each` for all that was said of sessions, in the order in which it was said.
///
/// # Errors
/// Those of `each`.
pub fn for_each_feedback(tx: &Tx<'_>, each: impl FnMut(FeedbackBook) -> Result<()>) -> Result<()> {
    store::for_each_feedback(tx, each)
}

/// How many slots there are.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count_slots(tx: &Tx<'_>) -> Result<u32> {
    store::count_slots(tx)
}

/// How many sessions there are.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count_sessions(tx: &Tx<'_>) -> Result<u32> {
    store::count_sessions(tx)
}

/// How many entries of feedback there are.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count_feedback(tx: &Tx<'_>) -> Result<u32> {
    store::count_feedback(tx)
}

/// Brings in what one side said. Words that are there already are never changed by a file.
///
/// # Errors
/// `session_unknown`; `feedback_differs` where that side has said something else; fields `rating`, `comment`.
pub fn put_feedback(tx: &Tx<'_>, actor: &Actor, new: &FeedbackBook) -> Result<Effect> {
    if !(1..=5).contains(&new.rating) {
        return Err(Error::field("rating", "must be from 1 to 5"));
    }
    let comment = mentors::checked_text("comment", &new.comment, LONGEST_COMMENT)?;
    let new = FeedbackBook { comment, ..new.clone() };
    let unknown = || Error::not_found("session_unknown", "No session here has this id.");
    let session = super::store::session(tx, new.session)?.ok_or_else(unknown)?;
    if let Some(there) = store::feedback(tx, new.session, new.from)? {
        let said = FeedbackBook {
            id: new.id.or(there.id),
            created_at: new.created_at.or(there.created_at),
            updated_at: new.updated_at.or(there.updated_at),
            ..new
        };
        if said == there {
            return Ok(Effect::Unchanged);
        }
        let message = "This side has said something else of that session; words are never changed by a file.";
        return Err(Error::conflict("feedback_differs", message));
    }
    if !store::insert_feedback(tx, &new)? {
        return Err(Error::conflict("feedback_differs", "This id is that of other words."));
    }
    let after = json!({ "from": new.from, "shared": new.is_shared });
    note(tx, actor, "feedback.imported", ("session", &new.session.to_string()), after)?;
    // Ratings are part of what a match is scored by.
    tx.note(session.mentor_number, Change::Slots)?;
    Ok(Effect::New)
}

fn note(
    tx: &Tx<'_>,
    actor: &Actor,
    kind: &'static str,
    about: (&'static str, &str),
    after: serde_json::Value,
) -> Result<()> {
    audit::note(tx, actor, &Entry { kind, about, before: ().into(), after })
}
