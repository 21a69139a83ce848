//! `tandem doctor`: what is wrong, and what mends it.

use clap::Args as ClapArgs;
use serde::Serialize;

use super::{health, say, say_json};
use crate::clock::Clock;
use crate::config::{self, Config, Flags};
use crate::error::{Error, Result};
use crate::upkeep::State;
use crate::upkeep::doctor::{Finding, Patient, unreadable_settings};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Mend what can be mended without loss, and say what was done
    #[arg(long)]
    fix: bool,
}

/// Everything that was found.
#[derive(Serialize)]
struct Report {
    /// The worst state of all.
    state: State,
    findings: Vec<Finding>,
    /// What was mended, a sentence each.
    fixed: Vec<String>,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let (findings, fixed) = match Config::load(&flags) {
        Ok(config) => {
            super::log(&config, Some("error"));
            let is_answering = health::is_alive(&config);
            let patient = Patient::of(config, config::settings(&flags)?, Clock::System, is_answering);
            let findings = patient.examine();
            let fixed = if args.fix { patient.mend(&findings)? } else { Vec::new() };
            // What was mended is looked at again: it is not enough to have tried.
            if fixed.is_empty() { (findings, fixed) } else { (patient.examine(), fixed) }
        }
        Err(refusal) => (vec![unreadable_settings(&refusal)], Vec::new()),
    };
    let state = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    let report = Report { state, findings, fixed };
    if args.json {
        say_json(&report)?;
    } else {
        tell(&report)?;
    }
    if state == State::Fail {
        return Err(Error::operator("unwell", "Something is wrong; see above for what mends it."));
    }
    Ok(())
}

fn tell(report: &Report) -> Result<()> {
    for finding in &report.findings {
        say(&format!("{:4}  {:14} {}", finding.state.name(), finding.id, finding.says))?;
        if let Some(mend) = finding.mend.as_ref().filter(|_| finding.state != State::Ok) {
            say(&format!("{:20} -> {mend}", ""))?;
        }
    }
    report.fixed.iter().try_for_each(|done| say(&format!("fixed {done}")))
}
