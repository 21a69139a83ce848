//! What each side says of a session that took place.

use super::{Asker, Party};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::SessionId;

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Whose words.
    pub from: Party,
    /// 1 to 5.
    pub rating: u32,
    /// More words, or none.
    pub comment: String,
    /// Whether the other side may read it.
    pub is_shared: bool,
    /// When it was last written.
    pub updated_at: Moment,
}

/// Says how it was; saying it again replaces what was said.
///
/// # Errors
/// `session_unknown`, `forbidden` for who was not part of it, `not_completed` (409), fields `rating`, `comment`.
pub fn give(
    _tx: &Tx<'_>,
    _by: &Asker,
    _id: SessionId,
    _rating: u32,
    _comment: &str,
    _is_shared: bool,
) -> Result<Feedback> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// What the asker may read: their own words, and the other side's where shared; staff reads all.
///
/// # Errors
/// `session_unknown`.
pub fn of_session(_tx: &Tx<'_>, _by: &Asker, _id: SessionId) -> Result<Vec<Feedback>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
