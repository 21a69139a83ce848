//! The database and what is made from it, looked at from beside.

use chrono_tz::Tz;

use super::{Cure, Finding, Holder, Patient};
use crate::accounts::people;
use crate::clock::Moment;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::jobs::{self, Kind};
use crate::matching::keywords::{self, Stamp};
use crate::upkeep::store;
use crate::{backup, mail, matching};

/// A clock may be so much behind the last entry of the audit log, in seconds.
const CLOCK_SLACK: i64 = 300;

/// 2026-01-01: no clock that goes right shows less.
const BEFORE_US: Moment = Moment::from_unix(1_767_225_600);

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let mut findings = vec![sqlite(), clock(patient)];
    if !patient.config.data_dir.join("tandem.db").is_file() {
        findings.push(Finding::warn("database", "There is no database yet.").mend("tandem serve makes it."));
        return findings;
    }
    match db::inspect(&patient.config.data_dir, &patient.clock, |tx| look(patient, tx)) {
        Ok(seen) => findings.extend(seen),
        Err(refusal) => findings.push(
            Finding::fail("database", in_words(&refusal))
                .mend("Restore a backup into a new directory; leave this one as it is until that has worked."),
        ),
    }
    findings
}

/// For whoever runs Tandem the cause may be said: there is nobody else to keep it from.
fn in_words(refusal: &Error) -> String {
    match refusal.cause() {
        Some(cause) if refusal.code == "internal" => format!("The database cannot be read: {cause}."),
        _ => refusal.to_string(),
    }
}

fn sqlite() -> Finding {
    match db::check_sqlite() {
        Ok(()) => Finding::ok("sqlite", format!("SQLite {} is built in.", db::sqlite_version())),
        Err(refusal) => Finding::fail("sqlite", refusal.to_string()).mend("Build Tandem with its bundled SQLite."),
    }
}

fn clock(patient: &Patient) -> Finding {
    let now = patient.clock.now();
    if now < BEFORE_US {
        return Finding::fail("clock", format!("This machine believes that it is {now}."))
            .mend("Set the clock, and let it be kept right: timedatectl set-ntp true");
    }
    Finding::ok("clock", format!("It is {now}; time zones are those of {}.", chrono_tz::IANA_TZDB_VERSION))
}

fn look(patient: &Patient, tx: &Tx<'_>) -> Result<Vec<Finding>> {
    let mut findings = vec![schema(tx)?];
    // A file may be so damaged that even looking for damage fails.
    let damage = store::damage(tx).unwrap_or_else(|refusal| vec![in_words(&refusal)]);
    if !damage.is_empty() {
        let first = damage.first().cloned().unwrap_or_default();
        findings.push(
            Finding::fail("integrity", format!("The database is damaged: {first}"))
                .mend("Restore a backup into a new directory; leave this one as it is until that has worked."),
        );
        // What a damaged file says further is worth nothing.
        return Ok(findings);
    }
    findings.push(Finding::ok("integrity", "The database is sound."));
    if store::schema(tx)? < i64::from(db::newest_schema()) {
        // Tables that are not there yet cannot be looked at.
        return Ok(findings);
    }
    findings.push(schema_of_ours(tx)?);
    findings.extend([references(tx)?, history(patient, tx)?, zones(tx)?, index(patient, tx)?, vectors(tx)?]);
    findings.extend([jobs(patient, tx)?, letters(tx)?, admin(tx)?, backups(patient, tx)?]);
    Ok(findings)
}

fn schema(tx: &Tx<'_>) -> Result<Finding> {
    let (found, newest) = (store::schema(tx)?, i64::from(db::newest_schema()));
    if found == newest {
        return Ok(Finding::ok("database", format!("The database has the schema of this version ({newest}).")));
    }
    let says = format!("The database has schema {found}; this version brings it to {newest} at its next start.");
    Ok(Finding::warn("database", says).mend("Keep a copy of the data directory, then start this version."))
}

fn schema_of_ours(tx: &Tx<'_>) -> Result<Finding> {
    let id = "tables";
    Ok(match db::ours::differs(tx)? {
        None => Finding::ok(id, "The database has Tandem's tables and nothing else."),
        Some(what) => Finding::fail(id, format!("The database {what}: no backup of it can be restored."))
            .mend("Undo that with the SQLite shell while Tandem is stopped, or restore a backup from before."),
    })
}

fn references(tx: &Tx<'_>) -> Result<Finding> {
    let loose = store::loose_ends(tx)?;
    if loose.is_empty() {
        return Ok(Finding::ok("references", "Every row that is pointed at is there."));
    }
    let tables = loose.iter().map(|(table, n)| format!("{table} ({n})")).collect::<Vec<_>>().join(", ");
    Ok(Finding::fail("references", format!("Rows point at rows that are not there, in {tables}."))
        .mend("Restore a backup into a new directory; leave this one as it is until that has worked."))
}

/// A clock that went back makes logins last, and reminders late.
fn history(patient: &Patient, tx: &Tx<'_>) -> Result<Finding> {
    let now = patient.clock.now();
    Ok(match store::newest_moment(tx)? {
        Some(newest) if newest > now.plus_seconds(CLOCK_SLACK) => {
            Finding::warn("history", format!("The audit log has an entry of {newest}, which is still to come."))
                .mend("Set the clock, and let it be kept right: timedatectl set-ntp true")
        }
        _ => Finding::ok("history", "Nothing was written down in the future."),
    })
}

fn zones(tx: &Tx<'_>) -> Result<Finding> {
    let unknown: Vec<String> = store::zones(tx)?.into_iter().filter(|zone| zone.parse::<Tz>().is_err()).collect();
    if unknown.is_empty() {
        return Ok(Finding::ok("zones", "Every time zone that somebody lives in is known."));
    }
    let says = format!("Some people live in time zones that are not known here: {}.", unknown.join(", "));
    Ok(Finding::warn("zones", says)
        .mend("They are shown times in UTC until they choose another zone in their profile."))
}

fn index(patient: &Patient, tx: &Tx<'_>) -> Result<Finding> {
    let id = "keyword_index";
    let broken = |says: String| {
        Finding::warn(id, says)
            .mend("tandem reindex (or nothing: it is made anew at the next start)")
            .cure(Cure::RemoveKeywords)
    };
    let stamp = match keywords::stamp(&keywords::directory(&patient.config.data_dir)) {
        Ok(Some(stamp)) => stamp,
        Ok(None) => return Ok(Finding::ok(id, "There is no keyword index; it is made at the next start.")),
        Err(_) => return Ok(broken("The keyword index cannot be read.".to_owned())),
    };
    let now = Stamp::new(tx.database_id()?, tx.last_change()?);
    // Beside a server the index may be ahead of what this look can see.
    let is_ours = stamp.can_become(&now) || (matches!(patient.holder, Holder::Another(_)) && stamp.is_like(&now));
    if !is_ours {
        return Ok(broken("The keyword index belongs to another database or version.".to_owned()));
    }
    let n_behind = now.seq.saturating_sub(stamp.seq);
    Ok(Finding::ok(
        id,
        match n_behind {
            0 => "The keyword index is up to date.".to_owned(),
            n => format!("The keyword index catches up by itself; changes it lacks: {n}."),
        },
    ))
}

fn vectors(tx: &Tx<'_>) -> Result<Finding> {
    let progress = matching::progress_in(tx)?;
    if progress.n_done == progress.n_all {
        return Ok(Finding::ok("vectors", "Every passage that has a vector has one of this version's model."));
    }
    Ok(Finding::warn("vectors", format!("{progress}; until all have, those of an earlier model answer."))
        .mend("tandem reindex (or nothing: they are made anew while tandem serve runs)"))
}

fn jobs(patient: &Patient, tx: &Tx<'_>) -> Result<Finding> {
    let (all, vectors) = (jobs::depth(tx)?, jobs::depth_of(tx, Kind::Embed)?);
    if all.dead > 0 {
        let mend = if vectors.dead > 0 { "tandem reindex" } else { "Look at /api/admin/jobs for the reasons." };
        return Ok(Finding::warn("jobs", format!("Jobs given up on: {}.", all.dead)).mend(mend));
    }
    if all.running > 0 && matches!(patient.holder, Holder::Us) {
        return Ok(Finding::warn("jobs", format!("Jobs that were with a process that died: {}.", all.running))
            .mend("tandem doctor --fix (or nothing: they are taken up again at the next start)")
            .cure(Cure::ReleaseJobs));
    }
    Ok(Finding::ok("jobs", format!("No job was given up on; waiting: {}.", all.ready)))
}

fn letters(tx: &Tx<'_>) -> Result<Finding> {
    let depth = mail::depth(tx)?;
    if depth.dead > 0 {
        return Ok(Finding::warn("letters", format!("Letters given up on: {}.", depth.dead))
            .mend("Look at /admin/outbox for the reasons, and try them again there."));
    }
    Ok(Finding::ok("letters", format!("No letter was given up on; waiting: {}.", depth.queued)))
}

fn admin(tx: &Tx<'_>) -> Result<Finding> {
    if people::is_without_admin(tx)? {
        return Ok(Finding::warn("admin", "Nobody runs this Tandem yet.")
            .mend("tandem admin create --email you@example.org --name \"Your Name\""));
    }
    Ok(Finding::ok("admin", "Somebody runs this Tandem."))
}

fn backups(patient: &Patient, tx: &Tx<'_>) -> Result<Finding> {
    let Some(last_at) = backup::last_made(tx, &patient.config.data_dir)? else {
        return Ok(Finding::warn("backup", "There is no backup in the data directory.").mend("tandem backup"));
    };
    let hours = (tx.now().unix() - last_at.unix()) / 3_600;
    Ok(if backup::is_overdue(&patient.config.backup, last_at, tx.now()) {
        Finding::warn("backup", format!("The newest backup is old; in hours: {hours}.")).mend("tandem backup")
    } else {
        Finding::ok("backup", format!("The newest backup is fresh; in hours: {hours}."))
    })
}

/// Whether the model in this binary is whole.
pub(super) fn model() -> Finding {
    if matching::embed::is_model_intact() {
        return Finding::ok("model", "The model is the one that models.lock names.");
    }
    Finding::fail("model", "The model in this program is not the one that models.lock names.")
        .mend("Get or build the program anew: this file is damaged.")
}
