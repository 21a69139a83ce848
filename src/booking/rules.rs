//! What the program has settled about booking: read from `config.toml` once, the same for everybody.

use crate::config::Config;
use crate::mail::Letterhead;

/// The program's rules of booking.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What stands on letters.
    pub head: Letterhead,
    /// The organiser in calendars: the bare address of `mail.from`.
    pub organiser: String,
    /// `booking.cancel_notice_hours`: closer to the start only the mentor and staff call off or move.
    pub cancel_notice_hours: u32,
    /// `booking.request_hours`: how long a mentor has to answer a request.
    pub request_hours: u32,
    /// `booking.open_requests`: unanswered requests that a mentee may have.
    pub open_requests: u32,
    /// `booking.reminder_hours`: when to remind both, in hours before the start.
    pub reminder_hours: Vec<u32>,
    /// `booking.meeting_url`: where to meet online unless the mentor has a room; `{code}` becomes a random word.
    pub meeting_url: String,
}

impl Rules {
    /// The rules of this program.
    pub fn of(config: &Config) -> Self {
        let from = &config.mail.from;
        let organiser = from.rsplit_once('<').map_or(from.as_str(), |(_, rest)| rest.trim_end_matches('>')).trim();
        Self {
            head: Letterhead::of(config),
            organiser: organiser.to_owned(),
            cancel_notice_hours: config.booking.cancel_notice_hours,
            request_hours: config.booking.request_hours,
            open_requests: config.booking.open_requests,
            reminder_hours: config.booking.reminder_hours.clone(),
            meeting_url: config.booking.meeting_url.clone(),
        }
    }
}
