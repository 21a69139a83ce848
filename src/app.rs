//! The house wired together: one `App` that every front door holds a copy of.

use std::sync::Arc;

use crate::accounts::Passwords;
use crate::accounts::oidc::{PATIENCE, Providers};
use crate::accounts::photos::Photos;
use crate::backup::Backups;
use crate::booking::Rules;
use crate::clock::Clock;
use crate::config::{Config, Tier};
use crate::db::{Db, DirectoryLock};
use crate::demo::Demo;
use crate::error::Result;
use crate::hooks;
use crate::mail::Post;
use crate::matching::{Embedder, Matcher, Settings, vectors};
use crate::sync::airtable::{Airtable, Pace};
use crate::sync::deliveries::Knocks;
use crate::sync::uploads::Uploads;
use crate::upkeep::sweep::Keep;
use crate::worker::Workers;

/// Readers beside those that each question and page may need at once.
const SPARE_READERS: u32 = 4;

/// Everything a front door needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The settings, read once.
    pub config: Arc<Config>,
    /// The truth.
    pub db: Db,
    /// The main job.
    pub matcher: Arc<Matcher>,
    /// Takes letters away.
    pub post: Post,
    /// Tells other programs.
    pub hook_post: hooks::Post,
    /// The base that mentors come from, where there is one.
    pub airtable: Option<Arc<Airtable>>,
    /// Deliveries that nobody has signed, until they are written down.
    pub knocks: Arc<Knocks>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Makes pictures of uploads.
    pub photos: Photos,
    /// Files of people that wait to be taken in.
    pub uploads: Uploads,
    /// Other places that people may sign in with.
    pub providers: Arc<Providers>,
    /// Makes backups and snapshots.
    pub backups: Arc<Backups>,
    /// The demo program's accounts, where this is the demo.
    pub demo: Option<Arc<Demo>>,
    lock: Arc<DirectoryLock>,
}

impl App {
    /// Takes the data directory for `command`, opens the database, loads the model and fills the
    /// roster. Indexes that are missing or behind catch up in the background.
    ///
    /// # Errors
    /// An operator's error where the directory is in use, unusable, or from a newer Tandem, or where
    /// the mail settings cannot be.
    pub fn open(config: Config, clock: Clock, command: &str) -> Result<Self> {
        let post = Post::open(&config)?;
        Self::open_with(config, clock, command, post)
    }

    /// The same with a way for letters of the caller's choice: tests keep them in memory.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(config: Config, clock: Clock, command: &str, post: Post) -> Result<Self> {
        let lock = Arc::new(DirectoryLock::take(&config.data_dir, command)?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let n_readers = u32::try_from(cores * 2).unwrap_or(u32::MAX).saturating_add(SPARE_READERS);
        let db = Db::open(&config.data_dir, clock, n_readers)?;
        let embedder = Arc::new(Embedder::open(&config.embedding)?);
        let settings = Settings {
            tier: tier(config.index.tier),
            n_permits: config.concurrent_matches(),
            cached_questions: config.embedding.cached_questions,
        };
        let matcher = Matcher::open(db.clone(), Arc::clone(&embedder), settings)?;
        let follower = Arc::downgrade(&matcher);
        db.follow_changes(move || {
            if let Some(matcher) = follower.upgrade() {
                matcher.follow();
            }
        });
        let airtable = Airtable::of(&config.sync, Pace::Real)?.map(Arc::new);
        let passwords = Passwords::new()?;
        let providers = Arc::new(Providers::new(&config.accounts.providers, &config.public_url(), PATIENCE)?);
        let demo = Demo::of(&db)?.map(Arc::new);
        let photos = Photos::default();
        let hook_post = hooks::Post::new(config.hooks.allow_private);
        let uploads = Uploads::open(&config.data_dir)?;
        let backups = Arc::new(Backups::of(&config, &db, &embedder));
        Ok(Self {
            config: Arc::new(config),
            db,
            matcher,
            post,
            hook_post,
            airtable,
            knocks: Arc::default(),
            passwords,
            photos,
            uploads,
            providers,
            backups,
            demo,
            lock,
        })
    }

    /// Starts the background workers.
    ///
    /// # Errors
    /// Internal, where threads cannot be had.
    pub fn start_workers(&self) -> Result<Workers> {
        let duties = (Rules::of(&self.config), Keep::of(&self.config));
        let (n_threads, airtable) = (self.config.worker_threads(), self.airtable.as_ref());
        Workers::start(&self.db, &self.matcher, &self.post, &self.hook_post, airtable, duties, n_threads)
    }

    /// Brings the directory to rest: the keyword index committed, the write-ahead log folded in.
    ///
    /// # Errors
    /// Internal, where the disk refuses; the data is safe all the same.
    pub fn rest(&self) -> Result<()> {
        self.matcher.rest();
        self.db.checkpoint()
    }

    /// Whether another copy of this `App` is still in use.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.lock) > 1
    }
}

const fn tier(tier: Tier) -> vectors::Tier {
    match tier {
        Tier::Auto => vectors::Tier::Auto,
        Tier::Exact => vectors::Tier::Exact,
        Tier::Cascade => vectors::Tier::Cascade,
        Tier::Hnsw => vectors::Tier::Hnsw,
    }
}
