//! One mentor with every field there is, for those who run the program: to change or to add. Where somebody
//! else was quicker, both versions are shown and nothing that was typed is lost.

use maud::{Markup, html};
use serde::Deserialize;

use crate::web::layout::{Frame, page, portrait};
use crate::web::pages::admin::head;
use crate::web::pages::fields::{Choice, Errors, Form};
use crate::web::pages::pieces::{button, notice, words};

/// A mentor's fields, all text, as stored or as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MentorForm {
    /// Names what the form showed; blank for a new mentor.
    pub version: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// IANA zone.
    pub timezone: String,
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// As what they work.
    pub title: String,
    /// Where they work.
    pub company: String,
    /// One a line: the tag, and after bars a finer word and a weight.
    pub expertise: String,
    /// One a line.
    pub industries: String,
    /// One a line.
    pub stages: String,
    /// One a line.
    pub languages: String,
    /// `true` or `false`.
    pub active: String,
    /// `public`, `limited` or `private`.
    pub visibility: String,
    /// `2030-03-05`, or blank.
    pub paused_until: String,
    /// Sessions a week.
    pub load_cap_per_week: String,
    /// A picture.
    pub photo_url: String,
    /// Their page on LinkedIn.
    pub linkedin_url: String,
    /// Their own meeting room.
    pub meeting_url: String,
}

impl MentorForm {
    /// Its fields by name, in the order of the page.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &str); 18] {
        [
            ("name", &self.name),
            ("email", &self.email),
            ("timezone", &self.timezone),
            ("headline", &self.headline),
            ("bio", &self.bio),
            ("title", &self.title),
            ("company", &self.company),
            ("expertise", &self.expertise),
            ("industries", &self.industries),
            ("stages", &self.stages),
            ("languages", &self.languages),
            ("active", &self.active),
            ("visibility", &self.visibility),
            ("pausedUntil", &self.paused_until),
            ("loadCapPerWeek", &self.load_cap_per_week),
            ("photoUrl", &self.photo_url),
            ("linkedinUrl", &self.linkedin_url),
            ("meetingUrl", &self.meeting_url),
        ]
    }
}

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct MentorView {
    /// What has just gone well.
    pub notice: Option<String>,
    /// The fields, as stored or as typed.
    pub form: MentorForm,
    /// What is stored now, where somebody else was quicker.
    pub theirs: Option<MentorForm>,
    /// What is wrong, by field.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
    /// The mentor, unless they are new.
    pub known: Option<KnownView>,
}

/// What stands beside the form of a mentor who is there already.
#[derive(Clone, Debug, Default)]
pub struct KnownView {
    /// The mentor's id.
    pub id: String,
    /// Their account's id.
    pub user: String,
    /// The stored name.
    pub name: String,
    /// The picture to show.
    pub photo_url: Option<String>,
    /// Whether mentees find them.
    pub is_visible: bool,
    /// The record they come from, where a program pushes them.
    pub record: Option<String>,
    /// Whether they have never signed in.
    pub has_never_come: bool,
}

/// The fields of the form in the order of the page.
pub const LABELS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("email", "E-mail address"),
    ("timezone", "Time zone"),
    ("headline", "Headline"),
    ("bio", "Bio"),
    ("title", "Title"),
    ("company", "Company"),
    ("expertise", "Expertise"),
    ("industries", "Industries"),
    ("stages", "Stages"),
    ("languages", "Languages"),
    ("active", "In the program"),
    ("visibility", "Who finds them"),
    ("pausedUntil", "Pause until"),
    ("loadCapPerWeek", "Sessions a week, at most"),
    ("photoUrl", "Photo"),
    ("linkedinUrl", "LinkedIn"),
    ("meetingUrl", "Meeting room"),
];

const ACTIVE: &[Choice<'_>] = &[
    Choice { value: "true", label: "In use", hint: "They are found as the next choice says." },
    Choice { value: "false", label: "Off the list", hint: "Nobody finds them. Sessions already booked stay." },
];

const VISIBILITIES: &[Choice<'_>] = &[
    Choice { value: "public", label: "Everyone", hint: "Anyone signed in finds them and books an open time." },
    Choice {
        value: "limited",
        label: "Everyone, asks first",
        hint: "Anyone finds them; they accept or decline each request.",
    },
    Choice { value: "private", label: "Nobody", hint: "They are in no search." },
];

/// Draws the page.
#[must_use]
pub fn render(frame: &Frame<'_>, view: &MentorView) -> Markup {
    let form = Form { id: "mentor", labels: LABELS, errors: &view.errors };
    let title = view.known.as_ref().map_or("Add a mentor", |known| &known.name);
    page(
        frame,
        html! {
            (head(frame, title))
            (notice(view.notice.as_deref()))
            @if let Some(known) = &view.known { (beside(known, frame)) }
            @if let Some(theirs) = &view.theirs { (both(&view.form, theirs, view.problem.as_deref())) }
            form.settings #mentor action=(action(view)) method="post" {
                @if view.theirs.is_none() { (form.summary(view.problem.as_deref())) }
                input type="hidden" name="version" value=(view.form.version);
                (person(form, &view.form))
                (story(form, &view.form))
                (standing(form, &view.form))
                p.actions.save {
                    button.primary type="submit" {
                        @if view.known.is_none() { "Add the mentor" } @else if view.theirs.is_some() { "Save mine over it" } @else { "Save" }
                    }
                    a.plain href="/admin/mentors" { "Back to the list" }
                }
            }
        },
    )
}

fn action(view: &MentorView) -> String {
    view.known.as_ref().map_or_else(|| "/admin/mentors/new".to_owned(), |known| format!("/admin/mentors/{}", known.id))
}

fn beside(known: &KnownView, frame: &Frame<'_>) -> Markup {
    let is_admin = frame.viewer.is_some_and(|viewer| viewer.role == "admin");
    html! {
        div.beside {
            (portrait(&known.name, known.photo_url.as_deref()))
            div {
                p.actions {
                    @if known.is_visible { a.plain href={ "/mentors/" (known.id) } { "See their page as mentees do" } }
                    a.plain href={ "/admin/audit?entityId=" (known.id) } { "What was changed" }
                }
                @if let Some(record) = &known.record {
                    p.soft.small { "From the Airtable record " code { (record) } ": its next delivery writes over the fields it names." }
                }
                @if known.has_never_come && is_admin {
                    (button(&format!("/admin/users/{}/invite", known.user), "Send an invitation", &format!("to {}", known.name)))
                }
            }
        }
    }
}

/// Draws what differs between what was typed and what is stored now.
fn both(mine: &MentorForm, theirs: &MentorForm, problem: Option<&str>) -> Markup {
    let differing =
        mine.fields().into_iter().zip(theirs.fields()).filter(|(mine, theirs)| mine.1.trim() != theirs.1.trim());
    let said = |text: &str| if text.trim().is_empty() { "(nothing)".to_owned() } else { text.to_owned() };
    html! {
        div.panel.stack.both role="alert" {
            p { b { (problem.unwrap_or("Somebody else was quicker.")) } }
            @for ((name, mine), (_, theirs)) in differing {
                section {
                    h2 { (words(LABELS, name)) }
                    dl.pair {
                        div { dt { "Stored now" } dd { bdi { (said(theirs)) } } }
                        div { dt { "Yours, in the form below" } dd { bdi { (said(mine)) } } }
                    }
                }
            }
        }
    }
}

fn person<'a>(form: Form<'a>, it: &'a MentorForm) -> Markup {
    html! {
        section.setting aria-labelledby="person-title" {
            div { h2 #person-title { "The person" } p.soft { "Their account goes with the address: letters and sign-in links go there." } }
            div.panel.stack {
                div.pair {
                    (form.text("name", &it.name).autocomplete("off").required().at_most(200))
                    (form.email(&it.email).autocomplete("off"))
                }
                (form.zone(&it.timezone))
                div.pair {
                    (form.url("photoUrl", &it.photo_url).hint("An https:// address."))
                    (form.url("linkedinUrl", &it.linkedin_url).hint("An https:// address."))
                }
            }
        }
    }
}

fn story<'a>(form: Form<'a>, it: &'a MentorForm) -> Markup {
    html! {
        section.setting aria-labelledby="story-title" {
            div { h2 #story-title { "What they bring" } p.soft { "Questions are compared with these very words." } }
            div.panel.stack {
                (form.text("headline", &it.headline))
                (form.area("bio", &it.bio, 6))
                div.pair { (form.text("title", &it.title)) (form.text("company", &it.company)) }
                (form.area("expertise", &it.expertise, 5)
                    .hint("One a line, the strongest first. A finer word and a weight may follow: Pricing | Subscriptions | 2"))
                div.pair {
                    (form.area("industries", &it.industries, 3).hint("One a line, the foremost first."))
                    (form.area("stages", &it.stages, 3).hint("One a line, the foremost first."))
                }
                (form.area("languages", &it.languages, 2).hint("One a line."))
            }
        }
    }
}

fn standing<'a>(form: Form<'a>, it: &'a MentorForm) -> Markup {
    html! {
        section.setting aria-labelledby="standing-title" {
            div { h2 #standing-title { "Being found" } p.soft { "A change holds from the next search on." } }
            div.panel.stack {
                (form.radios("active", ACTIVE, &it.active))
                (form.radios("visibility", VISIBILITIES, &it.visibility))
                div.pair {
                    (form.date("pausedUntil", &it.paused_until).hint("Nobody new books them before that day, in their zone."))
                    (form.number("loadCapPerWeek", &it.load_cap_per_week, (0, 200)).hint("Blank is the program's usual number."))
                }
                (form.url("meetingUrl", &it.meeting_url).hint("An https:// address; only people who have a session with them see it."))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::layout::Viewer;

    fn drawn(role: &str, view: &MentorView) -> String {
        let viewer = Viewer { name: "Ada".into(), role: role.into() };
        let path = "/admin/mentors/7";
        render(&Frame { title: "A mentor", path, viewer: Some(&viewer), program: "Lighthouse", assets: "1" }, view)
            .into_string()
    }

    fn hostile() -> MentorForm {
        let bio = "</textarea><script>alert(1)</script>".to_owned();
        MentorForm { name: "\"><b>".into(), bio, active: "true".into(), ..MentorForm::default() }
    }

    #[test]
    fn hostile_values_come_out_as_text_and_every_field_is_there_once() {
        let document = drawn("pm", &MentorView { form: hostile(), ..MentorView::default() });
        assert!(!document.contains("<script>alert") && !document.contains("\"><b>"), "{document}");
        let form = document.split("id=\"mentor\"").nth(1).and_then(|rest| rest.split("</form>").next()).expect("it");
        for (name, _) in LABELS {
            let n_times = form.matches(&format!(" name=\"{name}\"")).count();
            let expected = match *name {
                "active" => 2,
                "visibility" => 3,
                _ => 1,
            };
            assert_eq!(n_times, expected, "{name}");
        }
    }

    #[test]
    fn who_was_slower_sees_both_versions_of_what_differs_and_nothing_else() {
        let theirs = MentorForm { bio: "Theirs <i>".into(), ..hostile() };
        let view = MentorView { form: hostile(), theirs: Some(theirs), ..MentorView::default() };
        let document = drawn("pm", &view);
        assert!(document.contains("Theirs &lt;i&gt;") && document.contains("Yours, in the form below"), "{document}");
        assert_eq!(document.matches("Stored now").count(), 1);
    }

    #[test]
    fn only_admins_are_offered_to_invite() {
        let known = KnownView { has_never_come: true, user: "9".into(), ..KnownView::default() };
        let view = MentorView { known: Some(known), ..MentorView::default() };
        assert!(drawn("admin", &view).contains("action=\"/admin/users/9/invite\""));
        assert!(!drawn("pm", &view).contains("/invite"));
    }
}
