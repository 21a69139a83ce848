//! The program's books: all that a program owns as files, one a kind, and in again without loss. Each room keeps its
//! own rows; here they become lines. Passwords, sign-ins, tokens and other secrets are in no book.

mod columns;
mod entry;
mod pen;

use std::io::{BufRead, Write};

use serde_json::json;

use crate::accounts;
use crate::audit::{self, Actor, Entry as AuditEntry};
use crate::booking;
use crate::db::Tx;
use crate::error::Result;
use crate::mentors;
use crate::sync::{self, Format, Manner, Place, Report};

use entry::Entry;
use pen::Pen;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mentors with their accounts.
    Mentors,
    /// Mentees with their accounts.
    Mentees,
    /// Weekly hours, days that are otherwise, and how both become slots: one mentor a line.
    Hours,
    /// Slots, past ones too.
    Availability,
    /// Sessions in every state.
    Sessions,
    /// What was said of sessions.
    Feedback,
}

impl Kind {
    /// Every kind, in the order in which each finds what it points at.
    pub const ALL: [Self; 6] =
        [Self::Mentors, Self::Mentees, Self::Hours, Self::Availability, Self::Sessions, Self::Feedback];

    /// The word in files' names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mentors => "mentors",
            Self::Mentees => "mentees",
            Self::Hours => "hours",
            Self::Availability => "availability",
            Self::Sessions => "sessions",
            Self::Feedback => "feedback",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn of_people(self) -> Option<sync::Kind> {
        match self {
            Self::Mentors => Some(sync::Kind::Mentors),
            Self::Mentees => Some(sync::Kind::Mentees),
            _ => None,
        }
    }
}

/// How many lines a kind has.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn count(tx: &Tx<'_>, kind: Kind) -> Result<u32> {
    match kind {
        Kind::Mentors | Kind::Hours => mentors::books::count(tx),
        Kind::Mentees => accounts::books::count_mentees(tx),
        Kind::Availability => booking::books::count_slots(tx),
        Kind::Sessions => booking::books::count_sessions(tx),
        Kind::Feedback => booking::books::count_feedback(tx),
    }
}

/// Writes all of a kind, one line at a time, and returns how many there were. `each` hears of every line.
///
/// # Errors
/// Internal, where SQLite cannot or `out` takes no more.
pub fn export(tx: &Tx<'_>, kind: Kind, format: Format, out: impl Write, mut each: impl FnMut()) -> Result<u64> {
    let mut pen = Pen::new(kind, format, out)?;
    let mut n_lines = 0;
    let mut put = |values| {
        n_lines += 1;
        each();
        pen.line(values)
    };
    match kind {
        Kind::Mentors => mentors::books::for_each(tx, |book| put(columns::mentor(&book)))?,
        Kind::Mentees => accounts::books::for_each_mentee(tx, |book| put(columns::mentee(&book)))?,
        Kind::Hours => booking::books::for_each_hours(tx, |book| put(columns::hours(&book)))?,
        Kind::Availability => booking::books::for_each_slot(tx, |book| put(columns::slot(&book)))?,
        Kind::Sessions => booking::books::for_each_session(tx, |book| put(columns::session(&book)))?,
        Kind::Feedback => booking::books::for_each_feedback(tx, |book| put(columns::feedback(&book)))?,
    }
    pen.finish()?;
    Ok(n_lines)
}

/// Writes down that somebody took a copy of a kind.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn note_export(tx: &Tx<'_>, actor: &Actor, kind: Kind, n_lines: u64) -> Result<()> {
    let after = json!({ "lines": n_lines });
    let about = ("books", kind.name());
    audit::note(tx, actor, &AuditEntry { kind: "books.exported", about, before: ().into(), after })
}

/// Takes a file in: every good line, every bad one named by its number. Saying again what is so already changes
/// nothing. Without a kind the lines' own columns say it. `progress` hears how many lines are done.
///
/// # Errors
/// Internal, where the file cannot be read or the database cannot be written; lines committed until then stay.
pub fn import(
    place: Place<'_>,
    actor: &Actor,
    manner: Manner,
    kind: Option<Kind>,
    input: impl BufRead,
    progress: impl FnMut(u64),
) -> Result<Report> {
    let check = |payload: &_, unknown: &mut _| entry::entry(payload, kind, unknown);
    sync::intake(place, manner, input, check, |tx, entry| bring(tx, actor, entry), progress)
}

fn bring(tx: &Tx<'_>, actor: &Actor, entry: Entry) -> Result<accounts::books::Effect> {
    match entry {
        Entry::Person(person) => sync::bring(tx, actor, person),
        Entry::Hours(hours) => booking::books::put_hours(tx, actor, &hours),
        Entry::Slot(slot) => booking::books::put_slot(tx, actor, &slot),
        Entry::Session(session) => booking::books::put_session(tx, actor, &session),
        Entry::Feedback(said) => booking::books::put_feedback(tx, actor, &said),
    }
}
