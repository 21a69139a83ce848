//! Housekeeping: new means, compaction, graphs, counts. Never changes which units there are.

use super::cosine::{DIMS, Wide};
use super::graph::{Attached, Graph};
use super::plan;
use super::{Run, Vectors};
use std::sync::Arc;

/// Below this many units a new mean is not worth taking: the exact tier answers.
const CENTER_UNITS: usize = 1_024;
/// Fewer dead slots than this are not worth a compaction.
const COMPACT_SLOTS: usize = 1_024;
/// One dead slot in this many is one too many.
const DEAD_SHARE: usize = 5;

impl Vectors {
    /// Lays all units out afresh, in the order of their owners, and takes the mean again. Two sets with the same units answer alike in every detail after it, whatever happened to them before.
    ///
    /// # Panics
    /// Never: there are at most as many slots afterwards as before.
    pub fn settle(&mut self) {
        self.mean = Arc::new(self.mean_now());
        self.n_centered = self.n_units;
        let old = std::mem::take(&mut self.slab);
        for (owner, run) in (0_u32..).zip(&mut self.runs).filter(|(_, run)| run.length > 0) {
            let start = self.slab.allocate(usize::from(run.length));
            for (unit, wide) in (0_u8..).zip(old.run(run.start as usize, usize::from(run.length))) {
                self.slab.write(start + usize::from(unit), owner, unit, wide, &self.mean);
            }
            *run = Run { start: u32::try_from(start).expect("fewer slots than before"), ..*run };
        }
    }

    /// Takes the graph into use. Whatever changed since it was built is known by its stamps and scanned exactly.
    pub fn attach(&mut self, graph: Arc<Graph>) {
        let stamps = (0_u32..).zip(self.runs.iter().map(|run| run.stamp));
        self.graph = Some(Attached::new(graph, stamps));
    }

    /// Says whether a graph is attached and so much changed since that a new one should be built.
    #[must_use]
    pub fn is_graph_stale(&self) -> bool {
        self.graph.as_ref().is_some_and(Attached::is_stale)
    }

    /// Says whether a graph should be built now: one is wanted by force or by size, and there is none that still fits.
    #[must_use]
    pub fn wants_graph(&self) -> bool {
        let is_wanted = plan::is_graph_wanted(self.tier, self.n_units);
        is_wanted && (self.graph.is_none() || self.is_graph_stale())
    }

    /// Returns how many owners have units.
    #[must_use]
    pub fn n_owners(&self) -> usize {
        self.present.count()
    }

    /// Returns how many units there are.
    #[must_use]
    pub fn n_units(&self) -> usize {
        self.n_units
    }

    /// Returns the bytes held in memory, chunks shared with a clone counted in full, and the graph by its estimate.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let graph = self.graph.as_ref().map_or(0, Attached::bytes);
        self.slab.bytes() + self.runs.capacity() * size_of::<Run>() + self.runs.len() / 8 + size_of::<Wide>() + graph
    }

    /// Settles the set when it has become untidy.
    pub(super) fn keep_house(&mut self) {
        let n_dead = self.slab.n_used() - self.n_units;
        if n_dead > COMPACT_SLOTS && n_dead * DEAD_SHARE > self.slab.n_used() {
            self.settle();
        } else if self.n_units >= CENTER_UNITS && self.n_units >= 2 * self.n_centered {
            self.mean = Arc::new(self.mean_now());
            self.n_centered = self.n_units;
            self.slab.sign_again(&self.mean);
        }
    }

    /// Returns the mean of each dimension over all units, summed in the order of the owners so that it does not depend on where they lie.
    fn mean_now(&self) -> Wide {
        let mut sums = [0.0_f64; DIMS];
        for wide in self.runs.iter().flat_map(|run| self.slab.run(run.start as usize, usize::from(run.length))) {
            for (sum, value) in sums.iter_mut().zip(wide) {
                *sum += f64::from(*value);
            }
        }
        let share = 1.0 / f64::from(u32::try_from(self.n_units.max(1)).expect("slots fit 32 bits"));
        #[expect(clippy::cast_possible_truncation, reason = "a mean of unit vectors lies in -1 to 1")]
        let mean = sums.map(|sum| (sum * share) as f32);
        mean
    }
}
