//! Programs that people come from: files, the Airtable webhook and the Airtable base itself, all through the very
//! same verb. check says what is wrong with a payload, read takes files apart line by line, mapping knows what a base
//! calls its columns, `apply` and `import` write, airtable looks through a whole base. Nothing is ever half applied.

pub mod airtable;
mod check;
pub mod mapping;
mod read;
mod signature;

use std::collections::BTreeSet;
use std::io::BufRead;

use crate::accounts::mentees::{self, NewMentee};
use crate::audit::Actor;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::mentors::{self, Edit, Put};

pub use check::mentor_payload;
pub use read::{Format, format_of};
pub use signature::is_signed;

/// Lines written in one transaction: enough to make the fsync cheap, few enough to lose little time to a crash.
const LINES_A_WRITE: usize = 100;

/// One mentor as a record of another program, its values checked.
#[derive(Clone, Debug)]
pub struct MentorRecord {
    /// The record's id over there.
    pub record: String,
    /// What it says.
    pub edit: Edit,
}

/// One person to import, checked.
#[derive(Clone, Debug)]
pub enum Person {
    /// A mentor.
    Mentor(Box<MentorRecord>),
    /// A mentee.
    Mentee(NewMentee),
}

/// What sort of people a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mentors.
    Mentors,
    /// Mentees.
    Mentees,
}

/// What is wrong with one line.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LineError {
    /// Counted from 1, as editors do.
    pub line: u64,
    /// A sentence.
    pub problem: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Lines that hold somebody.
    pub read: u64,
    /// People who were new or are different now.
    pub changed: u64,
    /// People about whom nothing was new.
    pub unchanged: u64,
    /// Lines left out, each with its reason.
    pub errors: Vec<LineError>,
    /// Fields that nobody knows, kept out.
    pub unknown_fields: Vec<String>,
}

/// Applies one record: the verb behind the webhook and the import alike.
///
/// # Errors
/// As `mentors::put`.
pub fn apply(tx: &Tx<'_>, actor: &Actor, record: MentorRecord) -> Result<Put> {
    mentors::put(tx, actor, &record.record, record.edit)
}

/// Imports a file of people: every good line goes in, every bad one is reported by its number.
/// The audit log says that `actor` did it. With `is_dry` everything is tried and nothing kept. `progress` hears how many lines are done,
/// after they are committed.
///
/// # Errors
/// Internal, where the file cannot be read or the database cannot be written; lines committed until then stay.
pub fn import(
    db: &Db,
    actor: &Actor,
    input: impl BufRead,
    format: Format,
    kind: Option<Kind>,
    is_dry: bool,
    progress: impl FnMut(u64),
) -> Result<Report> {
    if is_dry {
        db.rehearse_here(|tx| import_with(input, format, kind, progress, |batch| write(tx, actor, batch)))
    } else {
        import_with(input, format, kind, progress, |batch| db.write_here(|tx| write(tx, actor, batch)))
    }
}

/// The line of a person and whether anything is different now, or what is wrong with it.
type Outcome = (u64, Result<bool, String>);

fn import_with(
    input: impl BufRead,
    format: Format,
    kind: Option<Kind>,
    mut progress: impl FnMut(u64),
    mut write: impl FnMut(Vec<(u64, Person)>) -> Result<Vec<Outcome>>,
) -> Result<Report> {
    let mut report = Report::default();
    let mut unknown = BTreeSet::new();
    let mut batch = Vec::with_capacity(LINES_A_WRITE);
    let mut lines = read::lines(input, format).peekable();
    while let Some(line) = lines.next() {
        let (number, payload) = line?;
        report.read += 1;
        match payload.and_then(|payload| check::person(&payload, kind, &mut unknown)) {
            Ok(person) => batch.push((number, person)),
            Err(refusal) => report.note(number, Err(describe(&refusal))),
        }
        if batch.len() == LINES_A_WRITE || lines.peek().is_none() {
            for (number, outcome) in write(std::mem::take(&mut batch))? {
                report.note(number, outcome);
            }
            progress(report.read);
        }
    }
    report.errors.sort_by_key(|error| error.line);
    report.unknown_fields = unknown.into_iter().collect();
    Ok(report)
}

impl Report {
    fn note(&mut self, line: u64, outcome: Result<bool, String>) {
        match outcome {
            Ok(true) => self.changed += 1,
            Ok(false) => self.unchanged += 1,
            Err(problem) => self.errors.push(LineError { line, problem }),
        }
    }
}

fn write(tx: &Tx<'_>, actor: &Actor, people: Vec<(u64, Person)>) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(people.len());
    for (line, person) in people {
        match tx.savepoint(|tx| write_one(tx, actor, person)) {
            Ok(has_changed) => outcomes.push((line, Ok(has_changed))),
            // A refusal is about this line; anything else is about the machine and ends the import.
            Err(refusal) if refusal.cause().is_none() => outcomes.push((line, Err(describe(&refusal)))),
            Err(failure) => return Err(failure),
        }
    }
    Ok(outcomes)
}

fn write_one(tx: &Tx<'_>, actor: &Actor, person: Person) -> Result<bool> {
    match person {
        Person::Mentor(record) => apply(tx, actor, *record).map(|put| put.has_changed),
        Person::Mentee(mentee) => mentees::put(tx, actor, &mentee),
    }
}

/// `fields` come without a sentence of their own when there are several: all of them are named here.
fn describe(refusal: &Error) -> String {
    if refusal.fields.len() > 1 {
        let all: Vec<String> = refusal.fields.iter().map(|(field, problem)| format!("{field} {problem}")).collect();
        return all.join("; ");
    }
    refusal.message.to_string()
}

#[cfg(test)]
mod tests;
