//! `casemate attest claims`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::Digest;
use casemate_provenance::{ClaimLine, Claims, read_unverified};

use super::{
    Report, inventory, options,
    report::{Place, place},
    tell,
};
use crate::{
    NEGATIVE,
    cli::{Global, attest},
    commands::signing::{outputs, read_bundle, write_whole},
};

/// Puts bundles about one model into one file, one on each line. Whether anybody trusted signed them is
/// for whoever verifies the file.
pub(crate) fn run(global: &Global, arguments: &attest::Claims) -> Result<ExitCode> {
    outputs::replaces_nothing_else(&[&arguments.out], [&arguments.model], arguments.force)?;
    let mut report = Report::new(&arguments.model);
    let own: Vec<PathBuf> = [&arguments.out]
        .into_iter()
        .chain(&arguments.add)
        .cloned()
        .collect();
    let options = options(&arguments.scope, own);
    let root = match inventory(global, &arguments.model, &options, None)? {
        Ok(found) => found.manifest.root(),
        Err(reason) => {
            report.reason = Some(reason);
            return tell(global, &report, ExitCode::from(NEGATIVE));
        }
    };
    let (mut file, mut seen) = (Vec::new(), BTreeSet::new());
    for path in &arguments.add {
        for (at, bundle) in bundles(path)? {
            let (place, line) = (place(&at), on_one_line(&bundle));
            match about(&line, &root) {
                Err(why) => report.problems.push(format!("{place}: {why}")),
                Ok(()) if !seen.insert(Digest::of(&line)) => {
                    report
                        .notes
                        .push(format!("{place} is among the claims already"));
                }
                Ok(()) => {
                    file.extend_from_slice(&line);
                    file.push(b'\n');
                }
            }
        }
    }
    if !report.problems.is_empty() {
        report.reason = Some("not everything is said of this model".to_owned());
        return tell(global, &report, ExitCode::from(NEGATIVE));
    }
    write_whole(&arguments.out, &file, false)?;
    report.attested = true;
    report.says = Some(format!("{} claims in one file", seen.len()));
    report.bundle = Some(arguments.out.display().to_string());
    report.bundle_digest = Some(Digest::of(&file));
    report.root = Some(root);
    tell(global, &report, ExitCode::SUCCESS)
}

/// Why a bundle has no place among the claims about `root`; what somebody said of something else is
/// told by name.
fn about(line: &[u8], root: &Digest) -> Result<(), String> {
    let said = read_unverified(line).map_err(|problem| problem.message)?;
    let kind = said.predicate_type;
    match &said.subjects[..] {
        [Some(hex)] if *hex == root.hex() => Ok(()),
        [Some(hex)] => Err(format!(
            "{kind} is about sha256:{hex}, and the model is {root}"
        )),
        [None] => Err(format!("{kind} has no sha256 digest of what it is about")),
        many => Err(format!(
            "{kind} is about {} subjects, and a claim is about the model alone",
            many.len()
        )),
    }
}

/// The bundles of a file, with where they are: of a claims file every line, of any other file what it is as a
/// whole.
pub(crate) fn bundles(path: &Path) -> Result<Vec<(Place, Vec<u8>)>> {
    let whole = read_bundle(path, "attestation")?;
    let file = || path.display().to_string();
    let alone = |bytes: Vec<u8>| {
        let place = Place {
            file: file(),
            line: None,
        };
        vec![(place, bytes)]
    };
    let first = whole.split(|&b| b == b'\n').next().unwrap_or_default();
    if first.len() == whole.len() {
        return Ok(alone(whole));
    }
    if !is_json(first) {
        return Ok(alone(whole));
    }
    let Claims { lines, problems } =
        Claims::read(&mut &*whole).with_context(|| format!("cannot read {}", file()))?;
    if let Some(problem) = problems.first() {
        let line = problem.line.unwrap_or(1);
        bail!("{}:{line}: {}", file(), problem.message);
    }
    let place = |line: ClaimLine| {
        let place = Place {
            file: file(),
            line: Some(line.number),
        };
        (place, line.bytes)
    };
    Ok(lines.into_iter().map(place).collect())
}

/// The same JSON with spaces for the line breaks, which stand between its values alone. What is no JSON is left as
/// it is, and stays none.
fn on_one_line(json: &[u8]) -> Vec<u8> {
    if !is_json(json) {
        return json.to_vec();
    }
    let plain = |b: u8| if matches!(b, b'\n' | b'\r') { b' ' } else { b };
    json.iter().copied().map(plain).collect()
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
