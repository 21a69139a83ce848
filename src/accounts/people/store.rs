//! The SQL of people as staff see them.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Counts, Filter, Person};
use crate::accounts::Status;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::UserId;

fn person_row(row: &Row<'_>) -> rusqlite::Result<Person> {
    let user = crate::accounts::store::user_row(row)?;
    Ok(Person {
        id: user.id,
        name: user.name,
        email: user.email,
        image: user.image,
        role: user.role,
        status: user.status,
        timezone: user.timezone,
        last_login_at: user.last_login_at,
        is_verified: row.get("is_verified")?,
        created_at: row.get("created_at")?,
    })
}

pub(super) fn list(tx: &Tx<'_>, filter: &Filter, limit: u32) -> Result<Vec<Person>> {
    let mut statement = tx.prepare_cached(include_str!("../sql/people.sql"))?;
    let part =
        format!("%{}%", filter.q.trim().to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let (name, id) = filter.after.clone().unzip();
    let rows = statement.query_map(
        named_params! {
            ":part": part, ":role": filter.role.map(crate::accounts::Role::name),
            ":status": filter.status.map(Status::name), ":name": name, ":id": id, ":limit": limit,
        },
        person_row,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn person(tx: &Tx<'_>, id: UserId) -> Result<Option<Person>> {
    Ok(tx
        .prepare_cached(
            "select users.*, email_verified_at is not null as is_verified from users
             where id = :id and deleted_at is null",
        )?
        .query_row(named_params! { ":id": id }, person_row)
        .optional()?)
}

pub(super) fn counts(tx: &Tx<'_>) -> Result<Counts> {
    Ok(tx
        .prepare_cached(
            "select coalesce(sum(role = 'mentee'), 0) as mentees, coalesce(sum(role = 'mentor'), 0) as mentors
             from users where status = 'active' and deleted_at is null",
        )?
        .query_row([], |row| {
            let count = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
            Ok(Counts { mentees: count("mentees")?, mentors: count("mentors")? })
        })?)
}

pub(super) fn n_admins(tx: &Tx<'_>) -> Result<u64> {
    let n: i64 = tx
        .prepare_cached("select count(*) from users where role = 'admin' and deleted_at is null")?
        .query_row([], |row| row.get(0))?;
    Ok(n.cast_unsigned())
}
