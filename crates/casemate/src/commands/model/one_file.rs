//! The one file that a command looks into.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use casemate_core::Source;
use casemate_inventory::{Entry, Options, each_file};

/// Calls `look` with the file at `path`, which is opened as a scan opens it.
///
/// # Errors
///
/// Where it cannot be read, or is no regular file.
pub(super) fn look_into<T: Send>(
    path: &Path,
    look: impl Fn(&Entry, &dyn Source) -> T + Sync,
) -> Result<T> {
    if path.is_dir() {
        bail!(
            "{} is a directory; name one file, or judge all of them with `casemate scan`",
            path.display()
        );
    }
    let paths = [PathBuf::from(path)];
    let seen = each_file(&paths, &Options::default(), look, &())?;
    let (_, result) = seen.into_iter().next().context("there is no such file")?;
    result.with_context(|| format!("cannot read {}", path.display()))
}
