//! Finds everything under some roots.

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use casemate_core::PathText;
use rayon::Scope;
use rustix::{
    fd::AsFd,
    fs::{AtFlags, Dir, FileType, Stat, fstat, stat, statat},
};

use crate::{
    EntryKind, InventoryError, Listing, Options, Progress, Unreadable,
    directories::{Directories, DirectoryId},
    listing::Item,
    roots::{self, Identity, Root, kind_of, length_of},
};

/// Finds everything under `root`, which may also be a file or a link to either.
///
/// # Errors
///
/// [`InventoryError::Root`] where `root` cannot be looked up. What cannot be listed below it is an
/// entry of the listing.
pub fn walk(
    root: &Path,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Listing, InventoryError> {
    list(vec![Root::new(root)?], options, progress)
}

/// Finds everything under `paths`, each file once: a path that is given twice, or is under
/// another, adds nothing. Hard links are files of their own.
///
/// # Errors
///
/// [`InventoryError::Root`] for the first path that cannot be looked up.
pub fn files(
    paths: &[PathBuf],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Listing, InventoryError> {
    list(roots::distinct(paths)?, options, progress)
}

fn list(
    roots: Vec<Root>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Listing, InventoryError> {
    let directories = Directories::new(&roots).ok_or(InventoryError::TooMany)?;
    let walker = Walker {
        roots: &roots,
        directories: &directories,
        skip: options
            .skip
            .iter()
            .filter_map(|path| Place::of(path))
            .collect(),
        found: Mutex::default(),
        progress,
    };
    options.pool()?.scope(|scope| {
        for id in directories.roots() {
            walker.visit_root(scope, id);
        }
    });
    let found = walker.found.into_inner();
    let found = found.unwrap_or_else(PoisonError::into_inner);
    if found.too_many {
        return Err(InventoryError::TooMany);
    }
    Ok(flatten(roots, directories, found))
}

struct Walker<'a> {
    roots: &'a [Root],
    directories: &'a Directories,
    skip: HashSet<Place>,
    found: Mutex<Found>,
    progress: &'a dyn Progress,
}

/// A name in a directory. Not the file under it: a hard link to that may lie anywhere in the tree,
/// and is no reason to leave out the file there.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    directory: Identity,
    name: OsString,
}

impl Place {
    fn of(path: &Path) -> Option<Self> {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let directory = stat(parent.unwrap_or(Path::new("."))).ok()?;
        Some(Self {
            directory: Identity::of(&directory),
            name: path.file_name()?.to_owned(),
        })
    }
}

#[derive(Default)]
struct Found {
    listed: Vec<Listed>,
    skipped: Vec<PathText>,
    too_many: bool,
}

/// What one directory holds, sorted.
struct Listed {
    directory: DirectoryId,
    names: Vec<u8>,
    children: Vec<Child>,
    fault: Option<Unreadable>,
}

struct Child {
    start: usize,
    length: u16,
    kind: EntryKind,
    len: u64,
    /// How a directory is known.
    id: Option<DirectoryId>,
}

impl<'a> Walker<'a> {
    fn visit_root<'scope>(&'scope self, scope: &Scope<'scope>, id: DirectoryId)
    where
        'a: 'scope,
    {
        let root = &self.roots[id.index()];
        if root.kind == EntryKind::Directory {
            scope.spawn(move |scope| self.visit(scope, id));
            return;
        }
        if root.kind == EntryKind::File {
            self.progress.found(1, root.len);
        }
        self.found().listed.push(Listed {
            directory: id,
            names: Vec::new(),
            children: vec![Child {
                start: 0,
                length: 0,
                kind: root.kind,
                len: root.len,
                id: None,
            }],
            fault: None,
        });
    }

    /// Lists one directory and leaves those below it to whoever has time. Nothing here calls
    /// itself, so depth costs no stack.
    fn visit<'scope>(&'scope self, scope: &Scope<'scope>, id: DirectoryId)
    where
        'a: 'scope,
    {
        let mut listed = self.list(id);
        let below: Vec<&[u8]> = listed
            .children
            .iter()
            .filter(|child| child.kind == EntryKind::Directory)
            .map(|child| child.name(&listed.names))
            .collect();
        let Some(ids) = self.directories.add(id, &below) else {
            self.found().too_many = true;
            return;
        };
        let children = listed.children.iter_mut();
        let below = children.filter(|child| child.kind == EntryKind::Directory);
        for (child, id) in below.zip(&ids) {
            child.id = Some(*id);
        }
        let files = || {
            listed
                .children
                .iter()
                .filter(|child| child.kind == EntryKind::File)
        };
        let bytes = files().fold(0u64, |sum, child| sum.saturating_add(child.len));
        self.progress.found(files().count() as u64, bytes);
        self.found().listed.push(listed);
        for id in ids {
            scope.spawn(move |scope| self.visit(scope, id));
        }
    }

    fn list(&self, directory: DirectoryId) -> Listed {
        let mut listed = Listed {
            directory,
            names: Vec::new(),
            children: Vec::new(),
            fault: None,
        };
        if self.directories.path_length(directory) > MAX_PATH {
            listed.fault = Some(Unreadable::TooDeep);
        } else if let Err(error) = self.read(&mut listed) {
            listed.fault = Some(Unreadable::Directory(error.to_string()));
        }
        let Listed {
            names, children, ..
        } = &mut listed;
        children.sort_unstable_by(|a, b| in_text_order((a, a.name(names)), (b, b.name(names))));
        listed
    }

    fn read(&self, listed: &mut Listed) -> io::Result<()> {
        let fd = self.directories.open(listed.directory, self.roots)?;
        let skip = self.skip_in(&fd)?;
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let stat = self.look(&fd, name, entry.file_type());
            let kind = stat.map_or(entry.file_type(), |stat| {
                FileType::from_raw_mode(stat.st_mode)
            });
            let kind = kind_of(kind);
            if kind == EntryKind::File && skip.contains(&name) {
                let path = self.path(listed.directory, name);
                self.found().skipped.push(path);
                continue;
            }
            let length = u16::try_from(name.len()).map_err(|_| io::ErrorKind::InvalidFilename)?;
            listed.children.push(Child {
                start: listed.names.len(),
                length,
                kind,
                len: stat.map_or(0, |stat| length_of(&stat)),
                id: None,
            });
            listed.names.extend_from_slice(name);
        }
        Ok(())
    }

    /// The names that are left out in this directory.
    fn skip_in(&self, directory: impl AsFd) -> io::Result<Vec<&[u8]>> {
        if self.skip.is_empty() {
            return Ok(Vec::new());
        }
        let identity = Identity::of(&fstat(directory)?);
        let here = self.skip.iter().filter(|place| place.directory == identity);
        Ok(here.map(|place| place.name.as_bytes()).collect())
    }

    /// Looks closer at a regular file, for its length, and at what the directory does not tell.
    /// What is gone by now stays what the directory said, and will fail to open.
    fn look(&self, directory: impl AsFd, name: &[u8], kind: FileType) -> Option<Stat> {
        let told = !matches!(kind, FileType::RegularFile | FileType::Unknown);
        if told {
            return None;
        }
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    fn path(&self, directory: DirectoryId, name: &[u8]) -> PathText {
        let rest = PathText::from_bytes(&self.directories.relative(directory));
        let root = &self.roots[self.directories.root(directory)];
        let below = root.display.join(&rest);
        below.join(&PathText::from_bytes(name))
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        &names[self.start..self.start + usize::from(self.length)]
    }
}

/// The order of the whole paths' text: a directory's name goes on with a slash.
fn in_text_order((a, a_name): (&Child, &[u8]), (b, b_name): (&Child, &[u8])) -> Ordering {
    let (a_name, b_name) = (spelling(a_name), spelling(b_name));
    let common = a_name.len().min(b_name.len());
    let rest = |child: &Child, name: &[u8]| match name.get(common) {
        Some(&byte) => Some(byte),
        None => (child.kind == EntryKind::Directory).then_some(b'/'),
    };
    a_name[..common]
        .cmp(&b_name[..common])
        .then_with(|| rest(a, &a_name).cmp(&rest(b, &b_name)))
}

/// A name as [`PathText`] spells it, made only where it differs.
fn spelling(name: &[u8]) -> Cow<'_, [u8]> {
    if name.contains(&b'%') || std::str::from_utf8(name).is_err() {
        return Cow::Owned(PathText::from_bytes(name).as_str().as_bytes().to_vec());
    }
    Cow::Borrowed(name)
}

/// Puts what the directories hold into one sequence.
fn flatten(roots: Vec<Root>, directories: Directories, found: Found) -> Listing {
    let mut by_directory: Vec<Option<Listed>> = Vec::new();
    by_directory.resize_with(directories.len(), || None);
    for listed in found.listed {
        let index = listed.directory.index();
        by_directory[index] = Some(listed);
    }
    let mut listing = Listing {
        roots,
        directories,
        items: Vec::new(),
        names: Vec::new(),
        faults: BTreeMap::new(),
        skipped: found.skipped,
        files: 0,
        bytes: 0,
    };
    listing.skipped.sort();
    for root in listing.directories.roots() {
        let mut above: Vec<(Listed, usize)> = Vec::new();
        let mut next = by_directory[root.index()].take();
        loop {
            if let Some(mut listed) = next.take() {
                if let Some(fault) = listed.fault.take() {
                    listing.push_fault(listed.directory, fault);
                }
                above.push((listed, 0));
            }
            let Some((listed, at)) = above.last_mut() else {
                break;
            };
            let Some(child) = listed.children.get(*at) else {
                above.pop();
                continue;
            };
            *at += 1;
            match child.id {
                Some(id) => next = by_directory[id.index()].take(),
                None => listing.push(listed.directory, child, child.name(&listed.names)),
            }
        }
    }
    listing
}

impl Listing {
    fn push(&mut self, directory: DirectoryId, child: &Child, name: &[u8]) {
        if child.kind == EntryKind::File {
            self.files += 1;
            self.bytes = self.bytes.saturating_add(child.len);
        }
        self.items.push(Item {
            directory,
            start: self.names.len(),
            length: child.length,
            kind: child.kind,
            len: child.len,
        });
        self.names.extend_from_slice(name);
    }

    fn push_fault(&mut self, directory: DirectoryId, fault: Unreadable) {
        self.faults.insert(self.items.len(), fault);
        self.items.push(Item {
            directory,
            start: self.names.len(),
            length: 0,
            kind: EntryKind::Directory,
            len: 0,
        });
    }
}

/// Sixteen times what a path may have in one call of Linux: deeper trees are made to hurt.
const MAX_PATH: usize = 64 << 10;
