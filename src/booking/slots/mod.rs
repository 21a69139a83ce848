//! Slots: opened, changed, withdrawn, and what of them can be booked.

use super::{Asker, Rules};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SlotId, UserId};

/// A slot as offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its id.
    pub id: SlotId,
    /// Whose it is.
    pub mentor: MentorNo,
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// Seats in all.
    pub capacity: u32,
    /// Seats taken.
    pub n_taken: u32,
    /// `virtual`, or a place.
    pub location: String,
    /// Whether weekly hours made it.
    pub is_from_hours: bool,
}

/// A slot to be opened.
#[derive(Clone, Debug)]
pub struct NewSlot {
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// Seats, 1 to 500.
    pub capacity: u32,
    /// `virtual`, or a place.
    pub location: String,
}

/// What is to change about a slot; `None` keeps.
#[derive(Clone, Debug, Default)]
pub struct SlotChange {
    /// When it starts.
    pub starts_at: Option<Moment>,
    /// When it ends.
    pub ends_at: Option<Moment>,
    /// Seats.
    pub capacity: Option<u32>,
    /// `virtual`, or a place.
    pub location: Option<String>,
}

/// Why a time cannot be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No slot is offered then.
    NotOffered,
    /// It has begun, or is over.
    Past,
    /// Closer than the mentor's minimum notice.
    Notice,
    /// Every seat is taken.
    Full,
    /// The mentor has another session then, or within their buffer.
    Crowded,
    /// The mentor's sessions of that week are all taken.
    WeeklyCap,
    /// The mentor takes nobody new for now.
    Paused,
    /// The mentor is hidden or not in use.
    Hidden,
    /// The weekly hours do not reach that far yet: beyond the booking window.
    BeyondWindow,
    /// An exception closes that day.
    Exception,
}

/// Opens slots, all or none; at most 500 at once.
///
/// # Errors
/// `slot_overlaps` (409); 422 naming `startsAt`, `endsAt`, `capacity`, `location`, or `slots`.
pub fn open(_tx: &Tx<'_>, _by: &Asker, _mentor: MentorNo, _slots: &[NewSlot]) -> Result<Vec<Slot>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Slots of a mentor that can be booked now, in [from, to), by start, at most 1,000. `viewer` leaves out what that
/// person cannot take because they are busy then.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn bookable(
    _tx: &Tx<'_>,
    _mentor: MentorNo,
    _viewer: Option<UserId>,
    _from: Moment,
    _to: Moment,
) -> Result<Vec<Slot>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// All slots of a mentor in [from, to), taken ones too, by start, at most 1,000: for the mentor and for staff.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn all(_tx: &Tx<'_>, _mentor: MentorNo, _from: Moment, _to: Moment) -> Result<Vec<Slot>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// The next slots that can be booked from `near` on, then before it: what to offer when one is lost.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn alternatives(
    _tx: &Tx<'_>,
    _mentor: MentorNo,
    _viewer: Option<UserId>,
    _near: Moment,
    _n: usize,
) -> Result<Vec<Slot>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// One slot.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn slot(_tx: &Tx<'_>, _id: SlotId) -> Result<Option<Slot>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Changes a slot.
///
/// # Errors
/// `slot_unknown` (404, also for somebody else's), `slot_in_use`, `slot_overlaps`, 422 as for `open`.
pub fn change(_tx: &Tx<'_>, _by: &Asker, _id: SlotId, _to: &SlotChange) -> Result<Slot> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Takes a slot back; with `cancels_sessions` whoever sits in it is told.
///
/// # Errors
/// `slot_unknown`, `slot_in_use`.
pub fn withdraw(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SlotId, _cancels_sessions: bool) -> Result<()> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Why this moment of a mentor cannot be booked; `None` where it can. For the mentor and for staff.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn why_not(_tx: &Tx<'_>, _mentor: MentorNo, _at: Moment) -> Result<Option<Obstacle>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
