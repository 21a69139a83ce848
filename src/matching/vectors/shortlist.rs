//! The first step of the cascade: reads the signs of all slots and keeps the most promising few thousand. Gives slots, never cosines.

use super::kernel::{Kernel, Plain};
use super::signs::{BLOCK, MAX_SUM, Tables};
use super::slab::Chunk;
use pulp::{Arch, NullaryFnOnce};
use std::sync::Arc;

/// What to look for among the blocks.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub chunks: &'a [Arc<Chunk>],
    pub tables: &'a Tables,
    /// For each block a bit for each vector that may be found; blocks without any are skipped. `None` for all that live.
    pub mask: Option<&'a [u64]>,
    /// How many to find.
    pub want: usize,
}

impl Scan<'_> {
    /// Returns the slots of the `want` eligible vectors with the greatest sums, and of all that tie with the last of them: so which ones does not depend on the order of the slots.
    pub fn run(self) -> Vec<usize> {
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
    type Output = Vec<usize>;

    #[expect(clippy::inline_always, reason = "pulp compiles the body for each processor only when it is inlined")]
    #[inline(always)]
    fn call(self) -> Vec<usize> {
        let Scan { chunks, tables, mask, want } = self.scan;
        let mut found = Found::new(want);
        let blocks = chunks.iter().flat_map(|chunk| chunk.signs.iter().zip(&chunk.live));
        for (at, (block, live)) in blocks.enumerate() {
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
        found.finish()
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

    fn finish(self) -> Vec<usize> {
        self.slots.into_iter().filter(|(sum, _)| *sum >= self.floor).map(|(_, slot)| slot as usize).collect()
    }
}
