//! Where the vectors lie: chunks of slots, each slot one vector in f32, in int8 and as signs. Owners get runs of neighbouring slots; freed runs are used again. Knows nothing of questions and never checks a vector.

use super::cosine::{DIMS, Rounded, Wide};
use super::signs::{BLOCK, Block, signs};
use std::sync::Arc;

/// Slots in a chunk: 2 MB, little to copy when a chunk shared with a clone is written, and enough to stream.
pub(super) const CHUNK: usize = 1024;
/// The longest run: a profile and eight passages.
pub(super) const MAX_RUN: usize = 9;
/// The owner of a slot that holds nothing. Never in an eligible set, since owners stay far below.
pub(super) const NOBODY: u32 = u32::MAX;

/// The columns of `CHUNK` slots.
#[derive(Clone)]
pub(super) struct Chunk {
    pub wide: Vec<Wide>,
    pub rounded: Vec<Rounded>,
    pub signs: Vec<Block>,
    /// For each block a bit for each slot that is somebody's.
    pub live: Vec<u64>,
    pub owner: Vec<u32>,
    pub unit: Vec<u8>,
}

impl Chunk {
    fn empty() -> Self {
        Self {
            wide: vec![[0.0; DIMS]; CHUNK],
            rounded: vec![Rounded::EMPTY; CHUNK],
            signs: vec![Block::EMPTY; CHUNK / BLOCK],
            live: vec![0; CHUNK / BLOCK],
            owner: vec![NOBODY; CHUNK],
            unit: vec![0; CHUNK],
        }
    }
}

/// All slots. A clone shares the chunks until one of the two writes to them.
#[derive(Clone, Default)]
pub(super) struct Slab {
    chunks: Vec<Arc<Chunk>>,
    /// Slots handed out so far, freed ones included.
    n_used: usize,
    /// Freed runs, by length - 1.
    free: [Vec<usize>; MAX_RUN],
}

impl Slab {
    /// Returns the first slot of a run of `length` (1 to 9) that crosses no block. The slots belong to nobody until they are written.
    pub fn allocate(&mut self, length: usize) -> usize {
        for longer in length..=MAX_RUN {
            if let Some(start) = self.free[longer - 1].pop() {
                self.keep_free(start + length, longer - length);
                return start;
            }
        }
        let left = BLOCK - self.n_used % BLOCK;
        if left < length {
            self.keep_free(self.n_used, left);
            self.n_used += left;
        }
        if self.n_used == self.chunks.len() * CHUNK {
            self.chunks.push(Arc::new(Chunk::empty()));
        }
        let start = self.n_used;
        self.n_used += length;
        start
    }

    /// Gives a run back. Its slots stop being anybody's at once.
    pub fn release(&mut self, start: usize, length: usize) {
        let at = start % CHUNK;
        let chunk = Arc::make_mut(&mut self.chunks[start / CHUNK]);
        chunk.owner[at..at + length].fill(NOBODY);
        for at in at..at + length {
            chunk.live[at / BLOCK] &= !(1 << (at % BLOCK));
        }
        self.keep_free(start, length);
    }

    fn keep_free(&mut self, start: usize, length: usize) {
        if length > 0 {
            self.free[length - 1].push(start);
        }
    }

    /// Writes one checked vector into `slot`, its signs taken against `mean`.
    pub fn write(&mut self, slot: usize, owner: u32, unit: u8, wide: &Wide, mean: &Wide) {
        let at = slot % CHUNK;
        let chunk = Arc::make_mut(&mut self.chunks[slot / CHUNK]);
        chunk.wide[at] = *wide;
        chunk.rounded[at] = Rounded::new(wide);
        chunk.signs[at / BLOCK].write(at % BLOCK, &signs(wide, mean));
        chunk.live[at / BLOCK] |= 1 << (at % BLOCK);
        chunk.owner[at] = owner;
        chunk.unit[at] = unit;
    }

    /// Takes every sign again, against a new mean.
    pub fn sign_again(&mut self, mean: &Wide) {
        for chunk in &mut self.chunks {
            let chunk = Arc::make_mut(chunk);
            for (at, wide) in chunk.wide.iter().enumerate().filter(|(at, _)| chunk.owner[*at] != NOBODY) {
                chunk.signs[at / BLOCK].write(at % BLOCK, &signs(wide, mean));
            }
        }
    }

    /// Slots handed out so far, freed ones included.
    pub fn n_used(&self) -> usize {
        self.n_used
    }

    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// The chunk of a slot and the slot's place in it.
    #[inline]
    pub fn place(&self, slot: usize) -> (&Chunk, usize) {
        (&self.chunks[slot / CHUNK], slot % CHUNK)
    }

    /// The vectors of a run.
    pub fn run(&self, start: usize, length: usize) -> &[Wide] {
        self.chunks.get(start / CHUNK).map_or(&[], |chunk| &chunk.wide[start % CHUNK..start % CHUNK + length])
    }

    /// The int8 stand-ins of a run.
    pub fn rounded(&self, start: usize, length: usize) -> &[Rounded] {
        self.chunks.get(start / CHUNK).map_or(&[], |chunk| &chunk.rounded[start % CHUNK..start % CHUNK + length])
    }

    /// Bytes held, shared chunks counted in full.
    pub fn bytes(&self) -> usize {
        let slot =
            size_of::<Wide>() + size_of::<Rounded>() + size_of::<Block>() / BLOCK + size_of::<u32>() + size_of::<u8>();
        let free: usize = self.free.iter().map(|runs| runs.capacity() * size_of::<usize>()).sum();
        self.chunks.len() * CHUNK * slot + free
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Slab};
    use crate::matching::vectors::sample::Sample;
    use std::collections::BTreeMap;

    #[test]
    fn runs_never_overlap_and_never_cross_a_block() {
        let mut sample = Sample::new(5);
        let mut slab = Slab::default();
        let mut held: BTreeMap<usize, usize> = BTreeMap::new();
        for _ in 0..4_000 {
            if sample.below(5) < 2 && !held.is_empty() {
                let at = usize::try_from(sample.below(held.len() as u64)).expect("small");
                let (start, length) = held.iter().nth(at).map(|(start, length)| (*start, *length)).expect("counted");
                held.remove(&start);
                slab.release(start, length);
            }
            let length = usize::try_from(sample.below(9)).expect("small") + 1;
            let start = slab.allocate(length);
            assert_eq!(start / BLOCK, (start + length - 1) / BLOCK);
            held.insert(start, length);
        }
        let ends = held.iter().map(|(start, length)| start + length);
        assert!(ends.zip(held.keys().skip(1)).all(|(end, next)| end <= *next));
        let live: usize = held.values().sum();
        assert!(slab.n_used() < live * 13 / 10, "freed runs are used again: {} for {live}", slab.n_used());
    }
}
