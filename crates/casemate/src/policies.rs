//! Policies, from the directory that the caller names.

use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use anyhow::{Context, Result, bail};
use casemate_core::PathText;
use casemate_policy::Bundle;

use crate::config;

/// The built-in policy, overlaid by the files of `dir` where the caller names one.
pub(crate) fn load(dir: Option<&Path>) -> Result<Bundle> {
    let Some(dir) = dir else {
        return Ok(Bundle::builtin());
    };
    Bundle::overlay(read(dir)?).with_context(|| format!("in the policy {}", dir.display()))
}

/// The policy that `dir` holds, and nothing else.
pub(crate) fn load_alone(dir: &Path) -> Result<Bundle> {
    Bundle::alone(read(dir)?).with_context(|| format!("in the policy {}", dir.display()))
}

/// Whether any file below `dir` is Rego.
pub(crate) fn has_rego(dir: &Path) -> Result<bool> {
    let files = read(dir)?;
    Ok(files
        .iter()
        .any(|(name, _)| name.extension() == Some("rego")))
}

/// Every file below `dir` that a policy can be made of, by its path from there.
pub(crate) fn read(dir: &Path) -> Result<Vec<(PathText, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(folder) = todo.pop() {
        let cannot = || format!("cannot read the policy directory {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            // Follows links: the caller's own directory is the caller's business.
            let kind =
                fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if kind.is_dir() && files.len() + todo.len() < MAX_FILES {
                todo.push(path);
            } else if kind.is_file() && is_policy(&path) {
                let name = path
                    .strip_prefix(dir)
                    .unwrap_or(&path)
                    .as_os_str()
                    .as_bytes();
                let name = PathText::from_bytes(name);
                files.push((name, config::read_bounded(&path)?.into_bytes()));
            }
            if files.len() >= MAX_FILES {
                bail!("{} holds more than {MAX_FILES} policy files", dir.display());
            }
        }
    }
    if files.is_empty() {
        bail!(
            "there is no .rego, .json or .toml file in {}",
            dir.display()
        );
    }
    files.sort();
    Ok(files)
}

fn is_policy(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("rego" | "json" | "toml" | "yaml" | "yml"))
}

/// No bundle of a sane caller holds more; a directory loop made of links does.
const MAX_FILES: usize = 10_000;
