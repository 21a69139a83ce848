//! What becomes of an account: its details, its role, its status, its end. Each change leaves an
//! entry in the audit log, which says that a name or a picture changed but never what it was.

mod erasure;
mod store;

use serde_json::json;

use super::links::{self, Purpose};
use super::{Role, Status, User, check_name};
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;

pub use erasure::{NAME_OF_THE_GONE, erase};

/// What a person says of their account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// What others call them; checked by `set_details`.
    pub name: String,
    /// IANA zone, already checked.
    pub timezone: String,
    /// A picture's address: https, already checked, or that of the picture kept here.
    pub image: Option<String>,
}

impl Details {
    /// Those of `user` as they stand.
    pub fn of(user: &User) -> Self {
        Self { name: user.name.clone(), timezone: user.timezone.clone(), image: user.image.clone() }
    }
}

/// Changes an account's details; saying what is already so changes nothing. A picture kept here
/// goes where another takes its place. Returns whether anything is different now.
///
/// # Errors
/// `Invalid` naming the field `name`.
pub fn set_details(tx: &Tx<'_>, actor: &Actor, user: &User, details: &Details) -> Result<bool> {
    let details = Details { name: check_name(&details.name)?, ..details.clone() };
    let before = Details::of(user);
    let fields: Vec<&str> = [
        ("name", before.name != details.name),
        ("timezone", before.timezone != details.timezone),
        ("image", before.image != details.image),
    ]
    .into_iter()
    .filter_map(|(field, is_other)| is_other.then_some(field))
    .collect();
    if fields.is_empty() {
        return Ok(false);
    }
    store::set_details(tx, user.id, &details)?;
    if before.image != details.image {
        super::photos::forget(tx, user.id)?;
    }
    note(tx, actor, user.id, "user.changed", (().into(), json!({ "fields": fields })))?;
    Ok(true)
}

/// Moves an account to another address. Letters that went to the old one open nothing any more. Returns whether
/// anything is different now.
///
/// # Errors
/// `Invalid` naming the field `email`; `email_taken`.
pub fn set_email(tx: &Tx<'_>, actor: &Actor, user: &User, email: &str) -> Result<bool> {
    if user.email == email {
        return Ok(false);
    }
    super::update(tx, user.id, Some(email), None, None)?;
    for purpose in [Purpose::VerifyEmail, Purpose::SignIn, Purpose::ResetPassword, Purpose::Invite] {
        links::end(tx, purpose, &super::email_key(&user.email))?;
    }
    note(tx, actor, user.id, "user.changed", (().into(), json!({ "fields": ["email"] })))?;
    Ok(true)
}

/// Gives an account another role and ends its logins: what was seen under the old one is over.
/// Returns whether anything is different now.
///
/// # Errors
/// `last_admin` where nobody else could look after Tandem.
pub fn set_role(tx: &Tx<'_>, actor: &Actor, user: &User, role: Role) -> Result<bool> {
    if user.role == role {
        return Ok(false);
    }
    keep_an_admin(tx, user)?;
    store::set_role(tx, user.id, role.name())?;
    super::end_logins(tx, user.id)?;
    note(tx, actor, user.id, "user.role_changed", (json!({ "role": user.role }), json!({ "role": role })))?;
    Ok(true)
}

/// Puts an account into or out of use; one that is out of use has no logins. Returns whether
/// anything is different now.
///
/// # Errors
/// `last_admin` where nobody else could look after Tandem.
pub fn set_status(tx: &Tx<'_>, actor: &Actor, user: &User, status: Status) -> Result<bool> {
    if user.status == status {
        return Ok(false);
    }
    if status != Status::Active {
        keep_an_admin(tx, user)?;
        super::end_logins(tx, user.id)?;
    }
    store::set_status(tx, user.id, status.name())?;
    note(tx, actor, user.id, "user.status_changed", (json!({ "status": user.status }), json!({ "status": status })))?;
    Ok(true)
}

/// Refuses to take the last admin who can sign in away.
fn keep_an_admin(tx: &Tx<'_>, user: &User) -> Result<()> {
    let is_needed = user.role == Role::Admin && user.status == Status::Active;
    if is_needed && !store::has_other_admin(tx, user.id)? {
        return Err(Error::conflict("last_admin", "This is the last admin: make somebody else one first."));
    }
    Ok(())
}

fn note(
    tx: &Tx<'_>,
    actor: &Actor,
    user: UserId,
    kind: &'static str,
    (before, after): (serde_json::Value, serde_json::Value),
) -> Result<()> {
    audit::note(tx, actor, &Entry { kind, about: ("user", &user.to_string()), before, after })
}

#[cfg(test)]
mod tests;
