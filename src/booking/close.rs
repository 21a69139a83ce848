//! What becomes of a session: answered, called off, held, missed, and back again. Each change is a
//! compare-and-swap: what has changed meanwhile is not changed again.

use serde_json::json;

use super::letters::{self, Occasion};
use super::{Asker, Party, Rules, Session, Status, read, store};
use crate::audit::{self, Actor, Entry};
use crate::clock::Moment;
use crate::db::{Change, Tx};
use crate::error::{Error, Result};
use crate::ids::{MentorNo, SessionId, UserId};
use crate::mentors;

/// Characters of a reason, at most.
pub const LONGEST_REASON: usize = 1_000;

/// Requests cleared away at once when their time is over.
const EXPIRED_AT_ONCE: u32 = 200;

/// What a session becomes.
pub(super) struct Close<'a> {
    pub(super) status: Status,
    pub(super) cancelled_by: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
    pub(super) no_show_party: Option<Party>,
    /// Whether it changes what stands in people's calendars.
    pub(super) calendars_must_hear: bool,
}

impl Close<'_> {
    const fn to(status: Status) -> Self {
        Self { status, cancelled_by: None, reason: None, no_show_party: None, calendars_must_hear: false }
    }
}

/// The mentor agrees to a request.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_pending` (409, says what happened instead).
pub fn accept(tx: &Tx<'_>, rules: &Rules, by: &Asker, id: SessionId) -> Result<Session> {
    let session = request(tx, by, id)?;
    let accepted = turn(tx, by, &session, &Close::to(Status::Booked), "session.accepted")?;
    letters::tell(tx, rules, &accepted, Occasion::Accepted)?;
    Ok(accepted)
}

/// The mentor declines a request, and takes nobody new until `pause_until` where that is given.
///
/// # Errors
/// As `accept`; `reason` too long.
pub fn decline(
    tx: &Tx<'_>,
    rules: &Rules,
    by: &Asker,
    id: SessionId,
    reason: &str,
    pause_until: Option<Moment>,
) -> Result<Session> {
    let reason = mentors::checked_text("reason", reason, LONGEST_REASON)?;
    let session = request(tx, by, id)?;
    let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
    let close = Close { cancelled_by: Some(side(by, &session)), reason, ..Close::to(Status::Cancelled) };
    let declined = turn(tx, by, &session, &close, "session.declined")?;
    letters::tell(tx, rules, &declined, Occasion::Declined)?;
    if let Some(until) = pause_until {
        super::hours::pause(tx, by, session.mentor_number, Some(until))?;
    }
    Ok(declined)
}

/// Calls a session off; its seat is free at once.
///
/// # Errors
/// `session_unknown`, `not_active`, `already_started`, `notice_passed`, `reason` blank or too long.
pub fn cancel(tx: &Tx<'_>, rules: &Rules, by: &Asker, id: SessionId, reason: &str) -> Result<Session> {
    let reason = mentors::checked_text("reason", reason, LONGEST_REASON)?;
    let session = read::session(tx, by, id)?;
    if reason.is_empty() {
        return Err(Error::field("reason", "is needed: the other side will want to know"));
    }
    check_changeable(tx, rules, by, &session)?;
    call_off(tx, rules, by, &session, side(by, &session), &reason)
}

/// Calls off every session of a person that is still to come, on either side: they are leaving, or have to.
/// Returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn cancel_all_of(tx: &Tx<'_>, rules: &Rules, by: &Asker, user: UserId, reason: &str) -> Result<u32> {
    let mut n_cancelled = 0;
    for session in store::coming_of(tx, user)? {
        let side = if by.user == user { side(by, &session) } else { "staff" };
        call_off(tx, rules, by, &session, side, reason)?;
        n_cancelled += 1;
    }
    Ok(n_cancelled)
}

fn call_off(
    tx: &Tx<'_>,
    rules: &Rules,
    by: &Asker,
    session: &Session,
    side: &'static str,
    reason: &str,
) -> Result<Session> {
    let had_invitation = session.status == Status::Booked;
    let close = Close {
        cancelled_by: Some(side),
        reason: Some(reason),
        calendars_must_hear: had_invitation,
        ..Close::to(Status::Cancelled)
    };
    let cancelled = turn(tx, by, session, &close, "session.cancelled")?;
    letters::tell(tx, rules, &cancelled, Occasion::Cancelled { had_invitation })?;
    Ok(cancelled)
}

/// The session took place.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_started`, `not_booked`.
pub fn complete(tx: &Tx<'_>, _rules: &Rules, by: &Asker, id: SessionId) -> Result<Session> {
    let session = begun(tx, by, id, None)?;
    turn(tx, by, &session, &Close::to(Status::Completed), "session.completed")
}

/// One side did not come. A mentor says it of either side, a mentee of the mentor.
///
/// # Errors
/// As `complete`.
pub fn no_show(tx: &Tx<'_>, _rules: &Rules, by: &Asker, id: SessionId, party: Party) -> Result<Session> {
    let session = begun(tx, by, id, Some(party))?;
    let close = Close { no_show_party: Some(party), ..Close::to(Status::NoShow) };
    turn(tx, by, &session, &close, "session.missed")
}

/// Staff takes back that a session was completed or missed: it is booked again.
///
/// # Errors
/// `session_unknown`, `forbidden`, `not_closed`.
pub fn undo(tx: &Tx<'_>, _rules: &Rules, by: &Asker, id: SessionId) -> Result<Session> {
    let session = read::session(tx, by, id)?;
    if !by.is_staff {
        return Err(Error::forbidden("forbidden", "Only those who run the program take this back."));
    }
    if !matches!(session.status, Status::Completed | Status::NoShow) {
        return Err(Error::conflict("not_closed", "Only what was completed or missed can be taken back."));
    }
    turn(tx, by, &session, &Close::to(Status::Booked), "session.reopened")
}

/// Frees the seats of requests that nobody answered in time, of one mentor or of all, a bounded number at once.
/// Returns how many.
///
/// # Errors
/// Internal, where SQLite cannot.
pub(super) fn expire_overdue(tx: &Tx<'_>, rules: &Rules, of: Option<MentorNo>) -> Result<u32> {
    let overdue = store::overdue(tx, of, EXPIRED_AT_ONCE)?;
    let by = Asker { user: UserId::random(), is_staff: true, actor: Actor::nobody("booking") };
    let mut n_expired = 0;
    for session in overdue {
        let close = Close { cancelled_by: Some("expired"), ..Close::to(Status::Cancelled) };
        let expired = turn(tx, &by, &session, &close, "session.expired")?;
        letters::tell(tx, rules, &expired, Occasion::Expired)?;
        n_expired += 1;
    }
    Ok(n_expired)
}

/// Whether a session may still be called off or moved by whoever asks.
pub(super) fn check_changeable(tx: &Tx<'_>, rules: &Rules, by: &Asker, session: &Session) -> Result<()> {
    if !session.status.is_active() {
        return Err(Error::conflict("not_active", now_it_is(session)));
    }
    if by.is_staff {
        return Ok(());
    }
    if session.starts_at <= tx.now() {
        return Err(Error::conflict("already_started", "The session has begun; it cannot be changed any more."));
    }
    let notice = i64::from(rules.cancel_notice_hours) * 3_600;
    let is_late = session.starts_at < tx.now().plus_seconds(notice);
    if is_late && session.status == Status::Booked && session.party(by.user) == Some(Party::Mentee) {
        let message = format!(
            "Within {} hours of the start only the mentor and those who run the program call off or move a session.",
            rules.cancel_notice_hours
        );
        return Err(Error::conflict("notice_passed", message));
    }
    Ok(())
}

/// Lets matching know: what the mentor offers is another now, and so it is with a mentee who mentors too, for they
/// are busy then.
pub(super) fn note_change(tx: &Tx<'_>, session: &Session) -> Result<()> {
    tx.note(session.mentor_number, Change::Slots)?;
    mentors::of_user(tx, session.mentee.user)?.map_or(Ok(()), |mentor| tx.note(mentor.number, Change::Slots))
}

/// The refusal of a change that came second.
pub(super) fn changed_meanwhile(session: &Session) -> Error {
    Error::conflict("changed_meanwhile", now_it_is(session))
}

fn now_it_is(session: &Session) -> &'static str {
    match session.status {
        Status::Pending => "The session is waiting for the mentor's answer.",
        Status::Booked => "The session is booked.",
        Status::Completed => "The session has taken place.",
        Status::Cancelled if session.cancelled_by.as_deref() == Some("expired") => "The request ran out unanswered.",
        Status::Cancelled => "The session was called off.",
        Status::NoShow => "The session was missed.",
    }
}

fn side(by: &Asker, session: &Session) -> &'static str {
    session.party(by.user).map_or("staff", Party::name)
}

/// A request that the asker may answer.
fn request(tx: &Tx<'_>, by: &Asker, id: SessionId) -> Result<Session> {
    let session = read::session(tx, by, id)?;
    if !by.is_staff && session.party(by.user) != Some(Party::Mentor) {
        return Err(Error::forbidden("forbidden", "Only the mentor answers a request."));
    }
    let is_over = session.expires_at.is_some_and(|at| at <= tx.now());
    if session.status != Status::Pending || is_over {
        let ran_out = session.status == Status::Pending;
        let message = if ran_out { "The request ran out unanswered." } else { now_it_is(&session) };
        return Err(Error::conflict("not_pending", message));
    }
    Ok(session)
}

/// A session that has begun and stands, of which the asker may say how it went.
fn begun(tx: &Tx<'_>, by: &Asker, id: SessionId, missed_by: Option<Party>) -> Result<Session> {
    let session = read::session(tx, by, id)?;
    let is_theirs_to_say = match session.party(by.user) {
        _ if by.is_staff => true,
        Some(Party::Mentor) => true,
        Some(Party::Mentee) => missed_by == Some(Party::Mentor),
        None => false,
    };
    if !is_theirs_to_say {
        return Err(Error::forbidden("forbidden", "Only the mentor and those who run the program say how it went."));
    }
    if session.status != Status::Booked {
        return Err(Error::conflict("not_booked", now_it_is(&session)));
    }
    if session.starts_at > tx.now() {
        return Err(Error::conflict("not_started", "The session has not begun yet."));
    }
    Ok(session)
}

/// Changes the state and leaves the traces.
fn turn(tx: &Tx<'_>, by: &Asker, session: &Session, close: &Close<'_>, kind: &'static str) -> Result<Session> {
    if !store::set_state(tx, session, close)? {
        return Err(changed_meanwhile(&read::stored(tx, session.id)?));
    }
    let (before, after) =
        (json!({ "status": session.status }), json!({ "status": close.status, "by": close.cancelled_by }));
    let id = session.id.to_string();
    audit::note(tx, &by.actor, &Entry { kind, about: ("session", &id), before, after })?;
    note_change(tx, session)?;
    read::stored(tx, session.id)
}
