//! What the user names to be left out, as paths within a model.

use std::{
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

use casemate_core::PathText;

/// The given paths relative to the model at `root`: those that lead to something in it are so already;
/// then those that lead into it from the working directory; then, with a note, what may yet come to be in
/// it. What stands elsewhere is nothing of the model.
pub(crate) fn ignore_paths(
    root: &Path,
    paths: &[PathBuf],
    notes: &mut Vec<String>,
) -> Vec<Vec<u8>> {
    let mut inside = Vec::new();
    for path in paths {
        let own = path.is_relative().then(|| plain(path)).flatten();
        let there = own
            .clone()
            .filter(|_| root.join(path).symlink_metadata().is_ok());
        if let Some(within) = there.or_else(|| below(root, path)) {
            inside.push(within);
            continue;
        }
        let shown = PathText::from_bytes(path.as_os_str().as_bytes());
        match own.filter(|_| path.symlink_metadata().is_err()) {
            Some(own) => {
                notes.push(format!(
                    "{shown} is not there, and is left out of the model where it comes to be"
                ));
                inside.push(own);
            }
            None => notes.push(format!(
                "{shown} is not in the model, and leaves nothing out"
            )),
        }
    }
    inside.retain(|path| !path.is_empty());
    inside
}

/// The names in the model at `root` at which files of the caller's own lie, by way of the working
/// directory alone: a file elsewhere is no file of the model, whatever it is called.
pub(crate) fn own_files(root: &Path, paths: &[PathBuf]) -> Vec<Vec<u8>> {
    let names = paths.iter().filter_map(|path| below(root, path));
    names.filter(|name| !name.is_empty()).collect()
}

/// A path without `.` and doubled slashes, unless it is absolute or has a `..`.
pub(crate) fn plain(path: &Path) -> Option<Vec<u8>> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(plain.into_os_string().as_bytes().to_vec())
}

/// Where below `root` a path leads.
fn below(root: &Path, path: &Path) -> Option<Vec<u8>> {
    plain(
        absolute(path)?
            .strip_prefix(root.canonicalize().ok()?)
            .ok()?,
    )
}

/// The path with all links resolved but the last component's, which may not even be there.
fn absolute(path: &Path) -> Option<PathBuf> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return path.canonicalize().ok(),
    };
    match path.file_name() {
        Some(name) => Some(parent.canonicalize().ok()?.join(name)),
        // It ends with `..`.
        None => path.canonicalize().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (path, spelled) in [
            ("sub//c", Some("sub/c")),
            ("./c", Some("c")),
            ("sub/./c/", Some("sub/c")),
            (".", Some("")),
            ("sub/../c", None),
            ("/c", None),
        ] {
            let found = plain(Path::new(path));
            assert_eq!(found.as_deref(), spelled.map(str::as_bytes), "{path}");
        }
    }
}
