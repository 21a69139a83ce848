//! Weekly hours become moments. Pure: no I/O, no clock, cannot fail.
//!
//! A window of the wall clock runs from the first instant that shows its start to the last that shows its end, and
//! is cut into sessions by elapsed time. So where daylight saving skips an hour the window is an hour shorter, and
//! where it doubles one the window is an hour longer; a start that is skipped is the first instant after the gap.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::Window;
use crate::clock::Moment;

/// Slots made in one go, at most: a full 180 days of five-minute sessions would be ten times that.
const MOST: usize = 5_000;

/// Farther than any zone is from UTC, and a day that a zone skips beside.
const SEARCHED_HOURS: i64 = 40;

/// What becomes slots.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    pub(super) zone: Tz,
    pub(super) session_seconds: i64,
    pub(super) buffer_seconds: i64,
    pub(super) rules: &'a [(Weekday, Window)],
    pub(super) exceptions: &'a BTreeMap<NaiveDate, Vec<Window>>,
}

/// The sessions that start in [from, to), as (start, end), rising and never overlapping.
pub(super) fn expand(plan: &Plan<'_>, from: Moment, to: Moment) -> Vec<(Moment, Moment)> {
    let mut all = Vec::new();
    if plan.session_seconds <= 0 || to <= from {
        return all;
    }
    let mut busy_until = Moment::from_unix(i64::MIN);
    let local = |at: Moment| at.utc().with_timezone(&plan.zone).date_naive();
    // A window may reach over midnight by a doubled hour: begin a day early.
    let mut date = local(from).checked_sub_days(Days::new(1)).unwrap_or(NaiveDate::MIN);
    let last = local(to);
    while date <= last && all.len() < MOST {
        let mut windows: Vec<Window> = match plan.exceptions.get(&date) {
            Some(windows) => windows.clone(),
            None => plan.rules.iter().filter(|(day, _)| *day == date.weekday()).map(|(_, window)| *window).collect(),
        };
        windows.sort_unstable();
        for window in windows {
            // Where an hour is doubled one window may end after the next begins.
            let mut starts = first_instant(plan.zone, date, window.starts).max(busy_until);
            let closes = last_instant(plan.zone, date, window.ends);
            while starts.plus_seconds(plan.session_seconds) <= closes && all.len() < MOST {
                let ends = starts.plus_seconds(plan.session_seconds);
                if starts >= from && starts < to {
                    all.push((starts, ends));
                }
                busy_until = ends;
                starts = ends.plus_seconds(plan.buffer_seconds);
            }
        }
        let Some(next) = date.succ_opt() else { break };
        date = next;
    }
    all
}

fn wall(date: NaiveDate, minute: u16) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute))
}

/// The first instant whose wall clock shows this, or what comes right after where it never does.
fn first_instant(zone: Tz, date: NaiveDate, minute: u16) -> Moment {
    let wanted = wall(date, minute);
    match zone.from_local_datetime(&wanted) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Moment::from_unix(at.timestamp()),
        LocalResult::None => after_gap(zone, wanted),
    }
}

fn last_instant(zone: Tz, date: NaiveDate, minute: u16) -> Moment {
    let wanted = wall(date, minute);
    match zone.from_local_datetime(&wanted) {
        LocalResult::Single(at) | LocalResult::Ambiguous(_, at) => Moment::from_unix(at.timestamp()),
        LocalResult::None => after_gap(zone, wanted),
    }
}

/// The first instant whose wall clock is past a moment that it skips. Around a gap wall clocks only rise.
fn after_gap(zone: Tz, wanted: NaiveDateTime) -> Moment {
    let near = wanted.and_utc().timestamp();
    let (mut before, mut after) = (near - SEARCHED_HOURS * 3_600, near + SEARCHED_HOURS * 3_600);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if Moment::from_unix(middle).utc().with_timezone(&zone).naive_local() >= wanted {
            after = middle;
        } else {
            before = middle;
        }
    }
    Moment::from_unix(after)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::Timelike;

    use super::*;
    use crate::booking::hours::{Hours, set};
    use crate::booking::tests::House;
    use crate::booking::{Ask, Wanted, book, slots};
    use crate::ids::SlotId;
    use crate::mentors::{Edit, Patch};

    const ZONES: [&str; 11] = [
        "Europe/Berlin",
        "America/New_York",
        "America/Santiago",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Africa/Casablanca",
        "Asia/Beirut",
        "America/Nuuk",
    ];

    fn at(text: &str) -> Moment {
        Moment::parse(text).expect("a time")
    }

    fn week(starts: u16, ends: u16) -> Vec<(Weekday, Window)> {
        (0..7_u8).map(|day| (Weekday::try_from(day).expect("a day"), Window { starts, ends })).collect()
    }

    fn plan<'a>(
        zone: Tz,
        rules: &'a [(Weekday, Window)],
        exceptions: &'a BTreeMap<NaiveDate, Vec<Window>>,
    ) -> Plan<'a> {
        Plan { zone, session_seconds: 1_800, buffer_seconds: 0, rules, exceptions }
    }

    /// Where the zone's offset from UTC changes between two years, found by walking hour by hour.
    fn changes(zone: Tz, from: Moment, to: Moment) -> Vec<Moment> {
        use chrono::Offset;
        let offset = |at: Moment| zone.offset_from_utc_datetime(&at.utc().naive_utc()).fix().local_minus_utc();
        let hours = (from.unix()..to.unix()).step_by(1_800).map(Moment::from_unix);
        hours.filter(|hour| offset(*hour) != offset(hour.plus_seconds(-1_800))).collect()
    }

    #[test]
    fn nine_to_noon_is_nine_to_noon_all_the_year_round() {
        let none = BTreeMap::new();
        let rules = week(9 * 60, 12 * 60);
        for name in ZONES {
            let zone: Tz = name.parse().expect("a zone");
            let all = expand(&plan(zone, &rules, &none), at("2026-01-01T00:00:00Z"), at("2026-06-29T00:00:00Z"));
            assert!(all.len() >= 6 * 178, "{name}: {}", all.len());
            for (starts, ends) in all {
                assert_eq!(ends.unix() - starts.unix(), 1_800);
                let [first, last] = [starts, ends].map(|it| it.utc().with_timezone(&zone).format("%H:%M").to_string());
                assert!(*"09:00" <= *first && *last <= *"12:00", "{name}: {first} to {last}");
            }
        }
    }

    #[test]
    fn around_every_change_slots_lie_inside_their_window_touch_nobody_and_leave_no_room_for_another() {
        let none = BTreeMap::new();
        // Windows that lie across the hours at which zones change.
        let rules = [week(0, 210), week(210, 330), week(23 * 60, 1440)].concat();
        for name in ZONES {
            let zone: Tz = name.parse().expect("a zone");
            for change in changes(zone, at("2025-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")) {
                let (from, to) = (change.plus_days(-7), change.plus_days(7));
                let all = expand(&plan(zone, &rules, &none), from, to);
                assert!(all.len() > 14 * 10, "{name} {change}: {}", all.len());
                for pair in all.windows(2) {
                    assert!(pair[0].1 <= pair[1].0, "{name} {change}: {} and {}", pair[0].1, pair[1].0);
                }
                // Every second of a slot shows a time of the wall clock inside one of the windows.
                for (starts, ends) in &all {
                    for second in (starts.unix()..ends.unix()).step_by(300) {
                        let shown = Moment::from_unix(second).utc().with_timezone(&zone).format("%H:%M").to_string();
                        assert!(*shown < *"05:30" || *shown >= *"23:00", "{name} {change}: {shown}");
                    }
                }
                // And every half hour inside the windows is offered, but for what a gap or a doubled hour leaves over.
                let offered: i64 = all.iter().map(|(starts, ends)| ends.unix() - starts.unix()).sum();
                let open = (from.unix()..to.unix()).step_by(60).filter(|second| {
                    let shown = Moment::from_unix(*second).utc().with_timezone(&zone).format("%H:%M").to_string();
                    *shown < *"05:30" || *shown >= *"23:00"
                });
                let left_over = i64::try_from(open.count()).expect("few") * 60 - offered;
                assert!((-3_600..=3_600 * 2).contains(&left_over), "{name} {change}: {left_over} s are not offered");
            }
        }
    }

    #[test]
    fn a_skipped_hour_is_skipped_and_a_doubled_one_is_offered_twice() {
        let none = BTreeMap::new();
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let rules = week(60, 240);
        let count = |from: &str, to: &str| expand(&plan(zone, &rules, &none), at(from), at(to)).len();
        assert_eq!(count("2026-03-28T22:00:00Z", "2026-03-29T22:00:00Z"), 4, "01:00 to 04:00 has two hours in spring");
        assert_eq!(count("2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"), 8, "and four in autumn");
        assert_eq!(count("2026-06-01T22:00:00Z", "2026-06-02T22:00:00Z"), 6);
    }

    #[test]
    fn a_start_that_never_shows_is_the_first_instant_after() {
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let date = NaiveDate::from_ymd_opt(2026, 3, 29).expect("a date");
        assert_eq!(first_instant(zone, date, 150), at("2026-03-29T01:00:00Z"));
        assert_eq!(first_instant(zone, date, 120), at("2026-03-29T01:00:00Z"));
        let beirut: Tz = "Asia/Beirut".parse().expect("a zone");
        let skipped_midnight = NaiveDate::from_ymd_opt(2026, 3, 29).expect("a date");
        assert_eq!(first_instant(beirut, skipped_midnight, 0), at("2026-03-28T22:00:00Z"));
    }

    #[test]
    fn a_day_that_a_zone_skips_has_no_slots() {
        let none = BTreeMap::new();
        let zone: Tz = "Pacific/Apia".parse().expect("a zone");
        let rules = [(Weekday::Fri, Window { starts: 540, ends: 720 })];
        // Samoa had no Friday the 30th of December 2011.
        let all = expand(&plan(zone, &rules, &none), at("2011-12-28T00:00:00Z"), at("2012-01-03T00:00:00Z"));
        assert!(all.is_empty(), "{all:?}");
    }

    #[test]
    fn exceptions_stand_in_for_their_day_and_buffers_lie_between() {
        let date = |day| NaiveDate::from_ymd_opt(2026, 6, day).expect("a date");
        let evening = vec![Window { starts: 1_200, ends: 1_290 }];
        let exceptions = BTreeMap::from([(date(2), Vec::new()), (date(3), evening)]);
        let rules = week(540, 660);
        let plan = Plan { buffer_seconds: 900, ..plan(Tz::UTC, &rules, &exceptions) };
        let all = expand(&plan, at("2026-06-01T00:00:00Z"), at("2026-06-04T00:00:00Z"));
        let starts: Vec<String> = all.iter().map(|(starts, _)| starts.utc().format("%d %H:%M").to_string()).collect();
        assert_eq!(starts, ["01 09:00", "01 09:45", "01 10:30", "03 20:00", "03 20:45"]);
    }

    #[test]
    fn an_endless_plan_is_bounded() {
        let none = BTreeMap::new();
        let rules = week(0, 1440);
        let plan = Plan { session_seconds: 300, ..plan(Tz::UTC, &rules, &none) };
        let all = expand(&plan, at("2026-01-01T00:00:00Z"), at("2026-06-29T00:00:00Z"));
        assert_eq!(all.len(), MOST);
        assert!(expand(&plan, at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z")).is_empty());
    }

    /// Half an hour of every quarter hour of the nights of two weeks, asked for as a mentee would: it is booked just where it is shown.
    fn what_is_shown_is_what_is_booked(house: &House, zone: Tz, from: Moment) {
        let asker = house.mentee_asks(1);
        let to = from.plus_days(14);
        let shown = house.read(|tx| slots::bookable(tx, house.mentor, Some(asker.user), from, to));
        let shown: BTreeSet<_> = shown.iter().map(|slot| (slot.starts_at, slot.ends_at)).collect();
        let mut booked = BTreeSet::new();
        for second in (from.unix()..to.unix()).step_by(900) {
            let (starts_at, ends_at) = (Moment::from_unix(second), Moment::from_unix(second + 1_800));
            if (7..22).contains(&starts_at.utc().with_timezone(&zone).hour()) {
                continue;
            }
            let ask =
                Ask { wanted: Wanted::Times(house.mentor_id, starts_at, ends_at), ..House::ask(SlotId::random()) };
            if house.db.rehearse_here(|tx| book(tx, &house.rules, &asker, &ask)).is_ok() {
                booked.insert((starts_at, ends_at));
            }
        }
        assert_eq!(shown, booked, "{zone}, {from}");
    }

    #[test]
    fn around_every_change_what_the_picker_shows_is_what_can_be_booked() {
        for name in ZONES {
            let zone: Tz = name.parse().expect("a zone");
            let house = House::new();
            let edit =
                Edit { timezone: Patch::Set(name.to_owned()), load_cap_per_week: Patch::Set(2), ..Edit::default() };
            house.edit(edit);
            let (first, last) = (house.now().plus_days(8), house.now().plus_days(300));
            let mut found = changes(zone, first, last);
            if found.is_empty() {
                found.push(first);
            }
            for change in found.into_iter().take(2) {
                let from = change.plus_days(-7);
                house.pass(TimeDelta::seconds(from.unix() - house.now().unix()));
                let rules = [week(0, 210), week(210, 330), week(23 * 60, 1440)].concat();
                let hours = Hours {
                    timezone: name.to_owned(),
                    session_minutes: 30,
                    buffer_minutes: 0,
                    min_notice_minutes: 90,
                    window_days: 15,
                    capacity: 1,
                    rules,
                    exceptions: vec![(from.utc().date_naive() + TimeDelta::days(3), Vec::new())],
                };
                house.write(|tx| set(tx, &house.mentor_asks(), house.mentor, &hours)).expect("set");
                what_is_shown_is_what_is_booked(&house, zone, from);
                // Two sessions next to the change fill its week, which ends by the mentor's own wall clock.
                for mentee in 0..2 {
                    let user = house.mentees[mentee].0;
                    let near = house.read(|tx| slots::alternatives(tx, house.mentor, Some(user), change, 1));
                    house.book(mentee, near.first().expect("there is one").id).expect("booked");
                }
                what_is_shown_is_what_is_booked(&house, zone, from);
            }
        }
    }
}
