//! What programs outside have sent, for those who run the program: when, which record, what became of it and why.
//! Never shows what a delivery said: that is in the mentor's profile, or was refused.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::sync::deliveries::{Outcome, Source};
use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::pieces::notice;

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct SyncView {
    /// What has just gone well.
    pub notice: Option<&'static str>,
    /// Why a delivery could not be taken in once more.
    pub problem: Option<String>,
    /// Whether a base may post deliveries here.
    pub has_secret: bool,
    /// Where it posts them.
    pub address: String,
    /// Whether Airtable may be asked.
    pub has_base: bool,
    /// Only deliveries with this result.
    pub result: Option<Outcome>,
    /// Only deliveries of this record; blank for all.
    pub record: String,
    /// The deliveries that fit, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// The last delivery's id, where older ones follow.
    pub next_before: Option<String>,
}

/// One delivery in the list.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Its place in the log.
    pub id: i64,
    /// When it came; the newest, where several are counted.
    pub at: When,
    /// How many are counted.
    pub times: u32,
    /// Where it came from.
    pub source: Source,
    /// The record's id over there.
    pub record: Option<String>,
    /// Whom it was about: the page, and the name.
    pub mentor: Option<(String, String)>,
    /// What became of it.
    pub result: Outcome,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Who has the address that it says, and the page where they stand, if the viewer may open one.
    pub holder: Option<(String, Option<String>)>,
    /// Fields that were left out.
    pub unknown_fields: Vec<String>,
    /// Whether taking it in once more can come out otherwise.
    pub can_replay: bool,
    /// What has to be otherwise first, for one that was refused.
    pub first: Option<&'static str>,
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SyncView) -> Markup {
    page(
        frame,
        html! {
            (super::admin::head(frame, "Sync"))
            (notice(view.notice))
            @if let Some(problem) = &view.problem { p.problem role="alert" { (problem) } }
            (ways(view))
            (sieve(view))
            @if view.deliveries.is_empty() {
                p.lead { (nothing(view)) }
            } @else {
                ul.rows { @for delivery in &view.deliveries { (row(delivery)) } }
            }
            @if let Some(before) = &view.next_before {
                p.paging { a.button href=(address(view.result, &view.record, before)) { "Older deliveries" } }
            }
        },
    )
}

/// Draws which ways in are open.
fn ways(view: &SyncView) -> Markup {
    html! {
        section.panel.stack aria-labelledby="ways" {
            h2 #ways { "Ways in" }
            @if view.has_secret {
                p { "An Airtable automation may post records to " code { (view.address) } ", signed with the secret in the settings." }
            } @else {
                p.soft { "No secret is set (" code { "sync.airtable_secret" } "), so nobody can post records. The README has the steps." }
            }
            @if view.has_base {
                form action="/admin/sync/look" method="post" {
                    button type="submit" { "Look through the base now" }
                }
            }
        }
    }
}

fn sieve(view: &SyncView) -> Markup {
    let choices = [
        None,
        Some(Outcome::Changed),
        Some(Outcome::Unchanged),
        Some(Outcome::Outdated),
        Some(Outcome::Refused),
        Some(Outcome::Failed),
    ];
    html! {
        nav.tabs aria-label="Deliveries by result" {
            ul {
                @for result in choices {
                    li {
                        a href=(address(result, &view.record, "")) aria-current=[(result == view.result).then_some("page")] {
                            (result.map_or("All", words))
                        }
                    }
                }
            }
        }
        @if !view.record.is_empty() {
            ul.chips {
                li {
                    a.chip href=(address(view.result, "", "")) {
                        "Record " (view.record) " " span.unseen { "(show every record)" } span aria-hidden="true" { "×" }
                    }
                }
            }
        }
    }
}

fn nothing(view: &SyncView) -> &'static str {
    match view.result {
        _ if !view.record.is_empty() => "There is no such delivery.",
        None => "Nothing has been delivered yet.",
        Some(Outcome::Refused) => "No delivery was refused. Good.",
        Some(Outcome::Failed) => "No delivery has failed. Good.",
        Some(_) => "There is no such delivery.",
    }
}

/// Returns the list's address with what it is narrowed by.
fn address(result: Option<Outcome>, record: &str, before: &str) -> String {
    let pairs = [("result", result.map_or("", Outcome::name)), ("record", record), ("before", before)];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { "/admin/sync".to_owned() } else { format!("/admin/sync?{query}") }
}

/// Returns what people call a result.
const fn words(result: Outcome) -> &'static str {
    match result {
        Outcome::Changed => "Changed",
        Outcome::Unchanged => "Nothing new",
        Outcome::Outdated => "Out of date",
        Outcome::Refused => "Refused",
        Outcome::Failed => "Failed",
    }
}

const fn source_words(source: Source) -> &'static str {
    match source {
        Source::Webhook => "posted",
        Source::Notification => "fetched after a notification",
        Source::Reconcile => "fetched with the whole base",
        Source::Replay => "taken in once more",
    }
}

fn row(delivery: &DeliveryView) -> Markup {
    let is_off = matches!(delivery.result, Outcome::Refused | Outcome::Failed);
    html! {
        li {
            div {
                h2.subject {
                    @match &delivery.mentor {
                        Some((page, name)) => { a href=(page) { bdi { (name) } } }
                        None if delivery.times > 1 => { (delivery.times) " deliveries" }
                        None => { "A delivery" }
                    }
                }
                p.soft.small {
                    (time(&delivery.at)) " · " (source_words(delivery.source))
                    @if let Some(record) = &delivery.record {
                        " · record " a href=(address(None, record, "")) { bdi { (record) } }
                    }
                }
                @if let Some(reason) = &delivery.reason { p.small { bdi { (reason) } } }
                @if let Some((name, page)) = &delivery.holder {
                    p.small {
                        "The address is that of "
                        @if let Some(page) = page { a href=(page) { bdi { (name) } } } @else { bdi { (name) } }
                        "."
                    }
                }
                @if !delivery.unknown_fields.is_empty() {
                    p.small { "Left out, as nobody knows them: " bdi { (delivery.unknown_fields.join(", ")) } "." }
                }
            }
            span.badge.is-off[is_off] { (words(delivery.result)) }
            @if delivery.can_replay { (replay(delivery)) }
        }
    }
}

fn replay(delivery: &DeliveryView) -> Markup {
    html! {
        details.asks-first {
            summary { "Take in once more" span.unseen { " delivery " (delivery.id) } }
            form action={ "/admin/sync/" (delivery.id) "/replay" } method="post" {
                @if let Some(first) = delivery.first { p.small { (first) } }
                p.small { "What it said is written over what is there now." }
                button type="submit" { "Take in" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &SyncView) -> String {
        let viewer = Viewer { name: "Pam".into(), role: "pm".into() };
        let frame =
            Frame { title: "Sync", path: "/admin/sync", viewer: Some(&viewer), program: "Lighthouse", assets: "1" };
        render(&frame, view).into_string()
    }

    fn delivery(result: Outcome) -> DeliveryView {
        DeliveryView {
            id: 7,
            at: When { iso: "2030-03-04T09:00:00Z".into(), label: "4 Mar 2030, 09:00".into() },
            times: 1,
            source: Source::Webhook,
            record: Some("rec<1>".into()),
            mentor: None,
            result,
            reason: Some("Email must be <b>".into()),
            holder: Some(("<i>Bo".into(), Some("/admin/mentors?q=bo".into()))),
            unknown_fields: vec!["Shoe <size>".into()],
            can_replay: true,
            first: Some("Only once <x>."),
        }
    }

    #[test]
    fn a_refused_delivery_says_why_and_what_was_sent_is_text() {
        let shown = drawn(&SyncView { deliveries: vec![delivery(Outcome::Refused)], ..SyncView::default() });
        for words in [
            "Refused</span>",
            "Only once &lt;x&gt;.",
            "href=\"/admin/mentors?q=bo\"><bdi>&lt;i&gt;Bo",
            "Email must be &lt;b&gt;",
            "Shoe &lt;size&gt;",
            "rec&lt;1&gt;",
            "/admin/sync/7/replay",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(shown.contains("record=rec%3C1%3E"), "{shown}");
        let gone = DeliveryView { can_replay: false, ..delivery(Outcome::Changed) };
        assert!(!drawn(&SyncView { deliveries: vec![gone], ..SyncView::default() }).contains("replay"));
    }

    #[test]
    fn an_empty_log_says_what_it_is_empty_of_and_how_deliveries_come() {
        assert!(drawn(&SyncView::default()).contains("Nothing has been delivered yet."));
        assert!(drawn(&SyncView::default()).contains("sync.airtable_secret"));
        let shown = drawn(&SyncView {
            has_secret: true,
            has_base: true,
            address: "https://m.example/api/webhooks/airtable".into(),
            result: Some(Outcome::Failed),
            ..SyncView::default()
        });
        assert!(shown.contains("No delivery has failed. Good.") && shown.contains("action=\"/admin/sync/look\""));
        assert!(shown.contains("https://m.example/api/webhooks/airtable"), "{shown}");
    }
}
