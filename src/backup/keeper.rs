//! The thread that takes snapshots and makes backups when they are due. It is not the one that watches sessions: a
//! backup of a large program takes minutes, and reminders must not wait for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Backups;
use crate::error::{OrInternal, Result};

/// How often it is looked for what is due.
const ROUND: Duration = Duration::from_secs(15);

/// The thread; dropping it gives up what is under way and ends it.
pub struct Keeper {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Bell {
    is_over: AtomicBool,
    hold: Mutex<()>,
    wake: Condvar,
}

impl Keeper {
    /// Starts it.
    ///
    /// # Errors
    /// Internal, where a thread cannot be had.
    pub(super) fn start(backups: Arc<Backups>) -> Result<Self> {
        let bell = Arc::new(Bell::default());
        let heard = Arc::clone(&bell);
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || keep(&backups, &heard))
            .or_internal("starting the thread that makes backups")?;
        Ok(Self { bell, thread: Some(thread) })
    }

    /// Gives up what is under way and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        {
            let _hold = self.bell.hold.lock().unwrap_or_else(PoisonError::into_inner);
            self.bell.is_over.store(true, Ordering::SeqCst);
        }
        self.bell.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // It catches its panics; one that died all the same must not take the stop with it.
            drop(thread.join());
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn keep(backups: &Backups, bell: &Bell) {
    while !bell.is_over.load(Ordering::SeqCst) {
        if catch_unwind(AssertUnwindSafe(|| backups.round(&bell.is_over))).is_err() {
            tracing::error!("the thread that makes backups panicked; it goes on");
        }
        let hold = bell.hold.lock().unwrap_or_else(PoisonError::into_inner);
        // Spurious or not, a wake only means to look again.
        drop(bell.wake.wait_timeout_while(hold, ROUND, |()| !bell.is_over.load(Ordering::SeqCst)));
    }
}
