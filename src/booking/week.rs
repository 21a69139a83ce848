//! Weeks as the cap on a mentor's sessions counts them. Pure.

use chrono::Datelike;
use chrono_tz::Tz;

use crate::clock::Moment;

/// The ISO 8601 week of a moment in a zone: `2030-W10`.
pub(super) fn week_key(at: Moment, zone: Tz) -> String {
    let week = at.utc().with_timezone(&zone).iso_week();
    format!("{:04}-W{:02}", week.year(), week.week())
}

/// The zone of this name; UTC for one that calendars no longer know.
pub(super) fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_where_the_mentor_is_and_belongs_to_the_year_of_its_thursday() {
        for (at, in_zone, week) in [
            ("2030-03-04T09:00:00Z", "UTC", "2030-W10"),
            ("2030-03-03T23:59:59Z", "UTC", "2030-W09"),
            ("2030-03-03T23:00:00Z", "Europe/Berlin", "2030-W10"),
            ("2030-03-03T10:30:00Z", "Pacific/Apia", "2030-W09"),
            ("2030-03-03T11:00:00Z", "Pacific/Apia", "2030-W10"),
            ("2024-12-30T00:00:00Z", "UTC", "2025-W01"),
            ("2027-01-01T12:00:00Z", "UTC", "2026-W53"),
            ("2030-03-03T18:15:00Z", "Asia/Kathmandu", "2030-W10"),
            ("2030-03-03T18:14:59Z", "Asia/Kathmandu", "2030-W09"),
        ] {
            assert_eq!(week_key(Moment::parse(at).expect("a time"), zone(in_zone)), week, "{at} {in_zone}");
        }
    }
}
