//! Offered time. So far a mentor's slots can be opened; taking them comes with office hours.

mod holdings;
mod store;

use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SlotId, UserId};
use crate::mentors;

pub use holdings::holdings;

/// The longest slot, in seconds.
const LONGEST_SLOT: i64 = 8 * 3_600;

/// Opens a slot with one seat and returns its id.
///
/// # Errors
/// `Invalid` for a slot in the past, one that ends before it starts, or one over eight hours;
/// `slot_overlaps` where the mentor offers that time already.
pub fn open_slot(tx: &Tx<'_>, mentor: MentorNo, starts_at: Moment, ends_at: Moment) -> Result<SlotId> {
    if starts_at <= tx.now() {
        return Err(Error::field("startsAt", "must be in the future"));
    }
    if ends_at <= starts_at || ends_at > starts_at.plus_seconds(LONGEST_SLOT) {
        return Err(Error::field("endsAt", "must be after the start, by eight hours at most"));
    }
    if store::overlaps(tx, mentor, starts_at, ends_at)? {
        return Err(Error::conflict("slot_overlaps", "That time is offered already."));
    }
    let id = SlotId::random();
    store::insert(tx, id, mentor, starts_at, ends_at)?;
    tx.note(mentor, Change::Slots)?;
    Ok(id)
}

/// Whether this mentor has, or had, a session with this mentee: one that stands or was to be held.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn have_session(tx: &Tx<'_>, mentor: UserId, mentee: UserId) -> Result<bool> {
    store::have_session(tx, mentor, mentee)
}

/// Takes back all that a mentor offers and nobody has taken, slots and weekly hours alike. Somebody
/// who is no mentor offers nothing.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn withdraw_offers(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let Some(mentor) = mentors::of_user(tx, user)? else { return Ok(()) };
    store::delete_offers(tx, mentor.number)?;
    tx.note(mentor.number, Change::Slots)
}

#[cfg(test)]
mod tests;
