//! The second front door: threads that claim jobs and hand each to its room. A job that fails or
//! panics is handed back and tried again; the thread lives on.

mod hooks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::booking::{Rules, watch};
use crate::db::{Db, Tx};
use crate::error::{Error, Kind as ErrorKind, OrInternal, Result};
use crate::hooks::Post as HookPost;
use crate::ids::MentorNo;
use crate::jobs::{self, Job, Kind, Lane};
use crate::mail::{self, Post};
use crate::matching::Matcher;
use crate::sync::airtable::{Airtable, Order, Source};

use crate::meters::Duty;
use crate::upkeep::sweep::{self, Keep};
pub use hooks::tell;

/// How long a worker sleeps when nothing wakes it: retries fall due by themselves.
const NAP: Duration = Duration::from_millis(500);

/// How often it is looked for what falls due by itself.
const WATCH: Duration = Duration::from_secs(15);

/// How long a stop waits for the jobs in hand. A mail server that gives no answer may take longer: its letter is left
/// as if the machine had gone down, and is tried again after the next start.
const GRACE: Duration = Duration::from_secs(5);

/// How often a stop looks whether they have ended.
const STEP: Duration = Duration::from_millis(5);

/// Background threads; dropping them stops them after the job in hand.
pub struct Workers {
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Bell {
    is_over: AtomicBool,
    has_rung: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.ring();
    }

    fn ring(&self) {
        *self.has_rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    fn wait(&self) {
        let has_rung = self.has_rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut has_rung, _) =
            self.wake.wait_timeout_while(has_rung, NAP, |has_rung| !*has_rung).unwrap_or_else(PoisonError::into_inner);
        *has_rung = false;
    }
}

impl Workers {
    /// Starts `n_threads` workers, one more for letters, one that tells other programs and, where there is one, one
    /// for the Airtable base, after letting go of what a process before this one held.
    ///
    /// # Errors
    /// Internal, where the database or a thread cannot be had.
    pub fn start(
        db: &Db,
        matcher: &Arc<Matcher>,
        post: &Post,
        hook_post: &HookPost,
        airtable: Option<&Arc<Airtable>>,
        (rules, keep): (Rules, Keep),
        n_threads: usize,
    ) -> Result<Self> {
        match db.write_here(jobs::release_all) {
            // On a full disk people can still ask and read. What a dead process held is let go once its time is over.
            Err(refusal) if refusal.kind == ErrorKind::Busy => {
                tracing::warn!(cause = refusal.cause(), "jobs of the last process wait for their time: {refusal}");
            }
            outcome => outcome?,
        }
        let bell = Arc::new(Bell::default());
        let rung = Arc::downgrade(&bell);
        matcher.on_change(move || {
            if let Some(bell) = rung.upgrade() {
                bell.ring();
            }
        });
        let lanes = (0..n_threads.max(1)).map(|number| (Lane::Others, format!("worker-{number}")));
        let mut workers = Self { bell, threads: Vec::with_capacity(n_threads + 1) };
        let fetcher = airtable.map(|_| (Lane::Fetches, "fetcher".to_owned()));
        for (lane, name) in lanes.chain([(Lane::Letters, "postman".to_owned())]).chain(fetcher) {
            let (db, matcher, post, bell) = (db.clone(), Arc::clone(matcher), post.clone(), Arc::clone(&workers.bell));
            let airtable = airtable.cloned();
            let thread = std::thread::Builder::new()
                .name(name)
                .spawn(move || {
                    let duty = db.meters().on_duty(std::thread::current().name().unwrap_or("worker"));
                    work(&db, &matcher, &post, airtable.as_deref(), lane, &bell, &duty);
                    duty.over();
                })
                .or_internal("starting a worker")?;
            workers.threads.push(thread);
        }
        let (herald_db, hook_post, bell) = (db.clone(), hook_post.clone(), Arc::clone(&workers.bell));
        let herald = std::thread::Builder::new()
            .name("herald".to_owned())
            .spawn(move || hooks::keep_telling(&herald_db, &hook_post, &bell));
        workers.threads.push(herald.or_internal("starting the herald")?);
        let (db, bell, airtable) = (db.clone(), Arc::clone(&workers.bell), airtable.cloned());
        let watchman = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let duty = db.meters().on_duty("watch");
            keep_watch(&db, &rules, keep, airtable.as_deref(), &bell, &duty);
            duty.over();
        });
        workers.threads.push(watchman.or_internal("starting the watch")?);
        Ok(workers)
    }

    /// What tells them to take no further job, for whoever stops them while something else comes to its end.
    pub fn farewell(&self) -> impl Fn() + Send + 'static {
        let bell = Arc::clone(&self.bell);
        move || bell.end()
    }

    /// Finishes the jobs in hand and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.bell.end();
        let until = Instant::now() + GRACE;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(STEP);
            }
            if thread.is_finished() {
                // A worker catches its panics; one that died all the same must not take the stop with it.
                drop(thread.join());
            } else {
                let name = thread.thread().name().unwrap_or("worker").to_owned();
                tracing::warn!(name, "a job did not end in time; it is done again after the next start");
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(
    db: &Db,
    matcher: &Arc<Matcher>,
    post: &Post,
    airtable: Option<&Airtable>,
    lane: Lane,
    bell: &Bell,
    duty: &Duty,
) {
    let is_over = || bell.is_over.load(Ordering::SeqCst);
    while !bell.is_over.load(Ordering::SeqCst) {
        duty.sign();
        match run_one_of(db, matcher, post, airtable, lane, &is_over) {
            Ok(true) => {}
            Ok(false) => bell.wait(),
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), "the job queue cannot be worked on: {refusal}");
                bell.wait();
            }
        }
    }
}

/// Looks every few seconds for what falls due by itself, and does it.
fn keep_watch(db: &Db, rules: &Rules, keep: Keep, airtable: Option<&Airtable>, bell: &Bell, duty: &Duty) {
    let mut next = Instant::now();
    while !bell.is_over.load(Ordering::SeqCst) {
        duty.sign();
        if Instant::now() < next {
            std::thread::sleep(NAP.min(next.saturating_duration_since(Instant::now())));
            continue;
        }
        next = Instant::now() + WATCH;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if let Some(airtable) = airtable
                && db.read_here(|tx| airtable.is_due(tx))?
            {
                db.write_here(|tx| airtable.ask_when_due(tx))?;
            }
            if db.read_here(sweep::is_due)? {
                let swept = db.write_here(|tx| sweep::sweep(tx, keep))?;
                tracing::info!(?swept, "what nobody needs any more is swept out");
            }
            if db.read_here(|tx| watch::is_due(tx, rules))? { watch::round(db, rules).map(Some) } else { Ok(None) }
        }));
        match outcome {
            Ok(Ok(Some(done))) => tracing::info!(?done, "what was due is done"),
            Ok(Ok(None)) => {}
            Ok(Err(refusal)) => tracing::error!(cause = refusal.cause(), "what is due cannot be done: {refusal}"),
            Err(_) => {
                db.meters().panicked("watch");
                tracing::error!("the watch panicked; it goes on");
            }
        }
    }
}

/// Runs one job that is due, or else makes some vectors of an earlier model anew; `false` where there was neither.
///
/// # Errors
/// Internal, where the queue itself fails; a failing job is handed back and is no error.
pub fn run_one(db: &Db, matcher: &Arc<Matcher>, post: &Post, airtable: Option<&Airtable>) -> Result<bool> {
    run_one_of(db, matcher, post, airtable, Lane::All, &|| false)
}

fn run_one_of(
    db: &Db,
    matcher: &Arc<Matcher>,
    post: &Post,
    airtable: Option<&Airtable>,
    lane: Lane,
    is_over: &dyn Fn() -> bool,
) -> Result<bool> {
    // Looking first spares the one writer a transaction when there is nothing to do.
    let is_due = db.read_here(|tx| jobs::is_due(tx, lane))?;
    let Some(job) = (if is_due { db.write_here(|tx| jobs::claim(tx, lane))? } else { None }) else {
        // Nobody waits for this, so it comes after everything that somebody waits for.
        return if matches!(lane, Lane::All | Lane::Others) { renew(db, matcher) } else { Ok(false) };
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| hand_over(db, matcher, post, airtable, &job, is_over)));
    let outcome = outcome.unwrap_or_else(|_| {
        db.meters().panicked("job");
        Err(Error::internal(anyhow::anyhow!("the job panicked")))
    });
    db.meters().job(job.kind.name(), if outcome.is_ok() { "done" } else { "failed" });
    if let Err(refusal) = outcome {
        let reason = refusal.cause().unwrap_or_else(|| refusal.to_string());
        tracing::warn!(kind = job.kind.name(), key = job.key, attempt = job.attempt, reason, "a job failed");
        db.write_here(|tx| hand_back(tx, &job, &reason))?;
    }
    Ok(true)
}

fn renew(db: &Db, matcher: &Arc<Matcher>) -> Result<bool> {
    catch_unwind(AssertUnwindSafe(|| matcher.renew())).unwrap_or_else(|_| {
        db.meters().panicked("renewal");
        Err(Error::internal(anyhow::anyhow!("making vectors anew panicked")))
    })
}

fn hand_over(
    db: &Db,
    matcher: &Matcher,
    post: &Post,
    airtable: Option<&Airtable>,
    job: &Job,
    is_over: &dyn Fn() -> bool,
) -> Result<()> {
    match job.kind {
        Kind::Embed => {
            let number = job.key.parse().or_internal("reading a job's key")?;
            matcher.make_vectors(MentorNo(number), |tx| jobs::finish(tx, job))
        }
        Kind::Send => mail::send(db, post, job),
        Kind::Fetch => fetch(db, airtable, job, is_over),
    }
}

fn fetch(db: &Db, airtable: Option<&Airtable>, job: &Job, is_over: &dyn Fn() -> bool) -> Result<()> {
    let Some(airtable) = airtable else {
        tracing::warn!("there is no Airtable base any more that could be looked through");
        return db.write_here(|tx| jobs::finish(tx, job));
    };
    let order = Order { source: Source::of_job(&job.key), is_dry: false, is_forced: false };
    let report = airtable.reconcile(db, order, is_over, |tx| jobs::finish(tx, job))?;
    tracing::info!(
        source = job.key,
        read = report.read,
        changed = report.changed.len(),
        hidden = report.hidden.len(),
        refused = report.refused.len(),
        later = report.later,
        "the Airtable base was looked through"
    );
    Ok(())
}

fn hand_back(tx: &Tx<'_>, job: &Job, reason: &str) -> Result<()> {
    match job.kind {
        Kind::Embed | Kind::Fetch => jobs::fail(tx, job, reason).map(drop),
        Kind::Send => mail::put_off(tx, job, reason),
    }
}
