//! The way of a file's lines: each is checked, written with a hundred others in one transaction, and
//! reported. What a line means is for the caller to say; here nothing is lost between the two.

use std::collections::BTreeSet;
use std::io::BufRead;

use serde::Serialize;
use serde_json::Value;

use super::read::{self, Format};
use crate::accounts::books::Effect;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};

/// Lines written in one transaction: enough to make the fsync cheap, few enough to lose little time to a crash.
pub(super) const LINES_A_WRITE: usize = 100;

/// Refused lines named at most; their number is told in any case.
const MOST_ERRORS: usize = 100_000;

/// The longest word on what a line is about, in characters.
const LONGEST_ABOUT: usize = 120;

/// Where lines go.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Into the database, a hundred at a time.
    Kept(&'a Db),
    /// Into a transaction that somebody else rolls back.
    Tried(&'a Tx<'a>),
}

/// What became of one line, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Was not there before.
    New,
    /// Was there, otherwise.
    Changed,
    /// Was there just so.
    Unchanged,
    /// Left out.
    Refused,
}

impl From<Effect> for Outcome {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::New => Self::New,
            Effect::Changed => Self::Changed,
            Effect::Unchanged => Self::Unchanged,
        }
    }
}

/// One line of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Counted from 1, as editors do.
    pub line: u64,
    /// Whom or what it is about, as the line itself says: an address, a name, an id; empty where it does not.
    pub about: String,
    /// What would happen.
    pub outcome: Outcome,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What is wrong with one line.
#[derive(Clone, Debug, Serialize)]
pub struct LineError {
    /// Counted from 1, as editors do.
    pub line: u64,
    /// A sentence.
    pub problem: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Lines that hold something.
    pub read: u64,
    /// Lines that were new or are different now.
    pub changed: u64,
    /// Those of the changed that were new.
    pub created: u64,
    /// Lines that said what was so already.
    pub unchanged: u64,
    /// Lines left out.
    pub refused: u64,
    /// Lines left out, each with its reason: the first hundred thousand.
    pub errors: Vec<LineError>,
    /// Fields that nobody knows, kept out.
    pub unknown_fields: Vec<String>,
    /// Every line with what would become of it, as far as a preview goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
}

impl Report {
    fn note(&mut self, n_rows: usize, line: u64, about: String, outcome: Result<Effect, String>) {
        match &outcome {
            Ok(Effect::Unchanged) => self.unchanged += 1,
            Ok(effect) => {
                self.changed += 1;
                self.created += u64::from(*effect == Effect::New);
            }
            Err(_) => self.refused += 1,
        }
        if self.rows.len() < n_rows {
            let problem = outcome.as_ref().err().cloned();
            let outcome = outcome.as_ref().map_or(Outcome::Refused, |effect| Outcome::from(*effect));
            self.rows.push(Row { line, about, outcome, problem });
        }
        if let Err(problem) = outcome
            && self.errors.len() < MOST_ERRORS
        {
            self.errors.push(LineError { line, problem });
        }
    }
}

/// How a file is taken in.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How the file is written.
    pub format: Format,
    /// How many lines the report tells one by one.
    pub n_rows: usize,
}

/// Takes a file in, line by line: `check` says what a line means and adds fields nobody knows to the set, `write`
/// makes it so. A line that either refuses is reported by its number and leaves nothing behind. `progress` hears how
/// many lines are done, after they are committed.
///
/// # Errors
/// Internal, where the file cannot be read or the database cannot be written; lines committed until then stay.
pub fn intake<T>(
    place: Place<'_>,
    manner: Manner,
    input: impl BufRead,
    mut check: impl FnMut(&Value, &mut BTreeSet<String>) -> Result<T>,
    mut write: impl FnMut(&Tx<'_>, T) -> Result<Effect>,
    mut progress: impl FnMut(u64),
) -> Result<Report> {
    let mut report = Report::default();
    let mut unknown = BTreeSet::new();
    let mut batch: Vec<Checked<T>> = Vec::with_capacity(LINES_A_WRITE);
    let mut lines = read::lines(input, manner.format).peekable();
    while let Some(line) = lines.next() {
        let (number, payload) = line?;
        report.read += 1;
        let about = payload.as_ref().map(about).unwrap_or_default();
        let checked = payload.and_then(|payload| check(&payload, &mut unknown));
        batch.push(Checked { line: number, about, said: checked.map_err(|refusal| describe(&refusal)) });
        if batch.len() == LINES_A_WRITE || lines.peek().is_none() {
            let full = std::mem::take(&mut batch);
            let done = match place {
                Place::Kept(db) => db.write_here(|tx| write_all(tx, full, &mut write))?,
                Place::Tried(tx) => write_all(tx, full, &mut write)?,
            };
            for (line, about, outcome) in done {
                report.note(manner.n_rows, line, about, outcome);
            }
            progress(report.read);
        }
    }
    report.unknown_fields = unknown.into_iter().collect();
    Ok(report)
}

/// A line as far as it is known before it is written.
struct Checked<T> {
    line: u64,
    about: String,
    said: Result<T, String>,
}

type Done = (u64, String, Result<Effect, String>);

fn write_all<T>(
    tx: &Tx<'_>,
    batch: Vec<Checked<T>>,
    write: &mut impl FnMut(&Tx<'_>, T) -> Result<Effect>,
) -> Result<Vec<Done>> {
    let mut done = Vec::with_capacity(batch.len());
    for Checked { line, about, said } in batch {
        let outcome = match said {
            Ok(said) => match tx.savepoint(|tx| write(tx, said)) {
                Ok(effect) => Ok(effect),
                // A refusal is about this line; anything else is about the machine and ends the import.
                Err(refusal) if refusal.cause().is_none() => Err(describe(&refusal)),
                Err(failure) => return Err(failure),
            },
            Err(problem) => Err(problem),
        };
        done.push((line, about, outcome));
    }
    Ok(done)
}

/// What a line is about in its own words, so that a person finds it again.
fn about(payload: &Value) -> String {
    let inner = payload.get("fields").unwrap_or(payload);
    let word = |name: &str| [inner, payload].into_iter().find_map(|object| object.get(name)?.as_str());
    let found = ["Email", "Name", "mentorEmail", "sessionId", "id", "recordId"].into_iter().find_map(word);
    found.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(LONGEST_ABOUT).collect()
}

/// `fields` come without a sentence of their own when there are several: all of them are named here.
pub(super) fn describe(refusal: &Error) -> String {
    if refusal.fields.len() > 1 {
        let all: Vec<String> = refusal.fields.iter().map(|(field, problem)| format!("{field} {problem}")).collect();
        return all.join("; ");
    }
    refusal.message.to_string()
}
