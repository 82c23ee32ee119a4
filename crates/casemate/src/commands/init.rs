//! `casemate init`.

use std::{fs::File, io::Write, path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{cli::Global, output};

/// Writes the commented configuration to a new file.
pub(crate) fn run(global: &Global, file: &Path) -> Result<ExitCode> {
    File::create_new(file)
        .and_then(|mut file| file.write_all(TEMPLATE.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    output::hint(
        global,
        &format!(
            "wrote {0}; use it with `casemate assess --config {0}`",
            file.display()
        ),
    );
    Ok(ExitCode::SUCCESS)
}

const TEMPLATE: &str = include_str!("../../../../content/casemate.toml");
