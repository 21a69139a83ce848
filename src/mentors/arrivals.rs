//! What a new account is given so that it can do what its role does.

use crate::accounts::User;
use crate::audit::Actor;
use crate::db::Tx;
use crate::error::Result;

/// Gives a new mentor or mentee the empty profile that is theirs to fill in.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn settle_in(tx: &Tx<'_>, actor: &Actor, user: &User) -> Result<()> {
    let _ = (tx, actor, user);
    Ok(())
}

/// An account's role or state is another now.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn account_changed(tx: &Tx<'_>, actor: &Actor, user: crate::ids::UserId) -> Result<()> {
    let _ = (tx, actor, user);
    Ok(())
}
