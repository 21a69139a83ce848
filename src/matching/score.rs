//! Adds signals up to one score, and says what is relevant at all. Pure: no I/O, no clock, cannot
//! fail. The formula: 100 x sum(weight x signal), weights summing to 1, each signal in 0..1, so
//! that the points shown add up to the score shown.
//!
//! The constants were fitted to the development questions in `assets/demo` by cross-validation
//! (`tandem eval DIR --cross-validate` fits them again); their shapes were chosen before.

/// What a score is made of, in the order it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The profile means what the question means.
    Semantic,
    /// The profile uses the question's words.
    Keyword,
    /// A tag names what is asked for.
    Expertise,
    /// Industry and stage are those the question names.
    IndustryStage,
    /// Open slots in the next two weeks.
    Availability,
    /// The free share of the sessions they are willing to hold a week.
    Load,
    /// What mentees said afterwards.
    Rating,
}

impl Signal {
    /// The name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Semantic => "semantic",
            Self::Keyword => "keyword",
            Self::Expertise => "expertise",
            Self::IndustryStage => "industry_stage",
            Self::Availability => "availability",
            Self::Load => "load",
            Self::Rating => "rating",
        }
    }
}

/// The weights and calibrations that are fitted. `semantic`, `keyword` and `expertise` sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Calibration {
    /// Share of relevance by meaning.
    pub semantic: f64,
    /// Share of relevance by words.
    pub keyword: f64,
    /// Share of relevance by tags.
    pub expertise: f64,
    /// How much of the question's background cosine is taken off before a cosine is judged.
    pub background: f64,
    /// The cosine above background at which a profile half fits.
    pub profile_half: f64,
    /// The same for tags.
    pub tag_half: f64,
    /// How soon half becomes whole: the width of both curves.
    pub width: f64,
}

impl Calibration {
    /// What Tandem ships with, fitted to all development questions.
    pub const SHIPPED: Self = Self {
        semantic: 0.543,
        keyword: 0.239,
        expertise: 0.218,
        background: 0.84,
        profile_half: -0.04,
        tag_half: 0.012,
        width: 0.09,
    };
}

/// How the cosines of a mentor's units make one: the best passage, the mean of the best two, the whole profile.
const BEST: f64 = 0.6;
const BEST_TWO: f64 = 0.2;
const WHOLE: f64 = 0.2;

/// How the cosines of the best two tags make one.
const FIRST_TAG: f64 = 0.7;
const SECOND_TAG: f64 = 0.3;

/// The share of the question's whole word weight at which BM25 counts as half a match.
const HALF_OF_MASS: f64 = 0.5;

/// What industry and stage weigh where a question names them.
const NAMED_WEIGHT: f64 = 0.08;

/// What speaks for a mentor whatever the question: together small enough to reorder only the like.
const AVAILABILITY_WEIGHT: f64 = 0.03;
const LOAD_WEIGHT: f64 = 0.02;
const RATING_WEIGHT: f64 = 0.03;
const CONTEXT_WEIGHT: f64 = AVAILABILITY_WEIGHT + LOAD_WEIGHT + RATING_WEIGHT;

/// The most that a mentor's context adds to a score, in points.
pub const MOST_FOR_CONTEXT: f64 = 100.0 * CONTEXT_WEIGHT;

/// The gate that keeps everyday questions out: where on the line from everyday to mentoring it
/// half opens, how soon, and how much a fitting profile or tag helps it open. Half open is where the training data's
/// needs and everyday lines part (a twentieth of either on the wrong side), set high enough that the development
/// questions out of domain stay empty in every fold.
const GATE_HALF: f64 = 0.24;
const GATE_WIDTH: f64 = 0.045;
const GATE_PROFILE: f64 = 0.25;
const GATE_TAG: f64 = 0.25;

/// The share of the question's words that a profile must use for its words alone to open the gate: who says
/// literally what is asked for is no stranger to it, however odd the word. Half open, and how soon.
const LITERAL_HALF: f64 = 0.55;
const LITERAL_WIDTH: f64 = 0.02;

/// The least relevance that is shown.
pub const FLOOR: f64 = 0.15;

/// The least relevance that the best mentor must have for anybody to be shown.
pub const ANSWER: f64 = 0.40;

/// So many widths below its half a profile's curve has fallen so far that meaning alone cannot bring it to the floor.
const NEGLIGIBLE_WIDTHS: f64 = 2.2;

/// A mentor nobody has rated stands at 3.8 of 5, and it takes five ratings to outweigh that.
const RATING_PRIOR: f64 = 3.8;
const RATING_PRIOR_COUNT: f64 = 5.0;

/// What a question brings to the judging of every mentor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Question {
    /// The mean cosine to the catalogue's nearest concepts: how near anything is to this question.
    pub background: f64,
    /// Where it lies between everyday talk and mentoring.
    pub domain: f64,
    /// The sum of its words' rarities.
    pub mass: f64,
    /// Whether it names an industry or a stage.
    pub is_naming: bool,
}

/// What was found about one mentor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Cosine of the best passage.
    pub best: f64,
    /// Cosine of the second-best passage; that of the best where there is one only.
    pub second: f64,
    /// Cosine of the whole profile.
    pub whole: f64,
    /// Cosine of the best tag.
    pub tag: f64,
    /// Cosine of the second-best tag.
    pub second_tag: f64,
    /// The BM25 score.
    pub bm25: f64,
    /// The share of the best tag that the question's words cover.
    pub coverage: f64,
    /// The same times the share of the question that this tag covers.
    pub exactness: f64,
    /// How well industry and stage fit what is named.
    pub named: f64,
    /// What does not depend on the question.
    pub context: Context,
}

/// What speaks for a mentor whatever is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Open slots in the next two weeks.
    pub n_slots: u32,
    /// Sessions in the next seven days, and how many they are willing to hold.
    pub load: (u32, u32),
    /// The sum and the number of ratings.
    pub ratings: (u32, u32),
}

/// One signal of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Which.
    pub signal: Signal,
    /// 0 to 1, to four digits.
    pub value: f64,
    /// Its share of the whole.
    pub weight: f64,
}

impl Part {
    /// What it adds to the score.
    pub fn points(&self) -> f64 {
        100.0 * self.weight * self.value
    }
}

/// A mentor's score for a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    parts: [Part; 7],
    /// 0 to 1: by meaning, words, tags, industry and stage alone.
    pub relevance: f64,
}

impl Score {
    /// The signals that were asked for; their points add up to the total.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.weight > 0.0)
    }

    /// The value of one signal, 0 where it was not asked for.
    pub fn value(&self, signal: Signal) -> f64 {
        self.parts().find(|part| part.signal == signal).map_or(0.0, |part| part.value)
    }

    /// Whether the profile uses the question's words, whatever they mean.
    pub fn is_literal(&self) -> bool {
        self.value(Signal::Keyword) >= LITERAL_HALF
    }

    /// The unrounded score, 0 to 100.
    pub fn total(&self) -> f64 {
        self.parts.iter().map(Part::points).sum()
    }

    /// The score as shown.
    pub fn shown(&self) -> u8 {
        as_shown(self.total())
    }
}

/// Points as they are shown: 0 to 100.
pub fn as_shown(points: f64) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..100 just before")]
    let shown = points.round().clamp(0.0, 100.0) as u8;
    shown
}

/// The cosine below which a passage alone cannot make a mentor relevant to this question.
pub fn least_cosine(calibration: &Calibration, question: &Question) -> f64 {
    calibration.background * question.background + calibration.profile_half - NEGLIGIBLE_WIDTHS * calibration.width
}

/// What makes a mentor relevant.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    semantic: Part,
    keyword: Part,
    expertise: Part,
    industry_stage: Part,
}

impl Judged {
    /// How relevant: 0 to 1, by meaning, words, tags, industry and stage alone.
    pub fn relevance(&self) -> f64 {
        let parts = [&self.semantic, &self.keyword, &self.expertise, &self.industry_stage];
        parts.iter().map(|part| part.value * part.weight).sum::<f64>() / (1.0 - CONTEXT_WEIGHT)
    }

    /// The points that do not depend on context: what a score is made of them at least.
    pub fn points(&self) -> f64 {
        let parts = [self.semantic, self.keyword, self.expertise, self.industry_stage];
        parts.map(|part| Part { value: four_digits(part.value), ..part }.points()).iter().sum()
    }

    /// Whether the profile uses the question's words, whatever they mean.
    pub fn is_literal(&self) -> bool {
        four_digits(self.keyword.value) >= LITERAL_HALF
    }
}

/// Judges how far a mentor is relevant: the part of a score that depends on the question.
pub fn judge(calibration: &Calibration, question: &Question, evidence: &Evidence) -> Judged {
    let profile = BEST * evidence.best + BEST_TWO * (evidence.best + evidence.second) / 2.0 + WHOLE * evidence.whole;
    let tags = FIRST_TAG * evidence.tag + SECOND_TAG * evidence.second_tag;
    let base = calibration.background * question.background;
    let gate = logistic(
        (question.domain + GATE_PROFILE * profile + GATE_TAG * evidence.exactness.powi(2) - GATE_HALF) / GATE_WIDTH,
    );
    let half = HALF_OF_MASS * question.mass;
    let keyword = if half > 0.0 { evidence.bm25 / (evidence.bm25 + half) } else { 0.0 };
    let gate = gate.max(logistic((keyword - LITERAL_HALF) / LITERAL_WIDTH));
    let semantic = logistic((profile - base - calibration.profile_half) / calibration.width);
    let by_meaning = logistic((tags - base - calibration.tag_half) / calibration.width);
    let expertise = by_meaning.max(evidence.coverage.powi(2));
    let named_weight = if question.is_naming { NAMED_WEIGHT } else { 0.0 };
    let rest = (1.0 - CONTEXT_WEIGHT) * (1.0 - named_weight);
    let part = |signal, value: f64, weight| Part { signal, value: gate * value, weight };
    Judged {
        semantic: part(Signal::Semantic, semantic, rest * calibration.semantic),
        keyword: part(Signal::Keyword, keyword, rest * calibration.keyword),
        expertise: part(Signal::Expertise, expertise, rest * calibration.expertise),
        industry_stage: part(Signal::IndustryStage, evidence.named, (1.0 - CONTEXT_WEIGHT) * named_weight),
    }
}

/// The score of one mentor.
pub fn score(calibration: &Calibration, question: &Question, evidence: &Evidence) -> Score {
    in_context(&judge(calibration, question, evidence), &evidence.context)
}

/// The score of a mentor who was judged.
pub fn in_context(judged: &Judged, evidence: &Context) -> Score {
    let relevance = judged.relevance();
    let context = |signal, value, weight| Part { signal, value, weight };
    let mut parts = [
        judged.semantic,
        judged.keyword,
        judged.expertise,
        judged.industry_stage,
        context(Signal::Availability, availability(evidence.n_slots), AVAILABILITY_WEIGHT),
        context(Signal::Load, free_share(evidence.load), LOAD_WEIGHT),
        context(Signal::Rating, rating(evidence.ratings), RATING_WEIGHT),
    ];
    for part in &mut parts {
        part.value = four_digits(part.value);
    }
    Score { parts, relevance }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The first open slot says most, the tenth nothing new.
fn availability(n_slots: u32) -> f64 {
    1.0 - (-f64::from(n_slots) / 3.0).exp()
}

fn free_share((taken, cap): (u32, u32)) -> f64 {
    if cap == 0 { 0.0 } else { (1.0 - f64::from(taken) / f64::from(cap)).max(0.0) }
}

/// The Bayesian average of ratings from 1 to 5, on a scale from 0 to 1.
fn rating((sum, count): (u32, u32)) -> f64 {
    let mean = (f64::from(sum) + RATING_PRIOR_COUNT * RATING_PRIOR) / (f64::from(count) + RATING_PRIOR_COUNT);
    ((mean - 1.0) / 4.0).clamp(0.0, 1.0)
}

/// Values are shown to four digits, and counted as shown.
fn four_digits(value: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share between 0 and 1")]
    let digits = (value * 1e4 + 0.5) as i64 as f64;
    digits / 1e4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question() -> impl Strategy<Value = Question> {
        (0.0..0.6_f64, -0.3..0.5_f64, 0.0..60.0_f64, any::<bool>())
            .prop_map(|(background, domain, mass, is_naming)| Question { background, domain, mass, is_naming })
    }

    fn evidence() -> impl Strategy<Value = Evidence> {
        let cosines = (-0.2..1.0_f64, -0.2..1.0_f64, -0.2..1.0_f64, -0.2..1.0_f64, -0.2..1.0_f64);
        let words = (0.0..60.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64);
        let context = (0..20_u32, 0..9_u32, 0..9_u32, 0..40_u32);
        (cosines, words, context).prop_map(|(cosines, words, context)| Evidence {
            best: cosines.0.max(cosines.1),
            second: cosines.0.min(cosines.1),
            whole: cosines.2,
            tag: cosines.3,
            second_tag: cosines.4,
            bm25: words.0,
            coverage: words.1,
            exactness: words.2,
            named: words.3,
            context: Context { n_slots: context.0, load: (context.1, context.2), ratings: (context.3 * 3, context.3) },
        })
    }

    proptest! {
        #[test]
        fn the_points_add_up_and_the_weights_are_whole(question in question(), evidence in evidence()) {
            let score = score(&Calibration::SHIPPED, &question, &evidence);
            let weights: f64 = score.parts().map(|part| part.weight).sum();
            prop_assert!((weights - 1.0).abs() < 1e-9);
            prop_assert!(score.parts().all(|part| (0.0..=1.0).contains(&part.value)));
            prop_assert!((0.0..=100.0).contains(&score.total()) && (0.0..=1.0).contains(&score.relevance));
            prop_assert!((f64::from(score.shown()) - score.total()).abs() <= 0.5);
        }

        #[test]
        fn more_evidence_never_lowers_a_score(question in question(), evidence in evidence(), more in 0.0..0.5_f64) {
            let before = score(&Calibration::SHIPPED, &question, &evidence).total();
            for better in [
                Evidence { best: evidence.best + more, ..evidence },
                Evidence { whole: evidence.whole + more, ..evidence },
                Evidence { tag: evidence.tag + more, ..evidence },
                Evidence { bm25: evidence.bm25 + more, ..evidence },
                Evidence { coverage: evidence.coverage + more, ..evidence },
                Evidence { context: Context { n_slots: evidence.context.n_slots + 1, ..evidence.context }, ..evidence },
            ] {
                prop_assert!(score(&Calibration::SHIPPED, &question, &better).total() >= before - 0.011);
            }
        }

        #[test]
        fn what_has_nothing_to_do_with_the_question_moves_a_score_by_little(question in question(), evidence in evidence()) {
            let worst = Context { n_slots: 0, load: (9, 9), ratings: (40, 40) };
            let best = Context { n_slots: 1000, load: (0, 9), ratings: (200, 40) };
            let [low, high] = [worst, best].map(|context| Evidence { context, ..evidence }).map(|evidence| score(&Calibration::SHIPPED, &question, &evidence).total());
            prop_assert!(high - low <= 100.0 * CONTEXT_WEIGHT + 1e-9);
        }
    }

    #[test]
    fn an_unrated_mentor_stands_between_the_praised_and_the_blamed() {
        assert!(rating((50, 10)) > rating((0, 0)) && rating((0, 0)) > rating((20, 10)));
        assert!((rating((0, 0)) - 0.7).abs() < 1e-9);
    }

    #[test]
    fn a_full_week_leaves_no_load_to_give() {
        assert!(free_share((5, 5)).abs() < 1e-9 && (free_share((0, 5)) - 1.0).abs() < 1e-9);
        assert!(free_share((0, 0)).abs() < 1e-9 && free_share((7, 5)).abs() < 1e-9);
    }
}
