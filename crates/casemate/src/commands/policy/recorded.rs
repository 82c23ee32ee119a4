//! Inputs and records as they lie in directories, one after another.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_policy::{DecisionRecord, GateInput};

use super::documents::{self, Document};

/// An input that can be asked again, and what was decided about it then, if somebody recorded that.
pub(super) struct Recorded {
    pub(super) input: GateInput,
    pub(super) record: Option<DecisionRecord>,
}

/// Hands every input below `paths` to `take`, with the path of its file: as they are named, and in a
/// directory in the order of their names. Links to directories are not followed. What is named and
/// cannot be asked is handed over as an error; JSON in a directory that is something else is left out.
pub(super) fn each(
    paths: &[PathBuf],
    mut take: impl FnMut(&Path, Result<Recorded>) -> Result<()>,
) -> Result<()> {
    for path in paths {
        let kind = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !kind.is_dir() {
            let read = documents::record_or_input(path).and_then(|it| recorded(path, it));
            take(path, read)?;
            continue;
        }
        let mut todo = vec![path.clone()];
        while let Some(folder) = todo.pop() {
            let (files, mut folders) = entries(&folder)?;
            let mut beside = false;
            for file in files {
                if beside && file.file_name().is_some_and(|name| name == BESIDE) {
                    continue;
                }
                let Some(document) = documents::record_or_input_among_others(&file).transpose()
                else {
                    continue;
                };
                let read = document.and_then(|it| {
                    beside |= matches!(&it, Document::Record(it) if it.question.is_none());
                    recorded(&file, it)
                });
                take(&file, read)?;
            }
            // The last is taken first.
            folders.reverse();
            todo.extend(folders);
        }
    }
    Ok(())
}

/// The JSON files of a directory, its inputs by the name of [`BESIDE`] last: a record may be of it, and then
/// it is not asked twice. And the directories in it.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let cannot = || format!("cannot read {}", folder.display());
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let kind = entry.file_type().with_context(cannot)?;
        let path = entry.path();
        if kind.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|it| it == "json") && path.is_file() {
            files.push(path);
        }
    }
    files.sort_by_key(|path| {
        (
            path.file_name().is_some_and(|it| it == BESIDE),
            path.clone(),
        )
    });
    folders.sort();
    Ok((files, folders))
}

fn recorded(path: &Path, document: Document) -> Result<Recorded> {
    let record = match document {
        Document::Input(input) => {
            return Ok(Recorded {
                input: *input,
                record: None,
            });
        }
        Document::Record(record) => *record,
    };
    let input = match &record.question {
        Some(input) => input.clone(),
        None => {
            let beside = path.with_file_name(BESIDE);
            if !beside.is_file() {
                bail!("its input is neither in it nor beside it as {BESIDE}");
            }
            documents::input(&beside)?
        }
    };
    // A record that is of another input says nothing of this one.
    let record = record.with_question(input.clone())?;
    Ok(Recorded {
        input,
        record: Some(record),
    })
}

/// What an assessment calls its input.
const BESIDE: &str = "gate-input.json";
