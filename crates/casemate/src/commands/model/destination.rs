//! The files that a conversion writes. They appear whole, all of them, or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::FileExt,
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
}

/// A file being written.
pub(crate) struct Output(File);

impl Destination {
    /// The names of `count` files for `path`: the path itself for one, numbered as the
    /// transformers library does it for several, which an index then lists.
    ///
    /// # Errors
    ///
    /// Where one of them exists and `replace` is not wanted.
    pub(crate) fn new(path: &Path, count: usize, replace: bool) -> Result<Self> {
        let name = path.file_name().context("OUT has no file name")?;
        let (mut names, mut index) = (vec![path.to_owned()], None);
        if count > 1 {
            let name = name.to_string_lossy();
            let stem = name.strip_suffix(SUFFIX).unwrap_or(&name);
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
        self.beside(index)?.write_all((text + "\n").as_bytes())?;
        Ok(())
    }

    /// Gives every file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        for (beside, name) in std::mem::take(&mut self.files) {
            fs::rename(&beside, &name).with_context(|| {
                // Nothing else can be done about what is left.
                let _ = fs::remove_file(&beside);
                format!("cannot write {}", name.display())
            })?;
        }
        Ok(())
    }

    fn beside(&mut self, name: PathBuf) -> Result<File> {
        let plain = name.file_name().unwrap_or_default().to_string_lossy();
        let beside = name.with_file_name(format!(".{plain}.{}", std::process::id()));
        let file = File::create_new(&beside)
            .with_context(|| format!("cannot write {}", beside.display()))?;
        self.files.push((beside, name));
        Ok(file)
    }
}

impl Drop for Destination {
    /// What is not finished leaves nothing.
    fn drop(&mut self) {
        for (beside, _) in &self.files {
            // Nothing can be done for a file that cannot be removed.
            let _ = fs::remove_file(beside);
        }
    }
}

impl Sink for Output {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }
}

const SUFFIX: &str = ".safetensors";
