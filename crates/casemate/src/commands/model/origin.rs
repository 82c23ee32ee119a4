//! The files that a model is in: one, or the shards that an index names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_artifact::{Allowlist, Limits, Shard, Shards};
use casemate_core::{FileSource, PathText};
use serde::Deserialize;

use crate::config::read_bounded;

/// One file, open.
pub(crate) struct Origin {
    /// As the user would name it; what is no text in it is escaped.
    pub(crate) name: String,
    pub(crate) source: FileSource,
}

/// All files of a model.
pub(crate) struct Origins {
    pub(crate) files: Vec<Origin>,
    /// The index, and which of the files it says each tensor is in.
    pub(crate) index: Option<(Origin, BTreeMap<String, usize>)>,
}

impl Origins {
    /// Whether one of the files is what `path` leads to.
    pub(crate) fn include(&self, path: &Path) -> bool {
        let Ok(there) = fs::metadata(path) else {
            return false;
        };
        let index = self.index.iter().map(|(index, _)| index);
        self.files.iter().chain(index).any(|origin| {
            let here = origin.source.file().metadata();
            here.is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()))
        })
    }
}

/// Opens the file, or the shards of the index that `path` is or that is in the directory `path`.
pub(crate) fn open(path: &Path) -> Result<Origins> {
    let path = match path.is_dir() {
        true => index_in(path)?,
        false => path.to_owned(),
    };
    if !is_index(&path) {
        return Ok(Origins {
            files: vec![open_one(&path)?],
            index: None,
        });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let index = open_one(&path)?;
    let map = read_index(&path)?.weight_map;
    let shards = shards(&path, &map)?;
    let nth: BTreeMap<&str, usize> = (shards.iter().enumerate())
        .map(|(nth, shard)| (*shard, nth))
        .collect();
    let said = |(name, shard): (&String, &String)| (name.clone(), nth[shard.as_str()]);
    let files = shards.iter().map(|shard| open_one(&folder.join(shard)));
    Ok(Origins {
        files: files.collect::<Result<_>>()?,
        index: Some((index, map.iter().map(said).collect())),
    })
}

fn open_one(path: &Path) -> Result<Origin> {
    let context = || format!("cannot read {}", path.display());
    // A FIFO would wait for a writer that never comes.
    if !fs::metadata(path).with_context(context)?.is_file() {
        bail!("{} is no regular file", path.display());
    }
    let file = File::open(path).with_context(context)?;
    Ok(Origin {
        name: PathText::from_bytes(path.as_os_str().as_bytes()).to_string(),
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
    weight_map: BTreeMap<String, String>,
    metadata: Option<serde_json::Value>,
}

fn read_index(path: &Path) -> Result<Index> {
    serde_json::from_str(&read_bounded(path)?)
        .with_context(|| format!("{} is no index of shards", path.display()))
}

/// What the index at `path` says, beside what is in the files that it names.
///
/// # Errors
///
/// Where the index itself cannot be read. A file that cannot is told.
pub(crate) fn compare(path: &Path, allowlist: &Allowlist) -> Result<Shards> {
    let index = read_index(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let names: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
    if names.len() > MOST_SHARDS {
        bail!("{} names more than {MOST_SHARDS} shards", path.display());
    }
    let opened: Vec<(&str, Result<Origin, String>)> = (names.into_iter())
        .map(|name| match is_beside(name) {
            true => (
                name,
                open_one(&folder.join(name)).map_err(|error| told(&error)),
            ),
            false => (name, Err("is no file beside the index".to_owned())),
        })
        .collect();
    let shards = opened.iter().map(|(name, origin)| Shard {
        name,
        source: match origin {
            Ok(origin) => Ok(&origin.source),
            Err(why) => Err(why.clone()),
        },
    });
    let shards: Vec<Shard<'_>> = shards.collect();
    let total = index
        .metadata
        .as_ref()
        .and_then(|of| of.get("total_size")?.as_f64());
    let limits = Limits::default();
    Shards::compare(&index.weight_map, total, &shards, allowlist, &limits)
        .with_context(|| format!("cannot read what {} names", path.display()))
}

/// Why a file cannot be had, without its name.
fn told(error: &anyhow::Error) -> String {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        Some(error) => format!("cannot be read: {error}"),
        None => "is no regular file".to_owned(),
    }
}

/// Whether a name leads to a file in the index's own directory.
fn is_beside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(first)) if first == name);
    plain && parts.next().is_none() && !name.contains('\\')
}

/// The files that an index names, each once. Names that lead out of its directory are refused.
fn shards<'m>(path: &Path, map: &'m BTreeMap<String, String>) -> Result<BTreeSet<&'m str>> {
    let shards: BTreeSet<&str> = map.values().map(String::as_str).collect();
    for shard in &shards {
        if !is_beside(shard) {
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
