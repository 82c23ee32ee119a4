//! Trees to walk, removed afterwards whatever they hold.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::{
    ffi::OsStr,
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use casemate_inventory::Options;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, mknodat, openat, unlinkat};
use tempfile::TempDir;

/// A directory for one test.
pub struct Tree {
    root: TempDir,
    /// How deep, and the name repeated, of what `deep` built.
    deep: Option<(usize, String)>,
}

impl Tree {
    pub fn new() -> Self {
        Self {
            root: TempDir::new().expect("a temporary directory"),
            deep: None,
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn write(&self, path: &str, content: &[u8]) {
        self.write_bytes(path.as_bytes(), content);
    }

    pub fn write_bytes(&self, path: &[u8], content: &[u8]) {
        let path = self.root().join(OsStr::from_bytes(path));
        fs::create_dir_all(path.parent().expect("below the root")).expect("creates");
        fs::write(path, content).expect("writes");
    }

    pub fn fifo(&self, name: &str) {
        let path = self.root().join(name);
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("makes a pipe");
    }

    /// Directories in one another, `depth` of them and each called `name`, with a file in each.
    pub fn deep(&mut self, depth: usize, name: &str) {
        self.deep = Some((depth, name.to_owned()));
        let mut directory = open(CWD, self.root());
        for _ in 0..depth {
            mkdirat(&directory, name, Mode::RWXU).expect("creates");
            directory = open(&directory, name.as_ref());
            let flags = OFlags::CREATE | OFlags::WRONLY;
            openat(&directory, "f", flags, Mode::RUSR).expect("creates");
        }
    }
}

impl Drop for Tree {
    /// What `deep` built is too deep for the standard library to remove.
    fn drop(&mut self) {
        let Some((depth, name)) = self.deep.take() else {
            return;
        };
        // Moves each level up beside the first, so that no path is ever long.
        let top = open(CWD, self.root());
        for _ in 0..depth {
            let first = open(&top, name.as_ref());
            unlinkat(&first, "f", AtFlags::empty()).expect("removes");
            let below = rustix::fs::renameat(&first, &*name, &top, "next");
            unlinkat(&top, &*name, AtFlags::REMOVEDIR).expect("removes");
            if below.is_ok() {
                rustix::fs::renameat(&top, "next", &top, &*name).expect("renames");
            }
        }
    }
}

fn open(directory: impl rustix::fd::AsFd, name: &Path) -> OwnedFd {
    openat(directory, name, OFlags::DIRECTORY, Mode::empty()).expect("opens")
}

/// Options that must not change the result.
pub fn threads() -> [Options; 2] {
    [1, 8].map(|threads| Options {
        threads: Some(threads),
        ..Options::default()
    })
}
