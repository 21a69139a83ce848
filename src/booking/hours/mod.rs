//! Weekly hours: rules in the mentor's zone that make slots ahead of time.

mod expand;
pub(super) mod store;
mod words;

use std::collections::{BTreeMap, HashSet};

use chrono::{NaiveDate, Weekday};
use serde_json::json;

use super::Asker;
use super::slots::{MOST_SEATS, NewSlot, Obstacle, own, store as slot_store};
use super::week::{week_key, zone};
use crate::audit::{self, Entry};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SlotId};
use crate::mentors::{self, Edit, Mentor, Patch};

use expand::{Plan, expand};

pub use words::{WEEKDAYS, clock_time, day_name, day_of};

/// Rules of a week and days that are otherwise, at most.
const MOST_RULES: usize = 100;
const MOST_EXCEPTIONS: usize = 366;

/// How far ahead an exception or a pause may lie, in days.
const FARTHEST_DAYS: i64 = 2 * 366;

/// Hours become slots again this often, in seconds: each day adds a day at the end of the window.
const REFILL_SECONDS: i64 = 6 * 3_600;

/// A stretch of a day in minutes since local midnight, half-open; `ends` may be 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// From this minute.
    pub starts: u16,
    /// Until this one.
    pub ends: u16,
}

/// What a mentor offers every week, and how it becomes slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// IANA zone: the mentor's.
    pub timezone: String,
    /// Length of a session, 5 to 480.
    pub session_minutes: u32,
    /// Pause between sessions, 0 to 480.
    pub buffer_minutes: u32,
    /// How long before the start booking ends, 0 to 43200.
    pub min_notice_minutes: u32,
    /// How many days ahead slots are made, 1 to 180.
    pub window_days: u32,
    /// Seats of each slot, 1 to 500.
    pub capacity: u32,
    /// The week.
    pub rules: Vec<(Weekday, Window)>,
    /// Days that are otherwise: no windows is closed.
    pub exceptions: Vec<(NaiveDate, Vec<Window>)>,
}

/// A mentor's hours.
///
/// # Errors
/// `mentor_unknown`.
pub fn hours(tx: &Tx<'_>, mentor: MentorNo) -> Result<Hours> {
    let unknown = || Error::not_found("mentor_unknown", "This mentor is not here, or no longer.");
    let known = mentors::by_number(tx, mentor)?.ok_or_else(unknown)?;
    store::hours(tx, mentor, known.timezone)
}

/// Replaces a mentor's hours: free slots that the old ones made go, those of the new ones come, taken ones stay.
///
/// # Errors
/// 422 naming the field (`rules[2].end`, `exceptions[0].date`, `sessionMinutes`, ...).
pub fn set(tx: &Tx<'_>, by: &Asker, mentor: MentorNo, hours: &Hours) -> Result<Hours> {
    let mentor = own(tx, by, mentor)?;
    check(tx, hours)?;
    let before = store::hours(tx, mentor.number, mentor.timezone.clone())?;
    store::replace(tx, mentor.number, hours)?;
    let now = store::hours(tx, mentor.number, mentor.timezone.clone())?;
    if now != before {
        let after = json!({ "rules": now.rules.len(), "exceptions": now.exceptions.len() });
        let about = mentor.id.to_string();
        let entry = Entry { kind: "hours.changed", about: ("mentor", &about), before: ().into(), after };
        audit::note(tx, &by.actor, &entry)?;
    }
    settle(tx, &mentor, &now)?;
    Ok(now)
}

/// Makes the slots that the hours want up to the end of the booking window and that are not there; returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn fill(tx: &Tx<'_>, mentor: MentorNo) -> Result<u32> {
    let Some(known) = mentors::by_number(tx, mentor)? else { return Ok(0) };
    let hours = store::hours(tx, mentor, known.timezone.clone())?;
    make(tx, &known, &hours, &wanted(tx, &hours))
}

/// Fills the windows of mentors whose hours have not become slots for some hours, at most `n_most` of them; returns
/// how many slots were made.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn fill_all(tx: &Tx<'_>, n_most: u32) -> Result<u32> {
    let mut n_made = 0;
    for mentor in store::stale(tx, tx.now().plus_seconds(-REFILL_SECONDS), n_most)? {
        let Some(known) = mentors::by_number(tx, mentor)? else { continue };
        let named_in = store::week_zone(tx, mentor)?;
        let has_moved = !named_in.is_empty() && named_in != known.timezone;
        n_made += if has_moved { rezone(tx, &known)? } else { fill(tx, mentor)? };
    }
    Ok(n_made)
}

/// Whether `fill_all` would find a mentor.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_due(tx: &Tx<'_>) -> Result<bool> {
    Ok(!store::stale(tx, tx.now().plus_seconds(-REFILL_SECONDS), 1)?.is_empty())
}

/// Lays the hours out anew after a mentor has moved to another zone: nine o'clock stays nine o'clock, and the weekly
/// cap counts by the weeks that they live by. Returns how many slots were made.
fn rezone(tx: &Tx<'_>, mentor: &Mentor) -> Result<u32> {
    let hours = store::hours(tx, mentor.number, mentor.timezone.clone())?;
    super::rename_weeks(tx, mentor)?;
    settle(tx, mentor, &hours)
}

/// Takes nobody new until then; `None` ends the pause.
///
/// # Errors
/// 422 naming `until` where it is past or over two years ahead; `forbidden` for somebody else.
pub fn pause(tx: &Tx<'_>, by: &Asker, mentor: MentorNo, until: Option<Moment>) -> Result<()> {
    let mentor = own(tx, by, mentor)?;
    if let Some(until) = until {
        if until <= tx.now() {
            return Err(Error::field("until", "must be in the future"));
        }
        if until > tx.now().plus_days(FARTHEST_DAYS) {
            return Err(Error::field("until", "must be within two years"));
        }
    }
    let number = mentor.number;
    let edit = Edit { paused_until: until.map_or(Patch::Clear, Patch::Set), ..Edit::default() };
    mentors::change(tx, &by.actor, mentor, None, edit)?;
    tx.note(number, Change::Slots)
}

/// Why no slot lies at this moment.
pub(super) fn why_none(tx: &Tx<'_>, mentor: MentorNo, at: Moment) -> Result<Obstacle> {
    let hours = hours(tx, mentor)?;
    let covers = |exceptions: &BTreeMap<NaiveDate, Vec<Window>>| {
        let around = (at.plus_seconds(-super::LONGEST_SLOT), at.plus_seconds(1));
        let made = expand(&plan(&hours, exceptions), around.0, around.1);
        made.iter().any(|(starts, ends)| *starts <= at && at < *ends)
    };
    if covers(&hours.exceptions.iter().cloned().collect()) {
        return Ok(if at >= window_end(tx, &hours) { Obstacle::BeyondWindow } else { Obstacle::NotOffered });
    }
    Ok(if covers(&BTreeMap::new()) { Obstacle::Exception } else { Obstacle::NotOffered })
}

fn plan<'a>(hours: &'a Hours, exceptions: &'a BTreeMap<NaiveDate, Vec<Window>>) -> Plan<'a> {
    Plan {
        zone: zone(&hours.timezone),
        session_seconds: i64::from(hours.session_minutes) * 60,
        buffer_seconds: i64::from(hours.buffer_minutes) * 60,
        rules: &hours.rules,
        exceptions,
    }
}

fn window_end(tx: &Tx<'_>, hours: &Hours) -> Moment {
    tx.now().plus_days(i64::from(hours.window_days))
}

/// The sessions that the hours want from now to the end of the window, as (start, end), rising. Where a slot lies
/// already, theirs is not made.
pub fn wanted(tx: &Tx<'_>, hours: &Hours) -> Vec<(Moment, Moment)> {
    let exceptions = hours.exceptions.iter().cloned().collect();
    expand(&plan(hours, &exceptions), tx.now().plus_seconds(1), window_end(tx, hours))
}

/// Takes back the free slots that the hours no longer want and makes those that they do.
pub(super) fn settle(tx: &Tx<'_>, mentor: &Mentor, hours: &Hours) -> Result<u32> {
    let wanted = wanted(tx, hours);
    let times: HashSet<(Moment, Moment)> = wanted.iter().copied().collect();
    for slot in store::free_from_hours(tx, mentor.number)? {
        if !times.contains(&(slot.starts_at, slot.ends_at)) || slot.capacity != hours.capacity {
            slot_store::delete(tx, slot.id)?;
        }
    }
    make(tx, mentor, hours, &wanted)
}

/// Makes the slots that are wanted and overlap none that is there.
fn make(tx: &Tx<'_>, mentor: &Mentor, hours: &Hours, wanted: &[(Moment, Moment)]) -> Result<u32> {
    store::set_filled(tx, mentor.number)?;
    store::set_week_zone(tx, mentor.number, &mentor.timezone)?;
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
        tx.note(mentor.number, Change::Slots)?;
        return Ok(0);
    };
    let around = (first.0.plus_seconds(-super::LONGEST_SLOT), last.1);
    let there = store::taken_times(tx, mentor.number, around)?;
    let in_zone = zone(&mentor.timezone);
    let mut n_made = 0;
    for (starts_at, ends_at) in wanted.iter().copied() {
        // Slots of a mentor never overlap: only the last that starts before this one ends can be in its way.
        let before = there.partition_point(|(starts, _)| *starts < ends_at);
        if before > 0 && there[before - 1].1 > starts_at {
            continue;
        }
        let slot = NewSlot { starts_at, ends_at, capacity: hours.capacity, location: "virtual".to_owned() };
        slot_store::insert(tx, SlotId::random(), mentor.number, &slot, &week_key(starts_at, in_zone), true)?;
        n_made += 1;
    }
    tx.note(mentor.number, Change::Slots)?;
    Ok(n_made)
}

fn check(tx: &Tx<'_>, hours: &Hours) -> Result<()> {
    check_shape(hours)?;
    let today = tx.now().utc().date_naive();
    for (place, (date, _)) in hours.exceptions.iter().enumerate() {
        if (*date - today).num_days().abs() > FARTHEST_DAYS {
            return Err(Error::field(&format!("exceptions[{place}].date"), "must be within two years"));
        }
    }
    Ok(())
}

/// The same whenever it is asked: what the books hold may be old.
pub(super) fn check_shape(hours: &Hours) -> Result<()> {
    for (field, value, least, most) in [
        ("sessionMinutes", hours.session_minutes, 5, 480),
        ("bufferMinutes", hours.buffer_minutes, 0, 480),
        ("minNoticeMinutes", hours.min_notice_minutes, 0, 43_200),
        ("windowDays", hours.window_days, 1, 180),
        ("capacity", hours.capacity, 1, MOST_SEATS),
    ] {
        if !(least..=most).contains(&value) {
            return Err(Error::field(field, format!("must be from {least} to {most}")));
        }
    }
    if hours.rules.len() > MOST_RULES {
        return Err(Error::field("rules", format!("must not be more than {MOST_RULES}")));
    }
    if hours.exceptions.len() > MOST_EXCEPTIONS {
        return Err(Error::field("exceptions", format!("must not be more than {MOST_EXCEPTIONS}")));
    }
    for day in 0..7 {
        let of_day = hours.rules.iter().enumerate().filter(|(_, (it, _))| it.num_days_from_monday() == day);
        check_windows(of_day.map(|(place, (_, window))| (format!("rules[{place}]"), *window)).collect())?;
    }
    let mut seen = HashSet::new();
    for (place, (date, windows)) in hours.exceptions.iter().enumerate() {
        let field = format!("exceptions[{place}]");
        if !seen.insert(*date) {
            return Err(Error::field(&format!("{field}.date"), "is there twice"));
        }
        let named = windows.iter().enumerate();
        check_windows(named.map(|(at, window)| (format!("{field}.windows[{at}]"), *window)).collect())?;
    }
    Ok(())
}

/// The same hours in the order in which they are kept.
pub(super) fn sorted(hours: &Hours) -> Hours {
    let mut hours = hours.clone();
    hours.rules.sort_by_key(|(day, window)| (day.num_days_from_monday(), *window));
    hours.exceptions.sort_by_key(|(date, _)| *date);
    hours
}

fn check_windows(mut windows: Vec<(String, Window)>) -> Result<()> {
    windows.sort_by_key(|(_, window)| *window);
    let mut busy_until = 0;
    for (field, window) in windows {
        if window.ends <= window.starts || window.ends > 1440 {
            return Err(Error::field(&format!("{field}.end"), "must be after the start, by 24:00 at the latest"));
        }
        if window.starts < busy_until {
            return Err(Error::field(&format!("{field}.start"), "must not be within another of that day"));
        }
        busy_until = window.ends;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
