//! Anybody's profile as somebody else, or they themselves, may see and change it. Who may is
//! decided here and nowhere else; whether two people share a session is told by whoever asks.

mod change;
mod checks;
mod view;

use sha2::{Digest, Sha256};

use super::{Mentor, account_changed, of_user};
use crate::accounts::photos::{self, Photo};
use crate::accounts::{self, Role, User};
use crate::audit::Actor;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::hex::hex;
use crate::ids::UserId;

pub use change::{Change, ExpertiseChange, MenteeChange, MentorChange, add, change, change_as_seen};
pub use view::{ExpertiseView, MenteeView, MentorView, ProfileView, view};

/// Who wants to see or change a profile.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Their account.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
}

impl Asker {
    /// The person themselves.
    pub fn of(user: &User) -> Self {
        Self { user: user.id, role: user.role }
    }

    /// Whether they see all of this person's profile and may change it.
    fn has_all_of(self, user: UserId) -> bool {
        self.user == user || self.role.is_staff()
    }
}

fn unknown() -> Error {
    Error::not_found("profile_unknown", "This profile is not here, or no longer.")
}

fn forbidden() -> Error {
    Error::forbidden("forbidden", "Your account may not do this.")
}

/// Names all that an edit form shows of a mentor: it differs as soon as any of it does.
pub fn version(mentor: &Mentor) -> String {
    let shown = format!("{:?}", (&mentor.name, &mentor.email, &mentor.timezone, &mentor.profile));
    hex(&Sha256::digest(shown))
}

/// The person whose profile the asker may change. `has_session_between` says whether the asker is a
/// mentor who has a session with them.
///
/// # Errors
/// `profile_unknown` where the asker may not know of it, `forbidden` where they may only see it.
pub fn changeable(tx: &Tx<'_>, asker: &Asker, user: UserId, has_session_between: bool) -> Result<User> {
    let person = accounts::user(tx, user)?.ok_or_else(unknown)?;
    if !asker.has_all_of(user) {
        let is_seen = view(tx, asker, user, has_session_between)?.is_some();
        return Err(if is_seen { forbidden() } else { unknown() });
    }
    if person.role == Role::Admin && asker.role != Role::Admin {
        return Err(forbidden());
    }
    Ok(person)
}

/// This person's picture at this address, for those who may see the profile.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn photo(
    tx: &Tx<'_>,
    asker: &Asker,
    user: UserId,
    has_session_between: bool,
    version: &str,
) -> Result<Option<Photo>> {
    match view(tx, asker, user, has_session_between)? {
        Some(_) => photos::photo(tx, user, version),
        None => Ok(None),
    }
}

/// Keeps an uploaded picture as this person's and returns its address.
///
/// # Errors
/// Those of `changeable`.
pub fn put_photo(
    tx: &Tx<'_>,
    actor: &Actor,
    asker: &Asker,
    user: UserId,
    has_session_between: bool,
    photo: &Photo,
) -> Result<String> {
    let person = changeable(tx, asker, user, has_session_between)?;
    let address = photos::keep(tx, actor, &person, photo)?;
    if person.image.as_deref() != Some(address.as_str()) {
        account_changed(tx, user)?;
    }
    Ok(address)
}

/// Takes this person's picture away; one that is not there is no error.
///
/// # Errors
/// Those of `changeable`.
pub fn remove_photo(tx: &Tx<'_>, actor: &Actor, asker: &Asker, user: UserId, has_session_between: bool) -> Result<()> {
    let person = changeable(tx, asker, user, has_session_between)?;
    if photos::remove(tx, actor, &person)? {
        account_changed(tx, user)?;
    }
    Ok(())
}

/// The person whom the asker may erase: oneself, and anybody for an admin.
///
/// # Errors
/// As `changeable`.
pub fn erasable(tx: &Tx<'_>, asker: &Asker, user: UserId, has_session_between: bool) -> Result<User> {
    let person = changeable(tx, asker, user, has_session_between)?;
    if asker.user == user || asker.role == Role::Admin { Ok(person) } else { Err(forbidden()) }
}

/// Erases a person: all that says who they were goes, and nobody finds them from the next answer on.
/// Sessions with others stay, without the name.
///
/// # Errors
/// Those of `erasable`; `last_admin`.
pub fn erase(tx: &Tx<'_>, actor: &Actor, asker: &Asker, user: UserId, has_session_between: bool) -> Result<()> {
    let person = erasable(tx, asker, user, has_session_between)?;
    super::erase(tx, actor, user)?;
    accounts::erase(tx, actor, &person)
}

/// What this room holds on one person as JSON, for the person themselves: what they see of their
/// profile, and the outside record it comes from.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holdings(tx: &Tx<'_>, user: UserId) -> Result<serde_json::Value> {
    let asker = Asker { user, role: Role::Mentee };
    let record = of_user(tx, user)?.and_then(|mentor| mentor.record);
    Ok(serde_json::json!({ "profile": view(tx, &asker, user, false)?, "airtableRecord": record }))
}

#[cfg(test)]
mod tests;
