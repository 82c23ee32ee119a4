//! `casemate log attest`, and what `casemate sign --log` does.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_attest::SigningKey;
use casemate_core::{Clock, Digest, Record, SignedStatement};
use casemate_ledger::{TlogProof, disk::Folder, log::Writer, note::Scheme, proof::MAX_PROOF};
use casemate_provenance::about;

use super::{
    evidence::producer, open_writer, origin, read, read_key, refused, report::Attested, signer,
    tell_refusal,
};
use crate::{
    cli::{self, Format, Global},
    clock,
    commands::signing::{read_bundle, verify::read_claims, write_whole},
    output,
};

/// Logs that signatures exist.
pub(crate) fn run(global: &Global, arguments: &cli::Attest) -> Result<ExitCode> {
    let key = read_key(&arguments.key.key)?;
    let dir = arguments.dir.display().to_string();
    let (mut artifact, mut statements) = (None, Vec::new());
    let refuse = |place: &str, why: &str| {
        let why = format!("{place}: {why}");
        tell_refusal(global, "nothing is logged", why)
    };
    for (place, bytes) in bundles(arguments)? {
        let (digest, predicate_type) = match about(&bytes) {
            Ok(about) => about,
            Err(why) => return refuse(&place, &why.message),
        };
        if *artifact.get_or_insert(digest) != digest {
            return refuse(
                &place,
                "it is about another artifact than the one before it",
            );
        }
        statements.push(SignedStatement {
            predicate_type,
            bundle: Digest::of(&bytes),
        });
    }
    let artifact = artifact.context("there is no statement to log")?;
    may_be_written(&arguments.proof)?;
    let place = match refused(Place::open(&arguments.dir, &key))? {
        Ok(place) => place,
        Err(error) => return refuse(&dir, &error.to_string()),
    };
    let clock = clock::of(global)?;
    let logged = place.append(artifact, statements, &*clock, &arguments.proof);
    let attested = match refused(logged)? {
        Ok(attested) => attested,
        Err(error) => return refuse(&dir, &error.to_string()),
    };
    match global.format {
        Format::Json => output::print_json(&attested)?,
        _ => output::print(&format!("{}\n", attested.describe()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Every bundle that is named, by itself or in a claims file, with where it is.
fn bundles(arguments: &cli::Attest) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    for file in &arguments.bundle {
        all.push((file.display().to_string(), read_bundle(file, "signature")?));
    }
    if let Some(file) = &arguments.claims {
        let shown = file.display();
        let claims = read_claims(file);
        if let Some(problem) = claims.problems.first() {
            bail!("cannot use all of the claims {shown}: {}", problem.message);
        }
        let lines = claims.lines.into_iter();
        all.extend(lines.map(|line| (format!("{shown}, line {}", line.number), line.bytes)));
    }
    Ok(all)
}

/// Refuses to write over what is no proof.
pub(super) fn may_be_written(path: &Path) -> Result<()> {
    let Ok(metadata) = path.symlink_metadata() else {
        return Ok(());
    };
    if !metadata.is_file() {
        bail!("{} is there, and no regular file", path.display());
    }
    let bytes = read(path, MAX_PROOF as u64)?;
    match TlogProof::parse(&bytes) {
        Ok(_) => Ok(()),
        Err(_) => bail!(
            "{} is there, and no proof that could be replaced",
            path.display()
        ),
    }
}

/// A log that is held to be written to, with its key.
pub(crate) struct Place<'a> {
    writer: Writer<Folder>,
    key: &'a SigningKey,
}

impl<'a> Place<'a> {
    /// Opens the log, which must be one that this key signs for.
    pub(crate) fn open(dir: &Path, key: &'a SigningKey) -> Result<Self> {
        let writer = open_writer(dir)?;
        let signer = signer(origin(writer.log()), Scheme::Ed25519, key)?;
        writer
            .check_key(&signer)
            .with_context(|| dir.display().to_string())?;
        Ok(Self { writer, key })
    }

    /// Appends the record that statements about an artifact exist, under a new checkpoint, and writes the
    /// proof with the record in it.
    pub(crate) fn append(
        mut self,
        artifact: Digest,
        statements: Vec<SignedStatement>,
        clock: &dyn Clock,
        proof: &Path,
    ) -> Result<Attested> {
        // The time is taken behind the lock, so that two runs cannot record in the wrong order.
        let record = Record::of_statements(artifact, statements, clock.now(), producer());
        let (entry, index) = (record.to_json(), self.writer.next());
        self.writer.push(&entry)?;
        let name = origin(self.writer.log()).to_owned();
        self.writer
            .commit(&signer(&name, Scheme::Ed25519, self.key)?)?;
        let mut proven = self.writer.log().prove(index)?;
        proven.extra = Some(entry);
        write_whole(proof, proven.to_string().as_bytes(), false)?;
        Ok(Attested {
            schema: "casemate/log-attestation/v1",
            origin: name,
            index,
            size: self.writer.log().checkpoint().size(),
            artifact,
            proof: proof.display().to_string(),
        })
    }
}
