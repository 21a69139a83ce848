//! The command line: one file a command. Each opens the house, calls a verb and prints.

mod acme;
mod admin;
mod backup;
mod bench;
mod config;
mod connections;
mod demo;
mod doctor;
mod embed;
mod eval;
mod export;
mod health;
mod import;
mod listen;
mod matches;
mod notify;
mod progress;
mod reindex;
mod restore;
mod serve;
mod sync;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Flags, LogFormat};
use crate::error::{OrInternal, Result};

/// Tandem runs a mentoring program: describe a need, get ranked mentors, book office hours.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file [default: config.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that holds all data
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the program's pages and JSON interface
    Serve(serve::Args),
    /// Runs a demo program with 200 fictional mentors, ready to click
    Demo(demo::Args),
    /// Answers a question from the command line
    Match(matches::Args),
    /// Takes in what a program owns from a .jsonl or .csv file, or from a directory of them
    Import(import::Args),
    /// Looks through the Airtable base and takes in what differs
    Sync(sync::Args),
    /// Writes all that the program owns to .jsonl or .csv files
    Export(export::Args),
    /// Turns lines of text into vectors, one JSON array a line
    Embed(embed::Args),
    /// Measures ranking on graded questions
    Eval(eval::Args),
    /// Measures speed
    #[command(subcommand)]
    Bench(bench::Command),
    /// Accounts of those who run Tandem
    #[command(subcommand)]
    Admin(admin::Command),
    /// Makes a backup and proves it; a server may be running meanwhile
    Backup(backup::Args),
    /// Brings a backup back, once all of it is proven
    Restore(restore::Args),
    /// Makes the indexes anew from the database
    Reindex(reindex::Args),
    /// Says what is wrong with this Tandem, and what mends it
    Doctor(doctor::Args),
    /// Asks a running Tandem whether it lives
    Health(health::Args),
    /// Checks and shows the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Prints a shell's completions
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Prints the manual page, or writes one for each command
    Man {
        /// Write the pages of all commands into this directory
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Parses the command line and runs it. 0 done, 1 failed, 2 bad usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            // Where even the error cannot be printed there is nobody to tell.
            drop(writeln!(std::io::stderr(), "error: {refusal}"));
            if let Some(cause) = refusal.cause() {
                drop(writeln!(std::io::stderr(), "cause: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let flags = Flags { config: cli.config, data_dir: cli.data_dir, ..Flags::default() };
    match cli.command {
        Command::Serve(args) => serve::run(flags, args),
        Command::Demo(args) => demo::run(flags, args),
        Command::Match(args) => matches::run(flags, args),
        Command::Import(args) => import::run(flags, &args),
        Command::Sync(args) => sync::run(flags, args),
        Command::Export(args) => export::run(flags, &args),
        Command::Embed(args) => embed::run(flags, args),
        Command::Eval(args) => eval::run(flags, &args),
        Command::Bench(command) => bench::run(flags, command),
        Command::Admin(command) => admin::run(flags, command),
        Command::Backup(args) => backup::run(&flags, args),
        Command::Restore(args) => restore::run(&flags, args),
        Command::Reindex(args) => reindex::run(flags, args),
        Command::Doctor(args) => doctor::run(flags, args),
        Command::Health(args) => health::run(flags, args),
        Command::Config(command) => config::run(flags, command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tandem", &mut std::io::stdout());
            Ok(())
        }
        Command::Man { dir: None } => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()).or_internal("printing the manual")
        }
        Command::Man { dir: Some(dir) } => {
            std::fs::create_dir_all(&dir).or_internal("making the manual's directory")?;
            clap_mangen::generate_to(Cli::command(), dir).or_internal("writing the manual")
        }
    }
}

/// Opens the house for a command that is over when its work is.
fn open(flags: &Flags, command: &str) -> Result<App> {
    let config = Config::load(flags)?;
    log(&config, Some("warn"));
    App::open(config, Clock::System, command)
}

/// Starts the log on standard error: as configured, or at `level` for commands that print results, unless the
/// environment asks for more.
fn log(config: &Config, level: Option<&str>) {
    let level = level.filter(|_| std::env::var_os("TANDEM_LOG__LEVEL").is_none());
    let filter = EnvFilter::try_new(level.unwrap_or(&config.log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_colored());
    // A log that was started already stays: only tests start two.
    drop(match config.log.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    });
}

/// Colours are for people who look: a file or a pipe gets plain text.
fn is_colored() -> bool {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    !is_unwanted && std::io::stderr().is_terminal()
}

/// Prints a line; a reader that went away ends the command quietly.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}") {
        Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome.or_internal("printing"),
    }
}

/// Prints a value as JSON.
fn say_json(value: &impl serde::Serialize) -> Result<()> {
    say(&serde_json::to_string_pretty(value).or_internal("writing JSON")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
