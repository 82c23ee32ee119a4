//! How much memory evaluations take.
//!
//! The library brings an allocator that counts what the process has, and its interpreter looks between
//! steps whether that is more than a limit, of which there is one for the process. While evaluations
//! go on, it is the lowest of what each of them allows: what the process had when it began, and its
//! budget. One that grows is ended by that; so is, in the same moment, whoever is evaluated beside
//! it, since nothing says whose memory it is. Before each builtin of ours it is looked at too, and what
//! one of them makes is bounded by itself.
//!
//! An evaluation that was ended so has no answer, whatever it made of that. A builtin that takes any error
//! for `false`, and a library that takes one for undefined, would turn it into an answer.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// An evaluation that goes on.
pub(crate) struct Budget(u64);

impl Budget {
    /// Begins one that may take `bytes`.
    pub(crate) fn begin(bytes: u64) -> Self {
        let had = regorus_mimalloc::global_allocation_stats_snapshot().allocated;
        let mut running = running();
        let number = running.begun;
        running.begun += 1;
        running.ceilings.insert(number, had.saturating_add(bytes));
        running.enforce();
        EXCEEDED.set(false);
        Self(number)
    }

    /// Whether the calling thread, which began it, was told since that a limit is exceeded.
    pub(crate) fn is_exceeded(&self) -> bool {
        EXCEEDED.get()
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        // Its thread may end, and what it has counted and not yet told with it.
        regorus::flush_thread_memory_counters();
        let mut running = running();
        running.ceilings.remove(&self.0);
        running.enforce();
    }
}

/// Whether that text is the library's for a limit that is exceeded. The evaluation that goes on remembers
/// that it was.
pub(crate) fn is_exceeded(text: &str) -> bool {
    let is_exceeded = text.contains("execution exceeded memory limit");
    if is_exceeded {
        EXCEEDED.set(true);
    }
    is_exceeded
}

/// Looks whether a limit is exceeded, and has the evaluation remember it.
pub(crate) fn check() -> Result<(), String> {
    regorus::check_global_memory_limit().map_err(|error| {
        EXCEEDED.set(true);
        error.to_string()
    })
}

thread_local! {
    static EXCEEDED: Cell<bool> = const { Cell::new(false) };
}

/// What the process may have, for each evaluation that goes on.
struct Running {
    begun: u64,
    ceilings: BTreeMap<u64, u64>,
}

impl Running {
    fn enforce(&self) {
        regorus::set_global_memory_limit(self.ceilings.values().min().copied());
    }
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

static RUNNING: Mutex<Running> = Mutex::new(Running {
    begun: 0,
    ceilings: BTreeMap::new(),
});
