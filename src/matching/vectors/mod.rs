//! The nearest vectors to a question, in memory. Mentors are dense numbers ("owners"), each with one vector for the whole profile (unit 0) and up to eight for its passages.
//!
//! Three tiers answer, and every cosine any of them gives is the f32 one:
//! - exact: int8 over the eligible units, then f32 for all that the bound on the int8 error leaves open. Recall 1, proven by the bound, not hoped for.
//! - cascade: signs of the centred values over all units, the best few thousand in int8, the best of those in f32.
//! - graph: `hnsw_rs`, built beside the live set and attached; what changed since is scanned exactly.
//!
//! A `Vectors` is a value: a clone shares its memory until one of the two changes, so a writer can work on a clone and swap it in, and a graph can be made from a clone while questions go on. Never reads a database, a file or a clock and never embeds. There is no copy on disk: of a start with 100,000 mentors, reading their vectors from SQLite takes a quarter, the rest is rounding them and reading profiles, so a file beside the database would save little and could be wrong.

mod answer;
mod best;
pub mod cosine;
pub mod graph;
mod kernel;
pub mod outline;
mod plan;
mod settle;
mod shortlist;
mod signs;
mod slab;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use crate::matching::bits::Bits;
use cosine::{DIMS, Wide};
use signs::BLOCK;
use slab::{MAX_RUN, Slab};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicU64};

/// Owners are below this: ten times the most mentors anyone plans for, so that a wild number cannot claim the machine's memory.
pub const MAX_OWNERS: u32 = 1 << 22;

/// Gives every `put` in this process its own number, so that a graph knows what it was built from, even across clones.
static NEXT_STAMP: AtomicU64 = AtomicU64::new(1);

/// Which way of searching answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// The cheapest for the question at hand. Only ever asked for; an answer names one of the others.
    #[default]
    Auto,
    /// Every eligible unit is looked at; recall is 1.
    Exact,
    /// Sign bits, then int8, then f32.
    Cascade,
    /// The `hnsw_rs` graph, where one is attached and fits; else the cascade.
    Hnsw,
}

/// One unit that is near a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// The mentor's number.
    pub owner: u32,
    /// 0 for the whole profile, 1 to 8 for a passage.
    pub unit: u8,
    /// The f32 cosine, -1 to 1.
    pub cosine: f32,
}

impl Near {
    /// Nearer first; equal cosines by owner, then unit.
    fn order(&self, other: &Self) -> Ordering {
        other.cosine.total_cmp(&self.cosine).then(self.owner.cmp(&other.owner)).then(self.unit.cmp(&other.unit))
    }
}

/// The hits, nearest first, and the tier that found them.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// At most k units of eligible owners; fewer only when no more are there.
    pub hits: Vec<Near>,
    /// Never `Tier::Auto`.
    pub tier: Tier,
}

/// Why a `put` was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The owner is not below `MAX_OWNERS`.
    Owner(u32),
    /// An owner has 1 to 9 units, not this many.
    Count(usize),
    /// A vector has `DIMS` numbers, not this many.
    Length(usize),
    /// A vector is zero, not finite, or not of length one.
    Norm,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(out, "owner {owner} is not below {MAX_OWNERS}"),
            Self::Count(count) => write!(out, "an owner has 1 to {MAX_RUN} vectors, not {count}"),
            Self::Length(length) => write!(out, "a vector has {DIMS} numbers, not {length}"),
            Self::Norm => write!(out, "a vector is not of length one"),
        }
    }
}

impl std::error::Error for Refused {}

/// Where an owner's units lie.
#[derive(Clone, Copy, Default)]
struct Run {
    /// What `put` gave it; two runs with one stamp hold the same vectors.
    stamp: u64,
    start: u32,
    /// 0 for an owner without units.
    length: u8,
}

impl Run {
    fn slots(self) -> std::ops::Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.length)
    }

    /// The block the run lies in, and its slots there as bits: a run crosses no block.
    fn marks(self) -> (usize, u64) {
        (self.start as usize / BLOCK, ((1 << self.length) - 1) << (self.start as usize % BLOCK))
    }
}

/// The vectors of all owners, ready to be searched.
#[derive(Clone)]
pub struct Vectors {
    tier: Tier,
    runs: Vec<Run>,
    /// Owners that have units.
    present: Bits,
    n_units: usize,
    slab: Slab,
    /// The mean of each dimension, against which signs are taken.
    mean: Arc<Wide>,
    /// How many units the mean was taken over.
    n_centered: usize,
    graph: Option<graph::Attached>,
}

impl Vectors {
    /// Returns an empty set whose questions are answered by `tier`.
    #[must_use]
    pub fn new(tier: Tier) -> Self {
        Self {
            tier,
            runs: Vec::new(),
            present: Bits::new(),
            n_units: 0,
            slab: Slab::default(),
            mean: Arc::new([0.0; DIMS]),
            n_centered: 0,
            graph: None,
        }
    }

    /// Replaces all units of `owner`: unit 0 first, each a unit vector of `DIMS` numbers.
    ///
    /// Now and then (when a fifth of the slots is dead, or the set has doubled) this also settles the whole set, which takes about a second for 800,000 units.
    ///
    /// # Errors
    /// Refuses an owner too large, no or more than nine units, and a vector that is no unit vector; the owner's former units stay then.
    pub fn put<V: AsRef<[f32]>>(&mut self, owner: u32, units: &[V]) -> Result<(), Refused> {
        if owner >= MAX_OWNERS {
            return Err(Refused::Owner(owner));
        }
        if units.is_empty() || units.len() > MAX_RUN {
            return Err(Refused::Count(units.len()));
        }
        let units = units.iter().map(|unit| cosine::check(unit.as_ref())).collect::<Result<Vec<_>, _>>()?;
        self.place(owner, &units);
        self.keep_house();
        Ok(())
    }

    /// Forgets all units of `owner`; nothing happens when there are none.
    pub fn remove(&mut self, owner: u32) {
        if self.take_out(owner) {
            self.runs[owner as usize] = Run::default();
            self.present.unset(owner);
            self.keep_house();
        }
    }

    /// Writes checked units into slots, without any housekeeping.
    fn place(&mut self, owner: u32, units: &[&Wide]) {
        let index = owner as usize;
        if index >= self.runs.len() {
            self.runs.resize(index + 1, Run::default());
        }
        self.take_out(owner);
        let start = self.slab.allocate(units.len());
        for (unit, wide) in (0_u8..).zip(units) {
            self.slab.write(start + usize::from(unit), owner, unit, wide, &self.mean);
        }
        self.runs[index] = Run {
            stamp: NEXT_STAMP.fetch_add(1, atomic::Ordering::Relaxed),
            start: u32::try_from(start).expect("MAX_OWNERS runs of nine slots fit 32 bits, holes included"),
            length: u8::try_from(units.len()).expect("at most nine"),
        };
        self.present.set(owner);
        self.n_units += units.len();
    }

    /// Frees the slots of `owner`, tells the graph, and says whether there were any.
    fn take_out(&mut self, owner: u32) -> bool {
        if let Some(graph) = &mut self.graph {
            graph.note_change(owner);
        }
        let run = self.run(owner);
        if run.length == 0 {
            return false;
        }
        self.slab.release(run.start as usize, usize::from(run.length));
        self.n_units -= usize::from(run.length);
        true
    }

    fn run(&self, owner: u32) -> Run {
        self.runs.get(owner as usize).copied().unwrap_or_default()
    }
}
