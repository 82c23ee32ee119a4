//! What other tools found, out of the reports that the caller names.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_core::{AssetId, Digest, Import, PathText, Rule, aggregate};
use casemate_imports::{Known, MAX_BYTES, Run, Source, Tree, join, read};
use casemate_inventory::Inventory;

use super::{Settings, models::files, path_text};

/// The reports, read before anything is assessed: one that cannot be read ends the run.
#[derive(Default)]
pub(super) struct Imports(Vec<Report>);

struct Report {
    name: PathText,
    digest: Digest,
    runs: Vec<Run>,
}

/// What came of them.
pub(super) struct Imported {
    pub(super) rules: Vec<Rule>,
    pub(super) runs: Vec<Import>,
}

impl Imports {
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self> {
        let is_input = |path: &&PathBuf| path.as_os_str() == STANDARD_INPUT;
        if paths.iter().filter(is_input).count() > 1 {
            bail!("standard input can be read once: name `-` with --import once");
        }
        let reports = paths.iter().map(|path| report(path));
        Ok(Self(reports.collect::<Result<_>>()?))
    }

    /// Adds what they say to what was found.
    pub(super) fn join(self, settings: &Settings, inventory: &mut Inventory) -> Imported {
        let sources = self.0.into_iter().map(|report| Source {
            asset: AssetId::File {
                repository: settings.repository.clone(),
                path: report.name.clone(),
            },
            name: report.name,
            digest: report.digest,
            runs: report.runs,
        });
        let sources: Vec<Source> = sources.collect();
        let tree = tree(settings, inventory);
        let mut joined = join(sources, &mut inventory.outcomes, &tree);
        inventory.populations.extend(aggregate(&joined.outcomes));
        inventory.outcomes.append(&mut joined.outcomes);
        Imported {
            rules: joined.rules,
            runs: joined.runs,
        }
    }
}

fn report(path: &Path) -> Result<Report> {
    let name = match path.as_os_str() == STANDARD_INPUT {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let bytes = bytes(path).with_context(|| format!("cannot read {name}"))?;
    let runs = read(&bytes).with_context(|| format!("cannot import {name}"))?;
    Ok(Report {
        name: match path.as_os_str() == STANDARD_INPUT {
            true => PathText::from("stdin"),
            false => path_text(path),
        },
        digest: Digest::of(&bytes),
        runs,
    })
}

/// No more than a report may have, and one byte, by which what is longer is known.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    if path.as_os_str() == STANDARD_INPUT {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The tree that was assessed, by whose files places are known.
fn tree(settings: &Settings, inventory: &Inventory) -> Tree {
    // A cluster alone has no files to find anything in.
    let path = settings.path.as_deref();
    let root = path.map(path_text).unwrap_or_default();
    let listed = files(&root, inventory).map(|file| {
        let known = Known {
            asset: file.asset.id.clone(),
            name: PathText::from_text(&file.asset.name),
            digest: file.digest,
        };
        (file.path, known)
    });
    Tree {
        files: listed.collect(),
        absolute: path
            .and_then(|path| path.canonicalize().ok())
            .map(|path| path_text(&path)),
        root,
    }
}

const STANDARD_INPUT: &str = "-";
