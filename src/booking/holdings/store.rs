//! The SQL of what is held on one person. Rows become JSON at once: nobody works with them.

use rusqlite::{Row, ToSql, named_params};
use serde_json::{Value, json};

use crate::booking::hours::{WEEKDAYS, clock_time};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

pub(super) fn slots(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select availability.id, starts_at, ends_at, capacity, location from availability
         join mentors on mentors.number = availability.mentor_number
         where mentors.user_id = :user order by starts_at desc, availability.id limit :limit",
        named_params! { ":user": user, ":limit": limit },
        |row| {
            Ok(json!({
                "id": text(row, "id")?, "startsAt": moment(row, "starts_at")?, "endsAt": moment(row, "ends_at")?,
                "capacity": row.get::<_, u32>("capacity")?, "location": text(row, "location")?,
            }))
        },
    )
}

pub(super) fn hours(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select weekday, starts_minute, ends_minute from hours
         join mentors on mentors.number = hours.mentor_number
         where mentors.user_id = :user order by weekday, starts_minute limit :limit",
        named_params! { ":user": user, ":limit": limit },
        |row| {
            let weekday: u8 = row.get("weekday")?;
            Ok(json!({
                "weekday": WEEKDAYS.get(usize::from(weekday)), "start": clock_time(row.get("starts_minute")?),
                "end": clock_time(row.get("ends_minute")?),
            }))
        },
    )
}

pub(super) fn exceptions(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        "select on_date, is_closed, windows from exceptions
         join mentors on mentors.number = exceptions.mentor_number
         where mentors.user_id = :user order by on_date desc limit :limit",
        named_params! { ":user": user, ":limit": limit },
        |row| {
            let windows: Value = serde_json::from_str(row.get_ref("windows")?.as_str()?).unwrap_or_default();
            Ok(json!({ "date": text(row, "on_date")?, "closed": row.get::<_, bool>("is_closed")?, "windows": windows }))
        },
    )
}

pub(super) fn sessions(tx: &Tx<'_>, user: UserId, limit: u32) -> Result<Vec<Value>> {
    rows(tx, include_str!("../sql/sessions_of.sql"), named_params! { ":user": user, ":limit": limit }, |row| {
        Ok(json!({
            "id": text(row, "id")?, "as": text(row, "party")?, "with": text(row, "other")?,
            "status": text(row, "status")?, "startsAt": moment(row, "starts_at")?,
            "endsAt": moment(row, "ends_at")?, "location": text(row, "location")?,
            "meetingUrl": text(row, "meeting_url")?, "notes": text(row, "notes")?,
            "cancelReason": text(row, "cancel_reason")?, "createdAt": moment(row, "created_at")?,
        }))
    })
}

/// What this person said, or what was said to them and shared.
pub(super) fn feedback(tx: &Tx<'_>, user: UserId, is_given: bool, limit: u32) -> Result<Vec<Value>> {
    rows(
        tx,
        include_str!("../sql/feedback_of.sql"),
        named_params! { ":user": user, ":given": is_given, ":limit": limit },
        |row| {
            Ok(json!({
                "sessionId": text(row, "session_id")?, "from": text(row, "from_party")?,
                "rating": row.get::<_, u32>("rating")?, "comment": text(row, "comment")?,
                "shared": row.get::<_, bool>("is_shared")?, "createdAt": moment(row, "created_at")?,
                "updatedAt": moment(row, "updated_at")?,
            }))
        },
    )
}

fn rows(
    tx: &Tx<'_>,
    sql: &str,
    values: &[(&str, &dyn ToSql)],
    each: impl FnMut(&Row<'_>) -> rusqlite::Result<Value>,
) -> Result<Vec<Value>> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(values, each)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<String>> {
    row.get(column)
}

fn moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Moment>> {
    row.get(column)
}
