//! The pages about programs that are told what happens: those there are, one of them with its letters, the form
//! for another. Never shows a secret but the one that was just made.

use maud::{Markup, html};
use url::{Position, Url};

use super::admin::head;
use super::fields::{Choice, Errors, Form};
use super::pieces::{asks_first, button, notice};
use crate::hooks::{KINDS, PING, State};
use crate::web::layout::{Frame, When, page, time};

/// What the list shows.
#[derive(Clone, Debug, Default)]
pub struct HooksView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// Whether addresses inside one's own network are called.
    pub allow_private: bool,
    /// The hooks there are, the oldest first.
    pub hooks: Vec<HookView>,
    /// The form for another.
    pub form: HookForm,
}

/// The form for a hook.
#[derive(Clone, Debug, Default)]
pub struct HookForm {
    /// The address typed before.
    pub url: String,
    /// The events ticked before.
    pub events: Vec<String>,
    /// What is wrong: `url`, `events`.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// One hook.
#[derive(Clone, Debug, Default)]
pub struct HookView {
    /// Its id.
    pub id: String,
    /// Where it is told.
    pub url: String,
    /// What it hears of; empty for everything.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub is_active: bool,
    /// Whether it was switched off because it failed for days.
    pub is_given_up: bool,
    /// Since when every try fails.
    pub failing_since: Option<When>,
    /// When it was last tried.
    pub last: Option<When>,
    /// Why that failed; `None` where it did not.
    pub last_error: Option<String>,
    /// Letters that wait.
    pub n_queued: u64,
    /// Letters that were given up on.
    pub n_dead: u64,
}

/// One hook's own page.
#[derive(Clone, Debug, Default)]
pub struct HookPage {
    /// What has just gone well.
    pub notice: Option<String>,
    /// A secret just made; shown this once.
    pub secret: Option<String>,
    /// The hook.
    pub hook: HookView,
    /// The form that changes it.
    pub form: HookForm,
    /// Its letters, the newest event first.
    pub letters: Vec<LetterLine>,
    /// The last letter's event, where older ones follow.
    pub next_before: Option<String>,
}

/// One letter in the list.
#[derive(Clone, Debug)]
pub struct LetterLine {
    /// Its place.
    pub id: i64,
    /// The event's id, which the receiver sees.
    pub event: i64,
    /// What it is about.
    pub kind: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub n_attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub written: When,
    /// When it is tried next, for one that waits.
    pub due: Option<When>,
}

const LABELS: &[(&str, &str)] = &[("url", "Address"), ("events", "Events")];

/// Draws the list.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &HooksView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Webhooks"))
            (notice(view.notice.as_deref()))
            p.lead { "Other programs can be told what happens here: each event is posted to their address as signed JSON." }
            details.invite open[view.form.problem.is_some() || !view.form.errors.is_empty()] {
                summary { "Add a webhook" }
                (form("/admin/hooks", "new", "Add the webhook", &view.form, view.allow_private))
            }
            @if view.hooks.is_empty() {
                p.panel { "No program is told anything yet." }
            } @else {
                ul.rows { @for hook in &view.hooks { (row(hook)) } }
            }
        },
    )
}

fn form(action: &str, id: &str, label: &str, view: &HookForm, allow_private: bool) -> Markup {
    let form = Form { id, labels: LABELS, errors: &view.errors };
    let kinds: Vec<_> =
        KINDS.iter().map(|kind| Choice { value: kind.name, label: kind.name, hint: kind.words }).collect();
    let hint =
        if allow_private { "It may lie in your own network." } else { "It must begin with https:// and be public." };
    html! {
        form.panel.stack action=(action) method="post" {
            (form.summary(view.problem.as_deref()))
            (form.url("url", &view.url).hint(hint).required().autocomplete("off"))
            p.soft { "Tick the events it is to hear of, or none to let it hear of all, those of later versions too." }
            (form.checkboxes("events", &kinds, &view.events))
            p { button.primary type="submit" { (label) } }
        }
    }
}

fn row(hook: &HookView) -> Markup {
    html! {
        li {
            div {
                h2.subject { a.address href={ "/admin/hooks/" (hook.id) } { bdi { (hook.url) } } }
                p.soft.small { (hears(&hook.events)) }
                (standing(hook))
            }
            (badge(hook))
            (button(&format!("/admin/hooks/{}/test", hook.id), "Test", &hook.url))
        }
    }
}

fn hears(events: &[String]) -> String {
    if events.is_empty() { "Hears of everything".to_owned() } else { format!("Hears of {}", events.join(", ")) }
}

fn badge(hook: &HookView) -> Markup {
    let words = match hook {
        HookView { is_given_up: true, .. } => "Switched off: it kept failing",
        HookView { is_active: false, .. } => "Off",
        HookView { failing_since: Some(_), .. } => "Failing",
        _ => "On",
    };
    html! { span.badge.is-off[words != "On"] { (words) } }
}

/// Draws what came of the last try, and what is left to do.
fn standing(hook: &HookView) -> Markup {
    html! {
        p.small {
            @match (&hook.last, &hook.last_error) {
                (None, _) => "Not tried yet.",
                (Some(last), None) => { "Last told " (time(last)) "." }
                (Some(last), Some(error)) => { "Last try " (time(last)) ": " bdi { (error) } }
            }
            @if let Some(since) = &hook.failing_since { " Nothing has got through since " (time(since)) "." }
            @if hook.n_queued > 0 { " " (hook.n_queued) " waiting." }
            @if hook.n_dead > 0 { " " (hook.n_dead) " given up on." }
        }
    }
}

/// Names a hook by the host that is told, so that the tabs of several can be told apart.
#[must_use]
pub fn title(url: &str) -> String {
    // What stands before the host may be a password, and what comes after the port a secret.
    let host = Url::parse(url).ok().map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned());
    host.filter(|host| !host.is_empty()).map_or_else(|| "A webhook".to_owned(), |host| format!("Webhook to {host}"))
}

/// Draws one hook's own page.
#[must_use]
pub fn render_hook(frame: &Frame<'_>, view: &HookPage, allow_private: bool) -> Markup {
    let hook = &view.hook;
    let at = |verb: &str| format!("/admin/hooks/{}/{verb}", hook.id);
    page(
        frame,
        html! {
            p.back { a href="/admin/hooks" { "← All webhooks" } }
            h1 { (title(&hook.url)) }
            (notice(view.notice.as_deref()))
            div.settings {
                @if let Some(secret) = &view.secret { (fresh(secret)) }
                section.panel.stack aria-labelledby="hook-title" {
                    h2.subject #hook-title { code { (hook.url) } }
                    p.soft { (hears(&hook.events)) "." }
                    p { (badge(hook)) }
                    (standing(hook))
                    @if !hook.is_active { p.soft { "What happens while it is off it never hears of. What waits goes out once it is on again." } }
                    div.actions {
                        (button(&at("test"), "Send a test", ""))
                        form action=(at("switch")) method="post" {
                            input type="hidden" name="active" value=(!hook.is_active);
                            button.quiet type="submit" { @if hook.is_active { "Switch off" } @else { "Switch on" } }
                        }
                    }
                    (asks_first(&at("secret"), "Make a new secret", "",
                        "The secret of now stops signing at once: the receiver refuses everything until it knows the new one."))
                    (asks_first(&at("remove"), "Remove", "", "It is told nothing more, and the list of what it was told goes with it."))
                }
                section.setting aria-labelledby="letters-title" {
                    div { h2 #letters-title { "What it was told" } p.soft { "What was taken stays listed for 30 days, without its words." } }
                    div.panel.stack { (letters(view)) }
                }
                section.setting aria-labelledby="change-title" {
                    div { h2 #change-title { "Change it" } p.soft { "What waits goes to the new address." } }
                    (form(&format!("/admin/hooks/{}", hook.id), "change", "Save", &view.form, allow_private))
                }
            }
        },
    )
}

/// Draws a secret just made, in a box to copy from.
fn fresh(secret: &str) -> Markup {
    html! {
        section.panel.stack.fresh aria-labelledby="fresh-title" {
            h2 #fresh-title tabindex="-1" { "The secret of this webhook" }
            p { "Give it to the receiver now: it will not be shown again." }
            div.with-button {
                input #fresh-secret type="text" value=(secret) readonly aria-labelledby="fresh-title" autocomplete="off" spellcheck="false" autofocus;
                // The script reveals this button; without the script it would do nothing.
                button.quiet type="button" hidden data-copies="fresh-secret" aria-live="polite" { "Copy" }
            }
            p.small.soft {
                "Each post has a header " code { "x-tandem-signature" } ": the HMAC-SHA-256 of the body’s very bytes under this secret, in "
                "small hexadecimal digits. What does not match did not come from here."
            }
        }
    }
}

fn letters(view: &HookPage) -> Markup {
    html! {
        @if view.letters.is_empty() { p.soft { "Nothing yet." } } @else {
            ul.rows { @for letter in &view.letters { (letter_row(letter)) } }
        }
        @if let Some(before) = &view.next_before {
            p { a.button href={ "/admin/hooks/" (view.hook.id) "?before=" (before) } { "Older events" } }
        }
    }
}

fn letter_row(letter: &LetterLine) -> Markup {
    let (words, is_off) = match letter.state {
        State::Queued => ("Waiting", false),
        State::Sent => ("Taken", false),
        State::Dead => ("Given up on", true),
    };
    html! {
        li {
            div {
                p { b { (letter.kind) } }
                p.soft.small { "Event " (letter.event) " · " (time(&letter.written)) }
                @if letter.state != State::Sent && letter.n_attempts > 0 {
                    p.small {
                        "Tried " (letter.n_attempts) @if letter.n_attempts == 1 { " time" } @else { " times" } "."
                        @if let Some(due) = &letter.due { " Next try " (time(due)) "." }
                        @if let Some(error) = &letter.last_error { " " bdi { (error) } }
                    }
                }
            }
            span.badge.is-off[is_off] { (words) }
            @if letter.state == State::Dead && letter.kind != PING {
                (button(&format!("/admin/hooks/letters/{}/retry", letter.id), "Try again", &format!("to tell of event {}", letter.event)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(draw: impl Fn(&Frame<'_>) -> Markup) -> String {
        let viewer = Viewer { name: "Al".into(), role: "admin".into() };
        let path = "/admin/hooks";
        draw(&Frame { title: "Webhooks", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" })
            .into_string()
    }

    fn hook() -> HookView {
        HookView { id: "7".into(), url: "https://a.example/?<b>".into(), is_active: true, ..HookView::default() }
    }

    fn when() -> When {
        When { iso: "2030-03-04T09:00:00Z".into(), label: "4 Mar 2030, 10:00".into() }
    }

    #[test]
    fn each_state_of_a_hook_is_said_in_words() {
        let shown = |hook: HookView| {
            drawn(|frame| render(frame, &HooksView { hooks: vec![hook.clone()], ..HooksView::default() }))
        };
        assert!(shown(hook()).contains(">On</span>") && shown(hook()).contains("Not tried yet."));
        assert!(
            shown(hook()).contains("https://a.example/?&lt;b&gt;") && shown(hook()).contains("Hears of everything")
        );
        assert!(shown(HookView { is_active: false, ..hook() }).contains(">Off</span>"));
        let given_up = HookView { is_active: false, is_given_up: true, n_dead: 3, ..hook() };
        assert!(shown(given_up.clone()).contains("it kept failing") && shown(given_up).contains("3 given up on."));
        let failing = HookView {
            failing_since: Some(when()),
            last: Some(when()),
            last_error: Some("The answer was <500>.".into()),
            ..hook()
        };
        assert!(shown(failing.clone()).contains(">Failing</span>") && shown(failing).contains("&lt;500&gt;"));
    }

    #[test]
    fn a_hook_is_called_after_its_host_and_nothing_else_of_its_address() {
        assert_eq!(title("https://hooks.a.example:8443/in?token=abc"), "Webhook to hooks.a.example:8443");
        assert_eq!(title("https://bo:secret@a.example?x"), "Webhook to a.example");
        assert_eq!(title("http://[::1]:9/"), "Webhook to [::1]:9");
        assert_eq!(title(""), "A webhook");
        let document = drawn(|frame| render_hook(frame, &HookPage { hook: hook(), ..HookPage::default() }, false));
        assert!(document.contains("<h1>Webhook to a.example</h1>"), "{document}");
    }

    #[test]
    fn a_refused_form_stays_open_with_what_was_typed() {
        let errors = [("url".to_owned(), "must begin with https://".to_owned())].into();
        let form = HookForm { url: "http://x\"".into(), events: vec!["session.booked".into()], errors, problem: None };
        let document = drawn(|frame| render(frame, &HooksView { form: form.clone(), ..HooksView::default() }));
        assert!(document.contains("<details class=\"invite\" open>"), "{document}");
        assert!(document.contains("value=\"http://x&quot;\"") && document.contains("href=\"#new-url\""));
        assert!(document.contains("value=\"session.booked\" checked") && document.contains("No program is told"));
    }

    #[test]
    fn a_secret_is_shown_only_when_it_was_just_made_and_only_the_dead_are_tried_again() {
        let letter = |id, state, kind: &str| LetterLine {
            id,
            event: 40 + id,
            kind: kind.into(),
            state,
            n_attempts: 2,
            last_error: Some("The answer was 500.".into()),
            written: when(),
            due: None,
        };
        let letters = vec![
            letter(1, State::Dead, "session.booked"),
            letter(2, State::Sent, "session.booked"),
            letter(3, State::Dead, PING),
        ];
        let view = HookPage { hook: hook(), letters, secret: Some("abc<".into()), ..HookPage::default() };
        let document = drawn(|frame| render_hook(frame, &view, false));
        assert!(document.contains("value=\"abc&lt;\" readonly"), "{document}");
        assert_eq!(document.matches("/retry\"").count(), 1);
        assert!(document.contains("action=\"/admin/hooks/letters/1/retry\" method=\"post\""));
        assert_eq!(document.matches("The answer was 500.").count(), 2, "what was taken has no trouble to tell of");
        let without = drawn(|frame| render_hook(frame, &HookPage { hook: hook(), ..HookPage::default() }, false));
        assert!(!without.contains("fresh-secret") && without.contains("Nothing yet."));
    }
}
