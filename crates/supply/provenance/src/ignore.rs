//! What the user names to be left out, as paths within a model.

use std::{
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
};

/// The given paths relative to the model at `root`: those that are relative are so already, or else
/// to the working directory, where they lead into the model; of the others, those that lead into it.
pub(crate) fn ignore_paths(root: &Path, paths: &[PathBuf]) -> Vec<Vec<u8>> {
    let inside = |path: &PathBuf| {
        if path.is_relative() && !leaves(path) && root.join(path).symlink_metadata().is_ok() {
            return Some(path.as_os_str().as_bytes().to_vec());
        }
        let below = absolute(path).and_then(|path| {
            let root = root.canonicalize().ok()?;
            Some(
                path.strip_prefix(root)
                    .ok()?
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
            )
        });
        let given =
            (path.is_relative() && !leaves(path)).then(|| path.as_os_str().as_bytes().to_vec());
        below.or(given)
    };
    let all = paths.iter().filter_map(inside);
    all.filter(|path| !matches!(&path[..], b"" | b"."))
        .collect()
}

fn leaves(path: &Path) -> bool {
    path.components().any(|it| it == Component::ParentDir)
}

/// The path with all links resolved but the last component's, which may not even be there.
fn absolute(path: &Path) -> Option<PathBuf> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return path.canonicalize().ok(),
    };
    Some(parent.canonicalize().ok()?.join(path.file_name()?))
}
