//! Moments in words, as pages write them: in a zone that is named.

use chrono::{Datelike, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::web::layout::When;

/// The zone of this name; UTC for one that calendars do not know.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// `Europe/Berlin (UTC+01:00)`, as the zone stands at a moment.
pub fn zone_label(name: &str, at: Moment) -> String {
    let zone = zone(name);
    let offset = zone.offset_from_utc_datetime(&at.utc().naive_utc()).fix();
    let city = zone.name().replace('_', " ");
    if zone == Tz::UTC {
        return "UTC".to_owned();
    }
    if offset.local_minus_utc() == 0 { format!("{city} (UTC)") } else { format!("{city} (UTC{offset})") }
}

/// `Tuesday 5 March 2030, 14:00 to 14:30`
pub fn stretch(starts_at: Moment, ends_at: Moment, in_zone: &str) -> When {
    let zone = zone(in_zone);
    let [starts, ends] = [starts_at, ends_at].map(|at| at.utc().with_timezone(&zone));
    let until = if starts.date_naive() == ends.date_naive() { "%H:%M" } else { "%A %-d %B, %H:%M" };
    let label = format!("{} to {}", starts.format("%A %-d %B %Y, %H:%M"), ends.format(until));
    When { iso: starts_at.to_string(), label }
}

/// `14:00 to 14:30`
pub fn hours(starts_at: Moment, ends_at: Moment, in_zone: &str) -> When {
    let zone = zone(in_zone);
    let [from, to] = [starts_at, ends_at].map(|at| at.utc().with_timezone(&zone).format("%H:%M").to_string());
    When { iso: starts_at.to_string(), label: format!("{from} to {to}") }
}

/// `2030-03-05` and `Tuesday 5 March`: the day that a moment falls on.
pub fn day(at: Moment, in_zone: &str) -> When {
    let local = at.utc().with_timezone(&zone(in_zone));
    When { iso: local.format("%Y-%m-%d").to_string(), label: local.format("%A %-d %B").to_string() }
}

/// The first instant of a day in a zone, for "until that day"; `None` for an empty field.
///
/// # Errors
/// `Invalid` naming `field`.
pub fn start_of_day(field: &str, text: &str, in_zone: &str) -> Result<Option<Moment>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Error::field(field, "must be a day such as 2030-03-05");
    let date: NaiveDate = text.parse().map_err(|_| wrong())?;
    if !(1970..=9999).contains(&date.year()) {
        return Err(wrong());
    }
    let start = date.and_time(NaiveTime::MIN);
    let zone = zone(in_zone);
    // Where midnight is skipped, the day begins an hour later.
    let at = zone
        .from_local_datetime(&start)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(start + TimeDelta::hours(1))).earliest());
    Ok(Some(Moment::from_unix(at.ok_or_else(wrong)?.timestamp())))
}
