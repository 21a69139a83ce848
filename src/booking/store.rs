//! The SQL of sessions and the seats they take.

use rusqlite::{OptionalExtension, Row, named_params};

use super::close::Close;
use super::read::SessionFilter;
use super::{Party, Person, Session, Status};
use crate::accounts::photos;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::ids::{MenteeId, MentorNo, SessionId, SlotId, UserId};

const SESSION: &str = include_str!("sql/session.sql");
const OFFER: &str = include_str!("sql/offer.sql");

/// A slot with all that decides whether it can be booked; see the view `offers`.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) id: SlotId,
    pub(super) mentor: MentorNo,
    pub(super) starts_at: Moment,
    pub(super) ends_at: Moment,
    pub(super) capacity: u32,
    pub(super) location: String,
    pub(super) week_key: String,
    pub(super) closes_at: Moment,
    pub(super) paused_until: Moment,
    pub(super) n_taken: u32,
    pub(super) is_crowded: bool,
    pub(super) is_week_full: bool,
}

fn offer_row(row: &Row<'_>) -> rusqlite::Result<Offer> {
    Ok(Offer {
        id: row.get("id")?,
        mentor: row.get("mentor_number")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        capacity: row.get("capacity")?,
        location: row.get("location")?,
        week_key: row.get("week_key")?,
        closes_at: row.get("closes_at")?,
        paused_until: row.get("paused_until")?,
        n_taken: row.get("n_taken")?,
        is_crowded: row.get("is_crowded")?,
        is_week_full: row.get("is_week_full")?,
    })
}

/// What the schema's refusals mean; anything else is a failure.
pub(super) fn refused(cause: rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(_, Some(message)) = &cause else { return cause.into() };
    match message.as_str() {
        "slot_taken" => taken(),
        "mentee_busy" => mentee_busy(),
        "weekly_cap" => weekly_cap(),
        "slot_overlaps" => Error::conflict("slot_overlaps", "That time is offered already."),
        "slot_in_use" => Error::conflict("slot_in_use", "Somebody has a seat in this slot."),
        "slot_too_long" => Error::field("endsAt", "must be after the start, by eight hours at most"),
        "no_such_seat" => Error::conflict("slot_taken", "That time is not offered any more."),
        // The two unique indexes over seats: the same seat twice, and the same mentee twice in one slot.
        other if other.contains("office_sessions.seat_no") => taken(),
        other if other.contains("office_sessions.slot_id, office_sessions.mentee_id") => already_booked(),
        other if other.contains("office_sessions.request_key") => {
            Error::conflict("request_key_used", "That request was made already.")
        }
        _ => cause.into(),
    }
}

pub(super) fn taken() -> Error {
    Error::conflict("slot_taken", "That time has just been taken.")
}

pub(super) fn mentee_busy() -> Error {
    Error::conflict("mentee_busy", "There is another session at that time already.")
}

pub(super) fn weekly_cap() -> Error {
    Error::conflict("weekly_cap", "This mentor has no more sessions to give in that week.")
}

pub(super) fn already_booked() -> Error {
    Error::conflict("already_booked", "You have a seat in that slot already.")
}

fn state<T>(found: Option<T>, column: &str) -> rusqlite::Result<T> {
    found.ok_or_else(|| rusqlite::Error::InvalidColumnName(column.to_owned()))
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    let mentor_image: Option<String> = row.get("mentor_image")?;
    let mentor_photo: Option<String> = row.get("mentor_photo")?;
    let is_uploaded = mentor_image.as_deref().is_some_and(|image| image.starts_with(photos::ADDRESS));
    Ok(Session {
        id: row.get("id")?,
        status: state(Status::from_name(row.get_ref("status")?.as_str()?), "status")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        mentor_id: row.get("mentor_id")?,
        mentor_number: row.get("mentor_number")?,
        mentor: Person {
            user: row.get("mentor_user")?,
            name: row.get("mentor_name")?,
            email: row.get("mentor_email")?,
            timezone: row.get("mentor_zone")?,
            image: if is_uploaded { mentor_image } else { mentor_photo.or(mentor_image) },
            title: row.get("mentor_title")?,
            company: row.get("mentor_company")?,
        },
        mentee_id: row.get("mentee_id")?,
        mentee: Person {
            user: row.get("mentee_user")?,
            name: row.get("mentee_name")?,
            email: row.get("mentee_email")?,
            timezone: row.get("mentee_zone")?,
            image: row.get("mentee_image")?,
            title: String::new(),
            company: row.get("mentee_company")?,
        },
        slot: row.get("slot_id")?,
        seat_no: row.get("seat_no")?,
        location: row.get("location")?,
        meeting_url: row.get("meeting_url")?,
        notes: row.get("notes")?,
        cancel_reason: row.get("cancel_reason")?,
        cancelled_by: row.get("cancelled_by")?,
        no_show_party: row.get::<_, Option<String>>("no_show_party")?.and_then(|name| Party::from_name(&name)),
        expires_at: row.get("expires_at")?,
        sequence: row.get("ics_sequence")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(super) fn session(tx: &Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    Ok(tx
        .prepare_cached(&format!("{SESSION} where office_sessions.id = :id"))?
        .query_row(named_params! { ":id": id }, session_row)
        .optional()?)
}

pub(super) fn by_request_key(tx: &Tx<'_>, mentee: MenteeId, key: &str) -> Result<Option<Session>> {
    Ok(tx
        .prepare_cached(&format!("{SESSION} where mentee_id = :mentee and request_key = :key"))?
        .query_row(named_params! { ":mentee": mentee, ":key": key }, session_row)
        .optional()?)
}

pub(super) fn sessions(tx: &Tx<'_>, user: UserId, filter: &SessionFilter, limit: u32) -> Result<Vec<Session>> {
    let names: Vec<&str> = filter.statuses.iter().map(|status| status.name()).collect();
    let statuses = serde_json::to_string(&names).or_internal("writing a list of states")?;
    let mut statement = tx.prepare_cached(concat!(include_str!("sql/session.sql"), include_str!("sql/list.sql")))?;
    let rows = statement.query_map(
        named_params! {
            ":everybodys": filter.is_everybodys, ":user": user, ":mentor": filter.mentor, ":mentee": filter.mentee,
            ":statuses": statuses, ":direction": if filter.is_soonest_first { 1 } else { -1 }, ":from": filter.from, ":to": filter.to, ":limit": limit,
        },
        session_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Pending sessions whose time to be answered is over, the oldest first.
pub(super) fn overdue(tx: &Tx<'_>, of: Option<MentorNo>, limit: u32) -> Result<Vec<Session>> {
    let mut statement = tx.prepare_cached(&format!(
        "{SESSION} where office_sessions.status = 'pending' and expires_at <= :now
         and (:mentor is null or mentor_number = :mentor) order by expires_at limit :limit"
    ))?;
    let rows = statement.query_map(named_params! { ":now": tx.now(), ":mentor": of, ":limit": limit }, session_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What holds seats in a slot, by seat.
pub(super) fn seated(tx: &Tx<'_>, slot: SlotId) -> Result<Vec<Session>> {
    let mut statement = tx.prepare_cached(&format!(
        "{SESSION} where slot_id = :slot and office_sessions.status in ('pending', 'booked') order by seat_no"
    ))?;
    let rows = statement.query_map(named_params! { ":slot": slot }, session_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Sessions of a person on either side that are still to come and hold a seat.
pub(super) fn coming_of(tx: &Tx<'_>, user: UserId) -> Result<Vec<Session>> {
    let mut statement = tx.prepare_cached(&format!(
        "{SESSION} where (mentor_users.id = :user or mentee_users.id = :user)
         and office_sessions.status in ('pending', 'booked') and ends_at > :now order by starts_at"
    ))?;
    let rows = statement.query_map(named_params! { ":user": user, ":now": tx.now() }, session_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn offer(tx: &Tx<'_>, id: SlotId) -> Result<Option<Offer>> {
    Ok(tx
        .prepare_cached(&format!("{OFFER} where id = :id"))?
        .query_row(named_params! { ":id": id }, offer_row)
        .optional()?)
}

pub(super) fn offer_at(tx: &Tx<'_>, mentor: MentorNo, starts_at: Moment, ends_at: Moment) -> Result<Option<Offer>> {
    Ok(tx
        .prepare_cached(&format!("{OFFER} where mentor_number = :mentor and starts_at = :starts and ends_at = :ends"))?
        .query_row(named_params! { ":mentor": mentor, ":starts": starts_at, ":ends": ends_at }, offer_row)
        .optional()?)
}

/// The lowest seat that nobody holds, `None` where all are held.
pub(super) fn free_seat(tx: &Tx<'_>, slot: SlotId, capacity: u32) -> Result<Option<u32>> {
    let mut statement = tx.prepare_cached(
        "select seat_no from office_sessions where slot_id = :slot and status in ('pending', 'booked') order by seat_no",
    )?;
    let rows = statement.query_map(named_params! { ":slot": slot }, |row| row.get(0))?;
    let held: Vec<u32> = rows.collect::<rusqlite::Result<_>>()?;
    Ok((1..=capacity).find(|seat| held.binary_search(seat).is_err()))
}

/// The seat's session of a mentee in a slot.
pub(super) fn held_by(tx: &Tx<'_>, slot: SlotId, mentee: MenteeId) -> Result<Option<SessionId>> {
    Ok(tx
        .prepare_cached(
            "select id from office_sessions
             where slot_id = :slot and mentee_id = :mentee and status in ('pending', 'booked')",
        )?
        .query_row(named_params! { ":slot": slot, ":mentee": mentee }, |row| row.get(0))
        .optional()?)
}

/// Whether a person has another session, on either side, that shares a second with [starts, ends).
pub(super) fn is_busy(
    tx: &Tx<'_>,
    user: UserId,
    starts_at: Moment,
    ends_at: Moment,
    except: Option<SessionId>,
) -> Result<bool> {
    let except = except.map_or_else(String::new, |id| id.to_string());
    Ok(tx
        .prepare_cached(include_str!("sql/is_busy.sql"))?
        .exists(named_params! { ":user": user, ":starts": starts_at, ":ends": ends_at, ":except": except })?)
}

pub(super) fn n_pending(tx: &Tx<'_>, mentee: MenteeId) -> Result<u32> {
    Ok(tx
        .prepare_cached("select count(*) from office_sessions where mentee_id = :mentee and status = 'pending'")?
        .query_row(named_params! { ":mentee": mentee }, |row| row.get(0))?)
}

/// Where those meet who have a seat in this slot already.
pub(super) fn room_of(tx: &Tx<'_>, slot: SlotId) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached(
            "select meeting_url from office_sessions
             where slot_id = :slot and status in ('pending', 'booked') and meeting_url is not null limit 1",
        )?
        .query_row(named_params! { ":slot": slot }, |row| row.get(0))
        .optional()?)
}

/// A session to be written.
pub(super) struct NewSession<'a> {
    pub(super) id: SessionId,
    pub(super) mentee: MenteeId,
    pub(super) offer: &'a Offer,
    pub(super) seat_no: u32,
    pub(super) status: Status,
    pub(super) meeting_url: Option<&'a str>,
    pub(super) notes: &'a str,
    pub(super) request_key: Option<&'a str>,
    pub(super) expires_at: Option<Moment>,
    pub(super) booked_by: Option<UserId>,
}

pub(super) fn insert_session(tx: &Tx<'_>, new: &NewSession<'_>) -> Result<()> {
    tx.prepare_cached(include_str!("sql/insert_session.sql"))?
        .execute(named_params! {
            ":id": new.id, ":mentor": new.offer.mentor, ":mentee": new.mentee, ":slot": new.offer.id,
            ":seat": new.seat_no, ":starts": new.offer.starts_at, ":ends": new.offer.ends_at,
            ":status": new.status.name(), ":location": new.offer.location, ":room": new.meeting_url,
            ":notes": new.notes, ":key": new.request_key, ":week": new.offer.week_key,
            ":expires": new.expires_at, ":by": new.booked_by, ":now": tx.now(),
        })
        .map_err(refused)?;
    Ok(())
}

/// Moves a session as it was read to a seat of another slot. `false` where it has changed meanwhile.
pub(super) fn move_session(
    tx: &Tx<'_>,
    session: &Session,
    offer: &Offer,
    seat_no: u32,
    meeting_url: Option<&str>,
    expires_at: Option<Moment>,
) -> Result<bool> {
    let n_moved = tx
        .prepare_cached(include_str!("sql/move_session.sql"))?
        .execute(named_params! {
            ":id": session.id, ":status": session.status.name(), ":version": session.version, ":slot": offer.id,
            ":seat": seat_no, ":starts": offer.starts_at, ":ends": offer.ends_at, ":location": offer.location,
            ":room": meeting_url, ":week": offer.week_key, ":expires": expires_at,
            ":sequence": u32::from(session.status == Status::Booked), ":now": tx.now(),
        })
        .map_err(refused)?;
    Ok(n_moved == 1)
}

/// Changes the state of a session as it was read. `false` where it has changed meanwhile.
pub(super) fn set_state(tx: &Tx<'_>, session: &Session, to: &Close<'_>) -> Result<bool> {
    let n_changed = tx
        .prepare_cached(include_str!("sql/set_state.sql"))?
        .execute(named_params! {
            ":id": session.id, ":was": session.status.name(), ":version": session.version, ":status": to.status.name(),
            ":by": to.cancelled_by, ":reason": to.reason, ":party": to.no_show_party.map(Party::name),
            ":sequence": u32::from(to.calendars_must_hear), ":closed": (!to.status.is_active()).then(|| tx.now()),
            ":now": tx.now(),
        })
        .map_err(refused)?;
    Ok(n_changed == 1)
}

/// Slots and sessions of a mentor from `since` on, with what their week is called now.
pub(super) fn weeks(tx: &Tx<'_>, mentor: MentorNo, since: Moment) -> Result<Vec<(Moment, String)>> {
    let mut statement = tx.prepare_cached(
        "select starts_at, week_key from availability where mentor_number = :mentor and starts_at >= :since
         union select starts_at, week_key from office_sessions where mentor_number = :mentor and starts_at >= :since",
    )?;
    let rows = statement
        .query_map(named_params! { ":mentor": mentor, ":since": since }, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn set_week(tx: &Tx<'_>, mentor: MentorNo, starts_at: Moment, week_key: &str) -> Result<()> {
    for statement in [
        "update availability set week_key = :week where mentor_number = :mentor and starts_at = :starts",
        "update office_sessions set week_key = :week where mentor_number = :mentor and starts_at = :starts",
    ] {
        tx.prepare_cached(statement)?
            .execute(named_params! { ":week": week_key, ":mentor": mentor, ":starts": starts_at })?;
    }
    Ok(())
}

pub(super) fn have_session(tx: &Tx<'_>, mentor: UserId, mentee: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from office_sessions
             join mentors on mentors.number = office_sessions.mentor_number
             join mentees on mentees.id = office_sessions.mentee_id
             where mentors.user_id = :mentor and mentees.user_id = :mentee
               and office_sessions.status in ('booked', 'completed', 'no_show')",
        )?
        .exists(named_params! { ":mentor": mentor, ":mentee": mentee })?)
}

/// Slots with a taken seat stay, and those that are over stay for the sessions held in them.
pub(super) fn delete_offers(tx: &Tx<'_>, mentor: MentorNo) -> Result<()> {
    for statement in [
        "delete from availability where mentor_number = :mentor
           and not exists (select 1 from office_sessions where slot_id = availability.id and status <> 'cancelled')",
        "delete from hours where mentor_number = :mentor",
        "delete from exceptions where mentor_number = :mentor",
    ] {
        tx.prepare_cached(statement)?.execute(named_params! { ":mentor": mentor })?;
    }
    Ok(())
}
