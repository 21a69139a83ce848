//! A partial change to a profile: what is missing stays, `null` clears, and everything that is
//! wrong is said at once. Saying what is already so changes nothing.

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::checks::{self, Checks};
use super::{Asker, changeable, forbidden};
use crate::accounts::mentees;
use crate::accounts::{self, NewUser, Role, Status, User};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorId, UserId};
use crate::mentors::{self, Edit, Mentor, Patch, Visibility};

/// What is to change. A mentee's own fields may stand on top or in `mentee`, which wins.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// The name.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// The e-mail address; for staff.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    /// IANA zone.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Europe/Berlin")]
    pub timezone: Patch<String>,
    /// A picture's https address; pictures are uploaded elsewhere.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub image: Patch<String>,
    /// For admins.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub role: Patch<Role>,
    /// For staff.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<Status>,
    /// A mentee's company.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub company: Patch<String>,
    /// A mentee's stage.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub stage: Patch<String>,
    /// A mentee's industry.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub industry: Patch<String>,
    /// A mentee's goals.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub goals: Patch<String>,
    /// What a mentor says of themselves.
    pub mentor: Option<MentorChange>,
    /// What a mentee says of themselves.
    pub mentee: Option<MenteeChange>,
}

/// What is to change of what a mentor says of themselves, and of how the program treats them.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MentorChange {
    /// One line.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub headline: Patch<String>,
    /// Some paragraphs.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub bio: Patch<String>,
    /// Where they work.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub company: Patch<String>,
    /// As what.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub title: Patch<String>,
    /// Fields of business, the foremost first.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub industries: Patch<Vec<String>>,
    /// Stages of a company, the foremost first.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub stages: Patch<Vec<String>>,
    /// Languages.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub languages: Patch<Vec<String>>,
    /// Tags, each a text or an object.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ExpertiseChange>>)]
    pub expertise: Patch<Vec<ExpertiseChange>>,
    /// `public`, `limited` or `private`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub visibility: Patch<Visibility>,
    /// Sessions a week, at most 200.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub load_cap_per_week: Patch<u32>,
    /// A picture (https).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub photo_url: Patch<String>,
    /// Their page on LinkedIn (https).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub linkedin_url: Patch<String>,
    /// Their own meeting room (https).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub meeting_url: Patch<String>,
    /// Whether the program has them in use; for staff.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub active: Patch<bool>,
    /// Takes nobody new until then.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_until: Patch<Moment>,
}

/// A tag: a text, or an object that says more.
#[derive(Clone, Debug, PartialEq, ToSchema)]
pub struct ExpertiseChange {
    /// The tag.
    pub area: String,
    /// A finer word for it.
    pub subarea: Option<String>,
    /// How much it counts, 1 unless said otherwise.
    #[schema(value_type = Option<f64>)]
    pub weight: f64,
}

impl ExpertiseChange {
    /// A tag with nothing more said about it.
    pub const fn plain(area: String) -> Self {
        Self { area, subarea: None, weight: 1.0 }
    }
}

impl<'de> Deserialize<'de> for ExpertiseChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            area: String,
            #[serde(default)]
            subarea: Option<String>,
            #[serde(default)]
            weight: Option<f64>,
        }

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ExpertiseChange;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or an object with `area`")
            }

            fn visit_str<E>(self, area: &str) -> Result<ExpertiseChange, E> {
                Ok(ExpertiseChange { area: area.to_owned(), subarea: None, weight: 1.0 })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExpertiseChange, A::Error> {
                let Full { area, subarea, weight } = Full::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ExpertiseChange { area, subarea, weight: weight.unwrap_or(1.0) })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// What is to change of what a mentee says of themselves.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MenteeChange {
    /// Where they work, or what they found.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub company: Patch<String>,
    /// The company's stage.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub stage: Patch<String>,
    /// Its field of business.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub industry: Patch<String>,
    /// What they want to get done.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub goals: Patch<String>,
}

impl MenteeChange {
    pub(super) fn says_nothing(&self) -> bool {
        [&self.company, &self.stage, &self.industry, &self.goals].iter().all(|patch| **patch == Patch::Keep)
    }
}

/// Changes a profile; returns whether anything is different now. `has_session_between` says whether
/// the asker is a mentor who has a session with this person.
///
/// # Errors
/// Those of `changeable`; `forbidden` for what only staff or only admins change; `Invalid` with
/// every wrong field; `last_admin`.
pub fn change(
    tx: &Tx<'_>,
    actor: &Actor,
    asker: &Asker,
    user: UserId,
    has_session_between: bool,
    change: Change,
) -> Result<bool> {
    let person = changeable(tx, asker, user, has_session_between)?;
    let mentor = mentors::of_user(tx, user)?;
    may_change(asker, &person, mentor.as_ref(), &change)?;
    let mut checks = Checks::default();
    let role = checks.kept("role", &change.role, person.role);
    let status = checks.kept("status", &change.status, person.status);
    let (mentee_id, mentee) = mentees::of_user(tx, user)?.unzip();
    let details = checks::details(&mut checks, &person, &change);
    let email = checks::email(&mut checks, &person, &change);
    let is_mentee = mentee_id.is_some() || role == Role::Mentee;
    let mentee = checks::mentee(&mut checks, is_mentee, mentee.unwrap_or_default(), &change);
    let is_mentor = mentor.is_some() || role == Role::Mentor;
    let edit = checks::mentor(&mut checks, is_mentor, change.mentor);
    checks.done()?;

    let mut has_changed = accounts::set_details(tx, actor, &person, &details)?;
    has_changed |= accounts::set_email(tx, actor, &person, &email)?;
    has_changed |= accounts::set_role(tx, actor, &person, role)?;
    has_changed |= accounts::set_status(tx, actor, &User { role, ..person.clone() }, status)?;
    if has_changed {
        mentors::account_changed(tx, user)?;
    }
    if let Some(mentee) = mentee {
        has_changed |= mentees::set(tx, actor, user, &mentee)?;
    }
    if let Some(edit) = edit {
        has_changed |= put_mentor(tx, actor, user, edit)?;
    }
    Ok(has_changed)
}

/// Changes a profile as somebody has seen it: refused where it has been changed since, so that nobody writes over
/// what they have never read.
///
/// # Errors
/// `changed_meanwhile`; those of `change`.
pub fn change_as_seen(
    tx: &Tx<'_>,
    actor: &Actor,
    asker: &Asker,
    mentor: &Mentor,
    version: &str,
    to: Change,
) -> Result<bool> {
    if super::version(mentor) != version {
        let message = "Somebody else has changed this mentor since you opened the form. Nothing of yours is lost: \
                       look at what is stored now, then save once more.";
        return Err(Error::conflict("changed_meanwhile", message));
    }
    change(tx, actor, asker, mentor.user, false, to)
}

/// Makes an account and a profile for a new mentor. They get no letter: inviting them is another step.
///
/// # Errors
/// `email_taken` where the address has an account; `Invalid` with every wrong field.
pub fn add(tx: &Tx<'_>, actor: &Actor, asker: &Asker, to: Change) -> Result<MentorId> {
    if !asker.role.is_staff() {
        return Err(forbidden());
    }
    let nobody = User {
        id: UserId::random(),
        email: String::new(),
        name: String::new(),
        image: None,
        role: Role::Mentor,
        status: Status::Active,
        timezone: "UTC".to_owned(),
        last_login_at: None,
    };
    let mut checks = Checks::default();
    let said = Change { name: needed(&to.name), email: needed(&to.email), ..to.clone() };
    let details = checks::details(&mut checks, &nobody, &said);
    let email = checks::email(&mut checks, &nobody, &said);
    let edit = checks::mentor(&mut checks, true, to.mentor.clone());
    checks.done()?;
    let new =
        NewUser { email, name: details.name, role: Role::Mentor, timezone: details.timezone, password_hash: None };
    let user = accounts::create(tx, &new)?;
    let (id, after) = (user.id.to_string(), serde_json::json!({ "role": user.role, "status": user.status }));
    audit::note(tx, actor, &Entry { kind: "user.created", about: ("user", &id), before: ().into(), after })?;
    Ok(mentors::open(tx, actor, user.id, None, edit.unwrap_or_default())?.mentor)
}

/// What is missing is as wrong as what is empty.
fn needed(patch: &Patch<String>) -> Patch<String> {
    match patch {
        Patch::Keep => Patch::Clear,
        patch => patch.clone(),
    }
}

fn put_mentor(tx: &Tx<'_>, actor: &Actor, user: UserId, edit: Edit) -> Result<bool> {
    let put = match mentors::of_user(tx, user)? {
        Some(mentor) => mentors::change(tx, actor, mentor, None, edit)?,
        None => mentors::open(tx, actor, user, None, edit)?,
    };
    Ok(put.has_changed)
}

/// Refuses what is for staff, or for admins, unless it would change nothing.
fn may_change(asker: &Asker, person: &User, mentor: Option<&Mentor>, change: &Change) -> Result<()> {
    let is_other_role = matches!(change.role, Patch::Set(role) if role != person.role);
    if is_other_role && asker.role != Role::Admin {
        return Err(forbidden());
    }
    // Who can write to an address can have its account: nobody takes over the account of somebody who runs the program.
    let is_other_email = matches!(&change.email, Patch::Set(email) if *email != person.email);
    let may_move = asker.role == Role::Admin || (asker.role == Role::Pm && !person.role.is_staff());
    if is_other_email && !may_move {
        return Err(forbidden());
    }
    let is_other_status = matches!(change.status, Patch::Set(status) if status != person.status);
    let is_active = mentor.is_none_or(|mentor| mentor.profile.is_active);
    let is_other_use = change.mentor.as_ref().is_some_and(|change| match change.active {
        Patch::Keep => false,
        Patch::Clear => !is_active,
        Patch::Set(active) => active != is_active,
    });
    if (is_other_status || is_other_use) && !asker.role.is_staff() {
        return Err(forbidden());
    }
    Ok(())
}
