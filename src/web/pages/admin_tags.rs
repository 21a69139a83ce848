//! All tags for those who keep them tidy: how many mentors have each, which look like two writings of one,
//! and what merging, renaming or removing one would do before it is done.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::web::layout::{Frame, page, tabs};
use crate::web::pages::admin::head;
use crate::web::pages::admin_mentors::counted;
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{notice, words};

/// The kinds of tags, as programs and as people call them.
pub const KINDS: &[(&str, &str)] =
    &[("expertise", "Expertise"), ("industries", "Industries"), ("stages", "Stages"), ("languages", "Languages")];

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct TagsView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// What undoes it.
    pub undo: Option<String>,
    /// One of `KINDS`.
    pub kind: String,
    /// Part of a tag to look for.
    pub q: String,
    /// Those that fit, of this page.
    pub tags: Vec<TagView>,
    /// How many fit in all.
    pub n_all: u32,
    /// The page, from 1.
    pub page: u32,
    /// How many pages there are.
    pub n_pages: u32,
    /// Pairs that look like one: from, into.
    pub alike: Vec<(TagView, TagView)>,
}

/// A tag.
#[derive(Clone, Debug, Default)]
pub struct TagView {
    /// As it is written.
    pub name: String,
    /// How many mentors have it.
    pub n_mentors: u32,
}

/// What a change would do, to be confirmed.
#[derive(Clone, Debug, Default)]
pub struct ChangeView {
    /// One of `KINDS`.
    pub kind: String,
    /// The tag.
    pub from: String,
    /// What it is to be, as typed; `None` where it is to go.
    pub into: Option<String>,
    /// What would happen, sentence by sentence; empty where it cannot.
    pub sentences: Vec<String>,
    /// What the button says.
    pub label: &'static str,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const LABELS: &[(&str, &str)] = &[("into", "New name, or a tag that is there already"), ("from", "The tag")];

fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The address that shows what merging one tag into another would do.
fn merging(kind: &str, from: &str, into: &str) -> String {
    address("/admin/tags/change", &[("kind", kind), ("from", from), ("into", into)])
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &TagsView) -> Markup {
    let kinds: Vec<(String, &str)> =
        KINDS.iter().map(|(kind, label)| (address("/admin/tags", &[("kind", kind)]), *label)).collect();
    let kinds: Vec<(&str, &str)> = kinds.iter().map(|(href, label)| (href.as_str(), *label)).collect();
    let here = address("/admin/tags", &[("kind", &view.kind)]);
    page(
        frame,
        html! {
            (head(frame, "Tags"))
            @if view.notice.is_some() {
                (notice(view.notice.as_deref()))
                @if let Some(undo) = &view.undo {
                    form action="/admin/tags/undo" method="post" {
                        input type="hidden" name="undo" value=(undo);
                        input type="hidden" name="kind" value=(view.kind);
                        p.actions { button type="submit" { "Undo this" } }
                    }
                }
            }
            (tabs("Kinds of tags", &here, &kinds))
            @if !view.alike.is_empty() { (alike(view)) }
            section aria-labelledby="all-title" {
                h2 #all-title { "All of them" }
                form.sieve role="search" action="/admin/tags" method="get" {
                    input type="hidden" name="kind" value=(view.kind);
                    div.field { label for="q" { "Part of a tag" } input #q type="search" name="q" value=(view.q) maxlength="100"; }
                    p.actions {
                        button type="submit" { "Find" }
                        @if !view.q.is_empty() { a.plain href=(here) { "Clear" } }
                    }
                }
                @if view.tags.is_empty() { p.panel { "There is no such tag." } }
                ul.rows.tag-rows { @for tag in &view.tags { (row(&view.kind, tag)) } }
                (paging(view))
            }
        },
    )
}

fn alike(view: &TagsView) -> Markup {
    html! {
        section.panel.stack.alike aria-labelledby="alike-title" {
            div { h2 #alike-title { "These look alike" } p.soft { "Nothing happens before you have seen what would change." } }
            ul.rows {
                @for (from, into) in &view.alike {
                    li {
                        p { b { bdi { (from.name) } } span.soft { " (" (from.n_mentors) ") and " } b { bdi { (into.name) } } span.soft { " (" (into.n_mentors) ")" } }
                        p.actions {
                            a.plain href=(merging(&view.kind, &from.name, &into.name)) { span { "Merge into “" bdi { (into.name) } "”" } }
                            a.plain.small href=(merging(&view.kind, &into.name, &from.name)) { span { "the other way round" span.unseen { ": into " (from.name) } } }
                        }
                    }
                }
            }
        }
    }
}

fn row(kind: &str, tag: &TagView) -> Markup {
    let mentors = address("/admin/mentors", &[("tag", &tag.name)]);
    html! {
        li {
            p.tag-name { bdi { (tag.name) } }
            p.small { @if kind == "languages" { (counted(tag.n_mentors, "mentor")) } @else { a.plain href=(mentors) { (counted(tag.n_mentors, "mentor")) } } }
            p.actions {
                a.plain href=(address("/admin/tags/change", &[("kind", kind), ("from", &tag.name)])) { "Merge or rename" span.unseen { " " (tag.name) } }
                a.plain href=(address("/admin/tags/change", &[("kind", kind), ("from", &tag.name), ("remove", "true")])) { "Remove" span.unseen { " " (tag.name) } }
            }
        }
    }
}

fn paging(view: &TagsView) -> Markup {
    let to = |page: u32| address("/admin/tags", &[("kind", &view.kind), ("q", &view.q), ("page", &page.to_string())]);
    html! {
        @if view.n_pages > 1 {
            nav.actions.paging aria-label="Pages" {
                @if view.page > 1 { a.button href=(to(view.page - 1)) { "Page before" } }
                span.soft { "Page " (view.page) " of " (view.n_pages) }
                @if view.page < view.n_pages { a.button href=(to(view.page + 1)) { "Next page" } }
            }
        }
    }
}

/// Draws what a change to one tag would do, and the button that does it.
#[must_use]
pub fn render_change(frame: &Frame<'_>, view: &ChangeView) -> Markup {
    let form = Form { id: "change", labels: LABELS, errors: &view.errors };
    let is_removal = view.into.is_none() && !view.sentences.is_empty();
    let typed = view.into.as_deref().unwrap_or_default();
    html! {
        (page(frame, html! {
            (head(frame, "Change a tag"))
            div.stack.narrow-form {
                p { span.soft { (words(KINDS, &view.kind)) ": " } b { bdi { (view.from) } } }
                @if !is_removal {
                    form.panel.stack action="/admin/tags/change" method="get" {
                        (form.summary(view.problem.as_deref()))
                        input type="hidden" name="kind" value=(view.kind);
                        input type="hidden" name="from" value=(view.from);
                        (form.text("into", typed).required().at_most(100).hint("Naming a tag that others have merges the two."))
                        p { button type="submit" { "Show what would change" } }
                    }
                }
                @if !view.sentences.is_empty() {
                    form.panel.stack action="/admin/tags/change" method="post" {
                        h2 { "What would change" }
                        ul.bullets { @for sentence in &view.sentences { li { (sentence) } } }
                        input type="hidden" name="kind" value=(view.kind);
                        input type="hidden" name="from" value=(view.from);
                        @match &view.into {
                            Some(into) => { input type="hidden" name="into" value=(into); }
                            None => { input type="hidden" name="remove" value="true"; }
                        }
                        p { button.danger[is_removal].primary[!is_removal] type="submit" { (view.label) } }
                        p.hint { "It can be undone until the next change to a tag." }
                    }
                }
                p { a.plain href=(address("/admin/tags", &[("kind", &view.kind)])) { "Back to all tags" } }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn frame(viewer: &Viewer) -> Frame<'_> {
        Frame { title: "Tags", path: "/admin/tags", viewer: Some(viewer), program: "Lighthouse", assets: "1" }
    }

    #[test]
    fn hostile_tags_come_out_as_text_and_lead_where_they_say() {
        let viewer = Viewer { name: "Ada".into(), role: "pm".into() };
        let tag = TagView { name: "<b>R&D\"</b>".into(), n_mentors: 2 };
        let alike = vec![(tag.clone(), TagView { name: "R&D".into(), n_mentors: 1 })];
        let view = TagsView { kind: "expertise".into(), tags: vec![tag], alike, ..TagsView::default() };
        let document = render(&frame(&viewer), &view).into_string();
        assert!(!document.contains("<b>R&D"), "{document}");
        assert!(document.contains("from=%3Cb%3ER%26D%22%3C%2Fb%3E&amp;into=R%26D"), "{document}");
        assert!(document.contains("href=\"/admin/tags?kind=expertise\" aria-current=\"page\""), "{document}");
    }

    #[test]
    fn nothing_can_be_confirmed_before_it_is_known_what_would_happen() {
        let viewer = Viewer { name: "Ada".into(), role: "pm".into() };
        let view = ChangeView { kind: "stages".into(), from: "Seed".into(), ..ChangeView::default() };
        let document = render_change(&frame(&viewer), &view).into_string();
        assert!(!document.contains("action=\"/admin/tags/change\" method=\"post\""), "{document}");
        let view = ChangeView { sentences: vec!["It goes.".into()], label: "Remove it", ..view };
        let document = render_change(&frame(&viewer), &view).into_string();
        assert!(
            document.contains("name=\"remove\" value=\"true\"") && !document.contains("name=\"into\""),
            "{document}"
        );
    }
}
