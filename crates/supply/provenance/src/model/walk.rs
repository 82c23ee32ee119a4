//! Everything that is in a model, in the order of its names.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    rc::Rc,
};

use casemate_core::PathText;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat},
};

use super::{Fault, Model, kind};
use crate::{ignore::plain, manifest::WHOLE, name::is_under};

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
    /// Links that lead to a directory which is not in the model.
    pub(crate) leaving: Vec<Vec<u8>>,
    /// Whether there was more than anybody lists.
    pub(crate) is_cut: bool,
}

impl Walk {
    /// What somebody should know of the links to directories.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        let circles = self.circles.iter().map(|link| {
            let shown = PathText::from_bytes(link);
            format!("{shown} is a link to a directory around it, and was not followed")
        });
        let leaving = self.leaving.iter().map(|link| {
            let shown = PathText::from_bytes(link);
            format!("{shown} is a link to a directory out of the model, whose files count as the model's")
        });
        circles.chain(leaving)
    }
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
    /// Each with what is below.
    paths: Vec<Vec<u8>>,
    /// The names of the signature's own files.
    files: Vec<Vec<u8>>,
}

impl Ignored {
    /// The paths, relative to the model, and what is below each of them.
    pub(crate) fn new(paths: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let paths = paths
            .into_iter()
            .filter_map(|path| plain(Path::new(OsStr::from_bytes(&path))));
        Self {
            // Nothing leaves out the whole model.
            paths: paths.filter(|path| !path.is_empty()).collect(),
            files: Vec::new(),
        }
    }

    /// Files of these names too, and not what else may stand there.
    pub(crate) fn and_files(mut self, names: Vec<Vec<u8>>) -> Self {
        self.files.extend(names);
        self
    }

    fn has(&self, name: &[u8], entry: &Entry) -> bool {
        let is_file = matches!(entry, Entry::Found(..));
        self.paths.iter().any(|path| is_under(name, path))
            || (is_file && self.files.iter().any(|file| file == name))
    }
}

impl Model {
    /// Lists everything in the model but what is `ignored`.
    pub(crate) fn walk(&self, ignored: &Ignored) -> Walk {
        let mut walk = Walk::default();
        if self.file_name.is_some() {
            // The name that the reference gives it, so that a file may be called otherwise elsewhere.
            walk.found.insert(WHOLE.into(), Found::File);
            return walk;
        }
        let root = (self.stat.st_dev, self.stat.st_ino);
        // Each directory with the identities of those around it.
        let mut pending = vec![(Vec::new(), Rc::new(Vec::new()), root)];
        let (mut seen, mut visits) = (0, HashMap::new());
        while let Some((directory, outer, identity)) = pending.pop() {
            // Through links, a few directories can be under more names than there are atoms.
            let visits = visits.entry(identity).or_insert(0);
            *visits += 1;
            if *visits > MOST_VISITS {
                walk.is_cut = true;
                return walk;
            }
            let mut around = outer.to_vec();
            around.push(identity);
            let around = Rc::new(around);
            let entries = match self.list(&directory) {
                Ok(entries) => entries,
                Err(fault) => {
                    walk.unreadable.push((directory, fault));
                    continue;
                }
            };
            for (name, entry, is_link) in entries {
                seen += 1;
                if seen > MOST_FILES {
                    walk.is_cut = true;
                    return walk;
                }
                if ignored.has(&name, &entry) {
                    walk.ignored.push(name);
                    continue;
                }
                match entry {
                    Entry::Directory(identity) if around.contains(&identity) => {
                        walk.circles.push(name);
                    }
                    Entry::Directory(_) if around.len() > DEEPEST => walk.is_cut = true,
                    Entry::Directory(identity) => {
                        if is_link && self.leads_out(&name) {
                            walk.leaving.push(name.clone());
                        }
                        pending.push((name, Rc::clone(&around), identity));
                    }
                    Entry::Found(found) => {
                        walk.found.insert(name, found);
                    }
                }
            }
        }
        walk.ignored.sort();
        walk
    }

    /// Whether the directory behind a link is outside of the model: no way up from it leads to the root.
    fn leads_out(&self, link: &[u8]) -> bool {
        let identity = |fd: &OwnedFd| fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino));
        let root = Some((self.stat.st_dev, self.stat.st_ino));
        let mut at = self.directory(link).ok();
        for _ in 0..HIGHEST {
            let Some(directory) = at else {
                return true;
            };
            let here = identity(&directory);
            if here == root {
                return false;
            }
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
            at = openat(&directory, "..", flags, Mode::empty()).ok();
            // Above the root of everything there is only itself.
            if at.as_ref().and_then(identity) == here {
                return true;
            }
        }
        true
    }

    /// What is in a directory: each name with what it stands for, and whether by way of a link.
    fn list(&self, directory: &[u8]) -> Result<Vec<(Vec<u8>, Entry, bool)>, Fault> {
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
            if listed.len() > MOST_FILES {
                break;
            }
            let mut name = directory.to_vec();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(own.to_bytes());
            let mut kind_of = entry.file_type();
            let mut identity = (0, 0);
            // The kernel tells the kind with the name on most file systems; a directory's identity,
            // and whatever is not told, has to be asked for.
            if matches!(kind_of, FileType::Unknown | FileType::Directory) {
                let Ok(stat) = statat(&fd, own, AtFlags::SYMLINK_NOFOLLOW) else {
                    continue;
                };
                kind_of = FileType::from_raw_mode(stat.st_mode);
                identity = (stat.st_dev, stat.st_ino);
            }
            let entry = match kind_of {
                FileType::Symlink if self.links => match statat(&fd, own, AtFlags::empty()) {
                    Ok(stat) => Entry::behind_a_link(&stat),
                    Err(_) => Entry::Found(Found::Link),
                },
                FileType::Directory => Entry::Directory(identity),
                FileType::RegularFile => Entry::Found(Found::File),
                FileType::Symlink => Entry::Found(Found::Link),
                other => Entry::Found(Found::Other(kind(other))),
            };
            listed.push((name, entry, kind_of == FileType::Symlink));
        }
        Ok(listed)
    }
}

enum Entry {
    /// By device and inode.
    Directory((u64, u64)),
    Found(Found),
}

impl Entry {
    fn behind_a_link(target: &Stat) -> Self {
        match FileType::from_raw_mode(target.st_mode) {
            FileType::Directory => Self::Directory((target.st_dev, target.st_ino)),
            FileType::RegularFile => Self::Found(Found::LinkedFile),
            other => Self::Found(Found::Other(kind(other))),
        }
    }
}

/// How many files, directories and what is ignored are listed; a manifest of so many files would be half a
/// gigabyte.
const MOST_FILES: usize = 2_000_000;
/// Under how many names one directory is looked into.
const MOST_VISITS: u32 = 64;
/// How deep directories are followed.
const DEEPEST: usize = 128;
/// How many directories up from one are looked at: a path has 4,096 bytes at the most, and a name one and a
/// slash at the least.
const HIGHEST: usize = 2048;
