//! `tandem reindex`: throws the keyword index away and makes it anew from the database, tries again what could not be
//! embedded, and makes vectors of an earlier model anew.

use std::time::{Duration, Instant};

use clap::Args as ClapArgs;

use super::{progress, say, say_json};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use crate::db::DirectoryLock;
use crate::error::{Error, Result};
use crate::matching::keywords;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let config = Config::load(&flags)?;
    super::log(&config, Some("warn"));
    let began = Instant::now();
    {
        // Nobody may be using the index while it goes; the house takes the lock again below.
        let _lock = DirectoryLock::take(&config.data_dir, "reindex")?;
        keywords::remove(&keywords::directory(&config.data_dir))?;
    }
    let app = App::open(config, Clock::System, "reindex")?;
    app.matcher.remake_dead_vectors()?;
    let n_dead = progress::finish_jobs(&app, "Reading mentors' profiles")?;
    progress::renew(&app, "Making vectors anew")?;
    if !app.matcher.settle(Duration::from_mins(10)) {
        return Err(Error::operator("reindex_incomplete", "The keyword index could not be made; the log says why."));
    }
    app.rest()?;
    let seconds = (began.elapsed().as_secs_f64() * 100.0).round() / 100.0;
    let n_mentors = app.matcher.n_visible();
    if args.json {
        return say_json(&serde_json::json!({ "mentors": n_mentors, "failed": n_dead, "seconds": seconds }));
    }
    say(&format!("{n_mentors} mentors indexed in {seconds} s; {n_dead} failed"))
}
