//! The few things that a log asks of a file system, so that a test can cut the power between any two.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Files below one directory. Paths are relative and have slashes.
///
/// What is written is safe only after [`sync`](Self::sync) of the file; that it has its name, only
/// after [`sync_dir`](Self::sync_dir) of the directory.
pub trait Disk {
    /// The bytes of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// `NotFound`; `FileTooLarge`; `InvalidInput` where it is no regular file.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;

    /// The names in a directory, in order, with whether each is a directory; none where it does not exist.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self, dir: &str) -> io::Result<Vec<(String, bool)>>;

    /// Makes a directory, unless it is there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn make_dir(&self, dir: &str) -> io::Result<()>;

    /// Makes a file with these bytes, or gives it these bytes alone.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Puts bytes behind those of a file that exists.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to a length.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn truncate(&self, path: &str, length: u64) -> io::Result<()>;

    /// Waits until the bytes of a file are on the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sync(&self, path: &str) -> io::Result<()>;

    /// Waits until the names in a directory are on the disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Gives a file another name, in the place of the file that has it.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn remove(&self, path: &str) -> io::Result<()>;
}

/// Puts files in their places, so that after a crash each is there whole, or not at all; and after this
/// returns, there.
///
/// # Errors
///
/// What the system says, and the path that it says it of.
pub fn place(disk: &impl Disk, files: &[(String, Vec<u8>)]) -> Result<(), (String, io::Error)> {
    let mut dirs: Vec<&str> = Vec::new();
    for (path, _) in files {
        let ancestors = path.match_indices('/').map(|(at, _)| &path[..at]);
        for dir in std::iter::once("").chain(ancestors) {
            if !dirs.contains(&dir) {
                if !dir.is_empty() {
                    disk.make_dir(dir).map_err(told(dir))?;
                }
                dirs.push(dir);
            }
        }
    }
    for (path, bytes) in files {
        let temporary = format!("{path}{TEMPORARY}");
        disk.write(&temporary, bytes).map_err(told(path))?;
        disk.sync(&temporary).map_err(told(path))?;
    }
    for (path, _) in files {
        let temporary = format!("{path}{TEMPORARY}");
        disk.rename(&temporary, path).map_err(told(path))?;
    }
    for dir in dirs {
        disk.sync_dir(dir).map_err(told(dir))?;
    }
    Ok(())
}

fn told(path: &str) -> impl FnOnce(io::Error) -> (String, io::Error) {
    let path = path.to_owned();
    |error| (path, error)
}

/// How the names of files end that are not in their places yet.
pub const TEMPORARY: &str = ".tmp";

impl<D: Disk> Disk for &D {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        (**self).read(path, limit)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<(String, bool)>> {
        (**self).list(dir)
    }

    fn make_dir(&self, dir: &str) -> io::Result<()> {
        (**self).make_dir(dir)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).write(path, bytes)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).append(path, bytes)
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        (**self).truncate(path, length)
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        (**self).sync(path)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        (**self).sync_dir(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        (**self).remove(path)
    }
}

/// A directory of the system.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Held, not read: the lock goes with it.
    _lock: Option<File>,
}

impl Folder {
    /// A directory to read from.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            _lock: None,
        }
    }

    /// A directory to write into, made if it is not there. Waits until nobody else writes into it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn locked(root: impl Into<PathBuf>) -> io::Result<Self> {
        let (root, lock) = lock_of(root.into())?;
        lock.lock()?;
        let _lock = Some(lock);
        Ok(Self { root, _lock })
    }

    /// The same without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where somebody else writes into it, or what the system says.
    pub fn claimed(root: impl Into<PathBuf>) -> io::Result<Self> {
        let (root, lock) = lock_of(root.into())?;
        lock.try_lock()?;
        let _lock = Some(lock);
        Ok(Self { root, _lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        match path {
            "" => self.root.clone(),
            path => self.root.join(path),
        }
    }
}

impl Disk for Folder {
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let path = self.at(path);
        // A pipe would be waited for, and a link leads out of the log.
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let mut bytes = Vec::new();
        File::open(&path)?.take(limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => Ok(bytes),
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<(String, bool)>> {
        let entries = match fs::read_dir(self.at(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            // A name that is not text is none of ours.
            if let Ok(name) = entry.file_name().into_string() {
                names.push((name, entry.file_type()?.is_dir()));
            }
        }
        names.sort();
        Ok(names)
    }

    fn make_dir(&self, dir: &str) -> io::Result<()> {
        match fs::create_dir(self.at(dir)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        File::create(self.at(path))?.write_all(bytes)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.at(path))?;
        file.write_all(bytes)
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.at(path))?;
        file.set_len(length)
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        let file = OpenOptions::new().append(true).open(self.at(path))?;
        file.sync_all()
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.at(dir))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }
}

fn lock_of(root: PathBuf) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(&root)?;
    let mut options = OpenOptions::new();
    let lock = options.create(true).append(true).open(root.join(LOCK))?;
    Ok((root, lock))
}

const LOCK: &str = "lock";
