//! Vectors of an earlier model, made anew a mentor at a time while the earlier ones go on answering; then all are
//! swapped at once and the earlier ones cleared away. Whatever is made is stored at once: a process that dies leaves
//! less to do. It comes after every job and gives way to questions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::embed::model_hash;
use super::load::{self, MODEL_IN_USE, Outdated, Survey, tags_lacking};
use super::vectors::Tier;
use super::{Matcher, Settings, store};
use crate::db::Tx;
use crate::error::Result;
use crate::hex::hex;
use crate::ids::MentorNo;
use crate::{jobs, mentors};

/// Former vectors cleared away in one transaction, so that nobody who writes waits longer than a few milliseconds.
const CLEARED_AT_ONCE: usize = 100;

/// How often the log tells how far it is.
const TELL: Duration = Duration::from_secs(10);

/// How long it rests after a failure of the database or the disk.
const REST: Duration = Duration::from_secs(10);

/// How long one text waits for questions that are being answered, and how often it looks.
const COURTESY: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(1);

/// How far vectors of an earlier model are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Passages that have a vector of the present model.
    pub n_done: u64,
    /// Passages in all.
    pub n_all: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, all) = (grouped(self.n_done), grouped(self.n_all));
        write!(out, "{done} of {all} passages have the new model's vectors")
    }
}

/// A number with a comma between its thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Counts how far it is in the database itself, for whoever looks from beside.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn progress_in(tx: &Tx<'_>) -> Result<Progress> {
    let (n_done, n_all) = store::renewed(tx, &model_hash())?;
    Ok(Progress { n_done, n_all })
}

/// What is left to do, and who does it.
pub(super) struct Renewal {
    /// Held by the one thread that is at it: the other cores are for questions.
    work: Mutex<Work>,
    is_under_way: AtomicBool,
    n_done: AtomicU64,
    n_all: AtomicU64,
    tier: Tier,
    n_permits: usize,
    has_one_core: bool,
}

struct Work {
    step: Step,
    /// Mentors whose texts the model could not read: they keep the vectors they have.
    left_behind: BTreeSet<u32>,
    /// Texts that this process has embedded anew.
    n_embedded: u64,
    /// Nothing is tried before this, after a failure.
    rests_until: Option<Instant>,
    told_at: Option<Instant>,
}

enum Step {
    /// Making vectors anew; the next mentor stands last.
    Making(Vec<Outdated>),
    /// Clearing former vectors away, `None` before their rows were looked up.
    Clearing(Option<Vec<i64>>),
    Over,
}

impl Renewal {
    /// Takes up what `survey` has found.
    pub(super) fn new(survey: Survey, settings: Settings) -> Self {
        let n_done = survey.n_passages.saturating_sub(survey.n_lacking);
        let is_all_there = survey.n_lacking == 0 && survey.to_renew.is_empty();
        let step = match (survey.has_others, is_all_there) {
            (false, _) => Step::Over,
            (true, true) => Step::Clearing(None),
            (true, false) => Step::Making(survey.to_renew),
        };
        let is_under_way = matches!(step, Step::Making(_));
        let all = Self {
            work: Mutex::new(Work {
                step,
                left_behind: BTreeSet::new(),
                n_embedded: 0,
                rests_until: None,
                told_at: None,
            }),
            is_under_way: AtomicBool::new(is_under_way),
            n_done: AtomicU64::new(n_done),
            n_all: AtomicU64::new(survey.n_passages),
            tier: settings.tier,
            n_permits: settings.n_permits,
            has_one_core: std::thread::available_parallelism().map_or(1, usize::from) == 1,
        };
        if let Some(progress) = all.progress() {
            tracing::info!("{progress}; those of an earlier model answer until all have");
        }
        all
    }

    /// How far it is, while it is under way.
    pub(super) fn progress(&self) -> Option<Progress> {
        self.is_under_way.load(Ordering::SeqCst).then(|| {
            let n_all = self.n_all.load(Ordering::SeqCst);
            Progress { n_done: self.n_done.load(Ordering::SeqCst).min(n_all), n_all }
        })
    }
}

impl Matcher {
    /// Does a small piece of making vectors anew; `false` where nothing is to be done, or another thread is at it.
    ///
    /// # Errors
    /// Internal, where the database fails; it is tried again after a rest.
    pub fn renew(self: &Arc<Self>) -> Result<bool> {
        let mut work = match self.renewal.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        if work.rests_until.is_some_and(|until| Instant::now() < until) {
            return Ok(false);
        }
        // Should this panic, it rests as after a failure.
        work.rests_until = Some(Instant::now() + REST);
        let did = self.do_piece(&mut work)?;
        work.rests_until = None;
        Ok(did)
    }

    fn do_piece(self: &Arc<Self>, work: &mut Work) -> Result<bool> {
        match &mut work.step {
            Step::Over => Ok(false),
            Step::Making(waiting) => match waiting.last().copied() {
                None => self.conclude(work),
                Some(mentor) => {
                    self.renew_one(work, mentor.number)?;
                    if let Step::Making(waiting) = &mut work.step {
                        waiting.pop();
                    }
                    self.renewal.n_done.fetch_add(mentor.n_lacking, Ordering::SeqCst);
                    self.tell(work);
                    Ok(true)
                }
            },
            Step::Clearing(rows) => {
                let rows = match rows {
                    Some(rows) => rows,
                    None => rows.insert(self.db.read_here(|tx| store::others(tx, &model_hash()))?),
                };
                self.clear(rows)?;
                if rows.is_empty() {
                    work.step = Step::Over;
                    self.live.write().unwrap_or_else(PoisonError::into_inner).models = vec![model_hash()];
                    tracing::info!("vectors of earlier models are cleared away");
                }
                Ok(true)
            }
        }
    }

    /// Makes and stores what one mentor lacks.
    fn renew_one(&self, work: &mut Work, number: u32) -> Result<()> {
        let number = MentorNo(number);
        let wanted = self.db.read_here(|tx| lacking(tx, number))?;
        let mut made = Vec::with_capacity(wanted.len());
        for (hash, text) in wanted {
            self.give_way();
            let began = Instant::now();
            match self.embedder.embed(&text) {
                Ok(vector) => made.push((hash, vector)),
                Err(refusal) => {
                    tracing::warn!(
                        mentor = number.0,
                        cause = refusal.cause(),
                        "vectors cannot be made anew: {refusal}"
                    );
                    work.left_behind.insert(number.0);
                    break;
                }
            }
            work.n_embedded += 1;
            if self.renewal.has_one_core {
                std::thread::sleep(began.elapsed());
            }
        }
        if made.is_empty() {
            return Ok(());
        }
        self.db.write_here(|tx| {
            // What nobody says any more, because it was changed or erased meanwhile, is not written down.
            let still: BTreeSet<[u8; 32]> = lacking(tx, number)?.into_iter().map(|(hash, _)| hash).collect();
            for (hash, vector) in made.iter().filter(|(hash, _)| still.contains(hash)) {
                store::insert_embedding(tx, &model_hash(), hash, vector)?;
            }
            Ok(())
        })
    }

    /// Waits while questions are being answered, never for long: a busy house must get there too.
    fn give_way(&self) {
        let mut left = COURTESY;
        while self.permits.available_permits() < self.renewal.n_permits && !left.is_zero() {
            std::thread::sleep(LOOK);
            left = left.saturating_sub(LOOK);
        }
    }

    /// Takes the new vectors into use, all at once, where nobody lacks them any more.
    fn conclude(self: &Arc<Self>, work: &mut Work) -> Result<bool> {
        // Their vectors come in a moment, or never; they are not waited for for ever.
        if self.db.read_here(|tx| jobs::depth_of(tx, jobs::Kind::Embed))?.has_work() {
            return Ok(false);
        }
        let (live, survey) = load::read_anew(&self.db, self.renewal.tier)?;
        let again: Vec<Outdated> =
            survey.to_renew.into_iter().filter(|it| !work.left_behind.contains(&it.number)).collect();
        if !again.is_empty() {
            work.step = Step::Making(again);
            return Ok(true);
        }
        let former = {
            let mut current = self.live.write().unwrap_or_else(PoisonError::into_inner);
            let former = std::mem::replace(&mut *current, live);
            // Read a moment ago: what was changed since is in none of it.
            if let Err(refusal) = self.bring_up(&mut current) {
                *current = former;
                return Err(refusal);
            }
            former
        };
        // Nobody waits while the memory of many is given back.
        drop(former);
        self.build_graph_if_wanted();
        self.renewal.is_under_way.store(false, Ordering::SeqCst);
        tracing::info!(
            embedded = work.n_embedded,
            "all passages have the new model's vectors, which answer from now on"
        );
        // Before any of the former ones goes: a start after a sudden end must not go back to what is left of them.
        self.db.write_here(|tx| tx.set_setting(MODEL_IN_USE, &hex(&model_hash())))?;
        work.step = if survey.n_lacking == 0 && work.left_behind.is_empty() {
            Step::Clearing(None)
        } else {
            tracing::warn!(
                mentors = work.left_behind.len(),
                "some keep vectors of an earlier model until the next start"
            );
            Step::Over
        };
        Ok(true)
    }

    fn clear(&self, rows: &mut Vec<i64>) -> Result<()> {
        let left = rows.len().saturating_sub(CLEARED_AT_ONCE);
        self.db.write_here(|tx| {
            // Here too, for former vectors that were found without having been in use.
            if tx.setting(MODEL_IN_USE)?.is_none_or(|it| it != hex(&model_hash())) {
                tx.set_setting(MODEL_IN_USE, &hex(&model_hash()))?;
            }
            rows[left..].iter().try_for_each(|row| store::delete_embedding(tx, *row))
        })?;
        rows.truncate(left);
        Ok(())
    }

    fn tell(&self, work: &mut Work) {
        if work.told_at.is_some_and(|told_at| told_at.elapsed() < TELL) {
            return;
        }
        work.told_at = Some(Instant::now());
        if let Some(progress) = self.renewal.progress() {
            tracing::info!(embedded = work.n_embedded, "{progress}");
        }
    }
}

/// The texts of a mentor that have no vector of this model: passages as they are in use, and tags.
fn lacking(tx: &Tx<'_>, number: MentorNo) -> Result<Vec<([u8; 32], String)>> {
    let Some(mentor) = mentors::by_number(tx, number)? else { return Ok(Vec::new()) };
    let mut lacking = store::lacking(tx, &model_hash(), number)?;
    lacking.extend(tags_lacking(tx, &mentor)?);
    // Two passages, or a headline and a tag, may say the same.
    let mut known = BTreeSet::new();
    lacking.retain(|(hash, _)| known.insert(*hash));
    Ok(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_with_commas_between_thousands() {
        let told = |n_done, n_all| Progress { n_done, n_all }.to_string();
        assert_eq!(told(1_240, 8_000), "1,240 of 8,000 passages have the new model's vectors");
        assert_eq!(told(0, 999), "0 of 999 passages have the new model's vectors");
        assert_eq!(told(100_000, 1_234_567), "100,000 of 1,234,567 passages have the new model's vectors");
    }
}
