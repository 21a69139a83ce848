//! The parts of the profile page that only mentors or only mentees have.

use maud::{Markup, html};

use crate::web::pages::fields::{Choice, Form};

/// What a mentor says of themselves, as the form holds it: all text, as stored or as typed.
#[derive(Clone, Debug, Default)]
pub struct MentorPart {
    /// The mentor's id, for the link to what others see; `None` where nobody sees it.
    pub public_id: Option<String>,
    /// Whether the program has taken them off the list.
    pub is_resting: bool,
    /// One line.
    pub headline: String,
    /// Some paragraphs.
    pub bio: String,
    /// Where they work.
    pub company: String,
    /// As what.
    pub title: String,
    /// Separated by commas or lines, the first ones foremost.
    pub expertise: String,
    /// Likewise.
    pub industries: String,
    /// Likewise.
    pub stages: String,
    /// Likewise.
    pub languages: String,
    /// `public`, `limited` or `private`.
    pub visibility: String,
    /// Sessions a week.
    pub load_cap_per_week: String,
    /// `2030-03-05`, or blank.
    pub paused_until: String,
    /// Their page on LinkedIn.
    pub linkedin_url: String,
    /// Their own meeting room.
    pub meeting_url: String,
}

/// What a mentee says of themselves, as the form holds it.
#[derive(Clone, Debug, Default)]
pub struct MenteePart {
    /// Where they work, or what they found.
    pub company: String,
    /// The company's stage.
    pub stage: String,
    /// Its field of business.
    pub industry: String,
    /// What they want to get done.
    pub goals: String,
}

/// The fields of the profile form in the order of the page.
pub const LABELS: &[(&str, &str)] = &[
    ("name", "Your name"),
    ("timezone", "Time zone"),
    ("headline", "In one line"),
    ("bio", "About you"),
    ("company", "Company"),
    ("title", "Title"),
    ("expertise", "Expertise"),
    ("industries", "Industries"),
    ("stages", "Stages"),
    ("languages", "Languages"),
    ("linkedinUrl", "LinkedIn"),
    ("visibility", "Who finds you"),
    ("loadCapPerWeek", "Sessions a week, at most"),
    ("pausedUntil", "Pause until"),
    ("meetingUrl", "Your meeting room"),
    ("menteeCompany", "Company or project"),
    ("stage", "Stage"),
    ("industry", "Industry"),
    ("goals", "What you want to get done"),
];

const VISIBILITIES: &[Choice<'_>] = &[
    Choice { value: "public", label: "Everyone", hint: "Anyone signed in finds you and books an open time." },
    Choice {
        value: "limited",
        label: "Everyone, but ask me first",
        hint: "Anyone finds you; you accept or decline each request.",
    },
    Choice { value: "private", label: "Nobody", hint: "You are in no search. Sessions already booked stay." },
];

/// Draws what mentors say of themselves.
#[must_use]
pub fn mentor<'a>(form: Form<'a>, part: &'a MentorPart) -> Markup {
    html! {
        (story(form, part))
        section.setting aria-labelledby="hours-title" {
            div { h2 #hours-title { "Being found" } p.soft { "You decide who finds you and how much of your week they get." } }
            div.panel.stack {
                @if part.is_resting {
                    p.notice { "The people who run the program have taken you off the list for now, so nobody finds you whatever you choose here." }
                }
                (form.radios("visibility", VISIBILITIES, &part.visibility))
                div.pair {
                    (form.number("loadCapPerWeek", &part.load_cap_per_week, (0, 200)))
                    (form.date("pausedUntil", &part.paused_until).hint("Nobody new books you before that day."))
                }
                (form.url("meetingUrl", &part.meeting_url).hint("An https:// address; only people who have a session with you see it."))
            }
        }
    }
}

/// Draws what mentees read, and what questions are compared with.
fn story<'a>(form: Form<'a>, part: &'a MentorPart) -> Markup {
    html! {
        section.setting aria-labelledby="mentor-title" {
            div {
                h2 #mentor-title { "As a mentor" }
                p.soft { "Questions are compared with these very words. What you have done yourself says more than what you know about." }
                @if let Some(id) = &part.public_id { p { a href={ "/mentors/" (id) } { "See your page as others do" } } }
            }
            div.panel.stack {
                (form.text("headline", &part.headline).hint("Like “Took three hardware start-ups from prototype to factory”."))
                (form.area("bio", &part.bio, 6).hint("What you have been through, in your own words. A few concrete stories are best."))
                div.pair {
                    (form.text("title", &part.title).autocomplete("organization-title"))
                    (form.text("company", &part.company).autocomplete("organization"))
                }
                (form.area("expertise", &part.expertise, 2).hint("Topics, separated by commas, the strongest first: Pricing, First hires, Export."))
                div.pair {
                    (form.area("industries", &part.industries, 2).hint("Separated by commas."))
                    (form.area("stages", &part.stages, 2).hint("Like Idea, Seed, Growth."))
                }
                (form.text("languages", &part.languages).hint("Separated by commas."))
                (form.url("linkedinUrl", &part.linkedin_url).hint("An https:// address."))
            }
        }
    }
}

/// Draws what mentees say of themselves. Who is both has two companies, so the second has its own name.
#[must_use]
pub fn mentee<'a>(form: Form<'a>, part: &'a MenteePart, is_mentor_too: bool) -> Markup {
    let company = if is_mentor_too { "menteeCompany" } else { "company" };
    html! {
        section.setting aria-labelledby="mentee-title" {
            div {
                h2 #mentee-title { "What you are working on" }
                p.soft { "Mentors you meet read this before you talk. Nobody else but the people who run the program sees your goals." }
            }
            div.panel.stack {
                (form.text(company, &part.company).autocomplete("organization"))
                div.pair {
                    (form.text("stage", &part.stage).hint("Like Idea, Seed, Growth."))
                    (form.text("industry", &part.industry))
                }
                (form.area("goals", &part.goals, 4).hint("What would make the next months a success?"))
            }
        }
    }
}
