//! The recipe: reads from top to bottom. Each step is called from here and from nowhere else.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::Ask;
use super::bits::Bits;
use super::candidates::{self, Candidate, Scales, Understood};
use super::explain::{self, Grounds, Reason};
use super::live::Live;
use super::roster::{Card, SLOT_DAYS, Slot};
use super::score::{self, ANSWER, Calibration, Evidence, FLOOR, Judged, Score};
use super::{Matcher, abbreviations, spelling};
use crate::clock::Moment;
use crate::error::Result;
use crate::ids::MentorId;

/// Where nobody is relevant, so many are named as near misses.
const NEAR_MISSES: usize = 3;

/// Beside as many as are to be shown, so many more of the best are ranked by exact cosines: int8 may swap
/// neighbours, and never a place so far. Those behind them are only counted.
const EXACT_BESIDE: usize = 14;

/// Points that a score by int8 cosines may be away from the exact one. Measured over the development questions, the
/// farthest is less than half of it; debug builds check every score that is made exact.
const INT8_POINTS: f64 = 1.0;

/// The score from which on a mentor is said to fit.
const FITTING: u8 = 50;

/// Slots shown of each match.
const SLOTS: usize = 5;

/// How near a tag must be, above the question's background, to be named as a reason.
const TAG_MARGIN: f64 = 0.05;

/// All signals, or one alone: for measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As people get it.
    All,
    /// Words alone.
    Keyword,
    /// Meaning alone.
    Semantic,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stages {
    /// Spelling and abbreviations.
    pub prepare: Duration,
    /// The question's vector.
    pub embed: Duration,
    /// Who may be chosen.
    pub filter: Duration,
    /// Nearest in meaning.
    pub vectors: Duration,
    /// Nearest in words.
    pub keywords: Duration,
    /// Adding signals up.
    pub score: Duration,
    /// Finding reasons.
    pub explain: Duration,
}

impl Stages {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.in_order().iter().sum()
    }

    /// Each stage, in the order in which they are passed.
    pub const fn in_order(&self) -> [Duration; 7] {
        [self.prepare, self.embed, self.filter, self.vectors, self.keywords, self.score, self.explain]
    }
}

/// One ranked mentor.
#[derive(Clone, Debug)]
pub struct Match {
    /// What is shown of them.
    pub card: Arc<Card>,
    /// The score with its parts.
    pub score: Score,
    /// Why.
    pub reasons: Vec<Reason>,
    /// At most five open slots of the next two weeks.
    pub slots: Vec<Slot>,
    /// How many mentees have rated them.
    pub n_ratings: u32,
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// The question as it was put.
    pub question: String,
    /// The question as it was understood, where its spelling was corrected.
    pub corrected: Option<String>,
    /// Mentors that pass the filters and are relevant.
    pub count: usize,
    /// How many of them score 50 or more.
    pub n_fitting: usize,
    /// Whether nobody can be missing from the count.
    pub is_count_exact: bool,
    /// The best, by score and then by id.
    pub matches: Vec<Match>,
    /// Where nobody is relevant: who came nearest.
    pub near_misses: Vec<Match>,
    /// Parts that are being rebuilt, and are left out or not what they will be.
    pub degraded: Vec<&'static str>,
    /// Where the time went.
    pub stages: Stages,
}

/// A mentor that was weighed.
#[derive(Clone, Copy)]
struct Weighed {
    mentor: u32,
    /// Known of those who are weighed exactly.
    id: Option<MentorId>,
    relevance: f64,
    is_literal: bool,
    shown: u8,
    total: f64,
}

impl Weighed {
    /// Better first, then by id, then by number.
    fn order(&self, other: &Self) -> Ordering {
        other.total.total_cmp(&self.total).then(self.id.cmp(&other.id)).then(self.mentor.cmp(&other.mentor))
    }
}

/// A candidate who may be relevant, by int8, with the points that do not depend on context.
struct Outlined {
    mentor: u32,
    judged: Judged,
    points: f64,
}

/// Points that sums may differ by for the order they are added in.
const ROUNDING: f64 = 1e-6;

/// So many points have the best `n_exact` at least. Who stays below even with the best context is none of them.
fn bar(outlined: &mut [Outlined], n_exact: usize) -> f64 {
    if outlined.len() <= n_exact {
        return f64::NEG_INFINITY;
    }
    outlined.select_nth_unstable_by(n_exact, |a, b| b.points.total_cmp(&a.points)).1.points
}

/// Ranks the mentors that fit one question.
pub(super) fn rank(
    matcher: &Matcher,
    ask: &Ask,
    calibration: &Calibration,
    variant: Variant,
    now: Moment,
) -> Result<Ranking> {
    let mut watch = Watch::start();
    let mut stages = Stages::default();
    let (text, corrected) = prepare(&matcher.live(), ask);
    stages.prepare = watch.lap();
    let seen = matcher.see(&text)?;
    stages.embed = watch.lap();

    let keywords = matcher.keyword_reader();
    let live = matcher.live();
    let understood = Understood::new(&live, &text, seen);
    let eligible = live.roster.eligible(&ask.filters, now);
    stages.filter = watch.lap();
    let least = score::least_cosine(calibration, &understood.question);
    let (mut candidates, is_count_exact) = match variant {
        Variant::Keyword => (Vec::new(), true),
        Variant::All | Variant::Semantic => candidates::near(&live, &understood, &eligible, least),
    };
    stages.vectors = watch.lap();
    let meeting = candidates::meet(&live, &understood);
    candidates::add_worded(&live, &understood, keywords.as_ref(), &meeting, &eligible, &mut candidates)?;
    stages.keywords = watch.lap();
    let scales = Scales::new(&live, &understood, meeting, calibration, now);
    let mut weigh = Weigh { ask, variant, live: &live, scales, scores: Vec::new() };
    let mut ranked = weigh.all(&candidates);
    if !weigh.is_answered(&ranked, &eligible, least) {
        ranked.clear();
    }
    let n_fitting = ranked.iter().filter(|it| it.shown >= FITTING).count();
    stages.score = watch.lap();
    let best = ranked.iter().take(ask.limit);
    let matches: Vec<Match> = best.filter_map(|it| weigh.explained(&understood, it.mentor, true, now)).collect();
    let near_misses = if ranked.is_empty() { weigh.near_misses(candidates, &eligible) } else { Vec::new() };
    let nearest = near_misses.into_iter();
    let near_misses = nearest.filter_map(|mentor| weigh.explained(&understood, mentor, false, now)).collect();
    let degraded = degraded(matcher, &live, keywords.is_some());
    stages.explain = watch.lap();
    Ok(Ranking {
        question: ask.text.clone(),
        corrected,
        count: ranked.len(),
        n_fitting,
        is_count_exact,
        matches,
        near_misses,
        degraded,
        stages,
    })
}

/// The evidence for everybody who passes the question's filters.
pub(super) fn evidence_of_all(
    matcher: &Matcher,
    ask: &Ask,
    now: Moment,
) -> Result<(score::Question, Vec<(MentorId, Evidence)>)> {
    let (text, _) = prepare(&matcher.live(), ask);
    let seen = matcher.see(&text)?;
    let live = matcher.live();
    let understood = Understood::new(&live, &text, seen);
    let eligible = live.roster.eligible(&ask.filters, now);
    let meeting = candidates::meet(&live, &understood);
    let mut scales = Scales::new(&live, &understood, meeting, &Calibration::SHIPPED, now);
    let all = eligible.iter().filter_map(|mentor| Some((live.roster.card(mentor)?.id, scales.evidence(mentor))));
    Ok((understood.question, all.collect()))
}

/// The text to embed and search, and the question as corrected where its spelling was.
fn prepare(live: &Live, ask: &Ask) -> (String, Option<String>) {
    let lexicon = &live.lexicon;
    let is_kept = |word: &str| abbreviations::is_abbreviation(word, lexicon);
    let corrected = if ask.is_exact {
        None
    } else {
        Some(spelling::mend(&ask.text, lexicon, is_kept)).filter(|mended| mended.is_changed).map(|mended| mended.text)
    };
    let text = corrected.as_deref().unwrap_or(&ask.text);
    (abbreviations::write_out(text, lexicon), corrected)
}

/// Weighing for one question and one way of ranking.
struct Weigh<'a> {
    ask: &'a Ask,
    variant: Variant,
    live: &'a Live,
    scales: Scales<'a>,
    /// The exact scores so far: whoever is shown was weighed before.
    scores: Vec<(u32, Score)>,
}

impl Weigh<'_> {
    /// Those of the candidates who are relevant: the best first and exactly, the others only as int8 has them.
    fn all(&mut self, candidates: &[Candidate]) -> Vec<Weighed> {
        self.scales.learn(candidates);
        let mut outlined: Vec<Outlined> = candidates.iter().filter_map(|it| self.outlined(it)).collect();
        let n_exact = self.ask.limit + EXACT_BESIDE;
        let bar = if self.variant == Variant::All { bar(&mut outlined, n_exact) } else { f64::NEG_INFINITY };
        let mut ranked: Vec<Weighed> = outlined.iter().map(|it| self.in_context(it, bar)).collect();
        ranked.retain(|it| self.is_relevant(it));
        let n_exact = n_exact.min(ranked.len());
        if n_exact < ranked.len() {
            ranked.select_nth_unstable_by(n_exact, Weighed::order);
        }
        let mut best: Vec<Weighed> = ranked.drain(..n_exact).collect();
        best.sort_unstable_by(Weighed::order);
        // Whoever lies so far behind the last to be shown cannot come before them by exact cosines either.
        let last = best.get(self.ask.limit.saturating_sub(1)).filter(|_| self.variant == Variant::All);
        let line = last.map_or(f64::NEG_INFINITY, |last| last.total - 2.0 * INT8_POINTS);
        let n_close = best.iter().take_while(|it| it.total >= line).count();
        ranked.extend(best.drain(n_close..));
        for it in &mut best {
            let exact = self.exact(it.mentor);
            debug_assert!(
                self.variant != Variant::All || (exact.total - it.total).abs() <= INT8_POINTS,
                "{} by int8, {} exactly",
                it.total,
                exact.total
            );
            *it = exact;
        }
        best.retain(|it| self.is_relevant(it));
        best.sort_unstable_by(Weighed::order);
        best.append(&mut ranked);
        best
    }

    /// A candidate by int8; `None` where it is surely not relevant.
    fn outlined(&mut self, candidate: &Candidate) -> Option<Outlined> {
        let judged = self.scales.judge(candidate);
        let may_be_relevant = self.variant != Variant::All || judged.relevance() >= FLOOR;
        may_be_relevant.then(|| Outlined { mentor: candidate.mentor, points: judged.points(), judged })
    }

    /// The same with what speaks for them whatever is asked. That is looked up in memory that the model's work has
    /// pushed out of the caches, so it is spared those who will only be counted, where it cannot change the count.
    fn in_context(&self, it: &Outlined, bar: f64) -> Weighed {
        let most = it.points + score::MOST_FOR_CONTEXT + ROUNDING;
        let is_settled = |line: u8| score::as_shown(it.points - ROUNDING) >= line || score::as_shown(most) < line;
        if most < bar && is_settled(FITTING) && is_settled(self.ask.min_score) {
            return Weighed {
                mentor: it.mentor,
                id: None,
                relevance: it.judged.relevance(),
                is_literal: it.judged.is_literal(),
                shown: score::as_shown(it.points),
                total: it.points,
            };
        }
        self.weighed(it.mentor, None, &score::in_context(&it.judged, &self.scales.context(it.mentor)))
    }

    fn exact(&mut self, mentor: u32) -> Weighed {
        let score = self.scales.score(mentor);
        let id = self.live.roster.card(mentor).map(|card| card.id);
        let weighed = self.weighed(mentor, id, &score);
        self.scores.push((mentor, score));
        weighed
    }

    fn weighed(&self, mentor: u32, id: Option<MentorId>, score: &Score) -> Weighed {
        let total = match self.variant {
            Variant::All => score.total(),
            Variant::Keyword => score.value(score::Signal::Keyword),
            Variant::Semantic => score.value(score::Signal::Semantic),
        };
        let is_literal = score.is_literal();
        Weighed { mentor, id, relevance: score.relevance, is_literal, shown: score.shown(), total }
    }

    fn is_relevant(&self, it: &Weighed) -> bool {
        match self.variant {
            Variant::All => it.relevance >= FLOOR && it.shown >= self.ask.min_score,
            Variant::Keyword | Variant::Semantic => it.total > 0.0,
        }
    }

    /// Whether somebody fits well enough for the question to be answered at all. A filter must not
    /// make a good question look like idle talk: whether it is one is decided by everybody.
    fn is_answered(&mut self, ranked: &[Weighed], eligible: &Bits, least: f64) -> bool {
        if self.variant != Variant::All {
            return true;
        }
        // A question without a word that says anything is none, however near its vector lies to somebody.
        if self.scales.is_wordless() {
            return false;
        }
        if ranked.iter().any(|it| it.relevance >= ANSWER || it.is_literal) {
            return true;
        }
        let visible = self.live.roster.visible();
        if ranked.is_empty() || eligible.count() == visible.count() {
            return false;
        }
        let hits = self.live.vectors.nearest(self.scales.question(), NEAR_MISSES * 4, visible).hits;
        hits.iter().any(|hit| f64::from(hit.cosine) >= least && self.exact(hit.owner).relevance >= ANSWER)
    }

    /// Who comes nearest where nobody is relevant.
    fn near_misses(&mut self, candidates: Vec<Candidate>, eligible: &Bits) -> Vec<u32> {
        let mut nearest: Vec<(f64, u32)> =
            candidates.into_iter().map(|it| (self.scales.judge(&it).relevance(), it.mentor)).collect();
        nearest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        nearest.truncate(NEAR_MISSES * 4);
        let mut mentors: Bits = nearest.into_iter().map(|(_, mentor)| mentor).collect();
        if mentors.count() < NEAR_MISSES && self.variant != Variant::Keyword {
            let hits = self.live.vectors.nearest(self.scales.question(), NEAR_MISSES * 4, eligible).hits;
            mentors.or(&hits.iter().map(|hit| hit.owner).collect());
        }
        let mut weighed: Vec<Weighed> = mentors.iter().map(|mentor| self.exact(mentor)).collect();
        weighed.sort_unstable_by(Weighed::order);
        weighed.iter().take(NEAR_MISSES).map(|it| it.mentor).collect()
    }

    /// A mentor with the reasons for them. Where nobody fits the question, nearness in meaning is no reason.
    fn explained(&mut self, understood: &Understood, mentor: u32, fits: bool, now: Moment) -> Option<Match> {
        let live = self.live;
        let card = Arc::clone(live.roster.card(mentor)?);
        let mut passages: Vec<(usize, f32)> =
            live.vectors.cosines(&understood.seen.vector, mentor).enumerate().skip(1).collect();
        passages.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let near_enough = understood.question.background + TAG_MARGIN;
        let mut tags: Vec<(usize, f32)> = self.scales.tag_cosines(mentor).collect();
        tags.retain(|(_, cosine)| fits && f64::from(*cosine) >= near_enough);
        tags.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let slots = live.roster.free_slots(mentor, now, now.plus_days(SLOT_DAYS));
        let grounds = Grounds {
            passages: passages.into_iter().map(|(place, _)| place).collect(),
            tags: tags.into_iter().map(|(place, _)| place).collect(),
            covered: self.scales.covered_tags(mentor),
            stems: understood.asked.iter().map(|it| it.stem.as_str()).collect(),
            named: understood.named.shared(&card),
            n_slots: slots.len(),
            fits,
        };
        let reasons = explain::reasons(&card, &grounds);
        let known = self.scores.iter().find(|(other, _)| *other == mentor).map(|(_, score)| score.clone());
        let score = known.unwrap_or_else(|| self.scales.score(mentor));
        let (_, n_ratings) = live.roster.ratings(mentor);
        Some(Match { reasons, slots: slots.iter().take(SLOTS).cloned().collect(), score, card, n_ratings })
    }
}

fn degraded(matcher: &Matcher, live: &Live, has_keywords: bool) -> Vec<&'static str> {
    let mut degraded = Vec::new();
    if !has_keywords {
        degraded.push("keyword");
    }
    // Vectors of an earlier model serve, but not as well as those that are being made.
    if matcher.renewal.progress().is_some() || live.n_without_vectors() > 0 {
        degraded.push("semantic");
    }
    degraded
}

/// Measures laps.
struct Watch(Instant);

impl Watch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let lap = self.0.elapsed();
        self.0 = Instant::now();
        lap
    }
}
