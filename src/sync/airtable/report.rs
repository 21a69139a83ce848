//! What a look at the whole table did, or would do.

use serde::Serialize;

use crate::ids::MentorId;

/// The whole of it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Records in the table.
    pub read: u64,
    /// Those about which nothing was new.
    pub unchanged: u64,
    /// Those that somebody changed here while the table was read: the next look takes them.
    pub later: u64,
    /// Those that are different here now.
    pub changed: Vec<Changed>,
    /// Mentors whose records are no longer in the table: they are hidden, not deleted.
    pub hidden: Vec<Hidden>,
    /// Records left out, each with its reason.
    pub refused: Vec<Refused>,
    /// Columns that nobody knows, left out.
    pub unknown_fields: Vec<String>,
}

/// A record that made a difference.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The record's id over there.
    pub record: String,
    /// Whom it made or changed.
    pub mentor_id: MentorId,
    /// Their name.
    pub name: String,
    /// Whether they were not here before.
    pub is_new: bool,
    /// The names of the fields that differ; empty for somebody new.
    pub fields: Vec<String>,
}

/// A mentor whose record is gone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// The record's id over there, while it was.
    pub record: String,
    /// Who it is.
    pub mentor_id: MentorId,
    /// Their name.
    pub name: String,
}

/// A record that could not be taken.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The record's id over there.
    pub record: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// A sentence.
    pub reason: String,
}
