//! `casemate log prove`.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use casemate_core::Digest;
use casemate_ledger::{
    disk::Folder,
    log::{Log, LogError},
};

use super::{is_verdict, open};
use crate::{
    NEGATIVE,
    cli::{self, Global},
    output,
};

/// Writes a proof.
pub(crate) fn run(global: &Global, arguments: &cli::Prove) -> Result<ExitCode> {
    let log = open(&arguments.dir)?;
    let proof = index(&log, &arguments.which)
        .and_then(|index| index.map(|index| log.prove(index)).transpose());
    let proof = match proof {
        Ok(Some(proof)) => proof,
        Ok(None) => {
            output::print("no entry has this digest\n")?;
            return Ok(ExitCode::from(NEGATIVE));
        }
        Err(error) if is_verdict(&error) => {
            output::print(&format!("{error}\n"))?;
            return Ok(ExitCode::from(NEGATIVE));
        }
        Err(error) => return Err(error.into()),
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

fn index(log: &Log<Folder>, which: &cli::Which) -> Result<Option<u64>, LogError> {
    let Some(digest) = which.digest else {
        return Ok(which.index);
    };
    let mut found = None;
    log.entries(
        0..log.checkpoint().size(),
        |index, entry| -> Result<(), LogError> {
            if found.is_none() && Digest::of(entry) == digest {
                found = Some(index);
            }
            Ok(())
        },
    )?;
    Ok(found)
}
