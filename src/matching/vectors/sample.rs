//! Made-up vectors for the tests of this folder, shaped like a meaning model's: a common direction, topics, and fewer real dimensions than 384. Never leaves the tests.

use super::cosine::DIMS;

/// Topics a vector can be about.
pub const TOPICS: u64 = 40;

/// A source of vectors; the same seed gives the same vectors.
pub struct Sample {
    state: u64,
}

impl Sample {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % end
    }

    /// A number that is about normal: mean 0, variance 1.
    fn normal(&mut self) -> f32 {
        let sum: u64 = (0..12).map(|_| self.below(1 << 16)).sum();
        #[expect(clippy::cast_precision_loss, reason = "the sum is below 2^20")]
        let sum = sum as f32;
        sum / 65_536.0 - 6.0
    }

    /// A unit vector about `topic`.
    pub fn vector(&mut self, topic: u64) -> [f32; DIMS] {
        let mut about = Self::new(1_000 + topic);
        let mut common = Self::new(999);
        let mut vector = [0.0; DIMS];
        for (at, value) in (0_u8..64).cycle().map(f32::from).zip(&mut vector) {
            // Later dimensions of each run of 64 weigh less, as in a real model's spectrum.
            let weight = 1.0 / (1.0 + at / 8.0);
            *value = weight * (0.5 * common.normal() + 0.9 * about.normal() + self.normal());
        }
        unit(vector)
    }

    /// A profile of `count` vectors, on up to three topics.
    pub fn profile(&mut self, count: u64) -> Vec<[f32; DIMS]> {
        let topics = [self.below(TOPICS), self.below(TOPICS), self.below(TOPICS)];
        (0..count).map(|at| self.vector(topics[usize::try_from(at % 3).expect("below 3")])).collect()
    }
}

/// The same direction at length one.
#[expect(clippy::large_types_passed_by_value, reason = "test data, made and handed on")]
pub fn unit(vector: [f32; DIMS]) -> [f32; DIMS] {
    let norm: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "test data")]
    let norm = norm as f32;
    vector.map(|value| value / norm)
}
