//! What a new account is given so that it can do what its role does.

use super::{Edit, store};
use crate::accounts::{Role, User, mentees};
use crate::audit::Actor;
use crate::db::Tx;
use crate::error::Result;

/// Gives a new mentor or mentee the empty profile that is theirs to fill in.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn settle_in(tx: &Tx<'_>, actor: &Actor, user: &User) -> Result<()> {
    match user.role {
        Role::Mentor if store::by_user(tx, user.id)?.is_none() => {
            super::open(tx, actor, user.id, None, Edit::default()).map(drop)
        }
        Role::Mentee if mentees::of_user(tx, user.id)?.is_none() => {
            mentees::set(tx, actor, user.id, &mentees::Mentee::default()).map(drop)
        }
        _ => Ok(()),
    }
}
