//! What a walk found, in few bytes for each file.

use std::{collections::BTreeMap, fmt};

use casemate_core::{Digest, PathText};

use crate::{
    Unreadable,
    directories::{Directories, DirectoryId},
    roots::Root,
};

/// Everything under some roots, in the order of the roots and, under each, of the paths' text.
/// The order does not depend on the file system's, nor on the number of threads.
#[derive(Debug)]
pub struct Listing {
    pub(crate) roots: Vec<Root>,
    pub(crate) directories: Directories,
    pub(crate) items: Vec<Item>,
    /// The names of all items, end to end: one allocation, however many files there are.
    pub(crate) names: Vec<u8>,
    /// Why an item cannot be read, where that is known already.
    pub(crate) faults: BTreeMap<usize, Unreadable>,
    pub(crate) skipped: Vec<PathText>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl Listing {
    /// How many entries there are, of all kinds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many of the entries are regular files.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// How many bytes the regular files had when they were listed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was left out because the options say so, sorted.
    pub fn skipped(&self) -> &[PathText] {
        &self.skipped
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.items.iter().map(|item| {
            let rest = self.directories.relative(item.directory);
            self.entry(item, &PathText::from_bytes(&rest))
        })
    }

    /// Why the entry at `index` cannot be read, where the walk found that out.
    pub fn fault(&self, index: usize) -> Option<&Unreadable> {
        self.faults.get(&index)
    }

    /// The entry of `item`, whose directory is at `directory` from its root.
    pub(crate) fn entry(&self, item: &Item, directory: &PathText) -> Entry {
        let root = &self.roots[self.directories.root(item.directory)];
        let name = self.name(item);
        let path = directory.join(&PathText::from_bytes(name));
        if name.is_empty() && directory.as_str().is_empty() {
            return Entry {
                file: root.display.clone(),
                path: root.display.file_name().into(),
                kind: item.kind,
                len: item.len,
                root: true,
                digest: None,
            };
        }
        Entry {
            file: root.display.join(&path),
            path,
            kind: item.kind,
            len: item.len,
            root: false,
            digest: None,
        }
    }

    pub(crate) fn name(&self, item: &Item) -> &[u8] {
        &self.names[item.start..item.start + usize::from(item.length)]
    }
}

/// One thing a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path as the user gave it and the rest of the way.
    pub file: PathText,
    /// Its path from the root; the file's name, if it is the root.
    pub path: PathText,
    /// What it was when its directory was listed.
    pub kind: EntryKind,
    /// Its length in bytes then; zero for what is not a regular file.
    pub len: u64,
    /// Whether the user named it.
    pub root: bool,
    /// The digest of its bytes, once they were read and if that was asked for.
    pub digest: Option<Digest>,
}

/// What an entry was when its directory was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory; an entry only if it could not be listed.
    Directory,
    /// A symbolic link, which is not followed.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
    /// Something this system's interface has no name for.
    Unknown,
}

impl EntryKind {
    /// The name in an asset's label `format`, for what is not a file that was read.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::File => "unreadable",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Unknown => "neither a file nor a directory",
        })
    }
}

/// An entry as it is kept: its path is its directory's and its name.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) directory: DirectoryId,
    /// The name's place in [`Listing::names`]. No name: the root itself.
    pub(crate) start: usize,
    pub(crate) length: u16,
    pub(crate) kind: EntryKind,
    pub(crate) len: u64,
}
