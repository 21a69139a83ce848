//! The SQL of what the books say of people.

use rusqlite::{OptionalExtension, Row, named_params};

use super::{Account, Known, MenteeBook};
use crate::accounts::mentees::{Mentee, NewMentee};
use crate::accounts::{Role, Status, photos};
use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MenteeId, UserId};

/// What a row says of an account: the columns that every book of people has.
pub(crate) fn account_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    let role = if row.get_ref("account_role")?.as_str()? == "mentor" { Role::Mentor } else { Role::Mentee };
    let image: Option<String> = row.get("image")?;
    Ok(Account {
        role: Some(role),
        status: Some(Status::from_name(row.get_ref("account_status")?.as_str()?)),
        email_verified_at: row.get("email_verified_at")?,
        image: image.filter(|image| !image.starts_with(photos::ADDRESS)),
        created_at: row.get("account_created_at")?,
        updated_at: row.get("account_updated_at")?,
        deleted_at: row.get("deleted_at")?,
    })
}

pub(super) fn for_each_mentee(tx: &Tx<'_>, mut each: impl FnMut(MenteeBook) -> Result<()>) -> Result<()> {
    let mut statement = tx.prepare_cached(include_str!("../sql/mentee_books.sql"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(mentee_row(row)?)?;
    }
    Ok(())
}

pub(super) fn count_mentees(tx: &Tx<'_>) -> Result<u32> {
    Ok(tx.prepare_cached("select count(*) from mentees")?.query_row([], |row| row.get(0))?)
}

fn mentee_row(row: &Row<'_>) -> rusqlite::Result<MenteeBook> {
    Ok(MenteeBook {
        id: row.get("id")?,
        mentee: NewMentee {
            email: row.get("email")?,
            name: row.get("name")?,
            timezone: row.get("timezone")?,
            profile: Mentee {
                company: row.get("company")?,
                stage: row.get("stage")?,
                industry: row.get("industry")?,
                goals: row.get("goals")?,
            },
        },
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        account: account_row(row)?,
    })
}

/// The account of this address and whether its owner has left.
pub(super) fn person(tx: &Tx<'_>, key: &str) -> Result<Option<(UserId, bool)>> {
    Ok(tx
        .prepare_cached("select id, deleted_at is not null from users where email_key = :key")?
        .query_row(named_params! { ":key": key }, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

pub(super) fn mentee(tx: &Tx<'_>, key: &str) -> Result<Option<Known>> {
    Ok(tx
        .prepare_cached(
            "select mentees.id, users.id as user_id from mentees join users on users.id = mentees.user_id
             where users.email_key = :key",
        )?
        .query_row(named_params! { ":key": key }, |row| Ok(Known { id: row.get("id")?, user: row.get("user_id")? }))
        .optional()?)
}

pub(super) fn profile_of(tx: &Tx<'_>, user: UserId) -> Result<Option<MenteeId>> {
    Ok(tx
        .prepare_cached("select id from mentees where user_id = :user")?
        .query_row(named_params! { ":user": user }, |row| row.get(0))
        .optional()?)
}

pub(super) fn is_mentee(tx: &Tx<'_>, id: MenteeId) -> Result<bool> {
    Ok(tx.prepare_cached("select 1 from mentees where id = :id")?.exists(named_params! { ":id": id })?)
}

pub(super) fn stamp_mentee(
    tx: &Tx<'_>,
    id: MenteeId,
    created_at: Option<Moment>,
    updated_at: Option<Moment>,
) -> Result<()> {
    tx.prepare_cached(
        "update mentees set created_at = coalesce(:created, created_at), updated_at = coalesce(:updated, updated_at)
         where id = :id",
    )?
    .execute(named_params! { ":id": id, ":created": created_at, ":updated": updated_at })?;
    Ok(())
}

pub(super) fn stamp(tx: &Tx<'_>, user: UserId, account: &Account) -> Result<()> {
    tx.prepare_cached(
        "update users set role = coalesce(:role, role), status = coalesce(:status, status),
             email_verified_at = :verified, image = :image, created_at = coalesce(:created, created_at),
             updated_at = coalesce(:updated, updated_at), deleted_at = :deleted
         where id = :user",
    )?
    .execute(named_params! {
        ":user": user, ":role": account.role.map(Role::name), ":status": account.status.map(Status::name),
        ":verified": account.email_verified_at, ":image": account.image, ":created": account.created_at,
        ":updated": account.updated_at, ":deleted": account.deleted_at,
    })?;
    Ok(())
}

/// Returns whether the address was not proven before.
pub(super) fn verify(tx: &Tx<'_>, user: UserId, at: Moment) -> Result<bool> {
    let n_changed = tx
        .prepare_cached("update users set email_verified_at = :at where id = :user and email_verified_at is null")?
        .execute(named_params! { ":user": user, ":at": at })?;
    Ok(n_changed == 1)
}
