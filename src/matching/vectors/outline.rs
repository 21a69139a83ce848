//! Owners in outline: for each that may be near, how near its units are by int8, which errs by less than a hundredth. A quarter of the memory is read that f32 would need, so thousands of owners can be weighed before the best few are read in full.

use super::answer::scan;
use super::best::AHEAD;
use super::cosine::{Rounded, check};
use super::slab::MAX_RUN;
use super::{Tier, Vectors};
use crate::matching::bits::Bits;
use std::hint::black_box;

/// Hits that the graph is asked for, where it is forced.
const GRAPH_HITS: usize = 1_024;

/// Units that the signs propose: at least so many, and one in so many of all. Fewer than for hits, because an owner is found by any of its units.
const LEAST_PROPOSED: usize = 2_048;
const UNITS_FOR_PROPOSED: usize = 400;

/// One owner's cosines by int8. The same vectors always give the same, on any processor: the int8 dot is a whole number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outline {
    /// The mentor's number.
    pub owner: u32,
    /// Of the best passage; 0 where there is none.
    pub best: f32,
    /// Of the second-best passage; of the best where there is one only.
    pub second: f32,
    /// Of the whole profile.
    pub whole: f32,
}

impl Outline {
    /// The nearest unit's.
    fn near(&self) -> f32 {
        self.best.max(self.whole)
    }
}

/// The owners that may be near.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlines {
    /// In no order.
    pub of: Vec<Outline>,
    /// Whether no owner that is near enough can have been left out.
    pub is_all: bool,
}

impl Vectors {
    /// Returns the eligible owners of whom a unit has a cosine of `least` with `query`, the nearest `want` where there are more. A query that is no unit vector is near to nobody.
    #[must_use]
    pub fn outlines(&self, query: &[f32], least: f32, want: usize, eligible: &Bits) -> Outlines {
        let Ok(query) = check(query) else { return Outlines { of: Vec::new(), is_all: true } };
        let n_owners = eligible.count_and(&self.present);
        let rounded = Rounded::new(query);
        match self.tier_for(self.tier, GRAPH_HITS, eligible, n_owners) {
            Tier::Cascade => {
                let mask = self.mask_for(eligible, n_owners);
                let n_proposed = LEAST_PROPOSED.max(self.n_units / UNITS_FOR_PROPOSED);
                let slots = scan(self.slab.chunks(), query, mask.as_deref(), n_proposed);
                let (near, n_near) = self.owners_of(&rounded, least, &slots);
                // Signs misjudge now and then; when most of what they chose is too far, what they did not choose is farther.
                let is_all = slots.len() < n_proposed || n_near * 2 < slots.len();
                self.outlines_of(&rounded, least, want, near, is_all)
            }
            Tier::Hnsw => {
                let near = self.nearest_by(Tier::Hnsw, query, GRAPH_HITS, eligible).hits;
                let is_all = near.last().is_none_or(|hit| near.len() < GRAPH_HITS || hit.cosine < least);
                let near = near.iter().map(|hit| (hit.cosine, hit.owner)).collect();
                self.outlines_of(&rounded, least, want, near, is_all)
            }
            Tier::Auto | Tier::Exact => {
                let all = eligible.iter_and(&self.present).filter_map(|owner| self.outline(&rounded, owner, least));
                let mut of: Vec<Outline> = all.collect();
                let is_all = of.len() <= want;
                if !is_all {
                    let nearer = |a: &Outline, b: &Outline| b.near().total_cmp(&a.near()).then(a.owner.cmp(&b.owner));
                    of.select_nth_unstable_by(want, nearer);
                    of.truncate(want);
                }
                Outlines { of, is_all }
            }
        }
    }

    /// The owners of rising slots with their nearest unit among these, as far as it reaches `least`; and how many slots do.
    fn owners_of(&self, query: &Rounded, least: f32, slots: &[usize]) -> (Vec<(f32, u32)>, usize) {
        let mut n_near = 0;
        let mut near: Vec<(f32, u32)> = Vec::new();
        for (turn, slot) in slots.iter().enumerate() {
            if turn % AHEAD == 0 {
                let next = slots[turn..].iter().take(AHEAD).map(|slot| self.slab.place(*slot));
                black_box(next.fold(0, |sum: i8, (chunk, at)| sum.wrapping_add(chunk.rounded[at].touch())));
            }
            let (chunk, at) = self.slab.place(*slot);
            let about = query.about(&chunk.rounded[at]);
            if about < least {
                continue;
            }
            n_near += 1;
            // A run's slots lie side by side: an owner's come one after the other.
            match near.last_mut() {
                Some((best, owner)) if *owner == chunk.owner[at] => *best = best.max(about),
                _ => near.push((about, chunk.owner[at])),
            }
        }
        (near, n_near)
    }

    /// The nearest `want` of these owners in outline.
    fn outlines_of(
        &self,
        query: &Rounded,
        least: f32,
        want: usize,
        mut near: Vec<(f32, u32)>,
        is_all: bool,
    ) -> Outlines {
        near.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut owners = Bits::new();
        let mut n_owners = 0;
        for (_, owner) in &near {
            if n_owners == want {
                break;
            }
            n_owners += usize::from(!owners.get(*owner));
            owners.set(*owner);
        }
        let owners: Vec<u32> = owners.iter().collect();
        let mut of = Vec::with_capacity(owners.len());
        for some in owners.chunks(AHEAD / MAX_RUN) {
            let units = some.iter().flat_map(|owner| self.rounded(*owner));
            black_box(units.fold(0, |sum: i8, unit| sum.wrapping_add(unit.touch())));
            of.extend(some.iter().filter_map(|owner| self.outline(query, *owner, least)));
        }
        Outlines { is_all: is_all && n_owners < want, of }
    }

    /// These owners in outline, however far; those without units are left out.
    pub fn outlines_for(&self, query: &[f32], owners: impl Iterator<Item = u32>) -> impl Iterator<Item = Outline> {
        let query = check(query).ok().map(Rounded::new);
        query.into_iter().zip([owners]).flat_map(move |(query, owners)| {
            owners.filter_map(move |owner| self.outline(&query, owner, f32::NEG_INFINITY))
        })
    }

    fn rounded(&self, owner: u32) -> &[Rounded] {
        let run = self.run(owner);
        self.slab.rounded(run.start as usize, usize::from(run.length))
    }

    fn outline(&self, query: &Rounded, owner: u32, least: f32) -> Option<Outline> {
        let mut units = self.rounded(owner).iter();
        let whole = query.about(units.next()?);
        let n_passages = units.len();
        let mut best = f32::NEG_INFINITY;
        let mut second = f32::NEG_INFINITY;
        for unit in units {
            let about = query.about(unit);
            second = second.max(about.min(best));
            best = best.max(about);
        }
        if whole.max(best) < least {
            return None;
        }
        match n_passages {
            0 => Some(Outline { owner, best: 0.0, second: 0.0, whole }),
            1 => Some(Outline { owner, best, second: best, whole }),
            _ => Some(Outline { owner, best, second, whole }),
        }
    }
}
