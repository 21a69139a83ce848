//! Offered time. So far a mentor's slots can be opened; taking them comes with office hours.

mod store;

use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SlotId};

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
