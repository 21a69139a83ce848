//! `tandem embed`: a text a line in, a vector a line out. Needs no data directory.

use std::io::BufRead;

use clap::Args as ClapArgs;

use super::say;
use crate::config::{Config, Flags};
use crate::error::{OrInternal, Result};
use crate::matching::Embedder;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Accepted for scripts that ask every command for JSON; the output is JSON lines in any case
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let Args { json: _ } = args;
    let config = Config::load(&flags)?;
    super::log(&config, Some("warn"));
    let embedder = Embedder::open(&config.embedding)?;
    for line in std::io::stdin().lock().lines() {
        let vector = embedder.embed(&line.or_internal("reading a line (is it UTF-8?)")?)?;
        say(&serde_json::to_string(&vector).or_internal("writing JSON")?)?;
    }
    Ok(())
}
