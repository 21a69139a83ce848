//! The SQL of feedback.

use rusqlite::named_params;

use super::Feedback;
use crate::booking::Party;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::SessionId;

pub(super) fn put(tx: &Tx<'_>, session: SessionId, said: &Feedback) -> Result<()> {
    tx.prepare_cached(
        "insert into feedback (id, session_id, from_party, rating, comment, is_shared, created_at, updated_at)
         values (:id, :session, :from, :rating, :comment, :shared, :now, :now)
         on conflict (session_id, from_party) do update
         set rating = excluded.rating, comment = excluded.comment, is_shared = excluded.is_shared,
             updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":id": SessionId::random(), ":session": session, ":from": said.from.name(), ":rating": said.rating,
        ":comment": said.comment, ":shared": said.is_shared, ":now": tx.now(),
    })?;
    Ok(())
}

/// The mentee's first, then the mentor's.
pub(super) fn of_session(tx: &Tx<'_>, session: SessionId) -> Result<Vec<Feedback>> {
    let mut statement = tx.prepare_cached(
        "select from_party, rating, comment, is_shared, updated_at from feedback
         where session_id = :session order by from_party",
    )?;
    let rows = statement.query_map(named_params! { ":session": session }, |row| {
        let is_mentee = row.get_ref("from_party")?.as_str()? == "mentee";
        Ok(Feedback {
            from: if is_mentee { Party::Mentee } else { Party::Mentor },
            rating: row.get("rating")?,
            comment: row.get("comment")?,
            is_shared: row.get("is_shared")?,
            updated_at: row.get("updated_at")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
