//! The files of a directory, for the examples that take one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use casemate_core::{Digest, FileSource, PathText, Subject};

/// Gives `take` every file below `root`, in the order of their paths.
pub(crate) fn each(root: &Path, mut take: impl FnMut(Subject, FileSource)) -> io::Result<()> {
    let mut paths = Vec::new();
    list(root, &mut paths)?;
    paths.sort();
    for path in &paths {
        let source = FileSource::new(File::open(path)?)?;
        let relative = path.strip_prefix(root).unwrap_or(path);
        let name: PathText = relative.to_string_lossy().as_ref().into();
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        take(subject, source);
    }
    Ok(())
}

fn list(directory: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != ".git" {
            list(&entry.path(), paths)?;
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}
