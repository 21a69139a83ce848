//! Distances between unit vectors: the exact f32 cosine, and the int8 stand-in that comes with a bound on its error. Pure: no storage, cannot fail on checked vectors.

use super::Refused;
use pulp::{Arch, Simd, WithSimd};
use simsimd::SpatialSimilarity;

/// The length of every vector: what the meaning model gives.
pub const DIMS: usize = 384;

/// One vector at full precision.
pub(super) type Wide = [f32; DIMS];
/// One vector in int8; times its scale it is nearly the wide one.
pub(super) type Narrow = [i8; DIMS];

/// How far a squared norm may be from 1: a hundred times what normalising in f32 leaves, a hundredth of what a forgotten normalisation shows.
const NORM_TOLERANCE: f64 = 1e-3;
/// What rounding in f32 and a norm within `NORM_TOLERANCE` may add to a bound; both together stay below a quarter of it.
const ROUNDING: f32 = 2e-5;

/// Checks that `vector` is a finite unit vector of `DIMS` numbers and returns it with its length known.
///
/// # Errors
/// Says what is wrong with the vector: its length, or its norm (zero, not finite, not about 1).
pub fn check(vector: &[f32]) -> Result<&[f32; DIMS], Refused> {
    let wide: &Wide = vector.try_into().map_err(|_| Refused::Length(vector.len()))?;
    let norm = squared(wide);
    // A not-a-number fails this comparison too.
    if (norm - 1.0).abs() <= NORM_TOLERANCE { Ok(wide) } else { Err(Refused::Norm) }
}

/// Returns the f32 dot of two unit vectors, clamped to [-1, 1]. Every cosine this module gives away comes from here.
pub(super) fn cosine(one: &Wide, two: &Wide) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "simsimd sums in f32 and only widens the sum")]
    let dot = f32::dot(one, two).expect("both have DIMS numbers") as f32;
    // Adding zero turns -0.0 into 0.0, which `total_cmp` would tell apart.
    dot.clamp(-1.0, 1.0) + 0.0
}

/// Returns the f32 dot of two vectors of `DIMS` numbers; 0 where one has another length.
#[must_use]
pub fn dot(one: &[f32], two: &[f32]) -> f32 {
    match (<&Wide>::try_from(one), <&Wide>::try_from(two)) {
        (Ok(one), Ok(two)) => cosine(one, two),
        _ => 0.0,
    }
}

fn squared(wide: &Wide) -> f64 {
    f32::dot(wide, wide).expect("a vector is as long as itself")
}

/// A vector in int8 with what is needed to bound the error of its dots; side by side, because they are always read together.
#[derive(Clone, Copy)]
pub(in crate::matching) struct Rounded {
    pub(super) narrow: Narrow,
    pub(super) scale: f32,
    /// At least the length of (wide - scale x narrow).
    pub(super) slack: f32,
}

impl Rounded {
    /// No vector: its cosine with any other is 0.
    pub const EMPTY: Self = Self { narrow: [0; DIMS], scale: 0.0, slack: 0.0 };

    /// Whether this is no vector.
    pub fn is_empty(&self) -> bool {
        self.scale <= 0.0
    }

    /// Rounds `wide` to 255 steps between plus and minus its greatest value.
    pub fn new(wide: &Wide) -> Self {
        Arch::new().dispatch(Round(wide))
    }

    /// Reads a byte of every cache line.
    #[inline]
    pub fn touch(&self) -> i8 {
        self.narrow
            .iter()
            .step_by(64)
            .fold(0, |sum: i8, value| sum.wrapping_add(*value))
            .wrapping_add(self.narrow[DIMS - 1])
    }

    /// Returns the cosine with another vector as int8 has it.
    #[inline]
    pub(in crate::matching) fn about(&self, other: &Self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number, at most 384 x 127 x 127, which f32 holds")]
        let dot = i8::dot(&self.narrow, &other.narrow).expect("both have DIMS numbers") as f32;
        dot * (self.scale * other.scale)
    }

    /// Bounds the cosine with another vector from the int8 dot: returns (at least, at most).
    ///
    /// With q = q' + e and v = v' + f, the exact dot differs from q'v' by qf + ev', so by at most |f| + |e||v'|.
    #[inline]
    pub fn bounds(&self, other: &Self) -> (f32, f32) {
        let about = self.about(other);
        let error = other.slack + self.slack * (1.0 + other.slack) + ROUNDING;
        (about - error, about + error)
    }
}

/// The rounding itself, as a shape `pulp` can compile once for each kind of processor.
struct Round<'a>(&'a Wide);

impl WithSimd for Round<'_> {
    type Output = Rounded;

    #[expect(clippy::inline_always, reason = "pulp compiles the body for each processor only when it is inlined")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Rounded {
        let wide = self.0;
        let greatest = wide.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let (scale, steps) = (greatest / 127.0, 127.0 / greatest);
        let mut narrow = [0_i8; DIMS];
        let mut rest = [0.0_f32; DIMS];
        for ((small, left), value) in narrow.iter_mut().zip(&mut rest).zip(wide) {
            let step = (value * steps).round_ties_even();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float cast saturates, and the greatest value gives 127"
            )]
            let whole = step as i8;
            *small = whole;
            *left = value - f32::from(whole) * scale;
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounded up by a thousandth, more than the cast loses")]
        let slack = (squared(&rest).sqrt() * 1.001) as f32;
        Rounded { narrow, scale, slack }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::{DIMS, Rounded, check, cosine};
    use crate::matching::vectors::Refused;

    #[test]
    fn a_vector_that_is_no_direction_is_refused() {
        let unit = Sample::new(1).vector(0);
        assert!(check(&unit).is_ok());
        assert_eq!(check(&unit[1..]), Err(Refused::Length(DIMS - 1)));
        assert_eq!(check(&[0.0; DIMS]), Err(Refused::Norm));
        assert_eq!(check(&unit.map(|value| value * 1.1)), Err(Refused::Norm));
        for strange in [f32::NAN, f32::INFINITY, f32::MAX] {
            let mut bad = unit;
            bad[7] = strange;
            assert_eq!(check(&bad), Err(Refused::Norm), "{strange}");
        }
    }

    #[test]
    fn a_vector_is_as_near_to_itself_as_can_be() {
        for seed in 0..200 {
            let unit = Sample::new(seed).vector(0);
            let own = cosine(&unit, &unit);
            assert!((0.999_999..=1.0).contains(&own), "{own}");
        }
    }

    #[test]
    fn the_bounds_hold_the_exact_cosine() {
        let mut spike = [0.001_f32; DIMS];
        spike[5] = (1.0_f32 - 383.0 * 1e-6).sqrt();
        let mut sample = Sample::new(3);
        let vectors: Vec<_> = (0..60).map(|topic| sample.vector(topic % 7)).chain([spike]).collect();
        for one in &vectors {
            let question = Rounded::new(one);
            for two in &vectors {
                let kept = Rounded::new(two);
                let (low, high) = question.bounds(&kept);
                let exact: f64 = one.iter().zip(two).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!(f64::from(low) <= exact && exact <= f64::from(high), "{low} {exact} {high}");
                assert!(high - low < 0.1, "the bound is of use: {low} {high}");
            }
        }
    }
}
