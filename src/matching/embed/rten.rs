//! The engine that is always there: pure Rust, no native library, weights borrowed from the binary.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use super::{DIMENSIONS, MODEL};
use crate::error::{Error, OrInternal, Result};

pub(super) struct Rten {
    model: Model,
    tokenizer: tokenizers::Tokenizer,
    inputs: [NodeId; 3],
    output: NodeId,
    lanes: Lanes,
}

/// One thread of its own for each core. The engine hands every run to a pool of threads, and a pool of one thread
/// that all share would let one question wait for the other while a core is idle.
struct Lanes {
    free: Mutex<Vec<Arc<ThreadPool>>>,
    returned: Condvar,
}

impl Lanes {
    fn new() -> Self {
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let free = (0..n_cores).map(|_| Arc::new(ThreadPool::with_num_threads(1))).collect();
        Self { free: Mutex::new(free), returned: Condvar::new() }
    }

    /// Takes a lane, waiting until one is free.
    fn take(&self) -> Lane<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.returned.wait_while(free, |free| free.is_empty()).unwrap_or_else(PoisonError::into_inner);
        Lane { lanes: self, pool: free.pop() }
    }
}

/// A lane in use; it is given back however the run ends.
struct Lane<'a> {
    lanes: &'a Lanes,
    pool: Option<Arc<ThreadPool>>,
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.pool.take());
        self.lanes.returned.notify_one();
    }
}

impl Rten {
    pub(super) fn load() -> Result<Self> {
        // Weights are packed once here instead of on each run, which would triple the time of a short question.
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = options.load_static_slice(MODEL).or_internal("loading the model")?;
        let node = |name: &str| model.node_id(name).or_internal("finding the model's inputs and output");
        let inputs = [node("input_ids")?, node("attention_mask")?, node("token_type_ids")?];
        let output = node("last_hidden_state")?;
        Ok(Self { model, tokenizer: super::tokenizer()?, inputs, output, lanes: Lanes::new() })
    }

    pub(super) fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|cause| Error::internal(anyhow::anyhow!(cause).context("splitting a text into word pieces")))?;
        let ids: Vec<i32> = encoding.get_ids().iter().map(|id| id.cast_signed()).collect();
        let n_tokens = ids.len();
        let ids = NdTensor::from_data([1, n_tokens], ids);
        let mask = NdTensor::<i32, 2>::full([1, n_tokens], 1);
        let types = NdTensor::<i32, 2>::zeros([1, n_tokens]);
        let [ids_node, mask_node, types_node] = self.inputs;
        // One text on one thread: two questions at once use two cores, and none waits for the other.
        let lane = self.lanes.take();
        let options = RunOptions::default().with_thread_pool(lane.pool.clone());
        let [hidden] = self
            .model
            .run_n(
                vec![(ids_node, ids.view().into()), (mask_node, mask.view().into()), (types_node, types.view().into())],
                [self.output],
                Some(options),
            )
            .or_internal("running the model")?;
        let hidden: NdTensor<f32, 3> = hidden.try_into().or_internal("reading the model's answer")?;
        Ok(mean(&hidden.view()))
    }
}

/// The mean over the tokens. Every token counts: a text alone in its batch has no padding.
fn mean(hidden: &NdTensorView<'_, f32, 3>) -> Vec<f32> {
    let mut sum = vec![0.0; DIMENSIONS];
    for token in hidden.slice(0).axis_iter(0) {
        for (total, value) in sum.iter_mut().zip(token.iter()) {
            *total += value;
        }
    }
    sum
}
