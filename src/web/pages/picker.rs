//! The open times of a mentor: days to choose from, the times of one of them, and the zone they are shown in. All of
//! it works by following links. Never decides what is open; it draws what it is given.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::web::layout::time;
use crate::web::pages::mentor::{DayView, MentorView, SlotView};
use crate::web::pages::zones;

/// How far ahead times are looked for, in days: the farthest that a booking window can reach.
pub const FARTHEST_DAYS: i64 = 180;

/// How many days are shown at once.
const SHOWN_DAYS: usize = 8;

/// Draws the open times of a mentor, or why there are none.
#[must_use]
pub fn open_times(view: &MentorView) -> Markup {
    html! {
        section.panel.open-times #times aria-labelledby="times-title" {
            h2 #times-title { "Open times" }
            @if view.is_own {
                p { "This is how others see you." }
                p { a.button href="/availability" { "Change what you offer" } }
            } @else if let Some(until) = &view.paused_until {
                p { (view.name) " takes nobody new until " (until) "." }
            } @else if view.days.is_empty() {
                p { "No open times for now." }
                p.soft { "New times appear here as soon as " (view.name) " offers them." }
            } @else {
                @if view.answers_requests {
                    p.soft { (view.name) " answers each request; the time you ask for is kept for you meanwhile." }
                }
                (picker(view))
                p.soft.small { (how_far(view)) }
            }
            @if !view.days.is_empty() { (zone_switch(view)) }
        }
    }
}

/// Draws the days as links and the times of one of them. Everything works by following links.
fn picker(view: &MentorView) -> Markup {
    let chosen = view.days.iter().position(|day| day.day.iso == view.chosen_day).unwrap_or(0);
    // As many days as fit on a phone in a few rows, the chosen one among them.
    let first = chosen / SHOWN_DAYS * SHOWN_DAYS;
    let shown = &view.days[first..view.days.len().min(first + SHOWN_DAYS)];
    let link = |day: &DayView| {
        let pairs = [("day", day.day.iso.as_str()), ("tz", view.viewer_zone.as_str())];
        let back = view.search().map(|search| ("from", search));
        format!("{}#times", address(&view.id, "", pairs.into_iter().chain(back)))
    };
    let book =
        |slot: &SlotView| address(&view.id, "/book", [("slot", slot.id.as_str()), ("tz", view.viewer_zone.as_str())]);
    html! {
        nav.days aria-label="Days with open times" {
            ul {
                @for day in shown {
                    li { a href=(link(day)) aria-current=[(day.day.iso == view.days[chosen].day.iso).then_some("date")] {
                        (time(&day.day)) " " span { (day.slots.len()) @if day.slots.len() == 1 { " time" } @else { " times" } }
                    } }
                }
            }
            p.paging {
                @if first > 0 { a href=(link(&view.days[first - 1])) rel="prev" { "Earlier days" } " " }
                @if let Some(next) = view.days.get(first + SHOWN_DAYS) { a href=(link(next)) rel="next" { "Later days" } }
            }
        }
        @let day = &view.days[chosen];
        h3 #day-title { (time(&day.day)) }
        ul.slots {
            @for slot in &day.slots {
                li {
                    a.button data-testid="slot" href=(book(slot)) {
                        (time(&slot.when)) span.unseen { ", " (day.day.label) ", " (view.zone_label) } " " span { (places(slot)) }
                    }
                }
            }
        }
    }
}

/// How far ahead times can be booked, so that nobody takes the last day shown for the last there will be.
fn how_far(view: &MentorView) -> String {
    match view.opens_ahead_days {
        Some(1) => "Times open 1 day ahead; later ones appear day by day.".to_owned(),
        Some(days) => format!("Times open {days} days ahead; later ones appear day by day."),
        None => format!("Any time that {} opens within {FARTHEST_DAYS} days is shown here.", view.name),
    }
}

fn zone_switch(view: &MentorView) -> Markup {
    html! {
        p.soft.small { "Shown in " (view.zone_label) "." }
        details {
            summary { "Show in another time zone" }
            form.stack action={ "/mentors/" (view.id) "#times" } method="get" {
                @if let Some(search) = view.search() { input type="hidden" name="from" value=(search); }
                div.field {
                    label for="tz" { "Time zone" }
                    select #tz name="tz" { (zones::options(&view.viewer_zone)) }
                }
                button type="submit" { "Show" }
            }
        }
    }
}

fn places(slot: &SlotView) -> String {
    match (slot.capacity, slot.n_remaining) {
        (..=1, _) => "one to one".into(),
        (capacity, n_remaining) => format!("{n_remaining} of {capacity} left"),
    }
}

/// An address below a mentor's. A zone such as `Etc/GMT+5` must be written so that it is read back whole.
fn address<'a>(mentor: &str, below: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    format!("/mentors/{mentor}{below}?{}", Serializer::new(String::new()).extend_pairs(pairs).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::When;

    fn when(iso: &str, label: &str) -> When {
        When { iso: iso.into(), label: label.into() }
    }

    fn slot(id: &str, capacity: u32, n_remaining: u32) -> SlotView {
        SlotView { id: id.into(), when: when("2030-03-05T13:00:00Z", "14:00 to 14:45"), capacity, n_remaining }
    }

    /// So many days in March, each with one time.
    fn days(n: u32) -> Vec<DayView> {
        (1..=n)
            .map(|day| DayView {
                day: when(&format!("2030-03-{day:02}"), &format!("{day} March")),
                slots: vec![slot(&format!("s{day}"), 1, 1)],
            })
            .collect()
    }

    fn drawn(view: &MentorView) -> String {
        open_times(view).into_string()
    }

    #[test]
    fn the_first_day_is_chosen_and_its_places_are_counted() {
        let mut days = days(2);
        days[0].slots = vec![slot("group", 5, 2), slot("last", 5, 1), slot("alone", 1, 1)];
        let view = MentorView { days, zone_label: "Europe/Berlin (UTC+01:00)".into(), ..MentorView::default() };
        let shown = drawn(&view);
        assert_eq!(shown.matches("data-testid=\"slot\"").count(), 3, "{shown}");
        for words in ["2 of 5 left", "1 of 5 left", "one to one", ", 1 March, Europe/Berlin (UTC+01:00)"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        let other = drawn(&MentorView { chosen_day: "2030-03-02".into(), ..view });
        assert!(other.contains("slot=s2") && !other.contains("slot=group"), "{other}");
    }

    #[test]
    fn how_far_ahead_times_open_is_said() {
        let view =
            MentorView { name: "Ada".into(), days: days(2), opens_ahead_days: Some(30), ..MentorView::default() };
        assert!(drawn(&view).contains("Times open 30 days ahead; later ones appear day by day."));
        let by_hand = drawn(&MentorView { opens_ahead_days: None, ..view.clone() });
        assert!(by_hand.contains("Any time that Ada opens within 180 days is shown here."), "{by_hand}");
        let empty = drawn(&MentorView { days: Vec::new(), ..view });
        assert!(!empty.contains("days ahead"), "{empty}");
    }

    #[test]
    fn all_days_are_reached_by_paging() {
        let view = MentorView { id: "7".into(), days: days(20), ..MentorView::default() };
        let pages = [("", 1..=8), ("2030-03-09", 9..=16), ("2030-03-17", 17..=20)];
        for (chosen, shown) in pages {
            let page = drawn(&MentorView { chosen_day: chosen.into(), ..view.clone() });
            for day in 1..=20 {
                let is_shown = page.contains(&format!(">{day} March</time> <span>"));
                assert_eq!(is_shown, shown.contains(&day), "{chosen}, day {day}: {page}");
            }
            assert_eq!(page.contains("Earlier days"), *shown.start() > 1, "{chosen}");
            assert_eq!(page.contains("Later days"), *shown.end() < 20, "{chosen}");
        }
    }

    #[test]
    fn the_zone_and_the_way_back_go_along_with_every_link() {
        let view = MentorView {
            id: "7".into(),
            days: days(2),
            viewer_zone: "Etc/GMT+5".into(),
            back: Some("/search?q=a&stage=Seed".into()),
            ..MentorView::default()
        };
        let shown = drawn(&view);
        let from = "from=%2Fsearch%3Fq%3Da%26stage%3DSeed";
        assert!(shown.contains(&format!("?day=2030-03-02&amp;tz=Etc%2FGMT%2B5&amp;{from}#times")), "{shown}");
        assert!(shown.contains("/mentors/7/book?slot=s1&amp;tz=Etc%2FGMT%2B5"), "{shown}");
        assert!(shown.contains("name=\"from\" value=\"/search?q=a&amp;stage=Seed\""), "{shown}");
        let elsewhere = drawn(&MentorView { back: Some("//evil.example".into()), ..view });
        assert!(!elsewhere.contains("evil.example"), "{elsewhere}");
    }

    #[test]
    fn nothing_open_a_pause_and_ones_own_profile_are_said() {
        assert!(drawn(&MentorView::default()).contains("No open times for now."));
        let paused =
            MentorView { name: "Ada".into(), paused_until: Some("1 May 2030".into()), ..MentorView::default() };
        assert!(drawn(&paused).contains("Ada takes nobody new until 1 May 2030."));
        let own = drawn(&MentorView { is_own: true, days: days(2), ..MentorView::default() });
        assert!(own.contains("href=\"/availability\"") && !own.contains("data-testid=\"slot\""), "{own}");
    }
}
