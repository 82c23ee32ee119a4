//! Threads that share the boxes of one tensor.

use std::{
    io,
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::Buffers;

/// Threads to be, and what each of them works with, for one tensor after another.
pub(in crate::convert) struct Workers(Vec<Buffers>);

impl Workers {
    /// As many as there are cores, and no more than can write to one file without waiting for
    /// each other most of the time.
    pub(in crate::convert) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::exactly(cores.min(MOST))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn exactly(count: usize) -> Self {
        Self((0..count).map(|_| Buffers::default()).collect())
    }

    /// Does `work` for each number below `count`, with up to `most` threads.
    ///
    /// # Errors
    ///
    /// What `work` says first; nothing more is begun after that.
    pub(super) fn each(
        &mut self,
        count: u64,
        most: usize,
        work: impl Fn(u64, &mut Buffers) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let next = AtomicU64::new(0);
        let take = |buffers: &mut Buffers| {
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= count {
                    return Ok(());
                }
                if let Err(error) = work(nth, buffers) {
                    next.store(count, Ordering::Relaxed);
                    return Err(error);
                }
            }
        };
        let most = most.min(usize::try_from(count).unwrap_or(usize::MAX));
        let Some((own, others)) = self.0.split_first_mut() else {
            return Ok(());
        };
        thread::scope(|scope| {
            let others = others.iter_mut().take(most.saturating_sub(1));
            // Where there is no thread to be had, the others do its work.
            let spawn = |buffers| {
                let builder = thread::Builder::new();
                builder.spawn_scoped(scope, || take(buffers)).ok()
            };
            let threads: Vec<_> = others.filter_map(spawn).collect();
            let own = take(own);
            let ends = threads.into_iter().map(|thread| match thread.join() {
                Ok(end) => end,
                Err(panic) => resume_unwind(panic),
            });
            ends.fold(own, Result::and)
        })
    }
}

const MOST: usize = 8;
