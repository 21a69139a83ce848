//! The words of booking's letters, one for each recipient in their own time zone. Nobody learns another's address.

use std::borrow::Cow;

use chrono::{Offset, TimeZone};

use super::calendar::{Method, invitation};
use super::week::zone;
use super::{Party, Person, Rules, Session, Status};
use crate::accounts;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::mail::{self, Calendar, Letter, Origin, Piece};

/// Characters of what the mentee wants to discuss that a letter repeats.
const SHOWN_NOTES: usize = 600;

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
    /// Called off: to both, with a CANCEL if calendars hold it.
    Cancelled {
        /// Whether calendars hold it.
        had_invitation: bool,
    },
    /// So many hours are left: to both.
    Reminder(u32),
    /// The request runs out soon: to the mentor.
    AboutToExpire,
    /// Its time is over: was it held? To the mentor.
    Ended,
    /// It took place: how was it? To both.
    FeedbackWanted,
}

impl Occasion {
    /// The letter's kind, for staff and for programs, by who gets it.
    pub(super) fn kind(self, to: Party) -> Cow<'static, str> {
        match (self, to) {
            (Self::Confirmed, _) => "session_confirmed".into(),
            (Self::Requested, Party::Mentor) => "session_requested".into(),
            (Self::Requested, Party::Mentee) => "request_sent".into(),
            (Self::Accepted, _) => "session_accepted".into(),
            (Self::Declined, _) => "session_declined".into(),
            (Self::Expired, _) => "request_expired".into(),
            (Self::Rescheduled(..), _) => "session_rescheduled".into(),
            (Self::Cancelled { .. }, _) => "session_cancelled".into(),
            (Self::Reminder(hours), _) => format!("session_reminder_{hours}h").into(),
            (Self::AboutToExpire, _) => "request_expiring".into(),
            (Self::Ended, _) => "session_ended".into(),
            (Self::FeedbackWanted, _) => "feedback_wanted".into(),
        }
    }

    const fn recipients(self) -> &'static [Party] {
        match self {
            Self::Declined => &[Party::Mentee],
            Self::AboutToExpire | Self::Ended => &[Party::Mentor],
            _ => &[Party::Mentee, Party::Mentor],
        }
    }

    /// What the letter does to its reader's calendar.
    fn method(self, session: &Session) -> Option<Method> {
        match self {
            Self::Confirmed | Self::Accepted => Some(Method::Request),
            Self::Rescheduled(..) if session.status == Status::Booked => Some(Method::Request),
            Self::Cancelled { had_invitation: true } => Some(Method::Cancel),
            _ => None,
        }
    }
}

/// Queues the letters of an occasion, in the transaction that makes it true. Whoever has no account in use any more
/// gets none.
///
/// # Errors
/// Internal, where SQLite cannot.
pub(super) fn tell(tx: &Tx<'_>, rules: &Rules, session: &Session, occasion: Occasion) -> Result<()> {
    for to in occasion.recipients().iter().copied() {
        let account = accounts::user(tx, session.person(to).user)?;
        if !account.is_some_and(|user| user.status == accounts::Status::Active) {
            continue;
        }
        let calendar = occasion.method(session).map(|method| Calendar {
            method: method.name().into(),
            text: invitation(rules, session, to, method, tx.now()),
        });
        let origin = Origin { session: session.id, version: session.version, party: to.name(), calendar };
        mail::queue_once(tx, &rules.head, &letter(rules, session, to, occasion), &origin)?;
    }
    Ok(())
}

fn letter(rules: &Rules, session: &Session, to: Party, occasion: Occasion) -> Letter {
    let reader = session.person(to);
    let other = session.person(match to {
        Party::Mentee => Party::Mentor,
        Party::Mentor => Party::Mentee,
    });
    let mut pieces = vec![Piece::Text(format!("Hello {},", reader.name))];
    pieces.push(Piece::Text(opening(session, to, &other.name, occasion, reader)));
    if let Some(reason) = session.cancel_reason.as_deref().filter(|_| session.status == Status::Cancelled) {
        pieces.push(Piece::Facts(vec![("Reason".to_owned(), reason.to_owned())]));
    }
    pieces.push(Piece::Facts(facts(session, to, other, reader, occasion)));
    let url = format!("{}/sessions/{}", rules.head.url, session.id);
    let (label, url) = match occasion {
        Occasion::Requested | Occasion::AboutToExpire if to == Party::Mentor => ("Answer the request", url),
        Occasion::Ended => ("Say how it went", url),
        Occasion::FeedbackWanted => ("Say how it was", url),
        Occasion::Declined | Occasion::Expired if to == Party::Mentee => {
            ("Find another time or mentor", format!("{}/search", rules.head.url))
        }
        _ => ("See the session", url),
    };
    pieces.push(Piece::Button { label: label.to_owned(), url });
    pieces.extend(fine_print(rules, session, to, occasion));
    Letter {
        kind: occasion.kind(to),
        to: reader.email.clone(),
        to_name: reader.name.clone(),
        subject: subject(session, to, &other.name, occasion, reader),
        pieces,
        is_secret: false,
    }
}

/// Neutral where an invitation is on board: some calendars name the appointment after it.
fn subject(session: &Session, to: Party, other: &str, occasion: Occasion, reader: &Person) -> String {
    let day = session.starts_at.utc().with_timezone(&zone(&reader.timezone)).format("%-d %B");
    match occasion {
        Occasion::Requested if to == Party::Mentor => format!("{other} asks for a session on {day}"),
        Occasion::Requested => format!("You asked {other} for a session on {day}"),
        Occasion::Declined => format!("{other} cannot take your session on {day}"),
        Occasion::Expired => format!("The request for {day} ran out"),
        Occasion::AboutToExpire => format!("{other} is waiting for your answer"),
        Occasion::Reminder(_) => format!("Your session with {other} on {day}"),
        Occasion::Ended => format!("Did your session with {other} take place?"),
        Occasion::FeedbackWanted => format!("How was your session with {other}?"),
        Occasion::Cancelled { .. } => format!("Called off: session with {other}, {day}"),
        Occasion::Confirmed | Occasion::Accepted | Occasion::Rescheduled(..) => {
            format!("Mentoring session with {other}, {day}")
        }
    }
}

fn opening(session: &Session, to: Party, other: &str, occasion: Occasion, reader: &Person) -> String {
    match occasion {
        Occasion::Confirmed if to == Party::Mentor => format!("{other} has booked a session with you."),
        Occasion::Confirmed => format!("Your session with {other} is booked."),
        Occasion::Requested if to == Party::Mentor => {
            format!("{other} would like a session with you. Please accept or decline.")
        }
        Occasion::Requested => {
            format!("Your request is with {other}, who will accept or decline it. The time is kept for you until then.")
        }
        Occasion::Accepted if to == Party::Mentor => format!("You have accepted the session with {other}."),
        Occasion::Accepted => format!("{other} has accepted: your session is booked."),
        Occasion::Declined => format!("{other} cannot take this session. The time is free for others again."),
        Occasion::Expired if to == Party::Mentor => {
            format!("The request of {other} was not answered in time, so it has run out.")
        }
        Occasion::Expired => format!("{other} has not answered your request in time, so it has run out."),
        Occasion::Rescheduled(..) => format!("Your session with {other} is at another time now."),
        Occasion::Cancelled { .. } => {
            let by = match session.cancelled_by.as_deref() {
                Some(side) if side == to.name() => "you".to_owned(),
                Some("staff") => "those who run the program".to_owned(),
                _ => other.to_owned(),
            };
            format!("The session with {other} was called off by {by}.")
        }
        Occasion::Reminder(_) => format!("Your session with {other} begins soon."),
        Occasion::AboutToExpire => {
            let by = session.expires_at.map_or_else(String::new, |at| format!(" {}", moment(at, &reader.timezone)));
            format!("{other} asked you for a session. Without an answer the request runs out{by}.")
        }
        Occasion::Ended => {
            format!("Your session with {other} is over. Please say whether it took place, or who did not come.")
        }
        Occasion::FeedbackWanted => format!("You met {other}. How was it? A minute of your time helps the program."),
    }
}

fn facts(session: &Session, to: Party, other: &Person, reader: &Person, occasion: Occasion) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let work: Vec<&str> =
        [other.title.as_str(), other.company.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
    let who = if work.is_empty() { other.name.clone() } else { format!("{} ({})", other.name, work.join(", ")) };
    let mut facts = vec![fact("With", who)];
    if let Occasion::Rescheduled(starts_at, ends_at) = occasion {
        facts.push(fact("Before", stretch(starts_at, ends_at, &reader.timezone)));
        facts.push(fact("Now", stretch(session.starts_at, session.ends_at, &reader.timezone)));
    } else {
        facts.push(fact("When", stretch(session.starts_at, session.ends_at, &reader.timezone)));
    }
    if session.status == Status::Booked {
        match &session.meeting_url {
            Some(url) => facts.push(fact("Where", url.clone())),
            None if session.location != "virtual" => facts.push(fact("Where", session.location.clone())),
            None => {}
        }
    }
    if !session.notes.is_empty() && session.status.is_active() {
        let mut notes: String = session.notes.chars().take(SHOWN_NOTES).collect();
        if notes.len() < session.notes.len() {
            notes.push('…');
        }
        let name = if to == Party::Mentor { "To discuss" } else { "You want to discuss" };
        facts.push(fact(name, notes));
    }
    if let (Status::Pending, Some(until)) = (session.status, session.expires_at) {
        facts.push(fact("Answer by", moment(until, &reader.timezone)));
    }
    facts
}

fn fine_print(rules: &Rules, session: &Session, to: Party, occasion: Occasion) -> Option<Piece> {
    if !matches!(session.status, Status::Booked) || matches!(occasion, Occasion::Ended) {
        return None;
    }
    let notice = match to {
        Party::Mentee if rules.cancel_notice_hours > 0 => format!(
            " You can do so until {} hours before the start; after that only your mentor and those who run the \
             program can.",
            rules.cancel_notice_hours
        ),
        _ => String::new(),
    };
    Some(Piece::Small(format!("Does something come up? Move or call off the session on its page.{notice}")))
}

/// `Tuesday 5 March 2030, 14:00 to 14:30 (Europe/Berlin, UTC+01:00)`
pub(super) fn stretch(starts_at: Moment, ends_at: Moment, timezone: &str) -> String {
    let zone = zone(timezone);
    let [starts, ends] = [starts_at, ends_at].map(|at| at.utc().with_timezone(&zone));
    let until = if starts.date_naive() == ends.date_naive() { "%H:%M" } else { "%A %-d %B, %H:%M" };
    format!("{} to {} ({})", starts.format("%A %-d %B %Y, %H:%M"), ends.format(until), named(starts_at, zone))
}

/// `Tuesday 5 March, 14:00 (Europe/Berlin, UTC+01:00)`
fn moment(at: Moment, timezone: &str) -> String {
    let zone = zone(timezone);
    format!("{} ({})", at.utc().with_timezone(&zone).format("%A %-d %B, %H:%M"), named(at, zone))
}

fn named(at: Moment, zone: chrono_tz::Tz) -> String {
    let offset = zone.offset_from_utc_datetime(&at.utc().naive_utc()).fix();
    if zone == chrono_tz::Tz::UTC {
        return "UTC".to_owned();
    }
    if offset.local_minus_utc() == 0 {
        format!("{}, UTC", zone.name())
    } else {
        format!("{}, UTC{offset}", zone.name())
    }
}

#[cfg(test)]
mod tests;
