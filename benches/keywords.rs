//! The words: the index's candidates, and the exact scores of all mentors.

use tandem::matching::bits::Bits;
use tandem::matching::keywords::{Keywords, Stamp};
use tandem::matching::lexicon::{Lexicon, Texts};

const DEMO: &str = include_str!("../assets/demo/mentors.jsonl");

fn main() {
    divan::main();
}

/// The demo's mentors, over and over.
fn filled(mentors: u32) -> (tempfile::TempDir, Keywords, Lexicon) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut index = Keywords::open(directory.path()).expect("a new index");
    let mut lexicon = Lexicon::default();
    let bios: Vec<String> = DEMO
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .map(|payload| format!("{} {}", payload["fields"]["Headline"], payload["fields"]["Bio"]))
        .collect();
    for (mentor, bio) in (0..mentors).zip(bios.iter().cycle()) {
        let texts = Texts { bio, ..Texts::default() };
        lexicon.put(mentor, &texts);
        index.put(mentor, Some(&Lexicon::stems(&texts))).expect("taken");
    }
    index.commit(Stamp::new([0; 16], 1)).expect("committed");
    (directory, index, lexicon)
}

const QUESTION: &str = "How do I price a pilot for a hospital customer?";

#[divan::bench(args = [1_000, 10_000])]
fn candidates(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    let (_keep, index, lexicon) = filled(mentors);
    let (reader, asked, all) = (index.reader(), lexicon.asked(QUESTION), Bits::below(mentors));
    bencher.bench(|| reader.search(divan::black_box(&asked), 128, &all, false));
}

#[divan::bench(args = [1_000, 10_000])]
fn scores_of_all(bencher: divan::Bencher<'_, '_>, mentors: u32) {
    let (_keep, _index, lexicon) = filled(mentors);
    let asked = lexicon.asked(QUESTION);
    bencher.bench(|| lexicon.meet(divan::black_box(&asked), true).bm25(7));
}

#[divan::bench]
fn words_of_a_question(bencher: divan::Bencher<'_, '_>) {
    let (_keep, _index, lexicon) = filled(1_000);
    bencher.bench(|| lexicon.asked(divan::black_box(QUESTION)));
}
