//! The first step of the cascade: reads the signs of all slots and keeps the most promising few thousand. Gives slots, never cosines.

use super::kernel::{Kernel, Plain};
use super::signs::{BLOCK, MAX_SUM, Tables};
use super::slab::{CHUNK, Chunk};
use pulp::{Arch, NullaryFnOnce};
use std::sync::{Arc, LazyLock};

/// A second core is asked for help from so many chunks each on: some 0.4 ms of scanning, ten times what starting a thread takes.
const CHUNKS_A_THREAD: usize = 128;
/// More threads than this only wait for the same memory.
const MAX_THREADS: usize = 4;

/// Blocks in a chunk.
const BLOCKS: usize = CHUNK / BLOCK;

static N_CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// What to look for among the blocks.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub chunks: &'a [Arc<Chunk>],
    /// The number of the first block of these chunks.
    pub first_block: usize,
    pub tables: &'a Tables,
    /// For each block a bit for each vector that may be found; blocks without any are skipped. `None` for all that live.
    pub mask: Option<&'a [u64]>,
    /// How many to find.
    pub want: usize,
}

impl Scan<'_> {
    /// Returns the slots of the `want` eligible vectors with the greatest sums, and of all that tie with the last of them: so which ones depends neither on the order of the slots nor on how many threads looked.
    pub fn run(self) -> Vec<usize> {
        self.run_on((self.chunks.len() / CHUNKS_A_THREAD).clamp(1, MAX_THREADS.min(*N_CORES)))
    }

    pub(super) fn run_on(self, n_threads: usize) -> Vec<usize> {
        let n_chunks = self.chunks.len().div_ceil(n_threads).max(1);
        std::thread::scope(|scope| {
            let mut parts = (0..n_threads).map(|turn| self.part(turn * n_chunks, n_chunks));
            let own = parts.next().unwrap_or(self);
            let others: Vec<_> = parts.map(|part| scope.spawn(move || part.look())).collect();
            let mut found = own.look();
            for other in others {
                found.add(other.join().expect("a panic while scanning is passed on"));
            }
            found.finish()
        })
    }

    /// The scan of `n_chunks` chunks from the `first` on.
    fn part(self, first: usize, n_chunks: usize) -> Self {
        let end = (first + n_chunks).min(self.chunks.len());
        Self { chunks: &self.chunks[first.min(end)..end], first_block: first * BLOCKS, ..self }
    }

    fn look(self) -> Found {
        let arch = Arch::new();
        #[cfg(target_arch = "x86_64")]
        if let Arch::V4(simd) = arch {
            return pulp::Simd::vectorize(simd, With { kernel: simd, scan: self });
        } else if let Arch::V3(simd) = arch {
            return pulp::Simd::vectorize(simd, With { kernel: simd, scan: self });
        }
        arch.dispatch(With { kernel: Plain, scan: self })
    }
}

/// A scan with its kernel, as a shape `pulp` can compile for one kind of processor.
struct With<'a, K> {
    kernel: K,
    scan: Scan<'a>,
}

impl<K: Kernel> NullaryFnOnce for With<'_, K> {
    type Output = Found;

    #[expect(clippy::inline_always, reason = "pulp compiles the body for each processor only when it is inlined")]
    #[inline(always)]
    fn call(self) -> Found {
        let Scan { chunks, first_block, tables, mask, want } = self.scan;
        let mut found = Found::new(want);
        let blocks = chunks.iter().flat_map(|chunk| chunk.signs.iter().zip(&chunk.live));
        for (at, (block, live)) in (first_block..).zip(blocks) {
            let allowed = mask.map_or(*live, |mask| mask.get(at).copied().unwrap_or(0));
            if allowed == 0 {
                continue;
            }
            let sums = self.kernel.sums(block, tables);
            let mut near = self.kernel.at_least(&sums, found.floor) & allowed;
            while near != 0 {
                let place = near.trailing_zeros() as usize;
                near &= near - 1;
                found.push(sums[place], at * BLOCK + place);
            }
        }
        found
    }
}

/// The slots found so far. `floor` is the sum of the last one wanted and only rises, so few slots are ever pushed: about `want` times the logarithm of how many times `want` fits into the set.
struct Found {
    want: usize,
    floor: u16,
    /// How many found slots are at the floor or above.
    n_above: usize,
    /// How many found slots have each sum.
    at_sum: Vec<usize>,
    slots: Vec<(u16, u32)>,
}

impl Found {
    fn new(want: usize) -> Self {
        Self { want, floor: 0, n_above: 0, at_sum: vec![0; MAX_SUM + 1], slots: Vec::with_capacity(4 * want) }
    }

    #[inline]
    fn push(&mut self, sum: u16, slot: usize) {
        if sum < self.floor {
            return;
        }
        self.slots.push((sum, u32::try_from(slot).expect("slots fit 32 bits")));
        self.at_sum[usize::from(sum)] += 1;
        self.n_above += 1;
        while self.n_above - self.at_sum[usize::from(self.floor)] >= self.want {
            self.n_above -= self.at_sum[usize::from(self.floor)];
            self.floor += 1;
        }
    }

    fn add(&mut self, other: Self) {
        for (sum, slot) in other.slots {
            self.push(sum, slot as usize);
        }
    }

    fn finish(self) -> Vec<usize> {
        self.slots.into_iter().filter(|(sum, _)| *sum >= self.floor).map(|(_, slot)| slot as usize).collect()
    }
}
