//! Fits weights and calibration to graded questions, and measures on questions held out.
//!
//! The loss over pairs and lists: a cross entropy that wants ideal mentors above 50 and unlisted
//! ones below, a list-wise term that wants the better graded first, and a pull towards the prior.
//! Afterwards the midpoints are moved until a set share of unlisted pairs stands above 50.

use std::collections::HashMap;

use super::measures::Outcome;
use super::{ALL, Judged, ask_one};
use crate::app::App;
use crate::error::Result;
use crate::matching::score::{self, Evidence};
use crate::matching::{Calibration, Variant};

/// Folds, and how often the questions are dealt into them.
const FOLDS: usize = 5;

/// The share of unlisted pairs that may stand above 50 on the questions fitted to; held-out ones get a little more.
const FALSE_SHARE: f64 = 0.02;

/// How steep the cross entropy is around 50, the list-wise term's weight and temperature, the prior's pull.
const STEEPNESS: f64 = 10.0;
const LIST_WEIGHT: f64 = 0.15;
const LIST_STEEPNESS: f64 = 14.0;
const PULL: f64 = 1.0;

/// Steps of the simplex search.
const STEPS: usize = 240;

/// What the folds gave.
pub(super) struct Folds {
    /// Each question answered by the calibration that had not seen it.
    pub(super) outcomes: Vec<Outcome>,
    /// The calibration fitted to all questions.
    pub(super) to_all: Calibration,
}

/// A question with the evidence for everybody it may show.
struct Pairs {
    question: score::Question,
    pairs: Vec<(Evidence, u8)>,
}

/// Fits to four fifths, answers the fifth, in turn. Questions are dealt out within their type.
pub(super) fn cross_validate(app: &App, questions: &[Judged]) -> Result<Folds> {
    let all: Vec<Option<Pairs>> = questions.iter().map(|question| pairs(app, question)).collect::<Result<_>>()?;
    let folds = deal(questions);
    let mut outcomes: Vec<Option<Outcome>> = vec![None; questions.len()];
    for fold in 0..FOLDS {
        let seen: Vec<&Pairs> =
            all.iter().zip(&folds).filter(|(_, it)| **it != fold).filter_map(|(it, _)| it.as_ref()).collect();
        let calibration = fit(&seen);
        for (at, question) in questions.iter().enumerate().filter(|(at, _)| folds[*at] == fold) {
            outcomes[at] = Some(ask_one(app, question, &calibration, Variant::All)?);
        }
    }
    let seen: Vec<&Pairs> = all.iter().flatten().collect();
    Ok(Folds { outcomes: outcomes.into_iter().flatten().collect(), to_all: fit(&seen) })
}

fn deal(questions: &[Judged]) -> Vec<usize> {
    let mut n_of_type: HashMap<&str, usize> = HashMap::new();
    let mut folds = Vec::with_capacity(questions.len());
    for question in questions {
        let n = n_of_type.entry(question.kind.as_str()).or_default();
        folds.push(*n % FOLDS);
        *n += 1;
    }
    folds
}

fn pairs(app: &App, question: &Judged) -> Result<Option<Pairs>> {
    if !question.graded.is_in_domain() {
        return Ok(None);
    }
    let (of_question, evidence) = app.matcher.evidence(&question.ask)?;
    let pairs = evidence.into_iter().take(ALL).map(|(id, evidence)| (evidence, question.graded.grade(id))).collect();
    Ok(Some(Pairs { question: of_question, pairs }))
}

/// Six free numbers: two of the three weights (as logits), both midpoints, the width (as a logarithm), the background's share.
type Numbers = [f64; 6];

const PRIOR: Numbers = [0.7, 0.0, 0.0, 0.02, -2.5, 1.0];

fn calibration(numbers: &Numbers) -> Calibration {
    let weights = [numbers[0].exp(), numbers[1].exp(), 1.0];
    let total: f64 = weights.iter().sum();
    Calibration {
        semantic: weights[0] / total,
        keyword: weights[1] / total,
        expertise: weights[2] / total,
        profile_half: numbers[2],
        tag_half: numbers[3],
        width: numbers[4].exp(),
        background: numbers[5],
    }
}

fn fit(seen: &[&Pairs]) -> Calibration {
    let best = search(PRIOR, |numbers| loss(&calibration(numbers), seen) + PULL * distance(numbers));
    let mut fitted = calibration(&best);
    let (mut low, mut high) = (-0.3, 0.3);
    for _ in 0..24 {
        let middle = f64::midpoint(low, high);
        if false_share(&moved(&fitted, middle), seen) > FALSE_SHARE { low = middle } else { high = middle }
    }
    fitted = moved(&fitted, high);
    fitted
}

fn moved(calibration: &Calibration, by: f64) -> Calibration {
    Calibration { profile_half: calibration.profile_half + by, tag_half: calibration.tag_half + by, ..*calibration }
}

fn distance(numbers: &Numbers) -> f64 {
    numbers.iter().zip(&PRIOR).map(|(a, b)| (a - b).powi(2)).sum()
}

fn loss(calibration: &Calibration, seen: &[&Pairs]) -> f64 {
    seen.iter().map(|it| loss_of_one(calibration, it)).sum()
}

fn loss_of_one(calibration: &Calibration, it: &Pairs) -> f64 {
    let (mut pairwise, mut all, mut gained, mut gain_sum) = (0.0, 0.0, 0.0, 0.0);
    for (evidence, grade) in &it.pairs {
        let score = score::score(calibration, &it.question, evidence).total() / 100.0;
        let z = STEEPNESS * (score - 0.5);
        let (wanted, weight) = match grade {
            3 => (1.0, 1.0),
            2 => (0.7, 0.6),
            1 => (0.2, 0.3),
            _ => (0.0, 0.08),
        };
        pairwise += weight * (softplus(z) - wanted * z);
        let gain = f64::from((1_u32 << grade) - 1);
        all += (LIST_STEEPNESS * score).exp();
        gained += gain * LIST_STEEPNESS * score;
        gain_sum += gain;
    }
    pairwise + LIST_WEIGHT * (all.ln() - gained / gain_sum.max(1.0))
}

fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn false_share(calibration: &Calibration, seen: &[&Pairs]) -> f64 {
    let (mut n_above, mut n_unlisted) = (0.0, 0.0);
    for it in seen {
        for (evidence, _) in it.pairs.iter().filter(|(_, grade)| *grade == 0) {
            n_unlisted += 1.0;
            if score::score(calibration, &it.question, evidence).total() > 50.0 {
                n_above += 1.0;
            }
        }
    }
    n_above / f64::max(n_unlisted, 1.0)
}

/// Nelder and Mead's simplex search (1965), with the usual coefficients.
fn search(start: Numbers, value: impl Fn(&Numbers) -> f64) -> Numbers {
    let scored = |numbers: Numbers| (value(&numbers), numbers);
    let mut simplex = vec![scored(start)];
    for at in 0..start.len() {
        let mut corner = start;
        corner[at] += if at == 0 || at == 1 || at == 4 { 0.3 } else { 0.05 };
        simplex.push(scored(corner));
    }
    for _ in 0..STEPS {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (worst_value, worst) = simplex[start.len()];
        let mut centre = [0.0; 6];
        for (_, corner) in &simplex[..start.len()] {
            for (sum, number) in centre.iter_mut().zip(corner) {
                *sum += number / 6.0;
            }
        }
        let towards = |share: f64| std::array::from_fn(|at| centre[at] + share * (worst[at] - centre[at]));
        let reflected = scored(towards(-1.0));
        let better = if reflected.0 < simplex[0].0 {
            let expanded = scored(towards(-2.0));
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < simplex[start.len() - 1].0 {
            reflected
        } else {
            scored(towards(0.5))
        };
        if better.0 < worst_value {
            simplex[start.len()] = better;
        } else {
            let best = simplex[0].1;
            for corner in &mut simplex[1..] {
                *corner = scored(std::array::from_fn(|at| f64::midpoint(best[at], corner.1[at])));
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex[0].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_the_bottom_of_a_bowl() {
        let bottom = [0.3, -0.2, 0.5, 0.1, -2.0, 0.9];
        let found = search(PRIOR, |numbers| numbers.iter().zip(&bottom).map(|(a, b)| (a - b).powi(2)).sum());
        for (found, wanted) in found.iter().zip(&bottom) {
            assert!((found - wanted).abs() < 0.02, "{found} for {wanted}");
        }
    }
}
