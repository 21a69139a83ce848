use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    vector: Vec<f32>,
}

fn config(engine: config::Engine, library: &str) -> config::Embedding {
    config::Embedding { engine, onnxruntime_library: library.to_owned(), cached_questions: 10 }
}

fn golden() -> Vec<Golden> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden_vectors.jsonl");
    let text = std::fs::read_to_string(path).expect("the golden vectors are in the repository");
    text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn check_golden(embedder: &Embedder) {
    let golden = golden();
    assert_eq!(golden.len(), 40);
    for it in &golden {
        let vector = embedder.embed(&it.text).expect("every text has a vector");
        let cosine = cosine(&vector, &it.vector);
        assert!(cosine >= 0.999, "{} {cosine}: {:?}", embedder.engine(), it.text);
    }
}

#[test]
fn the_built_in_engine_agrees_with_the_golden_vectors() {
    check_golden(&Embedder::open(&config(config::Engine::Rten, "")).expect("it is always there"));
}

#[test]
fn onnx_runtime_agrees_with_the_golden_vectors() {
    if onnxruntime::library("").is_none() {
        assert!(std::env::var_os("TANDEM_TEST_ALL").is_none(), "TANDEM_TEST_ALL is set, but ORT_DYLIB_PATH is not");
        eprintln!("SKIPPED: the second engine's parity test needs ORT_DYLIB_PATH to name an ONNX Runtime library");
        return;
    }
    let embedder = Embedder::open(&config(config::Engine::Onnxruntime, "")).expect("the library loads");
    assert_eq!(embedder.engine(), "onnxruntime");
    check_golden(&embedder);
}

#[test]
fn a_library_that_does_not_load_is_an_error_only_where_it_was_insisted_on() {
    let insisted = Embedder::open(&config(config::Engine::Onnxruntime, "/nowhere/libonnxruntime.so"));
    assert_eq!(insisted.err().map(|refusal| refusal.code), Some("no_onnxruntime"));
    let auto = Embedder::open(&config(config::Engine::Auto, "/nowhere/libonnxruntime.so")).expect("it falls back");
    assert_eq!(auto.engine(), "rten");
}

#[test]
fn the_model_is_the_one_in_the_lock() {
    let digest = Sha256::digest(MODEL);
    assert_eq!(model_hash().as_slice(), digest.as_slice());
    let lock = include_str!("../../../models/models.lock");
    assert!(lock.contains(MODEL_SHA256), "models.lock names another model");
}

#[test]
fn a_vector_without_direction_is_refused() {
    assert!(unit(vec![0.0; DIMENSIONS]).is_err());
    assert!(unit(vec![f32::NAN; DIMENSIONS]).is_err());
    assert!(unit(vec![1.0; 3]).is_err());
}
