//! Adding signals up: the score of one mentor from its evidence.

use tandem::matching::Calibration;
use tandem::matching::score::{Evidence, Question, score};

fn main() {
    divan::main();
}

#[divan::bench]
fn one_mentor(bencher: divan::Bencher<'_, '_>) {
    let question = Question { background: 0.3, domain: 0.2, mass: 12.0, is_naming: true };
    let evidence =
        Evidence { best: 0.6, second: 0.5, whole: 0.5, tag: 0.6, second_tag: 0.4, bm25: 7.0, ..Evidence::default() };
    bencher.bench(|| score(&Calibration::SHIPPED, divan::black_box(&question), divan::black_box(&evidence)));
}
