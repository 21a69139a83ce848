//! `tandem export`: all that the program owns as files, one a kind.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::{open, progress, say, say_json};
use crate::audit::Actor;
use crate::books;
use crate::config::Flags;
use crate::db::Tx;
use crate::error::{Error, OrInternal, Result};
use crate::sync::Format;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The directory for the files, made where it is missing; without one, one --kind is printed
    dir: Option<PathBuf>,
    /// What to export: all kinds unless said otherwise
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// How the files are written
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: Form,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// What a file holds, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Mentors,
    Mentees,
    Hours,
    Availability,
    Sessions,
    Feedback,
}

impl From<Kind> for books::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mentors => Self::Mentors,
            Kind::Mentees => Self::Mentees,
            Kind::Hours => Self::Hours,
            Kind::Availability => Self::Availability,
            Kind::Sessions => Self::Sessions,
            Kind::Feedback => Self::Feedback,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Jsonl,
    Csv,
}

#[derive(Serialize)]
struct Written {
    kind: &'static str,
    #[serde(rename = "file")]
    path: PathBuf,
    lines: u64,
}

pub(super) fn run(flags: Flags, args: &Args) -> Result<()> {
    let (format, ending) = match args.format {
        Form::Jsonl => (Format::JsonLines, "jsonl"),
        Form::Csv => (Format::Csv, "csv"),
    };
    let all = books::Kind::ALL.into_iter();
    let kinds: Vec<books::Kind> = all
        .filter(|kind| args.kinds.is_empty() || args.kinds.iter().any(|it| books::Kind::from(*it) == *kind))
        .collect();
    let Some(dir) = &args.dir else {
        let [kind] = kinds[..] else {
            let message = "Name a directory for the files, or one --kind to print.";
            return Err(Error::operator("which_export", message));
        };
        let app = open(&flags, "export")?;
        let n_lines = app.db.read_here(|tx| books::export(tx, kind, format, Pipe(std::io::stdout().lock()), || ()))?;
        return app.db.write_here(|tx| books::note_export(tx, &Actor::nobody("command"), kind, n_lines));
    };
    let files: Vec<(books::Kind, PathBuf)> =
        kinds.into_iter().map(|kind| (kind, dir.join(format!("{}.{ending}", kind.name())))).collect();
    if let Some((_, there)) = files.iter().find(|(_, path)| !args.force && path.exists()) {
        let message = format!("{} is there already; --force replaces it.", there.display());
        return Err(Error::operator("file_exists", message));
    }
    fs::create_dir_all(dir).map_err(|cause| unwritable(dir).because(cause))?;
    let app = open(&flags, "export")?;
    let written = app.db.read_here(|tx| write_all(tx, dir, files, format, args.force))?;
    app.db.write_here(|tx| {
        written.iter().try_for_each(|(kind, file)| books::note_export(tx, &Actor::nobody("command"), *kind, file.lines))
    })?;
    let written: Vec<Written> = written.into_iter().map(|(_, file)| file).collect();
    if args.json {
        return say_json(&written);
    }
    written.iter().try_for_each(|file| say(&format!("{}: {} lines", file.path.display(), file.lines)))
}

fn unwritable(path: &Path) -> Error {
    Error::operator("file_unwritable", format!("{} cannot be written.", path.display()))
}

/// Writes all files as the database stands at one moment. Each takes its name only when all are whole.
fn write_all(
    tx: &Tx<'_>,
    dir: &Path,
    files: Vec<(books::Kind, PathBuf)>,
    format: Format,
    replaces: bool,
) -> Result<Vec<(books::Kind, Written)>> {
    let mut n_all = 0;
    for (kind, _) in &files {
        n_all += u64::from(books::count(tx, *kind)?);
    }
    let bar = progress::bar("Writing lines", n_all);
    let mut whole = Vec::with_capacity(files.len());
    for (kind, path) in files {
        let file = NamedTempFile::new_in(dir).map_err(|cause| unwritable(dir).because(cause))?;
        let lines = write_one(tx, kind, format, &file, &bar)?;
        whole.push((kind, path, file, lines));
    }
    let mut written = Vec::with_capacity(whole.len());
    for (kind, path, file, lines) in whole {
        let kept = if replaces { file.persist(&path) } else { file.persist_noclobber(&path) };
        kept.map_err(|cause| unwritable(&path).because(cause))?;
        written.push((kind, Written { kind: kind.name(), path, lines }));
    }
    bar.finish_and_clear();
    Ok(written)
}

fn write_one(tx: &Tx<'_>, kind: books::Kind, format: Format, file: &NamedTempFile, bar: &ProgressBar) -> Result<u64> {
    let lines = books::export(tx, kind, format, BufWriter::new(file), || bar.inc(1))?;
    file.as_file().sync_all().or_internal("writing an export")?;
    Ok(lines)
}

/// Standard output; a reader that went away ends the command quietly.
struct Pipe<W>(W);

impl<W: Write> Pipe<W> {
    fn quietly<T>(outcome: std::io::Result<T>) -> std::io::Result<T> {
        match outcome {
            Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            outcome => outcome,
        }
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Self::quietly(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Self::quietly(self.0.flush())
    }
}
