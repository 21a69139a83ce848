//! Taking a seat, and moving to another.

use super::{Asker, Rules, Session};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MentorId, SessionId, SlotId, UserId};

/// Which time is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This slot; where a mentor is named too, it must be theirs.
    Slot(SlotId, Option<MentorId>),
    /// The slot of this mentor with just these times.
    Times(MentorId, Moment, Moment),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which time.
    pub wanted: Wanted,
    /// What the mentee wants to discuss.
    pub notes: String,
    /// The same word again gives back the first session.
    pub request_key: Option<String>,
    /// Staff only: the account of the mentee to book for.
    pub on_behalf_of: Option<UserId>,
}

/// What `book` gives back.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The session.
    pub session: Session,
    /// Whether it was made now; a repeated request gives the first one back.
    pub is_new: bool,
}

/// Books a seat, or asks a mentor of limited visibility for one.
///
/// # Errors
/// As `api.md` lists them for `POST /api/sessions`: `mentor_unknown`, `mentee_unknown` (404), `slot_taken`, `mentee_busy`,
/// `weekly_cap`, `already_booked`, `mentor_paused`, `too_many_requests` (409), `slot_unknown`, `too_soon`, `in_past`,
/// `own_slot` (422), `notes` too long (422).
pub fn book(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _ask: &Ask) -> Result<Booked> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}

/// Moves a session to another slot of the same mentor: the same id, the same calendar UID.
///
/// # Errors
/// As `book`; `session_unknown`, `not_active`, `notice_passed`.
pub fn reschedule(_tx: &Tx<'_>, _rules: &Rules, _by: &Asker, _id: SessionId, _to: &Wanted) -> Result<Session> {
    Err(Error::internal(anyhow::anyhow!("not built")))
}
