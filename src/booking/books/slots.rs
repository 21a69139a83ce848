//! Slots brought in.

use serde_json::json;

use super::{SlotBook, note, store};
use crate::accounts::books::Effect;
use crate::audit::Actor;
use crate::booking::slots::{LONGEST_PLACE, MOST_SEATS};
use crate::booking::week::{week_key, zone};
use crate::booking::{LONGEST_SLOT, hours};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::SlotId;
use crate::mentors::{self, books};

/// Brings a slot in, past ones too. One that is here already becomes what the file says, unless somebody sits in it.
///
/// # Errors
/// `mentor_unknown`; `slot_elsewhere` where the id is another mentor's slot; `slot_overlaps`, `slot_in_use`; fields.
pub fn put_slot(tx: &Tx<'_>, actor: &Actor, new: &SlotBook) -> Result<Effect> {
    let mentor = books::find(tx, &new.mentor)?;
    check_times(new.starts_at, new.ends_at)?;
    if !(1..=MOST_SEATS).contains(&new.capacity) {
        return Err(Error::field("capacity", format!("must be from 1 to {MOST_SEATS}")));
    }
    let location = check_place(&new.location)?;
    let there = match new.id {
        Some(id) => store::slot(tx, id)?,
        None => store::slot_at(tx, mentor.number, new.starts_at, new.ends_at)?,
    };
    let week = new.week_key.clone().unwrap_or_else(|| week_key(new.starts_at, zone(&mentor.timezone)));
    let wanted = SlotBook { location, week_key: Some(week), ..new.clone() };
    let effect = match there {
        Some((number, _)) if number != mentor.number => {
            return Err(Error::conflict("slot_elsewhere", "This id is that of another mentor's slot."));
        }
        Some((_, there)) => {
            let wanted = SlotBook {
                id: there.id,
                mentor: there.mentor.clone(),
                week_key: new.week_key.clone().or_else(|| there.week_key.clone()),
                created_at: there.created_at,
                ..wanted
            };
            if wanted == there {
                return Ok(Effect::Unchanged);
            }
            store::update_slot(tx, &wanted)?;
            Effect::Changed
        }
        None => {
            let id = new.id.unwrap_or_else(SlotId::random);
            store::insert_slot(tx, id, mentor.number, &wanted)?;
            if new.week_key.is_none() {
                hours::store::set_week_zone(tx, mentor.number, &mentor.timezone)?;
            }
            Effect::New
        }
    };
    let after = json!({ "startsAt": new.starts_at, "endsAt": new.ends_at, "capacity": new.capacity });
    note(tx, actor, "availability.imported", ("mentor", &mentor.id.to_string()), after)?;
    tx.note(mentor.number, Change::Slots)?;
    Ok(effect)
}

pub(super) fn check_times(starts_at: Moment, ends_at: Moment) -> Result<()> {
    if ends_at <= starts_at || ends_at > starts_at.plus_seconds(LONGEST_SLOT) {
        return Err(Error::field("endsAt", "must be after the start, by eight hours at most"));
    }
    Ok(())
}

pub(super) fn check_place(place: &str) -> Result<String> {
    let place = mentors::checked_text("location", place, LONGEST_PLACE)?;
    if place.is_empty() || place.contains('\n') {
        return Err(Error::field("location", "must be one line, or the word virtual"));
    }
    Ok(place)
}
