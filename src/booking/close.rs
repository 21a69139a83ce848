//! What becomes of a session: answered, called off, held, missed, and back again.

use super::{Asker, Party, Rules, Session};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::SessionId;

/// The mentor agrees to a request.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_pending` (409, says what happened instead).
pub fn accept(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// The mentor declines a request, and takes nobody new until `pause_until` where that is given.
///
/// # Errors
/// As `accept`.
pub fn decline(
    _tx: &Tx<'_>,
    _rules: &Rules,
    _by: &Asker,
    _id: SessionId,
    _reason: &str,
    _pause_until: Option<Moment>,
) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Calls a session off; its seat is free at once.
///
/// # Errors
/// `session_unknown`, `not_active`, `notice_passed`, `reason` blank or too long.
pub fn cancel(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId, _reason: &str) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// The session took place.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_started`, `not_booked`.
pub fn complete(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// One side did not come.
///
/// # Errors
/// As `complete`.
pub fn no_show(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId, _party: Party) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Staff takes back that a session was completed or missed: it is booked again.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_closed`.
pub fn undo(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
