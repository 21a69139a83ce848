//! Office hours: slots that mentors offer, seats that mentees take, and the letters that tell both. A
//! seat is never given away twice: the schema refuses it (`db/migrations/0003_office_hours.sql`), the
//! verbs here only say so kindly.

mod book;
pub mod books;
mod calendar;
mod close;
pub mod feedback;
pub mod feeds;
mod holdings;
pub mod hours;
mod letters;
mod read;
mod rules;
pub mod slots;
mod store;
pub mod watch;
mod week;

use serde::{Deserialize, Serialize};

use crate::audit::Actor;
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MenteeId, MentorId, MentorNo, SessionId, SlotId, UserId};
use crate::mentors::{self, Mentor};

pub use book::{Ask, Booked, LONGEST_NOTES, Wanted, alternatives_to, book, reschedule};
pub use calendar::{Method, invitation};
pub use close::{LONGEST_REASON, accept, cancel, cancel_all_of, complete, decline, no_show, undo};
pub use holdings::holdings;
pub use read::{SessionFilter, session, sessions};
pub use rules::Rules;

/// The longest slot, in seconds.
const LONGEST_SLOT: i64 = 8 * 3_600;

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked for; holds its seat until the mentor answers or the request runs out.
    Pending,
    /// Agreed.
    Booked,
    /// Held.
    Completed,
    /// Called off, declined or run out; its seat is free.
    Cancelled,
    /// One of the two did not come.
    NoShow,
}

impl Status {
    /// Every state there is.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Booked, Self::Completed, Self::Cancelled, Self::NoShow];

    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Booked => "booked",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it holds a seat.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Booked)
    }
}

/// One of the two sides of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Who asked.
    Mentee,
    /// Who helps.
    Mentor,
}

impl Party {
    /// The word in the database and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mentee => "mentee",
            Self::Mentor => "mentor",
        }
    }

    /// The side of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mentee, Self::Mentor].into_iter().find(|party| party.name() == name)
    }
}

/// Who does something here.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The account.
    pub user: UserId,
    /// Whether they run the program: staff may act for both sides and are bound by no notice.
    pub is_staff: bool,
    /// The same person for the audit log.
    pub actor: Actor,
}

/// A person as the other side of a session sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub user: UserId,
    /// The name.
    pub name: String,
    /// The address; for letters only, never shown to the other side.
    pub email: String,
    /// IANA zone.
    pub timezone: String,
    /// The picture to show.
    pub image: Option<String>,
    /// Their title; empty for mentees.
    pub title: String,
    /// Where they work.
    pub company: String,
}

/// A booked meeting, or one asked for, with both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id, also the calendar's UID for life.
    pub id: SessionId,
    /// How it stands.
    pub status: Status,
    /// When it starts.
    pub starts_at: Moment,
    /// When it ends.
    pub ends_at: Moment,
    /// The mentor's profile.
    pub mentor_id: MentorId,
    /// The mentor's number.
    pub mentor_number: MentorNo,
    /// The mentor.
    pub mentor: Person,
    /// The mentee's profile.
    pub mentee_id: MenteeId,
    /// The mentee.
    pub mentee: Person,
    /// The slot it sits in; `None` once the slot is gone.
    pub slot: Option<SlotId>,
    /// Its seat there, from 1.
    pub seat_no: u32,
    /// `virtual`, or a place.
    pub location: String,
    /// Where to meet online; shown only to the parties, only while booked or later.
    pub meeting_url: Option<String>,
    /// What the mentee wants to discuss.
    pub notes: String,
    /// Why it was called off or declined.
    pub cancel_reason: Option<String>,
    /// Who called it off: `mentee`, `mentor`, `staff`, or `expired` for a request nobody answered.
    pub cancelled_by: Option<String>,
    /// Who did not come.
    pub no_show_party: Option<Party>,
    /// Pending: until when the mentor may answer.
    pub expires_at: Option<Moment>,
    /// RFC 5545 SEQUENCE: rises with each change that calendars must hear of.
    pub sequence: u32,
    /// Rises with each change; letters are unique for it.
    pub version: u32,
    /// When it was asked for.
    pub created_at: Moment,
    /// When it last changed.
    pub updated_at: Moment,
}

impl Session {
    /// Which side this account is on, if any.
    pub fn party(&self, user: UserId) -> Option<Party> {
        if self.mentor.user == user { Some(Party::Mentor) } else { (self.mentee.user == user).then_some(Party::Mentee) }
    }

    /// The person on this side.
    pub const fn person(&self, party: Party) -> &Person {
        match party {
            Party::Mentee => &self.mentee,
            Party::Mentor => &self.mentor,
        }
    }
}

/// Opens a slot with one seat and returns its id.
///
/// # Errors
/// As `slots::open`.
pub fn open_slot(tx: &Tx<'_>, mentor: MentorNo, starts_at: Moment, ends_at: Moment) -> Result<SlotId> {
    let by = Asker { user: UserId::random(), is_staff: true, actor: Actor::nobody("command") };
    let new = slots::NewSlot { starts_at, ends_at, capacity: 1, location: "virtual".to_owned() };
    let opened = slots::open(tx, &by, mentor, &[new])?;
    opened.first().map(|slot| slot.id).ok_or_else(|| Error::internal(anyhow::anyhow!("an opened slot is not there")))
}

/// Names the weeks of what is to come anew, after a mentor has moved to another zone.
fn rename_weeks(tx: &Tx<'_>, mentor: &Mentor) -> Result<()> {
    let zone = week::zone(&mentor.timezone);
    // A week back: a session of last Sunday may belong to this week now.
    for (starts_at, was) in store::weeks(tx, mentor.number, tx.now().plus_days(-7))? {
        let week = week::week_key(starts_at, zone);
        if week != was {
            store::set_week(tx, mentor.number, starts_at, &week)?;
        }
    }
    hours::store::set_week_zone(tx, mentor.number, &mentor.timezone)
}

/// Whether this mentor has, or had, a session with this mentee: one that stands or was to be held.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn have_session(tx: &Tx<'_>, mentor: UserId, mentee: UserId) -> Result<bool> {
    store::have_session(tx, mentor, mentee)
}

/// Takes back all that a mentor offers and nobody has taken, slots and weekly hours alike. Somebody
/// who is no mentor offers nothing.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn withdraw_offers(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let Some(mentor) = mentors::of_user(tx, user)? else { return Ok(()) };
    store::delete_offers(tx, mentor.number)?;
    tx.note(mentor.number, Change::Slots)
}

#[cfg(test)]
mod tests;
