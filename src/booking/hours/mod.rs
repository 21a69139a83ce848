//! Weekly hours: rules in the mentor's zone that make slots ahead of time.

use chrono::{NaiveDate, Weekday};

use super::Asker;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::MentorNo;

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
/// Internal, where SQLite cannot.
pub fn hours(_tx: &Tx<'_>, _mentor: MentorNo) -> Result<Hours> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Replaces a mentor's hours: free slots that the old ones made go, those of the new ones come, taken ones stay.
///
/// # Errors
/// 422 naming the field (`rules[2].end`, `exceptions[0].date`, `sessionMinutes`, ...).
pub fn set(_tx: &Tx<'_>, _by: &Asker, _mentor: MentorNo, _hours: &Hours) -> Result<Hours> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Makes the slots that the hours want up to the end of the booking window and that are not there; returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn fill(_tx: &Tx<'_>, _mentor: MentorNo) -> Result<u32> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Takes nobody new until then; `None` ends the pause.
///
/// # Errors
/// 422 naming `until` where it is past or over a year ahead.
pub fn pause(_tx: &Tx<'_>, _by: &Asker, _mentor: MentorNo, _until: Option<Moment>) -> Result<()> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
