//! The sign-up page: who you are, what you come for, a password; or a way in by another site.
//! Says so plainly where one needs an invitation.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::fields::{Choice, Errors, Form};
use crate::web::pages::pieces::{ProviderView, providers};

/// What the sign-up page shows.
#[derive(Clone, Debug, Default)]
pub struct SignupView {
    /// Whether anyone may make an account; otherwise the page says how to be invited.
    pub is_open: bool,
    /// Other places to sign up with.
    pub providers: Vec<ProviderView>,
    /// Where to go afterwards; already checked to be a path of this site.
    pub next: String,
    /// The name typed before.
    pub name: String,
    /// The address typed before.
    pub email: String,
    /// `mentee` or `mentor`; blank for none chosen yet.
    pub role: String,
    /// The time zone chosen before; blank lets the script look it up.
    pub timezone: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const LABELS: &[(&str, &str)] = &[
    ("role", "What brings you here?"),
    ("name", "Your name"),
    ("email", "E-mail address"),
    ("password", "Password"),
    ("timezone", "Your time zone"),
];

const ROLES: &[Choice<'_>] = &[
    Choice {
        value: "mentee",
        label: "I am looking for help",
        hint: "Describe what you are stuck on, meet people who know.",
    },
    Choice {
        value: "mentor",
        label: "I would like to give it",
        hint: "Say what you know, open some hours of your week.",
    },
];

/// Draws the sign-up page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SignupView) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                @if view.is_open {
                    h1 { "Create an account" }
                    p.lead { "It takes a minute. Your address is used to reach you and shown to nobody you do not meet." }
                    (form(view))
                    @if !view.providers.is_empty() {
                        p.or { "or" }
                        (providers(&view.providers, &view.next))
                    }
                    p { "You have an account already? " a href="/signin" { "Sign in" } "." }
                } @else {
                    h1 { "By invitation only" }
                    p.lead { (frame.program) " takes in new people by invitation." }
                    p {
                        "If you were invited, open the link in your letter. If not, ask the people who run the program to \
                         invite you: they need only your name and e-mail address."
                    }
                    p { a.button href="/signin" { "Sign in" } }
                }
            }
        },
    )
}

fn form(view: &SignupView) -> Markup {
    let form = Form { id: "signup", labels: LABELS, errors: &view.errors };
    html! {
        form.panel.stack #signup action="/signup" method="post" {
            (form.summary(view.problem.as_deref()))
            (form.radios("role", ROLES, &view.role))
            (form.text("name", &view.name).autocomplete("name").required().at_most(200))
            (form.email(&view.email).autocomplete("username"))
            (form.new_password("password"))
            // The script fills the zone in and hides the question; without it the list is there to pick from.
            div data-zone[!view.errors.contains_key("timezone")] {
                (form.zone(&view.timezone).hint("Times are shown to you in this zone. You can change it later."))
            }
            input type="hidden" name="next" value=(view.next);
            button.primary type="submit" { "Create my account" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(view: &SignupView) -> String {
        render(&Frame { title: "Sign up", path: "/signup", viewer: None, program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn the_form_asks_for_what_an_account_needs() {
        let document = drawn(&SignupView { is_open: true, ..SignupView::default() });
        for name in ["role", "name", "email", "password", "timezone", "next"] {
            assert!(document.contains(&format!("name=\"{name}\"")), "{name}");
        }
        assert_eq!(document.matches("<h1").count(), 1);
        assert!(!document.contains("role=\"alert\"") && !document.contains(" or </p>"));
    }

    #[test]
    fn a_refusal_keeps_what_was_typed_but_not_the_password() {
        let document = drawn(&SignupView {
            is_open: true,
            name: "<script>alert(1)</script>".into(),
            email: "bo\"@example.org".into(),
            role: "mentor".into(),
            timezone: "Europe/Oslo".into(),
            errors: [("password".into(), "is too common".into())].into(),
            ..SignupView::default()
        });
        assert!(document.contains("value=\"&lt;script&gt;alert(1)&lt;/script&gt;\""), "{document}");
        assert!(document.contains("value=\"mentor\" checked") && document.contains("value=\"Europe/Oslo\" selected"));
        assert!(document.contains("type=\"password\" autocomplete=\"new-password\" required autofocus"));
    }

    #[test]
    fn by_invitation_there_is_no_form_and_no_other_way_in() {
        let google = ProviderView { id: "google".into(), name: "Google".into() };
        let document = drawn(&SignupView { providers: vec![google], ..SignupView::default() });
        assert!(!document.contains("<form") && !document.contains("/auth/oidc/"));
        assert!(document.contains("By invitation only"));
    }
}
