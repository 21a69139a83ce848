//! What people say against what mentors call it: some 570 concepts with their vectors, shipped with the
//! model (`models/catalogue.py` makes them). A question's vector is drawn towards the words that
//! mentors use for it; how near the nearest concepts are says how near anything is; and one
//! direction tells mentoring from everyday talk. Pure.

use super::embed::{DIMENSIONS, model_hash};
use super::vectors::cosine::dot;
use crate::error::{Error, Result};

/// The file: the model's SHA-256, then f32 little-endian: the concepts' tags, their keys, the direction.
const FILE: &[u8] = include_bytes!("../../models/tandem-minilm-l6/catalogue.f32");

/// Concepts that a question is drawn towards, how sharply the nearest are preferred, and how far it is drawn.
const NEAREST: usize = 5;
const SHARPNESS: f32 = 0.1;
const PULL: f32 = 0.5;

/// Concepts whose mean cosine is a question's background.
const BACKGROUND: usize = 5;

/// The concepts of the shipped model.
pub struct Catalogue {
    tags: Vec<f32>,
    keys: Vec<f32>,
    direction: Vec<f32>,
}

/// A question's vector seen through the catalogue.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The question's vector, drawn towards what mentors call it; of length one.
    pub vector: Vec<f32>,
    /// The mean cosine of the nearest concepts.
    pub background: f64,
    /// Where the question lies between everyday talk (low) and mentoring (high).
    pub domain: f64,
}

impl Catalogue {
    /// Reads the embedded catalogue.
    ///
    /// # Errors
    /// Internal, where it was made for another model.
    pub fn load() -> Result<Self> {
        let wrong =
            |what: &str| Error::internal(anyhow::anyhow!("models/catalogue.f32 {what}; run models/catalogue.py"));
        let (hash, body) = FILE.split_at_checked(32).ok_or_else(|| wrong("is too short"))?;
        if hash != model_hash() {
            return Err(wrong("was made for another model"));
        }
        let numbers: Vec<f32> =
            body.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        let n_rows = numbers.len() / DIMENSIONS;
        if !numbers.len().is_multiple_of(DIMENSIONS) || n_rows.is_multiple_of(2) {
            return Err(wrong("has a wrong length"));
        }
        let (tags, rest) = numbers.split_at(n_rows / 2 * DIMENSIONS);
        let (keys, direction) = rest.split_at(n_rows / 2 * DIMENSIONS);
        Ok(Self { tags: tags.to_vec(), keys: keys.to_vec(), direction: direction.to_vec() })
    }

    /// Looks at a question's vector.
    pub fn see(&self, question: &[f32]) -> Seen {
        let nearest = best(&self.keys, question, NEAREST);
        let top = nearest.first().map_or(0.0, |(_, cosine)| *cosine);
        let weights: Vec<f32> = nearest.iter().map(|(_, cosine)| ((cosine - top) / SHARPNESS).exp()).collect();
        let total: f32 = weights.iter().sum();
        let mut vector = question.to_vec();
        for ((concept, _), weight) in nearest.iter().zip(&weights) {
            let tag = &self.tags[concept * DIMENSIONS..(concept + 1) * DIMENSIONS];
            for (number, towards) in vector.iter_mut().zip(tag) {
                *number += PULL * weight / total * towards;
            }
        }
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
        for number in &mut vector {
            *number /= length;
        }
        let background = best(&self.tags, question, BACKGROUND);
        let n_background = f64::from(u32::try_from(background.len().max(1)).unwrap_or(1));
        Seen {
            vector,
            background: background.iter().map(|(_, cosine)| f64::from(*cosine)).sum::<f64>() / n_background,
            domain: f64::from(dot(&self.direction, question)),
        }
    }
}

/// The `n` rows nearest to `question`, best first, ties by row.
fn best(rows: &[f32], question: &[f32], n: usize) -> Vec<(usize, f32)> {
    let mut cosines: Vec<(usize, f32)> =
        rows.chunks_exact(DIMENSIONS).map(|row| dot(row, question)).enumerate().collect();
    let n = n.min(cosines.len());
    let by_cosine = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if n < cosines.len() {
        cosines.select_nth_unstable_by(n, by_cosine);
        cosines.truncate(n);
    }
    cosines.sort_unstable_by(by_cosine);
    cosines
}
