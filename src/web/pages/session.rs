//! One session with everything that can be done about it by whoever looks. Never decides what that is.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::book::{ConfirmedView, confirmed};
use crate::web::pages::fields::{Choice, Errors, Form};
use crate::web::pages::pieces::{button, notice, person};

const LABELS: &[(&str, &str)] = &[
    ("reason", "Why?"),
    ("pauseUntil", "Take nobody new until"),
    ("rating", "How was it?"),
    ("comment", "In your words"),
    ("slot", "New time"),
];

const RATINGS: &[Choice<'static>] = &[
    Choice { value: "5", label: "5, excellent", hint: "" },
    Choice { value: "4", label: "4, good", hint: "" },
    Choice { value: "3", label: "3, fair", hint: "" },
    Choice { value: "2", label: "2, poor", hint: "" },
    Choice { value: "1", label: "1, bad", hint: "" },
];

/// What the page shows.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing can be done, and they are independent")]
pub struct SessionView {
    /// Its id.
    pub id: String,
    /// What has just gone well.
    pub notice: Option<&'static str>,
    /// The good news, right after booking.
    pub confirmed: Option<ConfirmedView>,
    /// The other side, for staff the mentee.
    pub other: PersonView,
    /// For staff: the mentor.
    pub mentor: Option<PersonView>,
    /// How it stands, in words.
    pub state: String,
    /// When, in the viewer's zone, and that zone in words.
    pub when: When,
    /// That zone in words.
    pub zone_label: String,
    /// The same in the other side's zone, where that is another.
    pub there: Option<String>,
    /// A place, or an address to click.
    pub place: String,
    /// Where to meet online.
    pub meeting_url: Option<String>,
    /// What the mentee wants to discuss.
    pub notes: String,
    /// Why it was called off.
    pub reason: Option<String>,
    /// Until when the mentor may answer, in words.
    pub answer_by: Option<String>,
    /// The notice rule in words, where it binds the viewer.
    pub notice_rule: Option<String>,
    /// What was said of it, as far as the viewer may read it: whose, rating, words.
    pub feedback: Vec<(String, u32, String)>,
    /// The rating given so far, for the form.
    pub own_rating: String,
    /// The words given so far.
    pub own_comment: String,
    /// Whether they are shared.
    pub is_shared: bool,
    /// What can be done.
    pub can_accept: bool,
    /// See `can_accept`.
    pub can_cancel: bool,
    /// See `can_accept`.
    pub can_move: bool,
    /// See `can_accept`.
    pub can_complete: bool,
    /// See `can_accept`.
    pub can_report_mentor: bool,
    /// See `can_accept`.
    pub can_undo: bool,
    /// See `can_accept`.
    pub can_rate: bool,
    /// Whether calendars can take it.
    pub has_invite: bool,
    /// What is wrong with which field.
    pub errors: Errors,
    /// What is wrong as a whole.
    pub problem: Option<String>,
    /// What was typed as a reason.
    pub typed_reason: String,
    /// The day typed for a pause.
    pub typed_pause: String,
}

/// A person on the page.
#[derive(Clone, Debug, Default)]
pub struct PersonView {
    /// The name.
    pub name: String,
    /// The photo.
    pub photo_url: Option<String>,
    /// What they do, and where.
    pub work: String,
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SessionView) -> Markup {
    let form = Form { id: "session", labels: LABELS, errors: &view.errors };
    page(
        frame,
        html! {
            p.back { a href="/sessions" { span aria-hidden="true" { "← " } "All sessions" } }
            h1 { "Session with " (view.other.name) }
            (notice(view.notice))
            (form.summary(view.problem.as_deref()))
            div.settings {
                @if let Some(news) = &view.confirmed { (confirmed(news)) }
                (facts(view))
                @if view.can_accept { (answer(view, form)) }
                @if view.can_complete || view.can_report_mentor { (how_it_went(view)) }
                @if view.can_rate { (rate(view, form)) }
                @if !view.feedback.is_empty() { (said(view)) }
                @if view.can_move || view.can_cancel || view.notice_rule.is_some() { (change(view, form)) }
                @if view.can_undo {
                    (button(&format!("/sessions/{}/undo", view.id), "Take back how it went", ""))
                }
            }
        },
    )
}

fn facts(view: &SessionView) -> Markup {
    html! {
        section.panel.stack aria-labelledby="facts-title" {
            h2.unseen #facts-title { "The session" }
            (person(&view.other.name, view.other.photo_url.as_deref(), &view.other.work))
            @if let Some(mentor) = &view.mentor { (person(&mentor.name, mentor.photo_url.as_deref(), &mentor.work)) }
            dl.facts {
                div { dt { "State" } dd { span.badge { (view.state) } } }
                div {
                    dt { "When" }
                    dd {
                        strong { (time(&view.when)) } " " span.soft { (view.zone_label) }
                        @if let Some(there) = &view.there { br; span.soft.small { "For " (view.other.name) ": " (there) } }
                    }
                }
                div {
                    dt { "Where" }
                    dd {
                        @if let Some(url) = &view.meeting_url { a.address href=(url) rel="noreferrer" { (url) } }
                        @else { (view.place) }
                    }
                }
                @if !view.notes.is_empty() {
                    div { dt { "To discuss" } dd { @for line in view.notes.lines() { (line) br; } } }
                }
                @if let Some(reason) = &view.reason { div { dt { "Reason" } dd { (reason) } } }
                @if let Some(by) = &view.answer_by { div { dt { "Answer by" } dd { (by) } } }
            }
            @if view.has_invite {
                p { a.button href={ "/api/sessions/" (view.id) "/invite.ics" } { "Add to your calendar" } }
            }
        }
    }
}

fn answer(view: &SessionView, form: Form<'_>) -> Markup {
    html! {
        section.setting aria-labelledby="answer-title" {
            h2 #answer-title { "Your answer" }
            div.stack {
            form action={ "/sessions/" (view.id) "/accept" } method="post" {
                button.primary type="submit" { "Accept" }
            }
            details.asks-first open[!view.errors.is_empty()] {
                summary { "Decline" }
                form action={ "/sessions/" (view.id) "/decline" } method="post" {
                    (form.area("reason", &view.typed_reason, 2).at_most(1000).hint("May be left empty. The mentee reads it."))
                    (form.date("pauseUntil", &view.typed_pause).hint("May be left empty. Until that day nobody can book you."))
                    button.danger type="submit" { "Decline" }
                }
            }
            }
        }
    }
}

fn how_it_went(view: &SessionView) -> Markup {
    // One of the three ends the session for good, so a slip must not be enough.
    let answer = |verb: &str, party: Option<&str>, label: &str, consequence: &str| {
        html! {
            details.asks-first {
                summary { (label) }
                form action={ "/sessions/" (view.id) "/" (verb) } method="post" {
                    @if let Some(party) = party { input type="hidden" name="party" value=(party); }
                    p { (consequence) " Only those who run the program can take it back." }
                    button type="submit" { "Yes: " (label) }
                }
            }
        }
    };
    html! {
        section.setting aria-labelledby="went-title" {
            h2 #went-title { "How did it go?" }
            div.stack {
                @if view.can_complete {
                    (answer("complete", None, "it took place", "Both of you are asked how it was."))
                    (answer("no-show", Some("mentee"), "the mentee did not come", "The session counts as missed."))
                }
                (answer("no-show", Some("mentor"), "the mentor did not come", "The session counts as missed."))
            }
        }
    }
}

fn rate(view: &SessionView, form: Form<'_>) -> Markup {
    html! {
        section.setting aria-labelledby="rate-title" {
            h2 #rate-title { "Your feedback" }
            form.stack action={ "/sessions/" (view.id) "/feedback" } method="post" {
                (form.radios("rating", RATINGS, &view.own_rating))
                (form.area("comment", &view.own_comment, 3).at_most(2000).hint("May be left empty."))
                (form.tick("share", "The other side may read this", view.is_shared))
                button.primary type="submit" { @if view.own_rating.is_empty() { "Send feedback" } @else { "Replace feedback" } }
            }
        }
    }
}

fn said(view: &SessionView) -> Markup {
    html! {
        section.setting aria-labelledby="said-title" {
            h2 #said-title { "What was said" }
            ul.rows {
                @for (whose, rating, words) in &view.feedback {
                    li { div { p { strong { (whose) } ": " (rating) " of 5" } @if !words.is_empty() { p { (words) } } } }
                }
            }
        }
    }
}

fn change(view: &SessionView, form: Form<'_>) -> Markup {
    html! {
        section.setting aria-labelledby="change-title" {
            h2 #change-title { "Does something come up?" }
            div.stack {
            @if let Some(rule) = &view.notice_rule { p.soft { (rule) } }
            @if view.can_move { p { a.button href={ "/sessions/" (view.id) "/move" } { "Choose another time" } } }
            @if view.can_cancel {
                details.asks-first open[view.errors.contains_key("reason")] {
                    summary { "Call it off" }
                    form action={ "/sessions/" (view.id) "/cancel" } method="post" {
                        (form.area("reason", &view.typed_reason, 2).required().at_most(1000).hint("The other side reads it."))
                        button.danger type="submit" { "Call it off" }
                    }
                }
            }
            }
        }
    }
}

/// What the page with other times shows.
#[derive(Clone, Debug, Default)]
pub struct MoveView {
    /// The session's id.
    pub id: String,
    /// The other side.
    pub other: String,
    /// When it is now.
    pub now: When,
    /// The zone of the times in words.
    pub zone_label: String,
    /// Open times by day: id and words.
    pub days: Vec<(When, Vec<(String, When)>)>,
    /// What is wrong.
    pub problem: Option<String>,
}

/// Draws the choice of another time.
#[must_use]
pub fn render_move(frame: &Frame<'_>, view: &MoveView) -> Markup {
    let errors = Errors::new();
    let form = Form { id: "move", labels: LABELS, errors: &errors };
    page(
        frame,
        html! {
            div.narrow {
                p.back { a href={ "/sessions/" (view.id) } { span aria-hidden="true" { "← " } "Back to the session" } }
                h1 { "Choose another time" }
                (form.summary(view.problem.as_deref()))
                p { "Your session with " (view.other) " is " strong { (time(&view.now)) } " now. It keeps that time until you have another." }
                @if view.days.is_empty() {
                    p.lead { "There is no other open time for now." }
                } @else {
                    p.soft.small { "Times are shown in " (view.zone_label) "." }
                    form.stack action={ "/sessions/" (view.id) "/move" } method="post" {
                        @for (day, slots) in &view.days {
                            fieldset.field {
                                legend { (time(day)) }
                                @for (id, when) in slots {
                                    label.option data-testid="slot" {
                                        input type="radio" name="slot" value=(id) required;
                                        span { (time(when)) }
                                    }
                                }
                            }
                        }
                        button.primary type="submit" { "Move the session" }
                    }
                }
            }
        },
    )
}
