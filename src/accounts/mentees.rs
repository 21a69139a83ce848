//! Mentees' profiles: the little that is known of who asks.

use serde_json::json;

use super::books::Effect;
use super::{Details, NewUser, Role, email_key, store};
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MenteeId, UserId};

/// What a mentee says of themselves; texts already checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentee {
    /// Where they work, or what they found.
    pub company: String,
    /// The company's stage.
    pub stage: String,
    /// Its field of business.
    pub industry: String,
    /// What they want to get done.
    pub goals: String,
}

impl Mentee {
    /// The names of the fields that `other` has otherwise.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("company", self.company != other.company),
            ("stage", self.stage != other.stage),
            ("industry", self.industry != other.industry),
            ("goals", self.goals != other.goals),
        ]
        .into_iter()
        .filter_map(|(field, is_other)| is_other.then_some(field))
        .collect()
    }
}

/// A mentee as an import brings them.
#[derive(Clone, Debug)]
pub struct NewMentee {
    /// The address; checked by `put`.
    pub email: String,
    /// The name; checked by `put`.
    pub name: String,
    /// IANA zone, already checked.
    pub timezone: String,
    /// The rest.
    pub profile: Mentee,
}

/// Creates or changes the mentee with this address. Saying what is already so changes nothing.
///
/// # Errors
/// `Invalid` with fields; `email_taken` where the address belongs to a pm or an admin.
pub fn put(tx: &Tx<'_>, actor: &Actor, new: &NewMentee) -> Result<Effect> {
    let known = store::by_email(tx, &email_key(&new.email))?.map(|(user, _)| user);
    let Some(user) = known else {
        let account = NewUser {
            email: new.email.clone(),
            name: new.name.clone(),
            role: Role::Mentee,
            timezone: new.timezone.clone(),
            password_hash: None,
        };
        let user = super::create(tx, &account)?;
        set(tx, actor, user.id, &new.profile)?;
        return Ok(Effect::New);
    };
    let details = Details { name: new.name.clone(), timezone: new.timezone.clone(), ..Details::of(&user) };
    if user.role.is_staff() {
        let is_so = details == Details::of(&user)
            && store::mentee_of(tx, user.id)?.is_some_and(|(_, profile)| profile == new.profile);
        return if is_so {
            Ok(Effect::Unchanged)
        } else {
            Err(Error::conflict("email_taken", "That e-mail address belongs to somebody else."))
        };
    }
    let has_new_account = super::set_details(tx, actor, &user, &details)?;
    let has_new_profile = set(tx, actor, user.id, &new.profile)?;
    Ok(Effect::of_known(has_new_account || has_new_profile))
}

/// Writes what a mentee says of themselves, opening a profile where there is none. Texts are checked
/// already. Returns whether anything is different now.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn set(tx: &Tx<'_>, actor: &Actor, user: UserId, mentee: &Mentee) -> Result<bool> {
    set_as(tx, actor, user, MenteeId::random(), mentee)
}

/// The same, a new profile getting this id.
pub(super) fn set_as(tx: &Tx<'_>, actor: &Actor, user: UserId, new: MenteeId, mentee: &Mentee) -> Result<bool> {
    let known = store::mentee_of(tx, user)?;
    let (id, kind, before) = match known {
        Some((_, before)) if before == *mentee => return Ok(false),
        Some((id, before)) => (id, "mentee.changed", before),
        None => (new, "mentee.created", Mentee::default()),
    };
    store::put_mentee(tx, id, user, mentee)?;
    let after = json!({ "fields": before.differences(mentee) });
    audit::note(tx, actor, &Entry { kind, about: ("mentee", &id.to_string()), before: ().into(), after })?;
    Ok(true)
}

/// The mentee profile of this account with its id.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn of_user(tx: &Tx<'_>, user: UserId) -> Result<Option<(MenteeId, Mentee)>> {
    store::mentee_of(tx, user)
}
