//! Mentors from a seed: texts mixed from the demo's sentences, vectors mixed from those of real
//! passages with a little noise. No hour of embedding, and the same mentors every time.

use std::collections::HashMap;

use crate::audit::Actor;
use crate::cli::progress;
use crate::config::Config;
use crate::db::Db;
use crate::error::{OrInternal, Result};
use crate::matching::{self, Embedder};
use crate::mentors::{self, Edit, Expertise, Patch};

const DEMO: &str = include_str!("../../../assets/demo/mentors.jsonl");
const CONCEPTS: &str = include_str!("../../../models/training/concepts.jsonl");

/// The industry that only the filter's share of mentors has.
pub(super) const KEPT: &str = "Kept by the filter";

/// Words of a question that has at most 16 word pieces, about.
const MOST_WORDS: usize = 11;

/// Sentences of a bio, at most: enough for six pieces, which with headline and tags make eight passages.
const MOST_SENTENCES: u64 = 18;

/// Mentors written in one transaction.
const BATCH: u32 = 500;

/// How far a synthetic vector is from the mix it was made of.
const NOISE: f32 = 0.02;

/// Questions as people ask them, `n` of them, the short ones of the catalogue.
pub(super) fn questions(n: usize) -> Vec<String> {
    let concepts = CONCEPTS.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let needs = concepts.flat_map(|concept| concept["needs"].as_array().cloned().unwrap_or_default());
    let short = needs
        .filter_map(|need| need.as_str().filter(|it| it.split_whitespace().count() <= MOST_WORDS).map(str::to_owned));
    let short: Vec<String> = short.collect();
    // A stride visits all topics whatever `n` is.
    (0..n).filter_map(|at| short.get(at * 37 % short.len().max(1)).cloned()).collect()
}

/// A source of numbers from a seed (xorshift64*; Vigna 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap_or(0) % end.max(1)
    }

    fn noise(&mut self) -> f32 {
        let step = u16::try_from(self.below(2_001)).unwrap_or(0);
        (f32::from(step) / 1_000.0 - 1.0) * NOISE
    }
}

/// What synthetic mentors are mixed from.
struct Parts {
    headlines: Vec<String>,
    sentences: Vec<String>,
    tags: Vec<String>,
    industries: Vec<String>,
}

fn parts() -> Parts {
    let mut parts = Parts { headlines: Vec::new(), sentences: Vec::new(), tags: Vec::new(), industries: Vec::new() };
    let list = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    for line in DEMO.lines() {
        let Ok(payload) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let fields = &payload["fields"];
        parts.headlines.extend(fields["Headline"].as_str().map(str::to_owned));
        let bio = fields["Bio"].as_str().unwrap_or_default();
        parts.sentences.extend(bio.split_inclusive(". ").map(|it| it.trim().to_owned()));
        parts.tags.extend(list(&fields["Expertise"]));
        parts.industries.extend(list(&fields["Industries"]));
    }
    parts
}

/// Writes `n` mentors with their vectors.
pub(super) fn fill(db: &Db, config: &Config, n: u32, filter_share: f64) -> Result<()> {
    let parts = parts();
    let embedder = Embedder::open(&config.embedding)?;
    let real = real_vectors(&embedder, &parts)?;
    let mut pool: Vec<&Vec<f32>> =
        parts.sentences.iter().chain(&parts.headlines).filter_map(|text| real.get(text)).collect();
    pool.dedup();
    let mut dice = Dice(0x5EED);
    let bar = progress::bar("Writing synthetic mentors", u64::from(n));
    let actor = Actor::nobody("bench");
    let mut number = 0;
    while number < n {
        let end = n.min(number + BATCH);
        db.write_here(|tx| {
            for one in number..end {
                // Spread evenly, so that every size has its share.
                let is_kept = (f64::from(one) * filter_share).fract() < filter_share;
                let put = mentors::put(tx, &actor, &format!("synthetic-{one}"), edit(&mut dice, &parts, one, is_kept))?;
                matching::put_vectors(tx, put.number, |text| {
                    real.get(text).cloned().unwrap_or_else(|| mixed(&mut dice, &pool))
                })?;
            }
            Ok(())
        })?;
        bar.set_position(u64::from(end));
        number = end;
    }
    bar.finish_and_clear();
    Ok(())
}

fn edit(dice: &mut Dice, parts: &Parts, one: u32, is_kept: bool) -> Edit {
    let mut pick = |from: &[String]| from.get(dice.below(from.len())).cloned().unwrap_or_default();
    let headline = format!("{} ({one})", pick(&parts.headlines));
    let tags: Vec<String> = (0..5).map(|_| pick(&parts.tags)).collect();
    let mut industries = vec![pick(&parts.industries)];
    if is_kept {
        industries.push(KEPT.to_owned());
    }
    let n_sentences = 1 + usize::try_from(u64::from(one) * 7 % MOST_SENTENCES).unwrap_or(0);
    let sentences: Vec<String> = (0..n_sentences).map(|_| pick(&parts.sentences)).collect();
    Edit {
        email: Some(format!("synthetic-{one}@example.org")),
        name: Some(format!("Synthetic {one}")),
        headline: Patch::Set(headline),
        bio: Patch::Set(format!("{} Case {one}.", sentences.join(" "))),
        industries: Patch::Set(industries),
        expertise: Patch::Set(tags.into_iter().map(Expertise::plain).collect()),
        ..Edit::default()
    }
}

fn real_vectors(embedder: &Embedder, parts: &Parts) -> Result<HashMap<String, Vec<f32>>> {
    let texts: Vec<&String> = parts.headlines.iter().chain(&parts.sentences).chain(&parts.tags).collect();
    let bar = progress::bar("Reading real passages", texts.len() as u64);
    let mut vectors = HashMap::with_capacity(texts.len());
    for text in texts {
        if !vectors.contains_key(text) {
            vectors.insert(text.clone(), embedder.embed(text)?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(vectors)
}

/// Three real vectors, the first counting most, and some noise; of length one.
fn mixed(dice: &mut Dice, pool: &[&Vec<f32>]) -> Vec<f32> {
    let mut vector = vec![0.0_f32; matching::embed::DIMENSIONS];
    for share in [0.6, 0.25, 0.15] {
        if let Some(real) = pool.get(dice.below(pool.len())) {
            for (number, part) in vector.iter_mut().zip(*real) {
                *number += share * part;
            }
        }
    }
    for number in &mut vector {
        *number += dice.noise();
    }
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    for number in &mut vector {
        *number /= length;
    }
    vector
}

/// Resident memory of this process in bytes, where the system tells.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").or_internal("reading this process's memory").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
