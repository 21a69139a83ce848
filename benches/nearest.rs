//! The vector search: each tier at several sizes, with and without a filter that keeps one in a hundred.

use std::sync::Arc;

use tandem::matching::bits::Bits;
use tandem::matching::embed::DIMENSIONS;
use tandem::matching::vectors::{Tier, Vectors, graph};

/// Vectors of each mentor.
const UNITS: usize = 6;

/// Hits asked for, as an answer does.
const HITS: usize = 1_024;

fn main() {
    divan::main();
}

/// Numbers from a seed (xorshift64), between -1 and 1.
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f32::from(u16::try_from(self.0 >> 48).unwrap_or(0)) / 32_768.0 - 1.0
    }

    /// A vector of length one near one of forty topics.
    fn vector(&mut self, topic: u64) -> Vec<f32> {
        let mut about = Dice(topic * 7_919 + 1);
        let mut vector: Vec<f32> = (0..DIMENSIONS).map(|_| about.number() + 0.8 * self.number()).collect();
        let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
        for number in &mut vector {
            *number /= length;
        }
        vector
    }
}

fn filled(mentors: u32, tier: Tier) -> Vectors {
    let mut dice = Dice(42);
    let mut vectors = Vectors::new(tier);
    for mentor in 0..mentors {
        let units: Vec<Vec<f32>> = (0..UNITS).map(|unit| dice.vector((u64::from(mentor) + unit as u64) % 40)).collect();
        vectors.put(mentor, &units).expect("unit vectors are taken");
    }
    vectors.settle();
    if tier == Tier::Hnsw {
        vectors.attach(Arc::new(graph::build(&vectors, 2)));
    }
    vectors
}

fn search(bencher: divan::Bencher<'_, '_>, mentors: u32, tier: Tier, one_in: u32) {
    let vectors = filled(mentors, tier);
    let eligible: Bits = (0..mentors).filter(|mentor| mentor % one_in == 0).collect();
    let mut dice = Dice(7);
    let questions: Vec<Vec<f32>> = (0..64).map(|topic| dice.vector(topic % 40)).collect();
    let mut at = 0;
    bencher.bench_local(|| {
        at = (at + 1) % questions.len();
        vectors.nearest(divan::black_box(&questions[at]), HITS, &eligible)
    });
}

#[divan::bench(args = [1_000, 10_000])]
fn exact(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    search(bencher, mentors, Tier::Exact, 1);
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn cascade(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    search(bencher, mentors, Tier::Cascade, 1);
}

#[divan::bench(args = [1_000])]
fn hnsw(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    search(bencher, mentors, Tier::Hnsw, 1);
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn auto(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    search(bencher, mentors, Tier::Auto, 1);
}

#[divan::bench(args = [1_000, 10_000, 100_000])]
fn auto_with_a_filter(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    search(bencher, mentors, Tier::Auto, 100);
}
