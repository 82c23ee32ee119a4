//! What is signed, for the sensor: models with a `model.sig` in their folder (OpenSSF Model Signing).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use casemate_attest::TrustStore;
use casemate_core::Clock;
use casemate_provenance::{Meter, Verdict, VerifyOptions, verify};
use casemate_sensor::live::{Verifier, Vouched};

use crate::commands::signing;

/// Verifies models by trust stores, at the present moment.
pub(super) struct Models(pub(super) Box<dyn Clock>);

impl Verifier for Models {
    fn signed(&self, trust_store: &Path, folder: &Path) -> Vouched {
        let mut vouched = Vouched::default();
        let trust = match signing::trust(None, &[], Some(trust_store)) {
            Ok(trust) => trust,
            Err(error) => {
                vouched.notes.push(format!("{error:#}"));
                return vouched;
            }
        };
        let found = match signed_models(folder) {
            Ok(found) => found,
            Err(error) => {
                vouched.notes.push(format!("{error:#}"));
                return vouched;
            }
        };
        if found.is_empty() {
            let note = format!(
                "nothing in {} is signed: there is no {SIGNATURE}",
                folder.display()
            );
            vouched.notes.push(note);
        }
        for model in found {
            match self.verify(&model, &trust) {
                Ok(verdict) if verdict.class.is_success() => {
                    let resources = verdict.manifest.iter().flat_map(|it| &it.resources);
                    let files = resources.map(|it| model.join(&it.name));
                    vouched.files.extend(files);
                    vouched.files.push(model.join(SIGNATURE));
                }
                Ok(verdict) => {
                    let problem = verdict.problems.first().map_or("", |it| &it.message);
                    let class = verdict.class.as_str();
                    vouched.notes.push(format!(
                        "{} is not signed: {class}: {problem}",
                        model.display()
                    ));
                }
                Err(error) => vouched
                    .notes
                    .push(format!("{} is not signed: {error:#}", model.display())),
            }
        }
        vouched
    }
}

impl Models {
    /// What there is to say of the model in a folder.
    pub(super) fn verify(&self, model: &Path, trust: &TrustStore) -> Result<Verdict> {
        let path = model.join(SIGNATURE);
        let bundle = signing::read_bundle(&path, "signature")?;
        let options = VerifyOptions {
            bundles: vec![path],
            ..VerifyOptions::default()
        };
        Ok(verify(
            model,
            &[bundle],
            trust,
            &options,
            self.0.now(),
            &Meter::default(),
        ))
    }
}

/// Folders with a signature in them. What is in one is part of it, and not looked at.
fn signed_models(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    each_folder(folder, &mut |folder| {
        let is_signed = folder.join(SIGNATURE).is_file();
        if is_signed {
            found.push(folder.to_owned());
        }
        Ok(is_signed)
    })?;
    Ok(found)
}

/// Goes through a folder and those in it, in the order of their names and without following links, until somebody says to leave out
/// what is in one. A folder that cannot be read is an error: what is in it is not known.
pub(super) fn each_folder(
    folder: &Path,
    is_enough: &mut dyn FnMut(&Path) -> Result<bool>,
) -> Result<()> {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if is_enough(&folder)? {
            continue;
        }
        let mut inner = Vec::new();
        for entry in entries(&folder)? {
            if entry.file_type()?.is_dir() {
                inner.push(entry.path());
            }
        }
        inner.sort_by(|a, b| b.cmp(a));
        open.extend(inner);
    }
    Ok(())
}

/// What is in a folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let cannot = || format!("cannot read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(cannot)?;
    entries.collect::<std::io::Result<_>>().with_context(cannot)
}

/// What model-signing calls the signature of the folder that it is in.
pub(super) const SIGNATURE: &str = "model.sig";
