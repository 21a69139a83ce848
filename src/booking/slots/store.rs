//! The SQL of slots.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{NewSlot, Slot, SlotChange};
use crate::booking::store::refused;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MentorNo, SessionId, SlotId, UserId};

const SLOT: &str =
    "select id, mentor_number, starts_at, ends_at, capacity, n_taken, location, is_from_hours from offers";

fn slot_row(row: &Row<'_>) -> rusqlite::Result<Slot> {
    Ok(Slot {
        id: row.get("id")?,
        mentor: row.get("mentor_number")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        capacity: row.get("capacity")?,
        n_taken: row.get("n_taken")?,
        location: row.get("location")?,
        is_from_hours: row.get("is_from_hours")?,
    })
}

pub(super) fn slot(tx: &Tx<'_>, id: SlotId) -> Result<Option<Slot>> {
    Ok(tx
        .prepare_cached(&format!("{SLOT} where id = :id"))?
        .query_row(named_params! { ":id": id }, slot_row)
        .optional()?)
}

/// The slot that holds this second.
pub(super) fn at(tx: &Tx<'_>, mentor: MentorNo, at: Moment) -> Result<Option<Slot>> {
    Ok(tx
        .prepare_cached(&format!(
            "{SLOT} where mentor_number = :mentor and starts_at <= :at and starts_at > :at - 28800 and ends_at > :at"
        ))?
        .query_row(named_params! { ":mentor": mentor, ":at": at }, slot_row)
        .optional()?)
}

pub(super) fn all(tx: &Tx<'_>, mentor: MentorNo, from: Moment, to: Moment, limit: u32) -> Result<Vec<Slot>> {
    let mut statement = tx.prepare_cached(&format!(
        "{SLOT} where mentor_number = :mentor and starts_at >= :from and starts_at < :to order by starts_at limit :limit"
    ))?;
    let rows = statement
        .query_map(named_params! { ":mentor": mentor, ":from": from, ":to": to, ":limit": limit }, slot_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Those that can be booked, by start; from the end of the stretch where `is_backwards`.
pub(super) fn bookable(
    tx: &Tx<'_>,
    mentor: MentorNo,
    viewer: Option<UserId>,
    (from, to): (Moment, Moment),
    limit: u32,
    is_backwards: bool,
) -> Result<Vec<Slot>> {
    let order = if is_backwards { "desc" } else { "asc" };
    let sql = format!("{SLOT} {} order by starts_at {order} limit :limit", include_str!("../sql/bookable.sql"));
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":mentor": mentor, ":viewer": viewer, ":from": from, ":to": to, ":now": tx.now(), ":limit": limit,
        },
        slot_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Why the schema's view would not let a slot be booked: crowded, its week full, closed by notice, paused.
pub(super) fn obstacles(tx: &Tx<'_>, id: SlotId) -> Result<(bool, bool, bool, bool)> {
    Ok(tx
        .prepare_cached(
            "select is_crowded, is_week_full, closes_at <= :now, paused_until > :now from offers where id = :id",
        )?
        .query_row(named_params! { ":id": id, ":now": tx.now() }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?)
}

pub(in crate::booking) fn insert(
    tx: &Tx<'_>,
    id: SlotId,
    mentor: MentorNo,
    slot: &NewSlot,
    week_key: &str,
    is_from_hours: bool,
) -> Result<()> {
    tx.prepare_cached(
        "insert into availability
             (id, mentor_number, starts_at, ends_at, capacity, location, week_key, is_from_hours, created_at)
         values (:id, :mentor, :starts, :ends, :capacity, :location, :week, :hours, :now)",
    )?
    .execute(named_params! {
        ":id": id, ":mentor": mentor, ":starts": slot.starts_at, ":ends": slot.ends_at, ":capacity": slot.capacity,
        ":location": slot.location, ":week": week_key, ":hours": is_from_hours, ":now": tx.now(),
    })
    .map_err(refused)?;
    Ok(())
}

pub(super) fn update(tx: &Tx<'_>, id: SlotId, to: &SlotChange, week_key: &str) -> Result<()> {
    tx.prepare_cached(
        "update availability
         set starts_at = coalesce(:starts, starts_at), ends_at = coalesce(:ends, ends_at),
             capacity = coalesce(:capacity, capacity), location = coalesce(:location, location),
             week_key = :week, is_from_hours = 0
         where id = :id",
    )?
    .execute(named_params! {
        ":id": id, ":starts": to.starts_at, ":ends": to.ends_at, ":capacity": to.capacity, ":location": to.location,
        ":week": week_key,
    })
    .map_err(refused)?;
    Ok(())
}

pub(super) fn set_seat(tx: &Tx<'_>, session: SessionId, seat_no: u32) -> Result<()> {
    tx.prepare_cached("update office_sessions set seat_no = :seat where id = :id")?
        .execute(named_params! { ":id": session, ":seat": seat_no })
        .map_err(refused)?;
    Ok(())
}

pub(in crate::booking) fn delete(tx: &Tx<'_>, id: SlotId) -> Result<()> {
    tx.prepare_cached("delete from availability where id = :id")?
        .execute(named_params! { ":id": id })
        .map_err(refused)?;
    Ok(())
}
