//! Making an account of one's own. Where addresses must be confirmed, a sign-up waits beside its
//! link and becomes an account only when the link is used: whoever cannot read the address's mail
//! can prepare nothing for it, and two sign-ups at once are settled by who confirms.

use serde::{Deserialize, Serialize};

use super::letters::{self, Recipient};
use super::links::{self, Purpose};
use super::{NewUser, Role, User, check_email, check_name, check_timezone, email_key, store};
use crate::audit::{self, Actor, Entry};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::mail::{self, Letterhead};

/// What somebody types to make an account, checked, with the password hashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignUp {
    email: String,
    name: String,
    role: Role,
    timezone: String,
    hash: String,
}

impl SignUp {
    /// Checks everything but the password, whose hash is `hash`.
    ///
    /// # Errors
    /// `Invalid` naming `email`, `name`, `role` or `timezone`.
    pub fn check(email: &str, name: &str, role: Role, timezone: &str, hash: String) -> Result<Self> {
        let wrong_role = role.is_staff().then(|| Error::field("role", "must be mentee or mentor"));
        match (check_email(email), check_name(name), check_timezone(timezone), wrong_role) {
            (Ok(email), Ok(name), Ok(timezone), None) => Ok(Self { email, name, role, timezone, hash }),
            (email, name, timezone, wrong_role) => {
                let refusals = [email.err(), name.err(), timezone.err(), wrong_role];
                Err(Error::invalid_fields(refusals.into_iter().flatten().flat_map(|it| it.fields).collect()))
            }
        }
    }

    fn account(&self) -> NewUser {
        NewUser {
            email: self.email.clone(),
            name: self.name.clone(),
            role: self.role,
            timezone: self.timezone.clone(),
            password_hash: Some(self.hash.clone()),
        }
    }

    fn recipient(&self) -> Recipient<'_> {
        Recipient { email: &self.email, name: &self.name }
    }
}

/// Makes the account at once: where addresses need no confirming.
///
/// # Errors
/// `email_taken`.
pub fn open(tx: &Tx<'_>, new: &SignUp, address: &str) -> Result<User> {
    let user = super::create(tx, &new.account())?;
    note_created(tx, &user, address)?;
    Ok(user)
}

/// Sends the letter that confirms the address, or to a known address one that says so. Whoever
/// asks learns nothing of which it was.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn ask(tx: &Tx<'_>, head: &Letterhead, new: &SignUp) -> Result<()> {
    let key = email_key(&new.email);
    let known = store::by_email(tx, &key)?.map(|(user, _)| user);
    let details = serde_json::json!(new).to_string();
    if links::is_tired(tx, Purpose::VerifyEmail, &key)? {
        return links::pretend(tx, Purpose::VerifyEmail, &key, Some(&details));
    }
    // A link is written down for a known address too, though nobody gets it: it counts the letter, and signing in
    // with what was typed answers as it does for an unknown one.
    let secret = links::issue(tx, Purpose::VerifyEmail, None, &key, Some(&details))?;
    let letter = match &known {
        Some(user) => letters::already_here(head, Recipient { email: &user.email, name: &user.name }),
        None => letters::verify_email(head, new.recipient(), &secret),
    };
    mail::queue(tx, head, &letter)
}

/// Turns a sign-up into an account: its link was used.
///
/// # Errors
/// `link_dead`; `email_taken` where the address got an account by another way meanwhile.
pub fn confirm(tx: &Tx<'_>, secret: &str, address: &str) -> Result<User> {
    let redeemed = links::redeem(tx, &[Purpose::VerifyEmail], secret)?;
    let details = redeemed.details.as_deref().and_then(|it| serde_json::from_str::<SignUp>(it).ok());
    let new = details.ok_or_else(links::dead)?;
    let user = super::create(tx, &new.account())?;
    store::set_verified(tx, user.id)?;
    links::end(tx, Purpose::VerifyEmail, &redeemed.email_key)?;
    note_created(tx, &user, address)?;
    Ok(user)
}

/// The password hashes of sign-ups that wait for this address to be confirmed, newest first.
pub(super) fn waiting_hashes(tx: &Tx<'_>, key: &str) -> Result<Vec<String>> {
    let details = links::waiting_details(tx, Purpose::VerifyEmail, key)?;
    Ok(details.iter().filter_map(|it| serde_json::from_str::<SignUp>(it).ok()).map(|it| it.hash).collect())
}

pub(super) fn note_created(tx: &Tx<'_>, user: &User, address: &str) -> Result<()> {
    let after = serde_json::json!({ "role": user.role, "status": user.status });
    let actor = Actor::user(user.id, address);
    let id = user.id.to_string();
    audit::note(tx, &actor, &Entry { kind: "user.created", about: ("user", &id), before: ().into(), after })
}
