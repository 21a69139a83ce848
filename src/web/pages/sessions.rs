//! Everybody's own sessions, in four tabs. Never decides what belongs in which; it draws what it is given.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, portrait, time};
use crate::web::pages::pieces::{button, notice};

/// Which sessions a tab holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Booked and still to come.
    #[default]
    Upcoming,
    /// Asked for and not yet answered.
    Unconfirmed,
    /// Over: held, missed, or still to be said.
    Past,
    /// Called off, declined, run out.
    Cancelled,
}

impl Tab {
    /// Every tab in order, with its word in the address and its label.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Upcoming, "upcoming", "Upcoming"),
        (Self::Unconfirmed, "unconfirmed", "Unconfirmed"),
        (Self::Past, "past", "Past"),
        (Self::Cancelled, "cancelled", "Cancelled"),
    ];

    /// The tab of this word; the first one for any other.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|(_, it, _)| *it == word).map_or(Self::Upcoming, |(tab, ..)| tab)
    }
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing about who looks, and they are independent")]
pub struct SessionsView {
    /// What has just gone well.
    pub notice: Option<&'static str>,
    /// The open tab.
    pub tab: Tab,
    /// Requests that wait for the viewer's answer.
    pub n_to_answer: usize,
    /// The sessions, in groups that each have a name: `Today`, `This week`.
    pub groups: Vec<(String, Vec<RowView>)>,
    /// The zone of the times in words.
    pub zone_label: String,
    /// Whether the viewer helps others, so that an empty page can say what to do.
    pub is_mentor: bool,
    /// Whether the viewer sees everybody's.
    pub is_everybodys: bool,
    /// Whether they may.
    pub is_staff: bool,
    /// Whether there is a calendar feed.
    pub has_feed: bool,
    /// Its address, right after it was made.
    pub feed: Option<String>,
    /// Whether there are more than are shown.
    pub has_more: bool,
}

/// One session.
#[derive(Clone, Debug, Default)]
pub struct RowView {
    /// Its id.
    pub id: String,
    /// The other side; both sides for staff.
    pub who: String,
    /// Their photo.
    pub photo_url: Option<String>,
    /// Whether the viewer helps or is helped, in words.
    pub side: &'static str,
    /// When, in the viewer's zone.
    pub when: When,
    /// The same in the other side's zone, where that is another.
    pub there: Option<String>,
    /// How it stands, in words.
    pub state: &'static str,
    /// Whether it needs something from the viewer.
    pub needs_look: bool,
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SessionsView) -> Markup {
    page(
        frame,
        html! {
            h1 { @if view.is_everybodys { "Everybody's sessions" } @else { "Sessions" } }
            (tabs(view))
            (notice(view.notice))
            @if view.is_staff {
                p {
                    @if view.is_everybodys { a href="/sessions" { "Only your own" } }
                    @else { a href="/sessions?everybody=1" { "Everybody's sessions" } }
                }
            }
            @if view.groups.iter().all(|(_, rows)| rows.is_empty()) {
                (nothing(view))
            } @else {
                p.soft.small { "Times are shown in " (view.zone_label) "." }
                @for (name, rows) in &view.groups {
                    @if !rows.is_empty() {
                        section.setting {
                            h2 { (name) }
                            ul.rows { @for row in rows { (drawn(row)) } }
                        }
                    }
                }
                @if view.has_more { p.soft { "There are more than fit here; the JSON interface lists them all." } }
            }
            @if !view.is_everybodys { (subscribe(view)) }
        },
    )
}

fn tabs(view: &SessionsView) -> Markup {
    html! {
        nav.tabs aria-label="Sessions" {
            ul {
                @for (tab, word, label) in Tab::ALL {
                    li { a href={ "/sessions?tab=" (word) @if view.is_everybodys { "&everybody=1" } }
                        aria-current=[(tab == view.tab).then_some("page")] {
                        (label)
                        @if tab == Tab::Unconfirmed && view.n_to_answer > 0 {
                            " " span.badge { (view.n_to_answer) span.unseen { " to answer" } }
                        }
                    } }
                }
            }
        }
    }
}

fn drawn(row: &RowView) -> Markup {
    html! {
        li {
            div.person {
                (portrait(&row.who, row.photo_url.as_deref()))
                div {
                    h3.person-name { a href={ "/sessions/" (row.id) } { (row.who) } }
                    p { (time(&row.when)) }
                    @if let Some(there) = &row.there { p.soft.small { "There: " (there) } }
                    @if !row.side.is_empty() { p.soft.small { (row.side) } }
                }
            }
            p { span.badge.is-off[row.needs_look] { (row.state) } }
        }
    }
}

fn subscribe(view: &SessionsView) -> Markup {
    html! {
        section.setting.subscribe #calendar aria-labelledby="calendar-title" {
            div {
                h2 #calendar-title { "In your calendar" }
                p.soft { "A secret address that your calendar program can subscribe to. Whoever has it sees your sessions." }
            }
            div.stack {
                @if let Some(url) = &view.feed {
                    div.panel.fresh.stack {
                        p { "Copy it now; it is not shown again." }
                        input readonly value=(url) aria-label="Calendar address";
                    }
                }
                div.actions {
                    (button("/sessions/calendar", if view.has_feed { "Make a new address" } else { "Make an address" }, ""))
                    @if view.has_feed { (button("/sessions/calendar/end", "End the address", "")) }
                }
            }
        }
    }
}

fn nothing(view: &SessionsView) -> Markup {
    let words = match view.tab {
        Tab::Upcoming => "No sessions ahead.",
        Tab::Unconfirmed => "No requests are waiting for an answer.",
        Tab::Past => "No session has taken place yet.",
        Tab::Cancelled => "Nothing was called off.",
    };
    html! {
        div.nothing {
            p.lead { (words) }
            @if !view.is_everybodys {
                @if view.is_mentor {
                    p { a.button href="/availability" { "Offer times" } }
                } @else {
                    p { a.button href="/search" { "Find a mentor" } }
                }
            }
        }
    }
}
