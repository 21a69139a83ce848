//! The main job: a need in plain words becomes ranked mentors with an honest score and reasons.
//! `rank` is the recipe; passages, embed, vectors, keywords, roster, score, explain are its steps,
//! which never call each other. Answering reads no database: the roster in memory says who may be
//! chosen, and `refresh` keeps it and the indexes up with the change log.

mod abbreviations;
mod ask;
pub mod bits;
mod candidates;
mod catalogue;
pub mod embed;
mod explain;
pub mod keywords;
pub mod lexicon;
mod live;
mod load;
mod measure;
mod named;
mod passages;
mod rank;
mod refresh;
mod renewal;
pub mod roster;
pub mod score;
mod spelling;
mod store;
pub mod vectors;
mod view;
mod words;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;

use self::catalogue::{Catalogue, Seen};
use self::keywords::KeywordReader;
use self::live::Live;
use self::refresh::Refresher;
use self::renewal::Renewal;
use crate::clock::Moment;
use crate::db::Db;
use crate::error::{Error, Kind, OrInternal, Result};
use crate::ids::MentorId;
use crate::meters::Asked;

pub use self::ask::{Ask, Question};
pub use self::embed::{Embedder, model_hash};
pub use self::explain::Reason;
pub use self::measure::TierFigures;
pub use self::rank::{Match, Ranking, Stages, Variant};
pub use self::refresh::put_vectors;
pub use self::renewal::{Progress, progress_in};
pub use self::roster::{Card, Facet, Filters, SLOT_DAYS, Slot};
pub use self::score::Calibration;
pub use self::view::{Answer, MatchView, SlotView};

/// How long a question waits for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_millis(500);

/// What an operator may set about matching.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How vectors are searched.
    pub tier: vectors::Tier,
    /// Questions answered at once.
    pub n_permits: usize,
    /// Questions whose vectors are remembered.
    pub cached_questions: u64,
}

/// How the parts of matching stand.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Mentors that can be found.
    pub n_visible: usize,
    /// Those of them whose vectors are still to be made.
    pub n_waiting: usize,
    /// Passages that have a vector.
    pub n_units: usize,
    /// Mentors in the keyword index, `None` while it is being made anew.
    pub n_in_keywords: Option<u64>,
    /// How far vectors of an earlier model are made anew, while they are.
    pub renewal: Option<Progress>,
    /// What runs the model.
    pub engine: &'static str,
}

/// Called after every change that may have queued work.
type Waker = Box<dyn Fn() + Send + Sync>;

/// Answers questions. One for the whole process, shared by all front doors.
pub struct Matcher {
    db: Db,
    embedder: Arc<Embedder>,
    catalogue: Catalogue,
    /// Questions asked lately, as the model and the catalogue see them.
    questions: Cache<String, Arc<Seen>>,
    live: RwLock<Live>,
    /// How far vectors of an earlier model are made anew.
    renewal: Renewal,
    /// `None` while the keyword index is being made anew.
    keywords: RwLock<Option<KeywordReader>>,
    refresher: OnceLock<Refresher>,
    permits: Arc<Semaphore>,
    on_change: RwLock<Option<Waker>>,
    is_building_graph: AtomicBool,
}

impl Matcher {
    /// Answers a question as soon as a permit is free.
    ///
    /// # Errors
    /// `Busy` where none is free within half a second.
    pub async fn answer(self: &Arc<Self>, ask: Ask) -> Result<Ranking> {
        let answer = self.answer_in_turn(ask).await;
        let how = match &answer {
            Ok(_) => Asked::Answered,
            Err(refusal) if refusal.kind == Kind::Busy => Asked::Busy,
            Err(_) => Asked::Failed,
        };
        self.db.meters().asked(how);
        answer
    }

    async fn answer_in_turn(self: &Arc<Self>, ask: Ask) -> Result<Ranking> {
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit
            .map_err(|_| Error::busy("busy", "Many are asking just now. Please try again in a moment."))?
            .or_internal("waiting for a turn")?;
        let matcher = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _held = permit;
            let ranking = matcher.rank(&ask)?;
            matcher.db.meters().answered(ranking.stages.in_order());
            Ok(ranking)
        })
        .await
        .or_internal("answering a question")?
    }

    /// Answers a question on the calling thread.
    ///
    /// # Errors
    /// Internal, where model or index fail.
    pub fn rank(&self, ask: &Ask) -> Result<Ranking> {
        rank::rank(self, ask, &Calibration::SHIPPED, Variant::All, self.db.clock().now())
    }

    /// The same with another calibration, or with one signal alone: for measuring.
    ///
    /// # Errors
    /// Internal, where model or index fail.
    pub fn rank_as(&self, ask: &Ask, calibration: &Calibration, variant: Variant) -> Result<Ranking> {
        rank::rank(self, ask, calibration, variant, self.db.clock().now())
    }

    /// What is found about everybody whom a question may show: for fitting calibrations.
    ///
    /// # Errors
    /// Internal, where the model fails.
    pub fn evidence(&self, ask: &Ask) -> Result<(score::Question, Vec<(MentorId, score::Evidence)>)> {
        rank::evidence_of_all(self, ask, self.db.clock().now())
    }

    /// A question's vector seen through the catalogue, remembered for when it is asked again.
    fn see(&self, question: &str) -> Result<Arc<Seen>> {
        if let Some(seen) = self.questions.get(question) {
            return Ok(seen);
        }
        let seen = Arc::new(self.catalogue.see(&self.embedder.embed(question)?));
        self.questions.insert(question.to_owned(), Arc::clone(&seen));
        Ok(seen)
    }

    /// Forgets all remembered questions, for measuring.
    pub fn forget_questions(&self) {
        self.questions.invalidate_all();
    }

    /// How many mentors can be found.
    pub fn n_visible(&self) -> usize {
        self.live().roster.visible().count()
    }

    /// How many times of visible mentors can be booked within the next two weeks.
    pub fn n_open_slots(&self) -> usize {
        let (live, now) = (self.live(), self.db.clock().now());
        let until = now.plus_days(SLOT_DAYS);
        live.roster.visible().iter().map(|mentor| live.roster.free_slots(mentor, now, until).len()).sum()
    }

    /// A visible mentor's card with the slots that are open until `until`.
    pub fn visible_card(&self, id: MentorId, until: Moment) -> Option<(Arc<Card>, Vec<Slot>)> {
        let live = self.live();
        let mentor = live.roster.number(id)?;
        let card = live.roster.card(mentor).filter(|card| card.is_visible)?;
        let slots = live.roster.free_slots(mentor, self.db.clock().now(), until);
        Some((Arc::clone(card), slots.to_vec()))
    }

    /// Visible mentors by name after `cursor`, with their slots of the next two weeks: those that
    /// pass the filters and hold every word of `words`.
    pub fn page(
        &self,
        filters: &Filters,
        words: &str,
        cursor: Option<&(String, MentorId)>,
        limit: usize,
    ) -> Vec<(Arc<Card>, Vec<Slot>)> {
        let now = self.db.clock().now();
        let live = self.live();
        let mut among = live.roster.eligible(filters, now);
        live.keep_with_words(&mut among, words);
        let numbers = live.roster.page(&among, cursor, limit);
        let until = now.plus_days(SLOT_DAYS);
        let cards = numbers.into_iter().filter_map(|mentor| {
            let card = Arc::clone(live.roster.card(mentor)?);
            Some((card, live.roster.free_slots(mentor, now, until).to_vec()))
        });
        cards.collect()
    }

    /// The commonest values of a facet, at most `limit`, with how many visible mentors have each.
    pub fn values(&self, facet: Facet, limit: usize) -> Vec<(String, usize)> {
        let live = self.live();
        let values = live.roster.values(facet).into_iter().take(limit);
        values.map(|(value, n)| (value.to_owned(), usize::try_from(n).unwrap_or(usize::MAX))).collect()
    }

    /// How the parts stand.
    pub fn parts(&self) -> Parts {
        let keywords = self.keyword_reader();
        let live = self.live();
        Parts {
            n_visible: live.roster.visible().count(),
            n_waiting: live.n_without_vectors(),
            n_units: live.vectors.n_units(),
            n_in_keywords: keywords.map(|reader| reader.n_mentors()),
            renewal: self.renewal.progress(),
            engine: self.embedder.engine(),
        }
    }

    /// The embedder, for commands that turn texts into vectors.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// Bytes that vectors take in memory.
    pub fn vector_bytes(&self) -> usize {
        self.live().vectors.bytes()
    }

    /// Calls `wake` after every change that may have queued work, instead of whom it called before.
    pub fn on_change(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.on_change.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(wake));
    }

    fn live(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keyword_reader(&self) -> Option<KeywordReader> {
        self.keywords.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
