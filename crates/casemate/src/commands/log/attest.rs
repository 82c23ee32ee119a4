//! `casemate log attest`, and what `casemate sign --log` does.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_attest::SigningKey;
use casemate_core::{Clock, Digest, Record, SignedStatement};
use casemate_ledger::{TlogProof, disk::Folder, log::Writer, note::Scheme, proof::MAX_PROOF};
use casemate_provenance::about;

use super::{
    evidence::producer, open_writer, origin, read, read_key, refused, report::Attested, signer,
};
use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    clock,
    commands::signing::{read_long, write_whole},
    output,
};

/// Logs that signatures exist.
pub(crate) fn run(global: &Global, arguments: &cli::Attest) -> Result<ExitCode> {
    let key = read_key(&arguments.key.key)?;
    let (mut artifact, mut statements) = (None, Vec::new());
    let refuse = |file: &Path, why: &str| {
        let told = format!("nothing is logged: {}: {why}\n", file.display());
        output::print(&casemate_report::sanitise(&told))?;
        Ok(ExitCode::from(NEGATIVE))
    };
    for file in &arguments.bundle {
        let bytes = read_long(file, "signature")?;
        let (digest, predicate_type) = match about(&bytes) {
            Ok(about) => about,
            Err(why) => return refuse(file, &why),
        };
        if *artifact.get_or_insert(digest) != digest {
            return refuse(file, "it is about another artifact than the one before it");
        }
        statements.push(SignedStatement {
            predicate_type,
            bundle: Digest::of(&bytes),
        });
    }
    let artifact = artifact.context("no bundle is given")?;
    may_be_written(&arguments.proof)?;
    let place = match refused(Place::open(&arguments.dir, &key))? {
        Ok(place) => place,
        Err(error) => return refuse(&arguments.dir, &error.to_string()),
    };
    let clock = clock::of(global)?;
    let logged = place.append(artifact, statements, &*clock, &arguments.proof);
    let attested = match refused(logged)? {
        Ok(attested) => attested,
        Err(error) => return refuse(&arguments.dir, &error.to_string()),
    };
    match global.format {
        Format::Json => output::print_json(&attested)?,
        _ => output::print(&format!("{}\n", attested.describe()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over what is no proof.
fn may_be_written(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
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
