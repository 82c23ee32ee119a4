//! The files that a conversion writes. Each appears whole, or not at all.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_artifact::Sink;

/// Files under their names to come, written beside them first.
pub(crate) struct Destination {
    /// Where each is now, and where it will be.
    files: Vec<(PathBuf, PathBuf)>,
    names: Vec<PathBuf>,
    index: Option<PathBuf>,
    replace: bool,
}

/// A file being written.
pub(crate) struct Output(File);

impl Destination {
    /// The names of `count` files for `path`: the path itself for one, numbered as the
    /// transformers library does it for several, which an index then lists.
    ///
    /// # Errors
    ///
    /// Where one of them exists and `replace` is not wanted, or where an index could not name
    /// several.
    pub(crate) fn new(path: &Path, count: usize, replace: bool) -> Result<Self> {
        let name = path.file_name().context("OUT has no file name")?;
        let (mut names, mut index) = (vec![path.to_owned()], None);
        if count > 1 {
            let Some(name) = name.to_str() else {
                bail!("OUT is no text, and the index of several files is");
            };
            let stem = name.strip_suffix(SUFFIX).unwrap_or(name);
            let numbered =
                |nth| path.with_file_name(format!("{stem}-{nth:05}-of-{count:05}{SUFFIX}"));
            names = (1..=count).map(numbered).collect();
            index = Some(path.with_file_name(format!("{stem}{SUFFIX}.index.json")));
        }
        for name in names.iter().chain(&index) {
            let there = fs::symlink_metadata(name);
            if there.as_ref().is_ok_and(fs::Metadata::is_dir) {
                bail!("{} is a directory", name.display());
            }
            if there.is_ok() && !replace {
                bail!("{} exists; --force replaces it", name.display());
            }
        }
        Ok(Self {
            files: Vec::new(),
            names,
            index,
            replace,
        })
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> &[PathBuf] {
        &self.names
    }

    /// Begins the file number `nth`, of `len` bytes.
    pub(crate) fn create(&mut self, nth: usize, len: u64) -> Result<Output> {
        let name = self.names[nth].clone();
        let file = self.beside(name)?;
        file.set_len(len)?;
        Ok(Output(file))
    }

    /// Writes the index of several files: which of them each tensor is in.
    pub(crate) fn write_index(&mut self, map: BTreeMap<&str, usize>, bytes: u64) -> Result<()> {
        let Some(index) = self.index.clone() else {
            return Ok(());
        };
        let file = |nth: usize| {
            let name = self.names[nth].file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let map: BTreeMap<&str, String> = map
            .into_iter()
            .map(|(name, nth)| (name, file(nth)))
            .collect();
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "metadata": { "total_size": bytes },
            "weight_map": map,
        }))?;
        let mut file = self.beside(index)?;
        file.write_all((text + "\n").as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// Gives every file its name. Where one cannot have it, those that came before it go again,
    /// unless they have replaced something.
    pub(crate) fn finish(mut self) -> Result<()> {
        let mut placed: Vec<PathBuf> = Vec::new();
        self.files.reverse();
        // What stays in the list is removed when it is dropped.
        while let Some((beside, name)) = self.files.last() {
            if let Err(error) = place(beside, name, self.replace) {
                if !self.replace {
                    placed.iter().for_each(|name| remove(name));
                }
                return Err(error).with_context(|| format!("cannot write {}", name.display()));
            }
            placed.extend(self.files.pop().map(|(_, name)| name));
        }
        if let Some(folder) = placed.first().and_then(|name| name.parent()) {
            let here = Path::new(".");
            let folder = if folder.as_os_str().is_empty() {
                here
            } else {
                folder
            };
            // The files are whole; not every file system can be told to keep their names as well.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// A new file beside `name`. One that was left behind by another run is not in the way.
    fn beside(&mut self, name: PathBuf) -> Result<File> {
        let mut attempt = 0;
        loop {
            let beside = name.with_file_name(temporary(&name, attempt));
            match File::create_new(&beside) {
                Ok(file) => {
                    self.files.push((beside, name));
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MOST => {
                    attempt += 1;
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("cannot write {}", beside.display()));
                }
            }
        }
    }
}

fn temporary(name: &Path, attempt: u32) -> OsString {
    let plain = name.file_name().unwrap_or_default();
    let end = format!(".{}-{attempt}", std::process::id());
    OsStr::from_bytes(&[b".", plain.as_bytes(), end.as_bytes()].concat()).to_owned()
}

/// Gives a file its name. Without `replace`, what has come to be there meanwhile stays.
fn place(beside: &Path, name: &Path, replace: bool) -> io::Result<()> {
    if replace {
        return fs::rename(beside, name);
    }
    match fs::hard_link(beside, name) {
        Ok(()) => remove(beside),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // A file system without links: the name is taken first, and then given.
        Err(_) => {
            File::create_new(name)?;
            fs::rename(beside, name).inspect_err(|_| remove(name))?;
        }
    }
    Ok(())
}

fn remove(file: &Path) {
    // Nothing can be done for a file that cannot be removed.
    let _ = fs::remove_file(file);
}

impl Drop for Destination {
    /// What is not finished leaves nothing.
    fn drop(&mut self) {
        for (beside, _) in &self.files {
            remove(beside);
        }
    }
}

impl Output {
    /// Has the file on the disk before it gets its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Sink for Output {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
}

const SUFFIX: &str = ".safetensors";
/// How many files that others left behind are passed by.
const MOST: u32 = 1000;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the files are the tests' own")]
mod tests {
    use super::*;

    fn left(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<OsString> = names.collect();
        names.sort();
        names
    }

    fn written(folder: &Path, count: usize, replace: bool) -> Destination {
        let out = folder.join("m.safetensors");
        let mut destination = Destination::new(&out, count, replace).expect("free names");
        for nth in 0..count {
            let out = destination.create(nth, 1).expect("a file");
            out.write_at(0, b"x").expect("written");
            out.finish().expect("synced");
        }
        let map = BTreeMap::from([("a", 0)]);
        destination.write_index(map, 1).expect("an index");
        destination
    }

    #[test]
    fn what_comes_meanwhile_is_not_overwritten_and_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a directory");
        let destination = written(folder.path(), 3, false);
        let second = destination.names()[1].clone();
        fs::write(&second, b"mine").expect("written");
        assert!(destination.finish().is_err());
        assert_eq!(left(folder.path()), [second.file_name().expect("a name")]);
        assert_eq!(fs::read(&second).expect("read"), b"mine");
    }

    #[test]
    fn a_rename_that_fails_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().expect("a directory");
        let destination = written(folder.path(), 3, true);
        let [first, second, _] = destination.names() else {
            panic!("three");
        };
        let names = [first, second].map(|name| name.file_name().expect("a name").to_owned());
        fs::create_dir_all(second.join("full")).expect("a directory");
        assert!(destination.finish().is_err());
        assert_eq!(left(folder.path()), names);
    }

    #[test]
    fn a_file_left_behind_is_not_in_the_way() {
        let folder = tempfile::tempdir().expect("a directory");
        let stale = folder.path().join(temporary(Path::new("m.safetensors"), 0));
        fs::write(&stale, b"stale").expect("written");
        written(folder.path(), 1, false).finish().expect("finished");
        assert_eq!(fs::read(&stale).expect("read"), b"stale");
        assert_eq!(left(folder.path()).len(), 2);
    }
}
