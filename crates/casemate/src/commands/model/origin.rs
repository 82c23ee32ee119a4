//! The files that a model is in: one, or the shards that an index names.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_core::FileSource;
use serde::Deserialize;

use crate::config::read_bounded;

/// One file, open.
pub(crate) struct Origin {
    /// As the user would name it.
    pub(crate) name: String,
    pub(crate) source: FileSource,
}

/// Opens the file, or the shards of the index that `path` is or that is in the directory `path`.
pub(crate) fn open(path: &Path) -> Result<Vec<Origin>> {
    let path = match path.is_dir() {
        true => index_in(path)?,
        false => path.to_owned(),
    };
    if !is_index(&path) {
        return Ok(vec![open_one(&path)?]);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let shards = shards(&path)?;
    shards
        .iter()
        .map(|shard| open_one(&folder.join(shard)))
        .collect()
}

fn open_one(path: &Path) -> Result<Origin> {
    let context = || format!("cannot read {}", path.display());
    // A FIFO would wait for a writer that never comes.
    if !fs::metadata(path).with_context(context)?.is_file() {
        bail!("{} is no regular file", path.display());
    }
    let file = File::open(path).with_context(context)?;
    Ok(Origin {
        name: path.display().to_string(),
        source: FileSource::new(file).with_context(context)?,
    })
}

fn is_index(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".index.json")
}

fn index_in(folder: &Path) -> Result<PathBuf> {
    let context = || format!("cannot read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if is_index(&path) {
            found.push(path);
        }
    }
    match &found[..] {
        [only] => Ok(only.clone()),
        [] => bail!(
            "{} holds no index of shards; name the file",
            folder.display()
        ),
        _ => bail!("{} holds several indexes; name one", folder.display()),
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// The files that an index names, each once. Names that lead out of its directory are refused.
fn shards(path: &Path) -> Result<BTreeSet<String>> {
    let index: Index = serde_json::from_str(&read_bounded(path)?)
        .with_context(|| format!("{} is no index of shards", path.display()))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    for shard in &shards {
        let mut parts = Path::new(shard).components();
        let plain = matches!(parts.next(), Some(Component::Normal(name)) if name == shard.as_str());
        if !plain || parts.next().is_some() || shard.contains('\\') {
            bail!(
                "{} names {shard:?}, which is no file beside it",
                path.display()
            );
        }
    }
    if shards.is_empty() {
        bail!("{} names no shards", path.display());
    }
    if shards.len() > MOST_SHARDS {
        bail!("{} names more than {MOST_SHARDS} shards", path.display());
    }
    Ok(shards)
}

/// Each is held open.
const MOST_SHARDS: usize = 512;
