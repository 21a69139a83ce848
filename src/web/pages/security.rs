//! How one signs in: the password, the open sign-ins, linked accounts and API tokens.
//! Shows a token's text once, right after it was made, and a password never.

use maud::{Markup, html};

use crate::web::layout::{Frame, When, page, time};
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{ProviderView, asks_first, button, notice};
use crate::web::pages::profile::head;
use crate::web::pages::tokens::{self, TokensView};

/// What the security page shows.
#[derive(Clone, Debug, Default)]
pub struct SecurityView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// The account's address; password managers save it with the password.
    pub email: String,
    /// Whether the account has a password; without one, only a new one is asked for.
    pub has_password: bool,
    /// What is wrong with the passwords: `currentPassword`, `password`.
    pub errors: Errors,
    /// What is wrong with the passwords as a whole.
    pub problem: Option<String>,
    /// Where one is signed in, this browser first.
    pub logins: Vec<LoginView>,
    /// Accounts elsewhere that one signs in with.
    pub linked: Vec<LinkedView>,
    /// Those that could be linked.
    pub linkable: Vec<ProviderView>,
    /// The tokens.
    pub tokens: TokensView,
}

/// One browser that is signed in.
#[derive(Clone, Debug, Default)]
pub struct LoginView {
    /// The login's id.
    pub id: String,
    /// The browser, as it names itself; put into words here.
    pub agent: String,
    /// The network address it was last seen at.
    pub address: String,
    /// When it was last seen.
    pub last_seen: When,
    /// Whether it is the one that looks at the page.
    pub is_this: bool,
}

/// An account elsewhere that one signs in with.
#[derive(Clone, Debug, Default)]
pub struct LinkedView {
    /// The link's id.
    pub id: String,
    /// Where.
    pub provider: ProviderView,
    /// Its address there, if it says one.
    pub email: Option<String>,
    /// Whether it can go: the last way in cannot.
    pub can_unlink: bool,
}

const LABELS: &[(&str, &str)] = &[("currentPassword", "Current password"), ("password", "New password")];

/// Draws the security page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SecurityView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Signing in and security"))
            (notice(view.notice.as_deref()))
            div.settings {
                // What is shown only once stands where nobody can miss it.
                (tokens::fresh(&view.tokens))
                (password(view))
                (logins(&view.logins))
                @if !view.linked.is_empty() || !view.linkable.is_empty() { (linked(view)) }
                (tokens::section(&view.tokens))
            }
        },
    )
}

fn password(view: &SecurityView) -> Markup {
    let form = Form { id: "password", labels: LABELS, errors: &view.errors };
    html! {
        section.setting aria-labelledby="password-title" {
            div {
                h2 #password-title { "Password" }
                p.soft { "A new password ends every other sign-in." }
            }
            form.panel.stack action="/profile/security/password" method="post" {
                (form.summary(view.problem.as_deref()))
                (form.fixed_email(&view.email))
                @if view.has_password { (form.known_password("currentPassword")) }
                @else { p { "You sign in without a password so far. You may add one as a second way in." } }
                (form.new_password("password"))
                button.primary type="submit" { @if view.has_password { "Change the password" } @else { "Add a password" } }
            }
        }
    }
}

fn logins(logins: &[LoginView]) -> Markup {
    html! {
        section.setting aria-labelledby="logins-title" {
            div {
                h2 #logins-title { "Where you are signed in" }
                p.soft { "Something here that is not you? End it, then change your password." }
            }
            div.panel.stack {
                ul.rows {
                    @for login in logins {
                        @let device = device_words(&login.agent);
                        li {
                            div {
                                p { b { (device) } @if login.is_this { " " span.badge { "this one" } } }
                                p.soft.small { bdi { (login.address) } " · last seen " (time(&login.last_seen)) }
                            }
                            @if !login.is_this {
                                @let about = format!("the sign-in on {device}, last seen {}", login.last_seen.label);
                                (button(&format!("/profile/security/logins/{}/end", login.id), "End", &about))
                            }
                        }
                    }
                }
                @if logins.iter().any(|login| !login.is_this) {
                    (asks_first("/profile/security/logins/end-others", "End all others", "", "Every browser but this one has to sign in again."))
                }
            }
        }
    }
}

fn linked(view: &SecurityView) -> Markup {
    html! {
        section.setting aria-labelledby="linked-title" {
            div { h2 #linked-title { "Linked accounts" } p.soft { "Sign in with an account you have elsewhere." } }
            div.panel.stack {
                @if !view.linked.is_empty() {
                    ul.rows {
                        @for it in &view.linked {
                            li {
                                div {
                                    p { b { (it.provider.name) } }
                                    @if let Some(email) = &it.email { p.soft.small { bdi { (email) } } }
                                    @if !it.can_unlink { p.soft.small { "Your only way in. Add a password before you unlink it." } }
                                }
                                @if it.can_unlink {
                                    (button(&format!("/profile/security/links/{}/unlink", it.id), "Unlink", &it.provider.name))
                                }
                            }
                        }
                    }
                }
                @for provider in &view.linkable {
                    form action={ "/auth/oidc/" (provider.id) "/link" } method="post" {
                        input type="hidden" name="next" value="/profile/security";
                        button type="submit" { "Link " (provider.name) }
                    }
                }
            }
        }
    }
}

/// Returns a browser's own long name as people would say it: `Firefox on Linux`.
#[must_use]
pub fn device_words(agent: &str) -> String {
    // Browsers claim to be each other; the one that names itself most precisely comes first.
    const BROWSERS: &[(&str, &str)] = &[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: &[(&str, &str)] = &[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let named = |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, it)| *it);
    match (named(BROWSERS), named(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A program on {system}"),
        (None, None) if agent.trim().is_empty() => "An unknown program".to_owned(),
        (None, None) => agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &SecurityView) -> String {
        let viewer = Viewer { name: "Bo".into(), role: "mentee".into() };
        let path = "/profile/security";
        render(&Frame { title: "Security", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn a_browser_is_called_what_people_call_it() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1";
        assert_eq!(device_words(firefox), "Firefox on Linux");
        assert_eq!(device_words(edge), "Edge on Windows");
        assert_eq!(device_words(safari), "Safari on iPhone");
        assert_eq!(device_words(""), "An unknown program");
        assert_eq!(device_words(&"x".repeat(300)).len(), 40);
    }

    #[test]
    fn the_sign_in_one_looks_through_cannot_be_ended_by_mistake() {
        let this = LoginView { id: "a".into(), is_this: true, ..LoginView::default() };
        let alone = drawn(&SecurityView { logins: vec![this.clone()], ..SecurityView::default() });
        assert!(!alone.contains("/logins/") && alone.contains("this one"));
        let other = LoginView { id: "b".into(), agent: "<i>odd</i>".into(), ..LoginView::default() };
        let both = drawn(&SecurityView { logins: vec![this, other], ..SecurityView::default() });
        assert!(both.contains("action=\"/profile/security/logins/b/end\"") && !both.contains("/logins/a/end"));
        assert!(both.contains("/profile/security/logins/end-others") && both.contains("&lt;i&gt;odd"), "{both}");
    }

    #[test]
    fn the_last_way_in_cannot_be_unlinked() {
        let provider = ProviderView { id: "google".into(), name: "Google".into() };
        let linked = |can_unlink| LinkedView { id: "7".into(), provider: provider.clone(), email: None, can_unlink };
        let page = |can_unlink| {
            let linkable = vec![provider.clone()];
            drawn(&SecurityView { linked: vec![linked(can_unlink)], linkable, ..SecurityView::default() })
        };
        assert!(page(true).contains("action=\"/auth/oidc/google/link\" method=\"post\""));
        assert!(page(true).contains("action=\"/profile/security/links/7/unlink\""));
        assert!(!page(false).contains("/unlink") && page(false).contains("Your only way in"));
    }

    #[test]
    fn without_a_password_the_current_one_is_not_asked_for() {
        assert!(!drawn(&SecurityView::default()).contains("currentPassword"));
        let document = drawn(&SecurityView { has_password: true, ..SecurityView::default() });
        assert!(document.contains("name=\"currentPassword\"") && document.contains("name=\"password\""));
    }
}
