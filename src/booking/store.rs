//! The SQL of offered time.

use rusqlite::named_params;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MentorNo, SlotId};

/// Whether any slot of the mentor shares a second with [starts, ends).
pub(super) fn overlaps(tx: &Tx<'_>, mentor: MentorNo, starts_at: Moment, ends_at: Moment) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from availability where mentor_number = :mentor and starts_at < :ends and ends_at > :starts",
        )?
        .exists(named_params! { ":mentor": mentor, ":starts": starts_at, ":ends": ends_at })?)
}

pub(super) fn insert(tx: &Tx<'_>, id: SlotId, mentor: MentorNo, starts_at: Moment, ends_at: Moment) -> Result<()> {
    tx.prepare_cached(
        "insert into availability (id, mentor_number, starts_at, ends_at, created_at)
         values (:id, :mentor, :starts, :ends, :now)",
    )?
    .execute(named_params! {
        ":id": id, ":mentor": mentor, ":starts": starts_at, ":ends": ends_at, ":now": tx.now(),
    })?;
    Ok(())
}
