//! The graph tier over `hnsw_rs`: built from a set of vectors, attached to it, never changed. Never on the only way to an answer: what it lost or what changed since is scanned by others.
//!
//! What `hnsw_rs` makes us careful of: it cannot delete or update (so each owner's stamp tells whether the graph still speaks of it); its own distances panic on rounding (so the distance is ours); points can become unreachable (so every point is asked for after the build); and its filtered search walks the whole graph when few points pass (so we ask for more and filter afterwards). Its dump is not used: a graph is built again from the vectors.

use super::Vectors;
use super::cosine::{Wide, cosine};
use hnsw_rs::prelude::{Distance, Hnsw};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::thread;

/// Links of a point and the width of the search that finds them, from the measurements in `architecture.md` section 3.
const LINKS: usize = 24;
const BUILD_WIDTH: usize = 200;
/// The greatest number of layers `hnsw_rs` allows.
const LAYERS: usize = 16;
/// The least width of a search; recall@10 was 0.998 with it at 100,000 vectors, 0.988 with half of it.
const SEARCH_WIDTH: usize = 256;
/// The width when a point is asked for by its own vector.
const AUDIT_WIDTH: usize = 64;
/// What a point costs beside its vector: links (48 bytes each with their allocation) and layer lists.
const POINT_BYTES: usize = LINKS * 2 * 48 + 384;
/// One changed owner in this many makes a graph stale.
const STALE_SHARE: usize = 5;

/// One minus the clamped cosine, so that rounding never makes a distance negative.
#[derive(Clone, Copy, Default)]
struct Apart;

impl Distance<f32> for Apart {
    fn eval(&self, one: &[f32], two: &[f32]) -> f32 {
        let whole = "every point of the graph has DIMS numbers";
        1.0 - cosine(one.try_into().expect(whole), two.try_into().expect(whole))
    }
}

/// A built graph. Equal vectors are one point, since points in one place link only to each other.
pub struct Graph {
    hnsw: Hnsw<'static, f32, Apart>,
    /// The units (owner, unit) at each point.
    points: Vec<Vec<(u32, u8)>>,
    /// The stamp of each owner whose units can all be found; 0 for none.
    stamps: Vec<u64>,
}

/// Builds a graph of all units of `vectors` on `threads` threads; minutes for 100,000 units. With one thread the same vectors always give the same graph.
#[must_use]
pub fn build(vectors: &Vectors, threads: usize) -> Graph {
    let (points, wides) = points(vectors);
    let hnsw = Hnsw::new(LINKS, wides.len().max(1), LAYERS, BUILD_WIDTH, Apart);
    let insert = |point: usize| hnsw.insert((wides[point].as_slice(), point));
    let all: Vec<usize> = (0..wides.len()).collect();
    each(&all, threads, |point| {
        insert(point);
        false
    });
    let is_lost = |point: usize| {
        let found = hnsw.search(wides[point], AUDIT_WIDTH, AUDIT_WIDTH);
        !found.iter().any(|neighbour| neighbour.d_id == point)
    };
    let lost = each(&all, threads, is_lost);
    // A second copy of a lost point usually can be reached; whoever stays lost is left to the exact scan.
    for point in &lost {
        insert(*point);
    }
    let mut stamps: Vec<u64> = vectors.runs.iter().map(|run| run.stamp).collect();
    for point in each(&lost, threads, is_lost) {
        for (owner, _) in &points[point] {
            stamps[*owner as usize] = 0;
        }
    }
    Graph { hnsw, points, stamps }
}

/// The units that share one vector: (owner, unit).
type Units = Vec<(u32, u8)>;

/// Whether two vectors are the same to the last bit.
fn is_same(one: &Wide, two: &Wide) -> bool {
    one.iter().zip(two).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Groups the units by equal vectors, in the order of the owners.
fn points(vectors: &Vectors) -> (Vec<Units>, Vec<&Wide>) {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut known: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut points: Vec<Units> = Vec::new();
    let mut wides: Vec<&Wide> = Vec::new();
    for (owner, run) in (0_u32..).zip(&vectors.runs) {
        for (unit, wide) in (0_u8..).zip(vectors.slab.run(run.start as usize, usize::from(run.length))) {
            let alike = known.entry(hasher.hash_one(wide.map(f32::to_bits))).or_default();
            if let Some(point) = alike.iter().find(|point| is_same(wides[**point], wide)) {
                points[*point].push((owner, unit));
            } else {
                alike.push(wides.len());
                points.push(vec![(owner, unit)]);
                wides.push(wide);
            }
        }
    }
    (points, wides)
}

/// Does `work` for each point on `threads` threads and returns the points it said yes to, in order.
fn each(points: &[usize], threads: usize, work: impl Fn(usize) -> bool + Sync) -> Vec<usize> {
    if points.is_empty() {
        return Vec::new();
    }
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = points
            .chunks(points.len().div_ceil(threads.max(1)))
            .map(|part| scope.spawn(move || part.iter().copied().filter(|point| work(*point)).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("a panic in the graph is passed on")).collect()
    })
}

/// A graph in use, and what changed since it was built.
#[derive(Clone)]
pub(super) struct Attached {
    graph: Arc<Graph>,
    /// Owners whose units the graph does not know as they are.
    changed: BTreeSet<u32>,
}

impl Attached {
    /// Takes the graph for a set whose owners have these stamps (0 for an owner without units).
    pub fn new(graph: Arc<Graph>, stamps: impl Iterator<Item = (u32, u64)>) -> Self {
        let mut attached = Self { graph, changed: BTreeSet::new() };
        let n_owners = stamps.map(|(owner, stamp)| attached.compare(owner, stamp)).count();
        let beyond = (0_u32..).zip(&attached.graph.stamps).skip(n_owners).filter(|(_, stamp)| **stamp > 0);
        attached.changed.extend(beyond.map(|(owner, _)| owner));
        attached
    }

    /// Notes that `owner` has other units now than the graph knows.
    pub fn note_change(&mut self, owner: u32) {
        self.changed.insert(owner);
    }

    fn compare(&mut self, owner: u32, stamp: u64) {
        if self.graph.stamps.get(owner as usize).copied().unwrap_or(0) != stamp {
            self.changed.insert(owner);
        }
    }

    /// Says whether the graph's point for `owner` is what the owner has now.
    pub fn holds(&self, owner: u32) -> bool {
        !self.changed.contains(&owner)
    }

    /// Walks the owners that must be scanned beside the graph.
    pub fn changed(&self) -> impl Iterator<Item = u32> {
        self.changed.iter().copied()
    }

    pub fn is_stale(&self) -> bool {
        self.changed.len() * STALE_SHARE > self.graph.stamps.len()
    }

    /// Returns units near `query`, more than `k`, so that enough are left when the changed and the ineligible are taken out.
    pub fn search(&self, query: &Wide, k: usize) -> impl Iterator<Item = (u32, u8)> {
        let wanted = 2 * k;
        let found = self.graph.hnsw.search(query, wanted, wanted.max(SEARCH_WIDTH));
        found.into_iter().flat_map(|neighbour| self.graph.points[neighbour.d_id].iter().copied())
    }

    /// Estimates the bytes the graph holds, its own copy of the vectors included.
    pub fn bytes(&self) -> usize {
        self.graph.points.len() * (size_of::<Wide>() + POINT_BYTES) + self.graph.stamps.len() * size_of::<u64>()
    }
}
