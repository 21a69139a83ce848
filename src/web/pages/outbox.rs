//! The letters for those who run the program: what was sent, what waits, what was given up on and why.
//! Never embeds a letter's HTML: its words are shown as text.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::mail::State;
use crate::web::layout::{Frame, When, page, time};

/// What the list shows.
#[derive(Clone, Debug, Default)]
pub struct OutboxView {
    /// What has just gone well: `The letter is tried again.`
    pub notice: Option<String>,
    /// Only letters in this state.
    pub state: Option<State>,
    /// Only letters of this kind; blank for all.
    pub kind: String,
    /// Whether letters are laid down as files, as there is no mail server.
    pub is_folder: bool,
    /// The letters that fit, newest first.
    pub letters: Vec<LineView>,
    /// The last letter's id, where older ones follow.
    pub next_before: Option<String>,
}

/// One letter in the list.
#[derive(Clone, Debug)]
pub struct LineView {
    /// Its place in the outbox.
    pub id: i64,
    /// One line.
    pub subject: String,
    /// The recipient's address.
    pub recipient: String,
    /// What it is for: `verify_email`.
    pub kind: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub n_attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub queued: When,
    /// When it is tried next, for one that waits.
    pub due: Option<When>,
    /// When it went out.
    pub sent: Option<When>,
}

/// What one letter's own page shows.
#[derive(Clone, Debug)]
pub struct LetterView {
    /// The letter.
    pub line: LineView,
    /// The recipient's name.
    pub recipient_name: String,
    /// Its words, or why they are not shown.
    pub words: WordsView,
}

/// A letter's words on its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordsView {
    /// Plain text.
    Text(String),
    /// They held a link that lets its reader in, and were wiped once the letter was sent.
    Wiped,
    /// They hold such a link, which only admins may see.
    ForAdmins,
}

/// Draws the list.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &OutboxView) -> Markup {
    page(
        frame,
        html! {
            (super::admin::head(frame, "Letters"))
            @if let Some(notice) = &view.notice { p.notice role="status" { (notice) } }
            @if view.is_folder {
                p.notice {
                    "There is no mail server in the settings, so letters go nowhere by themselves: they lie in the data "
                    "directory, under " code { "mail/" } ". Open one here to pass its words on."
                }
            }
            (sieve(view))
            @if view.letters.is_empty() {
                p.lead { (nothing(view)) }
            } @else {
                ul.rows { @for letter in &view.letters { (row(letter)) } }
            }
            @if let Some(before) = &view.next_before {
                p.paging { a.button href=(address(view.state, &view.kind, before)) { "Older letters" } }
            }
        },
    )
}

/// Draws the ways to narrow the list; links, so that each can be bookmarked.
fn sieve(view: &OutboxView) -> Markup {
    let choices = [None, Some(State::Queued), Some(State::Sent), Some(State::Dead)];
    html! {
        nav.tabs aria-label="Letters by state" {
            ul {
                @for state in choices {
                    li {
                        a href=(address(state, &view.kind, "")) aria-current=[(state == view.state).then_some("page")] {
                            (state.map_or("All", state_words))
                        }
                    }
                }
            }
        }
        @if !view.kind.is_empty() {
            ul.chips {
                li {
                    a.chip href=(address(view.state, "", "")) {
                        (kind_words(&view.kind)) " " span.unseen { "(show every kind)" } span aria-hidden="true" { "×" }
                    }
                }
            }
        }
    }
}

fn nothing(view: &OutboxView) -> &'static str {
    match view.state {
        _ if !view.kind.is_empty() => "There is no such letter.",
        None => "No letter has been written yet.",
        Some(State::Queued) => "No letter waits.",
        Some(State::Sent) => "No letter has been sent yet.",
        Some(State::Dead) => "No letter was given up on. Good.",
    }
}

/// Returns the list's address with what it is narrowed by.
fn address(state: Option<State>, kind: &str, before: &str) -> String {
    let pairs = [("state", state.map_or("", State::name)), ("kind", kind), ("before", before)];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { "/admin/outbox".to_owned() } else { format!("/admin/outbox?{query}") }
}

/// Returns what people call a state.
#[must_use]
pub const fn state_words(state: State) -> &'static str {
    match state {
        State::Queued => "Waiting",
        State::Sent => "Sent",
        State::Dead => "Given up on",
    }
}

/// Returns `verify_email` as `Verify email`.
fn kind_words(kind: &str) -> String {
    let words = kind.replace('_', " ");
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn row(letter: &LineView) -> Markup {
    html! {
        li {
            div {
                h2.subject { a href={ "/admin/outbox/" (letter.id) } { bdi { (letter.subject) } } }
                p.soft.small { "To " bdi { (letter.recipient) } " · " (kind_words(&letter.kind)) " · " (time(&letter.queued)) }
                (trouble(letter))
            }
            (badge(letter.state))
            (retry(letter))
        }
    }
}

fn badge(state: State) -> Markup {
    let is_off = state == State::Dead;
    html! { span.badge.is-off[is_off] { (state_words(state)) } }
}

/// Draws why a letter is not sent yet.
fn trouble(letter: &LineView) -> Markup {
    html! {
        @if letter.state != State::Sent && letter.n_attempts > 0 {
            p.small {
                "Tried " (letter.n_attempts) @if letter.n_attempts == 1 { " time" } @else { " times" } "."
                @if let Some(due) = &letter.due { " Next try " (time(due)) "." }
                @if let Some(error) = &letter.last_error { " " bdi { (error) } }
            }
        }
    }
}

fn retry(letter: &LineView) -> Markup {
    html! {
        @if letter.state == State::Dead {
            form action={ "/admin/outbox/" (letter.id) "/retry" } method="post" {
                button.quiet type="submit" { "Try again" span.unseen { " to send " (letter.subject) } }
            }
        }
    }
}

/// Draws one letter's own page.
#[must_use]
pub fn render_letter(frame: &Frame<'_>, view: &LetterView) -> Markup {
    let letter = &view.line;
    page(
        frame,
        html! {
            p.back { a href="/admin/outbox" { "← All letters" } }
            h1 { bdi { (letter.subject) } }
            dl.facts {
                div { dt { "To" } dd { bdi { (view.recipient_name) } " " code { (letter.recipient) } } }
                div { dt { "Kind" } dd { a href=(address(None, &letter.kind, "")) { (kind_words(&letter.kind)) } } }
                div { dt { "State" } dd { (badge(letter.state)) } }
                div { dt { "Queued" } dd { (time(&letter.queued)) } }
                @if let Some(sent) = &letter.sent { div { dt { "Sent" } dd { (time(sent)) } } }
            }
            (trouble(letter))
            (retry(letter))
            section.panel.stack aria-labelledby="words" {
                h2 #words { "What it says" }
                (words(&view.words))
            }
        },
    )
}

fn words(words: &WordsView) -> Markup {
    html! {
        @match words {
            WordsView::Text(text) => {
                @for paragraph in text.split("\n\n").filter(|it| !it.trim().is_empty()) {
                    p {
                        @for (place, line) in paragraph.lines().enumerate() {
                            @if place > 0 { br; }
                            (line)
                        }
                    }
                }
            }
            WordsView::Wiped => { p.soft { "It held a link that lets its reader in, so its words were wiped once it was sent." } }
            WordsView::ForAdmins => { p.soft { "It holds a link that lets its reader in, so only admins see its words." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn line(state: State) -> LineView {
        let when = |label: &str| When { iso: "2030-03-04T09:00:00Z".into(), label: label.into() };
        LineView {
            id: 7,
            subject: "Hello <b>Bo</b>".into(),
            recipient: "bo@example.org".into(),
            kind: "verify_email".into(),
            state,
            n_attempts: 2,
            last_error: Some("The mail server refused the recipient: <550>".into()),
            queued: when("Mon 4 Mar, 09:00"),
            due: (state == State::Queued).then(|| when("in a minute")),
            sent: (state == State::Sent).then(|| when("Mon 4 Mar, 09:01")),
        }
    }

    fn drawn(path: &str, draw: impl Fn(&Frame<'_>) -> Markup) -> String {
        let viewer = Viewer { name: "Pam".into(), role: "pm".into() };
        draw(&Frame { title: "Letters", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }).into_string()
    }

    fn list(view: &OutboxView) -> String {
        drawn("/admin/outbox", |frame| render(frame, view))
    }

    #[test]
    fn each_state_is_said_in_words_and_only_the_dead_can_be_tried_again() {
        for (state, words, n_forms) in
            [(State::Queued, "Waiting", 0), (State::Sent, "Sent", 0), (State::Dead, "Given up on", 1)]
        {
            let document = list(&OutboxView { letters: vec![line(state)], ..OutboxView::default() });
            assert!(document.contains(&format!(">{words}</span>")), "{document}");
            assert_eq!(
                document.matches("action=\"/admin/outbox/7/retry\" method=\"post\"").count(),
                n_forms,
                "{state:?}"
            );
            assert_eq!(document.contains("Tried 2 times."), state != State::Sent);
            assert!(document.contains("Hello &lt;b&gt;Bo&lt;/b&gt;") && !document.contains("<550>"), "{document}");
        }
    }

    #[test]
    fn an_empty_list_says_what_it_is_empty_of() {
        let of = |state| list(&OutboxView { state, ..OutboxView::default() });
        assert!(of(None).contains("No letter has been written yet."));
        assert!(of(Some(State::Dead)).contains("No letter was given up on."));
        assert!(of(Some(State::Dead)).contains("href=\"/admin/outbox?state=dead\" aria-current=\"page\""));
        assert!(
            list(&OutboxView { kind: "x\"<y".into(), ..OutboxView::default() }).contains("There is no such letter.")
        );
    }

    #[test]
    fn the_next_page_keeps_what_the_list_is_narrowed_by() {
        let view = OutboxView {
            state: Some(State::Sent),
            kind: "a&b".into(),
            letters: vec![line(State::Sent)],
            next_before: Some("7".into()),
            ..OutboxView::default()
        };
        assert!(
            list(&view).contains("href=\"/admin/outbox?state=sent&amp;kind=a%26b&amp;before=7\""),
            "{}",
            list(&view)
        );
    }

    #[test]
    fn a_letter_is_shown_as_text_or_not_at_all() {
        let show = |words| {
            let view = LetterView { line: line(State::Sent), recipient_name: "Bo <script>".into(), words };
            drawn("/admin/outbox/7", |frame| render_letter(frame, &view))
        };
        let document = show(WordsView::Text("Hello <script>\nBo\n\nhttps://tandem.test/x".into()));
        assert!(document.contains("<p>Hello &lt;script&gt;<br>Bo</p><p>https://tandem.test/x</p>"), "{document}");
        assert!(document.contains("Bo &lt;script&gt;"));
        assert!(show(WordsView::Wiped).contains("wiped once it was sent"));
        assert!(show(WordsView::ForAdmins).contains("only admins"));
    }
}
