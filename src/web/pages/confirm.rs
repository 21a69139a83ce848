//! Asks once more who is there, before something that is dangerous in the wrong hands.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{ProviderView, providers};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct ConfirmView {
    /// What comes next, as it follows "before": `you download your data`; blank where it is not said.
    pub before: String,
    /// The account's address; password managers find the password by it.
    pub email: String,
    /// Where to go once it is clear; already checked to be a path of this site.
    pub next: String,
    /// Whether the account has a password to ask for.
    pub has_password: bool,
    /// Linked accounts that can vouch for the person instead.
    pub providers: Vec<ProviderView>,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const LABELS: &[(&str, &str)] = &[("password", "Your password")];

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &ConfirmView) -> Markup {
    let form = Form { id: "confirm", labels: LABELS, errors: &view.errors };
    page(
        frame,
        html! {
            div.narrow {
                h1 { "Please confirm it is you" }
                p.lead {
                    @if view.before.is_empty() { "This step needs a fresh proof that it is really you." }
                    @else { "Just to be safe, before " (view.before) "." }
                }
                @if view.has_password {
                    form.panel.stack #confirm action="/confirm" method="post" {
                        (form.summary(view.problem.as_deref()))
                        (form.fixed_email(&view.email))
                        (form.known_password("password"))
                        input type="hidden" name="next" value=(view.next);
                        button.primary type="submit" { "Continue" }
                    }
                } @else { (form.summary(view.problem.as_deref())) }
                @if view.has_password && !view.providers.is_empty() { p.or { "or" } }
                (providers(&view.providers, &view.next))
                @if !view.has_password {
                    p { "No password? " a href="/forgot" { "Choose one" } ": we send you a letter for that." }
                }
                p { a href="/profile" { "Not now" } }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(view: &ConfirmView) -> String {
        render(&Frame { title: "Confirm", path: "/confirm", viewer: None, program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn the_password_is_asked_for_again_and_the_way_on_is_kept() {
        let document =
            drawn(&ConfirmView { has_password: true, next: "/profile/export?a=\"".into(), ..ConfirmView::default() });
        assert!(document.contains("name=\"next\" value=\"/profile/export?a=&quot;\""), "{document}");
        assert!(document.contains("autocomplete=\"current-password\""));
    }

    #[test]
    fn who_has_no_password_is_not_asked_for_one() {
        let google = ProviderView { id: "google".into(), name: "Google".into() };
        let document =
            drawn(&ConfirmView { providers: vec![google], problem: Some("No.".into()), ..ConfirmView::default() });
        assert!(!document.contains("type=\"password\"") && document.contains("Continue with Google"));
        assert!(document.contains("href=\"/forgot\"") && document.contains("role=\"alert\""));
    }
}
