//! Sessions brought in. A session that is here already is never changed by a file: its parties would not hear of it.

use serde_json::json;

use super::slots::{check_place, check_times};
use super::{SessionBook, Told, note, store};
use crate::accounts::books::{Effect, mentee};
use crate::audit::Actor;
use crate::booking::book::{LONGEST_KEY, LONGEST_NOTES};
use crate::booking::close::LONGEST_REASON;
use crate::booking::store::{free_seat, is_busy, offer_at};
use crate::booking::week::{week_key, zone};
use crate::booking::{Status, close, read};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MenteeId, UserId};
use crate::mentors::books::{self, Known};
use crate::mentors::{checked_text, checked_url};

/// Entries on what a session's parties were told, at most.
const MOST_TOLD: usize = 200;

/// Who calls off.
const SIDES: [&str; 4] = ["mentee", "mentor", "staff", "expired"];

/// Letters that ask how it was: a session that was over when it came in is asked about no more.
const AFTERWARDS: [&str; 2] = ["session_ended", "feedback_wanted"];

/// Brings a session in with all that was known of it. Nobody is told.
///
/// # Errors
/// `mentor_unknown`, `mentee_unknown`, `slot_unknown`, `own_slot`; `slot_taken`, `mentee_busy`, `already_booked` where it
/// would book somebody twice; `session_differs` where it is here otherwise; fields.
pub fn put_session(tx: &Tx<'_>, actor: &Actor, new: &SessionBook) -> Result<Effect> {
    let mentor = books::find(tx, &new.mentor)?;
    let unknown = || Error::not_found("mentee_unknown", "No mentee here has this address.");
    let mentee = mentee(tx, &new.mentee)?.ok_or_else(unknown)?;
    if mentee.user == mentor.user {
        return Err(Error::invalid("own_slot", "Mentor and mentee are the same person."));
    }
    let new = checked(new)?;
    if let Some((number, id, there)) = store::session(tx, new.id)? {
        let is_so = number == mentor.number && id == mentee.id && filled(&new, &there) == there;
        let message = "This session is here already, but otherwise: sessions are changed in Tandem, not by a file.";
        return if is_so { Ok(Effect::Unchanged) } else { Err(Error::conflict("session_differs", message)) };
    }
    let seated = seat(tx, &mentor, new)?;
    insert(tx, &mentor, mentee.id, mentee.user, &seated)?;
    match &seated.told {
        Some(told) => told.iter().try_for_each(|told| store::mark(tx, seated.id, told))?,
        None if seated.ends_at <= tx.now() => AFTERWARDS.iter().try_for_each(|kind| {
            store::mark(tx, seated.id, &Told { kind: (*kind).to_owned(), version: seated.version, at: tx.now() })
        })?,
        None => {}
    }
    let after = json!({ "status": seated.status, "startsAt": seated.starts_at, "mentor": mentor.id });
    note(tx, actor, "session.imported", ("session", &seated.id.to_string()), after)?;
    close::note_change(tx, &read::stored(tx, seated.id)?)?;
    Ok(Effect::New)
}

/// What is here, wherever the file says nothing of its own.
fn filled(new: &SessionBook, there: &SessionBook) -> SessionBook {
    let new = new.clone();
    SessionBook {
        mentor: there.mentor.clone(),
        mentee: there.mentee.clone(),
        slot: new.slot.or(there.slot),
        seat_no: new.seat_no.or(there.seat_no),
        week_key: new.week_key.or_else(|| there.week_key.clone()),
        created_at: new.created_at.or(there.created_at),
        updated_at: new.updated_at.or(there.updated_at),
        told: new.told.or_else(|| there.told.clone()),
        ..new
    }
}

fn checked(new: &SessionBook) -> Result<SessionBook> {
    check_times(new.starts_at, new.ends_at)?;
    let reason = new.cancel_reason.as_deref();
    let (least, most) = (1, u32::MAX >> 1);
    for (field, number) in [("seatNo", new.seat_no.unwrap_or(1)), ("version", new.version)] {
        if !(least..=most).contains(&number) {
            return Err(Error::field(field, format!("must be from {least} to {most}")));
        }
    }
    if new.cancelled_by.as_deref().is_some_and(|side| !SIDES.contains(&side)) {
        return Err(Error::field("cancelledBy", "must be mentee, mentor, staff or expired"));
    }
    let told = new.told.as_deref().unwrap_or_default();
    if told.len() > MOST_TOLD || told.iter().any(|told| told.kind.is_empty() || told.kind.len() > 60) {
        return Err(Error::field("told", format!("must be at most {MOST_TOLD} letters by their kinds")));
    }
    Ok(SessionBook {
        location: check_place(&new.location)?,
        meeting_url: new.meeting_url.as_deref().map(|url| checked_url("meetingUrl", url)).transpose()?,
        notes: checked_text("notes", &new.notes, LONGEST_NOTES)?,
        cancel_reason: reason.map(|reason| checked_text("cancelReason", reason, LONGEST_REASON)).transpose()?,
        request_key: new.request_key.as_deref().map(|key| checked_text("requestKey", key, LONGEST_KEY)).transpose()?,
        ..new.clone()
    })
}

/// Finds the slot and the seat that the file leaves open, and names the week.
fn seat(tx: &Tx<'_>, mentor: &Known, new: SessionBook) -> Result<SessionBook> {
    let slot = match new.slot {
        Some(id) if store::slot(tx, id)?.is_none() => {
            return Err(Error::invalid("slot_unknown", "No slot here has the id that slotId names."));
        }
        Some(id) => Some(id),
        None if new.status.is_active() && new.starts_at > tx.now() => {
            offer_at(tx, mentor.number, new.starts_at, new.ends_at)?.map(|offer| offer.id)
        }
        None => None,
    };
    let free = match (new.seat_no, slot) {
        (None, Some(slot)) => free_seat(tx, slot, store::capacity(tx, slot)?)?,
        (seat_no, _) => seat_no,
    };
    let week = new.week_key.clone().unwrap_or_else(|| week_key(new.starts_at, zone(&mentor.timezone)));
    Ok(SessionBook { slot, seat_no: Some(free.unwrap_or(1)), week_key: Some(week), ..new })
}

fn insert(tx: &Tx<'_>, mentor: &Known, mentee: MenteeId, mentee_user: UserId, new: &SessionBook) -> Result<()> {
    if !new.status.is_active() {
        return store::insert_session(tx, mentor.number, mentee, new, new.status).map_err(said_of_others);
    }
    if store::fits(tx, mentor.number, new)? {
        let first = store::insert_session(tx, mentor.number, mentee, new, new.status);
        return match first {
            // A cap or a pause between sessions that was set after this one was booked takes nothing from it: what
            // counts is that nobody is in two places at once.
            Err(refusal) if ["weekly_cap", "slot_taken"].contains(&refusal.code) => {
                let limits = store::lift_limits(tx, mentor.number)?;
                let again = store::insert_session(tx, mentor.number, mentee, new, new.status);
                store::set_limits(tx, mentor.number, limits)?;
                again.map_err(said_of_others)
            }
            other => other.map_err(said_of_others),
        };
    }
    if new.starts_at > tx.now() {
        return Err(Error::invalid("slot_unknown", "No slot of this mentor has a seat at just these times."));
    }
    // It was held, that was taken back, and its slot has gone since: it stands where it stood, as the schema has it.
    for (user, refusal) in [(mentor.user, slot_taken()), (mentee_user, mentee_busy())] {
        if is_busy(tx, user, new.starts_at, new.ends_at, None)? {
            return Err(refusal);
        }
    }
    store::insert_session(tx, mentor.number, mentee, new, Status::Completed).map_err(said_of_others)?;
    store::take_back(tx, new.id, new.status)
}

fn slot_taken() -> Error {
    Error::conflict("slot_taken", "That seat is taken, or the mentor has another session at that time.")
}

fn mentee_busy() -> Error {
    Error::conflict("mentee_busy", "The mentee has another session at that time.")
}

/// The schema's refusals, said to somebody who reads a file and is neither of the two.
fn said_of_others(refusal: Error) -> Error {
    match refusal.code {
        "slot_taken" => slot_taken(),
        "mentee_busy" => mentee_busy(),
        "already_booked" => Error::conflict("already_booked", "The mentee has a seat in that slot already."),
        _ => refusal,
    }
}
