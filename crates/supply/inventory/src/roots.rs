//! The paths that a caller gives.

use std::{
    collections::HashSet,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use casemate_core::PathText;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, stat};

use crate::{EntryKind, InventoryError, Unreadable};

/// A path that the caller gave, and what was there. Links in it are followed, because the caller
/// wrote them; what was there once must be there each time it is opened.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    pub(crate) display: PathText,
    pub(crate) kind: EntryKind,
    pub(crate) len: u64,
    pub(crate) identity: Identity,
}

impl Root {
    /// Looks at `path`.
    ///
    /// # Errors
    ///
    /// [`InventoryError::Root`] where it does not exist or cannot be looked at.
    pub(crate) fn new(path: &Path) -> Result<Self, InventoryError> {
        let display = PathText::from_bytes(path.as_os_str().as_bytes());
        let stat = stat(path).map_err(|error| InventoryError::Root {
            path: display.clone(),
            error: error.into(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            display,
            kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
            len: length_of(&stat),
            identity: Identity::of(&stat),
        })
    }

    pub(crate) fn open_directory(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = open(&self.path, flags, Mode::empty())?;
        if Identity::of(&fstat(&fd)?) != self.identity {
            return Err(io::Error::other("another directory has taken its place"));
        }
        Ok(fd)
    }

    pub(crate) fn open_file(&self) -> Result<OwnedFd, Unreadable> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let cannot =
            |error: rustix::io::Errno| Unreadable::Open(io::Error::from(error).to_string());
        let fd = open(&self.path, flags, Mode::empty()).map_err(cannot)?;
        if Identity::of(&fstat(&fd).map_err(cannot)?) != self.identity {
            return Err(Unreadable::Replaced);
        }
        Ok(fd)
    }
}

/// The roots among `paths` that are under no other: each file is to be met once.
///
/// # Errors
///
/// [`InventoryError::Root`] for the first path that cannot be looked up.
pub(crate) fn distinct(paths: &[PathBuf]) -> Result<Vec<Root>, InventoryError> {
    let resolved = paths.iter().map(|path| {
        path.canonicalize().map_err(|error| InventoryError::Root {
            path: PathText::from_bytes(path.as_os_str().as_bytes()),
            error,
        })
    });
    let resolved: Vec<PathBuf> = resolved.collect::<Result<_, _>>()?;
    let all: HashSet<&Path> = resolved.iter().map(PathBuf::as_path).collect();
    let mut taken = HashSet::new();
    let mut roots = Vec::new();
    for (given, resolved) in paths.iter().zip(&resolved) {
        // A walk follows no link, and a resolved path has none: what is under another root is met
        // from there.
        let is_below = resolved.ancestors().skip(1).any(|path| all.contains(path));
        if !is_below && taken.insert(resolved) {
            roots.push(Root::new(given)?);
        }
    }
    Ok(roots)
}

/// What a file is, whatever it is called: the device and the number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity(rustix::fs::Dev, u64);

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

pub(crate) fn kind_of(kind: FileType) -> EntryKind {
    match kind {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => EntryKind::Device,
        FileType::Unknown => EntryKind::Unknown,
    }
}

/// The length of a regular file, and zero for everything else.
pub(crate) fn length_of(stat: &Stat) -> u64 {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return 0;
    }
    u64::try_from(stat.st_size).unwrap_or(0)
}
