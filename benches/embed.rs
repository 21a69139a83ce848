//! The model: one text on one thread, in each engine that is here.

use tandem::config::{Embedding, Engine};
use tandem::matching::Embedder;

const TEXTS: [(&str, &str); 3] = [
    ("short", "price a pilot"),
    ("medium", "How should a first-time manager give feedback to engineers who used to be her peers, and how often?"),
    ("long", include_str!("../models/training/README.md")),
];

fn main() {
    divan::main();
}

fn embedder(engine: Engine) -> Option<Embedder> {
    Embedder::open(&Embedding { engine, onnxruntime_library: String::new(), cached_questions: 10 }).ok()
}

#[divan::bench(args = ["short", "medium", "long"])]
fn rten(bencher: divan::Bencher<'_, '_>, length: &str) {
    run(bencher, Engine::Rten, length);
}

/// Needs `ORT_DYLIB_PATH`; without it this says so and measures nothing.
#[divan::bench(args = ["short", "medium", "long"])]
fn onnxruntime(bencher: divan::Bencher<'_, '_>, length: &str) {
    run(bencher, Engine::Onnxruntime, length);
}

fn run(bencher: divan::Bencher<'_, '_>, engine: Engine, length: &str) {
    let Some(embedder) = embedder(engine) else {
        eprintln!("SKIPPED: ONNX Runtime is not here (ORT_DYLIB_PATH names its library)");
        return;
    };
    let text = TEXTS.iter().find(|(name, _)| *name == length).map_or("", |(_, text)| *text);
    bencher.bench(|| embedder.embed(divan::black_box(text)));
}
