//! Keeps memory and indexes up with the change log. `follow` runs after each commit, before the
//! write returns: who hides is gone from the very next answer. Vectors are made by jobs, the
//! keyword index by a thread of its own; both are copies, and whatever is missing comes back.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::catalogue::Catalogue;
use super::embed::{Embedder, model_hash};
use super::keywords::{self, Keywords, Stamp};
use super::live::{Live, texts};
use super::load::{self, loaded};
use super::passages::{self, text_hash};
use super::renewal::Renewal;
use super::store;
use super::vectors::graph;
use super::{Matcher, Settings};
use crate::db::{Change, Db, Tx};
use crate::error::{Error, OrInternal, Result};
use crate::ids::MentorNo;
use crate::jobs;
use crate::mentors::{self, Mentor};

/// Changes that come within this time share one commit of the keyword index.
const GATHER: Duration = Duration::from_millis(100);

/// Changes that never pause are gathered so many times at most.
const LONGEST_GATHERING: usize = 8;

/// How long the keyword index waits after a failure before it tries again.
const PAUSE: Duration = Duration::from_secs(1);

/// The thread that keeps the keyword index.
pub(super) struct Refresher {
    bell: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// How often the bell was rung, and how much of that is in the index.
    n_rung: AtomicU64,
    n_done: AtomicU64,
}

impl Matcher {
    /// Fills the roster from the database and starts the thread that keeps the keyword index.
    /// Mentors whose vectors are missing get a job each; vectors of an earlier model serve until they are made anew.
    ///
    /// # Errors
    /// Internal, where the database cannot be read.
    pub fn open(db: Db, embedder: Arc<Embedder>, settings: Settings) -> Result<Arc<Self>> {
        let (live, survey) = load::open(&db, settings.tier)?;
        let renewal = Renewal::new(survey, settings);
        let matcher = Arc::new(Self {
            db,
            embedder,
            catalogue: Catalogue::load()?,
            questions: Cache::new(settings.cached_questions),
            live: RwLock::new(live),
            renewal,
            keywords: RwLock::new(None),
            refresher: OnceLock::new(),
            permits: Arc::new(Semaphore::new(settings.n_permits)),
            on_change: RwLock::new(None),
            is_building_graph: AtomicBool::new(false),
        });
        let (bell, rung) = channel();
        let weak = Arc::downgrade(&matcher);
        let thread = std::thread::Builder::new()
            .name("keywords".to_owned())
            .spawn(move || keep_keywords(&weak, &rung))
            .or_internal("starting the keyword index's thread")?;
        let refresher = Refresher {
            bell: Mutex::new(Some(bell)),
            thread: Mutex::new(Some(thread)),
            n_rung: AtomicU64::new(0),
            n_done: AtomicU64::new(0),
        };
        if matcher.refresher.set(refresher).is_err() {
            return Err(Error::internal(anyhow::anyhow!("the refresher was started twice")));
        }
        matcher.ring();
        matcher.build_graph_if_wanted();
        Ok(matcher)
    }

    /// Builds the graph beside the live vectors, on a thread of its own, where the configuration or
    /// the size asks for one; the cascade answers until it is attached.
    pub(super) fn build_graph_if_wanted(self: &Arc<Self>) {
        let is_wanted = self.live().vectors.wants_graph();
        if !is_wanted || self.is_building_graph.swap(true, Ordering::SeqCst) {
            return;
        }
        let matcher = Arc::downgrade(self);
        let built = move || {
            let Some(vectors) = matcher.upgrade().map(|matcher| matcher.live().vectors.clone()) else { return };
            // One thread: the same vectors always give the same graph.
            let graph = Arc::new(graph::build(&vectors, 1));
            let Some(matcher) = matcher.upgrade() else { return };
            matcher.live.write().unwrap_or_else(PoisonError::into_inner).vectors.attach(graph);
            matcher.is_building_graph.store(false, Ordering::SeqCst);
            // The vectors may be others by now, and what was built of the former ones fits none of them.
            matcher.build_graph_if_wanted();
        };
        if let Err(cause) = std::thread::Builder::new().name("graph".to_owned()).spawn(built) {
            tracing::error!(%cause, "the graph cannot be built; the cascade answers");
            self.is_building_graph.store(false, Ordering::SeqCst);
        }
    }

    /// Brings memory up to the last commit. Called after each commit that noted a change.
    pub fn follow(self: &Arc<Self>) {
        if let Err(refusal) = self.try_follow() {
            // The next change tries again from where this one stopped; nothing is skipped.
            tracing::error!(cause = refusal.cause(), "the roster could not follow a change: {refusal}");
        }
        self.ring();
        self.build_graph_if_wanted();
        if let Some(wake) = &*self.on_change.read().unwrap_or_else(PoisonError::into_inner) {
            wake();
        }
    }

    fn try_follow(&self) -> Result<()> {
        // The write lock is held while reading, so that two commits are never applied out of order.
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        self.bring_up(&mut live)
    }

    /// Applies to `live` what was changed since.
    pub(super) fn bring_up(&self, live: &mut Live) -> Result<()> {
        self.db.read_here(|tx| {
            let mut seq = live.seq;
            let mut changed: BTreeMap<u32, bool> = BTreeMap::new();
            for change in tx.changes_after(live.seq)? {
                seq = change.seq;
                let is_slots_only = change.change == Change::Slots;
                changed.entry(change.mentor.0).and_modify(|only| *only &= is_slots_only).or_insert(is_slots_only);
            }
            for (number, is_slots_only) in changed {
                let number = MentorNo(number);
                if is_slots_only {
                    live.roster.put_standing(number.0, store::standing(tx, number)?);
                    continue;
                }
                match mentors::by_number(tx, number)? {
                    Some(mentor) => live.put(loaded(tx, mentor, &live.models)?),
                    None => live.remove(number.0),
                }
            }
            live.seq = seq;
            Ok(())
        })
    }

    /// Makes and stores the vectors that a mentor's profile lacks, and calls `finish` in the same
    /// transaction. Texts whose vectors are stored already are not embedded again.
    ///
    /// # Errors
    /// Internal, where the model or the database fail.
    pub fn make_vectors(&self, number: MentorNo, finish: impl FnOnce(&Tx<'_>) -> Result<()>) -> Result<()> {
        let model = model_hash();
        let wanted = self.db.read_here(|tx| {
            let Some(mentor) = mentors::by_number(tx, number)? else { return Ok(None) };
            let passages = passages::passages(&mentor.profile);
            let tags = mentor.profile.expertise.iter().map(|it| it.area.clone());
            let mut missing = Vec::new();
            for text in passages.iter().map(|it| it.text.clone()).chain(tags) {
                let hash = text_hash(&text);
                if !store::has_embedding(tx, &model, &hash)? {
                    missing.push((hash, text));
                }
            }
            Ok(Some((passages, missing)))
        })?;
        let Some((passages, missing)) = wanted else { return self.db.write_here(finish) };
        let mut made = Vec::with_capacity(missing.len());
        for (hash, text) in missing {
            made.push((hash, self.embedder.embed(&text)?));
        }
        self.db.write_here(|tx| {
            for (hash, vector) in &made {
                store::insert_embedding(tx, &model, hash, vector)?;
            }
            // The profile may have changed meanwhile: its own job waits, and will replace these.
            if mentors::by_number(tx, number)?.is_some() {
                store::replace_passages(tx, number, &passages)?;
                tx.note(number, Change::Vectors)?;
            }
            finish(tx)
        })
    }

    /// Queues a new try for mentors whose vectors could not be made.
    ///
    /// # Errors
    /// Internal, where SQLite cannot.
    pub fn remake_dead_vectors(&self) -> Result<()> {
        self.db.write_here(|tx| jobs::revive(tx, jobs::Kind::Embed))
    }

    /// Waits until the keyword index holds everything, at most `patience`. For commands and tests.
    pub fn settle(&self, patience: Duration) -> bool {
        let step = Duration::from_millis(5);
        let mut left = patience;
        loop {
            let done = |it: &Refresher| it.n_done.load(Ordering::SeqCst) == it.n_rung.load(Ordering::SeqCst);
            let is_current = self.refresher.get().is_some_and(done);
            if is_current || left.is_zero() {
                return is_current;
            }
            std::thread::sleep(step);
            left = left.saturating_sub(step);
        }
    }

    /// Ends the keyword thread after its last commit.
    pub fn rest(&self) {
        if let Some(refresher) = self.refresher.get() {
            drop(refresher.bell.lock().unwrap_or_else(PoisonError::into_inner).take());
            let thread = refresher.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A thread that panicked has nothing more to commit; its index is made anew at the next start.
            drop(thread.map(JoinHandle::join));
        }
    }

    fn ring(&self) {
        let Some(refresher) = self.refresher.get() else { return };
        refresher.n_rung.fetch_add(1, Ordering::SeqCst);
        if let Some(bell) = &*refresher.bell.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody listens once the thread has ended; its index is a copy and comes back.
            bell.send(()).ok();
        }
    }

    /// Brings the keyword index up to what memory holds.
    fn refresh_keywords(&self, index: &mut Keywords) -> Result<()> {
        let seq = self.live().seq;
        let now = Stamp::new(self.db.id(), seq);
        let since = index.stamp().filter(|stamp| stamp.can_become(&now)).map(|stamp| stamp.seq);
        // A log that was swept past the stamp has changes missing: those can only be found by reading everybody.
        let changes = match since {
            Some(since) => self.db.read_here(|tx| {
                if tx.holds_changes_after(since)? { tx.changes_after(since).map(Some) } else { Ok(None) }
            })?,
            None => None,
        };
        if let Some(changes) = changes {
            let mut numbers: Vec<u32> =
                changes.iter().filter(|it| it.change != Change::Slots).map(|it| it.mentor.0).collect();
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers {
                index.put(number, self.stems_of(MentorNo(number))?.as_deref())?;
            }
        } else {
            *self.keywords.write().unwrap_or_else(PoisonError::into_inner) = None;
            index.clear()?;
            let mut all = Vec::new();
            self.db.read_here(|tx| {
                mentors::for_each(tx, |mentor| {
                    all.push((mentor.number.0, stems(&mentor)));
                    Ok(())
                })
            })?;
            for (number, stems) in all {
                index.put(number, stems.as_deref())?;
            }
        }
        if index.stamp() != Some(&now) {
            index.commit(now)?;
        }
        let mut reader = self.keywords.write().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            *reader = Some(index.reader());
        }
        Ok(())
    }

    fn stems_of(&self, number: MentorNo) -> Result<Option<String>> {
        let mentor = self.db.read_here(|tx| mentors::by_number(tx, number))?;
        Ok(mentor.as_ref().and_then(stems))
    }
}

/// Stores the vectors of a mentor's profile as `embed` gives them: for measuring with many mentors,
/// where the model would take hours.
///
/// # Errors
/// Internal, where SQLite cannot.
pub fn put_vectors(tx: &Tx<'_>, number: MentorNo, mut embed: impl FnMut(&str) -> Vec<f32>) -> Result<()> {
    let Some(mentor) = mentors::by_number(tx, number)? else { return Ok(()) };
    let model = model_hash();
    let passages = passages::passages(&mentor.profile);
    let tags = mentor.profile.expertise.iter().map(|it| it.area.as_str());
    for text in passages.iter().map(|it| it.text.as_str()).chain(tags) {
        let hash = text_hash(text);
        if !store::has_embedding(tx, &model, &hash)? {
            store::insert_embedding(tx, &model, &hash, &embed(text))?;
        }
    }
    store::replace_passages(tx, number, &passages)?;
    jobs::forget(tx, jobs::Kind::Embed, &number.0.to_string())
}

/// The stems of a visible mentor's texts.
fn stems(mentor: &Mentor) -> Option<String> {
    mentor.is_visible().then(|| super::lexicon::Lexicon::stems(&texts(mentor)))
}

/// The keyword thread: opens the index, then follows the bell until the matcher is gone. Whatever
/// goes wrong, a panic of the index included, ends in a new index: it is only a copy.
fn keep_keywords(matcher: &Weak<Matcher>, bell: &Receiver<()>) {
    let mut index: Option<Keywords> = None;
    while bell.recv().is_ok() {
        gather(bell);
        let Some(matcher) = matcher.upgrade() else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| refresh(&matcher, &mut index)))
            .unwrap_or_else(|_| Err(Error::internal(anyhow::anyhow!("the keyword index panicked"))));
        if let Err(refusal) = outcome {
            tracing::error!(cause = refusal.cause(), "the keyword index could not be brought up to date: {refusal}");
            *matcher.keywords.write().unwrap_or_else(PoisonError::into_inner) = None;
            // The writer may hold half of it, and the files may be what is wrong.
            index = None;
            if let Err(refusal) = keywords::remove(&keywords::directory(matcher.db.directory())) {
                tracing::error!(cause = refusal.cause(), "nor can it be removed: {refusal}");
            }
            std::thread::sleep(PAUSE);
            matcher.ring();
        }
    }
}

fn refresh(matcher: &Matcher, index: &mut Option<Keywords>) -> Result<()> {
    let opened = match index.take() {
        Some(opened) => opened,
        None => Keywords::open(&keywords::directory(matcher.db.directory()))?,
    };
    let n_rung = matcher.refresher.get().map_or(0, |it| it.n_rung.load(Ordering::SeqCst));
    matcher.refresh_keywords(index.insert(opened))?;
    if let Some(refresher) = matcher.refresher.get() {
        refresher.n_done.store(n_rung, Ordering::SeqCst);
    }
    Ok(())
}

/// Waits a moment for more, so that many changes share one commit; never long enough to be noticed.
fn gather(bell: &Receiver<()>) {
    for _ in 0..LONGEST_GATHERING {
        if bell.recv_timeout(GATHER).is_err() {
            return;
        }
    }
}
