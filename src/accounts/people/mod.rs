//! Everybody with an account, for those who run the program: lists, roles, states, invitations,
//! and the very first admin.

mod store;

use serde::Serialize;

use super::letters::{self, Recipient};
use super::links::{self, Purpose};
use super::{NewUser, Role, Status, User, email_key};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::mail::{self, Letterhead};

/// A person as staff see them in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The account's id.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// A picture's address.
    pub image: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether the account is in use.
    pub status: Status,
    /// Whether the address was ever proven.
    pub is_verified: bool,
    /// IANA zone.
    pub timezone: String,
    /// When the account was made.
    pub created_at: Moment,
    /// When they last signed in.
    pub last_login_at: Option<Moment>,
}

/// How many people of a role have an account in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Mentees.
    pub mentees: u64,
    /// Mentors.
    pub mentors: u64,
}

/// Counts the people whose accounts are in use.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn counts(tx: &Tx<'_>) -> Result<Counts> {
    store::counts(tx)
}

/// Which people to list. Everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of the name or the address, whatever the case.
    pub q: String,
    /// This role.
    pub role: Option<Role>,
    /// This state.
    pub status: Option<Status>,
    /// Only people after this one in the order of the list: (name in lower case, id).
    pub after: Option<(String, String)>,
}

/// People by name, at most `limit`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn list(tx: &Tx<'_>, filter: &Filter, limit: u32) -> Result<Vec<Person>> {
    store::list(tx, filter, limit)
}

/// One person.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn person(tx: &Tx<'_>, id: UserId) -> Result<Option<Person>> {
    store::person(tx, id)
}

/// Changes what somebody may do or whether their account is in use. Their logins end: what they
/// were let in with no longer holds. Returns whether anything is different now.
///
/// # Errors
/// `user_unknown`; `last_admin` where nobody would be left to run Tandem.
pub fn change(tx: &Tx<'_>, actor: &Actor, id: UserId, role: Option<Role>, status: Option<Status>) -> Result<bool> {
    let before = super::user(tx, id)?.ok_or_else(unknown)?;
    let has_new_role = match role {
        Some(role) => super::set_role(tx, actor, &before, role)?,
        None => false,
    };
    let as_it_is = super::user(tx, id)?.ok_or_else(unknown)?;
    let has_new_status = match status {
        Some(status) => super::set_status(tx, actor, &as_it_is, status)?,
        None => false,
    };
    Ok(has_new_role || has_new_status)
}

/// Makes an account for somebody and sends them a link to choose a password.
///
/// # Errors
/// `Invalid` with fields; `email_taken`.
pub fn invite(
    tx: &Tx<'_>,
    head: &Letterhead,
    actor: &Actor,
    inviter: &User,
    email: &str,
    name: &str,
    role: Role,
) -> Result<User> {
    let new = NewUser {
        email: email.to_owned(),
        name: name.to_owned(),
        role,
        timezone: inviter.timezone.clone(),
        password_hash: None,
    };
    let user = super::create(tx, &new)?;
    let about = user.id.to_string();
    let after = serde_json::json!({ "role": role });
    audit::note(tx, actor, &Entry { kind: "user.invited", about: ("user", &about), before: ().into(), after })?;
    send_invitation(tx, head, inviter, &user)?;
    Ok(user)
}

/// Sends the invitation once more to somebody who has not yet come in.
///
/// # Errors
/// `user_unknown`; `already_in` where they have signed in before or have a password; `not_in_use`;
/// `too_many_letters`.
pub fn invite_again(tx: &Tx<'_>, head: &Letterhead, actor: &Actor, inviter: &User, id: UserId) -> Result<()> {
    let user = super::user(tx, id)?.ok_or_else(unknown)?;
    if user.status != Status::Active {
        return Err(Error::conflict("not_in_use", "This account is not in use: make it active first."));
    }
    if user.last_login_at.is_some() || super::has_password(tx, id)? {
        return Err(Error::conflict("already_in", "They have come in already: no invitation is needed."));
    }
    if links::is_tired(tx, Purpose::Invite, &email_key(&user.email))? {
        let message = "They have been sent several invitations within the hour. Please wait a little.";
        return Err(Error::too_many("too_many_letters", message, links::GAP_SECONDS));
    }
    let about = user.id.to_string();
    let entry = Entry { kind: "user.invited_again", about: ("user", &about), before: ().into(), after: ().into() };
    audit::note(tx, actor, &entry)?;
    send_invitation(tx, head, inviter, &user)
}

fn send_invitation(tx: &Tx<'_>, head: &Letterhead, inviter: &User, user: &User) -> Result<()> {
    let secret = links::issue(tx, Purpose::Invite, Some(user.id), &email_key(&user.email), None)?;
    let to = Recipient { email: &user.email, name: &user.name };
    mail::queue(tx, head, &letters::invite(head, to, &inviter.name, &secret))
}

/// The link that makes the first admin, where there is none yet. It replaces the one before.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn setup_link(tx: &Tx<'_>, head: &Letterhead) -> Result<Option<String>> {
    if !is_without_admin(tx)? {
        return Ok(None);
    }
    links::end(tx, Purpose::Setup, "")?;
    let secret = links::issue(tx, Purpose::Setup, None, "", None)?;
    Ok(Some(letters::url(head, Purpose::Setup, &secret)))
}

/// Whether nobody runs this Tandem yet.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_without_admin(tx: &Tx<'_>) -> Result<bool> {
    Ok(store::n_admins(tx)? == 0)
}

/// Whether this setup link would still work.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn is_setup_link(tx: &Tx<'_>, secret: &str) -> Result<bool> {
    Ok(is_without_admin(tx)? && links::peek(tx, &[Purpose::Setup], secret)?.is_some())
}

/// Makes the first admin by the setup link.
///
/// # Errors
/// `link_dead`; `email_taken`; `Invalid` with fields.
pub fn set_up(tx: &Tx<'_>, secret: &str, new: &NewUser, address: &str) -> Result<User> {
    if !is_without_admin(tx)? {
        return Err(links::dead());
    }
    links::redeem(tx, &[Purpose::Setup], secret)?;
    first_admin(tx, new, address)
}

/// Makes the first admin for an operator who vouches for the address; nothing where there is one.
///
/// # Errors
/// `email_taken`; `Invalid` with fields.
pub fn first_admin_if_none(tx: &Tx<'_>, new: &NewUser) -> Result<Option<User>> {
    if is_without_admin(tx)? { first_admin(tx, new, "environment").map(Some) } else { Ok(None) }
}

fn first_admin(tx: &Tx<'_>, new: &NewUser, address: &str) -> Result<User> {
    super::create_vouched(tx, &Actor::nobody(address), &NewUser { role: Role::Admin, ..new.clone() })
}

fn unknown() -> Error {
    Error::not_found("user_unknown", "There is no such person.")
}

#[cfg(test)]
mod tests;
