//! The audit log for people: who changed what, when, from where, and what it was before.
//! Reading changes nothing, and there is nothing here to change it with.

use form_urlencoded::Serializer;
use maud::{Markup, html};
use serde_json::Value;

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::admin::head;
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::table;

/// What the address of the log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A kind such as `user.role_changed`, or what stands before its dot.
    pub kind: String,
    /// Who did it: an account's id or address.
    pub actor: String,
    /// The id of what it happened to.
    pub entity_id: String,
    /// From this day on: `2030-03-05`.
    pub from: String,
    /// Up to and with this day.
    pub to: String,
    /// Only entries before this one; blank for the newest.
    pub before: String,
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct AuditView {
    /// What is asked for.
    pub asked: Asked,
    /// The kinds to suggest.
    pub kinds: Vec<String>,
    /// The entries that fit, newest first.
    pub events: Vec<EventView>,
    /// The last entry's id, where older ones follow.
    pub next_before: Option<String>,
    /// The time zone of all times here.
    pub zone: String,
    /// What is wrong with what is asked: `actor`, `from`, `to`.
    pub errors: Errors,
}

/// One entry.
#[derive(Clone, Debug, Default)]
pub struct EventView {
    /// When.
    pub when: When,
    /// The id and the name of the account that did it; none for Tandem itself and for people without one.
    pub actor: Option<(String, String)>,
    /// From where: a network address, or `command`, `airtable`, `worker`.
    pub address: String,
    /// What: `user.role_changed`.
    pub kind: String,
    /// The kind of thing it happened to: `user`.
    pub entity: String,
    /// Which.
    pub entity_id: String,
    /// What that thing is called today, where it has a name.
    pub entity_name: Option<String>,
    /// What changed; `changes` reads it from the entry.
    pub changes: Vec<ChangeView>,
}

/// One value that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeView {
    /// What it is a value of: `role`.
    pub field: String,
    /// What it was, if anything.
    pub before: Option<String>,
    /// What it is now, if anything.
    pub after: Option<String>,
}

const LABELS: &[(&str, &str)] =
    &[("kind", "Kind"), ("actor", "By (e-mail or id)"), ("entityId", "About (id)"), ("from", "From"), ("to", "To")];

impl Asked {
    /// Reads the query part of an address.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match name.as_ref() {
                "kind" => &mut asked.kind,
                "actor" => &mut asked.actor,
                "entityId" => &mut asked.entity_id,
                "from" => &mut asked.from,
                "to" => &mut asked.to,
                "before" => &mut asked.before,
                _ => continue,
            };
            value.trim().clone_into(field);
        }
        asked
    }

    /// Returns the address of this part of the log; with `.csv` that of the same as a file.
    #[must_use]
    pub fn address(&self, ending: &str) -> String {
        let pairs = [
            ("kind", &self.kind),
            ("actor", &self.actor),
            ("entityId", &self.entity_id),
            ("from", &self.from),
            ("to", &self.to),
            ("before", &self.before),
        ];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/admin/audit{ending}{mark}{query}")
    }
}

/// Returns `user.role_changed` as `User: role changed`.
#[must_use]
pub fn kind_words(kind: &str) -> String {
    let (thing, happened) = kind.split_once('.').unwrap_or(("", kind));
    let words = if thing.is_empty() { happened.to_owned() } else { format!("{thing}: {happened}") }.replace('_', " ");
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Returns an entry's `{"before": …, "after": …}` value by value, in the order of their names.
#[must_use]
pub fn changes(change: &Value) -> Vec<ChangeView> {
    let (before, after) = (&change["before"], &change["after"]);
    let named = |value: &Value| value.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut fields = [named(before), named(after)].concat();
    fields.sort();
    fields.dedup();
    if fields.is_empty() {
        let (before, after) = (spoken(before), spoken(after));
        let has_any = before.is_some() || after.is_some();
        return has_any.then_some(ChangeView { field: String::new(), before, after }).into_iter().collect();
    }
    fields
        .into_iter()
        .map(|field| ChangeView { before: spoken(&before[&field]), after: spoken(&after[&field]), field })
        .collect()
}

/// Returns a value as people read it; nothing for what is not there.
fn spoken(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(is_so) => Some(if *is_so { "yes" } else { "no" }.to_owned()),
        Value::String(text) if text.is_empty() => Some("blank".to_owned()),
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => Some(values.iter().filter_map(spoken).collect::<Vec<_>>().join(", ")),
        other => Some(other.to_string()),
    }
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &AuditView) -> Markup {
    let whole = Asked { before: String::new(), ..view.asked.clone() };
    page(
        frame,
        html! {
            (head(frame, "Audit log"))
            (filters(view))
            p.actions.small {
                span.soft { "Newest first. Times are shown in your time zone, " (view.zone) "." }
                a.plain href=(whole.address(".csv")) { "Download as CSV" }
            }
            @if view.events.is_empty() {
                p.panel { "Nothing is written down that fits that." }
            } @else {
                (table("What happened", &["When", "Who", "What", "Change"], &view.events.iter().map(|it| row(it, &whole)).collect::<Vec<_>>()))
            }
            @if view.next_before.is_some() || !view.asked.before.is_empty() {
                nav.actions.paging aria-label="Pages" {
                    @if !view.asked.before.is_empty() { a.button href=(whole.address("")) { "Newest" } }
                    @if let Some(before) = &view.next_before {
                        a.button href=(Asked { before: before.clone(), ..whole.clone() }.address("")) { "Older" }
                    }
                }
            }
        },
    )
}

fn filters(view: &AuditView) -> Markup {
    let form = Form { id: "audit", labels: LABELS, errors: &view.errors };
    let asked = &view.asked;
    let is_narrowed = Asked { before: String::new(), ..asked.clone() } != Asked::default();
    html! {
        details open[is_narrowed] {
            summary { "Narrow it down" }
            form.sieve role="search" action="/admin/audit" method="get" {
                (form.summary(None))
                (form.text("kind", &asked.kind).list("audit-kinds").at_most(100))
                datalist #audit-kinds { @for kind in &view.kinds { option value=(kind) { (kind_words(kind)) } } }
                (form.text("actor", &asked.actor).at_most(254))
                (form.text("entityId", &asked.entity_id).at_most(100))
                (form.date("from", &asked.from))
                (form.date("to", &asked.to))
                p.actions {
                    button type="submit" { "Show" }
                    @if is_narrowed { a.plain href="/admin/audit" { "Clear" } }
                }
            }
        }
    }
}

fn row(event: &EventView, asked: &Asked) -> Vec<Markup> {
    let by = |id: &str| Asked { actor: id.to_owned(), ..asked.clone() }.address("");
    let about = Asked { entity_id: event.entity_id.clone(), ..asked.clone() }.address("");
    let name = event.entity_name.as_deref().unwrap_or(&event.entity_id);
    vec![
        html! { (time(&event.when)) },
        html! {
            @match &event.actor {
                Some((id, name)) => a href=(by(id)) { bdi { (name) } },
                None => "Nobody signed in",
            }
            @if !event.address.is_empty() { p.soft.small { "from " bdi { (event.address) } } }
        },
        html! {
            (kind_words(&event.kind))
            @if !event.entity_id.is_empty() { p.small { a href=(about) { bdi { (name) } } span.unseen { " (" (event.entity) ")" } } }
        },
        html! { ul.changes { @for change in &event.changes { li { (change_words(change)) } } } },
    ]
}

fn change_words(change: &ChangeView) -> Markup {
    html! {
        @if !change.field.is_empty() { span.soft { (change.field) ": " } }
        @match (&change.before, &change.after) {
            (Some(before), Some(after)) => {
                del { bdi { (before) } } span aria-hidden="true" { " → " } span.unseen { " became " } bdi { (after) }
            }
            (Some(before), None) => { del { bdi { (before) } } span.unseen { " was removed" } }
            (None, Some(after)) => bdi { (after) },
            (None, None) => "nothing",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &AuditView) -> String {
        let viewer = Viewer { name: "Ada".into(), role: "pm".into() };
        let path = "/admin/audit";
        render(&Frame { title: "Audit log", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn a_change_is_read_value_by_value() {
        let change =
            json!({ "before": { "role": "mentee", "old": true }, "after": { "role": "pm", "tags": ["a", "b"] } });
        let seen = changes(&change);
        let read = |at: usize| (seen[at].field.as_str(), seen[at].before.as_deref(), seen[at].after.as_deref());
        assert_eq!(read(0), ("old", Some("yes"), None));
        assert_eq!(read(1), ("role", Some("mentee"), Some("pm")));
        assert_eq!(read(2), ("tags", None, Some("a, b")));
        assert!(changes(&json!({ "before": null, "after": null })).is_empty());
        assert_eq!(changes(&json!({ "before": "", "after": 7 }))[0].before.as_deref(), Some("blank"));
    }

    #[test]
    fn a_kind_is_read_as_words() {
        assert_eq!(kind_words("user.role_changed"), "User: role changed");
        assert_eq!(kind_words("odd"), "Odd");
        assert_eq!(kind_words(""), "");
    }

    #[test]
    fn an_address_read_and_written_again_is_the_same_part_of_the_log() {
        let query = "kind=user&actor=bo%40example.org&entityId=7&from=2030-03-05&to=2030-03-06&before=9";
        assert_eq!(Asked::read(query).address(""), format!("/admin/audit?{query}"));
        assert_eq!(Asked::default().address(".csv"), "/admin/audit.csv");
    }

    #[test]
    fn hostile_values_come_out_as_text() {
        let hostile = "<img src=x onerror=alert(1)>\u{202e}";
        let event = EventView {
            actor: Some(("1".into(), hostile.into())),
            address: hostile.into(),
            kind: hostile.into(),
            entity_id: hostile.into(),
            changes: vec![ChangeView { field: hostile.into(), before: Some(hostile.into()), after: None }],
            ..EventView::default()
        };
        let document = drawn(&AuditView { events: vec![event], kinds: vec![hostile.into()], ..AuditView::default() });
        assert!(!document.contains("<img src=x"), "{document}");
    }

    #[test]
    fn the_file_holds_what_is_asked_for_and_not_only_this_page() {
        let asked = Asked { kind: "user".into(), before: "9".into(), ..Asked::default() };
        let document = drawn(&AuditView { asked, next_before: Some("4".into()), ..AuditView::default() });
        assert!(document.contains("href=\"/admin/audit.csv?kind=user\""), "{document}");
        assert!(document.contains("href=\"/admin/audit?kind=user&amp;before=4\">Older"));
        assert!(document.contains("href=\"/admin/audit?kind=user\">Newest"));
    }
}
