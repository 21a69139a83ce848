//! The pages around letters: asking for one, being told to look for it, and what its link opens.
//! Opening a link changes nothing, because mail scanners open links too; the button on the page does.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::fields::{Errors, Form};

/// What a letter's link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirms an address: `/verify`.
    Verify,
    /// Signs in: `/signin/link`.
    SignIn,
    /// Chooses a new password: `/reset`.
    Reset,
    /// Chooses the first password after an invitation: `/reset` too.
    Invitation,
}

/// A form that asks for a letter: `/forgot` for `Reset`, `/signin/link` for `SignIn`.
#[derive(Clone, Debug)]
pub struct AskView {
    /// Which letter; anything but `SignIn` asks for a new password.
    pub purpose: Purpose,
    /// The address typed before.
    pub email: String,
    /// Where to go once signed in; already checked to be a path of this site.
    pub next: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// What is said once a letter is on its way, or would be if the address were known.
#[derive(Clone, Debug)]
pub struct SentView {
    /// Which letter.
    pub purpose: Purpose,
    /// The address as it was typed.
    pub email: String,
    /// Where letters land on the server, if they are written to files there instead of being sent.
    pub folder: Option<String>,
}

/// A page with one button, which does what the letter said.
#[derive(Clone, Debug)]
pub struct PressView {
    /// What the button does: `Verify` or `SignIn`.
    pub purpose: Purpose,
    /// The token of the link, carried along.
    pub token: String,
    /// Where to go once signed in; already checked to be a path of this site.
    pub next: String,
}

/// The form for a new password, or for the first one.
#[derive(Clone, Debug)]
pub struct ResetView {
    /// `Reset` or `Invitation`.
    pub purpose: Purpose,
    /// The token of the link, carried along.
    pub token: String,
    /// The address the link was sent to; password managers save it with the password.
    pub email: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const ASK: &[(&str, &str)] = &[("email", "E-mail address")];
const RESET: &[(&str, &str)] = &[("password", "New password")];

/// Draws the form that asks for a letter.
#[must_use]
pub fn render_ask(frame: &Frame<'_>, view: &AskView) -> Markup {
    let (title, lead) = match view.purpose {
        Purpose::SignIn => (
            "Sign in without a password",
            "We send you a letter with a link that signs you in. It works once, for a short while.",
        ),
        _ => ("Forgot your password?", "It happens. We send you a letter with a link to choose a new one."),
    };
    page(
        frame,
        html! {
            div.narrow {
                h1 { (title) }
                p.lead { (lead) }
                (ask(view))
                p { a href="/signin" { "Back to signing in" } }
            }
        },
    )
}

fn ask(view: &AskView) -> Markup {
    let form = Form { id: "ask", labels: ASK, errors: &view.errors };
    let (action, label) = match view.purpose {
        Purpose::SignIn => ("/signin/link", "Send me a sign-in link"),
        _ => ("/forgot", "Send me a new link"),
    };
    html! {
        form.panel.stack #ask action=(action) method="post" {
            (form.summary(view.problem.as_deref()))
            (form.email(&view.email).autocomplete("username"))
            @if view.purpose == Purpose::SignIn { input type="hidden" name="next" value=(view.next); }
            button.primary type="submit" { (label) }
        }
    }
}

/// Draws what is said once a letter is on its way. It reads the same whether or not the address is known.
#[must_use]
pub fn render_sent(frame: &Frame<'_>, view: &SentView) -> Markup {
    let (lead, again) = match view.purpose {
        Purpose::Verify => ("One more step: open the link in the letter we have sent to", "/signup"),
        Purpose::SignIn => {
            ("If there is an account here for the address below, a link to sign in is on its way to", "/signin/link")
        }
        Purpose::Reset | Purpose::Invitation => (
            "If there is an account here for the address below, a link to choose a new password is on its way to",
            "/forgot",
        ),
    };
    page(
        frame,
        html! {
            div.narrow {
                h1 { "Check your mail" }
                p.lead { (lead) }
                p.panel.address { bdi { (view.email) } }
                @if view.purpose == Purpose::Verify {
                    p { "If that address had an account here before, the letter says so and how to sign in." }
                }
                @if let Some(folder) = &view.folder {
                    p.notice role="status" {
                        "No mail server is set up yet, so letters are not sent but written to " code { (folder) }
                        " in the data directory on the server. Whoever runs it finds yours there, and on the staff page " b { "Letters" } "."
                    }
                }
                details {
                    summary { "Nothing there after a few minutes?" }
                    ul.bullets {
                        li { "Look in the folder for unwanted mail." }
                        li { "Check the address above for a slip of the finger, then " a href=(again) { "try once more" } "." }
                    }
                }
                p { a href="/signin" { "Back to signing in" } }
            }
        },
    )
}

/// Draws the page of a link that confirms an address or signs in.
#[must_use]
pub fn render_press(frame: &Frame<'_>, view: &PressView) -> Markup {
    let (title, lead, action, label) = match view.purpose {
        Purpose::SignIn => ("Welcome back", "Press the button to sign in on this device.", "/signin/link", "Sign in"),
        _ => ("Confirm your address", "Press the button and your account is ready.", "/verify", "Confirm my address"),
    };
    page(
        frame,
        html! {
            div.narrow {
                h1 { (title) }
                p.lead { (lead) }
                form.panel.stack action=(action) method="post" {
                    input type="hidden" name="token" value=(view.token);
                    @if view.purpose == Purpose::SignIn { input type="hidden" name="next" value=(view.next); }
                    button.primary type="submit" autofocus { (label) }
                }
                p.soft { "You did not ask for this? Close the page and nothing happens." }
            }
        },
    )
}

/// Draws the form for a new password.
#[must_use]
pub fn render_reset(frame: &Frame<'_>, view: &ResetView) -> Markup {
    let form = Form { id: "reset", labels: RESET, errors: &view.errors };
    let is_new = view.purpose == Purpose::Invitation;
    page(
        frame,
        html! {
            div.narrow {
                h1 { @if is_new { "Welcome, choose a password" } @else { "Choose a new password" } }
                p.lead {
                    @if is_new { "You are invited to " (frame.program) ". With a password your account is ready." }
                    @else { "Everywhere else you are signed in, you will have to sign in again with it." }
                }
                form.panel.stack #reset action="/reset" method="post" {
                    (form.summary(view.problem.as_deref()))
                    (form.fixed_email(&view.email))
                    (form.new_password("password"))
                    input type="hidden" name="token" value=(view.token);
                    button.primary type="submit" { @if is_new { "Save and go on" } @else { "Save the new password" } }
                }
            }
        },
    )
}

/// Draws the page of a link that is wrong, used or too old, with the way to another.
#[must_use]
pub fn render_expired(frame: &Frame<'_>, purpose: Purpose) -> Markup {
    let asks = AskView { purpose, email: String::new(), next: String::new(), errors: Errors::new(), problem: None };
    page(
        frame,
        html! {
            div.narrow {
                h1 { "This link no longer works" }
                p.lead { "Links in letters work once and only for a while. This one was used, is too old, or is not complete." }
                @match purpose {
                    Purpose::Verify => {
                        p { "If you have confirmed your address before, simply sign in. If not, sign up again with the same address and a new letter comes." }
                        p.actions { a.button.primary href="/signin" { "Sign in" } a.button href="/signup" { "Sign up" } }
                    }
                    Purpose::Invitation => {
                        p { "If you have chosen a password before, simply sign in. If not, here is a way to get a new link:" }
                        (ask(&asks))
                        p { a href="/signin" { "Sign in" } }
                    }
                    Purpose::SignIn | Purpose::Reset => {
                        p { "Here is how to get a new one:" }
                        (ask(&asks))
                        p { a href="/signin" { "Back to signing in" } }
                    }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame<'static> {
        Frame { title: "Link", path: "/verify", viewer: None, program: "Lighthouse", assets: "1" }
    }

    fn asked(purpose: Purpose) -> AskView {
        AskView {
            purpose,
            email: "bo\"@example.org".into(),
            next: "/search?q=a".into(),
            errors: Errors::new(),
            problem: None,
        }
    }

    #[test]
    fn a_link_opens_a_button_and_the_button_posts_the_token() {
        for (purpose, action) in [(Purpose::Verify, "/verify"), (Purpose::SignIn, "/signin/link")] {
            let view = PressView { purpose, token: "a\"b".into(), next: "/search".into() };
            let document = render_press(&frame(), &view).into_string();
            assert!(document.contains(&format!("action=\"{action}\" method=\"post\"")), "{document}");
            assert!(document.contains("name=\"token\" value=\"a&quot;b\"") && !document.contains("name=\"email\""));
        }
    }

    #[test]
    fn asking_leads_to_the_right_letter() {
        let forgot = render_ask(&frame(), &asked(Purpose::Reset)).into_string();
        assert!(forgot.contains("action=\"/forgot\"") && forgot.contains("value=\"bo&quot;@example.org\""));
        let link = render_ask(&frame(), &asked(Purpose::SignIn)).into_string();
        assert!(link.contains("action=\"/signin/link\"") && link.contains("name=\"next\" value=\"/search?q=a\""));
    }

    #[test]
    fn a_letter_in_a_folder_is_no_secret_to_whoever_waits_for_it() {
        let mut view = SentView { purpose: Purpose::Verify, email: "<b>@example.org".into(), folder: None };
        assert!(!render_sent(&frame(), &view).into_string().contains("mail server"));
        view.folder = Some("data/mail".into());
        let document = render_sent(&frame(), &view).into_string();
        assert!(document.contains("<code>data/mail</code>") && document.contains("&lt;b&gt;@example.org"));
    }

    #[test]
    fn an_invitation_says_welcome_and_a_new_password_says_what_it_ends() {
        let mut view = ResetView {
            purpose: Purpose::Invitation,
            token: "t".into(),
            email: "bo@example.org".into(),
            errors: [("password".into(), "is too common".into())].into(),
            problem: None,
        };
        let document = render_reset(&frame(), &view).into_string();
        assert!(
            document.contains("<h1>Welcome, choose a password</h1>") && document.contains("New password is too common")
        );
        assert_eq!(document.matches("name=\"email\"").count(), 0, "the token says whose it is");
        view.purpose = Purpose::Reset;
        assert!(render_reset(&frame(), &view).into_string().contains("sign in again with it"));
    }

    #[test]
    fn every_dead_link_offers_a_way_on() {
        for (purpose, way) in [
            (Purpose::Verify, "href=\"/signup\""),
            (Purpose::SignIn, "action=\"/signin/link\""),
            (Purpose::Reset, "action=\"/forgot\""),
            (Purpose::Invitation, "action=\"/forgot\""),
        ] {
            let document = render_expired(&frame(), purpose).into_string();
            assert!(document.contains(way), "{purpose:?}");
            assert_eq!(document.matches("<h1").count(), 1);
        }
    }
}
