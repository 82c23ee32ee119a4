//! Paths of a policy, as what they lead to now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use casemate_core::{Digest, Hasher};
use nix::sys::stat::{fstat, major, minor};

use crate::{
    Blocks, Identity, Mode, Policy, Protect,
    policy::{Peer, Program},
};

/// A policy, by what its paths lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Files and folders that are protected, and by which blocks.
    pub protected: BTreeMap<Identity, Blocks>,
    /// The devices that those, and what may be mapped, are on.
    pub filesystems: BTreeSet<u32>,
    /// Programs, and the blocks that allow them.
    pub programs: BTreeMap<Identity, Blocks>,
    /// Files and folders, and the blocks whose programs may map them.
    pub libraries: BTreeMap<Identity, Blocks>,
    /// Whom programs of blocks may call. Each has what all networks have that it is in.
    pub egress: BTreeMap<Peer, Blocks>,
    /// Majors of devices that are told of.
    pub devices: BTreeSet<u32>,
    /// The paths of folders and files that are protected.
    pub paths: BTreeMap<PathBuf, Blocks>,
    /// When each of those was last changed.
    pub changed: BTreeMap<PathBuf, (Identity, Changed)>,
    /// Files whose contents are signed, as they were then.
    pub verified: BTreeMap<Identity, Changed>,
    /// What is not as the policy says, to be told.
    pub gaps: Vec<String>,
}

/// When a file was last changed: its contents, or what is said of it. Nobody sets this time but the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Seconds since 1970.
    pub seconds: i64,
    /// And so many nanoseconds.
    pub nanoseconds: i64,
}

impl Changed {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            seconds: metadata.ctime(),
            nanoseconds: metadata.ctime_nsec(),
        }
    }
}

/// Why a policy cannot be enforced here.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A path leads nowhere, or cannot be followed.
    #[error("block {block:?}: {path}: {error}", path = path.display())]
    Path {
        /// The block.
        block: String,
        /// The path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A program is not the one that is meant.
    #[error("block {block:?}: {path} has the digest {has}, not {says}", path = path.display())]
    Digest {
        /// The block.
        block: String,
        /// Where it is.
        path: PathBuf,
        /// What it has.
        has: Digest,
        /// What it should have.
        says: Digest,
    },
    /// There is more than the tables of the kernel hold.
    #[error(
        "block {block:?} has more than {MAX_FILES} files and folders: protect a folder that has fewer"
    )]
    TooMany {
        /// The block.
        block: String,
    },
}

impl Resolved {
    /// Follows the paths of a policy. Programs are those of `before`, where there is one: what takes the place of one is another.
    pub fn of(policy: &Policy, before: Option<&Self>) -> Result<Self, ResolveError> {
        let mut resolved = Self {
            devices: devices(),
            programs: before.map(|it| it.programs.clone()).unwrap_or_default(),
            ..Self::default()
        };
        for (at, block) in policy.protect.iter().enumerate() {
            let bit = Blocks(1 << at);
            let wrong = wrong(block);
            for path in &block.paths {
                let path = fs::canonicalize(path).map_err(|error| wrong(path, error))?;
                resolved.tree(&path, bit, &block.name)?;
            }
            match before {
                None => resolved.allow(block, bit)?,
                Some(before) => resolved.gaps.extend(before.replaced(block)),
            }
            let own = block.libraries.clone();
            let is_own = own.is_some();
            let libraries = own.unwrap_or_else(|| LIBRARIES.iter().map(PathBuf::from).collect());
            for path in &libraries {
                match fs::metadata(path) {
                    Ok(it) => {
                        let it = identity_of(&it);
                        resolved.filesystems.insert(it.device);
                        add(&mut resolved.libraries, it, bit);
                    }
                    Err(error) if is_own => return Err(wrong(path, error)),
                    Err(_) => {}
                }
            }
        }
        resolved.egress = egress(policy);
        Ok(resolved)
    }

    /// Allows the programs of a block, by what lies at their paths now.
    fn allow(&mut self, block: &Protect, bit: Blocks) -> Result<(), ResolveError> {
        let wrong = wrong(block);
        for program in &block.allow {
            let path = program.path();
            let mut file = fs::File::open(path).map_err(|error| wrong(path, error))?;
            let identity = identity(&file).map_err(|error| wrong(path, error))?;
            if let Some(says) = program.digest() {
                let has = digest(&mut file).map_err(|error| wrong(path, error))?;
                if has != says {
                    let (block, path) = (block.name.clone(), path.clone());
                    return Err(ResolveError::Digest {
                        block,
                        path,
                        has,
                        says,
                    });
                }
            }
            add(&mut self.programs, identity, bit);
        }
        Ok(())
    }

    /// The programs of a block at whose paths something else lies, or nothing.
    fn replaced(&self, block: &Protect) -> impl Iterator<Item = String> {
        let is_same = |path: &Path| {
            let found = fs::metadata(path).map(|it| identity_of(&it));
            found.is_ok_and(|it| self.programs.contains_key(&it))
        };
        let paths = block.allow.iter().map(Program::path);
        paths.filter(move |path| !is_same(path)).map(|path| {
            format!(
                "block {:?}: what lies at {} now is not the program that was allowed, and is not allowed: start the sensor again",
                block.name,
                path.display()
            )
        })
    }

    /// A file, or a folder with everything in it. Links are not followed: what they lead to is protected where it lies.
    fn tree(&mut self, root: &Path, bit: Blocks, block: &str) -> Result<(), ResolveError> {
        let mut open = vec![root.to_owned()];
        while let Some(path) = open.pop() {
            let wrong = |error| ResolveError::Path {
                block: block.to_owned(),
                path: path.clone(),
                error,
            };
            let metadata = match fs::symlink_metadata(&path) {
                // It went away while the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path != root => continue,
                other => other.map_err(wrong)?,
            };
            if metadata.is_symlink() {
                self.link(&path, root, block);
                continue;
            }
            let identity = identity_of(&metadata);
            add(&mut self.protected, identity, bit);
            self.filesystems.insert(identity.device);
            if self.protected.len() > MAX_FILES {
                let block = block.to_owned();
                return Err(ResolveError::TooMany { block });
            }
            if metadata.is_dir() {
                let entries = fs::read_dir(&path).map_err(wrong)?;
                for entry in entries {
                    open.push(entry.map_err(wrong)?.path());
                }
            }
            if metadata.is_file() {
                let changed = (identity, Changed::of(&metadata));
                self.changed.insert(path.clone(), changed);
            }
            let blocks = self.paths.entry(path).or_default();
            blocks.0 |= bit.0;
        }
        Ok(())
    }

    fn link(&mut self, path: &Path, root: &Path, block: &str) {
        if let Ok(target) = fs::canonicalize(path)
            && !target.starts_with(root)
        {
            self.gaps.push(format!(
                "block {block:?}: {} leads to {}, which is not protected; name that path as well",
                path.display(),
                target.display()
            ));
        }
    }
}

/// The blocks that enforce, those that say whom their programs call, and those that ask for signatures.
pub(super) fn masks(policy: &Policy, is_enforced: bool) -> [u64; 3] {
    let mut masks = [0; 3];
    for (at, block) in policy.protect.iter().enumerate() {
        let bit = 1 << at;
        if is_enforced && block.mode == Mode::Enforce {
            masks[0] |= bit;
        }
        if block.egress.is_some() {
            masks[1] |= bit;
        }
        if block.signed.is_some() {
            masks[2] |= bit;
        }
    }
    masks
}

/// The kernel looks for the longest network alone: each has what the wider ones have as well.
fn egress(policy: &Policy) -> BTreeMap<Peer, Blocks> {
    let mut all: BTreeMap<Peer, Blocks> = BTreeMap::new();
    let mut said: Vec<(Peer, u64)> = Vec::new();
    for (at, block) in policy.protect.iter().enumerate() {
        said.extend(block.egress.iter().flatten().map(|peer| (*peer, 1 << at)));
    }
    for (peer, _) in &said {
        // With and without a port are looked for apart.
        let within = said
            .iter()
            .filter(|(it, _)| it.port == peer.port && it.has(peer));
        let blocks = within.fold(0, |all, (_, bit)| all | bit);
        all.insert(*peer, Blocks(blocks));
    }
    all
}

fn wrong(block: &Protect) -> impl Fn(&Path, io::Error) -> ResolveError {
    |path, error| ResolveError::Path {
        block: block.name.clone(),
        path: path.to_owned(),
        error,
    }
}

fn add(map: &mut BTreeMap<Identity, Blocks>, identity: Identity, bit: Blocks) {
    map.entry(identity).or_default().0 |= bit.0;
}

/// What an open file is.
pub(super) fn identity(file: &impl AsFd) -> io::Result<Identity> {
    let it = fstat(file)?;
    Ok(Identity {
        inode: it.st_ino,
        device: device(it.st_dev),
    })
}

/// What a file is.
pub(super) fn identity_of(metadata: &fs::Metadata) -> Identity {
    Identity {
        inode: metadata.ino(),
        device: device(metadata.dev()),
    }
}

/// As the kernel writes it itself.
fn device(of_user: u64) -> u32 {
    let (major, minor) = (major(of_user), minor(of_user));
    u32::try_from(major << 20 | minor & 0xf_ffff).unwrap_or(0)
}

fn digest(file: &mut fs::File) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => {
                hasher.update(&buffer[..count]);
            }
        }
    }
}

/// Majors of the drivers of accelerators and of remote memory, as `/proc/devices` has them.
fn devices() -> BTreeSet<u32> {
    let mut text = String::new();
    let read = fs::File::open("/proc/devices")
        .and_then(|file| file.take(1 << 16).read_to_string(&mut text));
    if read.is_err() {
        return BTreeSet::new();
    }
    let driver = |line: &str| {
        let (major, name) = line.trim().split_once(' ')?;
        let is_it = DRIVERS.iter().any(|it| name.trim().starts_with(it));
        is_it.then(|| major.parse().ok())?
    };
    let characters = text.lines().take_while(|it| !it.starts_with("Block"));
    characters.filter_map(driver).collect()
}

/// What the linker of programs looks through where nobody says otherwise.
const LIBRARIES: &[&str] = &["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// The drivers of NVIDIA, AMD (kfd), of everything that draws (drm), of Habana and of InfiniBand.
const DRIVERS: &[&str] = &[
    "nvidia",
    "kfd",
    "drm",
    "accel",
    "habanalabs",
    "infiniband",
    "uverbs",
    "rdma",
];

/// As many as the kernel's table holds.
const MAX_FILES: usize = 1 << 18;
