//! Taking a seat, and moving to another.

use serde_json::json;

use super::letters::{self, Occasion};
use super::slots::{self, Slot};
use super::store::{self, NewSession, Offer};
use super::{Asker, Party, Rules, Session, Status, close, read};
use crate::accounts::{self, mentees};
use crate::audit::{self, Entry};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::ids::{MenteeId, MentorId, SessionId, SlotId, UserId};
use crate::mentors::{self, Mentor, Visibility};

/// Characters of what a mentee wants to discuss, at most.
pub const LONGEST_NOTES: usize = 5_000;

/// Characters of a request key, at most.
pub(super) const LONGEST_KEY: usize = 200;

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
pub fn book(tx: &Tx<'_>, rules: &Rules, by: &Asker, ask: &Ask) -> Result<Booked> {
    let notes = mentors::checked_text("notes", &ask.notes, LONGEST_NOTES)?;
    let key = ask.request_key.as_deref().map(checked_key).transpose()?;
    let (user, mentee) = mentee(tx, by, ask.on_behalf_of)?;
    if let Some(key) = key
        && let Some(session) = store::by_request_key(tx, mentee, key)?
    {
        return Ok(Booked { session, is_new: false });
    }
    // A request that ran out holds its seat no longer, whether or not anybody has cleared it away yet.
    if let Some(wanted) = find(tx, &ask.wanted)? {
        close::expire_overdue(tx, rules, Some(wanted.mentor))?;
    }
    let (offer, mentor) = offer(tx, by, &ask.wanted)?;
    check_time(tx, by, &offer)?;
    if mentor.user == user {
        return Err(Error::invalid("own_slot", "This is your own slot."));
    }
    if store::held_by(tx, offer.id, mentee)?.is_some() {
        return Err(store::already_booked());
    }
    check_room(&offer)?;
    if store::is_busy(tx, user, offer.starts_at, offer.ends_at, None)? {
        return Err(store::mentee_busy());
    }
    let is_request = mentor.profile.visibility == Visibility::Limited && !by.is_staff;
    if is_request && store::n_pending(tx, mentee)? >= rules.open_requests {
        let message =
            format!("You have {} requests waiting for an answer; that is as many as can wait.", rules.open_requests);
        return Err(Error::conflict("too_many_requests", message));
    }
    let id = SessionId::random();
    let room = room(tx, rules, &mentor, &offer)?;
    store::insert_session(
        tx,
        &NewSession {
            id,
            mentee,
            offer: &offer,
            seat_no: store::free_seat(tx, offer.id, offer.capacity)?.ok_or_else(store::taken)?,
            status: if is_request { Status::Pending } else { Status::Booked },
            meeting_url: room.as_deref(),
            notes: &notes,
            request_key: key,
            expires_at: is_request.then(|| answer_by(tx, rules, &offer)),
            booked_by: (by.user != user).then_some(by.user),
        },
    )?;
    let session = read::stored(tx, id)?;
    let (kind, occasion) =
        if is_request { ("session.requested", Occasion::Requested) } else { ("session.booked", Occasion::Confirmed) };
    let after = json!({ "status": session.status, "startsAt": session.starts_at, "mentor": session.mentor_id });
    audit::note(tx, &by.actor, &Entry { kind, about: ("session", &id.to_string()), before: ().into(), after })?;
    close::note_change(tx, &session)?;
    letters::tell(tx, rules, &session, occasion)?;
    Ok(Booked { session, is_new: true })
}

/// Moves a session to another slot of the same mentor: the same id, the same calendar UID. A request stays
/// one, with a new time to be answered.
///
/// # Errors
/// As `book`; `session_unknown`, `not_active`, `already_started`, `notice_passed`, `same_slot`.
pub fn reschedule(tx: &Tx<'_>, rules: &Rules, by: &Asker, id: SessionId, to: &Wanted) -> Result<Session> {
    let session = read::session(tx, by, id)?;
    close::check_changeable(tx, rules, by, &session)?;
    close::expire_overdue(tx, rules, Some(session.mentor_number))?;
    let offer = match find(tx, to)? {
        Some(offer) if offer.mentor == session.mentor_number => offer,
        _ => return Err(slot_unknown()),
    };
    if session.slot == Some(offer.id) {
        return Err(Error::invalid("same_slot", "The session is at that time already."));
    }
    // The mentor may offer an hour at short notice to somebody they have agreed to meet.
    let is_bound = !by.is_staff && session.party(by.user) != Some(Party::Mentor);
    let is_seen = |mentor: &Mentor| mentor.is_visible() || !is_bound;
    let mentor = mentors::by_number(tx, offer.mentor)?.filter(is_seen).ok_or_else(mentor_unknown)?;
    check_time(tx, &Asker { is_staff: !is_bound, ..by.clone() }, &offer)?;
    if store::held_by(tx, offer.id, session.mentee_id)?.is_some() {
        return Err(store::already_booked());
    }
    if store::is_busy(tx, session.mentee.user, offer.starts_at, offer.ends_at, Some(id))? {
        return Err(store::mentee_busy());
    }
    let seat_no = store::free_seat(tx, offer.id, offer.capacity)?.ok_or_else(store::taken)?;
    let room = room(tx, rules, &mentor, &offer)?;
    let expires_at = (session.status == Status::Pending).then(|| answer_by(tx, rules, &offer));
    if !store::move_session(tx, &session, &offer, seat_no, room.as_deref(), expires_at)? {
        return Err(close::changed_meanwhile(&read::stored(tx, id)?));
    }
    let moved = read::stored(tx, id)?;
    let (before, after) = (json!({ "startsAt": session.starts_at }), json!({ "startsAt": moved.starts_at }));
    let about = id.to_string();
    audit::note(tx, &by.actor, &Entry { kind: "session.rescheduled", about: ("session", &about), before, after })?;
    close::note_change(tx, &moved)?;
    letters::tell(tx, rules, &moved, Occasion::Rescheduled(session.starts_at, session.ends_at))?;
    Ok(moved)
}

/// What else the asker could book of a mentor, in place of a time that is lost: the `n` nearest slots, by start.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn alternatives_to(tx: &Tx<'_>, by: &Asker, wanted: &Wanted, n: usize) -> Result<Vec<Slot>> {
    let (mentor, near) = match (find(tx, wanted)?, wanted) {
        (Some(offer), _) => (offer.mentor, offer.starts_at),
        (None, Wanted::Times(mentor, starts_at, _)) => match mentors::mentor(tx, *mentor)? {
            Some(mentor) => (mentor.number, *starts_at),
            None => return Ok(Vec::new()),
        },
        (None, Wanted::Slot(..)) => return Ok(Vec::new()),
    };
    slots::alternatives(tx, mentor, Some(by.user), near, n)
}

fn mentor_unknown() -> Error {
    Error::not_found("mentor_unknown", "This mentor is not here, or no longer.")
}

fn slot_unknown() -> Error {
    Error::invalid("slot_unknown", "That time is not offered by this mentor.")
}

fn checked_key(key: &str) -> Result<&str> {
    let is_right = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_right { Ok(key) } else { Err(Error::field("Idempotency-Key", "must be 1 to 200 visible ASCII characters")) }
}

/// For whom the seat is: whoever asks, or somebody on whose behalf staff asks.
fn mentee(tx: &Tx<'_>, by: &Asker, on_behalf_of: Option<UserId>) -> Result<(UserId, MenteeId)> {
    let user = match on_behalf_of {
        Some(user) if user != by.user => {
            if !by.is_staff {
                return Err(Error::forbidden("forbidden", "Only those who run the program book for others."));
            }
            user
        }
        _ => by.user,
    };
    let unknown = || Error::not_found("mentee_unknown", "There is no mentee's profile to book for.");
    let account = accounts::user(tx, user)?.filter(|user| user.status == accounts::Status::Active);
    account.ok_or_else(unknown)?;
    Ok((user, mentees::of_user(tx, user)?.ok_or_else(unknown)?.0))
}

/// The slot that is wanted, whoever's it is.
fn find(tx: &Tx<'_>, wanted: &Wanted) -> Result<Option<Offer>> {
    match *wanted {
        Wanted::Slot(slot, named) => {
            let Some(offer) = store::offer(tx, slot)? else { return Ok(None) };
            let Some(named) = named else { return Ok(Some(offer)) };
            let is_theirs = mentors::mentor(tx, named)?.is_some_and(|mentor| mentor.number == offer.mentor);
            Ok(Some(offer).filter(|_| is_theirs))
        }
        Wanted::Times(mentor, starts_at, ends_at) => match mentors::mentor(tx, mentor)? {
            Some(mentor) => store::offer_at(tx, mentor.number, starts_at, ends_at),
            None => Ok(None),
        },
    }
}

/// The slot that is wanted, of a mentor whom the asker may see.
fn offer(tx: &Tx<'_>, by: &Asker, wanted: &Wanted) -> Result<(Offer, Mentor)> {
    let is_seen =
        |mentor: &Mentor| mentor.is_visible() || (by.is_staff && mentor.has_active_account && mentor.profile.is_active);
    let named = match *wanted {
        Wanted::Slot(_, named) => named,
        Wanted::Times(mentor, ..) => Some(mentor),
    };
    if let Some(named) = named {
        mentors::mentor(tx, named)?.filter(is_seen).ok_or_else(mentor_unknown)?;
    }
    let offer = find(tx, wanted)?.ok_or_else(slot_unknown)?;
    let mentor = mentors::by_number(tx, offer.mentor)?.filter(is_seen).ok_or_else(mentor_unknown)?;
    Ok((offer, mentor))
}

/// Whether it is not too late for this slot, and the mentor takes people at all. Staff is bound by the past alone.
fn check_time(tx: &Tx<'_>, by: &Asker, offer: &Offer) -> Result<()> {
    if offer.starts_at <= tx.now() {
        return Err(Error::invalid("in_past", "That time is over."));
    }
    if by.is_staff {
        return Ok(());
    }
    if offer.closes_at <= tx.now() {
        return Err(Error::invalid("too_soon", "That is too soon: this mentor wants to know earlier."));
    }
    if offer.paused_until > tx.now() {
        return Err(Error::conflict("mentor_paused", "This mentor takes nobody new for now."));
    }
    Ok(())
}

/// Whether the slot has room, as far as the mentor is concerned.
fn check_room(offer: &Offer) -> Result<()> {
    if offer.n_taken >= offer.capacity || offer.is_crowded {
        return Err(store::taken());
    }
    if offer.is_week_full { Err(store::weekly_cap()) } else { Ok(()) }
}

/// Until when a mentor may answer a request: never later than the session starts.
fn answer_by(tx: &Tx<'_>, rules: &Rules, offer: &Offer) -> Moment {
    tx.now().plus_seconds(i64::from(rules.request_hours) * 3_600).min(offer.starts_at)
}

/// Where to meet online: where the others in this slot meet, the mentor's own room, or a new one.
fn room(tx: &Tx<'_>, rules: &Rules, mentor: &Mentor, offer: &Offer) -> Result<Option<String>> {
    if offer.location != "virtual" {
        return Ok(None);
    }
    // Whoever sits in the slot already has been told where.
    if let Some(shared) = store::room_of(tx, offer.id)? {
        return Ok(Some(shared));
    }
    if let Some(own) = &mentor.profile.meeting_url {
        return Ok(Some(own.clone()));
    }
    if rules.meeting_url.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).or_internal("drawing a random code")?;
    Ok(Some(rules.meeting_url.replace("{code}", &format!("{:032x}", u128::from_be_bytes(bytes)))))
}
