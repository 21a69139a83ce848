//! Sessions as those may see them who are part of them, and staff.

use super::{Asker, Session, Status, store};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MenteeId, MentorId, SessionId};

/// Which sessions to list. Everything that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Of this mentor.
    pub mentor: Option<MentorId>,
    /// Of this mentee.
    pub mentee: Option<MenteeId>,
    /// In one of these states; empty for all.
    pub statuses: Vec<Status>,
    /// Starting at or after.
    pub from: Option<Moment>,
    /// Starting before.
    pub to: Option<Moment>,
    /// Everybody's, for staff; else only those that the asker is part of.
    pub is_everybodys: bool,
    /// The earliest start first, and so the soonest where `from` is now; else the newest.
    pub is_soonest_first: bool,
}

pub(super) fn unknown() -> Error {
    Error::not_found("session_unknown", "This session is not here, or no longer.")
}

/// A session as it stands, whoever asks.
pub(super) fn stored(tx: &Tx<'_>, id: SessionId) -> Result<Session> {
    store::session(tx, id)?.ok_or_else(unknown)
}

/// One session, for its parties and for staff.
///
/// # Errors
/// `session_unknown` for everybody else too.
pub fn session(tx: &Tx<'_>, by: &Asker, id: SessionId) -> Result<Session> {
    let session = stored(tx, id)?;
    if by.is_staff || session.party(by.user).is_some() { Ok(session) } else { Err(unknown()) }
}

/// Sessions that fit, newest start first unless the filter says otherwise, at most `limit`. Only staff sees those of others.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sessions(tx: &Tx<'_>, by: &Asker, filter: &SessionFilter, limit: u32) -> Result<Vec<Session>> {
    let is_everybodys = filter.is_everybodys && by.is_staff;
    store::sessions(tx, by.user, &SessionFilter { is_everybodys, ..filter.clone() }, limit)
}
