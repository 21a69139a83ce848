//! Who is looked at, and what speaks for each: first a bound that costs little, then, for those
//! who may be relevant, everything. In memory only; cannot fail but for the word index.

use std::sync::Arc;

use super::bits::Bits;
use super::catalogue::Seen;
use super::keywords::KeywordReader;
use super::lexicon::{Asked, Meeting};
use super::live::{Live, TagCosines};
use super::named::Named;
use super::roster::SLOT_DAYS;
use super::score::{self, Calibration, Context, Evidence, Judged};
use super::vectors::outline::Outline;
use crate::clock::Moment;
use crate::error::Result;

/// Mentors looked at for what they mean and for their words, at most. A question that reaches more
/// of them is answered all the same, but its count is a lower bound.
const NEAREST: usize = 384;
const WORDED: usize = 128;

/// In programs up to this size words are met with everybody's at once; in larger ones the word index
/// proposes, and only who was found is looked up. Both cost the same at some 10,000.
const FEW: usize = 4_096;

/// The share of a question's word weight that a mentor must match to be looked at for words alone.
const LEAST_WORDED: f64 = 0.2;

/// A question understood: its words, its vector, what it names.
pub(super) struct Understood {
    pub(super) seen: Arc<Seen>,
    pub(super) asked: Vec<Asked>,
    pub(super) named: Named,
    pub(super) question: score::Question,
}

impl Understood {
    /// Reads `text` in the light of the program's own words and industries.
    pub(super) fn new(live: &Live, text: &str, seen: Arc<Seen>) -> Self {
        let asked = live.lexicon.asked(text);
        let named = Named::in_question(text, live.roster.folded_industries());
        let question = score::Question {
            background: seen.background,
            domain: seen.domain,
            mass: asked.iter().map(|it| f64::from(it.rarity)).sum(),
            is_naming: !named.is_empty(),
        };
        Self { seen, asked, named, question }
    }
}

/// A mentor to be looked at, with cosines as int8 has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) mentor: u32,
    best: f32,
    second: f32,
    whole: f32,
}

impl From<Outline> for Candidate {
    fn from(it: Outline) -> Self {
        Self { mentor: it.owner, best: it.best, second: it.second, whole: it.whole }
    }
}

/// Mentors who may be near enough in meaning, and whether nobody near enough can have been left out.
pub(super) fn near(live: &Live, understood: &Understood, eligible: &Bits, least: f64) -> (Vec<Candidate>, bool) {
    #[expect(clippy::cast_possible_truncation, reason = "a cosine")]
    let outlines = live.vectors.outlines(&understood.seen.vector, least as f32, NEAREST, eligible);
    (outlines.of.into_iter().map(Into::into).collect(), outlines.is_all)
}

/// The question's words and who may use them.
pub(super) fn meet<'a>(live: &'a Live, understood: &'a Understood) -> Meeting<'a> {
    live.lexicon.meet(&understood.asked, live.roster.visible().count() <= FEW)
}

/// Adds those who are not near but use enough of the question's words.
pub(super) fn add_worded(
    live: &Live,
    understood: &Understood,
    keywords: Option<&KeywordReader>,
    meeting: &Meeting<'_>,
    eligible: &Bits,
    candidates: &mut Vec<Candidate>,
) -> Result<()> {
    let n_near = candidates.len();
    let n_visible = live.roster.visible().count();
    let n_eligible = eligible.count();
    let proposed = if n_eligible <= FEW {
        eligible.clone()
    } else if let Some(keywords) = keywords {
        keywords.search(&understood.asked, WORDED, eligible, n_eligible * 2 < n_visible)?.into_iter().collect()
    } else {
        return Ok(());
    };
    let enough = LEAST_WORDED * understood.question.mass;
    let scores = proposed.iter().map(|mentor| (f64::from(meeting.bm25(mentor)), mentor));
    let mut worded: Vec<(f64, u32)> = scores.filter(|(bm25, _)| *bm25 > 0.0 && *bm25 >= enough).collect();
    if worded.len() > WORDED {
        worded.select_nth_unstable_by(WORDED, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        worded.truncate(WORDED);
    }
    let mut known: Bits = candidates.iter().map(|it| it.mentor).collect();
    let found: Vec<u32> = worded.into_iter().map(|(_, mentor)| mentor).filter(|it| !known.get(*it)).collect();
    candidates.extend(live.vectors.outlines_for(&understood.seen.vector, found.iter().copied()).map(Candidate::from));
    // Words alone must do for those whose vectors are still to be made.
    candidates[n_near..].iter().for_each(|it| known.set(it.mentor));
    let without = found.into_iter().filter(|mentor| !known.get(*mentor));
    candidates.extend(without.map(|mentor| Candidate { mentor, best: 0.0, second: 0.0, whole: 0.0 }));
    Ok(())
}

/// Weighs candidates for one question at one moment.
pub(super) struct Scales<'a> {
    live: &'a Live,
    understood: &'a Understood,
    calibration: &'a Calibration,
    now: Moment,
    tags: TagCosines<'a>,
    meeting: Meeting<'a>,
}

impl<'a> Scales<'a> {
    /// For one question.
    pub(super) fn new(
        live: &'a Live,
        understood: &'a Understood,
        meeting: Meeting<'a>,
        calibration: &'a Calibration,
        now: Moment,
    ) -> Self {
        Self { live, understood, calibration, now, tags: TagCosines::new(live, &understood.seen.vector), meeting }
    }

    /// The question's vector.
    pub(super) fn question(&self) -> &'a [f32] {
        &self.understood.seen.vector
    }

    /// Whether the question has no word that says anything: stop words and single letters at most.
    pub(super) fn is_wordless(&self) -> bool {
        self.understood.asked.iter().all(|it| it.stem.is_ascii() && it.stem.len() < 2)
    }

    /// The cosines of a mentor's tags with the question, each with the tag's place in the profile.
    pub(super) fn tag_cosines(&mut self, mentor: u32) -> impl Iterator<Item = (usize, f32)> {
        self.tags.of(mentor)
    }

    /// Looks up at once what `judge` needs of so many.
    pub(super) fn learn(&mut self, candidates: &[Candidate]) {
        self.tags.learn(candidates.iter().map(|it| it.mentor));
    }

    /// How far a candidate is relevant, by int8 cosines.
    pub(super) fn judge(&mut self, candidate: &Candidate) -> Judged {
        let tags = best_two(self.tags.about(candidate.mentor).map(|(_, cosine)| cosine));
        let units = [candidate.best, candidate.second, candidate.whole];
        let evidence = self.judged_by(candidate.mentor, units, tags);
        score::judge(self.calibration, &self.understood.question, &evidence)
    }

    /// Everything that is found about a mentor, by exact cosines.
    pub(super) fn evidence(&mut self, mentor: u32) -> Evidence {
        let mut units = self.live.vectors.cosines(&self.understood.seen.vector, mentor);
        let whole = units.next().unwrap_or(0.0);
        let [best, second] = best_two(units);
        let tags = best_two(self.tags.of(mentor).map(|(_, cosine)| cosine));
        Evidence { context: self.context(mentor), ..self.judged_by(mentor, [best, second, whole], tags) }
    }

    /// What speaks for a mentor whatever is asked.
    pub(super) fn context(&self, mentor: u32) -> Context {
        let roster = &self.live.roster;
        let n_slots = roster.free_slots(mentor, self.now, self.now.plus_days(SLOT_DAYS)).len();
        Context {
            n_slots: u32::try_from(n_slots).unwrap_or(u32::MAX),
            load: roster.load(mentor, self.now),
            ratings: roster.ratings(mentor),
        }
    }

    /// The mentor's score by exact cosines.
    pub(super) fn score(&mut self, mentor: u32) -> score::Score {
        let evidence = self.evidence(mentor);
        score::score(self.calibration, &self.understood.question, &evidence)
    }

    /// Which of a mentor's tags the question's words cover, by their places.
    pub(super) fn covered_tags(&mut self, mentor: u32) -> Vec<usize> {
        self.meeting.covered_tags(mentor)
    }

    /// The evidence that makes relevance, cosines of the profile and of its tags given.
    fn judged_by(&mut self, mentor: u32, [best, second, whole]: [f32; 3], [tag, second_tag]: [f32; 2]) -> Evidence {
        let worded = self.meeting.with(mentor);
        let named = if self.understood.question.is_naming {
            self.live.roster.card(mentor).map_or(0.0, |card| self.understood.named.fit(card))
        } else {
            0.0
        };
        Evidence {
            best: f64::from(best),
            second: f64::from(second),
            whole: f64::from(whole),
            tag: f64::from(tag),
            second_tag: f64::from(second_tag),
            bm25: f64::from(worded.bm25),
            coverage: f64::from(worded.coverage),
            exactness: f64::from(worded.exactness),
            named,
            ..Evidence::default()
        }
    }
}

/// The greatest two, the greatest twice where there is one only, zeros where there is none.
fn best_two(values: impl Iterator<Item = f32>) -> [f32; 2] {
    let mut best: Option<[f32; 2]> = None;
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
