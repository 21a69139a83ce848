//! The SQL of office hours as the books hold them.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, named_params};

use super::{FeedbackBook, HoursBook, SessionBook, SlotBook, Told};
use crate::booking::hours;
use crate::booking::store::refused;
use crate::booking::{Party, Status};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MenteeId, MentorNo, SessionId, SlotId};
use crate::mentors::books::Reference;

const SLOT: &str = "select
    availability.id, mentors.number, airtable_record_id, users.email as mentor_email, starts_at, ends_at, capacity,
    location, is_from_hours, week_key, availability.created_at
    from availability join mentors on mentors.number = mentor_number join users on users.id = mentors.user_id";

const SESSION: &str = include_str!("../sql/session_books.sql");

fn reference(row: &Row<'_>) -> rusqlite::Result<Reference> {
    Ok(Reference { record: row.get("airtable_record_id")?, email: row.get("mentor_email")? })
}

fn slot_row(row: &Row<'_>) -> rusqlite::Result<(MentorNo, SlotBook)> {
    let slot = SlotBook {
        id: row.get("id")?,
        mentor: reference(row)?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        capacity: row.get("capacity")?,
        location: row.get("location")?,
        is_from_hours: row.get("is_from_hours")?,
        week_key: row.get("week_key")?,
        created_at: row.get("created_at")?,
    };
    Ok((row.get("number")?, slot))
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<(MentorNo, MenteeId, SessionBook)> {
    let odd = |column: &str| rusqlite::Error::InvalidColumnName(column.to_owned());
    let no_show: Option<String> = row.get("no_show_party")?;
    let told: Vec<(String, u32, i64)> = serde_json::from_str(row.get_ref("told")?.as_str()?)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(cause)))?;
    let told = told.into_iter().map(|(kind, version, at)| Told { kind, version, at: Moment::from_unix(at) }).collect();
    let session = SessionBook {
        id: row.get("id")?,
        mentor: reference(row)?,
        mentee: row.get("mentee_email")?,
        slot: row.get("slot_id")?,
        seat_no: row.get("seat_no")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        status: Status::from_name(row.get_ref("status")?.as_str()?).ok_or_else(|| odd("status"))?,
        location: row.get("location")?,
        meeting_url: row.get("meeting_url")?,
        notes: row.get("notes")?,
        cancelled_by: row.get("cancelled_by")?,
        cancel_reason: row.get("cancel_reason")?,
        no_show_party: no_show.as_deref().and_then(Party::from_name),
        request_key: row.get("request_key")?,
        booked_by: row.get("booked_by")?,
        week_key: row.get("week_key")?,
        expires_at: row.get("expires_at")?,
        closed_at: row.get("closed_at")?,
        sequence: row.get("ics_sequence")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        told: Some(told),
    };
    Ok((row.get("number")?, row.get("mentee_id")?, session))
}

fn feedback_row(row: &Row<'_>) -> rusqlite::Result<FeedbackBook> {
    let is_mentee = row.get_ref("from_party")?.as_str()? == "mentee";
    Ok(FeedbackBook {
        id: row.get("id")?,
        session: row.get("session_id")?,
        from: if is_mentee { Party::Mentee } else { Party::Mentor },
        rating: row.get("rating")?,
        comment: row.get("comment")?,
        is_shared: row.get("is_shared")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn for_each<T>(
    tx: &Tx<'_>,
    sql: &str,
    of: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut each: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(of(row)?)?;
    }
    Ok(())
}

pub(super) fn for_each_slot(tx: &Tx<'_>, mut each: impl FnMut(SlotBook) -> Result<()>) -> Result<()> {
    let sql = format!("{SLOT} order by mentor_number, starts_at, availability.id");
    for_each(tx, &sql, slot_row, |(_, slot)| each(slot))
}

pub(super) fn for_each_session(tx: &Tx<'_>, mut each: impl FnMut(SessionBook) -> Result<()>) -> Result<()> {
    let sql = format!("{SESSION} order by mentor_number, starts_at, office_sessions.id");
    for_each(tx, &sql, session_row, |(_, _, session)| each(session))
}

pub(super) fn for_each_feedback(tx: &Tx<'_>, each: impl FnMut(FeedbackBook) -> Result<()>) -> Result<()> {
    for_each(tx, "select * from feedback order by created_at, id", feedback_row, each)
}

pub(super) fn for_each_hours(tx: &Tx<'_>, mut each: impl FnMut(HoursBook) -> Result<()>) -> Result<()> {
    let sql = "select number, airtable_record_id, users.email as mentor_email, timezone, filled_at, week_zone
               from mentors join users on users.id = user_id order by number";
    let of = |row: &Row<'_>| -> rusqlite::Result<(MentorNo, Reference, String, Moment, String)> {
        let zone = row.get("timezone")?;
        Ok((row.get("number")?, reference(row)?, zone, row.get("filled_at")?, row.get("week_zone")?))
    };
    for_each(tx, sql, of, |(number, mentor, zone, filled_at, week_zone)| {
        let hours = hours::store::hours(tx, number, zone)?;
        let filled_at = Some(filled_at).filter(|at| *at != Moment::default());
        each(HoursBook { mentor, hours, filled_at, week_zone: Some(week_zone).filter(|zone| !zone.is_empty()) })
    })
}

pub(super) fn count_slots(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from availability")?.query_row([], |row| row.get(0))?)
}

pub(super) fn count_sessions(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from office_sessions")?.query_row([], |row| row.get(0))?)
}

pub(super) fn count_feedback(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from feedback")?.query_row([], |row| row.get(0))?)
}

pub(super) fn slot(tx: &Tx<'_>, id: SlotId) -> Result<Option<(MentorNo, SlotBook)>> {
    Ok(tx
        .prepare_cached(&format!("{SLOT} where availability.id = :id"))?
        .query_row(named_params! { ":id": id }, slot_row)
        .optional()?)
}

pub(super) fn slot_at(
    tx: &Tx<'_>,
    mentor: MentorNo,
    starts_at: Moment,
    ends_at: Moment,
) -> Result<Option<(MentorNo, SlotBook)>> {
    Ok(tx
        .prepare_cached(&format!("{SLOT} where mentor_number = :mentor and starts_at = :starts and ends_at = :ends"))?
        .query_row(named_params! { ":mentor": mentor, ":starts": starts_at, ":ends": ends_at }, slot_row)
        .optional()?)
}

pub(super) fn capacity(tx: &Tx<'_>, slot: SlotId) -> Result<u32> {
    Ok(tx
        .prepare_cached("select capacity from availability where id = :id")?
        .query_row(named_params! { ":id": slot }, |row| row.get(0))?)
}

pub(super) fn insert_slot(tx: &Tx<'_>, id: SlotId, mentor: MentorNo, slot: &SlotBook) -> Result<()> {
    tx.prepare_cached(
        "insert into availability
             (id, mentor_number, starts_at, ends_at, capacity, location, week_key, is_from_hours, created_at)
         values (:id, :mentor, :starts, :ends, :capacity, :location, :week, :hours, coalesce(:created, :now))",
    )?
    .execute(named_params! {
        ":id": id, ":mentor": mentor, ":starts": slot.starts_at, ":ends": slot.ends_at, ":capacity": slot.capacity,
        ":location": slot.location, ":week": slot.week_key, ":hours": slot.is_from_hours,
        ":created": slot.created_at, ":now": tx.now(),
    })
    .map_err(refused)?;
    Ok(())
}

pub(super) fn update_slot(tx: &Tx<'_>, slot: &SlotBook) -> Result<()> {
    tx.prepare_cached(
        "update availability
         set starts_at = :starts, ends_at = :ends, capacity = :capacity, location = :location, week_key = :week,
             is_from_hours = :hours
         where id = :id",
    )?
    .execute(named_params! {
        ":id": slot.id, ":starts": slot.starts_at, ":ends": slot.ends_at, ":capacity": slot.capacity,
        ":location": slot.location, ":week": slot.week_key, ":hours": slot.is_from_hours,
    })
    .map_err(refused)?;
    Ok(())
}

pub(super) fn session(tx: &Tx<'_>, id: SessionId) -> Result<Option<(MentorNo, MenteeId, SessionBook)>> {
    Ok(tx
        .prepare_cached(&format!("{SESSION} where office_sessions.id = :id"))?
        .query_row(named_params! { ":id": id }, session_row)
        .optional()?)
}

/// Whether the schema finds the seat that a session holds.
pub(super) fn fits(tx: &Tx<'_>, mentor: MentorNo, session: &SessionBook) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from availability
             where id = :slot and mentor_number = :mentor and starts_at = :starts and ends_at = :ends
                 and :seat between 1 and capacity",
        )?
        .exists(named_params! {
            ":slot": session.slot, ":mentor": mentor, ":starts": session.starts_at, ":ends": session.ends_at,
            ":seat": session.seat_no,
        })?)
}

pub(super) fn insert_session(
    tx: &Tx<'_>,
    mentor: MentorNo,
    mentee: MenteeId,
    new: &SessionBook,
    status: Status,
) -> Result<()> {
    tx.prepare_cached(include_str!("../sql/insert_session_book.sql"))?
        .execute(named_params! {
            ":id": new.id, ":mentor": mentor, ":mentee": mentee, ":slot": new.slot, ":seat": new.seat_no,
            ":starts": new.starts_at, ":ends": new.ends_at, ":status": status.name(), ":location": new.location,
            ":room": new.meeting_url, ":notes": new.notes, ":cancelled_by": new.cancelled_by,
            ":reason": new.cancel_reason, ":no_show": new.no_show_party.map(Party::name), ":key": new.request_key,
            ":booked_by": new.booked_by, ":week": new.week_key, ":expires": new.expires_at,
            ":closed": new.closed_at, ":sequence": new.sequence, ":version": new.version,
            ":created": new.created_at, ":updated": new.updated_at, ":now": tx.now(),
        })
        .map_err(refused)?;
    Ok(())
}

pub(super) fn take_back(tx: &Tx<'_>, id: SessionId, status: Status) -> Result<()> {
    tx.prepare_cached("update office_sessions set status = :status where id = :id")?
        .execute(named_params! { ":id": id, ":status": status.name() })
        .map_err(refused)?;
    Ok(())
}

/// Takes a mentor's weekly cap and their pause between sessions away; returns both.
pub(super) fn lift_limits(tx: &Tx<'_>, mentor: MentorNo) -> Result<(u32, u32)> {
    let limits = tx
        .prepare_cached("select load_cap_per_week, buffer_minutes from mentors where number = :mentor")?
        .query_row(named_params! { ":mentor": mentor }, |row| Ok((row.get(0)?, row.get(1)?)))?;
    set_limits(tx, mentor, (200, 0))?;
    Ok(limits)
}

pub(super) fn set_limits(tx: &Tx<'_>, mentor: MentorNo, (cap, buffer): (u32, u32)) -> Result<()> {
    tx.prepare_cached("update mentors set load_cap_per_week = :cap, buffer_minutes = :buffer where number = :mentor")?
        .execute(named_params! { ":mentor": mentor, ":cap": cap, ":buffer": buffer })?;
    Ok(())
}

pub(super) fn mark(tx: &Tx<'_>, session: SessionId, told: &Told) -> Result<()> {
    tx.prepare_cached(
        "insert into told (session_id, version, kind, told_at) values (:session, :version, :kind, :at)
         on conflict do nothing",
    )?
    .execute(named_params! { ":session": session, ":version": told.version, ":kind": told.kind, ":at": told.at })?;
    Ok(())
}

pub(super) fn feedback(tx: &Tx<'_>, session: SessionId, from: Party) -> Result<Option<FeedbackBook>> {
    Ok(tx
        .prepare_cached("select * from feedback where session_id = :session and from_party = :from")?
        .query_row(named_params! { ":session": session, ":from": from.name() }, feedback_row)
        .optional()?)
}

/// Returns whether the id was free.
pub(super) fn insert_feedback(tx: &Tx<'_>, new: &FeedbackBook) -> Result<bool> {
    let id = new.id.unwrap_or_else(crate::ids::FeedbackId::random);
    let n_inserted = tx
        .prepare_cached(
            "insert into feedback (id, session_id, from_party, rating, comment, is_shared, created_at, updated_at)
             values (:id, :session, :from, :rating, :comment, :shared, coalesce(:created, :now), coalesce(:updated, :now))
             on conflict do nothing",
        )?
        .execute(named_params! {
            ":id": id, ":session": new.session, ":from": new.from.name(), ":rating": new.rating,
            ":comment": new.comment, ":shared": new.is_shared, ":created": new.created_at,
            ":updated": new.updated_at, ":now": tx.now(),
        })?;
    Ok(n_inserted == 1)
}

/// When a mentor's hours last became slots, and the zone in which their weeks were named.
pub(super) fn laid_out(tx: &Tx<'_>, mentor: MentorNo) -> Result<(Moment, String)> {
    Ok(tx
        .prepare_cached("select filled_at, week_zone from mentors where number = :mentor")?
        .query_row(named_params! { ":mentor": mentor }, |row| Ok((row.get(0)?, row.get(1)?)))?)
}

pub(super) fn set_laid_out(
    tx: &Tx<'_>,
    mentor: MentorNo,
    filled_at: Option<Moment>,
    week_zone: Option<&str>,
) -> Result<()> {
    tx.prepare_cached(
        "update mentors set filled_at = coalesce(:filled, filled_at), week_zone = coalesce(:zone, week_zone)
         where number = :mentor",
    )?
    .execute(named_params! { ":mentor": mentor, ":filled": filled_at, ":zone": week_zone })?;
    Ok(())
}
