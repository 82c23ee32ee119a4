//! The directory that an assessment writes its report into.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use casemate_policy::{DecisionRecord, GateInput};
use casemate_report::{Assessment, html, json, markdown, sarif};

/// A directory for reports, which exists and is one.
pub(crate) struct ReportDir(PathBuf);

impl ReportDir {
    /// Makes the directory, or takes one that exists. A symbolic link is refused: it may lie in
    /// the assessed tree and lead anywhere.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) {
            bail!(
                "{} is a symbolic link; name the directory it leads to with --out",
                path.display()
            );
        }
        fs::create_dir_all(path)
            .with_context(|| format!("cannot make the report directory {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The files of the report. They are about to be replaced, so an assessment of a tree that
    /// holds them leaves them out, and nothing else beside them.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        NAMES.iter().map(|name| self.0.join(name)).collect()
    }

    /// Writes the report. Each file appears whole or not at all.
    pub(crate) fn write(
        &self,
        assessment: &Assessment,
        input: &GateInput,
        record: &DecisionRecord,
    ) -> Result<()> {
        let [page, summary, findings, log, question, decision] = NAMES;
        self.replace(page, &html::assessment(assessment))?;
        self.replace(summary, &markdown::assessment(assessment))?;
        self.replace(
            findings,
            &json::assessment(assessment, json::Layout::Pretty),
        )?;
        self.replace(log, &sarif::assessment(assessment))?;
        self.replace(question, &(serde_json::to_string_pretty(input)? + "\n"))?;
        self.replace(decision, &(serde_json::to_string_pretty(record)? + "\n"))
    }

    /// Writes beside the file and renames, so that a link or a FIFO under its name is replaced and
    /// not followed or waited for.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let beside = self.0.join(format!(".{name}.{}", std::process::id()));
        let written = File::create_new(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&beside, self.0.join(name)));
        if written.is_err() {
            // The error that counts is the first one.
            let _ = fs::remove_file(&beside);
        }
        written.with_context(|| format!("cannot write {}", self.0.join(name).display()))
    }
}

/// What a report directory holds: the page, the summary, the findings, the SARIF log, the gate's input and the
/// record of the decision.
const NAMES: [&str; 6] = [
    "index.html",
    "summary.md",
    "findings.json",
    "findings.sarif",
    "gate-input.json",
    "decision.json",
];
