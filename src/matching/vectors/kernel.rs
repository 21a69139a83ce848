//! Adding up a question's tables over a block of signs: once for AVX-512, once for AVX2, once for any processor. All give the same whole numbers; which one runs is decided when the program runs.

use super::signs::{BLOCK, Block, ROWS, Tables};

/// Rows whose entries a byte can hold the sum of: 4 x 2 x 31 is 248.
const ROWS_IN_A_BYTE: usize = 4;

/// The sums of a block's vectors, by place.
pub(super) type Sums = [u16; BLOCK];

/// A way to add up.
pub(super) trait Kernel: Copy {
    /// Returns the sum of the tables' entries for each vector of the block.
    fn sums(self, block: &Block, tables: &Tables) -> Sums;

    /// Returns a bit for each sum that is at least `floor`.
    #[inline]
    fn at_least(self, sums: &Sums, floor: u16) -> u64 {
        // Most blocks have none, which the greatest tells quickly.
        if sums.iter().fold(0, |most, sum| most.max(*sum)) < floor {
            return 0;
        }
        sums.iter().rev().fold(0, |bits, sum| bits << 1 | u64::from(*sum >= floor))
    }
}

/// For any processor: one look-up at a time.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Kernel for Plain {
    fn sums(self, block: &Block, tables: &Tables) -> Sums {
        let mut sums = [0; BLOCK];
        let (first, second) = sums.split_at_mut(BLOCK / 2);
        for (row, (low, high)) in block.0.iter().zip(tables.low.iter().zip(&tables.high)) {
            let add = |byte: u8| u16::from(low[usize::from(byte & 15)]) + u16::from(high[usize::from(byte >> 4)]);
            for ([even, odd], (one, two)) in row.as_chunks::<2>().0.iter().zip(first.iter_mut().zip(&mut *second)) {
                *one += add(*even);
                *two += add(*odd);
            }
        }
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Block, Kernel, ROWS, ROWS_IN_A_BYTE, Sums, Tables};
    use pulp::cast;
    use pulp::x86::{V3, V4};
    use std::arch::x86_64::{__m128i, __m256i, __m512i};

    /// Bytes in half a row, what AVX2 works on.
    const HALF: usize = BLOCK / 2;

    impl Kernel for V4 {
        #[expect(clippy::inline_always, reason = "pulp compiles the body for AVX-512 only when it is inlined")]
        #[inline(always)]
        fn sums(self, block: &Block, tables: &Tables) -> Sums {
            let (wide, words) = (self.avx512f, self.avx512bw);
            let (four_bits, low_byte) = (wide._mm512_set1_epi8(15), wide._mm512_set1_epi16(255));
            let table = |entries: [u8; 16]| wide._mm512_broadcast_i32x4(cast::<[u8; 16], __m128i>(entries));
            let (mut even, mut odd) = (wide._mm512_setzero_si512(), wide._mm512_setzero_si512());
            for first in (0..ROWS).step_by(ROWS_IN_A_BYTE) {
                let mut sum = wide._mm512_setzero_si512();
                for row in first..first + ROWS_IN_A_BYTE {
                    let signs = cast::<[u8; BLOCK], __m512i>(block.0[row]);
                    let low = wide._mm512_and_si512(signs, four_bits);
                    let high = wide._mm512_and_si512(words._mm512_srli_epi16::<4>(signs), four_bits);
                    sum = words._mm512_add_epi8(sum, words._mm512_shuffle_epi8(table(tables.low[row]), low));
                    sum = words._mm512_add_epi8(sum, words._mm512_shuffle_epi8(table(tables.high[row]), high));
                }
                even = words._mm512_add_epi16(even, wide._mm512_and_si512(sum, low_byte));
                odd = words._mm512_add_epi16(odd, words._mm512_srli_epi16::<8>(sum));
            }
            cast::<[__m512i; 2], Sums>([even, odd])
        }

        #[expect(clippy::inline_always, reason = "pulp compiles the body for AVX-512 only when it is inlined")]
        #[inline(always)]
        fn at_least(self, sums: &Sums, floor: u16) -> u64 {
            let [first, second] = cast::<Sums, [__m512i; 2]>(*sums);
            let floor = self.avx512f._mm512_set1_epi16(floor.cast_signed());
            let bits = |words| u64::from(self.avx512bw._mm512_cmpge_epu16_mask(words, floor));
            bits(first) | bits(second) << 32
        }
    }

    impl Kernel for V3 {
        #[expect(clippy::inline_always, reason = "pulp compiles the body for AVX2 only when it is inlined")]
        #[inline(always)]
        fn sums(self, block: &Block, tables: &Tables) -> Sums {
            let ([one, three], [two, four]) = (half(self, block, tables, 0), half(self, block, tables, 1));
            cast::<[__m256i; 4], Sums>([one, two, three, four])
        }
    }

    /// Returns the sums of the even and of the odd columns of half a block.
    #[expect(clippy::inline_always, reason = "part of a body that pulp compiles for AVX2")]
    #[inline(always)]
    fn half(simd: V3, block: &Block, tables: &Tables, at: usize) -> [__m256i; 2] {
        let (avx, wide) = (simd.avx, simd.avx2);
        let (four_bits, low_byte) = (avx._mm256_set1_epi8(15), avx._mm256_set1_epi16(255));
        let table = |entries: [u8; 16]| wide._mm256_broadcastsi128_si256(cast::<[u8; 16], __m128i>(entries));
        let (mut even, mut odd) = (avx._mm256_setzero_si256(), avx._mm256_setzero_si256());
        for first in (0..ROWS).step_by(ROWS_IN_A_BYTE) {
            let mut sum = avx._mm256_setzero_si256();
            for row in first..first + ROWS_IN_A_BYTE {
                let signs = cast::<[u8; HALF], __m256i>(block.0[row].as_chunks::<HALF>().0[at]);
                let low = wide._mm256_and_si256(signs, four_bits);
                let high = wide._mm256_and_si256(wide._mm256_srli_epi16::<4>(signs), four_bits);
                sum = wide._mm256_add_epi8(sum, wide._mm256_shuffle_epi8(table(tables.low[row]), low));
                sum = wide._mm256_add_epi8(sum, wide._mm256_shuffle_epi8(table(tables.high[row]), high));
            }
            even = wide._mm256_add_epi16(even, wide._mm256_and_si256(sum, low_byte));
            odd = wide._mm256_add_epi16(odd, wide._mm256_srli_epi16::<8>(sum));
        }
        [even, odd]
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::{Block, Kernel, Plain, Tables};

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_processor_adds_up_alike() {
        let mut sample = Sample::new(4);
        let tables = Tables::new(&sample.vector(1));
        let mut block = Block::EMPTY;
        for byte in block.0.as_flattened_mut() {
            *byte = u8::try_from(sample.below(256)).expect("a byte");
        }
        let plain = Plain.sums(&block, &tables);
        let floors = [0, 1, plain[0], plain[63], plain[63] + 1, 3_000];
        let above = |floor: u16| (0..64).filter(|at| plain[*at] >= floor).fold(0, |bits: u64, at| bits | 1 << at);
        for floor in floors {
            assert_eq!(Plain.at_least(&plain, floor), above(floor));
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(simd.sums(&block, &tables), plain);
            assert!(floors.iter().all(|floor| simd.at_least(&plain, *floor) == above(*floor)));
        }
        if let Some(simd) = pulp::x86::V4::try_new() {
            assert_eq!(simd.sums(&block, &tables), plain);
            assert!(floors.iter().all(|floor| simd.at_least(&plain, *floor) == above(*floor)));
        }
    }
}
