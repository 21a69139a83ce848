//! Who is on duty: background threads say that they live, so that others can tell when one does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// All posts by name. A thread that takes a post again replaces the one before.
pub(super) struct Crew {
    began: Instant,
    posts: Mutex<BTreeMap<String, Arc<State>>>,
}

impl Default for Crew {
    fn default() -> Self {
        Self { began: Instant::now(), posts: Mutex::default() }
    }
}

struct State {
    began: Instant,
    is_manned: AtomicBool,
    has_left_in_order: AtomicBool,
    /// Milliseconds after `began`.
    last_sign: AtomicU64,
}

impl State {
    fn sign(&self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_sign.store(millis, Ordering::Relaxed);
    }
}

impl Crew {
    pub(super) fn on_duty(&self, name: &str) -> Duty {
        let state = Arc::new(State {
            began: self.began,
            is_manned: AtomicBool::new(true),
            has_left_in_order: AtomicBool::new(false),
            last_sign: AtomicU64::new(0),
        });
        state.sign();
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&state));
        Duty(state)
    }

    pub(super) fn posts(&self) -> Vec<Sentry> {
        let now = self.began.elapsed();
        let posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        let stated = posts.iter().map(|(name, state)| Sentry {
            name: name.clone(),
            is_manned: state.is_manned.load(Ordering::Relaxed),
            is_deserted: !state.is_manned.load(Ordering::Relaxed) && !state.has_left_in_order.load(Ordering::Relaxed),
            quiet_for: now.saturating_sub(Duration::from_millis(state.last_sign.load(Ordering::Relaxed))),
        });
        stated.collect()
    }
}

/// How one post stands.
#[derive(Clone, Debug)]
pub struct Sentry {
    /// The thread's name.
    pub name: String,
    /// Whether somebody holds it.
    pub is_manned: bool,
    /// Whether whoever held it went without saying so: the thread died.
    pub is_deserted: bool,
    /// How long ago its holder gave a sign.
    pub quiet_for: Duration,
}

/// Held by the thread that is on duty.
pub struct Duty(Arc<State>);

impl Duty {
    /// A sign of life.
    pub fn sign(&self) {
        self.0.sign();
    }

    /// Ends the duty in good order.
    pub fn over(self) {
        self.0.has_left_in_order.store(true, Ordering::Relaxed);
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.0.is_manned.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_dies_leaves_its_post_deserted_and_one_that_stops_does_not() {
        let crew = Crew::default();
        let (worker, postman) = (crew.on_duty("worker-0"), crew.on_duty("postman"));
        assert!(crew.posts().iter().all(|post| post.is_manned && !post.is_deserted));
        worker.over();
        let dies = std::thread::spawn(move || {
            let _held = postman;
            std::panic::panic_any("poisoned");
        });
        assert!(dies.join().is_err());
        let posts = crew.posts();
        let of =
            |name: &str| posts.iter().find(|post| post.name == name).map(|post| (post.is_manned, post.is_deserted));
        assert_eq!((of("worker-0"), of("postman")), (Some((false, false)), Some((false, true))));
    }
}
