//! The end of an account. Its row stays, without a name, for the sessions with others that point
//! at it; all else goes, and the address is free for a new account.

use serde_json::json;

use super::{keep_an_admin, note, store};
use crate::accounts::{User, photos};
use crate::audit::Actor;
use crate::db::Tx;
use crate::error::Result;

/// What a person who has gone is called.
pub const NAME_OF_THE_GONE: &str = "Former member";

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
