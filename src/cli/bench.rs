//! stub
use crate::config::Flags;
use crate::error::Result;
use clap::Subcommand;
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// x
    Match,
}
pub(super) fn run(_flags: Flags, _command: Command) -> Result<()> {
    Ok(())
}
