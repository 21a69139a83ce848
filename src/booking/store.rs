//! The SQL of offered time.

use rusqlite::named_params;

use crate::clock::Moment;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{MentorNo, SlotId, UserId};

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

pub(super) fn have_session(tx: &Tx<'_>, mentor: UserId, mentee: UserId) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "select 1 from office_sessions
             join mentors on mentors.number = office_sessions.mentor_number
             join mentees on mentees.id = office_sessions.mentee_id
             where mentors.user_id = :mentor and mentees.user_id = :mentee
               and office_sessions.status in ('booked', 'completed', 'no_show')",
        )?
        .exists(named_params! { ":mentor": mentor, ":mentee": mentee })?)
}

/// Slots with a taken seat stay, and those that are over stay for the sessions held in them.
pub(super) fn delete_offers(tx: &Tx<'_>, mentor: MentorNo) -> Result<()> {
    for statement in [
        "delete from availability where mentor_number = :mentor
           and not exists (select 1 from office_sessions where slot_id = availability.id and status <> 'cancelled')",
        "delete from hours where mentor_number = :mentor",
        "delete from exceptions where mentor_number = :mentor",
    ] {
        tx.prepare_cached(statement)?.execute(named_params! { ":mentor": mentor })?;
    }
    Ok(())
}
