//! A model on disk, opened by descriptor: what is digested is what was found, and no name on the way
//! to it is a link that nobody allowed.

mod digest;
mod walk;

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use casemate_core::{MemorySource, Source};
use rustix::{
    fs::{FileType, Mode, OFlags, Stat, fstat, open, openat},
    io::{Errno, pread},
};

pub use self::digest::Meter;
pub(crate) use self::{
    digest::digest,
    walk::{Found, Ignored},
};
use crate::manifest::WHOLE;

/// A model: a directory, or one file.
pub(crate) struct Model {
    root: OwnedFd,
    stat: Stat,
    /// The file's own name, where the model is one.
    pub(crate) file_name: Option<Vec<u8>>,
    /// Whether links are followed.
    links: bool,
}

/// A file of a model that is open.
pub(crate) struct File {
    pub(crate) fd: OwnedFd,
    pub(crate) stat: Stat,
}

/// Why a file of a model cannot be digested.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("is not there")]
    Missing,
    #[error("is a symbolic link, or lies behind one, and links are not allowed")]
    Link,
    #[error("is {0} and no file")]
    Other(&'static str),
    #[error("changed while it was read")]
    Changed,
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl Model {
    /// Opens a model. Links on the way to it, and the last component too, are the caller's own.
    pub(crate) fn open(path: &Path, links: bool) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let root = open(path, flags, Mode::empty())?;
        let stat = fstat(&root)?;
        let file_name = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => None,
            FileType::RegularFile => Some(own_name(path)),
            other => {
                let told = format!(
                    "it is {}, and a model is a directory or a file",
                    kind(other)
                );
                return Err(io::Error::other(told));
            }
        };
        Ok(Self {
            root,
            stat,
            file_name,
            links,
        })
    }

    /// Opens a file of it by its name.
    pub(crate) fn file(&self, name: &[u8]) -> Result<File, Fault> {
        if let Some(own) = &self.file_name {
            // Everything is read by position, so that two of them do not disturb each other.
            let is_it = name == WHOLE.as_bytes() || name == own;
            let again = is_it.then(|| self.root.try_clone().map_err(Fault::Io));
            let fd = again.unwrap_or(Err(Fault::Missing))?;
            return Ok(File {
                fd,
                stat: self.stat,
            });
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.open_below(name, flags)?;
        let stat = fstat(&fd).map_err(|error| Fault::Io(error.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File { fd, stat }),
            other => Err(Fault::Other(kind(other))),
        }
    }

    fn directory(&self, name: &[u8]) -> Result<OwnedFd, Fault> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        match name.is_empty() {
            true => openat(&self.root, ".", flags, Mode::empty()).map_err(fault),
            false => self.open_below(name, flags),
        }
    }

    /// Opens what is below the root, one component after another unless links are allowed.
    fn open_below(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
        if self.links {
            return openat(&self.root, name, flags, Mode::empty()).map_err(fault);
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{ResolveFlags, openat2};
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match openat2(&self.root, name, flags, Mode::empty(), resolve) {
                // Kernels before 5.6, and sandboxes that do not know it.
                Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {}
                opened => return opened.map_err(fault),
            }
        }
        self.open_by_component(name, flags)
    }

    fn open_by_component(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, Fault> {
        let on_the_way = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let mut directory: Option<OwnedFd> = None;
        let mut rest = name;
        loop {
            let at = directory
                .as_ref()
                .map_or(self.root.as_fd(), |fd| fd.as_fd());
            match rest.iter().position(|&b| b == b'/') {
                None => {
                    return openat(at, rest, flags | OFlags::NOFOLLOW, Mode::empty())
                        .map_err(fault);
                }
                Some(end) => {
                    // A link where a directory must be is ENOTDIR here.
                    let opened = openat(at, &rest[..end], on_the_way, Mode::empty());
                    let opened = opened.map_err(|error| match error {
                        Errno::NOTDIR => Fault::Link,
                        error => fault(error),
                    })?;
                    directory = Some(opened);
                    rest = &rest[end + 1..];
                }
            }
        }
    }
}

impl File {
    /// What must not change while it is read.
    pub(crate) fn identity(&self) -> Identity {
        Identity::of(&self.stat)
    }

    /// Whether it is as it was when it was opened.
    pub(crate) fn is_unchanged(&self) -> Result<(), Fault> {
        let now = fstat(&self.fd).map_err(|error| Fault::Io(error.into()))?;
        match Identity::of(&now) == self.identity() {
            true => Ok(()),
            false => Err(Fault::Changed),
        }
    }

    /// Whether its file system is one of those that tell the time of the last change by the kernel's own
    /// clock, whoever changed it; a network's, or one of a user's own, may say anything.
    pub(crate) fn keeps_time_of_change(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            let known = rustix::fs::fstatfs(&self.fd).ok();
            known
                .is_some_and(|it| u64::try_from(it.f_type).is_ok_and(|it| KEEPS_TIME.contains(&it)))
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// All of it, for what is small.
    pub(crate) fn load(&self) -> Result<MemorySource<Vec<u8>>, Fault> {
        let len = usize::try_from(self.len()).unwrap_or(usize::MAX);
        self.read_vec(0, len).map(MemorySource).map_err(Fault::Io)
    }
}

impl Source for File {
    fn len(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match pread(&self.fd, &mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }
}

/// What a file system says of a file that changes when its content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Seconds and nanoseconds.
    pub(crate) modified: (i64, u64),
    pub(crate) changed: (i64, u64),
}

impl Identity {
    // The fields of `stat` are of other types on other systems.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::useless_conversion
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime.into(), stat.st_mtime_nsec as u64),
            changed: (stat.st_ctime.into(), stat.st_ctime_nsec as u64),
        }
    }
}

/// The last component of a path, also of one that ends with `..`.
pub(crate) fn own_name(path: &Path) -> Vec<u8> {
    let named = path.file_name().map(OsStr::to_owned);
    let named = named.or_else(|| path.canonicalize().ok()?.file_name().map(OsStr::to_owned));
    named.map_or_else(|| b"model".to_vec(), |name| name.as_bytes().to_vec())
}

fn kind(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Symlink => "a symbolic link",
        _ => "something else",
    }
}

fn fault(error: Errno) -> Fault {
    match error {
        Errno::NOENT | Errno::NOTDIR => Fault::Missing,
        Errno::LOOP | Errno::XDEV => Fault::Link,
        // What opening a socket, or a device without a driver, says.
        Errno::NXIO | Errno::NODEV => Fault::Other("a socket or a device"),
        error => Fault::Io(error.into()),
    }
}

/// The magic numbers of statfs(2): ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs, and overlayfs, which is laid
/// over one of them.
#[cfg(target_os = "linux")]
const KEEPS_TIME: [u64; 7] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x0102_1994,
    0x794c_7630,
];
