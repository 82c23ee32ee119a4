//! Everything that is in a model, in the order of its names.

use std::collections::BTreeMap;

use rustix::fs::{AtFlags, Dir, FileType, fstat, statat};

use super::{Fault, Model, kind};
use crate::name::{DEFAULT_IGNORES, is_under};

/// What was found in a model.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Everything that is no directory, by its name.
    pub(crate) found: BTreeMap<Vec<u8>, Found>,
    /// What is there and was left out: files, and directories with what is below.
    pub(crate) ignored: Vec<Vec<u8>>,
    /// Directories that could not be listed.
    pub(crate) unreadable: Vec<(Vec<u8>, Fault)>,
    /// Links that lead to a directory around them, which were not followed once more.
    pub(crate) circles: Vec<Vec<u8>>,
    /// Whether there was more than anybody lists.
    pub(crate) is_cut: bool,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    File,
    /// A link to a file, where links are followed.
    LinkedFile,
    /// A link that is not followed, or leads nowhere.
    Link,
    /// A FIFO, a socket, a device.
    Other(&'static str),
}

/// What is left out of a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored {
    paths: Vec<Vec<u8>>,
    /// The files of the signature itself, by device and inode.
    files: Vec<(u64, u64)>,
}

impl Ignored {
    /// The defaults, if they are asked for, and `paths` relative to the model.
    pub(crate) fn new(defaults: bool, paths: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let defaults = DEFAULT_IGNORES.iter().filter(|_| defaults);
        let mut all: Vec<Vec<u8>> = defaults.map(|it| it.as_bytes().to_vec()).collect();
        all.extend(paths.into_iter().map(|path| plain(&path).to_vec()));
        // Nothing leaves out the whole model.
        all.retain(|path| !matches!(&path[..], b"" | b"."));
        Self {
            paths: all,
            files: Vec::new(),
        }
    }

    pub(crate) fn also_file(mut self, identity: Option<(u64, u64)>) -> Self {
        self.files.extend(identity);
        self
    }

    fn has(&self, name: &[u8]) -> bool {
        self.paths.iter().any(|path| is_under(name, path))
    }
}

/// A path without `./` before it and `/` behind it.
fn plain(path: &[u8]) -> &[u8] {
    let mut path = path;
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    while let [rest @ .., b'/'] = path {
        path = rest;
    }
    path
}

impl Model {
    /// Lists everything in the model but what is `ignored`.
    pub(crate) fn walk(&self, ignored: &Ignored) -> Walk {
        let mut walk = Walk::default();
        if let Some(own) = &self.file_name {
            walk.found.insert(own.clone(), Found::File);
            return walk;
        }
        // Each directory with the identities of those around it.
        let root = (self.stat.st_dev, self.stat.st_ino);
        let mut pending = vec![(Vec::new(), vec![root])];
        while let Some((directory, around)) = pending.pop() {
            let entries = match self.list(&directory) {
                Ok(entries) => entries,
                Err(fault) => {
                    walk.unreadable.push((directory, fault));
                    continue;
                }
            };
            for (name, found) in entries {
                if ignored.has(&name) {
                    walk.ignored.push(name);
                    continue;
                }
                if walk.found.len() >= MOST_FILES {
                    walk.is_cut = true;
                    return walk;
                }
                match found {
                    Entry::Directory(identity) if around.contains(&identity) => {
                        walk.circles.push(name);
                    }
                    Entry::Directory(_) if around.len() > DEEPEST => walk.is_cut = true,
                    Entry::Directory(identity) => {
                        let mut around = around.clone();
                        around.push(identity);
                        pending.push((name, around));
                    }
                    Entry::Found(_, Some(identity)) if ignored.files.contains(&identity) => {
                        walk.ignored.push(name);
                    }
                    Entry::Found(found, _) => {
                        walk.found.insert(name, found);
                    }
                }
            }
        }
        walk.ignored.sort();
        walk
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<(Vec<u8>, Entry)>, Fault> {
        let fd = self.directory(directory)?;
        let io = |error: rustix::io::Errno| Fault::Io(error.into());
        let entries = Dir::read_from(&fd).map_err(io)?;
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io)?;
            let own = entry.file_name();
            if matches!(own.to_bytes(), b"." | b"..") {
                continue;
            }
            let mut name = directory.to_vec();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(own.to_bytes());
            let inode = entry.ino();
            let mut kind_of = entry.file_type();
            let mut identity = None;
            // The kernel tells the kind with the name on most file systems; a directory's identity,
            // and whatever is not told, has to be asked for.
            if matches!(kind_of, FileType::Unknown | FileType::Directory) {
                let Ok(stat) = statat(&fd, own, AtFlags::SYMLINK_NOFOLLOW) else {
                    continue;
                };
                kind_of = FileType::from_raw_mode(stat.st_mode);
                identity = Some((stat.st_dev, stat.st_ino));
            }
            if kind_of == FileType::Symlink && self.links {
                match statat(&fd, own, AtFlags::empty()) {
                    Ok(stat) => {
                        identity = Some((stat.st_dev, stat.st_ino));
                        let target = FileType::from_raw_mode(stat.st_mode);
                        listed.push((name, Entry::behind_a_link(target, identity)));
                    }
                    Err(_) => listed.push((name, Entry::Found(Found::Link, None))),
                }
                continue;
            }
            let device = identity.map_or_else(|| fstat(&fd).map(|it| it.st_dev), |it| Ok(it.0));
            let identity = identity.or(device.ok().map(|device| (device, inode)));
            listed.push((
                name,
                match (kind_of, identity) {
                    (FileType::Directory, Some(identity)) => Entry::Directory(identity),
                    (FileType::RegularFile, _) => Entry::Found(Found::File, identity),
                    (FileType::Symlink, _) => Entry::Found(Found::Link, None),
                    (other, _) => Entry::Found(Found::Other(kind(other)), None),
                },
            ));
        }
        Ok(listed)
    }
}

enum Entry {
    Directory((u64, u64)),
    Found(Found, Option<(u64, u64)>),
}

impl Entry {
    fn behind_a_link(target: FileType, identity: Option<(u64, u64)>) -> Self {
        match (target, identity) {
            (FileType::Directory, Some(identity)) => Self::Directory(identity),
            (FileType::RegularFile, _) => Self::Found(Found::LinkedFile, identity),
            (other, _) => Self::Found(Found::Other(kind(other)), None),
        }
    }
}

/// How many files are listed; a manifest of so many would be half a gigabyte.
const MOST_FILES: usize = 2_000_000;
/// How deep directories are followed.
const DEEPEST: usize = 128;
