//! How much a container may cost.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The limits under which one outermost file is opened, and what has been spent of them.
///
/// Clones share what they have spent, so that nested containers draw on the budget of the file
/// around them: make a new one ([`Budget::default`] or [`Budget::renewed`]) for each file.
/// Members of one file are read one after another, or the one that meets the limit is left to
/// chance.
#[derive(Clone, Debug)]
pub struct Budget {
    /// How many containers may stand in each other. Default 8.
    pub depth: u8,
    /// How many members one container may have. Default 100,000.
    pub members: usize,
    /// How many bytes one compressed member may become. Default 2 GiB.
    pub bytes: u64,
    /// How many bytes all compressed members of a file may become, nested ones included. Default
    /// 8 GiB.
    pub total: u64,
    /// How many bytes one byte may become, once a member has grown over an eighth of `bytes`.
    /// Deflate reaches 1032 on zeros. Default 200.
    pub ratio: u64,
    /// How many bytes of a decompressed member may be held in memory at once
    /// ([`Member::load`](crate::Member::load)). Default 256 MiB.
    pub memory: u64,
    /// How many bytes of what it gave a decoder may have to remember. Default 256 MiB: what the
    /// strongest presets of xz, zstd and 7-Zip ask for.
    pub window: u64,
    /// How many bytes outside every known member are searched for hidden ones. Default 256 MiB.
    pub search: u64,
    spent: Arc<AtomicU64>,
}

impl Budget {
    /// The budget for a container found inside one that was opened with this budget: one level
    /// less of depth, the same purse. At depth zero [`open`](crate::open) opens nothing and says so.
    #[must_use]
    pub fn inside(&self) -> Self {
        Self {
            depth: self.depth.saturating_sub(1),
            ..self.clone()
        }
    }

    /// The same limits with nothing spent.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self {
            spent: Arc::default(),
            ..self.clone()
        }
    }

    /// Takes `bytes` of decompressed output out of the purse.
    pub(crate) fn spend(&self, bytes: u64) -> Result<(), Exceeded> {
        let before = self.spent.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.total {
            return Err(Exceeded::Total(self.total));
        }
        Ok(())
    }

    /// The size above which [`Budget::ratio`] is looked at.
    pub(crate) fn ratio_floor(&self) -> u64 {
        self.bytes / 8
    }

    /// Whether growing from `packed` to `unpacked` bytes is what only a bomb does.
    pub(crate) fn is_bomb(&self, packed: u64, unpacked: u64) -> bool {
        unpacked > self.ratio_floor() && unpacked / self.ratio.max(1) > packed
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            depth: 8,
            members: 100_000,
            bytes: 2 * GIB,
            total: 8 * GIB,
            ratio: 200,
            memory: GIB / 4,
            window: GIB / 4,
            search: GIB / 4,
            spent: Arc::default(),
        }
    }
}

/// Which limit was reached. It travels inside an [`io::Error`] of kind
/// [`io::ErrorKind::FileTooLarge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// [`Budget::bytes`].
    #[error("a member decompresses to more than the {0} bytes allowed for one")]
    Bytes(u64),
    /// [`Budget::total`].
    #[error("the members decompress to more than the {0} bytes allowed for all")]
    Total(u64),
    /// [`Budget::ratio`].
    #[error("a member decompresses to more than {0} times its size")]
    Ratio(u64),
    /// [`Budget::memory`].
    #[error("a member decompresses to more than the {0} bytes allowed in memory")]
    Memory(u64),
    /// [`Budget::window`].
    #[error("decompressing a member takes more than the {0} bytes allowed in memory")]
    Window(u64),
}

impl Exceeded {
    /// The limit inside `error`, if reaching one is what `error` says.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<Exceeded> for io::Error {
    fn from(limit: Exceeded) -> Self {
        Self::new(io::ErrorKind::FileTooLarge, limit)
    }
}

const GIB: u64 = 1 << 30;
