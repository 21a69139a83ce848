//! The sign-in page: one form, one honest error line. Never shows or keeps a typed password.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::pieces::{ProviderView, notice, providers};

/// What the sign-in page shows.
#[derive(Clone, Debug, Default)]
pub struct SigninView {
    /// The address typed before, kept after a failure.
    pub email: String,
    /// Where to go once signed in; already checked to be a path of this site.
    pub next: String,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Other places to sign in with.
    pub providers: Vec<ProviderView>,
    /// Ready-made accounts; filled in the demo program only.
    pub demo: Vec<DemoAccount>,
    /// Whether anyone may make an account.
    pub is_signup_open: bool,
    /// What has just gone well, such as a confirmed address or a new password.
    pub notice: Option<String>,
}

/// An account of the demo program that anyone may use.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// What the account is: `Mentee`, `Program manager`.
    pub role: String,
    /// Its address.
    pub email: String,
    /// Its password, public by design.
    pub password: String,
}

/// Draws the sign-in page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SigninView) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                h1 { "Sign in" }
                p.lead { "Good to see you. Your next conversation is a few lines away." }
                (notice(view.notice.as_deref()))
                (form(view))
                (providers(&view.providers, &view.next))
                p.actions { a href="/forgot" { "Forgot your password?" } a href=(link_address(&view.next)) { "Get a sign-in link by mail" } }
                @if view.is_signup_open {
                    p { "No account yet? " a href="/signup" { "Create one" } "." }
                }
                @if !view.demo.is_empty() { (demo(&view.demo)) }
            }
        },
    )
}

fn form(view: &SigninView) -> Markup {
    let described_by = view.error.as_ref().map(|_| "signin-error");
    let is_invalid = view.error.as_ref().map(|_| "true");
    html! {
        form.panel.stack #signin action="/signin" method="post" {
            @if let Some(error) = &view.error {
                p.error #signin-error role="alert" { (error) }
            }
            div.field {
                label for="email" { "E-mail address" }
                input #email name="email" type="email" autocomplete="username" required maxlength="254"
                    value=(view.email) autofocus[view.email.is_empty()]
                    aria-describedby=[described_by] aria-invalid=[is_invalid];
            }
            div.field {
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required
                    autofocus[!view.email.is_empty()] aria-describedby=[described_by] aria-invalid=[is_invalid];
            }
            input type="hidden" name="next" value=(view.next);
            button.primary type="submit" { "Sign in" }
        }
    }
}

/// Returns where a letter with a sign-in link is asked for, keeping where one was going.
fn link_address(next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    if next.is_empty() { "/signin/link".into() } else { format!("/signin/link?{query}") }
}

fn demo(accounts: &[DemoAccount]) -> Markup {
    html! {
        section.demo aria-labelledby="demo-title" {
            h2 #demo-title { "Try the demo" }
            p { "These people are made up. Sign in as any of them." }
            ul {
                @for account in accounts {
                    li {
                        strong { (account.role) }
                        span.demo-account { code { (account.email) } " " code { (account.password) } }
                        // The script reveals this button; without the script it would do nothing.
                        button.quiet type="button" hidden data-email=(account.email) data-password=(account.password) {
                            "Fill in" span.unseen { " as " (account.role) }
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

    fn drawn(view: &SigninView) -> String {
        render(&Frame { title: "Sign in", path: "/signin", viewer: None, program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn a_failure_keeps_the_address_and_says_why() {
        let document = drawn(&SigninView {
            email: "bo\"><script>@example.org".into(),
            error: Some("That e-mail address and password do not belong together.".into()),
            ..SigninView::default()
        });
        assert!(document.contains("value=\"bo&quot;&gt;&lt;script&gt;@example.org\""), "{document}");
        assert!(document.contains("id=\"signin-error\" role=\"alert\""));
        assert_eq!(document.matches("aria-describedby=\"signin-error\"").count(), 2);
    }

    #[test]
    fn the_first_visit_shows_no_error() {
        let document = drawn(&SigninView { next: "/search?q=a&within=7".into(), ..SigninView::default() });
        assert!(!document.contains("role=\"alert\"") && !document.contains("aria-invalid"));
        assert!(document.contains("name=\"next\" value=\"/search?q=a&amp;within=7\""));
        assert!(
            document.contains("autocomplete=\"username\"") && document.contains("autocomplete=\"current-password\"")
        );
    }

    #[test]
    fn other_places_to_sign_in_with_are_links_that_remember_where_to_go() {
        let provider = ProviderView { id: "google".into(), name: "Google <3".into() };
        let document = drawn(&SigninView {
            next: "/search?q=a&within=7".into(),
            providers: vec![provider],
            ..SigninView::default()
        });
        assert!(document.contains("href=\"/auth/oidc/google?next=%2Fsearch%3Fq%3Da%26within%3D7\""), "{document}");
        assert!(document.contains("Continue with Google &lt;3"));
        assert!(!drawn(&SigninView::default()).contains("Continue with"));
    }

    #[test]
    fn demo_accounts_can_be_read_without_a_script_and_add_no_second_form_field() {
        let account =
            DemoAccount { role: "Mentee".into(), email: "bo@example.org".into(), password: "ride a tandem".into() };
        let document = drawn(&SigninView { demo: vec![account], ..SigninView::default() });
        assert!(document.contains("<code>bo@example.org</code> <code>ride a tandem</code>"));
        assert_eq!(document.matches("name=\"email\"").count(), 1);
        assert!(!drawn(&SigninView::default()).contains("demo"));
    }
}
