//! `casemate log prove`.

use std::process::ExitCode;

use anyhow::Result;
use casemate_core::{Claim, Digest};
use casemate_ledger::{
    TlogProof,
    disk::Folder,
    log::{Log, LogError},
    record,
};

use super::{attest::may_be_written, open, refused, tell_refusal};
use crate::{
    cli::{self, Global},
    commands::signing::{read_bundle, write_whole},
    output,
};

/// Writes a proof.
pub(crate) fn run(global: &Global, arguments: &cli::Prove) -> Result<ExitCode> {
    may_be_written(&arguments.out)?;
    let log = open(&arguments.dir)?;
    let wanted = Wanted::of(&arguments.which)?;
    let embed = arguments.embed || matches!(wanted, Wanted::Signature(_));
    let proof = match refused(prove(&log, &wanted, embed).map_err(Into::into))? {
        Ok(Some(proof)) => proof,
        Ok(None) => {
            let told = match wanted {
                Wanted::Signature(_) => "no record names this signature",
                _ => "no entry has this digest",
            };
            return tell_refusal(global, "nothing is proven", told.to_owned());
        }
        Err(error) => return tell_refusal(global, "nothing is proven", error.to_string()),
    };
    write_whole(&arguments.out, proof.to_string().as_bytes(), false)?;
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
            (None, None, Some(file)) => {
                Self::Signature(Digest::of(&read_bundle(file, "signature")?))
            }
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
