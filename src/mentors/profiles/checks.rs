//! What a change to a profile may say, field by field. Pure.

use std::collections::BTreeMap;

use super::change::{Change, MenteeChange, MentorChange};
use crate::accounts::mentees::Mentee;
use crate::accounts::{Details, User, check_email, check_name, check_timezone};
use crate::error::{Error, Result};
use crate::mentors::{
    Edit, Expertise, LONGEST_BIO, LONGEST_GOALS, LONGEST_LINE, MOST_SESSIONS_A_WEEK, Patch, checked_expertise,
    checked_list, checked_text, checked_url,
};

/// Keeps what is wrong with each field, so that all of it is said at once.
#[derive(Default)]
pub(super) struct Checks(BTreeMap<String, String>);

impl Checks {
    /// Refuses with everything that was wrong.
    pub(super) fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid_fields(self.0)) }
    }

    fn wrong(&mut self, field: &str, problem: &str) {
        self.0.insert(field.to_owned(), problem.to_owned());
    }

    fn patch<T, U>(&mut self, field: &str, patch: Patch<T>, check: impl FnOnce(T) -> Result<U>) -> Patch<U> {
        patch.try_map(check).unwrap_or_else(|refusal| {
            let problem = refusal.fields.into_values().next().unwrap_or_else(|| refusal.message.to_string());
            self.wrong(field, &problem);
            Patch::Keep
        })
    }

    /// The value of a field that can be changed but never emptied.
    pub(super) fn kept<T: Copy>(&mut self, field: &str, patch: &Patch<T>, before: T) -> T {
        match patch {
            Patch::Keep => before,
            Patch::Set(value) => *value,
            Patch::Clear => {
                self.wrong(field, "must not be empty");
                before
            }
        }
    }

    fn text(&mut self, field: &str, patch: Patch<String>, longest: usize) -> Patch<String> {
        self.patch(field, patch, |text| checked_text(field, &text, longest))
    }

    fn list(&mut self, field: &str, patch: Patch<Vec<String>>) -> Patch<Vec<String>> {
        self.patch(field, patch, |tags| checked_list(field, tags))
    }

    /// A text without anything in it clears, as forms send it.
    fn url(&mut self, field: &str, patch: Patch<String>) -> Patch<String> {
        match patch {
            Patch::Set(url) if url.trim().is_empty() => Patch::Clear,
            patch => self.patch(field, patch, |url| checked_url(field, &url)),
        }
    }
}

/// The account's details as they are to be.
pub(super) fn details(checks: &mut Checks, person: &User, change: &Change) -> Details {
    let mut details = Details::of(person);
    match checks.patch("name", change.name.clone(), |name| check_name(&name)) {
        Patch::Keep => {}
        Patch::Clear => checks.wrong("name", "must not be blank"),
        Patch::Set(name) => details.name = name,
    }
    match checks.patch("timezone", change.timezone.clone(), |zone| check_timezone(&zone)) {
        Patch::Keep => {}
        Patch::Clear => "UTC".clone_into(&mut details.timezone),
        Patch::Set(zone) => details.timezone = zone,
    }
    // The address of the picture kept here is no https address, and may be said again.
    let image = match &change.image {
        Patch::Set(image) if details.image.as_ref() == Some(image) => Patch::Keep,
        image => checks.url("image", image.clone()),
    };
    match image {
        Patch::Keep => {}
        Patch::Clear => details.image = None,
        Patch::Set(image) => details.image = Some(image),
    }
    details
}

/// The account's address as it is to be.
pub(super) fn email(checks: &mut Checks, person: &User, change: &Change) -> String {
    match checks.patch("email", change.email.clone(), |email| check_email(&email)) {
        Patch::Keep => person.email.clone(),
        Patch::Clear => {
            checks.wrong("email", "must not be empty");
            person.email.clone()
        }
        Patch::Set(email) => email,
    }
}

/// The mentee's profile as it is to be, `None` where nothing is said of it.
pub(super) fn mentee(checks: &mut Checks, is_mentee: bool, before: Mentee, change: &Change) -> Option<Mentee> {
    let flat = MenteeChange {
        company: change.company.clone(),
        stage: change.stage.clone(),
        industry: change.industry.clone(),
        goals: change.goals.clone(),
    };
    let nested = change.mentee.clone().unwrap_or_default();
    if flat.says_nothing() && nested.says_nothing() {
        return None;
    }
    if !is_mentee {
        for (field, patch) in
            [("company", &flat.company), ("stage", &flat.stage), ("industry", &flat.industry), ("goals", &flat.goals)]
        {
            if *patch != Patch::Keep {
                checks.wrong(field, "is a mentee's, which this person is not");
            }
        }
        if !nested.says_nothing() {
            checks.wrong("mentee", "must be left out: this person is no mentee");
        }
        return None;
    }
    let mut after = before;
    for (within, change) in [("", flat), ("mentee.", nested)] {
        for (field, patch, longest, to) in [
            ("company", change.company, LONGEST_LINE, &mut after.company),
            ("stage", change.stage, LONGEST_LINE, &mut after.stage),
            ("industry", change.industry, LONGEST_LINE, &mut after.industry),
            ("goals", change.goals, LONGEST_GOALS, &mut after.goals),
        ] {
            match checks.text(&format!("{within}{field}"), patch, longest) {
                Patch::Keep => {}
                Patch::Clear => to.clear(),
                Patch::Set(text) => *to = text,
            }
        }
    }
    Some(after)
}

/// The change to the mentor's profile, `None` where nothing is said of it.
pub(super) fn mentor(checks: &mut Checks, is_mentor: bool, change: Option<MentorChange>) -> Option<Edit> {
    let change = change?;
    if !is_mentor {
        checks.wrong("mentor", "must be left out: this person is no mentor");
        return None;
    }
    Some(Edit {
        email: None,
        name: None,
        timezone: Patch::Keep,
        headline: checks.text("mentor.headline", change.headline, LONGEST_LINE),
        bio: checks.text("mentor.bio", change.bio, LONGEST_BIO),
        company: checks.text("mentor.company", change.company, LONGEST_LINE),
        title: checks.text("mentor.title", change.title, LONGEST_LINE),
        industries: checks.list("mentor.industries", change.industries),
        stages: checks.list("mentor.stages", change.stages),
        languages: checks.list("mentor.languages", change.languages),
        expertise: checks.patch("mentor.expertise", change.expertise, |tags| {
            let tags = tags.into_iter().map(|it| Expertise { area: it.area, subarea: it.subarea, weight: it.weight });
            checked_expertise("mentor.expertise", tags)
        }),
        visibility: change.visibility,
        is_active: change.active,
        paused_until: change.paused_until,
        load_cap_per_week: checks.patch("mentor.loadCapPerWeek", change.load_cap_per_week, |cap| {
            let is_right = cap <= MOST_SESSIONS_A_WEEK;
            let problem = format!("must be a whole number from 0 to {MOST_SESSIONS_A_WEEK}");
            if is_right { Ok(cap) } else { Err(Error::field("loadCapPerWeek", problem)) }
        }),
        photo_url: checks.url("mentor.photoUrl", change.photo_url),
        linkedin_url: checks.url("mentor.linkedinUrl", change.linkedin_url),
        meeting_url: checks.url("mentor.meetingUrl", change.meeting_url),
    })
}
