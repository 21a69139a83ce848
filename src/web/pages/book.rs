//! The last step before a session: who, when, what about. Also what is shown in its place when the time is lost.
//! Never decides whether a time can be had.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::person;

/// The form's fields in the order of the page.
const LABELS: &[(&str, &str)] =
    &[("mentee", "Mentee's e-mail address"), ("slot", "The time"), ("notes", "What would you like to discuss?")];

/// What the step shows.
#[derive(Clone, Debug, Default)]
pub struct BookView {
    /// The mentor's id.
    pub mentor_id: String,
    /// Their name.
    pub name: String,
    /// Their photo.
    pub photo_url: Option<String>,
    /// What they do, and where.
    pub work: String,
    /// The slot asked for, if it is still there to be shown.
    pub slot: Option<ChosenSlot>,
    /// Its id, or that of the slot chosen in its place.
    pub slot_id: String,
    /// The zone that times are shown in.
    pub zone: String,
    /// The same in words: `Europe/Berlin (UTC+01:00)`.
    pub zone_label: String,
    /// What was typed so far.
    pub notes: String,
    /// Unlike that of any other form: sending one twice books once.
    pub key: String,
    /// Hours that the mentor has to answer, where they accept each request.
    pub answer_hours: Option<u32>,
    /// Hours before the start in which a mentee can no longer call it off.
    pub notice_hours: u32,
    /// For staff: the address of the mentee to book for.
    pub mentee: Option<String>,
    /// What is wrong with which field.
    pub errors: Errors,
    /// What is wrong as a whole.
    pub problem: Option<String>,
    /// Address of the session that holds a seat in this slot already.
    pub held: Option<String>,
    /// Other times, where this one is lost: id and words.
    pub alternatives: Vec<(String, When)>,
}

/// The time that is about to be booked.
#[derive(Clone, Debug, Default)]
pub struct ChosenSlot {
    /// In the viewer's zone.
    pub when: When,
    /// In the mentor's zone, where that is another.
    pub there: Option<String>,
    /// Where: `Online`, or a place.
    pub place: String,
    /// `2 of 5 left`; empty where there is one place only.
    pub places: String,
}

/// Draws the step.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &BookView) -> Markup {
    let form = Form { id: "book", labels: LABELS, errors: &view.errors };
    let back = format!("/mentors/{}?tz={}", view.mentor_id, view.zone);
    page(
        frame,
        html! {
            div.narrow {
                p.back { a href=(back) { span aria-hidden="true" { "← " } "Choose another time" } }
                h1 { "Check and book" }
                (form.summary(view.problem.as_deref()))
                @if let Some(held) = &view.held { p { a.button href=(held) { "See that session" } } }
                section.panel.stack aria-labelledby="with-title" {
                    h2.unseen #with-title { "The session" }
                    (person(&view.name, view.photo_url.as_deref(), &view.work))
                    @if let Some(slot) = &view.slot { (chosen(slot, &view.zone_label)) }
                }
                form.stack action={ "/mentors/" (view.mentor_id) "/book" } method="post" {
                    input type="hidden" name="key" value=(view.key);
                    input type="hidden" name="tz" value=(view.zone);
                    @if view.alternatives.is_empty() {
                        input type="hidden" name="slot" value=(view.slot_id);
                    } @else {
                        (others(view))
                    }
                    @if let Some(mentee) = &view.mentee {
                        (form.text("mentee", mentee).required().at_most(254).hint("You book on behalf of this person."))
                    }
                    (form.area("notes", &view.notes, 5).at_most(5000)
                        .hint("A few sentences help your mentor prepare. Both of you see them."))
                    (what_next(view))
                    @if view.slot.is_some() || !view.alternatives.is_empty() {
                        button.primary type="submit" { "Book session" }
                    } @else {
                        p { (view.name) " has no other open time for now." }
                    }
                }
            }
        },
    )
}

fn chosen(slot: &ChosenSlot, zone_label: &str) -> Markup {
    html! {
        dl.facts {
            div {
                dt { "When" }
                dd {
                    strong { (time(&slot.when)) } " " span.soft { (zone_label) }
                    @if let Some(there) = &slot.there { br; span.soft.small { "For your mentor: " (there) } }
                }
            }
            div { dt { "Where" } dd { (slot.place) } }
            @if !slot.places.is_empty() { div { dt { "Places" } dd { (slot.places) } } }
        }
    }
}

fn others(view: &BookView) -> Markup {
    html! {
        fieldset.field {
            legend { "These times are open instead" }
            @for (id, when) in &view.alternatives {
                label.option {
                    input type="radio" name="slot" value=(id) required checked[*id == view.slot_id];
                    span { (time(when)) " " span.soft { (view.zone_label) } }
                }
            }
        }
    }
}

fn what_next(view: &BookView) -> Markup {
    html! {
        p.soft.small {
            @if let Some(hours) = view.answer_hours {
                (view.name) " accepts each request and has " (hours) " hours to answer. The time is kept for you until then. "
            } @else {
                "Both of you get a letter with a calendar invitation at once. "
            }
            @if view.notice_hours > 0 {
                "You can move or call off the session until " (view.notice_hours) " hours before it starts."
            }
        }
    }
}

/// What somebody sees who cannot book.
#[must_use]
pub fn render_closed(frame: &Frame<'_>, name: &str, mentor_id: &str, words: &str) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                h1 { "This cannot be booked" }
                p.lead { (words) }
                p { a.button href={ "/mentors/" (mentor_id) } { "Back to " (name) } }
            }
        },
    )
}

/// A session that has just been booked.
#[derive(Clone, Debug, Default)]
pub struct ConfirmedView {
    /// Whether the mentor has still to accept it.
    pub is_request: bool,
    /// The other person.
    pub other: String,
    /// In the viewer's zone.
    pub when: When,
    /// That zone in words.
    pub zone_label: String,
    /// The same in the other's zone, where that is another.
    pub there: Option<String>,
    /// Address of the invitation; empty for a request.
    pub invite: String,
    /// Where to meet online.
    pub meeting_url: Option<String>,
    /// Where the session is moved or called off, where the viewer may.
    pub change: Option<&'static str>,
}

/// Draws the good news.
#[must_use]
pub fn confirmed(view: &ConfirmedView) -> Markup {
    html! {
        section.panel.fresh.stack data-testid="booking-confirmed" role="status" aria-labelledby="confirmed-title" {
            h2 #confirmed-title { @if view.is_request { "Your request is on its way" } @else { "The session is booked" } }
            p {
                strong { (time(&view.when)) }
                br; span.soft { "in your time zone, " (view.zone_label) }
                @if let Some(there) = &view.there { br; span.soft { "For " (view.other) ": " (there) } }
            }
            @if view.is_request {
                p { (view.other) " will accept or decline it, and you get a letter either way." }
            } @else {
                p { "Mentor and mentee get a letter each, with a calendar invitation." }
                @if let Some(url) = &view.meeting_url {
                    p { "You meet at " a.address href=(url) rel="noreferrer" { (url) } }
                }
                p { a.button href=(view.invite) { "Add to your calendar" } }
            }
            @if let Some(change) = view.change { p { a href=(change) { "Move it or call it off" } } }
        }
    }
}
