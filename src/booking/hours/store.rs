//! The SQL of weekly hours.

use chrono::{Datelike, NaiveDate, Weekday};
use rusqlite::named_params;

use super::{Hours, Window};
use crate::booking::slots::Slot;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::{OrInternal, Result};
use crate::ids::MentorNo;

pub(in crate::booking) fn hours(tx: &Tx<'_>, mentor: MentorNo, timezone: String) -> Result<Hours> {
    let mut hours = tx
        .prepare_cached(
            "select session_minutes, buffer_minutes, min_notice_minutes, window_days, slot_capacity
             from mentors where number = :mentor",
        )?
        .query_row(named_params! { ":mentor": mentor }, |row| {
            Ok(Hours {
                timezone,
                session_minutes: row.get("session_minutes")?,
                buffer_minutes: row.get("buffer_minutes")?,
                min_notice_minutes: row.get("min_notice_minutes")?,
                window_days: row.get("window_days")?,
                capacity: row.get("slot_capacity")?,
                rules: Vec::new(),
                exceptions: Vec::new(),
            })
        })?;
    let mut statement = tx.prepare_cached(
        "select weekday, starts_minute, ends_minute from hours where mentor_number = :mentor
         order by weekday, starts_minute",
    )?;
    let rows = statement.query_map(named_params! { ":mentor": mentor }, |row| {
        let day: u8 = row.get("weekday")?;
        Ok((day, Window { starts: row.get("starts_minute")?, ends: row.get("ends_minute")? }))
    })?;
    for rule in rows {
        let (day, window) = rule?;
        hours.rules.push((Weekday::try_from(day).or_internal("reading a weekday")?, window));
    }
    let mut statement =
        tx.prepare_cached("select on_date, windows from exceptions where mentor_number = :mentor order by on_date")?;
    let rows = statement.query_map(named_params! { ":mentor": mentor }, |row| {
        Ok((row.get::<_, String>("on_date")?, row.get::<_, String>("windows")?))
    })?;
    for exception in rows {
        let (date, windows) = exception?;
        let date: NaiveDate = date.parse().or_internal("reading the date of an exception")?;
        let windows: Vec<(u16, u16)> = serde_json::from_str(&windows).or_internal("reading an exception")?;
        hours.exceptions.push((date, windows.into_iter().map(|(starts, ends)| Window { starts, ends }).collect()));
    }
    Ok(hours)
}

pub(in crate::booking) fn replace(tx: &Tx<'_>, mentor: MentorNo, hours: &Hours) -> Result<()> {
    tx.prepare_cached(
        "update mentors set session_minutes = :session, buffer_minutes = :buffer, min_notice_minutes = :notice,
             window_days = :window, slot_capacity = :capacity
         where number = :mentor",
    )?
    .execute(named_params! {
        ":session": hours.session_minutes, ":buffer": hours.buffer_minutes, ":notice": hours.min_notice_minutes,
        ":window": hours.window_days, ":capacity": hours.capacity, ":mentor": mentor,
    })?;
    tx.prepare_cached("delete from hours where mentor_number = :mentor")?
        .execute(named_params! { ":mentor": mentor })?;
    let mut insert = tx.prepare_cached(
        "insert into hours (mentor_number, weekday, starts_minute, ends_minute) values (:mentor, :day, :starts, :ends)",
    )?;
    for (day, window) in &hours.rules {
        insert.execute(named_params! {
            ":mentor": mentor, ":day": day.num_days_from_monday(), ":starts": window.starts, ":ends": window.ends,
        })?;
    }
    tx.prepare_cached("delete from exceptions where mentor_number = :mentor")?
        .execute(named_params! { ":mentor": mentor })?;
    let mut insert = tx.prepare_cached(
        "insert into exceptions (mentor_number, on_date, is_closed, windows) values (:mentor, :date, :closed, :windows)",
    )?;
    for (date, windows) in &hours.exceptions {
        let times: Vec<(u16, u16)> = windows.iter().map(|window| (window.starts, window.ends)).collect();
        let windows = serde_json::to_string(&times).or_internal("writing an exception")?;
        insert.execute(named_params! {
            ":mentor": mentor, ":date": format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
            ":closed": times.is_empty(), ":windows": windows,
        })?;
    }
    Ok(())
}

/// Slots ahead that hours made and nobody sits in.
pub(super) fn free_from_hours(tx: &Tx<'_>, mentor: MentorNo) -> Result<Vec<Slot>> {
    let mut statement = tx.prepare_cached(
        "select id, starts_at, ends_at, capacity from offers
         where mentor_number = :mentor and is_from_hours = 1 and starts_at > :now and n_taken = 0",
    )?;
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":now": tx.now() }, |row| {
        Ok(Slot {
            id: row.get("id")?,
            mentor,
            starts_at: row.get("starts_at")?,
            ends_at: row.get("ends_at")?,
            capacity: row.get("capacity")?,
            n_taken: 0,
            location: "virtual".to_owned(),
            is_from_hours: true,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The times of all slots that start in a stretch, by start.
pub(super) fn taken_times(
    tx: &Tx<'_>,
    mentor: MentorNo,
    (from, to): (Moment, Moment),
) -> Result<Vec<(Moment, Moment)>> {
    let mut statement = tx.prepare_cached(
        "select starts_at, ends_at from availability
         where mentor_number = :mentor and starts_at >= :from and starts_at < :to order by starts_at",
    )?;
    let rows = statement.query_map(named_params! { ":mentor": mentor, ":from": from, ":to": to }, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Mentors in use who moved to another zone since their weeks were named, or whose hours have not become slots since
/// `since`; the longest waiting first.
pub(super) fn stale(tx: &Tx<'_>, since: Moment, limit: u32) -> Result<Vec<MentorNo>> {
    let mut statement = tx.prepare_cached(
        "select number from mentors join users on users.id = mentors.user_id
         where active = 1 and (
             (week_zone <> '' and week_zone <> timezone)
             or (filled_at <= :since and (exists (select 1 from hours where mentor_number = number)
                 or exists (select 1 from exceptions where mentor_number = number))))
         order by filled_at limit :limit",
    )?;
    let rows = statement.query_map(named_params! { ":since": since, ":limit": limit }, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The zone that a mentor's weeks were named in; empty where none was.
pub(super) fn week_zone(tx: &Tx<'_>, mentor: MentorNo) -> Result<String> {
    Ok(tx
        .prepare_cached("select week_zone from mentors where number = :mentor")?
        .query_row(named_params! { ":mentor": mentor }, |row| row.get(0))?)
}

pub(in crate::booking) fn set_week_zone(tx: &Tx<'_>, mentor: MentorNo, zone: &str) -> Result<()> {
    tx.prepare_cached("update mentors set week_zone = :zone where number = :mentor and week_zone <> :zone")?
        .execute(named_params! { ":zone": zone, ":mentor": mentor })?;
    Ok(())
}

pub(super) fn set_filled(tx: &Tx<'_>, mentor: MentorNo) -> Result<()> {
    tx.prepare_cached("update mentors set filled_at = :now where number = :mentor")?
        .execute(named_params! { ":now": tx.now(), ":mentor": mentor })?;
    Ok(())
}
