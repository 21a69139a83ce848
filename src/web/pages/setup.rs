//! The page that makes the first admin, opened by a one-time link that the server prints.
//! Without a good link it tells how to get one, and nothing else.

use maud::{Markup, html};

use crate::web::layout::{Frame, page};
use crate::web::pages::fields::{Errors, Form};

/// What the set-up page shows.
#[derive(Clone, Debug)]
pub enum SetupView {
    /// The link is good.
    Open(SetupForm),
    /// There is an admin already.
    Done,
    /// The link is wrong, used up or too old.
    Expired,
}

/// The form for the first admin.
#[derive(Clone, Debug, Default)]
pub struct SetupForm {
    /// The one-time token, carried along.
    pub token: String,
    /// The name typed before.
    pub name: String,
    /// The address typed before.
    pub email: String,
    /// The time zone chosen before; blank lets the script look it up.
    pub timezone: String,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const LABELS: &[(&str, &str)] =
    &[("name", "Your name"), ("email", "E-mail address"), ("password", "Password"), ("timezone", "Your time zone")];

/// Draws the set-up page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &SetupView) -> Markup {
    page(
        frame,
        html! {
            div.narrow {
                @match view {
                    SetupView::Open(form_view) => {
                        h1 { "Welcome to Tandem" }
                        p.lead { "Nobody is here yet. Make the first account: it may do everything, and invite the others." }
                        (form(form_view))
                    }
                    SetupView::Done => {
                        h1 { "Tandem is set up" }
                        p.lead { "There is an admin already, so this link has done its work." }
                        p { a.button.primary href="/signin" { "Sign in" } }
                        p.soft {
                            "Nobody can get in any more? On the server, " code { "tandem admin create" } " makes another admin and "
                            code { "tandem admin reset-password" } " gives one a new password."
                        }
                    }
                    SetupView::Expired => {
                        h1 { "This link no longer works" }
                        p.lead { "Set-up links work once, for 30 minutes. Getting another takes a moment on the server." }
                        ul.bullets {
                            li { "Start " code { "tandem serve" } " again and open the link it prints." }
                            li { "Or make the admin right there: " code { "tandem admin create" } "." }
                        }
                    }
                }
            }
        },
    )
}

fn form(view: &SetupForm) -> Markup {
    let form = Form { id: "setup", labels: LABELS, errors: &view.errors };
    html! {
        form.panel.stack #setup action="/setup" method="post" {
            (form.summary(view.problem.as_deref()))
            (form.text("name", &view.name).autocomplete("name").required().at_most(200))
            (form.email(&view.email).autocomplete("username"))
            (form.new_password("password"))
            div data-zone[!view.errors.contains_key("timezone")] { (form.zone(&view.timezone)) }
            input type="hidden" name="token" value=(view.token);
            button.primary type="submit" { "Create the first account" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(view: &SetupView) -> String {
        render(&Frame { title: "Set up", path: "/setup", viewer: None, program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    #[test]
    fn a_good_link_brings_the_form_and_carries_its_token_along() {
        let form = SetupForm { token: "abc\"><script>".into(), ..SetupForm::default() };
        let document = drawn(&SetupView::Open(form));
        assert!(document.contains("name=\"token\" value=\"abc&quot;&gt;&lt;script&gt;\""), "{document}");
        for name in ["name", "email", "password", "timezone"] {
            assert!(document.contains(&format!("name=\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn without_a_good_link_there_is_no_form_but_a_way_to_get_one() {
        for view in [SetupView::Done, SetupView::Expired] {
            let document = drawn(&view);
            assert!(!document.contains("name=\"password\"") && document.contains("<code>tandem admin create</code>"));
        }
        assert!(drawn(&SetupView::Expired).contains("<code>tandem serve</code>"));
    }
}
