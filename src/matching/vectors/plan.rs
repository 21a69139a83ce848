//! Chooses the tier for one question from counts alone. Pure; never looks at a vector.

use super::Tier;

/// The counts a choice is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// How many hits are asked for.
    pub k: usize,
    /// Units of the eligible owners.
    pub eligible: usize,
    /// All units held.
    pub all: usize,
    /// Whether a graph is attached and not stale.
    pub has_graph: bool,
}

/// Up to this many eligible units the exact scan answers.
const EXACT_UNITS: usize = 16_000;
/// And one more for this many held: the cascade reads the signs of all, the exact scan the int8 of the eligible, and a unit's int8 costs as much as about ten units' signs.
const SIGNS_FOR_EXACT: usize = 12;

/// From this many units on the graph answers small questions.
const GRAPH_UNITS: usize = 3_000_000;
/// The graph's work grows with k, the cascade's hardly.
const GRAPH_K: usize = 100;

/// Says whether the graph is worth building at all.
pub(super) fn is_graph_wanted(tier: Tier, n_units: usize) -> bool {
    n_units > 0 && (tier == Tier::Hnsw || (tier == Tier::Auto && n_units >= GRAPH_UNITS))
}

/// Returns the tier that answers; `wanted` is kept wherever it can answer at all.
pub(super) fn choose(wanted: Tier, counts: Counts) -> Tier {
    match wanted {
        Tier::Hnsw if !counts.has_graph => Tier::Cascade,
        Tier::Exact | Tier::Cascade | Tier::Hnsw => wanted,
        Tier::Auto if counts.eligible <= exact_limit(counts.all) => Tier::Exact,
        Tier::Auto
            if counts.has_graph
                && counts.all >= GRAPH_UNITS
                && counts.k <= GRAPH_K
                && counts.eligible * 4 >= counts.all * 3 =>
        {
            Tier::Hnsw
        }
        Tier::Auto => Tier::Cascade,
    }
}

/// Up to how many eligible units the exact scan is the cheaper one.
pub(super) fn exact_limit(all: usize) -> usize {
    EXACT_UNITS + all / SIGNS_FOR_EXACT
}
