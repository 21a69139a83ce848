//! `tandem import`: people from a file, with each bad line named.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::{open, progress, say, say_json};
use crate::audit::Actor;
use crate::config::Flags;
use crate::error::{Error, OrInternal, Result};
use crate::sync::{self, Report};

/// Problems printed at most; `--json` has them all.
const PRINTED: usize = 50;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A .jsonl file (one Airtable payload or mentee a line) or a .csv file with the same column names
    file: PathBuf,
    /// What the file holds, where its lines do not say it
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Try everything, keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave the vectors to the server's next start
    #[arg(long)]
    no_embed: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Mentors,
    Mentees,
}

pub(super) fn run(flags: Flags, args: &Args) -> Result<()> {
    let format = sync::format_of(&args.file)?;
    let unreadable =
        |cause| Error::operator("file_unreadable", format!("{} cannot be read.", args.file.display())).because(cause);
    let file = File::open(&args.file).map_err(unreadable)?;
    let length = file.metadata().or_internal("looking at the file")?.len();
    let app = open(&flags, "import")?;
    let kind = args.kind.map(|kind| match kind {
        Kind::Mentors => sync::Kind::Mentors,
        Kind::Mentees => sync::Kind::Mentees,
    });
    let bar = progress::bar("Reading lines", length);
    // The bar follows bytes, because only the end tells how many lines there are.
    let input = BufReader::new(bar.wrap_read(file));
    let report = sync::import(&app.db, &Actor::nobody("import"), input, format, kind, args.dry_run, |_| ());
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        say_json(&report)?;
    } else {
        print(&report, args.dry_run)?;
    }
    if !args.dry_run && !args.no_embed {
        let n_dead = progress::finish_jobs(&app, "Reading mentors' profiles")?;
        if n_dead > 0 {
            say(&format!("{n_dead} profiles could not be read by the model; `tandem reindex` tries again."))?;
        }
        app.rest()?;
    }
    if report.refused == 0 {
        Ok(())
    } else {
        Err(Error::operator("lines_left_out", format!("{} lines were left out.", report.refused)))
    }
}

fn print(report: &Report, is_dry: bool) -> Result<()> {
    let would = if is_dry { "would be " } else { "" };
    say(&format!("{} people read: {would}{} changed, {} unchanged", report.read, report.changed, report.unchanged))?;
    if !report.unknown_fields.is_empty() {
        say(&format!("Columns nobody knows, left out: {}", report.unknown_fields.join(", ")))?;
    }
    for error in report.errors.iter().take(PRINTED) {
        say(&format!("line {}: {}", error.line, error.problem))?;
    }
    if report.errors.len() > PRINTED {
        say(&format!("... and {} more (--json lists them all)", report.errors.len() - PRINTED))?;
    }
    Ok(())
}
