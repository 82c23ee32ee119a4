//! `casemate attest test-result`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::Result;
use casemate_artifact::{Limits, examine};
use casemate_attest::ResourceDescriptor;
use casemate_core::{Digest, Source};
use casemate_provenance::{
    Inventory,
    predicate::test_result::{TestOutcome, TestResult as Said},
};

use super::{Author, Report, inventory, known, options, tell};
use crate::{
    NEGATIVE,
    cli::{Global, attest::TestResult},
    commands::signing::sign::objection,
    config,
};

/// Judges every file of a model while it is digested, and says what came of it.
pub(crate) fn run(global: &Global, arguments: &TestResult) -> Result<ExitCode> {
    let files = &arguments.allow.files;
    let read = [&arguments.model].into_iter().chain(files);
    let author = Author::new(&arguments.statement, read)?;
    let outputs: Vec<PathBuf> = [Some(&arguments.statement.bundle), arguments.claims.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let options = options(&arguments.statement.scope, outputs);
    let allowlist = config::allowlist(files)?;
    let limits = Limits::default();
    // What is clean by the caller's own word alone.
    let allowed = Mutex::new(Vec::new());
    let judge = |name: &str, content: &dyn Source| {
        let examination = examine(content, &allowlist, &limits);
        let objection = objection(&examination);
        if objection.is_none() && examination.allowances().is_some() {
            let mut allowed = allowed.lock().unwrap_or_else(|it| it.into_inner());
            allowed.push(name.to_owned());
        }
        objection
    };
    let mut report = Report::new(&arguments.model);
    let found = match inventory(global, &arguments.model, &options, Some(&judge))? {
        Ok(found) => found,
        Err(reason) => {
            report.reason = Some(reason);
            return tell(global, &report, ExitCode::from(NEGATIVE));
        }
    };
    let allowed = allowed.into_inner().unwrap_or_else(|it| it.into_inner());
    let said = Said::new(configuration(files)?, sorted(&found, &allowed));
    report.problems = found
        .objections
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    report.problems.sort();
    report.notes.extend(found.notes);
    if lies_in(&arguments.statement.bundle, &arguments.model) {
        let told = "the bundle is in the model, and nobody signed it: name it with --bundle or --claims to `verify`, or move it";
        report.notes.push(told.to_owned());
    }
    author.write(known(&found.manifest), &said, &mut report)?;
    let code = match said.result {
        TestOutcome::Passed | TestOutcome::Warned => ExitCode::SUCCESS,
        TestOutcome::Failed => ExitCode::from(NEGATIVE),
    };
    tell(global, &report, code)
}

/// Whether what is written is below a directory.
fn lies_in(output: &Path, directory: &Path) -> bool {
    let parent = output.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    let directory = directory.canonicalize();
    parent.is_ok_and(|it| directory.is_ok_and(|directory| it.starts_with(directory)))
}

/// The files that are clean, that are by the caller's word, and that are not.
fn sorted(found: &Inventory, allowed: &[String]) -> [Vec<String>; 3] {
    // A model that is one file has it under a name of its own.
    let own = |name: &str| match name {
        "." => found.manifest.name.clone(),
        name => name.to_owned(),
    };
    let failed: Vec<String> = found
        .objections
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let warned: Vec<String> = allowed.iter().map(|name| own(name)).collect();
    let mut passed: Vec<String> = found
        .manifest
        .resources
        .iter()
        .map(|it| own(&it.name))
        .collect();
    let (not_clean, by_word) = (sets(&failed), sets(&warned));
    passed.retain(|name| !not_clean.contains(name) && !by_word.contains(name));
    [passed, warned, failed]
}

fn sets(names: &[String]) -> std::collections::BTreeSet<String> {
    names.iter().cloned().collect()
}

/// What the files were judged with: this version, whose own allowlist is a part of it, and the caller's.
fn configuration(allow: &[PathBuf]) -> Result<Vec<ResourceDescriptor>> {
    let program = format!("casemate {}", env!("CARGO_PKG_VERSION"));
    let built_in = casemate_artifact::Allowlist::builtin_digest();
    let mut all = vec![ResourceDescriptor {
        name: Some(program),
        ..ResourceDescriptor::default()
    }];
    all.push(ResourceDescriptor::of("built-in allowlist", &built_in));
    for path in allow {
        let text = config::read_bounded(path)?;
        let name = path
            .file_name()
            .unwrap_or(Path::new("allowlist").as_os_str());
        let name = name.to_string_lossy().into_owned();
        all.push(ResourceDescriptor::of(name, &Digest::of(text.as_bytes())));
    }
    Ok(all)
}
