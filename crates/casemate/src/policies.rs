//! Policies, from the directory or the archive that the caller names.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use casemate_core::{PathText, Timestamp};
use casemate_policy::{Bundle, Layer};
use casemate_provenance::{Evidence, predicate::policy::PolicyBundle};

use crate::{
    cli::{Global, policy::Source},
    commands::signing::{read_bundle, trust},
    config, output,
};

/// The built-in policy, overlaid by what the caller names, if they do.
pub(crate) fn load(global: &Global, source: &Source, now: Timestamp) -> Result<Bundle> {
    let Some(path) = &source.policy else {
        if source.policy_trust_store.is_some() {
            bail!("--policy-trust-store is for a policy, which --policy names");
        }
        return Ok(Bundle::builtin());
    };
    let layer = trusted(global, path, source.policy_trust_store.as_deref(), now)?;
    Bundle::over_builtin(layer).with_context(|| format!("in the policy {}", path.display()))
}

/// The policy that `path` holds, and nothing else.
pub(crate) fn load_alone(
    global: &Global,
    path: &Path,
    store: Option<&Path>,
    now: Timestamp,
) -> Result<Bundle> {
    let layer = trusted(global, path, store, now)?;
    Bundle::of(layer).with_context(|| format!("in the policy {}", path.display()))
}

/// What a directory or an archive holds; the latter signed, where there is a trust store.
fn trusted(global: &Global, path: &Path, store: Option<&Path>, now: Timestamp) -> Result<Layer> {
    let layer = match store {
        None => layer(path)?,
        Some(_) if path.is_dir() => bail!(
            "{} is a directory, which nobody signs; pack it with `casemate policy bundle`",
            path.display()
        ),
        Some(store) => {
            // Read once: what is verified is what is used.
            let bytes = archive(path)?;
            verify(&bytes, &signature_of(path), store, now)
                .map_err(|why| anyhow!("cannot use the policy {}: {why}", path.display()))?;
            of_archive(path, &bytes)?
        }
    };
    for note in layer.notes() {
        output::hint(global, &format!("policy {}: {note}", path.display()));
    }
    Ok(layer)
}

/// What a directory or an archive holds.
pub(crate) fn layer(path: &Path) -> Result<Layer> {
    if path.is_dir() {
        let layer = Layer::of_directory(read(path)?);
        return layer.with_context(|| format!("in the policy {}", path.display()));
    }
    of_archive(path, &archive(path)?)
}

/// The bytes of an archive.
pub(crate) fn archive(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read the policy {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(cannot)?;
    file.take(MAX_ARCHIVE + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    if bytes.len() as u64 > MAX_ARCHIVE {
        bail!("{} is larger than any archive of a policy", path.display());
    }
    Ok(bytes)
}

fn of_archive(path: &Path, bytes: &[u8]) -> Result<Layer> {
    Layer::of_archive(bytes).with_context(|| format!("in the policy {}", path.display()))
}

/// Where the signature of an archive is.
pub(crate) fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sigstore.json");
    name.into()
}

/// Whether somebody who is trusted signed these bytes as a policy; gives what they said.
///
/// # Errors
///
/// Why not.
pub(crate) fn verify(
    bytes: &[u8],
    signature: &Path,
    store: &Path,
    now: Timestamp,
) -> Result<Evidence, String> {
    let told = |error: anyhow::Error| format!("{error:#}");
    let trust = trust(None, &[], Some(store)).map_err(told)?;
    let bundle = read_bundle(signature, "signature of the policy").map_err(told)?;
    PolicyBundle::verified(bytes, &bundle, &trust, now).map_err(|problem| problem.message)
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
            "there is no .rego, .json, .toml or .yaml file in {}",
            dir.display()
        );
    }
    files.sort();
    Ok(files)
}

fn is_policy(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("rego" | "json" | "toml" | "yaml" | "yml"))
        || path.file_name().is_some_and(|name| name == ".manifest")
}

/// No bundle of a sane caller holds more; a directory loop made of links does.
const MAX_FILES: usize = 10_000;
/// What is in it has at most 64 MiB.
const MAX_ARCHIVE: u64 = 64 << 20;
