//! `casemate policy bundle`.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_attest::{ResourceDescriptor, Signer};
use casemate_core::Digest;
use casemate_policy::{Bundle, Layer, SignedFiles, verify_signed};
use casemate_provenance::predicate::policy::PolicyBundle;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    NEGATIVE,
    cli::{Format, Global, policy},
    clock,
    commands::signing::{chain, key, outputs, read, write_whole},
    output, policies,
};

/// What was packed or verified.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.policy-bundle/1`.
    schema: &'static str,
    /// Whether it is written, or is what somebody trusted signed.
    ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The archive.
    bundle: String,
    /// The digest of the archive.
    digest: Digest,
    /// The digest of the modules and data, which is that of the directory too.
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<Digest>,
    /// The digest that records of its decisions have.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Digest>,
    /// What whoever packed it calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// The signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// Who signed, of those who are trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signers: Vec<Signer>,
    /// What OPA's signature in the archive says.
    #[serde(skip_serializing_if = "Option::is_none")]
    opa: Option<OpaSignature>,
    /// What is left out, or was not looked at.
    notes: Vec<String>,
}

/// A signature that OPA made, in `.signatures.json`.
#[derive(Debug, Serialize, JsonSchema)]
struct OpaSignature {
    /// How it is signed: `RS256`.
    algorithm: String,
    /// The file of the key that made it, or of keys of which one did.
    keys: String,
    /// What its signer calls the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Who made it, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// What it is for, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// How many files it is about: all that there are.
    files: usize,
}

/// Packs a policy, or verifies an archive of one.
pub(super) fn run(global: &Global, arguments: &policy::Bundle) -> Result<ExitCode> {
    let report = match &arguments.verify {
        Some(file) => verified(global, arguments, file)?,
        None => packed(arguments)?,
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print_lines(&report.text())?,
    }
    Ok(match report.ok {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    })
}

fn packed(arguments: &policy::Bundle) -> Result<Report> {
    let dir = arguments.dir.as_deref().context("a directory to pack")?;
    let out = arguments.out.as_deref().context("--out FILE")?;
    let signature = policies::signature_of(out);
    let signer = arguments.signer();
    let read = signer.iter().map(|signer| &signer.key);
    outputs::replaces_nothing_else(&[out], read, true)?;
    if !arguments.force {
        is_archive_or_new(out)?;
    }
    let author = match &signer {
        Some(signer) => {
            let key = key(signer)?;
            let chain = chain(signer, &*key)?;
            outputs::may_be_written(&[&signature], [], signer, arguments.force)?;
            Some((key, chain))
        }
        None => None,
    };
    let layer = policies::layer(dir)?;
    let (bytes, bundle) = Bundle::pack(&layer, arguments.revision.as_deref())
        .with_context(|| format!("in the policy {}", dir.display()))?;
    let packed = Layer::of_archive(&bytes)?;
    let digest = Digest::of(&bytes);
    let signed = match &author {
        Some((key, chain)) => {
            let said = PolicyBundle {
                contents: packed.digest().to_string(),
                policy: bundle.digest().to_string(),
                revision: packed.revision().map(str::to_owned),
            };
            let name = out.file_name().unwrap_or_default().to_string_lossy();
            let about = ResourceDescriptor::of(name, &digest);
            Some(casemate_provenance::attest(about, &said, &**key, chain)?.to_json())
        }
        None => None,
    };
    write_whole(out, &bytes, false)?;
    if let Some(json) = &signed {
        write_whole(&signature, json, false)?;
    }
    Ok(Report {
        contents: Some(packed.digest()),
        policy: Some(bundle.digest()),
        revision: packed.revision().map(str::to_owned),
        signature: signed.map(|_| signature.display().to_string()),
        notes: layer.notes().to_vec(),
        ..Report::new(out, digest)
    })
}

/// Refuses to replace what is no earlier archive: a module of the policy, or a key.
fn is_archive_or_new(out: &Path) -> Result<()> {
    let mut head = Vec::new();
    match File::open(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.and_then(|file| file.take(2).read_to_end(&mut head)),
    }
    .with_context(|| format!("cannot look at {}, which is there", out.display()))?;
    if !head.is_empty() && head != GZIP {
        bail!("{} is no archive; --force replaces it", out.display());
    }
    Ok(())
}

fn verified(global: &Global, arguments: &policy::Bundle, file: &Path) -> Result<Report> {
    let bytes = policies::archive(file)?;
    let signed = match (&arguments.trust_store, &arguments.verification_key) {
        (Some(store), _) => by_store(global, arguments, (file, &bytes), store)?,
        (None, Some(key)) => by_key(arguments, (file, &bytes), key)?,
        (None, None) => bail!("whose signature counts? --trust-store, or --verification-key"),
    };
    let refused = |reason: String| Report {
        ok: false,
        reason: Some(reason),
        ..Report::new(file, Digest::of(&bytes))
    };
    let report = match signed {
        Ok(report) => report,
        Err(why) => return Ok(refused(why)),
    };
    // Who signs what nobody can load signed nothing of use.
    let layer = Layer::of_archive(&bytes).map(|layer| match report.opa {
        Some(_) => layer.with_signature_verified(),
        None => layer,
    });
    let loaded = layer.and_then(|layer| Ok((layer.clone(), Bundle::over_builtin(layer)?)));
    let (layer, bundle) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return Ok(refused(error.to_string())),
    };
    Ok(Report {
        contents: Some(layer.digest()),
        policy: Some(bundle.digest()),
        revision: layer.revision().map(str::to_owned),
        notes: layer.notes().to_vec(),
        ..report
    })
}

/// Whether somebody whom the store names signed the archive as one; or why not.
fn by_store(
    global: &Global,
    arguments: &policy::Bundle,
    (file, bytes): (&Path, &[u8]),
    store: &Path,
) -> Result<Result<Report, String>> {
    let own = policies::signature_of(file);
    let signature = arguments.signature.as_ref().unwrap_or(&own);
    let now = clock::of(global)?.now();
    let evidence = policies::verify(bytes, signature, store, now);
    Ok(evidence.map(|evidence| Report {
        signature: Some(signature.display().to_string()),
        signers: evidence.signers,
        ..Report::new(file, Digest::of(bytes))
    }))
}

/// Whether the key signed the files of the archive, as OPA has it; or why not.
fn by_key(
    arguments: &policy::Bundle,
    (file, bytes): (&Path, &[u8]),
    key: &Path,
) -> Result<Result<Report, String>> {
    let keys = read(key, "verification key")?;
    let named = || format!("the verification key {} is no text", key.display());
    let keys = String::from_utf8(keys).with_context(named)?;
    let signed = verify_signed(bytes, &keys, arguments.scope.as_deref());
    let report = |signed: SignedFiles| Report {
        signature: Some(".signatures.json".to_owned()),
        opa: Some(OpaSignature {
            algorithm: signed.algorithm,
            keys: key.display().to_string(),
            key: signed.key,
            issuer: signed.issuer,
            scope: signed.scope,
            files: signed.files,
        }),
        ..Report::new(file, Digest::of(bytes))
    };
    Ok(signed.map(report).map_err(|error| error.to_string()))
}

impl Report {
    fn new(bundle: &Path, digest: Digest) -> Self {
        Self {
            schema: "casemate.policy-bundle/1",
            ok: true,
            reason: None,
            bundle: bundle.display().to_string(),
            digest,
            contents: None,
            policy: None,
            revision: None,
            signature: None,
            signers: Vec::new(),
            opa: None,
            notes: Vec::new(),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![match &self.reason {
            Some(reason) => format!("{} is not verified: {reason}", self.bundle),
            None => format!("{}  {}", self.bundle, self.digest),
        }];
        lines.extend(self.contents.map(|it| format!("  contents   {it}")));
        lines.extend(self.policy.map(|it| format!("  policy     {it}")));
        lines.extend(self.revision.iter().map(|it| format!("  revision   {it}")));
        lines.extend(self.signature.iter().map(|it| format!("  signature  {it}")));
        let signers = self.signers.iter();
        lines.extend(signers.map(|it| format!("  signed by  {}", it.name)));
        let opa = self.opa.iter();
        lines.extend(opa.map(|it| format!("  signed by  {} ({})", it.keys, it.algorithm)));
        lines.extend(self.notes.iter().map(|it| format!("  note: {it}")));
        lines.join("\n") + "\n"
    }
}

/// How an archive begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
