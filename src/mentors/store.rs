//! The SQL of mentors and their tags.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, ToSql, named_params};

use super::{Expertise, Mentor, Profile, Visibility};
use crate::db::Tx;
use crate::error::{OrInternal, Result};
use crate::ids::{MentorId, MentorNo, UserId};

pub(super) const SELECT: &str =
    concat!(include_str!("sql/columns.sql"), "from mentors join users on users.id = mentors.user_id");

pub(super) fn list(row: &Row<'_>, name: &str) -> rusqlite::Result<Vec<String>> {
    json(row, name)
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, name: &str) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(name)?.as_str()?)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(cause)))
}

pub(super) fn mentor_row(row: &Row<'_>) -> rusqlite::Result<Mentor> {
    let expertise: Vec<(String, Option<String>, f64)> = json(row, "expertise")?;
    let profile = Profile {
        headline: row.get("headline")?,
        bio: row.get("bio")?,
        company: row.get("company")?,
        title: row.get("title")?,
        industries: list(row, "industries")?,
        stages: list(row, "stages")?,
        languages: list(row, "languages")?,
        expertise: expertise.into_iter().map(|(area, subarea, weight)| Expertise { area, subarea, weight }).collect(),
        visibility: Visibility::from_name(row.get_ref("visibility")?.as_str()?),
        is_active: row.get("active")?,
        paused_until: row.get("paused_until")?,
        load_cap_per_week: row.get("load_cap_per_week")?,
        photo_url: row.get("photo_url")?,
        linkedin_url: row.get("linkedin_url")?,
        meeting_url: row.get("meeting_url")?,
    };
    Ok(Mentor {
        id: row.get("id")?,
        number: row.get("number")?,
        user: row.get("user_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        timezone: row.get("timezone")?,
        image: row.get("image")?,
        has_active_account: row.get("has_active_account")?,
        is_erased: row.get("is_erased")?,
        record: row.get("airtable_record_id")?,
        profile,
    })
}

fn one(tx: &Tx<'_>, condition: &str, value: &dyn ToSql) -> Result<Option<Mentor>> {
    Ok(tx
        .prepare_cached(&format!("{SELECT} where {condition} = :value"))?
        .query_row(named_params! { ":value": value }, mentor_row)
        .optional()?)
}

pub(super) fn by_id(tx: &Tx<'_>, id: MentorId) -> Result<Option<Mentor>> {
    one(tx, "mentors.id", &id)
}

pub(super) fn by_number(tx: &Tx<'_>, number: MentorNo) -> Result<Option<Mentor>> {
    one(tx, "mentors.number", &number)
}

pub(super) fn by_user(tx: &Tx<'_>, user: UserId) -> Result<Option<Mentor>> {
    one(tx, "mentors.user_id", &user)
}

pub(super) fn by_record(tx: &Tx<'_>, record: &str) -> Result<Option<Mentor>> {
    one(tx, "mentors.airtable_record_id", &record)
}

pub(super) fn for_each(tx: &Tx<'_>, mut each: impl FnMut(Mentor) -> Result<()>) -> Result<()> {
    let mut statement = tx.prepare_cached(&format!("{SELECT} order by mentors.number"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(mentor_row(row)?)?;
    }
    Ok(())
}

pub(super) fn last_edit(tx: &Tx<'_>, record: &str) -> Result<Option<(MentorId, MentorNo, i64)>> {
    let mut statement = tx.prepare_cached(
        "select id, number, record_edited_ms from mentors
         where airtable_record_id = :record and record_edited_ms is not null",
    )?;
    let found = statement.query_row(named_params! { ":record": record }, |row| {
        Ok((row.get("id")?, row.get("number")?, row.get("record_edited_ms")?))
    });
    Ok(found.optional()?)
}

pub(super) fn set_last_edit(tx: &Tx<'_>, mentor: MentorNo, edited_ms: i64) -> Result<()> {
    tx.prepare_cached(
        "update mentors set record_edited_ms = :edited
         where number = :mentor and record_edited_ms is not :edited",
    )?
    .execute(named_params! { ":mentor": mentor, ":edited": edited_ms })?;
    Ok(())
}

fn written(tags: &[String]) -> Result<String> {
    serde_json::to_string(tags).or_internal("writing a list of tags")
}

pub(super) fn insert(
    tx: &Tx<'_>,
    id: MentorId,
    user: UserId,
    record: Option<&str>,
    profile: &Profile,
) -> Result<MentorNo> {
    let number = tx
        .prepare_cached(
            "insert into mentors (id, user_id, created_at, updated_at) values (:id, :user, :now, :now) returning number",
        )?
        .query_row(named_params! { ":id": id, ":user": user, ":now": tx.now() }, |row| row.get("number"))?;
    update(tx, number, record, profile)?;
    Ok(number)
}

pub(super) fn update(tx: &Tx<'_>, number: MentorNo, record: Option<&str>, profile: &Profile) -> Result<()> {
    tx.prepare_cached(include_str!("sql/update.sql"))?.execute(named_params! {
        ":number": number, ":record": record, ":headline": profile.headline, ":bio": profile.bio,
        ":company": profile.company, ":title": profile.title, ":industries": written(&profile.industries)?,
        ":stages": written(&profile.stages)?, ":languages": written(&profile.languages)?,
        ":visibility": profile.visibility.name(), ":active": profile.is_active,
        ":paused_until": profile.paused_until, ":load_cap": profile.load_cap_per_week,
        ":photo_url": profile.photo_url, ":linkedin_url": profile.linkedin_url,
        ":meeting_url": profile.meeting_url, ":now": tx.now(),
    })?;
    Ok(())
}

pub(super) fn replace_expertise(tx: &Tx<'_>, number: MentorNo, expertise: &[Expertise]) -> Result<()> {
    tx.prepare_cached("delete from expertise where mentor_number = :number")?
        .execute(named_params! { ":number": number })?;
    let mut insert = tx.prepare_cached(
        "insert into expertise (mentor_number, position, area, subarea, weight)
         values (:number, :position, :area, :subarea, :weight)",
    )?;
    for (position, it) in (0_u32..).zip(expertise) {
        insert.execute(named_params! {
            ":number": number, ":position": position, ":area": it.area, ":subarea": it.subarea, ":weight": it.weight,
        })?;
    }
    Ok(())
}

/// Drops what was made of a mentor's texts. A vector that others share, because they say the same, stays.
pub(super) fn drop_passages(tx: &Tx<'_>, number: MentorNo) -> Result<()> {
    for statement in [
        "delete from embeddings
         where text_hash in (select text_hash from passages where mentor_number = :number)
           and text_hash not in (
               select text_hash from passages
               where mentor_number <> :number
                 and text_hash in (select text_hash from passages where mentor_number = :number)
           )",
        "delete from passages where mentor_number = :number",
    ] {
        tx.prepare_cached(statement)?.execute(named_params! { ":number": number })?;
    }
    Ok(())
}
