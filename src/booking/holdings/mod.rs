//! Everything this room holds on one person, for the person themselves: what they offered, their
//! sessions on either side, what they said of others, and what others let them know.

mod store;

use serde_json::{Value, json};

use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

/// The most rows of a sort that are handed out; nobody comes near it.
const MOST: u32 = 10_000;

/// Offered times, sessions and feedback as JSON.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn holdings(tx: &Tx<'_>, user: UserId) -> Result<Value> {
    Ok(json!({
        "availability": store::slots(tx, user, MOST)?,
        "hours": store::hours(tx, user, MOST)?,
        "exceptions": store::exceptions(tx, user, MOST)?,
        "sessions": store::sessions(tx, user, MOST)?,
        "feedbackGiven": store::feedback(tx, user, true, MOST)?,
        "feedbackReceived": store::feedback(tx, user, false, MOST)?,
    }))
}
