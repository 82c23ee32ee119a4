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
//! for `false`, and a library that takes one for undefined, would turn it into an answer. Where errors are
//! undefined, the library keeps one that a definition of a function ends with to itself, if another
//! definition has an answer; so there the most that was taken is looked at in the end.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use regorus::LimitError;
use regorus_mimalloc::{ThreadAllocationStats, allocation_stats_snapshot};

/// An evaluation that goes on.
pub(crate) struct Budget {
    number: u64,
    bytes: u64,
    /// What its thread had, and had at most, before.
    before: ThreadAllocationStats,
}

impl Budget {
    /// Begins one that may take `bytes`.
    pub(crate) fn begin(bytes: u64) -> Self {
        let (process, before) = allocation_stats_snapshot();
        let mut running = running();
        let number = running.begun;
        running.begun += 1;
        let ceiling = process.allocated.saturating_add(bytes);
        running.ceilings.insert(number, ceiling);
        running.enforce();
        EXCEEDED.set(false);
        Self {
            number,
            bytes,
            before,
        }
    }

    /// Whether the calling thread, which began it, was told since that a limit is exceeded, or had more at
    /// once than this one allows.
    pub(crate) fn is_exceeded(&self) -> bool {
        let (_, thread) = allocation_stats_snapshot();
        let grown = thread.peak.saturating_sub(self.before.allocated);
        let is_outgrown =
            thread.peak > self.before.peak && u64::try_from(grown).unwrap_or(0) > self.bytes;
        EXCEEDED.get() || is_outgrown
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        // Its thread may end, and what it has counted and not yet told with it.
        regorus::flush_thread_memory_counters();
        let mut running = running();
        running.ceilings.remove(&self.number);
        running.enforce();
    }
}

/// Whether that is, or rests on, the library's error for a limit that is exceeded; its text can have values of an input in it, and
/// says nothing. The evaluation that goes on remembers that it was.
pub(crate) fn is_exceeded(error: &anyhow::Error) -> bool {
    let is_exceeded = error.chain().any(|cause| {
        let limit = cause.downcast_ref::<LimitError>();
        matches!(limit, Some(LimitError::MemoryLimitExceeded { .. }))
    });
    if is_exceeded {
        EXCEEDED.set(true);
    }
    is_exceeded
}

/// In bytes: the most that the calling thread had at once since it began.
pub(crate) fn peak_of_thread() -> u64 {
    let (_, thread) = allocation_stats_snapshot();
    u64::try_from(thread.peak).unwrap_or(0)
}

/// Looks whether a limit is exceeded, and has the evaluation remember it.
pub(crate) fn check() -> Result<(), LimitError> {
    regorus::check_global_memory_limit().inspect_err(|_| EXCEEDED.set(true))
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
