//! The SQL of mentors as the books hold them.

use rusqlite::{OptionalExtension, Row, ToSql, named_params};

use super::{Known, MentorBook};
use crate::accounts::books::store::account_row;
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::MentorNo;
use crate::mentors::store::mentor_row;

pub(super) fn for_each(tx: &Tx<'_>, mut each: impl FnMut(MentorBook) -> Result<()>) -> Result<()> {
    let mut statement =
        tx.prepare_cached(concat!(include_str!("../sql/columns.sql"), include_str!("../sql/books.sql")))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(book_row(row)?)?;
    }
    Ok(())
}

pub(super) fn count(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from mentors")?.query_row([], |row| row.get(0))?)
}

fn book_row(row: &Row<'_>) -> rusqlite::Result<MentorBook> {
    Ok(MentorBook {
        mentor: mentor_row(row)?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        record_edited_ms: row.get("record_edited_ms")?,
        account: account_row(row)?,
    })
}

fn one(tx: &Tx<'_>, condition: &str, value: &dyn ToSql) -> Result<Option<Known>> {
    let sql = format!(
        "select number, mentors.id, user_id, timezone from mentors join users on users.id = user_id
         where {condition} = :value"
    );
    Ok(tx
        .prepare_cached(&sql)?
        .query_row(named_params! { ":value": value }, |row| {
            Ok(Known {
                number: row.get("number")?,
                id: row.get("id")?,
                user: row.get("user_id")?,
                timezone: row.get("timezone")?,
            })
        })
        .optional()?)
}

pub(super) fn by_record(tx: &Tx<'_>, record: &str) -> Result<Option<Known>> {
    one(tx, "airtable_record_id", &record)
}

pub(super) fn by_email(tx: &Tx<'_>, key: &str) -> Result<Option<Known>> {
    one(tx, "email_key", &key)
}

pub(super) fn stamp(
    tx: &Tx<'_>,
    number: MentorNo,
    created_at: Option<Moment>,
    updated_at: Option<Moment>,
    record_edited_ms: Option<i64>,
) -> Result<()> {
    tx.prepare_cached(
        "update mentors set created_at = coalesce(:created, created_at), updated_at = coalesce(:updated, updated_at),
             record_edited_ms = coalesce(:edited, record_edited_ms)
         where number = :number",
    )?
    .execute(named_params! {
        ":number": number, ":created": created_at, ":updated": updated_at, ":edited": record_edited_ms,
    })?;
    Ok(())
}
