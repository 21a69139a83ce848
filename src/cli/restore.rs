//! `tandem restore`: brings a backup back and says what was there before and is there now.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{say, say_json};
use crate::backup::{self, Restored};
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::error::Result;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The backup
    file: PathBuf,
    /// Replace what the data directory holds; it is moved aside, not removed
    #[arg(long)]
    replace: bool,
    /// Prove the backup to the last row and keep nothing
    #[arg(long, conflicts_with = "replace")]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: &Flags, args: Args) -> Result<()> {
    let config = Config::load(flags)?;
    super::log(&config, Some("warn"));
    if args.dry_run {
        let manifest = backup::verify(&args.file, &Clock::System)?;
        if args.json {
            return say_json(&manifest);
        }
        let n_rows: u64 = manifest.census.counts.values().sum();
        return say(&format!(
            "The backup of {} (Tandem {}, schema {}) is whole: {n_rows} rows.",
            manifest.made_at, manifest.tandem, manifest.census.schema
        ));
    }
    let done = backup::restore(&args.file, &config.data_dir, args.replace, &Clock::System)?;
    if args.json {
        let before = done.before.as_ref().map(|it| &it.counts);
        let aside = done.aside.as_ref().map(|it| it.display().to_string());
        return say_json(&serde_json::json!({
            "madeAt": done.manifest.made_at, "before": before, "after": done.after.counts, "aside": aside,
        }));
    }
    print(&done)?;
    say(&format!("{} holds the backup of {} now.", config.data_dir.display(), done.manifest.made_at))?;
    if done.manifest.is_of_another_model() {
        say(
            "Its vectors are of another model: they answer until those of this version are made, which Tandem does by itself.",
        )?;
    }
    say("The search indexes come back by themselves at the next start.")
}

fn print(done: &Restored) -> Result<()> {
    let before = |table: &str| match &done.before {
        Some(census) => census.counts.get(table).map_or_else(|| "-".to_owned(), ToString::to_string),
        None => "-".to_owned(),
    };
    say(&format!("{:24} {:>10} {:>10}", "rows", "before", "now"))?;
    for (table, n_rows) in &done.after.counts {
        let before = before(table);
        if *n_rows > 0 || before.parse::<u64>().is_ok_and(|n| n > 0) {
            say(&format!("{table:24} {before:>10} {n_rows:>10}"))?;
        }
    }
    match &done.aside {
        Some(aside) => {
            say(&format!("What was there before lies in {}: remove it when you are content.", aside.display()))
        }
        None => Ok(()),
    }
}
