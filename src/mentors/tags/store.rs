//! The SQL of tags over all mentors.

use rusqlite::named_params;

use super::{Kind, Tag};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::MentorNo;
use crate::mentors::Mentor;
use crate::mentors::store::{SELECT, mentor_row};

/// The column that holds a list of this kind; expertise has a table of its own.
const fn column(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Expertise => None,
        Kind::Industries => Some("industries"),
        Kind::Stages => Some("stages"),
        Kind::Languages => Some("languages"),
    }
}

/// Every tag of a kind with how many mentors have it, the most common first.
pub(super) fn tags(tx: &Tx<'_>, kind: Kind) -> Result<Vec<Tag>> {
    let from = column(kind).map_or_else(
        || "select area as name, mentor_number as number from expertise".to_owned(),
        |column| format!("select each.value as name, number from mentors, json_each(mentors.{column}) as each"),
    );
    let mut statement = tx.prepare_cached(&format!(
        "select name, count(distinct number) as n from ({from}) group by name order by n desc, unicode_lower(name), name"
    ))?;
    let rows = statement.query_map([], |row| Ok(Tag { name: row.get("name")?, n_mentors: row.get("n")? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The mentors who have this very tag.
pub(super) fn with_tag(tx: &Tx<'_>, kind: Kind, tag: &str) -> Result<Vec<Mentor>> {
    let condition = column(kind).map_or_else(
        || "mentors.number in (select mentor_number from expertise where area = :tag)".to_owned(),
        |column| format!("exists (select 1 from json_each(mentors.{column}) as each where each.value = :tag)"),
    );
    let mut statement = tx.prepare_cached(&format!("{SELECT} where {condition} order by mentors.number"))?;
    let rows = statement.query_map(named_params! { ":tag": tag }, mentor_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The mentors with these numbers who are still here.
pub(super) fn numbered(tx: &Tx<'_>, numbers: &[MentorNo]) -> Result<Vec<Mentor>> {
    let numbers = format!("[{}]", numbers.iter().map(|number| number.0.to_string()).collect::<Vec<_>>().join(","));
    let mut statement = tx.prepare_cached(&format!(
        "{SELECT} where mentors.number in (select value from json_each(:numbers)) and users.deleted_at is null
         order by mentors.number"
    ))?;
    let rows = statement.query_map(named_params! { ":numbers": numbers }, mentor_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
