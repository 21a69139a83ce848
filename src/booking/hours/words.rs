//! How days and times of weekly hours are written, wherever programs read them. Pure.

use chrono::Weekday;

/// Weekdays as hours name them, Monday first, as the database counts them.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The name of a weekday.
pub const fn day_name(day: Weekday) -> &'static str {
    WEEKDAYS[day.num_days_from_monday() as usize]
}

/// The weekday of this name, in whatever case.
pub fn day_of(name: &str) -> Option<Weekday> {
    let day = WEEKDAYS.iter().position(|day| day.eq_ignore_ascii_case(name))?;
    Weekday::try_from(u8::try_from(day).ok()?).ok()
}

/// A minute of the day as the wall clock shows it.
pub fn clock_time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for name in WEEKDAYS {
            assert_eq!(day_of(&name.to_uppercase()).map(day_name), Some(name));
        }
        assert_eq!(day_name(Weekday::Mon), "mon");
        assert_eq!((day_of("someday"), day_of("")), (None, None));
    }

    #[test]
    fn the_end_of_the_day_is_written_too() {
        assert_eq!([0, 570, 1_440].map(clock_time), ["00:00", "09:30", "24:00"]);
    }
}
