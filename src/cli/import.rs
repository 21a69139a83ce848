//! `tandem import`: what a program owns from a file or a directory of files, with each bad line named.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Serialize;

use super::export::Kind;
use super::{open, progress, say, say_json};
use crate::app::App;
use crate::audit::Actor;
use crate::books;
use crate::config::Flags;
use crate::error::{Error, OrInternal, Result};
use crate::sync::{self, Manner, Outcome, Place, Report};

/// Problems printed at most; `--json` has them all.
const PRINTED: usize = 50;

/// Endings of files that a directory may hold.
const ENDINGS: [&str; 2] = ["jsonl", "csv"];

#[derive(Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Args {
    /// A .jsonl or .csv file, or a directory such as `export` writes
    file: PathBuf,
    /// What the file holds, where neither its name nor its lines say it
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Try everything, keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell of every line what became of it, or would
    #[arg(long)]
    rows: bool,
    /// Leave the vectors to the server's next start
    #[arg(long)]
    no_embed: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// One file's report among several.
#[derive(Serialize)]
struct Told {
    file: PathBuf,
    #[serde(flatten)]
    report: Report,
}

pub(super) fn run(flags: Flags, args: &Args) -> Result<()> {
    let files = files(args)?;
    let app = open(&flags, "import")?;
    let told = if args.dry_run {
        // In one transaction, so that a file finds what the one before it would have brought.
        app.db
            .rehearse_here(|tx| files.iter().map(|file| take(Place::Tried(tx), args, file)).collect::<Result<Vec<_>>>())
    } else {
        files.iter().map(|file| take(Place::Kept(&app.db), args, file)).collect()
    }?;
    match (&told[..], args.json) {
        // A file alone is told as it always was.
        ([alone], true) if !args.file.is_dir() => say_json(&alone.report)?,
        (_, true) => say_json(&told)?,
        (_, false) => told.iter().try_for_each(|told| print(told, args))?,
    }
    if !args.dry_run && !args.no_embed {
        embed(&app)?;
    }
    match told.iter().map(|told| told.report.refused).sum::<u64>() {
        0 => Ok(()),
        n_refused => Err(Error::operator("lines_left_out", format!("{n_refused} lines were left out."))),
    }
}

fn embed(app: &App) -> Result<()> {
    let n_dead = progress::finish_jobs(app, "Reading mentors' profiles")?;
    if n_dead > 0 {
        say(&format!("{n_dead} profiles could not be read by the model; `tandem reindex` tries again."))?;
    }
    app.rest()
}

/// The file, or those of a directory in the order in which each finds what it points at.
fn files(args: &Args) -> Result<Vec<(PathBuf, Option<books::Kind>)>> {
    let named = args.kind.map(books::Kind::from);
    if !args.file.is_dir() {
        return Ok(vec![(args.file.clone(), named.or_else(|| by_name(&args.file)))]);
    }
    let mut files = Vec::new();
    for kind in books::Kind::ALL.into_iter().filter(|kind| named.is_none_or(|named| named == *kind)) {
        let there: Vec<PathBuf> = ENDINGS
            .into_iter()
            .map(|ending| args.file.join(format!("{}.{ending}", kind.name())))
            .filter(|path| path.is_file())
            .collect();
        if there.len() > 1 {
            let message = format!("The directory holds {0}.jsonl and {0}.csv: leave one of them there.", kind.name());
            return Err(Error::operator("file_twice", message));
        }
        files.extend(there.into_iter().map(|path| (path, Some(kind))));
    }
    if files.is_empty() {
        let message = "The directory holds none of the files that `tandem export` writes, such as mentors.jsonl.";
        return Err(Error::operator("no_files", message));
    }
    Ok(files)
}

fn by_name(path: &Path) -> Option<books::Kind> {
    books::Kind::from_name(path.file_stem()?.to_str()?)
}

fn take(place: Place<'_>, args: &Args, (path, kind): &(PathBuf, Option<books::Kind>)) -> Result<Told> {
    let format = sync::format_of(path)?;
    let unreadable =
        |cause| Error::operator("file_unreadable", format!("{} cannot be read.", path.display())).because(cause);
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().or_internal("looking at the file")?.len();
    let bar = progress::bar("Reading lines", length);
    // The bar follows bytes, because only the end tells how many lines there are.
    let input = BufReader::new(bar.wrap_read(file));
    let manner = Manner { format, n_rows: if args.rows { usize::MAX } else { 0 } };
    let report = books::import(place, &Actor::nobody("import"), manner, *kind, input, |_| ());
    bar.finish_and_clear();
    Ok(Told { file: path.clone(), report: report? })
}

fn print(told: &Told, args: &Args) -> Result<()> {
    let report = &told.report;
    let (file, would) = (told.file.file_name().unwrap_or_default(), if args.dry_run { "would be " } else { "" });
    let counts = format!(
        "{} lines read: {would}{} changed ({} new), {} unchanged, {} left out",
        report.read, report.changed, report.created, report.unchanged, report.refused
    );
    say(&format!("{}: {counts}", file.to_string_lossy()))?;
    if !report.unknown_fields.is_empty() {
        say(&format!("Columns nobody knows, left out: {}", report.unknown_fields.join(", ")))?;
    }
    for row in &report.rows {
        let outcome = match row.outcome {
            Outcome::New => "new",
            Outcome::Changed => "changed",
            Outcome::Unchanged => "unchanged",
            // Told below, with the reason.
            Outcome::Refused => continue,
        };
        say(&format!("line {}: {outcome} {}", row.line, row.about))?;
    }
    for error in report.errors.iter().take(PRINTED) {
        say(&format!("line {}: {}", error.line, error.problem))?;
    }
    if report.errors.len() > PRINTED {
        say(&format!("... and {} more (--json lists them all)", report.errors.len() - PRINTED))?;
    }
    Ok(())
}
