//! `tandem doctor`: looks at everything that may be wrong with a house and its surroundings, and says of each what it
//! found and what would mend it. It works beside a running server, which it does not disturb; what it mends by itself
//! is only what can be mended without loss.

mod data;
mod files;
mod settings;
mod surroundings;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::State;
use crate::clock::Clock;
use crate::config::{Config, Setting};
use crate::db::{Db, DirectoryLock};
use crate::error::{Error, Result};
use crate::jobs;
use crate::matching::keywords;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Its name, stable for programs.
    pub id: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, in a sentence.
    pub says: String,
    /// The command or the setting that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// What `--fix` does about it.
    #[serde(skip)]
    cure: Option<Cure>,
}

/// What can be mended without loss.
#[derive(Clone, Debug)]
enum Cure {
    /// Take these away from everybody but their owner.
    Close(Vec<PathBuf>),
    /// Remove an index that cannot be used: it comes back by itself.
    RemoveKeywords,
    /// Let go of jobs that no living process holds.
    ReleaseJobs,
}

impl Finding {
    fn ok(id: &'static str, says: impl Into<String>) -> Self {
        Self { id, state: State::Ok, says: says.into(), mend: None, cure: None }
    }

    fn warn(id: &'static str, says: impl Into<String>) -> Self {
        Self { state: State::Warn, ..Self::ok(id, says) }
    }

    fn fail(id: &'static str, says: impl Into<String>) -> Self {
        Self { state: State::Fail, ..Self::ok(id, says) }
    }

    fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    fn cure(self, cure: Cure) -> Self {
        Self { cure: Some(cure), ..self }
    }
}

/// Who holds the data directory.
enum Holder {
    /// This process, so that nobody begins to work on it meanwhile.
    Us,
    /// Another process, as it calls itself.
    Another(String),
    /// Nobody, for it is not there yet.
    NoDirectory,
    /// Nobody can: it cannot be used.
    Unusable(String),
}

/// The house that is looked at.
pub struct Patient {
    config: Config,
    settings: Vec<Setting>,
    clock: Clock,
    holder: Holder,
    /// Whether the Tandem that these settings mean answers.
    is_answering: bool,
    _lock: Option<DirectoryLock>,
}

impl Patient {
    /// The house of these settings. Takes its directory for as long as this lives, unless another process holds it.
    pub fn of(config: Config, settings: Vec<Setting>, clock: Clock, is_answering: bool) -> Self {
        let (holder, lock) = if config.data_dir.is_dir() {
            match DirectoryLock::take(&config.data_dir, "doctor") {
                Ok(lock) => (Holder::Us, Some(lock)),
                Err(refusal) if refusal.code == "directory_locked" => (Holder::Another(by_whom(&refusal)), None),
                Err(refusal) => (Holder::Unusable(refusal.to_string()), None),
            }
        } else {
            (Holder::NoDirectory, None)
        };
        Self { config, settings, clock, holder, is_answering, _lock: lock }
    }

    /// Looks at everything.
    pub fn examine(&self) -> Vec<Finding> {
        let mut findings = settings::examine(&self.config, &self.settings);
        findings.extend(files::examine(self));
        findings.extend(data::examine(self));
        findings.extend(surroundings::examine(self));
        findings
    }

    /// Mends what can be mended without loss, and says what was done, a sentence each.
    ///
    /// # Errors
    /// Internal, where the disk refuses.
    pub fn mend(&self, findings: &[Finding]) -> Result<Vec<String>> {
        let mut done = Vec::new();
        for cure in findings.iter().filter_map(|finding| finding.cure.as_ref()) {
            match cure {
                Cure::Close(paths) => {
                    for path in paths {
                        files::close(path)?;
                        done.push(format!("{} is its owner's alone now.", path.display()));
                    }
                }
                // What a server works with is not taken from under it.
                _ if !matches!(self.holder, Holder::Us) => {}
                Cure::RemoveKeywords => {
                    keywords::remove(&keywords::directory(&self.config.data_dir))?;
                    done.push("The keyword index was removed; it is made anew at the next start.".to_owned());
                }
                Cure::ReleaseJobs => {
                    let db = Db::open(&self.config.data_dir, self.clock.clone(), 1)?;
                    db.write_here(jobs::release_all)?;
                    db.checkpoint()?;
                    done.push("Jobs of a process that died wait for their next try again.".to_owned());
                }
            }
        }
        Ok(done)
    }
}

/// Who holds the directory, without the way out that others are shown: doctor works beside it.
fn by_whom(refusal: &Error) -> String {
    refusal.message.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}

/// What is found where the settings themselves cannot be read: there is nothing else to look at.
pub fn unreadable_settings(refusal: &Error) -> Finding {
    Finding::fail("config", refusal.to_string()).mend("Edit what is named, then: tandem config check")
}

/// A path as people can use it from anywhere.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
