//! The engine for machines that have an ONNX Runtime library: the same model through fastembed.
//! The library is loaded while running; without it nothing of this file is ever executed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fastembed::{
    InitOptionsUserDefined, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel,
};

use super::{MAX_TOKENS, MODEL, TOKENIZER};
use crate::error::{Error, OrInternal, Result};

/// What fastembed wants beside the tokenizer itself.
const CONFIG: &[u8] = include_bytes!("../../../models/tandem-minilm-l6/config.json");
const SPECIAL_TOKENS: &[u8] = include_bytes!("../../../models/tandem-minilm-l6/special_tokens_map.json");
const TOKENIZER_CONFIG: &[u8] = include_bytes!("../../../models/tandem-minilm-l6/tokenizer_config.json");

pub(super) struct OnnxRuntime {
    /// One per core: fastembed wants a session to itself while it runs.
    sessions: Vec<Mutex<TextEmbedding>>,
}

/// The library that is named by the configuration or, failing that, by the environment.
pub(super) fn library(configured: &str) -> Option<PathBuf> {
    if !configured.is_empty() {
        return Some(PathBuf::from(configured));
    }
    std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl OnnxRuntime {
    pub(super) fn load(library: &Path) -> Result<Self> {
        let unusable = |cause: anyhow::Error| {
            Error::operator("no_onnxruntime", format!("The ONNX Runtime library {} cannot be used.", library.display()))
                .because(cause)
        };
        // The loader would look elsewhere for a name that is no file; what is named is what is meant.
        if !library.is_file() {
            return Err(unusable(anyhow::anyhow!("there is no such file")));
        }
        // Loading the library is all that is asked for here: fastembed keeps the one environment itself.
        drop(ort::init_from(library).map_err(|cause| unusable(cause.into()))?);
        let n_sessions = std::thread::available_parallelism().map_or(1, usize::from);
        let sessions = (0..n_sessions)
            .map(|_| session().map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| unusable(cause.into()))?;
        Ok(Self { sessions })
    }

    pub(super) fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let free = self.sessions.iter().find_map(|session| session.try_lock().ok());
        let mut session = match free {
            Some(session) => session,
            None => self.sessions[0].lock().unwrap_or_else(PoisonError::into_inner),
        };
        let vectors = session.embed([text], Some(1)).or_internal("running the model in ONNX Runtime")?;
        vectors.into_iter().next().ok_or_else(|| Error::internal(anyhow::anyhow!("ONNX Runtime gave no vector")))
    }
}

fn session() -> Result<TextEmbedding, fastembed::Error> {
    let files = TokenizerFiles {
        tokenizer_file: TOKENIZER.to_vec(),
        config_file: CONFIG.to_vec(),
        special_tokens_map_file: SPECIAL_TOKENS.to_vec(),
        tokenizer_config_file: TOKENIZER_CONFIG.to_vec(),
    };
    let model = UserDefinedEmbeddingModel::new(MODEL.to_vec(), files)
        .with_pooling(Pooling::Mean)
        .with_quantization(QuantizationMode::Dynamic);
    let options = InitOptionsUserDefined::new().with_max_length(MAX_TOKENS).with_intra_threads(1);
    TextEmbedding::try_new_from_user_defined(model, options)
}
