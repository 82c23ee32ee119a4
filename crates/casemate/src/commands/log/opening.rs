//! `casemate log open`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use casemate_core::Record;
use casemate_ledger::{
    disk::Folder,
    log::{Log, LogError},
    record,
    tile::MAX_ENTRY,
};

use super::{evidence::read_secret, open, read, refused, report::Opened, tell_refusal};
use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    output,
};

/// Shows that an entry is the seal of a record.
pub(crate) fn run(global: &Global, arguments: &cli::Open) -> Result<ExitCode> {
    let record = shown(arguments)?;
    let salt = match (&arguments.with.secret, &arguments.with.salt) {
        (Some(file), _) => read_secret(file)?.salt(&record.to_json()),
        (None, Some(hex)) => salt(hex).context("a salt is 64 hexadecimal digits")?,
        (None, None) => unreachable!("the arguments ask for either"),
    };
    let log = open(&arguments.dir)?;
    let is_seal =
        |entry: &[u8]| record::read(entry).is_some_and(|sealed| sealed.is_seal_of(&record, &salt));
    let found = match refused(find(&log, arguments.index, &is_seal).map_err(Into::into))? {
        Ok(found) => found,
        Err(error) => {
            return tell_refusal(global, "nothing is opened", error.to_string());
        }
    };
    let hex: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    let opened = Opened {
        schema: "casemate/log-opening/v1",
        index: found,
        opened: found.is_some(),
        salt: found.map(|_| hex.clone()),
    };
    match (global.format, found) {
        (Format::Json, _) => output::print_json(&opened)?,
        (_, Some(index)) => output::print(&format!(
            "entry {index} is the seal of this record\nsalt {hex}\n"
        ))?,
        (_, None) => output::print("no entry that was looked at is the seal of this record\n")?,
    }
    Ok(match found {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::from(NEGATIVE),
    })
}

/// The seal: the entry at this index, if it is, or else the first that is.
fn find(
    log: &Log<Folder>,
    index: Option<u64>,
    is_seal: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<u64>, LogError> {
    if let Some(index) = index {
        let entry = log.entry(index)?;
        return Ok(is_seal(&entry).then_some(index));
    }
    let mut found = None;
    let all = 0..log.checkpoint().size();
    log.entries(all, |index, entry| -> Result<(), LogError> {
        if found.is_none() && is_seal(entry) {
            found = Some(index);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The record that somebody shows, with or without a line feed behind it.
fn shown(arguments: &cli::Open) -> Result<Record> {
    let bytes = read(&arguments.record, MAX_ENTRY as u64 + 1)?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    match record::read(bytes) {
        Some(record) => Ok(record),
        None => bail!("{} is no record", arguments.record.display()),
    }
}

fn salt(hex: &str) -> Option<[u8; 32]> {
    let mut salt = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in salt.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(salt)
}
