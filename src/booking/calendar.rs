//! Sessions as iCalendar (RFC 5545) and invitations to them (RFC 5546). Pure.

use super::{Party, Rules, Session};
use crate::clock::Moment;

/// What an invitation does to the reader's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Puts the session in, or moves it.
    Request,
    /// Takes it out.
    Cancel,
}

/// An invitation for one of the two, as a calendar object.
pub fn invitation(_rules: &Rules, _session: &Session, _to: Party, _method: Method, _now: Moment) -> String {
    String::new()
}
