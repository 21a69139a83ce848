//! One's own profile: name and zone, photo, what mentors or mentees say of themselves, one's data and one's leaving.
//! Shows only what is one's own.

use maud::{Markup, html};

use crate::web::layout::{Frame, page, portrait, tabs};
use crate::web::pages::fields::{Errors, Form};
use crate::web::pages::pieces::{ROLES, notice, words};
use crate::web::pages::profile_parts::{self as parts, MenteePart, MentorPart};

/// What the profile page shows.
#[derive(Clone, Debug, Default)]
pub struct ProfileView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// The name, as stored or as typed.
    pub name: String,
    /// The address; changed by nobody here.
    pub email: String,
    /// `mentee`, `mentor`, `pm` or `admin`.
    pub role: String,
    /// The time zone, as stored or as chosen.
    pub timezone: String,
    /// What a mentor says of themselves; only where there is such a profile.
    pub mentor: Option<MentorPart>,
    /// What a mentee says of themselves; only where there is such a profile.
    pub mentee: Option<MenteePart>,
    /// What is wrong with the profile, by field.
    pub errors: Errors,
    /// What is wrong with the profile as a whole.
    pub problem: Option<String>,
    /// The picture.
    pub photo: PhotoView,
    /// The form that deletes the account.
    pub leaving: LeavingView,
}

/// The picture and the two ways to change it.
#[derive(Clone, Debug, Default)]
pub struct PhotoView {
    /// The picture's address: https, or `/photos/…` of this site.
    pub url: Option<String>,
    /// What may be uploaded: `JPEG, PNG or WebP, up to 5 MB.`
    pub limits: String,
    /// The address typed before.
    pub typed: String,
    /// What is wrong: `photo`, `photoUrl`.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// The form that deletes the account.
#[derive(Clone, Debug, Default)]
pub struct LeavingView {
    /// Whether the account has a password to ask for.
    pub has_password: bool,
    /// What is wrong: `password`, `confirm`.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

const PHOTO: &[(&str, &str)] = &[("photo", "A picture from your device"), ("photoUrl", "Address of the picture")];
const LEAVING: &[(&str, &str)] = &[("password", "Your password"), ("confirm", "The box below")];

/// Draws the profile page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &ProfileView) -> Markup {
    page(
        frame,
        html! {
            (head(frame, "Your profile"))
            (notice(view.notice.as_deref()))
            div.settings {
                (photo(view))
                (profile(view))
                (account(&view.leaving))
            }
        },
    )
}

/// Draws the heading that the pages about oneself share, with the way between them.
#[must_use]
pub fn head(frame: &Frame<'_>, title: &str) -> Markup {
    html! {
        h1 { (title) }
        (tabs("Your account", frame.path, &[("/profile", "Profile"), ("/profile/security", "Signing in and security")]))
    }
}

fn photo(view: &ProfileView) -> Markup {
    let form = Form { id: "photo", labels: PHOTO, errors: &view.photo.errors };
    let problem = view.photo.errors.get("photo");
    let is_address_open = view.photo.errors.contains_key("photoUrl");
    html! {
        section.setting aria-labelledby="photo-title" {
            div { h2 #photo-title { "Photo" } p.soft { "A face makes it easier to say hello." } }
            div.panel.stack {
                (form.summary(view.photo.problem.as_deref()))
                div.photo {
                    (portrait(&view.name, view.photo.url.as_deref()))
                    form.stack action="/profile/photo" method="post" enctype="multipart/form-data" {
                        div.field {
                            label for="photo-photo" { "A picture from your device" }
                            p.hint #photo-photo-hint { (view.photo.limits) }
                            input #photo-photo type="file" name="photo" accept="image/*" required aria-invalid=[problem.map(|_| "true")]
                                aria-describedby={ "photo-photo-hint" @if problem.is_some() { " photo-errors" } } autofocus[problem.is_some()];
                        }
                        button type="submit" { "Upload" }
                    }
                }
                details open[is_address_open] {
                    summary { "Use a picture from the web" }
                    form.stack action="/profile/photo/url" method="post" {
                        (form.url("photoUrl", &view.photo.typed).hint("An address that starts with https://").required())
                        button type="submit" { "Use this picture" }
                    }
                }
                @if view.photo.url.is_some() {
                    form action="/profile/photo/remove" method="post" { button.quiet type="submit" { "Remove the photo" } }
                }
            }
        }
    }
}

fn profile(view: &ProfileView) -> Markup {
    let form = Form { id: "profile", labels: parts::LABELS, errors: &view.errors };
    html! {
        form.settings #profile action="/profile" method="post" {
            (form.summary(view.problem.as_deref()))
            section.setting aria-labelledby="you-title" {
                div {
                    h2 #you-title { "You" }
                    p.soft { "Your name is shown to everyone here, your address only to those you meet and to the people who run the program." }
                }
                div.panel.stack {
                    (form.text("name", &view.name).autocomplete("name").required().at_most(200))
                    dl.facts {
                        div { dt { "E-mail" } dd { bdi { (view.email) } } }
                        div { dt { "Role" } dd { (words(ROLES, &view.role)) } }
                    }
                    (form.zone(&view.timezone).hint("All times are shown to you in this zone."))
                }
            }
            @if let Some(part) = &view.mentor { (parts::mentor(form, part)) }
            @if let Some(part) = &view.mentee { (parts::mentee(form, part, view.mentor.is_some())) }
            p.actions.save { button.primary type="submit" { "Save the profile" } }
        }
    }
}

fn account(view: &LeavingView) -> Markup {
    let form = Form { id: "leaving", labels: LEAVING, errors: &view.errors };
    let is_open = view.problem.is_some() || !view.errors.is_empty();
    html! {
        section.setting aria-labelledby="data-title" {
            div { h2 #data-title { "Your data" } p.soft { "It is yours: take it with you, or take it away." } }
            div.panel.stack {
                p { "Everything kept about you here, in one file that people and programs can read." }
                p { a.button href="/profile/export" { "Download my data" } }
                details.asks-first open[is_open] {
                    summary { "Delete my account" }
                    form.stack action="/profile/delete" method="post" {
                        (form.summary(view.problem.as_deref()))
                        p {
                            "Your profile, photo, sign-ins and tokens are removed at once. Sessions you had with others stay \
                             in their records, without your name. Nobody can bring the account back."
                        }
                        @if view.has_password { (form.known_password("password")) }
                        (form.tick("confirm", "Yes, delete my account for good", false))
                        button.danger type="submit" { "Delete my account" }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(view: &ProfileView) -> String {
        let viewer = Viewer { name: "Bo".into(), role: "mentee".into() };
        let frame =
            Frame { title: "Profile", path: "/profile", viewer: Some(&viewer), program: "Lighthouse", assets: "1" };
        render(&frame, view).into_string()
    }

    fn hostile() -> ProfileView {
        let name = "<script>alert('x')</script>\u{202e}\"";
        ProfileView {
            name: name.into(),
            mentor: Some(MentorPart {
                headline: name.into(),
                bio: "</textarea><img src=x>".into(),
                ..MentorPart::default()
            }),
            mentee: Some(MenteePart { goals: name.into(), ..MenteePart::default() }),
            ..ProfileView::default()
        }
    }

    #[test]
    fn hostile_values_come_out_as_text() {
        let document = drawn(&hostile());
        assert!(!document.contains("<script>alert") && !document.contains("<img src=x>"), "{document}");
        assert_eq!(document.matches("</textarea>").count(), document.matches("<textarea").count());
    }

    #[test]
    fn every_id_and_every_field_of_the_profile_is_there_once() {
        let document = drawn(&hostile());
        let mut ids = document.split(" id=\"").skip(1).map(|rest| rest.split('"').next()).collect::<Vec<_>>();
        let n_ids = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), n_ids);
        let form = document.split("action=\"/profile\"").nth(1).and_then(|rest| rest.split("</form>").next());
        let form = form.expect("the form");
        for name in ["name", "timezone", "company", "menteeCompany", "pausedUntil", "stage", "stages"] {
            assert_eq!(form.matches(&format!(" name=\"{name}\"")).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_not_asked_for() {
        let document = drawn(&ProfileView { mentee: Some(MenteePart::default()), ..ProfileView::default() });
        assert!(document.contains("name=\"goals\"") && document.contains("name=\"company\""));
        assert!(!document.contains("name=\"headline\"") && !document.contains("menteeCompany"));
    }

    #[test]
    fn leaving_asks_for_the_password_and_a_tick() {
        let leaving = LeavingView { has_password: true, ..LeavingView::default() };
        let document = drawn(&ProfileView { leaving, ..ProfileView::default() });
        assert!(document.contains("<details class=\"asks-first\"><summary>Delete my account"), "{document}");
        assert!(document.contains("name=\"confirm\" value=\"true\" required"));
        let leaving = LeavingView { problem: Some("That is not your password.".into()), ..LeavingView::default() };
        let document = drawn(&ProfileView { leaving, ..ProfileView::default() });
        assert!(document.contains("<details class=\"asks-first\" open>"), "what went wrong is in sight");
        assert!(!document.contains("name=\"password\""), "an account without one");
    }
}
