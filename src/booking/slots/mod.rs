//! Slots: opened, changed, withdrawn, and what of them can be booked.

pub(super) mod store;

use serde_json::json;

use super::week::{week_key, zone};
use super::{Asker, LONGEST_SLOT, Rules, hours};
use crate::audit::{self, Entry};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SlotId, UserId};
use crate::mentors::{self, Mentor};

/// Slots opened at once, at most.
pub const MOST_AT_ONCE: usize = 500;

/// Slots listed at once, at most.
const MOST_LISTED: u32 = 1_000;

/// Seats of a slot, at most.
pub const MOST_SEATS: u32 = 500;

/// Characters of a place, at most.
pub(super) const LONGEST_PLACE: usize = 200;

/// How far ahead a slot may lie, in days.
const FARTHEST_DAYS: i64 = 2 * 366;

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
/// `slot_overlaps` (409); 422 naming `startsAt`, `endsAt`, `capacity`, `location`, or `slots`; `forbidden` for
/// somebody else's.
pub fn open(tx: &Tx<'_>, by: &Asker, mentor: MentorNo, slots: &[NewSlot]) -> Result<Vec<Slot>> {
    let mentor = own(tx, by, mentor)?;
    if slots.is_empty() || slots.len() > MOST_AT_ONCE {
        return Err(Error::field("slots", format!("must hold 1 to {MOST_AT_ONCE} slots")));
    }
    let mut opened = Vec::with_capacity(slots.len());
    for (place, slot) in slots.iter().enumerate() {
        // One alone is named by its fields, one of several by its place too.
        let name = |field: &str| if slots.len() == 1 { field.to_owned() } else { format!("slots[{place}].{field}") };
        let slot = checked(tx, slot, &name)?;
        let id = SlotId::random();
        store::insert(tx, id, mentor.number, &slot, &week_key(slot.starts_at, zone(&mentor.timezone)), false)?;
        opened.push(stored(tx, id)?);
    }
    hours::store::set_week_zone(tx, mentor.number, &mentor.timezone)?;
    tx.note(mentor.number, Change::Slots)?;
    let after = json!({ "opened": opened.len(), "from": opened.first().map(|slot| slot.starts_at) });
    note(tx, by, &mentor, "availability.opened", ().into(), after)?;
    Ok(opened)
}

/// Slots of a mentor that can be booked now, in [from, to), by start, at most 1,000. `viewer` leaves out what that
/// person cannot take because they are busy then.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn bookable(tx: &Tx<'_>, mentor: MentorNo, viewer: Option<UserId>, from: Moment, to: Moment) -> Result<Vec<Slot>> {
    store::bookable(tx, mentor, viewer, (from, to), MOST_LISTED, false)
}

/// All slots of a mentor in [from, to), taken ones too, by start, at most 1,000: for the mentor and for staff.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn all(tx: &Tx<'_>, mentor: MentorNo, from: Moment, to: Moment) -> Result<Vec<Slot>> {
    store::all(tx, mentor, from, to, MOST_LISTED)
}

/// The `n` next slots that can be booked from `near` on, filled up with those before it: what to offer when one is
/// lost. By start.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn alternatives(
    tx: &Tx<'_>,
    mentor: MentorNo,
    viewer: Option<UserId>,
    near: Moment,
    n: usize,
) -> Result<Vec<Slot>> {
    let wanted = u32::try_from(n).unwrap_or(MOST_LISTED).min(MOST_LISTED);
    let later = (near, near.plus_days(FARTHEST_DAYS));
    let mut found = store::bookable(tx, mentor, viewer, later, wanted, false)?;
    let n_missing = wanted - u32::try_from(found.len()).unwrap_or(wanted);
    if n_missing > 0 {
        found.extend(store::bookable(tx, mentor, viewer, (tx.now(), near), n_missing, true)?);
        found.sort_by_key(|slot| slot.starts_at);
    }
    Ok(found)
}

/// One slot.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn slot(tx: &Tx<'_>, id: SlotId) -> Result<Option<Slot>> {
    store::slot(tx, id)
}

/// Changes a slot. One that weekly hours made stands on its own from then on.
///
/// # Errors
/// `slot_unknown` (404, also for somebody else's), `slot_in_use`, `slot_overlaps`, 422 as for `open`.
pub fn change(tx: &Tx<'_>, by: &Asker, id: SlotId, to: &SlotChange) -> Result<Slot> {
    let (slot, mentor) = owned(tx, by, id)?;
    let wanted = NewSlot {
        starts_at: to.starts_at.unwrap_or(slot.starts_at),
        ends_at: to.ends_at.unwrap_or(slot.ends_at),
        capacity: to.capacity.unwrap_or(slot.capacity),
        location: to.location.clone().unwrap_or_else(|| slot.location.clone()),
    };
    let is_elsewhere =
        wanted.starts_at != slot.starts_at || wanted.ends_at != slot.ends_at || wanted.location != slot.location;
    if slot.n_taken > 0 && (is_elsewhere || wanted.capacity < slot.n_taken) {
        return Err(in_use());
    }
    let wanted = checked(tx, &wanted, &str::to_owned)?;
    if wanted.capacity < slot.capacity {
        // Whoever sits moves up, so that no seat beyond the last is held.
        for (seat_no, session) in (1..).zip(super::store::seated(tx, id)?) {
            if session.seat_no != seat_no {
                store::set_seat(tx, session.id, seat_no)?;
            }
        }
    }
    let location = to.location.as_ref().map(|_| wanted.location);
    store::update(tx, id, &SlotChange { location, ..to.clone() }, &week_key(wanted.starts_at, zone(&mentor.timezone)))?;
    tx.note(mentor.number, Change::Slots)?;
    let changed = stored(tx, id)?;
    let told = |slot: &Slot| json!({ "startsAt": slot.starts_at, "endsAt": slot.ends_at, "capacity": slot.capacity });
    note(tx, by, &mentor, "availability.changed", told(&slot), told(&changed))?;
    Ok(changed)
}

/// Takes a slot back; with `cancels_sessions` whoever sits in it is told.
///
/// # Errors
/// `slot_unknown`, `slot_in_use`.
pub fn withdraw(tx: &Tx<'_>, rules: &Rules, by: &Asker, id: SlotId, cancels_sessions: bool) -> Result<()> {
    let (slot, mentor) = owned(tx, by, id)?;
    if slot.n_taken > 0 && !cancels_sessions {
        return Err(in_use());
    }
    for session in super::store::seated(tx, id)? {
        super::cancel(tx, rules, by, session.id, "This time is no longer offered.")?;
    }
    store::delete(tx, id)?;
    tx.note(mentor.number, Change::Slots)?;
    let before = json!({ "startsAt": slot.starts_at, "endsAt": slot.ends_at });
    note(tx, by, &mentor, "availability.withdrawn", before, ().into())
}

/// Why this moment of a mentor cannot be booked; `None` where it can. For the mentor and for staff.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn why_not(tx: &Tx<'_>, mentor: MentorNo, at: Moment) -> Result<Option<Obstacle>> {
    let Some(known) = mentors::by_number(tx, mentor)? else { return Ok(Some(Obstacle::Hidden)) };
    if !known.is_visible() {
        return Ok(Some(Obstacle::Hidden));
    }
    let Some(slot) = store::at(tx, mentor, at)? else {
        if at <= tx.now() {
            return Ok(Some(Obstacle::Past));
        }
        return hours::why_none(tx, mentor, at).map(Some);
    };
    if slot.starts_at <= tx.now() {
        return Ok(Some(Obstacle::Past));
    }
    let (is_crowded, is_week_full, is_closed, is_paused) = store::obstacles(tx, slot.id)?;
    Ok([
        (is_paused, Obstacle::Paused),
        (slot.n_taken >= slot.capacity, Obstacle::Full),
        (is_crowded, Obstacle::Crowded),
        (is_week_full, Obstacle::WeeklyCap),
        (is_closed, Obstacle::Notice),
    ]
    .into_iter()
    .find_map(|(holds, obstacle)| holds.then_some(obstacle)))
}

/// The mentor, where the asker may change what they offer.
pub(super) fn own(tx: &Tx<'_>, by: &Asker, mentor: MentorNo) -> Result<Mentor> {
    let unknown = || Error::not_found("mentor_unknown", "This mentor is not here, or no longer.");
    let mentor = mentors::by_number(tx, mentor)?.filter(|mentor| !mentor.is_erased).ok_or_else(unknown)?;
    if mentor.user == by.user || by.is_staff {
        return Ok(mentor);
    }
    Err(Error::forbidden("forbidden", "Your account may not do this."))
}

fn owned(tx: &Tx<'_>, by: &Asker, id: SlotId) -> Result<(Slot, Mentor)> {
    let unknown = || Error::not_found("slot_unknown", "This slot is not here, or no longer.");
    let slot = store::slot(tx, id)?.ok_or_else(unknown)?;
    let mentor = own(tx, by, slot.mentor).map_err(|_| unknown())?;
    Ok((slot, mentor))
}

fn in_use() -> Error {
    Error::conflict("slot_in_use", "Somebody has a seat in this slot.")
}

fn stored(tx: &Tx<'_>, id: SlotId) -> Result<Slot> {
    store::slot(tx, id)?.ok_or_else(|| Error::internal(anyhow::anyhow!("a slot just written is not there")))
}

fn checked(tx: &Tx<'_>, slot: &NewSlot, name: &impl Fn(&str) -> String) -> Result<NewSlot> {
    if slot.starts_at <= tx.now() {
        return Err(Error::field(&name("startsAt"), "must be in the future"));
    }
    if slot.starts_at > tx.now().plus_days(FARTHEST_DAYS) {
        return Err(Error::field(&name("startsAt"), "must be within two years"));
    }
    if slot.ends_at <= slot.starts_at || slot.ends_at > slot.starts_at.plus_seconds(LONGEST_SLOT) {
        return Err(Error::field(&name("endsAt"), "must be after the start, by eight hours at most"));
    }
    if !(1..=MOST_SEATS).contains(&slot.capacity) {
        return Err(Error::field(&name("capacity"), format!("must be from 1 to {MOST_SEATS}")));
    }
    let location = mentors::checked_text(&name("location"), &slot.location, LONGEST_PLACE)?;
    if location.is_empty() || location.contains('\n') {
        return Err(Error::field(&name("location"), "must be one line, or the word virtual"));
    }
    Ok(NewSlot { location, ..slot.clone() })
}

fn note(
    tx: &Tx<'_>,
    by: &Asker,
    mentor: &Mentor,
    kind: &'static str,
    before: serde_json::Value,
    after: serde_json::Value,
) -> Result<()> {
    audit::note(tx, &by.actor, &Entry { kind, about: ("mentor", &mentor.id.to_string()), before, after })
}

#[cfg(test)]
mod tests;
