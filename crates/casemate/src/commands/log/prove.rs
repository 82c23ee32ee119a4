//! `casemate log prove`.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use casemate_core::{Claim, Digest};
use casemate_ledger::{
    TlogProof,
    disk::Folder,
    log::{Log, LogError},
    record,
};

use super::{open, refused};
use crate::{
    NEGATIVE,
    cli::{self, Global},
    commands::signing::read_long,
    output,
};

/// Writes a proof.
pub(crate) fn run(global: &Global, arguments: &cli::Prove) -> Result<ExitCode> {
    let log = open(&arguments.dir)?;
    let wanted = Wanted::of(&arguments.which)?;
    let embed = arguments.embed || matches!(wanted, Wanted::Signature(_));
    let proof = match refused(prove(&log, &wanted, embed).map_err(Into::into))? {
        Ok(Some(proof)) => proof,
        Ok(None) => {
            output::print(match wanted {
                Wanted::Signature(_) => "no record names this signature\n",
                _ => "no entry has this digest\n",
            })?;
            return Ok(ExitCode::from(NEGATIVE));
        }
        Err(error) => {
            output::print(&format!("{error}\n"))?;
            return Ok(ExitCode::from(NEGATIVE));
        }
    };
    fs::write(&arguments.out, proof.to_string())
        .with_context(|| arguments.out.display().to_string())?;
    let (index, size) = (proof.index, log.checkpoint().size());
    output::hint(
        global,
        &format!(
            "entry {index} of {size} is proven by {}",
            arguments.out.display()
        ),
    );
    Ok(ExitCode::SUCCESS)
}

/// Which entry is to be proven.
enum Wanted {
    Index(u64),
    /// That of these bytes.
    Entry(Digest),
    /// The record of the bundle with this digest.
    Signature(Digest),
}

impl Wanted {
    fn of(which: &cli::Which) -> Result<Self> {
        Ok(match (which.index, which.digest, &which.bundle) {
            (Some(index), ..) => Self::Index(index),
            (None, Some(digest), _) => Self::Entry(digest),
            (None, None, Some(file)) => Self::Signature(Digest::of(&read_long(file, "signature")?)),
            (None, None, None) => unreachable!("the arguments ask for one"),
        })
    }

    fn is(&self, entry: &[u8]) -> bool {
        match self {
            Self::Index(_) => false,
            Self::Entry(digest) => Digest::of(entry) == *digest,
            Self::Signature(digest) => match record::read(entry).map(|record| record.claim) {
                Some(Claim::Attestation { statements }) => {
                    statements.iter().any(|it| it.bundle == *digest)
                }
                _ => false,
            },
        }
    }
}

/// The proof of the first entry that is wanted, with the entry in it if that is asked for.
fn prove(log: &Log<Folder>, wanted: &Wanted, embed: bool) -> Result<Option<TlogProof>, LogError> {
    let mut found = match wanted {
        Wanted::Index(index) => Some(*index),
        _ => None,
    };
    if found.is_none() {
        let all = 0..log.checkpoint().size();
        log.entries(all, |index, entry| -> Result<(), LogError> {
            if found.is_none() && wanted.is(entry) {
                found = Some(index);
            }
            Ok(())
        })?;
    }
    let Some(index) = found else {
        return Ok(None);
    };
    let mut proof = log.prove(index)?;
    if embed {
        proof.extra = Some(log.entry(index)?);
    }
    Ok(Some(proof))
}
