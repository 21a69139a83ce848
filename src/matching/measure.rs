//! The tiers of the vector search side by side, against a plain f32 scan: for `tandem bench match`.

use std::time::{Duration, Instant};

use super::Matcher;
use super::bits::Bits;
use super::vectors::{Tier, graph};
use crate::error::Result;

/// Hits that recall is measured over, and those that an answer asks for.
const RECALL_AT: usize = 10;
const ASKED_FOR: usize = 1_024;

/// What one tier did.
#[derive(Clone, Debug)]
pub struct TierFigures {
    /// `exact`, `cascade` or `hnsw`.
    pub tier: &'static str,
    /// The share of the true ten nearest that it found, mean over the questions.
    pub recall_at_10: f64,
    /// Times for ten hits.
    pub ten: Vec<Duration>,
    /// Times for as many as an answer looks at.
    pub many: Vec<Duration>,
}

impl Matcher {
    /// Searches for each question in each tier. Builds the graph first where `with_graph`, and says
    /// how long that took.
    ///
    /// # Errors
    /// Internal, where the model fails.
    pub fn measure_tiers(&self, questions: &[&str], with_graph: bool) -> Result<(Vec<TierFigures>, Option<Duration>)> {
        let mut vectors = self.live().vectors.clone();
        let all = self.live().roster.visible().clone();
        let built = with_graph.then(|| {
            let began = Instant::now();
            vectors.attach(std::sync::Arc::new(graph::build(&vectors, 2)));
            began.elapsed()
        });
        let mut asked = Vec::with_capacity(questions.len());
        for question in questions {
            asked.push(self.see(question)?);
        }
        let truth: Vec<Vec<(u32, u8)>> =
            asked.iter().map(|question| true_nearest(&vectors, &question.vector, &all)).collect();
        let mut figures = Vec::new();
        for (tier, name) in [(Tier::Exact, "exact"), (Tier::Cascade, "cascade"), (Tier::Hnsw, "hnsw")] {
            if tier == Tier::Hnsw && !with_graph {
                continue;
            }
            let mut one = TierFigures { tier: name, recall_at_10: 0.0, ten: Vec::new(), many: Vec::new() };
            let mut n_found = 0.0;
            for (question, truth) in asked.iter().zip(&truth) {
                let began = Instant::now();
                let hits = vectors.nearest_by(tier, &question.vector, RECALL_AT, &all).hits;
                one.ten.push(began.elapsed());
                let found = hits.iter().filter(|hit| truth.contains(&(hit.owner, hit.unit))).count();
                n_found += f64::from(u32::try_from(found).unwrap_or(0))
                    / f64::from(u32::try_from(truth.len().max(1)).unwrap_or(1));
                let began = Instant::now();
                drop(vectors.nearest_by(tier, &question.vector, ASKED_FOR, &all));
                one.many.push(began.elapsed());
            }
            one.recall_at_10 = n_found / f64::from(u32::try_from(asked.len().max(1)).unwrap_or(1));
            figures.push(one);
        }
        Ok((figures, built))
    }
}

/// The ten nearest by a scan of every f32 vector.
fn true_nearest(vectors: &super::vectors::Vectors, question: &[f32], all: &Bits) -> Vec<(u32, u8)> {
    let mut cosines: Vec<(f32, u32, u8)> = Vec::new();
    for owner in all.iter() {
        cosines
            .extend((0_u8..=u8::MAX).zip(vectors.cosines(question, owner)).map(|(unit, cosine)| (cosine, owner, unit)));
    }
    let n = RECALL_AT.min(cosines.len());
    let order = |a: &(f32, u32, u8), b: &(f32, u32, u8)| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
    if n < cosines.len() {
        cosines.select_nth_unstable_by(n, order);
        cosines.truncate(n);
    }
    cosines.into_iter().map(|(_, owner, unit)| (owner, unit)).collect()
}
