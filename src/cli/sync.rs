//! `tandem sync`: looks through the Airtable base, with each bad record named.

use clap::Args as ClapArgs;

use super::{open, progress, say, say_json};
use crate::config::{Config, Flags};
use crate::error::{Error, Result};
use crate::sync::airtable::{Order, Report, Source};

/// Lines printed of a sort at most; `--json` has them all.
const PRINTED: usize = 50;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// List what would change, keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Hide mentors whose records are gone, however many they are
    #[arg(long)]
    force: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let missing = || {
        let problem =
            "No Airtable base is set up: set sync.airtable_token, sync.airtable_base and sync.airtable_table.";
        Error::operator("sync_not_set_up", problem)
    };
    // Said before the data directory is taken and the model is read.
    if !Config::load(&flags)?.sync.has_airtable() {
        return Err(missing());
    }
    let app = open(&flags, "sync").map_err(in_use)?;
    let airtable = app.airtable.clone().ok_or_else(missing)?;
    let order = Order { source: Source::Reconcile, is_dry: args.dry_run, is_forced: args.force };
    let report = airtable.reconcile(&app.db, order, &|| false, |_| Ok(()))?;
    if args.json {
        say_json(&report)?;
    } else {
        print(&report, args.dry_run)?;
    }
    if !args.dry_run {
        let n_dead = progress::finish_jobs(&app, "Reading mentors' profiles")?;
        if n_dead > 0 {
            say(&format!("{n_dead} profiles could not be read by the model; `tandem reindex` tries again."))?;
        }
        app.rest()?;
    }
    if report.refused.is_empty() {
        Ok(())
    } else {
        Err(Error::operator("records_left_out", format!("{} records were left out.", report.refused.len())))
    }
}

/// A Tandem that runs on the directory can do the same by itself.
fn in_use(refusal: Error) -> Error {
    if refusal.code != "directory_locked" {
        return refusal;
    }
    let problem = format!(
        "{} A Tandem that runs looks through the base by itself every sync.reconcile_minutes, or at once on \
         POST /api/cron/sync.",
        refusal.message
    );
    Error::operator("directory_locked", problem)
}

fn print(report: &Report, is_dry: bool) -> Result<()> {
    let would = if is_dry { "would be " } else { "" };
    say(&format!(
        "{} records read: {would}{} changed, {} unchanged; {would}{} hidden; {} left out",
        report.read,
        report.changed.len(),
        report.unchanged,
        report.hidden.len(),
        report.refused.len(),
    ))?;
    if !report.unknown_fields.is_empty() {
        say(&format!("Columns nobody knows, left out: {}", report.unknown_fields.join(", ")))?;
    }
    some(&report.changed, |it| {
        let what = if it.is_new { "new".to_owned() } else { it.fields.join(", ") };
        format!("{} {}: {what}", it.record, it.name)
    })?;
    some(&report.hidden, |it| format!("{} {}: no longer in the base, {would}hidden", it.record, it.name))?;
    some(&report.refused, |it| format!("{} left out: {}", it.record, it.reason))
}

fn some<T>(all: &[T], line: impl Fn(&T) -> String) -> Result<()> {
    for it in all.iter().take(PRINTED) {
        say(&line(it))?;
    }
    if all.len() > PRINTED {
        say(&format!("... and {} more (--json lists them all)", all.len() - PRINTED))?;
    }
    Ok(())
}
