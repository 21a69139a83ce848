//! Weekly hours brought in.

use serde_json::json;

use super::{HoursBook, note, store};
use crate::accounts::books::Effect;
use crate::audit::Actor;
use crate::booking::hours;
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::Result;
use crate::mentors::{self, books};

/// Brings a mentor's hours in. Where hours have become slots before, the free ones that they no longer want go, as
/// when the mentor changes them; where they have not, the file says how far they were laid out.
///
/// # Errors
/// `mentor_unknown`; 422 naming the field, as for hours that a mentor sets.
pub fn put_hours(tx: &Tx<'_>, actor: &Actor, new: &HoursBook) -> Result<Effect> {
    let known = books::find(tx, &new.mentor)?;
    hours::check_shape(&new.hours)?;
    let there = hours::store::hours(tx, known.number, known.timezone.clone())?;
    let (filled_at, week_zone) = store::laid_out(tx, known.number)?;
    let wanted = hours::Hours { timezone: known.timezone.clone(), ..new.hours.clone() };
    let is_fresh = filled_at == Moment::default();
    let has_other_hours = hours::sorted(&wanted) != hours::sorted(&there);
    if has_other_hours {
        hours::store::replace(tx, known.number, &wanted)?;
    }
    let laid_out = new.filled_at.filter(|at| is_fresh && *at != Moment::default());
    let named_in = new.week_zone.as_deref().filter(|zone| week_zone.is_empty() && !zone.is_empty());
    store::set_laid_out(tx, known.number, laid_out, named_in)?;
    if !has_other_hours {
        return Ok(Effect::of_known(laid_out.is_some() || named_in.is_some()));
    }
    let after = json!({ "rules": wanted.rules.len(), "exceptions": wanted.exceptions.len() });
    note(tx, actor, "hours.imported", ("mentor", &known.id.to_string()), after)?;
    tx.note(known.number, Change::Slots)?;
    if !is_fresh && let Some(mentor) = mentors::by_number(tx, known.number)? {
        hours::settle(tx, &mentor, &wanted)?;
    }
    Ok(if is_fresh { Effect::New } else { Effect::Changed })
}
