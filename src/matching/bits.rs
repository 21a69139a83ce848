//! A set of small dense numbers, one bit each: which mentors may be chosen. Pure: never allocates beyond its highest number, cannot fail.

const WORD: u32 = u64::BITS;

/// A set of `u32` numbers, kept as one bit each. Asking for a number beyond the highest ever set answers "no".
#[derive(Clone, Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Returns the empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { words: Vec::new() }
    }

    /// Returns the set of all numbers below `end`.
    #[must_use]
    pub fn below(end: u32) -> Self {
        let mut words = vec![u64::MAX; (end / WORD) as usize];
        if !end.is_multiple_of(WORD) {
            words.push((1 << (end % WORD)) - 1);
        }
        Self { words }
    }

    /// Puts `number` into the set; grows to `number / 8` bytes, so numbers must be dense.
    pub fn set(&mut self, number: u32) {
        let word = (number / WORD) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % WORD);
    }

    /// Takes `number` out of the set, if it was there.
    pub fn unset(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut((number / WORD) as usize) {
            *word &= !(1 << (number % WORD));
        }
    }

    /// Says whether `number` is in the set.
    #[must_use]
    pub fn get(&self, number: u32) -> bool {
        self.words.get((number / WORD) as usize).is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    /// Counts the numbers in the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Counts the numbers that are in both sets.
    #[must_use]
    pub fn count_and(&self, other: &Self) -> usize {
        self.words.iter().zip(&other.words).map(|(one, two)| (one & two).count_ones() as usize).sum()
    }

    /// Says whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Walks the numbers of the set, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        ones(self.words.iter().copied())
    }

    /// Walks the numbers that are in both sets, rising, without building a third.
    pub fn iter_and(&self, other: &Self) -> impl Iterator<Item = u32> {
        ones(self.words.iter().zip(&other.words).map(|(one, two)| one & two))
    }

    /// Keeps only the numbers that are in `other` too.
    pub fn and(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= theirs;
        }
    }

    /// Adds every number of `other`.
    pub fn or(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word |= theirs;
        }
    }

    /// Takes out every number of `other`.
    pub fn and_not(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= !theirs;
        }
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut bits = Self::new();
        for number in numbers {
            bits.set(number);
        }
        bits
    }
}

impl PartialEq for Bits {
    /// Two sets are equal when they hold the same numbers, however far each has grown.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Bits {}

/// Walks the numbers of the one-bits in a run of words.
fn ones(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
    words.zip((0..).step_by(WORD as usize)).flat_map(|(word, base): (u64, u32)| {
        let mut left = word;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let lowest = left.trailing_zeros();
                left &= left - 1;
                base + lowest
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_number_beyond_the_end_is_not_in_the_set() {
        let mut bits = Bits::new();
        bits.unset(7_000_000);
        assert!(!bits.get(u32::MAX));
        assert!(bits.is_empty());
    }

    #[test]
    fn below_holds_exactly_the_smaller_numbers() {
        for end in [0, 1, 63, 64, 65, 200] {
            assert!(Bits::below(end).iter().eq(0..end), "below {end}");
        }
    }

    #[test]
    fn sets_of_different_growth_are_equal_when_they_hold_the_same() {
        let mut grown = Bits::from_iter([3, 900]);
        grown.unset(900);
        assert_eq!(grown, Bits::from_iter([3]));
    }

    proptest! {
        #[test]
        fn bits_behave_like_a_set(one in prop::collection::btree_set(0u32..300, 0..60), two in prop::collection::btree_set(0u32..300, 0..60)) {
            let (left, right): (Bits, Bits) = (one.iter().copied().collect(), two.iter().copied().collect());
            let walked = |bits: &Bits| bits.iter().collect::<BTreeSet<u32>>();
            prop_assert_eq!(walked(&left), one.clone());
            prop_assert_eq!(left.count(), one.len());
            prop_assert_eq!(left.count_and(&right), one.intersection(&two).count());
            prop_assert!(left.iter_and(&right).eq(one.intersection(&two).copied()));
            let (mut both, mut either, mut without) = (left.clone(), left.clone(), left.clone());
            both.and(&right);
            either.or(&right);
            without.and_not(&right);
            prop_assert_eq!(walked(&both), &one & &two);
            prop_assert_eq!(walked(&either), &one | &two);
            prop_assert_eq!(walked(&without), &one - &two);
        }
    }
}
