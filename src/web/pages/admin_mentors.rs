//! All mentors for those who run the program: find them, narrow the list, tick some and change them at once.
//! Works without a script; with one, a box ticks the whole page.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, portrait, time};
use crate::web::pages::admin::head;
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{notice, table, words};

/// How mentors stand, as addresses and as people call it.
pub const STATES: &[(&str, &str)] =
    &[("active", "In use"), ("inactive", "Off the list"), ("paused", "Paused"), ("closed", "Account not in use")];

/// Who sees mentors, as addresses and as people call it.
pub const VISIBILITIES: &[(&str, &str)] =
    &[("public", "Everyone"), ("limited", "Everyone, asks first"), ("private", "Nobody")];

const ORIGINS: &[(&str, &str)] = &[("record", "From Airtable"), ("here", "Not from Airtable")];

const SORTS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("newest", "Newest"),
    ("changed", "Last changed"),
    ("sessions", "Most sessions"),
    ("free", "Next free time"),
];

/// What can be done to those who are ticked.
pub const DEEDS: &[(&str, &str)] = &[
    ("", "Choose what to do"),
    ("activate", "Put into use"),
    ("deactivate", "Take off the list"),
    ("pause", "Pause until the day given"),
    ("unpause", "End the pause"),
    ("public", "Found by everyone"),
    ("limited", "Found by everyone, asks first"),
    ("private", "Found by nobody"),
    ("tag", "Add the tag given"),
];

/// The fields of the form that changes many.
const BULK: &[(&str, &str)] =
    &[("deed", "With those ticked"), ("until", "Pause until"), ("tag", "Tag to add"), ("id", "The selection")];

/// What the address of the list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Words of name, address, headline or tags.
    pub q: String,
    /// One of `STATES`; blank for any.
    pub state: String,
    /// One of `VISIBILITIES`; blank for any.
    pub visibility: String,
    /// A tag, an industry or a stage; blank for any.
    pub tag: String,
    /// `record` or `here`; blank for any.
    pub origin: String,
    /// What the list is ordered by; blank for the name.
    pub sort: String,
    /// The page, from 1; 0 stands for the first.
    pub page: u32,
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct MentorsView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// What is asked for.
    pub asked: Asked,
    /// Those who fit, of this page.
    pub mentors: Vec<LineView>,
    /// How many fit in all.
    pub n_all: u32,
    /// How many pages that makes.
    pub n_pages: u32,
    /// The zone that times are shown in.
    pub zone: String,
    /// The form that changes many, as it was sent.
    pub bulk: BulkView,
}

/// A mentor in the list.
#[derive(Clone, Debug, Default)]
pub struct LineView {
    /// The mentor's id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their picture.
    pub photo_url: Option<String>,
    /// One line.
    pub headline: String,
    /// One of `STATES`.
    pub state: &'static str,
    /// The end of a pause, where there is one to come.
    pub paused_until: Option<When>,
    /// One of `VISIBILITIES`.
    pub visibility: &'static str,
    /// The foremost tags.
    pub tags: Vec<String>,
    /// How many more tags there are.
    pub n_more_tags: usize,
    /// Sessions that were not called off.
    pub n_sessions: u32,
    /// The next time that can be booked.
    pub next_free: Option<When>,
    /// Whether they come from a record of another program.
    pub is_from_record: bool,
    /// Whether their box is ticked.
    pub is_ticked: bool,
}

/// The form that changes many, as it was sent.
#[derive(Clone, Debug, Default)]
pub struct BulkView {
    /// One of `DEEDS`.
    pub deed: String,
    /// A day.
    pub until: String,
    /// A tag.
    pub tag: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

impl Asked {
    /// Reads the query part of an address. What it does not know, it leaves out.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim().to_owned();
            let known = |of: &[(&str, &str)]| {
                if of.iter().any(|(name, _)| *name == value) { value.clone() } else { String::new() }
            };
            match name.as_ref() {
                "q" => asked.q = value,
                "state" => asked.state = known(STATES),
                "visibility" => asked.visibility = known(VISIBILITIES),
                "tag" => asked.tag = value,
                "origin" => asked.origin = known(ORIGINS),
                "sort" => asked.sort = known(&SORTS[1..]),
                "page" => asked.page = value.parse().ok().filter(|page| *page > 1).unwrap_or_default(),
                _ => {}
            }
        }
        asked
    }

    /// Returns the address of this list.
    #[must_use]
    pub fn address(&self) -> String {
        let page = Some(self.page).filter(|page| *page > 1).map_or_else(String::new, |page| page.to_string());
        let pairs = [
            ("q", &self.q),
            ("state", &self.state),
            ("visibility", &self.visibility),
            ("tag", &self.tag),
            ("origin", &self.origin),
            ("sort", &self.sort),
            ("page", &page),
        ];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        if query.is_empty() { "/admin/mentors".into() } else { format!("/admin/mentors?{query}") }
    }

    fn is_narrowed(&self) -> bool {
        Self { sort: String::new(), page: 0, ..self.clone() } != Self::default()
    }
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &MentorsView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Mentors"))
            (notice(view.notice.as_deref()))
            p.actions { a.button.primary href="/admin/mentors/new" { "Add a mentor" } a.plain href="/admin/import" { "Import a file" } a.plain href="/admin/tags" { "Tidy up tags" } }
            (filters(&view.asked))
            @if view.mentors.is_empty() {
                p.panel {
                    @if view.asked.page > 1 { "There is no such page. " a href=(Asked { page: 0, ..view.asked.clone() }.address()) { "Back to the first" } }
                    @else { "No mentor fits that. " @if view.asked.is_narrowed() { a href="/admin/mentors" { "Show all" } } }
                }
            } @else {
                (list(view))
                (paging(view))
            }
        },
    )
}

fn filters(asked: &Asked) -> Markup {
    let is_open = Asked { q: String::new(), sort: String::new(), page: 0, ..asked.clone() } != Asked::default();
    html! {
        form.sieve role="search" action="/admin/mentors" method="get" {
            div.field { label for="q" { "Name, address, headline or tag" } input #q type="search" name="q" value=(asked.q) maxlength="200"; }
            (filter("sort", "Order", None, SORTS, &asked.sort))
            p.actions {
                button type="submit" { "Show" }
                @if asked.is_narrowed() { a.plain href="/admin/mentors" { "Clear" } }
            }
            details open[is_open] {
                summary { "Narrow it down" }
                div.sieve {
                    (filter("state", "State", Some("Any"), STATES, &asked.state))
                    (filter("visibility", "Found by", Some("Any"), VISIBILITIES, &asked.visibility))
                    (filter("origin", "Where from", Some("Any"), ORIGINS, &asked.origin))
                    div.field { label for="tag" { "Tag, industry or stage" } input #tag name="tag" value=(asked.tag) maxlength="100"; }
                }
            }
        }
    }
}

fn filter(name: &str, label: &str, any: Option<&str>, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select #(name) name=(name) {
                @if let Some(any) = any { option value="" { (any) } }
                @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
            }
        }
    }
}

fn list(view: &MentorsView) -> Markup {
    let form = Form { id: "bulk", labels: BULK, errors: &view.bulk.errors };
    let headings = ["Mentor", "State", "Found by", "Tags", "Sessions", "Next free"];
    let rows = view.mentors.iter().map(row).collect::<Vec<_>>();
    html! {
        form.bulk #bulk action="/admin/mentors/bulk" method="post" {
            (form.summary(view.bulk.problem.as_deref()))
            p.bulk-count {
                span { (counted(view.n_all, "mentor")) }
                span.soft.small { "Times are shown in your time zone, " (view.zone) "." }
                // The script reveals this box; without the script it would do nothing.
                label.choice hidden data-ticks="id" { input type="checkbox"; span { "All on this page" } }
            }
            (table("Mentors", &headings, &rows))
            fieldset.panel.bulk-deed {
                legend.unseen { "Change those who are ticked" }
                // The stylesheet counts the boxes, so that it is right without a script too.
                p.ticked-count {}
                (form.select("deed", DEEDS, &view.bulk.deed))
                // Browsers that cannot hide a field by what is chosen show both: each says when it counts.
                (form.date("until", &view.bulk.until).hint("Only to pause them."))
                (form.text("tag", &view.bulk.tag).at_most(100).hint("Only to add a tag."))
                input type="hidden" name="next" value=(view.asked.address());
                button.primary type="submit" { "Change them" }
            }
        }
    }
}

/// `1 mentor`, `2 mentors`.
#[must_use]
pub fn counted(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn row(it: &LineView) -> Vec<Markup> {
    let state = words(STATES, it.state);
    vec![
        html! {
            div.ticked {
                input type="checkbox" name="id" value=(it.id) checked[it.is_ticked] aria-label={ "Tick " (it.name) };
                (portrait(&it.name, it.photo_url.as_deref()))
                div {
                    p { a.mentor-name href={ "/admin/mentors/" (it.id) } { bdi { (it.name) } } }
                    p.soft.small { bdi { (it.email) } }
                    @if !it.headline.is_empty() { p.small { bdi { (it.headline) } } }
                }
            }
        },
        html! {
            div {
                span.badge.is-off[it.state != "active"] { (state) }
                @if let Some(until) = &it.paused_until { span.soft.small { " until " (time(until)) } }
                @if it.is_from_record { p.soft.small { "From Airtable" } }
            }
        },
        html! { span { (words(VISIBILITIES, it.visibility)) } },
        html! {
            ul.tags {
                @for tag in &it.tags { li { bdi { (tag) } } }
                @if it.n_more_tags > 0 { li.more { "and " (it.n_more_tags) " more" } }
            }
        },
        html! { span { (it.n_sessions) } },
        html! { @if let Some(next) = &it.next_free { (time(next)) } @else { span.soft { "None" } } },
    ]
}

fn paging(view: &MentorsView) -> Markup {
    let here = view.asked.page.max(1);
    let address = |page: u32| Asked { page, ..view.asked.clone() }.address();
    html! {
        @if view.n_pages > 1 {
            nav.actions.paging aria-label="Pages" {
                @if here > 1 { a.button href=(address(here - 1)) { "Page before" } }
                span.soft { "Page " (here) " of " (view.n_pages) }
                @if here < view.n_pages { a.button href=(address(here + 1)) { "Next page" } }
            }
        }
    }
}

/// What came of a change to many.
#[derive(Clone, Debug, Default)]
pub struct ReportView {
    /// What was done, as a sentence: `3 mentors are off the list now.`
    pub done: String,
    /// Who was changed, by name.
    pub names: Vec<String>,
    /// How many were so already.
    pub n_same: usize,
    /// Who was left out, and why.
    pub left_out: Vec<(String, String)>,
    /// The fields of the form that puts all back; empty where there is nothing to put back.
    pub undo: Vec<(&'static str, String)>,
    /// Back to the list.
    pub next: String,
}

/// Draws what came of a change to many, with the way back from it.
#[must_use]
pub fn report(frame: &Frame<'_>, view: &ReportView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Mentors"))
            p.notice role="status" { (view.done) }
            div.stack.report {
                @if !view.names.is_empty() { ul.bullets { @for name in &view.names { li { bdi { (name) } } } } }
                @if view.n_same > 0 { p { (counted(u32::try_from(view.n_same).unwrap_or(u32::MAX), "mentor")) " needed no change." } }
                @if !view.left_out.is_empty() {
                    div.error role="alert" {
                        p { "Left out:" }
                        ul { @for (name, problem) in &view.left_out { li { bdi { (name) } ": " (problem) } } }
                    }
                }
                div.actions {
                    a.button.primary href=(view.next) { "Back to the list" }
                    @if !view.undo.is_empty() {
                        form action="/admin/mentors/bulk/undo" method="post" {
                            @for (name, value) in &view.undo { input type="hidden" name=(name) value=(value); }
                            input type="hidden" name="next" value=(view.next);
                            button type="submit" { "Undo this" }
                        }
                    }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &MentorsView) -> String {
        let viewer = Viewer { name: "Ada".into(), role: "pm".into() };
        let path = "/admin/mentors";
        render(&Frame { title: "Mentors", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn an_address_read_and_written_again_is_the_same_list() {
        let address = "/admin/mentors?q=a%26b&state=paused&visibility=private&tag=R%26D&origin=record&sort=free&page=3";
        assert_eq!(Asked::read(address.split_once('?').expect("a query").1).address(), address);
        let odd = "state=captain&visibility=%3Cb%3E&sort=name&page=-1&other=1&page=1";
        assert_eq!(Asked::read(odd).address(), "/admin/mentors");
    }

    #[test]
    fn hostile_names_come_out_as_text_and_each_box_says_whose_it_is() {
        let line = LineView {
            id: "7".into(),
            name: "<script>alert(1)</script>\u{202e}".into(),
            tags: vec!["<b>".into()],
            state: "inactive",
            visibility: "public",
            is_ticked: true,
            ..LineView::default()
        };
        let asked = Asked { q: "a\"".into(), ..Asked::default() };
        let document =
            drawn(&MentorsView { asked, mentors: vec![line], n_all: 1, n_pages: 1, ..MentorsView::default() });
        assert!(!document.contains("<script>alert") && !document.contains("<b>"), "{document}");
        assert!(document.contains("name=\"id\" value=\"7\" checked aria-label=\"Tick &lt;script&gt;"), "{document}");
        assert!(document.contains("name=\"next\" value=\"/admin/mentors?q=a%22\"") && document.contains("1 mentor<"));
    }

    #[test]
    fn a_page_that_is_not_there_leads_back() {
        let asked = Asked { page: 9, state: "paused".into(), ..Asked::default() };
        let document = drawn(&MentorsView { asked, ..MentorsView::default() });
        assert!(document.contains("href=\"/admin/mentors?state=paused\">Back to the first"), "{document}");
    }
}
