//! What a caller decides, and what it is told meanwhile.

use std::{num::NonZero, path::PathBuf};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::InventoryError;

/// What a caller decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the repository is called in [`AssetId::File`](casemate_core::AssetId::File).
    pub repository: String,
    /// How many threads work; one for each core if `None`. The result does not depend on it.
    pub threads: Option<usize>,
    /// Regular files that are left out: those of the report that is about to be written.
    /// They are recognised by their name and the directory they lie in, whatever way leads there;
    /// what does not exist is ignored. A [`Listing`](crate::Listing) says what was left out.
    pub skip: Vec<PathBuf>,
    /// Files of up to this many bytes are read once, into memory; longer ones are digested block
    /// by block and then read by position. All threads together keep no more than 64 MiB, or
    /// 256 KiB each, whatever this says.
    pub buffer: usize,
    /// Whether every file is digested. If not, [`each_file`](crate::each_file) digests none, and
    /// [`assess`](crate::assess) all but git packs longer than `buffer`, which can be most of a
    /// repository and are named by a digest of their own; it says of each that it did not.
    pub hash: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            repository: "local".to_owned(),
            threads: None,
            skip: Vec::new(),
            buffer: 8 << 20,
            hash: false,
        }
    }
}

impl Options {
    pub(crate) fn pool(&self) -> Result<ThreadPool, InventoryError> {
        // Not rayon's own default, which asks the environment.
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.threads.unwrap_or_else(cores).clamp(1, MAX_THREADS);
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| InventoryError::Threads(error.to_string()))
    }

    /// How many bytes of a file one of `threads` threads may hold.
    pub(crate) fn buffer_of_each(&self, threads: usize) -> usize {
        self.buffer
            .min((ALL_BUFFERS / threads.max(1)).max(MIN_BUFFER))
    }
}

/// Hears how far the work has come, from many threads.
pub trait Progress: Sync {
    /// This many more regular files, with this many bytes, were found.
    fn found(&self, files: u64, bytes: u64);

    /// This many more files and bytes are done. The bytes of a long file come before the file.
    fn done(&self, files: u64, bytes: u64);
}

impl Progress for () {
    fn found(&self, _: u64, _: u64) {}

    fn done(&self, _: u64, _: u64) {}
}

const MAX_THREADS: usize = 256;
const ALL_BUFFERS: usize = 64 << 20;
const MIN_BUFFER: usize = 256 << 10;
