//! Everything this room holds on one person, for the person themselves. Hashes of secrets are no
//! use to anybody and stay where they are.

mod store;

use serde_json::{Value, json};

use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

/// The most rows of a sort that are handed out; nobody comes near it.
const MOST: u32 = 10_000;

/// The account, its logins, tokens and links as JSON, `null` where there is no such account.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holdings(tx: &Tx<'_>, user: UserId) -> Result<Value> {
    let Some(account) = store::account(tx, user)? else { return Ok(Value::Null) };
    Ok(json!({
        "account": account,
        "photo": store::photo(tx, user)?,
        "logins": store::logins(tx, user, MOST)?,
        "tokens": store::tokens(tx, user, MOST)?,
        "links": store::links(tx, user, MOST)?,
    }))
}
