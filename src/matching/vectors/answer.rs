//! Answers questions: picks a tier, searches, and hands back f32 cosines. Changes nothing.

use super::best::{best, rank};
use super::cosine::{Wide, check, cosine};
use super::plan::{self, Counts};
use super::shortlist::Scan;
use super::signs::Tables;
use super::slab::Chunk;
use super::{Answered, Near, Tier, Vectors};
use crate::matching::bits::Bits;
use std::sync::Arc;

/// The least shortlist the signs give to int8. At 800,000 units 4,000 hold 0.998 of the true best ten (`benches/nearest.rs` measures the cost of others).
const SHORTLIST: usize = 4_000;
/// And this many for each hit asked for.
const SHORTLIST_PER_HIT: usize = 8;

impl Vectors {
    /// Returns the `k` units of `eligible` owners nearest to `query`, in the tier this set was made for.
    ///
    /// Fewer than `k` come back only when there are no more. A query that is no unit vector of `DIMS` numbers is near to nothing; `cosine::check` says why.
    #[must_use]
    pub fn nearest(&self, query: &[f32], k: usize, eligible: &Bits) -> Answered {
        self.nearest_by(self.tier, query, k, eligible)
    }

    /// As `nearest`, in a tier of the caller's choice, so that anyone can compare them. `Tier::Hnsw` is answered by the cascade where no graph is attached, or where the graph has too few.
    #[must_use]
    pub fn nearest_by(&self, tier: Tier, query: &[f32], k: usize, eligible: &Bits) -> Answered {
        let n_owners = eligible.count_and(&self.present);
        let k = k.min(self.n_units);
        let Ok(query) = check(query) else { return Answered { hits: Vec::new(), tier: Tier::Exact } };
        if n_owners == 0 || k == 0 {
            return Answered { hits: Vec::new(), tier: Tier::Exact };
        }
        match self.tier_for(tier, k, eligible, n_owners) {
            Tier::Hnsw => match self.by_graph(query, k, eligible) {
                Some(hits) => Answered { hits, tier: Tier::Hnsw },
                None => Answered { hits: self.by_cascade(query, k, eligible, n_owners), tier: Tier::Cascade },
            },
            Tier::Cascade => Answered { hits: self.by_cascade(query, k, eligible, n_owners), tier: Tier::Cascade },
            Tier::Auto | Tier::Exact => Answered { hits: self.by_exact(query, k, eligible), tier: Tier::Exact },
        }
    }

    /// The tier that answers where `tier` is wanted. Of the eligible, `n_owners` have units.
    pub(super) fn tier_for(&self, tier: Tier, k: usize, eligible: &Bits, n_owners: usize) -> Tier {
        let counts = Counts {
            k,
            eligible: self.count_units(eligible, n_owners),
            all: self.n_units,
            has_graph: self.graph.as_ref().is_some_and(|graph| !graph.is_stale()),
        };
        plan::choose(tier, counts)
    }

    /// Returns the exact cosine of each unit of `owner`, unit 0 first; nothing for an unknown owner or a query of another length.
    pub fn cosines<'a>(&'a self, query: &'a [f32], owner: u32) -> impl Iterator<Item = f32> + 'a {
        let run = self.run(owner);
        let units = self.slab.run(run.start as usize, usize::from(run.length));
        let query: Option<&Wide> = query.try_into().ok();
        query.into_iter().flat_map(move |query| units.iter().map(move |unit| cosine(query, unit)))
    }

    /// Counts the units of the eligible owners; where that cannot change the plan, guesses that every owner has its share.
    fn count_units(&self, eligible: &Bits, n_owners: usize) -> usize {
        if n_owners > plan::exact_limit(self.n_units) {
            return self.n_units / self.present.count().max(1) * n_owners;
        }
        eligible.iter_and(&self.present).map(|owner| usize::from(self.run(owner).length)).sum()
    }

    fn by_exact(&self, query: &Wide, k: usize, eligible: &Bits) -> Vec<Near> {
        best(&self.slab, query, eligible.iter_and(&self.present).flat_map(|owner| self.run(owner).slots()), k)
    }

    fn by_cascade(&self, query: &Wide, k: usize, eligible: &Bits, n_owners: usize) -> Vec<Near> {
        let mask = self.mask_for(eligible, n_owners);
        let want = SHORTLIST.max(SHORTLIST_PER_HIT * k);
        best(&self.slab, query, scan(self.slab.chunks(), query, mask.as_deref(), want).into_iter(), k)
    }

    /// What the signs may look at: `None` where every owner is eligible.
    pub(super) fn mask_for(&self, eligible: &Bits, n_owners: usize) -> Option<Vec<u64>> {
        (n_owners < self.present.count()).then(|| self.mark(eligible, n_owners))
    }

    /// Returns the slots of the `n_owners` eligible owners, a word for each block. Marks these or the others, whichever are fewer.
    fn mark(&self, eligible: &Bits, n_owners: usize) -> Vec<u64> {
        let mut mask: Vec<u64> = self.slab.chunks().iter().flat_map(|chunk| chunk.live.iter().copied()).collect();
        if n_owners * 2 > self.present.count() {
            let mut others = self.present.clone();
            others.and_not(eligible);
            for (block, slots) in others.iter().map(|owner| self.run(owner).marks()) {
                mask[block] &= !slots;
            }
        } else {
            mask.fill(0);
            for (block, slots) in eligible.iter_and(&self.present).map(|owner| self.run(owner).marks()) {
                mask[block] |= slots;
            }
        }
        mask
    }

    /// Asks the graph, and scans what changed since it was built. `None` when the graph itself has fewer than `k` eligible units to offer.
    fn by_graph(&self, query: &Wide, k: usize, eligible: &Bits) -> Option<Vec<Near>> {
        let graph = self.graph.as_ref()?;
        let mut hits: Vec<Near> = Vec::with_capacity(2 * k);
        for (owner, unit) in graph.search(query, k) {
            if eligible.get(owner) && graph.holds(owner) {
                let slot = self.run(owner).start as usize + usize::from(unit);
                hits.push(super::best::near(&self.slab, query, slot));
            }
        }
        rank(&mut hits, usize::MAX);
        hits.dedup();
        if hits.len() < k {
            return None;
        }
        let changed = graph.changed().filter(|owner| eligible.get(*owner)).flat_map(|owner| self.run(owner).slots());
        hits.extend(best(&self.slab, query, changed, k));
        rank(&mut hits, k);
        Some(hits)
    }
}

/// Returns the `want` slots whose signs promise most, and all that tie with the last of them, rising.
pub(super) fn scan(chunks: &[Arc<Chunk>], query: &Wide, mask: Option<&[u64]>, want: usize) -> Vec<usize> {
    Scan { chunks, first_block: 0, tables: &Tables::new(query), mask, want }.run()
}
