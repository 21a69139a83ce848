//! The figures that nobody counts as they happen: read from the database, the indexes and the machine when `/metrics`
//! is asked for. Each name is listed together, every label comes from a fixed set.

use super::standing::Component;
use super::{State, machine, store};
use crate::backup;
use crate::db::{Db, sqlite_version};
use crate::error::Result;
use crate::jobs;
use crate::matching::Matcher;
use crate::meters::Reading;

/// The results of a delivery, as the schema lists them.
const RESULTS: [&str; 5] = ["changed", "unchanged", "outdated", "refused", "failed"];

/// The states of a letter to a person or to a program.
const LETTERS: [&str; 3] = ["queued", "sent", "dead"];

/// The statuses of a session.
const SESSIONS: [&str; 5] = ["pending", "booked", "completed", "cancelled", "no_show"];

/// Reads them all. `components` are how the parts stand.
///
/// # Errors
/// Internal, where the database cannot be read.
pub fn readings(db: &Db, matcher: &Matcher, components: &[Component]) -> Result<Vec<Reading>> {
    let mut all = of_database(db)?;
    all.extend(of_matching(matcher));
    all.extend(of_machine(db));
    all.extend(components.iter().map(|it| Reading {
        name: "tandem_component_state",
        help: "How a part stands: 0 ok, 1 warn, 2 fail.",
        labels: vec![("component", it.name.to_owned())],
        value: match it.state {
            State::Ok => 0.0,
            State::Warn => 1.0,
            State::Fail => 2.0,
        },
    }));
    Ok(all)
}

fn of_database(db: &Db) -> Result<Vec<Reading>> {
    let (backup, jobs, letters, hook_letters, deliveries, sessions) = db.read_here(|tx| {
        let backup = backup::last_made(tx, db.directory())?.map(|made_at| tx.now().unix() - made_at.unix());
        Ok((
            backup,
            jobs::depth(tx)?,
            store::letters(tx)?,
            store::hook_letters(tx)?,
            store::deliveries(tx)?,
            store::sessions(tx)?,
        ))
    })?;
    let age = |seconds: i64| {
        let seconds = number(u64::try_from(seconds).unwrap_or(0));
        plain("tandem_backup_age_seconds", "How old the newest backup is.", seconds)
    };
    let mut all: Vec<Reading> = backup.map(age).into_iter().collect();
    for (state, n) in [("ready", jobs.ready), ("running", jobs.running), ("dead", jobs.dead)] {
        all.push(labelled("tandem_jobs", "Jobs in the queue, by state.", "state", state, number(n)));
    }
    all.extend(by("tandem_outbox", "Letters, by state.", "state", &LETTERS, &letters));
    let told = "What other programs are told, by state.";
    all.extend(by("tandem_hook_letters", told, "state", &LETTERS, &hook_letters));
    let came = "Signed deliveries that came in, by result.";
    all.extend(by("tandem_deliveries", came, "result", &RESULTS, &deliveries));
    all.extend(by("tandem_sessions", "Sessions, by status.", "status", &SESSIONS, &sessions));
    Ok(all)
}

fn of_matching(matcher: &Matcher) -> Vec<Reading> {
    let build = Reading {
        name: "tandem_build_info",
        help: "What runs: always 1.",
        labels: vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("engine", matcher.embedder().engine().to_owned()),
            ("sqlite", sqlite_version().to_owned()),
        ],
        value: 1.0,
    };
    let parts = matcher.parts();
    vec![
        build,
        plain("tandem_mentors", "Mentors that can be found.", size(parts.n_visible)),
        plain("tandem_mentors_waiting", "Mentors whose vectors are still to be made.", size(parts.n_waiting)),
        plain(
            "tandem_passages_to_renew",
            "Passages whose vectors are of an earlier model and are being made anew.",
            number(parts.renewal.map_or(0, |it| it.n_all - it.n_done)),
        ),
        plain("tandem_open_slots", "Times of the next two weeks that can be booked.", size(matcher.n_open_slots())),
        plain("tandem_vector_bytes", "Memory that vectors take.", size(matcher.vector_bytes())),
    ]
}

fn of_machine(db: &Db) -> Vec<Reading> {
    let directory = db.directory();
    let file = |name: &str| number(machine::size(&directory.join(name)));
    let mut all = vec![
        plain("tandem_database_bytes", "Size of the database.", file("tandem.db")),
        plain("tandem_wal_bytes", "Size of the database's write-ahead log.", file("tandem.db-wal")),
    ];
    if let Some(memory) = machine::memory() {
        all.push(plain("process_resident_memory_bytes", "Memory that the process holds.", number(memory)));
    }
    if let Some(disk) = machine::disk(directory) {
        all.push(plain("tandem_disk_free_bytes", "Room on the disk of the data directory.", number(disk.free)));
    }
    all
}

/// A count as Prometheus has it: exact up to 2^53, which nothing here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes beyond 2^53 may be a little off")]
const fn number(n: u64) -> f64 {
    n as f64
}

fn size(n: usize) -> f64 {
    number(u64::try_from(n).unwrap_or(u64::MAX))
}

const fn plain(name: &'static str, help: &'static str, value: f64) -> Reading {
    Reading { name, help, labels: Vec::new(), value }
}

fn labelled(name: &'static str, help: &'static str, label: &'static str, of: &str, value: f64) -> Reading {
    Reading { name, help, labels: vec![(label, of.to_owned())], value }
}

/// One reading for each of `known`, 0 where nothing was found.
fn by<'a>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    known: &'a [&'a str],
    found: &'a [(String, i64)],
) -> impl Iterator<Item = Reading> + 'a {
    known.iter().map(move |of| {
        let n = found.iter().find(|(it, _)| it == of).map_or(0, |(_, n)| *n);
        labelled(name, help, label, of, number(n.unsigned_abs()))
    })
}
