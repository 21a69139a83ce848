//! Picks the k nearest of given slots: int8 first, then f32 for all that the bound on the int8 error leaves open. So the pick is exact, whatever the slots hold.

use super::Near;
use super::cosine::{Rounded, Wide, cosine};
use super::slab::Slab;
use std::hint::black_box;

/// Slots whose int8 is fetched before the first of them is used.
pub(super) const AHEAD: usize = 64;

/// What int8 knows of a slot: the exact cosine lies between the two.
#[derive(Clone, Copy)]
struct Guess {
    low: f32,
    high: f32,
    slot: usize,
}

/// Returns the exact `k` nearest of `slots`, nearest first; equal cosines by owner, then unit.
pub(super) fn best(slab: &Slab, query: &Wide, slots: impl Iterator<Item = usize>, k: usize) -> Vec<Near> {
    let open = open(slab, &Rounded::new(query), slots, k);
    let (sure, doubtful) = open.split_at(k.min(open.len()));
    let mut hits: Vec<Near> = sure.iter().map(|guess| near(slab, query, guess.slot)).collect();
    // The first k by lower bound tell how near one must be; most of the rest cannot be, and stay unread.
    let least = hits.iter().map(|hit| hit.cosine).fold(f32::INFINITY, f32::min);
    hits.extend(doubtful.iter().filter(|guess| guess.high >= least).map(|guess| near(slab, query, guess.slot)));
    rank(&mut hits, k);
    hits
}

/// Sorts by falling cosine, then owner, then unit, and keeps the first `k`.
pub(super) fn rank(hits: &mut Vec<Near>, k: usize) {
    hits.sort_unstable_by(Near::order);
    hits.truncate(k);
}

/// The answer a slot would be.
pub(super) fn near(slab: &Slab, query: &Wide, slot: usize) -> Near {
    let (chunk, at) = slab.place(slot);
    Near { owner: chunk.owner[at], unit: chunk.unit[at], cosine: cosine(query, &chunk.wide[at]) }
}

/// Returns every slot that int8 cannot exclude from the best `k`, the `k` with the greatest lower bounds first.
fn open(slab: &Slab, query: &Rounded, slots: impl Iterator<Item = usize>, k: usize) -> Vec<Guess> {
    // Four times k, so that the selection runs seldom; the greater k, the more that matters.
    let mut limit = 4 * k + 64;
    let mut open: Vec<Guess> = Vec::with_capacity(limit);
    let mut floor = f32::NEG_INFINITY;
    let mut batch = Vec::with_capacity(AHEAD);
    let mut slots = slots;
    loop {
        batch.clear();
        batch.extend(slots.by_ref().take(AHEAD).map(|slot| {
            let (chunk, at) = slab.place(slot);
            (slot, &chunk.rounded[at])
        }));
        if batch.is_empty() {
            break;
        }
        black_box(batch.iter().fold(0, |sum: i8, (_, rounded)| sum.wrapping_add(rounded.touch())));
        for (slot, rounded) in &batch {
            let (low, high) = query.bounds(rounded);
            if high < floor {
                continue;
            }
            open.push(Guess { low, high, slot: *slot });
            if open.len() == limit {
                floor = prune(&mut open, k);
                // Many vectors in one place cannot be told apart by int8: then keep them all rather than select in vain.
                limit = limit.max(2 * open.len());
            }
        }
    }
    prune(&mut open, k);
    open
}

/// Drops what cannot be among the best `k` and returns the k-th greatest lower bound.
fn prune(open: &mut Vec<Guess>, k: usize) -> f32 {
    if open.len() <= k {
        return f32::NEG_INFINITY;
    }
    let (_, last, _) = open.select_nth_unstable_by(k - 1, |one, two| two.low.total_cmp(&one.low));
    let floor = last.low;
    open.retain(|guess| guess.high >= floor);
    floor
}
