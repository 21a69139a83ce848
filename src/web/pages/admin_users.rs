//! The people with an account, for admins: find them, give them another role or state, invite others.

use form_urlencoded::Serializer;
use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::admin::head;
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{ROLES, STATUSES, notice, person, words};

/// What the address of the list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Part of a name or an address.
    pub q: String,
    /// Only this role; blank for any.
    pub role: String,
    /// Only this state; blank for any.
    pub status: String,
    /// Where the page before ended; blank for the first page.
    pub cursor: String,
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct UsersView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// What is asked for.
    pub asked: Asked,
    /// Those who fit, of this page.
    pub people: Vec<UserView>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
    /// The form that invites.
    pub invite: InviteView,
    /// Why a change was refused.
    pub problem: Option<String>,
}

/// A person in the list.
#[derive(Clone, Debug, Default)]
pub struct UserView {
    /// The account's id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their picture.
    pub photo_url: Option<String>,
    /// `mentee`, `mentor`, `pm` or `admin`.
    pub role: String,
    /// `active`, `inactive` or `suspended`.
    pub status: String,
    /// When they last signed in, if ever.
    pub last_login: Option<When>,
    /// Whether it is the admin who looks: nobody changes themselves here.
    pub is_you: bool,
}

/// The form that invites somebody.
#[derive(Clone, Debug, Default)]
pub struct InviteView {
    /// The address typed before.
    pub email: String,
    /// The name typed before.
    pub name: String,
    /// The role chosen before.
    pub role: String,
    /// What is wrong: `email`, `name`, `role`.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const INVITE: &[(&str, &str)] = &[("email", "E-mail address"), ("name", "Name"), ("role", "Role")];

impl Asked {
    /// Reads the query part of an address. What it does not know, it leaves out.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim().to_owned();
            match name.as_ref() {
                "q" => asked.q = value,
                "role" => asked.role = Some(value).filter(|it| is_known(ROLES, it)).unwrap_or_default(),
                "status" => asked.status = Some(value).filter(|it| is_known(STATUSES, it)).unwrap_or_default(),
                "cursor" => asked.cursor = value,
                _ => {}
            }
        }
        asked
    }

    /// Returns the address of this list.
    #[must_use]
    pub fn address(&self) -> String {
        let pairs = [("q", &self.q), ("role", &self.role), ("status", &self.status), ("cursor", &self.cursor)];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        if query.is_empty() { "/admin/users".into() } else { format!("/admin/users?{query}") }
    }

    fn is_narrowed(&self) -> bool {
        !(self.q.is_empty() && self.role.is_empty() && self.status.is_empty())
    }
}

fn is_known(known: &[(&str, &str)], value: &str) -> bool {
    known.iter().any(|(name, _)| *name == value)
}

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &UsersView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Users"))
            (notice(view.notice.as_deref()))
            @if let Some(problem) = &view.problem { p.error role="alert" { (problem) } }
            (invite(&view.invite))
            (filters(&view.asked))
            @if view.people.is_empty() {
                p.panel { "Nobody fits that. " @if view.asked.is_narrowed() { a href="/admin/users" { "Show everybody" } } }
            } @else {
                ul.rows.people { @for it in &view.people { (row(it, &view.asked)) } }
            }
            (paging(view))
        },
    )
}

fn invite(view: &InviteView) -> Markup {
    let form = Form { id: "invite", labels: INVITE, errors: &view.errors };
    let role = if view.role.is_empty() { "mentee" } else { &view.role };
    html! {
        details.invite open[view.problem.is_some() || !view.errors.is_empty()] {
            summary { "Invite somebody" }
            form.panel.stack action="/admin/users/invite" method="post" {
                (form.summary(view.problem.as_deref()))
                p.soft { "They get a letter with a link to choose a password. Nothing is shown of them until they do." }
                div.pair {
                    (form.email(&view.email).autocomplete("off"))
                    (form.text("name", &view.name).autocomplete("off").required().at_most(200))
                }
                (form.select("role", ROLES, role))
                p { button.primary type="submit" { "Send the invitation" } }
            }
        }
    }
}

fn filters(asked: &Asked) -> Markup {
    html! {
        form.sieve role="search" action="/admin/users" method="get" {
            div.field { label for="q" { "Name or address" } input #q type="search" name="q" value=(asked.q) maxlength="254"; }
            (filter("role", "Role", ROLES, &asked.role))
            (filter("status", "State", STATUSES, &asked.status))
            p.actions {
                button type="submit" { "Find" }
                @if asked.is_narrowed() { a.plain href="/admin/users" { "Clear" } }
            }
        }
    }
}

fn filter(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select #(name) name=(name) {
                option value="" { "Any" }
                @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
            }
        }
    }
}

fn row(user: &UserView, asked: &Asked) -> Markup {
    html! {
        li {
            (person(&user.name, user.photo_url.as_deref(), &user.email))
            p.marks {
                span.badge { (words(ROLES, &user.role)) }
                " " span.badge.is-off[user.status != "active"] { (words(STATUSES, &user.status)) }
            }
            p.soft.small {
                @if let Some(when) = &user.last_login { "Last signed in " (time(when)) } @else { "Never signed in" }
            }
            @if user.is_you { p.soft.small { "This is you." } } @else { (change(user, asked)) }
        }
    }
}

fn change(user: &UserView, asked: &Asked) -> Markup {
    let errors = Errors::new();
    let id = format!("user-{}", user.id);
    let form = Form { id: &id, labels: &[("role", "Role"), ("status", "State")], errors: &errors };
    html! {
        details {
            summary { "Change" span.unseen { " " (user.name) } }
            form.sieve action={ "/admin/users/" (user.id) } method="post" {
                (form.select("role", ROLES, &user.role))
                (form.select("status", STATUSES, &user.status))
                input type="hidden" name="next" value=(asked.address());
                p.actions { button type="submit" { "Save" span.unseen { " " (user.name) } } }
                p.hint { "Another role or state ends their sign-ins at once." }
            }
            @if user.last_login.is_none() && user.status == "active" {
                form action={ "/admin/users/" (user.id) "/invite" } method="post" {
                    input type="hidden" name="next" value=(asked.address());
                    p.actions {
                        button type="submit" { "Send an invitation" span.unseen { " to " (user.name) } }
                        span.hint { "They have never signed in. The letter lets them choose a password." }
                    }
                }
            }
        }
    }
}

fn paging(view: &UsersView) -> Markup {
    let first = Asked { cursor: String::new(), ..view.asked.clone() };
    html! {
        @if view.next_cursor.is_some() || !view.asked.cursor.is_empty() {
            nav.actions.paging aria-label="Pages" {
                @if !view.asked.cursor.is_empty() { a.button href=(first.address()) { "First page" } }
                @if let Some(cursor) = &view.next_cursor {
                    a.button href=(Asked { cursor: cursor.clone(), ..view.asked.clone() }.address()) { "Next page" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &UsersView) -> String {
        let viewer = Viewer { name: "Ada".into(), role: "admin".into() };
        let path = "/admin/users";
        render(&Frame { title: "Users", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn an_address_read_and_written_again_is_the_same_list() {
        let address = "/admin/users?q=a%26b&role=pm&status=suspended&cursor=x";
        assert_eq!(Asked::read(address.split_once('?').expect("a query").1).address(), address);
        assert_eq!(Asked::read("role=captain&status=%3Cb%3E&other=1").address(), "/admin/users");
    }

    #[test]
    fn a_person_is_changed_where_they_stand_and_nobody_changes_themselves() {
        let user = UserView {
            id: "7".into(),
            name: "<script>alert(1)</script>".into(),
            role: "mentor".into(),
            status: "suspended".into(),
            ..UserView::default()
        };
        let you = UserView { id: "8".into(), is_you: true, ..UserView::default() };
        let asked = Asked { q: "a\"".into(), ..Asked::default() };
        let document = drawn(&UsersView { asked, people: vec![user, you], ..UsersView::default() });
        assert!(!document.contains("<script>alert"), "{document}");
        assert!(document.contains("action=\"/admin/users/7\"") && !document.contains("action=\"/admin/users/8\""));
        assert!(document.contains("id=\"user-7-role\" name=\"role\""));
        assert!(document.contains("name=\"next\" value=\"/admin/users?q=a%22\""));
        assert!(document.contains("<option value=\"suspended\" selected>"));
    }

    #[test]
    fn pages_keep_what_was_asked() {
        let asked = Asked { role: "pm".into(), cursor: "b".into(), ..Asked::default() };
        let document = drawn(&UsersView { asked, next_cursor: Some("c".into()), ..UsersView::default() });
        assert!(document.contains("href=\"/admin/users?role=pm&amp;cursor=c\""), "{document}");
        assert!(document.contains("href=\"/admin/users?role=pm\">First page"));
    }

    #[test]
    fn a_refused_invitation_stays_open_with_what_was_typed() {
        let errors = [("email".to_owned(), "must be an e-mail address".to_owned())].into();
        let invite = InviteView { email: "bo<".into(), role: "pm".into(), errors, ..InviteView::default() };
        let document = drawn(&UsersView { invite, ..UsersView::default() });
        assert!(
            document.contains("<details class=\"invite\" open>") && document.contains("value=\"bo&lt;\""),
            "{document}"
        );
        assert!(document.contains("<option value=\"pm\" selected>"));
    }
}
