//! The end of an account. Its row stays, without a name, for the sessions with others that point
//! at it; all else goes, and the address is free for a new account.

use serde_json::json;

use super::{keep_an_admin, note, store};
use crate::accounts::{Passwords, User, photos};
use crate::audit::Actor;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::UserId;

/// What a person who has gone is called.
pub const NAME_OF_THE_GONE: &str = "Former member";

/// Proves by their password that it is really them, before what cannot be undone. Where an account
/// has no password there is nothing to prove.
///
/// # Errors
/// `Invalid` naming the field `password`, as `bad_credentials` where it is the wrong one.
pub async fn prove(db: &Db, passwords: &Passwords, user: UserId, password: Option<String>) -> Result<()> {
    let stored = db.read(move |tx| store::password_hash(tx, user)).await?;
    if stored.is_none() {
        return Ok(());
    }
    let password = password.ok_or_else(|| Error::field("password", "is needed: it cannot be undone"))?;
    if passwords.verify(password, stored).await? {
        return Ok(());
    }
    let mut refusal = Error::field("password", "is not the right one");
    refusal.code = "bad_credentials";
    Err(refusal)
}

/// Ends an account: its name, address, picture, password, logins, tokens, links and what a mentee
/// said of themselves. A mentor's own profile is for `mentors` to empty.
///
/// # Errors
/// `last_admin` where nobody else could look after Tandem.
pub fn erase(tx: &Tx<'_>, actor: &Actor, user: &User) -> Result<()> {
    keep_an_admin(tx, user)?;
    photos::forget(tx, user.id)?;
    store::erase(tx, user.id, NAME_OF_THE_GONE, &format!("deleted-{}@deleted.invalid", user.id))?;
    note(tx, actor, user.id, "user.erased", (json!({ "role": user.role, "status": user.status }), ().into()))
}
