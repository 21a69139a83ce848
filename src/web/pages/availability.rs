//! What a mentor offers: weekly hours, days that are otherwise, single slots, pauses; and why a time cannot be booked.
//! Never judges a time; it draws what it is told.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{asks_first, button, notice};

const HOURS_LABELS: &[(&str, &str)] = &[
    ("sessionMinutes", "Length of a session, in minutes"),
    ("bufferMinutes", "Pause between sessions, in minutes"),
    ("minNoticeMinutes", "Minimum notice, in minutes"),
    ("windowDays", "How many days ahead people can book"),
    ("capacity", "Seats of each session"),
    ("rules", "Weekly hours"),
    ("exceptions", "Days that are otherwise"),
];

const SLOT_LABELS: &[(&str, &str)] =
    &[("date", "Day"), ("start", "From"), ("end", "To"), ("capacity", "Seats"), ("location", "Place")];

const PAUSE_LABELS: &[(&str, &str)] = &[("until", "Take nobody new until the end of")];

const WHY_LABELS: &[(&str, &str)] = &[("date", "Day"), ("start", "Time")];

/// Weekdays in order, as fields name them and as people read them.
pub const DAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

/// Windows of a day that the form has room for.
pub const WINDOWS: usize = 3;

/// Which form of the page something is wrong with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// None.
    #[default]
    Nothing,
    /// The weekly hours.
    Hours,
    /// The single slot.
    Slot,
    /// The pause.
    Pause,
    /// The list of slots.
    Slots,
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct AvailabilityView {
    /// Whose: ends every address of the page's forms, `?mentorId=…` for staff.
    pub suffix: String,
    /// Whose, for staff; empty for one's own.
    pub name: String,
    /// What has just gone well.
    pub notice: Option<String>,
    /// The zone that all times are in, in words.
    pub zone_label: String,
    /// The numbers of the hours: session, buffer, notice, window, seats.
    pub numbers: [String; 5],
    /// For each day up to three windows, each from and to.
    pub week: Vec<Vec<(String, String)>>,
    /// Days that are otherwise: date, and windows; closed without.
    pub exceptions: Vec<(String, Vec<(String, String)>)>,
    /// Until when nobody new is taken, in words.
    pub paused_until: Option<String>,
    /// The slots ahead by day.
    pub days: Vec<(When, Vec<SlotRow>)>,
    /// What was typed into the slot form: day, from, to, seats, place.
    pub slot: [String; 5],
    /// The answer to why a time is not offered.
    pub why: Option<(String, &'static str)>,
    /// Which form is wrong.
    pub part: Part,
    /// What is wrong with which field.
    pub errors: Errors,
    /// What is wrong as a whole.
    pub problem: Option<String>,
}

/// One slot ahead.
#[derive(Clone, Debug, Default)]
pub struct SlotRow {
    /// Its id.
    pub id: String,
    /// From and to.
    pub when: When,
    /// Seats taken, and in all.
    pub seats: (u32, u32),
    /// A place; empty where it is online.
    pub place: String,
    /// What the weekly hours want at this very time and cannot have, as the single time is there: `10:00 to 10:45`.
    pub instead_of: Vec<String>,
    /// Who has a seat: the session's id and the mentee's name.
    pub people: Vec<(String, String)>,
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &AvailabilityView) -> Markup {
    page(
        frame,
        html! {
            h1 { @if view.name.is_empty() { "Availability" } @else { "Availability of " (view.name) } }
            p.lead { "All times are in " (view.zone_label) ". " a href="/profile" { "Change the zone" } " in the profile." }
            (notice(view.notice.as_deref()))
            div.settings {
                (weekly(view))
                (single(view))
                (ahead(view))
                (pause(view))
                (why(view))
            }
        },
    )
}

/// What somebody sees who mentors nobody.
#[must_use]
pub fn render_none(frame: &Frame<'_>) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                h1 { "Availability" }
                p.lead { "Only mentors offer times here. If you would like to mentor, please ask those who run the program." }
                p { a.button href="/search" { "Find a mentor" } }
            }
        },
    )
}

fn of<'a>(
    view: &'a AvailabilityView,
    part: Part,
    id: &'a str,
    labels: &'a [(&'a str, &'a str)],
    none: &'a Errors,
) -> Form<'a> {
    Form { id, labels, errors: if view.part == part { &view.errors } else { none } }
}

fn problem(view: &AvailabilityView, part: Part) -> Option<&str> {
    view.problem.as_deref().filter(|_| view.part == part)
}

fn weekly(view: &AvailabilityView) -> Markup {
    let none = Errors::new();
    let form = of(view, Part::Hours, "hours", HOURS_LABELS, &none);
    let [session, buffer, minimum, window, seats] = &view.numbers;
    html! {
        section.setting #hours aria-labelledby="hours-title" {
            div {
                h2 #hours-title { "Weekly hours" }
                p.soft { "They become open times by themselves, as far ahead as you say. Sessions that are booked stay whatever you change." }
                (form.summary(problem(view, Part::Hours)))
            }
            form.panel.stack action={ "/availability/hours" (view.suffix) "#hours" } method="post" {
                div.week #hours-rules {
                    @for ((day, name), windows) in DAYS.iter().zip(&view.week) {
                        fieldset.week-day {
                            legend { (name) }
                            @for place in 0..WINDOWS.min(windows.len() + 1) {
                                @let (from, to) = windows.get(place).cloned().unwrap_or_default();
                                div.window {
                                    input type="time" name={ (day) (place) "from" } value=(from) aria-label={ (name) ", window " (place + 1) ", from" };
                                    span { "to" }
                                    input type="time" name={ (day) (place) "to" } value=(to) aria-label={ (name) ", window " (place + 1) ", to" };
                                }
                            }
                        }
                    }
                }
                div.pair {
                    (form.number("sessionMinutes", session, (5, 480)).required())
                    (form.number("bufferMinutes", buffer, (0, 480)).required())
                    (form.number("minNoticeMinutes", minimum, (0, 43200)).required())
                    (form.number("windowDays", window, (1, 180)).required())
                    (form.number("capacity", seats, (1, 500)).required())
                }
                (exceptions(view))
                button.primary type="submit" { "Save hours" }
            }
        }
    }
}

fn exceptions(view: &AvailabilityView) -> Markup {
    html! {
        fieldset.stack #hours-exceptions {
            legend { "Days that are otherwise" }
            p.hint { "A day without times is closed. Empty the date to remove a line." }
            @for place in 0..view.exceptions.len() + 2 {
                @let (date, windows) = view.exceptions.get(place).cloned().unwrap_or_default();
                @let (from, to) = windows.first().cloned().unwrap_or_default();
                div.window {
                    input type="date" name={ "on" (place) } value=(date) aria-label={ "Day " (place + 1) };
                    input type="time" name={ "on" (place) "from" } value=(from) aria-label={ "Day " (place + 1) ", from" };
                    span { "to" }
                    input type="time" name={ "on" (place) "to" } value=(to) aria-label={ "Day " (place + 1) ", to" };
                }
                @for (more, (from, to)) in windows.iter().enumerate().skip(1) {
                    input type="hidden" name={ "on" (place) "more" (more) } value={ (from) "-" (to) };
                    p.hint { "And " (from) " to " (to) }
                }
            }
        }
    }
}

fn single(view: &AvailabilityView) -> Markup {
    let none = Errors::new();
    let form = of(view, Part::Slot, "slot", SLOT_LABELS, &none);
    let [date, start, end, seats, place] = &view.slot;
    html! {
        section.setting #slot aria-labelledby="slot-title" {
            div { h2 #slot-title { "One more time" } (form.summary(problem(view, Part::Slot))) }
            form.panel.stack action={ "/availability/slots" (view.suffix) "#slot" } method="post" {
                (form.date("date", date).required())
                div.pair {
                    (clock(form, "start", start))
                    (clock(form, "end", end))
                }
                div.pair {
                    (form.number("capacity", seats, (1, 500)).required())
                    (form.text("location", place).at_most(200).hint("Empty means online."))
                }
                button.primary type="submit" { "Open this time" }
            }
        }
    }
}

fn clock(form: Form<'_>, name: &str, value: &str) -> Markup {
    let id = format!("{}-{name}", form.id);
    let label = form.labels.iter().find(|(it, _)| *it == name).map_or(name, |(_, label)| label);
    html! {
        div.field {
            label for=(id) { (label) }
            input type="time" id=(id) name=(name) value=(value) required;
            @if let Some(problem) = form.errors.get(name) { p.field-error { (problem) } }
        }
    }
}

fn ahead(view: &AvailabilityView) -> Markup {
    html! {
        section.setting #slots aria-labelledby="slots-title" {
            div {
                h2 #slots-title { "Times ahead" }
                @if view.part == Part::Slots { (Form { id: "slots", labels: &[], errors: &view.errors }.summary(view.problem.as_deref())) }
            }
            div {
            @if view.days.is_empty() { p.soft { "Nothing is open. Set weekly hours, or open a single time." } }
            @for (day, slots) in &view.days {
                h3 { (time(day)) }
                ul.rows { @for slot in slots { (row(view, slot)) } }
            }
            }
        }
    }
}

fn row(view: &AvailabilityView, slot: &SlotRow) -> Markup {
    let (taken, all) = slot.seats;
    let action = format!("/availability/slots/{}/withdraw{}", slot.id, view.suffix);
    html! {
        li {
            div {
                p { strong { (time(&slot.when)) } @if !slot.place.is_empty() { ", " (slot.place) } }
                p.soft.small {
                    @if taken == 0 { "free" } @else { (taken) " of " (all) " taken" }
                    @for (id, name) in &slot.people { ", " a href={ "/sessions/" (id) } { (name) } }
                }
                @if !slot.instead_of.is_empty() {
                    p.small {
                        "Opened by hand, in place of what the weekly hours would have: " (slot.instead_of.join(", ")) "."
                    }
                }
            }
            @if taken == 0 {
                (button(&action, "Remove", &slot.when.label))
            } @else {
                // Only who was asked calls sessions off: a slot that looked free may have been booked meanwhile.
                @let join = if view.suffix.is_empty() { "?" } else { "&" };
                (asks_first(&format!("{action}{join}confirmed=1"), "Remove", &slot.when.label,
                    "Whoever has a seat gets a letter that the session is called off. This cannot be taken back."))
            }
        }
    }
}

fn pause(view: &AvailabilityView) -> Markup {
    let none = Errors::new();
    let form = of(view, Part::Pause, "pause", PAUSE_LABELS, &none);
    html! {
        section.setting #pause aria-labelledby="pause-title" {
            div { h2 #pause-title { "Pause" } (form.summary(problem(view, Part::Pause))) }
            div {
            @if let Some(until) = &view.paused_until {
                p { "Nobody new can book you until " (until) ". Sessions that are booked stay." }
                (button(&format!("/availability/pause{}", view.suffix), "End the pause", ""))
            } @else {
                form.panel.stack action={ "/availability/pause" (view.suffix) "#pause" } method="post" {
                    (form.date("until", "").required().hint("Sessions that are booked stay."))
                    button type="submit" { "Pause" }
                }
            }
            }
        }
    }
}

fn why(view: &AvailabilityView) -> Markup {
    let none = Errors::new();
    let form = Form { id: "why", labels: WHY_LABELS, errors: &none };
    html! {
        section.setting #why aria-labelledby="why-title" {
            div {
                h2 #why-title { "Why is a time not offered?" }
                @if let Some((when, sentence)) = &view.why { p.notice role="status" { strong { (when) ": " } (sentence) } }
            }
            form.panel.stack action="/availability#why" method="get" {
                @if let Some(id) = view.suffix.strip_prefix("?mentorId=") { input type="hidden" name="mentorId" value=(id); }
                div.pair {
                    (form.date("date", "").required())
                    (clock(form, "start", ""))
                }
                button type="submit" { "Look" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_time_says_which_weekly_ones_it_stands_in_for() {
        let slot = SlotRow { id: "7".into(), seats: (0, 1), ..SlotRow::default() };
        let drawn = |slot: &SlotRow| row(&AvailabilityView::default(), slot).into_string();
        assert!(!drawn(&slot).contains("by hand"));
        let instead_of = vec!["10:00 to 10:45".to_owned(), "11:00 to 11:45".to_owned()];
        let shown = drawn(&SlotRow { instead_of, ..slot });
        assert!(shown.contains("would have: 10:00 to 10:45, 11:00 to 11:45."), "{shown}");
    }
}
