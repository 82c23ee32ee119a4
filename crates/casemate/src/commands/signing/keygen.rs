//! `casemate keygen`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_core::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::write_whole;
use crate::{
    cli::{Format, Global, signing::Keygen},
    output,
};

/// What `casemate keygen` made, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.keys/1`.
    schema: &'static str,
    /// The file of the private key.
    private: String,
    /// Whether it is encrypted.
    encrypted: bool,
    /// The file of the public key.
    public: String,
    /// What the key signs with.
    algorithm: KeyAlgorithm,
    /// The digest of the public key's `SubjectPublicKeyInfo`.
    id: Digest,
}

/// Makes a pair of keys.
pub(crate) fn run(global: &Global, arguments: &Keygen) -> Result<ExitCode> {
    let private = &arguments.out;
    let public = match private.extension() {
        Some(extension) if extension == "key" => private.with_extension("pub"),
        _ => private.with_added_extension("pub"),
    };
    for path in [private, &public] {
        if path.symlink_metadata().is_ok() && !arguments.force {
            bail!("{} exists; --force replaces it", path.display());
        }
    }
    let passphrase = match arguments.no_passphrase {
        true => None,
        false => Some(match arguments.passphrase.given()? {
            Some(given) => given,
            None => arguments.passphrase.chosen()?,
        }),
    };
    if passphrase.as_ref().is_some_and(|it| it.is_empty()) {
        bail!("the pass phrase is empty; --no-passphrase makes a key without one");
    }
    let key = SigningKey::generate(arguments.algorithm)?;
    let phrase = passphrase.as_ref().map(|it| it.as_bytes());
    let pem = key.to_pem(phrase).context("cannot write the key down")?;
    write_whole(private, pem.as_bytes(), true)?;
    write_whole(&public, key.public().to_pem().as_bytes(), false)?;
    let shown = |path: &Path| path.display().to_string();
    let report = Report {
        schema: "casemate.keys/1",
        private: shown(private),
        encrypted: passphrase.is_some(),
        public: shown(&public),
        algorithm: arguments.algorithm,
        id: key.public().id(),
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&format!(
            "{}  the private key ({}{}): keep it\n{}  the public key: give it to whoever verifies\n{}\n",
            report.private,
            report.algorithm,
            if report.encrypted {
                ", encrypted"
            } else {
                ", not encrypted"
            },
            report.public,
            report.id,
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
