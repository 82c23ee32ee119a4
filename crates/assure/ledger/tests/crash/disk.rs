//! A disk in memory that can be cut off, and keeps afterwards what was synced, and of the rest what it
//! pleases: bytes of a file up to any length, or zeros for them, and any of the changes to a directory.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::{self, ErrorKind},
};

use casemate_ledger::disk::Disk;

#[derive(Default)]
pub(crate) struct CrashDisk(RefCell<State>);

#[derive(Clone, Default)]
struct State {
    /// What a process sees, and what is on the disk.
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    dirs: BTreeSet<String>,
    safe_names: BTreeMap<String, usize>,
    safe_dirs: BTreeSet<String>,
    /// Changes of names that are not on the disk.
    changes: Vec<Change>,
    operations_left: Option<usize>,
    undone: u64,
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    safe: Vec<u8>,
    /// How many bytes of both no cut can take: what was synced, less what was cut off since.
    kept: usize,
}

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Rename(String, String, usize),
    Unlink(String),
    Dir(String),
}

impl Change {
    fn parent(&self) -> &str {
        match self {
            Self::Link(path, _)
            | Self::Rename(_, path, _)
            | Self::Unlink(path)
            | Self::Dir(path) => parent(path),
        }
    }
}

impl CrashDisk {
    /// Cuts the power after this many operations.
    pub(crate) fn cut_after(&self, operations: usize) {
        self.0.borrow_mut().operations_left = Some(operations);
    }

    /// How many changes the last cut undid.
    pub(crate) fn undone(&self) -> u64 {
        self.0.borrow().undone
    }

    /// The files that a process sees.
    pub(crate) fn files(&self) -> Vec<String> {
        self.0.borrow().names.keys().cloned().collect()
    }

    /// What is there when the power is back.
    pub(crate) fn survivor(&self, random: &mut Random) -> Self {
        let mut state = self.0.borrow_mut();
        let mut undone = 0;
        let mut after = State {
            names: state.safe_names.clone(),
            dirs: state.safe_dirs.clone(),
            ..State::default()
        };
        for change in &state.changes {
            if random.below(2) == 0 {
                after.apply(change);
            } else {
                undone += 1;
            }
        }
        for inode in &state.inodes {
            let mut bytes = inode.safe.clone();
            if inode.bytes != inode.safe {
                let doubtful = inode.bytes.len() - inode.kept;
                let length = inode.kept + random.below(doubtful + 1);
                bytes = inode.bytes[..length].to_vec();
                // The length may be there before the bytes are, or a cut not yet.
                match random.below(3) {
                    0 => bytes.resize(inode.bytes.len(), 0),
                    1 if inode.safe.len() > inode.bytes.len() => bytes.clone_from(&inode.safe),
                    _ => {}
                }
                undone += 1;
            }
            after.inodes.push(Inode {
                kept: bytes.len(),
                safe: bytes.clone(),
                bytes,
            });
        }
        let dirs = after.dirs.clone();
        let exists = |path: &str| {
            let mut dirs_of = path.match_indices('/').map(|(at, _)| &path[..at]);
            dirs_of.all(|dir| dirs.contains(dir))
        };
        after.names.retain(|path, _| exists(path));
        after.dirs.retain(|path| exists(path));
        (after.safe_names, after.safe_dirs) = (after.names.clone(), after.dirs.clone());
        state.undone = undone;
        Self(RefCell::new(after))
    }

    fn operate<T>(&self, run: impl FnOnce(&mut State, bool) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.borrow_mut();
        match &mut state.operations_left {
            Some(0) => Err(ErrorKind::Other.into()),
            Some(left) => {
                *left -= 1;
                // The last operation may be done in part; whoever asked for it is not told.
                let is_last = *left == 0;
                let done = run(&mut state, is_last);
                if is_last {
                    Err(ErrorKind::Other.into())
                } else {
                    done
                }
            }
            None => run(&mut state, false),
        }
    }
}

impl State {
    fn inode(&self, path: &str) -> io::Result<usize> {
        let inode = self.names.get(path).copied();
        inode.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) {
        self.apply(&change);
        self.changes.push(change);
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Link(path, inode) => {
                self.names.insert(path.clone(), *inode);
            }
            Change::Rename(from, to, inode) => {
                self.names.remove(from);
                self.names.insert(to.clone(), *inode);
            }
            Change::Unlink(path) => {
                self.names.remove(path);
            }
            Change::Dir(path) => {
                self.dirs.insert(path.clone());
            }
        }
    }
}

impl Disk for CrashDisk {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.0.borrow();
        if state.operations_left == Some(0) {
            return Err(ErrorKind::Other.into());
        }
        let bytes = state.inodes[state.inode(path)?].bytes.clone();
        match bytes.len() as u64 > limit {
            true => Err(ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<(String, bool)>> {
        let state = self.0.borrow();
        let files = state.names.keys().map(|path| (path, false));
        let dirs = state.dirs.iter().map(|path| (path, true));
        let below = files.chain(dirs).filter(|(path, _)| parent(path) == dir);
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        Ok(below.map(|(path, is_dir)| (name(path), is_dir)).collect())
    }

    fn make_dir(&self, dir: &str) -> io::Result<()> {
        self.operate(|state, _| {
            if !state.dirs.contains(dir) {
                state.change(Change::Dir(dir.to_owned()));
            }
            Ok(())
        })
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state, is_last| {
            let above = parent(path);
            assert!(
                above.is_empty() || state.dirs.contains(above),
                "{above} does not exist"
            );
            let inode = match state.names.get(path) {
                Some(inode) => *inode,
                None => {
                    state.inodes.push(Inode::default());
                    let inode = state.inodes.len() - 1;
                    state.change(Change::Link(path.to_owned(), inode));
                    inode
                }
            };
            let length = if is_last {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            state.inodes[inode].bytes = bytes[..length].to_vec();
            state.inodes[inode].kept = 0;
            Ok(())
        })
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.operate(|state, is_last| {
            let inode = state.inode(path)?;
            let length = if is_last {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            state.inodes[inode]
                .bytes
                .extend_from_slice(&bytes[..length]);
            Ok(())
        })
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        self.operate(|state, _| {
            let inode = state.inode(path)?;
            let inode = &mut state.inodes[inode];
            inode
                .bytes
                .truncate(usize::try_from(length).expect("a length in memory"));
            inode.kept = inode.kept.min(inode.bytes.len());
            Ok(())
        })
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        self.operate(|state, is_last| {
            let inode = state.inode(path)?;
            if !is_last {
                let inode = &mut state.inodes[inode];
                inode.safe.clone_from(&inode.bytes);
                inode.kept = inode.bytes.len();
            }
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.operate(|state, is_last| {
            if is_last {
                return Ok(());
            }
            let (synced, rest): (Vec<Change>, Vec<Change>) = state
                .changes
                .drain(..)
                .partition(|change| change.parent() == dir);
            state.changes = rest;
            let mut safe = State {
                names: std::mem::take(&mut state.safe_names),
                dirs: std::mem::take(&mut state.safe_dirs),
                ..State::default()
            };
            synced.iter().for_each(|change| safe.apply(change));
            (state.safe_names, state.safe_dirs) = (safe.names, safe.dirs);
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(|state, _| {
            let inode = state.inode(from)?;
            state.change(Change::Rename(from.to_owned(), to.to_owned(), inode));
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.operate(|state, _| {
            state.inode(path)?;
            state.change(Change::Unlink(path.to_owned()));
            Ok(())
        })
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Numbers that are the same in every run (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % limit as u64;
        usize::try_from(drawn).expect("below a usize")
    }
}
