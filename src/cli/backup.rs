//! `tandem backup`: a backup beside a running server or without one.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args as ClapArgs;

use super::{say, say_json};
use crate::backup;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::error::Result;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The file to make [default: one named after the moment, in the data directory's backups/]
    file: Option<PathBuf>,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: &Flags, args: Args) -> Result<()> {
    let config = Config::load(flags)?;
    super::log(&config, Some("warn"));
    let halt = AtomicBool::new(false);
    let made = backup::make(&config.data_dir, args.file.as_deref(), &Clock::System, "backup", &halt)?;
    if args.json {
        let file = made.path.display().to_string();
        return say_json(&serde_json::json!({ "file": file, "bytes": made.bytes, "manifest": made.manifest }));
    }
    let n_rows: u64 = made.manifest.census.counts.values().sum();
    say(&format!("{}", made.path.display()))?;
    say(&format!("{} bytes with {n_rows} rows, restored on trial.", made.bytes))
}
