//! The measures of ranking, as information retrieval defines them. Pure.

use std::collections::HashMap;

use crate::ids::MentorId;

/// Ranks that count.
const DEPTH: usize = 10;

/// The score above which a mentor is called fitting.
const FITTING: f64 = 50.0;

/// The grade of an ideal mentor, and the least that is helpful.
const IDEAL: u8 = 3;
const HELPFUL: u8 = 2;

/// Who fits a question how well: 3 ideal, 2 helpful, 1 marginal. Nobody: the question is out of domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Graded(HashMap<MentorId, u8>);

impl Graded {
    pub(super) fn new(grades: HashMap<MentorId, u8>) -> Self {
        Self(grades.into_iter().filter(|(_, grade)| *grade > 0).collect())
    }

    pub(super) fn grade(&self, mentor: MentorId) -> u8 {
        self.0.get(&mentor).copied().unwrap_or(0)
    }

    pub(super) fn is_in_domain(&self) -> bool {
        !self.0.is_empty()
    }

    fn n_at_least(&self, grade: u8) -> usize {
        self.0.values().filter(|it| **it >= grade).count()
    }
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Everybody shown, best first, with their scores.
    pub(super) ranked: Vec<(MentorId, f64)>,
    /// How many could have been shown.
    pub(super) n_possible: usize,
    /// How well they fit.
    pub(super) graded: Graded,
}

/// The figures over some questions; `None` where there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    /// Mean over in-domain questions; gain 2^grade - 1, discount log2(rank + 1), ideal from the grades.
    pub(super) ndcg10: Option<f64>,
    /// Share of helpful and ideal mentors among the first ten, mean over questions that have any.
    pub(super) recall10: Option<f64>,
    /// Mean of 1 / rank of the first helpful mentor.
    pub(super) mrr: Option<f64>,
    /// Share of ideal pairs scored above 50.
    pub(super) relevant_above50: Option<f64>,
    /// Share of unlisted pairs (in-domain question, mentor who passes its filters) scored above 50.
    pub(super) irrelevant_above50: Option<f64>,
    /// Share of out-of-domain questions answered empty.
    pub(super) out_of_domain_empty: Option<f64>,
    /// Share of in-domain questions answered empty.
    pub(super) in_domain_empty: Option<f64>,
    /// Questions measured.
    pub(super) n: usize,
}

impl Figures {
    pub(super) fn heading() -> String {
        format!(
            "{:14} {:>3} {:>8} {:>10} {:>6} {:>9} {:>12} {:>10} {:>10}",
            "", "n", "nDCG@10", "recall@10", "MRR", "ideal>50", "unlisted>50", "ood empty", "in empty"
        )
    }

    pub(super) fn row(&self, name: &str) -> String {
        let show = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.3}"));
        format!(
            "{name:14} {:>3} {:>8} {:>10} {:>6} {:>9} {:>12} {:>10} {:>10}",
            self.n,
            show(self.ndcg10),
            show(self.recall10),
            show(self.mrr),
            show(self.relevant_above50),
            show(self.irrelevant_above50),
            show(self.out_of_domain_empty),
            show(self.in_domain_empty),
        )
    }
}

/// Measures some answers.
pub(super) fn figures(outcomes: &[Outcome]) -> Figures {
    let in_domain: Vec<&Outcome> = outcomes.iter().filter(|it| it.graded.is_in_domain()).collect();
    let outside: Vec<&Outcome> = outcomes.iter().filter(|it| !it.graded.is_in_domain()).collect();
    let helpful: Vec<&Outcome> = in_domain.iter().copied().filter(|it| it.graded.n_at_least(HELPFUL) > 0).collect();
    let is_empty = |it: &&Outcome| if it.ranked.is_empty() { 1.0 } else { 0.0 };
    let n_ideal: usize = in_domain.iter().map(|it| it.graded.n_at_least(IDEAL)).sum();
    let n_unlisted: usize = in_domain.iter().map(|it| it.n_possible.saturating_sub(it.graded.n_at_least(1))).sum();
    let n_above = |grade: u8| {
        let above = |it: &&&Outcome| {
            it.ranked.iter().filter(|(id, score)| *score > FITTING && it.graded.grade(*id) == grade).count()
        };
        in_domain.iter().map(|it| above(&it)).sum::<usize>()
    };
    Figures {
        ndcg10: mean(in_domain.iter().map(|it| ndcg(it))),
        recall10: mean(helpful.iter().map(|it| recall(it))),
        mrr: mean(helpful.iter().map(|it| reciprocal_rank(it))),
        relevant_above50: share(n_above(IDEAL), n_ideal),
        irrelevant_above50: share(n_above(0), n_unlisted),
        out_of_domain_empty: mean(outside.iter().map(is_empty)),
        in_domain_empty: mean(in_domain.iter().map(is_empty)),
        n: outcomes.len(),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let n = values.len();
    (n > 0).then(|| values.sum::<f64>() / as_f64(n))
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| as_f64(part) / as_f64(whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts of questions and pairs are small")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

fn gain(grade: u8) -> f64 {
    f64::from((1_u32 << grade) - 1)
}

fn discounted(grades: impl Iterator<Item = u8>) -> f64 {
    grades.take(DEPTH).enumerate().map(|(at, grade)| gain(grade) / as_f64(at + 2).log2()).sum()
}

fn ndcg(outcome: &Outcome) -> f64 {
    let mut ideal: Vec<u8> = outcome.graded.0.values().copied().collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    discounted(outcome.ranked.iter().map(|(id, _)| outcome.graded.grade(*id))) / discounted(ideal.into_iter())
}

fn recall(outcome: &Outcome) -> f64 {
    let found = outcome.ranked.iter().take(DEPTH).filter(|(id, _)| outcome.graded.grade(*id) >= HELPFUL).count();
    as_f64(found) / as_f64(outcome.graded.n_at_least(HELPFUL))
}

fn reciprocal_rank(outcome: &Outcome) -> f64 {
    let first = outcome.ranked.iter().position(|(id, _)| outcome.graded.grade(*id) >= HELPFUL);
    first.map_or(0.0, |at| 1.0 / as_f64(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_agree_with_a_count_by_hand() {
        let ids: Vec<MentorId> = (0..4).map(|_| MentorId::random()).collect();
        let graded = Graded::new(HashMap::from([(ids[0], 3), (ids[1], 2), (ids[2], 1)]));
        let ranked = vec![(ids[3], 60.0), (ids[0], 55.0), (ids[2], 40.0)];
        let question = Outcome { ranked, n_possible: 5, graded };
        let outside = Outcome { ranked: vec![], n_possible: 5, graded: Graded::default() };
        let figures = figures(&[question, outside]);
        let ideal = 7.0 + 3.0 / 3_f64.log2() + 1.0 / 2.0;
        let wanted = (7.0 / 3_f64.log2() + 1.0 / 2.0) / ideal;
        assert!((figures.ndcg10.expect("measured") - wanted).abs() < 1e-12);
        assert_eq!(figures.recall10, Some(0.5));
        assert_eq!(figures.mrr, Some(0.5));
        assert_eq!(figures.relevant_above50, Some(1.0));
        assert_eq!(figures.irrelevant_above50, Some(0.5));
        assert_eq!(figures.out_of_domain_empty, Some(1.0));
        assert_eq!(figures.in_domain_empty, Some(0.0));
    }
}
