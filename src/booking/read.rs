//! Sessions as those may see them who are part of them, and staff.

use super::{Asker, Session, Status};
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
}

/// One session, for its parties and for staff.
///
/// # Errors
/// `session_unknown` for everybody else too.
pub fn session(_tx: &Tx<'_>, _by: &Asker, _id: SessionId) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Sessions that fit, newest start first, at most `limit`.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn sessions(_tx: &Tx<'_>, _by: &Asker, _filter: &SessionFilter, _limit: u32) -> Result<Vec<Session>> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
