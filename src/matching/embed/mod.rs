//! Text in, vector out: the meaning model in one of two engines behind one door. Texts are always
//! run one at a time, because dynamic int8 quantisation makes a vector depend on its batch.
//! Nothing is ever downloaded: model and tokenizer are in the binary.

mod onnxruntime;
mod rten;

use crate::config;
use crate::error::{Error, Result};

/// Numbers in a vector of this model.
pub const DIMENSIONS: usize = 384;

/// Word pieces beyond this many are not read (the model was trained on no more).
const MAX_TOKENS: usize = 256;

const MODEL: &[u8] = include_bytes!("../../../models/tandem-minilm-l6/model_int8.onnx");
const TOKENIZER: &[u8] = include_bytes!("../../../models/tandem-minilm-l6/tokenizer.json");

/// What the files beside the model are, by their hashes.
const LOCK: &str = include_str!("../../../models/models.lock");

/// The SHA-256 of `MODEL`, as in `models/models.lock`; a test holds all three together.
const MODEL_SHA256: &str = "c2742847ca52d88278fe48df913d14ecb2f21b28bb735c3e1b283080809e9212";

/// Runs the meaning model. Shared by all threads.
pub struct Embedder {
    engine: Engine,
}

enum Engine {
    Rten(Box<rten::Rten>),
    OnnxRuntime(onnxruntime::OnnxRuntime),
}

impl Embedder {
    /// Loads the model into the engine that `config` asks for; `auto` takes ONNX Runtime only
    /// where a library is named that loads.
    ///
    /// # Errors
    /// An operator's error where ONNX Runtime was insisted on and cannot be loaded.
    pub fn open(config: &config::Embedding) -> Result<Self> {
        let library = onnxruntime::library(&config.onnxruntime_library);
        let engine = match (config.engine, library) {
            (config::Engine::Rten, _) | (config::Engine::Auto, None) => Engine::Rten(Box::new(rten::Rten::load()?)),
            (config::Engine::Onnxruntime, None) => {
                return Err(Error::operator(
                    "no_onnxruntime",
                    "embedding.engine is \"onnxruntime\", but neither embedding.onnxruntime_library nor ORT_DYLIB_PATH names its library.",
                ));
            }
            (config::Engine::Onnxruntime, Some(library)) => {
                Engine::OnnxRuntime(onnxruntime::OnnxRuntime::load(&library)?)
            }
            (config::Engine::Auto, Some(library)) => match onnxruntime::OnnxRuntime::load(&library) {
                Ok(engine) => Engine::OnnxRuntime(engine),
                Err(refusal) => {
                    tracing::warn!(cause = refusal.cause(), "{refusal} Using the built-in engine.");
                    Engine::Rten(Box::new(rten::Rten::load()?))
                }
            },
        };
        Ok(Self { engine })
    }

    /// The engine's name in `config.toml`'s words.
    pub const fn engine(&self) -> &'static str {
        match self.engine {
            Engine::Rten(_) => "rten",
            Engine::OnnxRuntime(_) => "onnxruntime",
        }
    }

    /// The vector of `text`, computed anew.
    ///
    /// # Errors
    /// Internal, where the engine fails or gives a vector without direction.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let vector = match &self.engine {
            Engine::Rten(engine) => engine.embed(text)?,
            Engine::OnnxRuntime(engine) => engine.embed(text)?,
        };
        unit(vector)
    }
}

/// The SHA-256 of the model that makes the vectors: it stands with each of them.
///
/// # Panics
/// Never: a test reads the constant.
pub fn model_hash() -> [u8; 32] {
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(MODEL_SHA256.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).expect("the constant is ASCII");
        *byte = u8::from_str_radix(pair, 16).expect("the constant is hexadecimal");
    }
    hash
}

/// Whether the model in this binary is the one that `models.lock` names.
pub fn is_model_intact() -> bool {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(MODEL).into();
    digest == model_hash() && LOCK.contains(MODEL_SHA256)
}

/// The ONNX Runtime library that the settings or the environment name.
pub fn named_library(config: &config::Embedding) -> Option<std::path::PathBuf> {
    onnxruntime::library(&config.onnxruntime_library)
}

/// The model's whole words of plain letters with their rank in its vocabulary, frequent words first.
///
/// # Errors
/// Internal, where the embedded tokenizer cannot be read.
pub fn vocabulary() -> Result<Vec<(String, u32)>> {
    let words = tokenizer()?.get_vocab(false).into_iter();
    Ok(words.filter(|(word, _)| word.len() > 1 && word.bytes().all(|letter| letter.is_ascii_lowercase())).collect())
}

fn tokenizer() -> Result<tokenizers::Tokenizer> {
    let broken = |cause: tokenizers::Error| Error::internal(anyhow::anyhow!(cause).context("reading the tokenizer"));
    let mut tokenizer = tokenizers::Tokenizer::from_bytes(TOKENIZER).map_err(broken)?;
    // The file asks for padding to 128 and truncation at 128; a batch of one needs no padding.
    tokenizer.with_padding(None);
    let truncation = tokenizers::TruncationParams { max_length: MAX_TOKENS, ..Default::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(broken)?;
    Ok(tokenizer)
}

/// Scales to length one; a vector of zeros or with a number that is none is refused.
fn unit(mut vector: Vec<f32>) -> Result<Vec<f32>> {
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if vector.len() != DIMENSIONS || !length.is_finite() || length < 1e-6 {
        return Err(Error::internal(anyhow::anyhow!("the model gave a vector without direction")));
    }
    for number in &mut vector {
        *number /= length;
    }
    Ok(vector)
}

#[cfg(test)]
mod tests;
