//! `tandem config`: are the settings right, and who set them.

use clap::Subcommand;

use super::{say, say_json};
use crate::config::{Config, Flags, settings};
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Says whether the settings are right
    Check,
    /// Prints every setting with its value and where it comes from; secrets stay hidden
    Show {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(flags: Flags, command: Command) -> Result<()> {
    match command {
        Command::Check => {
            Config::load(&flags)?;
            say("The settings are right.")
        }
        Command::Show { json } => {
            let all = settings(&flags)?;
            if json {
                return say_json(&all);
            }
            let width = all.iter().map(|it| it.key.len()).max().unwrap_or(0);
            all.iter().try_for_each(|it| say(&format!("{:width$} = {}  # {}", it.key, it.value, it.origin)))
        }
    }
}
