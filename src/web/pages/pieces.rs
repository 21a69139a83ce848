//! The smaller pieces that the account pages share: notices, buttons, people, and tables that become cards on a phone.

use maud::{Markup, html};

use crate::web::layout::portrait;

/// The roles, as programs and as people call them.
pub const ROLES: &[(&str, &str)] =
    &[("mentee", "Mentee"), ("mentor", "Mentor"), ("pm", "Program manager"), ("admin", "Admin")];

/// The states of an account, as programs and as people call them.
pub const STATUSES: &[(&str, &str)] = &[("active", "Active"), ("inactive", "Inactive"), ("suspended", "Suspended")];

/// Another place where people can sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderView {
    /// What addresses call it: `google`.
    pub id: String,
    /// What people call it: `Google`.
    pub name: String,
}

/// Returns what people call a value of `ROLES` or `STATUSES`; a value nobody knows stands for itself.
#[must_use]
pub fn words<'a>(known: &[(&str, &'a str)], value: &'a str) -> &'a str {
    known.iter().find(|(name, _)| *name == value).map_or(value, |(_, words)| words)
}

/// Draws a line about something that went well or that one should know.
#[must_use]
pub fn notice(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p.notice role="status" { (text) } } }
}

/// Draws a form that is only a button; `about` is read out but not shown, so that like buttons can be told apart.
#[must_use]
pub fn button(action: &str, label: &str, about: &str) -> Markup {
    html! {
        form action=(action) method="post" {
            button.quiet type="submit" { (label) @if !about.is_empty() { span.unseen { " " (about) } } }
        }
    }
}

/// Draws what cannot be undone: a line that opens, says what will happen, and only then offers the button.
#[must_use]
pub fn asks_first(action: &str, label: &str, about: &str, warning: &str) -> Markup {
    html! {
        details.asks-first {
            summary { (label) @if !about.is_empty() { span.unseen { " " (about) } } }
            form action=(action) method="post" {
                p { (warning) }
                button.danger type="submit" { (label) @if !about.is_empty() { span.unseen { " " (about) } } }
            }
        }
    }
}

/// Draws the other ways in, if there are any. Links, because a form may lead nowhere but to this site.
#[must_use]
pub fn providers(providers: &[ProviderView], next: &str) -> Markup {
    let next = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
    html! {
        @if !providers.is_empty() {
            div.ways-in {
                @for provider in providers {
                    a.button href={ "/auth/oidc/" (provider.id) @if !next.is_empty() { "?next=" (next) } } {
                        "Continue with " (provider.name)
                    }
                }
            }
        }
    }
}

/// Draws a face with a name and a line below it.
#[must_use]
pub fn person(name: &str, photo_url: Option<&str>, line: &str) -> Markup {
    html! {
        div.person {
            (portrait(name, photo_url))
            div { p.person-name { bdi { (name) } } p.soft { bdi { (line) } } }
        }
    }
}

/// Draws a table whose rows become cards on a phone. The first cell of a row names it.
#[must_use]
pub fn table(caption: &str, headings: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        // The roles are said aloud because browsers forget them when a table is laid out as blocks.
        table.cards role="table" {
            caption.unseen { (caption) }
            thead role="rowgroup" {
                tr role="row" { @for heading in headings { th scope="col" role="columnheader" { (heading) } } }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (at, (cell, heading)) in row.iter().zip(headings).enumerate() {
                            @if at == 0 { th scope="row" role="rowheader" { (cell) } }
                            @else { td role="cell" data-label=(heading) { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_nobody_knows_stands_for_itself() {
        assert_eq!((words(ROLES, "pm"), words(ROLES, "captain")), ("Program manager", "captain"));
    }

    #[test]
    fn buttons_that_look_alike_are_told_apart_by_ear() {
        let drawn = button("/a\"", "End", "the sign-in on <Linux>").into_string();
        assert!(drawn.contains("End<span class=\"unseen\"> the sign-in on &lt;Linux&gt;</span>"), "{drawn}");
        assert!(drawn.contains("action=\"/a&quot;\" method=\"post\""));
    }

    #[test]
    fn a_provider_is_asked_to_come_back_to_where_one_was_going() {
        let google = ProviderView { id: "google".into(), name: "Google".into() };
        let drawn = providers(&[google], "/search?q=a&within=7").into_string();
        assert!(drawn.contains("href=\"/auth/oidc/google?next=%2Fsearch%3Fq%3Da%26within%3D7\""), "{drawn}");
        assert!(providers(&[], "/").into_string().is_empty());
    }

    #[test]
    fn a_row_of_a_table_is_named_by_its_first_cell_and_says_its_headings_on_a_phone() {
        let drawn = table("People", &["Name", "Role"], &[vec![html! { "Bo" }, html! { "Mentee" }]]).into_string();
        assert!(drawn.contains("<th scope=\"row\" role=\"rowheader\">Bo</th>"), "{drawn}");
        assert!(drawn.contains("data-label=\"Role\">Mentee</td>"));
    }

    #[test]
    fn names_cannot_turn_the_page_around() {
        let drawn = person("Bo \u{202e}nimda<script>", None, "bo@example.org").into_string();
        assert!(drawn.contains("<bdi>Bo \u{202e}nimda&lt;script&gt;</bdi>"), "{drawn}");
    }
}
