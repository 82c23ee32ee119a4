//! Open directories of a tree of any depth, a few at a time.
//!
//! A directory is known by its parent and its name, and is opened relative to its parent's
//! descriptor. So no path is ever longer than a name, and a link put in the place of a directory
//! is refused by the kernel instead of followed.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rustix::fs::{Mode, OFlags, openat};

use crate::roots::Root;

/// Every directory that was found, and descriptors for the ones used last.
#[derive(Debug)]
pub(crate) struct Directories {
    nodes: RwLock<Vec<Node>>,
    open: Mutex<Open>,
}

/// A directory's place in the order it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DirectoryId(u32);

impl DirectoryId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Directories {
    /// One node for each of `roots`, in their order.
    ///
    /// Returns `None` where there are more than 2^32.
    pub(crate) fn new(roots: &[Root]) -> Option<Self> {
        let mut nodes = Vec::with_capacity(roots.len());
        for root in 0..roots.len() {
            nodes.push(Node {
                parent: None,
                root: u32::try_from(root).ok()?,
                path_length: 0,
                name: Box::default(),
            });
        }
        Some(Self {
            nodes: RwLock::new(nodes),
            open: Mutex::new(Open::default()),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes().len()
    }

    /// The roots' own nodes.
    pub(crate) fn roots(&self) -> Vec<DirectoryId> {
        let nodes = self.nodes();
        let roots = nodes.iter().take_while(|node| node.parent.is_none());
        roots.map(|node| DirectoryId(node.root)).collect()
    }

    /// Adds the directories `names` of `parent`, and says how each is known.
    ///
    /// Returns `None` where there are more than 2^32.
    pub(crate) fn add(&self, parent: DirectoryId, names: &[&[u8]]) -> Option<Vec<DirectoryId>> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let (root, above) = (
            nodes[parent.index()].root,
            nodes[parent.index()].path_length,
        );
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            ids.push(DirectoryId(u32::try_from(nodes.len()).ok()?));
            let separator = usize::from(above > 0);
            nodes.push(Node {
                parent: Some(parent),
                root,
                path_length: above + separator + name.len(),
                name: (*name).into(),
            });
        }
        Some(ids)
    }

    /// Which root a directory is under.
    pub(crate) fn root(&self, id: DirectoryId) -> usize {
        self.nodes()[id.index()].root as usize
    }

    /// How many bytes the directory's path from its root has.
    pub(crate) fn path_length(&self, id: DirectoryId) -> usize {
        self.nodes()[id.index()].path_length
    }

    /// The directory's path from its root; empty for the root.
    pub(crate) fn relative(&self, id: DirectoryId) -> Vec<u8> {
        let nodes = self.nodes();
        let mut path = vec![b'/'; nodes[id.index()].path_length];
        let mut end = path.len();
        let mut node = &nodes[id.index()];
        while let Some(parent) = node.parent {
            let start = end - node.name.len();
            path[start..end].copy_from_slice(&node.name);
            end = start.saturating_sub(1);
            node = &nodes[parent.index()];
        }
        path
    }

    /// Opens a directory, through as many of its ancestors as are not open any more.
    ///
    /// # Errors
    ///
    /// What the system says; `NotADirectory` or a loop of links where something else stands in the
    /// place of it or of an ancestor.
    pub(crate) fn open(&self, id: DirectoryId, roots: &[Root]) -> io::Result<Arc<OwnedFd>> {
        let mut missing = Vec::new();
        let mut at = id;
        let mut fd = loop {
            if let Some(fd) = self.lock().find(at) {
                break fd;
            }
            let nodes = self.nodes();
            let node = &nodes[at.index()];
            let Some(parent) = node.parent else {
                let root = &roots[node.root as usize];
                drop(nodes);
                break self.lock().keep(at, root.open_directory()?);
            };
            missing.push((at, node.name.clone()));
            at = parent;
        };
        for (id, name) in missing.into_iter().rev() {
            let below = openat(fd.as_fd(), &*name, DIRECTORY, Mode::empty())?;
            fd = self.lock().keep(id, below);
        }
        Ok(fd)
    }

    fn nodes(&self) -> std::sync::RwLockReadGuard<'_, Vec<Node>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Node {
    parent: Option<DirectoryId>,
    root: u32,
    path_length: usize,
    name: Box<[u8]>,
}

/// The descriptors used last. A walk in order comes back to an ancestor only after its children,
/// so few are opened twice even in a tree much deeper than this holds.
#[derive(Debug, Default)]
struct Open {
    descriptors: HashMap<DirectoryId, (u64, Arc<OwnedFd>)>,
    uses: u64,
}

impl Open {
    fn find(&mut self, id: DirectoryId) -> Option<Arc<OwnedFd>> {
        let (used, fd) = self.descriptors.get_mut(&id)?;
        self.uses += 1;
        *used = self.uses;
        Some(Arc::clone(fd))
    }

    fn keep(&mut self, id: DirectoryId, fd: OwnedFd) -> Arc<OwnedFd> {
        if self.descriptors.len() >= MAX_OPEN {
            let oldest = self.descriptors.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(&id, _)| id) {
                self.descriptors.remove(&oldest);
            }
        }
        self.uses += 1;
        let fd = Arc::new(fd);
        self.descriptors.insert(id, (self.uses, Arc::clone(&fd)));
        fd
    }
}

pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Well under the 256 descriptors that some systems give a program.
const MAX_OPEN: usize = 96;
