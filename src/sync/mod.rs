//! Programs that people come from: files, the Airtable webhook and the Airtable base itself, all through the very
//! same verb. check says what is wrong with a payload, read takes files apart line by line, mapping knows what a base
//! calls its columns, `apply` and `import` write, airtable looks through a whole base. Nothing is ever half applied.

pub mod airtable;
pub mod cells;
mod check;
pub mod deliveries;
mod extras;
mod intake;
pub mod mapping;
mod read;
mod signature;
pub mod uploads;

use std::collections::BTreeSet;
use std::io::BufRead;

use crate::accounts::books::{self, Effect, MenteeBook};
use crate::audit::Actor;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::mentors::books::NewMentor;
use crate::mentors::{self, Edit, Put};

pub use check::person;
pub use extras::ACCOUNT_FIELDS;
pub use intake::{LineError, Manner, Outcome, Place, Report, Row, intake};
pub use mapping::Mapping;
pub use read::{Format, format_of};
pub use signature::is_signed;

/// Lines that a preview tells one by one, at most.
pub const MOST_ROWS: usize = 1_000;

/// One mentor as a record of another program, its values checked.
#[derive(Clone, Debug)]
pub struct MentorRecord {
    /// The record's id over there.
    pub record: String,
    /// What it says.
    pub edit: Edit,
    /// When it was last edited over there, in milliseconds since 1970, where it tells.
    pub edited_ms: Option<i64>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whom it is about, and whether anything is different now.
    pub put: Put,
    /// Whether it tells of an edit before one that is here already, and was left out for that.
    pub is_outdated: bool,
}

/// One person to import, checked.
#[derive(Clone, Debug)]
pub enum Person {
    /// A mentor.
    Mentor(Box<NewMentor>),
    /// A mentee.
    Mentee(Box<MenteeBook>),
}

/// What sort of people a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mentors.
    Mentors,
    /// Mentees.
    Mentees,
}

/// Applies one record of a base. An older edit that comes after a newer one changes nothing, where both tell when
/// they were made.
///
/// # Errors
/// As `mentors::put`; `Invalid` for an edit that was made tomorrow.
pub fn apply(tx: &Tx<'_>, actor: &Actor, record: MentorRecord) -> Result<Applied> {
    let Some(edited_ms) = record.edited_ms else {
        let put = mentors::put(tx, actor, &record.record, record.edit)?;
        return Ok(Applied { put, is_outdated: false });
    };
    mentors::check_last_edit(tx, edited_ms)?;
    if let Some((mentor, number, known_ms)) = mentors::last_edit(tx, &record.record)?
        && edited_ms < known_ms
    {
        return Ok(Applied { put: Put { mentor, number, has_changed: false }, is_outdated: true });
    }
    let put = mentors::put(tx, actor, &record.record, record.edit)?;
    mentors::set_last_edit(tx, put.number, edited_ms)?;
    Ok(Applied { put, is_outdated: false })
}

/// Imports a file of people: every good line goes in, every bad one is reported by its number.
/// The audit log says that `actor` did it. `progress` hears how many lines are done, after they are committed.
///
/// # Errors
/// Internal, where the file cannot be read or the database cannot be written; lines committed until then stay.
pub fn import(
    db: &Db,
    actor: &Actor,
    input: impl BufRead,
    format: Format,
    kind: Option<Kind>,
    progress: impl FnMut(u64),
) -> Result<Report> {
    people(Place::Kept(db), actor, Manner { format, n_rows: 0 }, input, kind, progress)
}

/// What an import of people would do, line by line: nothing is kept, and nobody waits for it. The first thousand
/// lines are told one by one in `Report::rows`.
///
/// # Errors
/// Internal, where the file cannot be read.
pub fn preview(db: &Db, actor: &Actor, input: impl BufRead, format: Format, kind: Option<Kind>) -> Result<Report> {
    let manner = Manner { format, n_rows: MOST_ROWS };
    let place = db.directory().join(uploads::FOLDER);
    db.rehearse_on_copy(&place, |tx| people(Place::Tried(tx), actor, manner, input, kind, |_| ()))
}

fn people(
    place: Place<'_>,
    actor: &Actor,
    manner: Manner,
    input: impl BufRead,
    kind: Option<Kind>,
    progress: impl FnMut(u64),
) -> Result<Report> {
    let check = |payload: &serde_json::Value, unknown: &mut BTreeSet<String>| check::person(payload, kind, unknown);
    intake(place, manner, input, check, |tx, person| bring(tx, actor, person), progress)
}

/// Brings one person in: what `person` made of a line.
///
/// # Errors
/// As `mentors::books::put` and `accounts::books::put_mentee`.
pub fn bring(tx: &Tx<'_>, actor: &Actor, person: Person) -> Result<Effect> {
    match person {
        Person::Mentor(mentor) => mentors::books::put(tx, actor, *mentor),
        Person::Mentee(mentee) => books::put_mentee(tx, actor, &mentee),
    }
}

#[cfg(test)]
mod tests;
