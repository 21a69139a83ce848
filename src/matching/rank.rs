//! The recipe: reads from top to bottom. Each step is called from here and from nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::Ask;
use super::bits::Bits;
use super::catalogue::Seen;
use super::explain::{self, Grounds, Reason};
use super::lexicon::Asked;
use super::live::Live;
use super::named::Named;
use super::roster::{Card, Facet, SLOT_DAYS, Slot};
use super::score::{self, ANSWER, Calibration, Evidence, FLOOR, Score};
use super::vectors::cosine::dot;
use super::{Matcher, abbreviations, spelling};
use crate::clock::Moment;
use crate::error::Result;
use crate::ids::MentorId;

/// Units looked at by meaning, and mentors by words, at most. A question that reaches more than
/// that is answered all the same, but its count is a lower bound.
const UNITS: usize = 1_024;
const WORDED: usize = 128;

/// Below so many who may be chosen, words are looked up mentor by mentor instead of in the index.
const FEW: usize = 256;

/// The share of a question's word weight that a mentor must match to be looked at for words alone.
const LEAST_WORDED: f64 = 0.2;

/// Where nobody is relevant, so many are named as near misses.
const NEAR_MISSES: usize = 3;

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
        self.prepare + self.embed + self.filter + self.vectors + self.keywords + self.score + self.explain
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
    /// Parts that were left out because they are being rebuilt.
    pub degraded: Vec<&'static str>,
    /// Where the time went.
    pub stages: Stages,
}

/// A question understood: its words, its vector, what it names.
struct Understood {
    seen: Seen,
    asked: Vec<Asked>,
    named: Named,
    question: score::Question,
}

/// A mentor that was looked at.
struct Candidate {
    mentor: u32,
    score: Score,
    total: f64,
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
    let meaning = matcher.embedder.embed_question(&text)?;
    let seen = matcher.catalogue.see(&meaning);
    stages.embed = watch.lap();

    let keywords = matcher.keyword_reader();
    let live = matcher.live();
    let understood = understand(&live, &text, seen);
    let eligible = live.roster.eligible(&ask.filters, now);
    let n_eligible = eligible.count();
    stages.filter = watch.lap();
    let least = score::least_cosine(calibration, &understood.question);
    let (mut candidates, is_count_exact) = near(&live, &understood, &eligible, least, variant);
    stages.vectors = watch.lap();
    let is_selective = n_eligible * 2 < live.roster.visible().count();
    if n_eligible <= FEW {
        add_worded(&live, &understood, eligible.iter().collect(), &mut candidates);
    } else if let Some(keywords) = &keywords {
        let worded = keywords.search(&understood.asked, WORDED, &eligible, is_selective)?;
        add_worded(&live, &understood, worded, &mut candidates);
    }
    stages.keywords = watch.lap();
    let mut scored = score_all(&live, &understood, calibration, variant, &candidates, now);
    let is_answered = is_answered(&scored, variant) || {
        // A filter must not make a good question look like idle talk: whether it is one is decided by everybody.
        let is_filtered = n_eligible < live.roster.visible().count();
        is_filtered && scored.iter().any(|it| it.score.relevance >= FLOOR) && {
            is_answered_by_anyone(&live, &understood, calibration, least, now)
        }
    };
    scored.sort_by(|a, b| b.total.total_cmp(&a.total).then_with(|| id(&live, a).cmp(&id(&live, b))));
    let n_relevant = if is_answered { scored.iter().filter(|it| is_relevant(it, ask, variant)).count() } else { 0 };
    let n_fitting = scored
        .iter()
        .filter(|it| n_relevant > 0 && is_relevant(it, ask, variant) && it.score.shown() >= FITTING)
        .count();
    stages.score = watch.lap();
    let explained = |it: &Candidate| explain_one(&live, &understood, it, now);
    let relevant = scored.iter().filter(|it| n_relevant > 0 && is_relevant(it, ask, variant));
    let matches: Vec<Match> = relevant.take(ask.limit).filter_map(explained).collect();
    let n_near_misses = if n_relevant == 0 { NEAR_MISSES } else { 0 };
    let near_misses = scored.iter().take(n_near_misses).filter_map(explained).collect();
    let degraded = degraded(&live, keywords.is_some());
    stages.explain = watch.lap();
    let question = ask.text.clone();
    Ok(Ranking {
        question,
        corrected,
        count: n_relevant,
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
    let seen = matcher.catalogue.see(&matcher.embedder.embed_question(&text)?);
    let live = matcher.live();
    let understood = understand(&live, &text, seen);
    let eligible = live.roster.eligible(&ask.filters, now);
    let all = eligible.iter().filter_map(|mentor| {
        let id = live.roster.card(mentor)?.id;
        Some((id, evidence(&live, &understood, mentor, now)))
    });
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

fn understand(live: &Live, text: &str, seen: Seen) -> Understood {
    let asked = live.lexicon.asked(text);
    let industries = live.roster.values(Facet::Industry).into_iter().map(|(name, _)| name);
    let named = Named::in_question(text, industries);
    let question = score::Question {
        background: seen.background,
        domain: seen.domain,
        mass: asked.iter().map(|it| f64::from(it.rarity)).sum(),
        is_naming: !named.is_empty(),
    };
    Understood { seen, asked, named, question }
}

/// Mentors near in meaning, and whether nobody near enough can have been left out.
fn near(live: &Live, understood: &Understood, eligible: &Bits, least: f64, variant: Variant) -> (Bits, bool) {
    if variant == Variant::Keyword {
        return (Bits::default(), true);
    }
    let hits = live.vectors.nearest(&understood.seen.vector, UNITS, eligible).hits;
    let is_all = hits.len() < UNITS || hits.last().is_some_and(|hit| f64::from(hit.cosine) < least);
    // The nearest are looked at however far they are: they are the near misses.
    let near = hits.iter().enumerate().filter(|(at, hit)| *at < NEAR_MISSES || f64::from(hit.cosine) >= least);
    (near.map(|(_, hit)| hit.owner).collect(), is_all)
}

/// Adds those of `mentors` who match enough of the question's words.
fn add_worded(live: &Live, understood: &Understood, mentors: Vec<u32>, candidates: &mut Bits) {
    let least = LEAST_WORDED * understood.question.mass;
    for mentor in mentors {
        let bm25 = f64::from(live.lexicon.bm25(mentor, &understood.asked));
        if bm25 > 0.0 && bm25 >= least {
            candidates.set(mentor);
        }
    }
}

fn score_all(
    live: &Live,
    understood: &Understood,
    calibration: &Calibration,
    variant: Variant,
    candidates: &Bits,
    now: Moment,
) -> Vec<Candidate> {
    let scored = candidates.iter().map(|mentor| {
        let evidence = evidence(live, understood, mentor, now);
        let score = score::score(calibration, &understood.question, &evidence);
        let total = match variant {
            Variant::All => score.total(),
            Variant::Keyword => score.value(score::Signal::Keyword),
            Variant::Semantic => score.value(score::Signal::Semantic),
        };
        Candidate { mentor, score, total }
    });
    scored.collect()
}

fn evidence(live: &Live, understood: &Understood, mentor: u32, now: Moment) -> Evidence {
    let vector = &understood.seen.vector;
    let mut units = live.vectors.cosines(vector, mentor).map(f64::from);
    let whole = units.next().unwrap_or(0.0);
    let [best, second] = best_two(units);
    let [tag, second_tag] = best_two(live.tags.of(mentor).map(|tag| f64::from(dot(tag, vector))));
    let coverage = live.lexicon.tag_coverage(mentor, &understood.asked);
    let named = if understood.question.is_naming {
        live.roster.card(mentor).map_or(0.0, |card| understood.named.fit(card))
    } else {
        0.0
    };
    let n_slots = live.roster.free_slots(mentor, now, now.plus_days(SLOT_DAYS)).len();
    Evidence {
        best,
        second,
        whole,
        tag,
        second_tag,
        bm25: f64::from(live.lexicon.bm25(mentor, &understood.asked)),
        coverage: f64::from(coverage.share),
        exactness: f64::from(coverage.exactness),
        named,
        n_slots: u32::try_from(n_slots).unwrap_or(u32::MAX),
        load: live.roster.load(mentor, now),
        ratings: live.roster.ratings(mentor),
    }
}

/// The greatest two, the greatest twice where there is one only, zeros where there is none.
fn best_two(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut best: Option<[f64; 2]> = None;
    let mut n_seen = 0;
    for value in values {
        n_seen += 1;
        best = Some(match best {
            None => [value, value],
            Some([first, _]) if n_seen == 2 => [first.max(value), first.min(value)],
            Some([first, _]) if value > first => [value, first],
            Some([first, second]) => [first, second.max(value)],
        });
    }
    best.unwrap_or([0.0; 2])
}

fn is_answered(scored: &[Candidate], variant: Variant) -> bool {
    variant != Variant::All || scored.iter().any(|it| it.score.relevance >= ANSWER)
}

/// Whether anybody at all, filters aside, fits the question well enough for it to be answered.
fn is_answered_by_anyone(
    live: &Live,
    understood: &Understood,
    calibration: &Calibration,
    least: f64,
    now: Moment,
) -> bool {
    let hits = live.vectors.nearest(&understood.seen.vector, NEAR_MISSES * 4, live.roster.visible()).hits;
    let candidates: Bits = hits.iter().filter(|hit| f64::from(hit.cosine) >= least).map(|hit| hit.owner).collect();
    is_answered(&score_all(live, understood, calibration, Variant::All, &candidates, now), Variant::All)
}

fn is_relevant(it: &Candidate, ask: &Ask, variant: Variant) -> bool {
    match variant {
        Variant::All => it.score.relevance >= FLOOR && it.score.shown() >= ask.min_score,
        Variant::Keyword | Variant::Semantic => it.total > 0.0,
    }
}

fn id(live: &Live, candidate: &Candidate) -> Option<MentorId> {
    live.roster.card(candidate.mentor).map(|card| card.id)
}

fn explain_one(live: &Live, understood: &Understood, it: &Candidate, now: Moment) -> Option<Match> {
    let card = Arc::clone(live.roster.card(it.mentor)?);
    let vector = &understood.seen.vector;
    let mut passages: Vec<(usize, f32)> = live.vectors.cosines(vector, it.mentor).enumerate().skip(1).collect();
    passages.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let near_enough = understood.question.background + TAG_MARGIN;
    let mut tags: Vec<(usize, f32)> = live.tags.of(it.mentor).map(|tag| dot(tag, vector)).enumerate().collect();
    tags.retain(|(_, cosine)| f64::from(*cosine) >= near_enough);
    tags.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let slots = live.roster.free_slots(it.mentor, now, now.plus_days(SLOT_DAYS));
    let grounds = Grounds {
        passages: passages.into_iter().map(|(place, _)| place).collect(),
        tags: tags.into_iter().map(|(place, _)| place).collect(),
        stems: understood.asked.iter().map(|it| it.stem.as_str()).collect::<BTreeSet<_>>(),
        named: understood.named.shared(&card),
        n_slots: slots.len(),
    };
    let reasons = explain::reasons(&card, &grounds);
    Some(Match { reasons, slots: slots.iter().take(SLOTS).cloned().collect(), score: it.score.clone(), card })
}

fn degraded(live: &Live, has_keywords: bool) -> Vec<&'static str> {
    let mut degraded = Vec::new();
    if !has_keywords {
        degraded.push("keyword");
    }
    if live.n_without_vectors() > 0 {
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

#[cfg(test)]
mod tests {
    use super::best_two;

    #[test]
    fn the_best_two_of_any_number_are_found() {
        for (values, wanted) in [
            (&[][..], [0.0, 0.0]),
            (&[0.3], [0.3, 0.3]),
            (&[-0.2, -0.5], [-0.2, -0.5]),
            (&[0.1, 0.9, 0.5, 0.4], [0.9, 0.5]),
            (&[0.9, 0.1, 0.5], [0.9, 0.5]),
        ] {
            let [best, second] = best_two(values.iter().copied());
            assert!((best - wanted[0]).abs() < 1e-12 && (second - wanted[1]).abs() < 1e-12, "{values:?}");
        }
    }
}
