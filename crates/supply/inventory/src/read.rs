//! Reads one regular file, and says whether it held still.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt,
    },
};

use casemate_core::{Digest, FileSource, Hasher, Memo, MemorySource, Source};
use rustix::fs::{Mode, OFlags, openat};

use crate::Unreadable;

/// A regular file that is open, and how it was then.
pub(crate) struct Opened {
    file: File,
    before: Stamp,
}

impl Opened {
    /// Opens `name` in `directory`, without following it if it is a link, and without waiting for
    /// a writer if it is a pipe.
    ///
    /// # Errors
    ///
    /// [`Unreadable::Open`], or [`Unreadable::Replaced`] if it is no regular file.
    pub(crate) fn new(directory: impl AsFd, name: &[u8]) -> Result<Self, Unreadable> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        match openat(directory, name, flags, Mode::empty()) {
            Ok(fd) => Self::from_fd(fd),
            Err(rustix::io::Errno::LOOP) => Err(Unreadable::Replaced),
            Err(error) => Err(Unreadable::Open(io::Error::from(error).to_string())),
        }
    }

    /// Takes a file that is open already.
    ///
    /// # Errors
    ///
    /// As [`Opened::new`].
    pub(crate) fn from_fd(fd: OwnedFd) -> Result<Self, Unreadable> {
        let file = File::from(fd);
        let metadata = file.metadata().map_err(cannot_read)?;
        if !metadata.is_file() {
            return Err(Unreadable::Replaced);
        }
        Ok(Self {
            file,
            before: Stamp::of(&metadata),
        })
    }

    /// Reads the file into `buffer` if it has no more than `limit` bytes, and digests it if `hash`
    /// says so. A longer one is read only to be digested, if `wants` says so when it has seen it;
    /// `taken` hears of its bytes block by block. `buffer` is made as long as the longest file
    /// that it held.
    ///
    /// # Errors
    ///
    /// [`Unreadable::Read`].
    pub(crate) fn content<'b>(
        self,
        buffer: &'b mut Vec<u8>,
        limit: usize,
        hash: bool,
        wants: impl FnOnce(&dyn Source) -> bool,
        taken: &mut dyn FnMut(u64),
    ) -> Result<Content<'b>, Unreadable> {
        let Self { file, before } = self;
        if before.len > MOST_BYTES {
            return Err(Unreadable::TooLong);
        }
        let fits = usize::try_from(before.len).ok().filter(|&len| len <= limit);
        let Some(len) = fits else {
            let source = FileSource::new(file).map_err(cannot_read)?;
            let mut whole = true;
            let mut digest = None;
            if wants(&source) {
                (digest, whole) = digest_by_blocks(source.file(), before.len, buffer, taken)?;
            }
            return Ok(Content {
                body: Body::Disk(source),
                memo: Memo::default(),
                digest,
                before,
                whole,
            });
        };
        // One byte more than there should be, to see the end without another call.
        if buffer.len() <= len {
            buffer.resize(len + 1, 0);
        }
        let mut hasher = Hasher::default();
        let mut read = 0;
        while read <= len {
            let end = (read + BLOCK).min(len + 1);
            let got = read_some(&file, &mut buffer[read..end])?;
            if hash {
                hasher.update(&buffer[read..read + got]);
            }
            read += got;
            if got == 0 || read == len {
                break;
            }
        }
        Ok(Content {
            body: Body::Memory(MemorySource(&buffer[..read.min(len)]), file),
            memo: Memo::default(),
            digest: hash.then(|| hasher.finish()),
            before,
            whole: read == len,
        })
    }
}

/// A file's bytes, in memory or still on disk.
pub(crate) struct Content<'b> {
    body: Body<'b>,
    memo: Memo,
    /// The digest of the bytes, if it was asked for.
    pub(crate) digest: Option<Digest>,
    before: Stamp,
    whole: bool,
}

impl Content<'_> {
    /// Whether the file is other than when it was opened, or did not have the bytes it should
    /// have. Asked last, it vouches for everything read until then.
    pub(crate) fn changed(&self) -> bool {
        let file = match &self.body {
            Body::Memory(_, file) => file,
            Body::Disk(source) => source.file(),
        };
        let after = file.metadata().map(|metadata| Stamp::of(&metadata));
        !self.whole || after.ok() != Some(self.before)
    }
}

impl Source for Content<'_> {
    fn len(&self) -> u64 {
        self.body.source().len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.body.source().read_at(offset, buf)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        self.body.source().as_slice()
    }

    fn memo(&self) -> Option<&Memo> {
        Some(&self.memo)
    }
}

enum Body<'b> {
    Memory(MemorySource<&'b [u8]>, File),
    Disk(FileSource),
}

impl Body<'_> {
    fn source(&self) -> &dyn Source {
        match self {
            Self::Memory(source, _) => source,
            Self::Disk(source) => source,
        }
    }
}

/// Longer files are not read: a sparse file can claim 8 EiB and take up none.
pub(crate) const MOST_BYTES: u64 = 4 << 40;

/// What shows that a file was written to: nobody but the system sets the change time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Digests the first `len` bytes, and says whether there were as many. Holes of a sparse file are
/// digested as the zeros they stand for, at the speed of SHA-256.
fn digest_by_blocks(
    file: &File,
    len: u64,
    buffer: &mut Vec<u8>,
    taken: &mut dyn FnMut(u64),
) -> Result<(Option<Digest>, bool), Unreadable> {
    if buffer.len() < BLOCK {
        buffer.resize(BLOCK, 0);
    }
    let mut hasher = Hasher::default();
    let mut left = len;
    while left > 0 {
        let want = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        let got = read_some(file, &mut buffer[..want])?;
        if got == 0 {
            break;
        }
        hasher.update(&buffer[..got]);
        left -= got as u64;
        taken(got as u64);
    }
    Ok((Some(hasher.finish()), left == 0))
}

fn read_some(mut file: &File, buffer: &mut [u8]) -> Result<usize, Unreadable> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(cannot_read),
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape `map_err` asks for"
)]
fn cannot_read(error: io::Error) -> Unreadable {
    Unreadable::Read(error.to_string())
}

/// Digested while it is still in the processor's second cache.
const BLOCK: usize = 256 << 10;
