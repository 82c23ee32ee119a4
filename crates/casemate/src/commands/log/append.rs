//! `casemate log append`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result};
use casemate_ledger::{
    Hash,
    log::LogError,
    note::Scheme,
    tile::{LongEntry, MAX_ENTRY},
};

use super::{open_writer, origin, read_key, refused, report, signer};
use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    output,
};

/// Appends files or lines.
pub(crate) fn run(global: &Global, arguments: &cli::Append) -> Result<ExitCode> {
    let key = arguments.key.as_deref().map(read_key).transpose()?;
    let mut writer = match refused(open_writer(&arguments.dir))? {
        Ok(writer) => writer,
        Err(error) => return refuse(&error),
    };
    let name = origin(writer.log()).to_owned();
    let signer = key
        .as_ref()
        .map(|key| signer(&name, Scheme::Ed25519, key))
        .transpose()?;
    let first = writer.next();
    let mut count = 0;
    let mut staged = Vec::new();
    for file in &arguments.files {
        let taken = each(file, arguments.lines, |entry| {
            if entry.len() > MAX_ENTRY {
                let (index, error) = (first + count, LongEntry(entry.len()));
                return Err(LogError::Long { index, error }.into());
            }
            count += 1;
            match signer {
                Some(_) => writer.push(entry)?,
                None => staged.push(entry.to_vec()),
            }
            Ok(())
        });
        if let Err(error) = refused(taken)? {
            return refuse(&error);
        }
    }
    let head = match &signer {
        Some(signer) => {
            let committed = writer
                .commit(signer)
                .with_context(|| arguments.dir.display().to_string())?;
            report::Head::of(&committed.checkpoint)
        }
        None => {
            let head = report::Head::of(writer.log().checkpoint());
            let taken = writer.stage(&staged).map_err(Into::into);
            if let Err(error) = refused(taken)? {
                return refuse(&error);
            }
            head
        }
    };
    tell(global, first, count, signer.is_none(), head)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells why a log took nothing.
fn refuse(error: &LogError) -> Result<ExitCode> {
    output::print(&format!("nothing is appended: {error}\n"))?;
    Ok(ExitCode::from(NEGATIVE))
}

fn tell(global: &Global, first: u64, count: u64, pending: bool, head: report::Head) -> Result<()> {
    if global.format == Format::Json {
        return output::print_json(&report::Appended {
            schema: "casemate/log-append/v1",
            first,
            count,
            pending,
            head,
        });
    }
    let range = match count {
        0 => "no entries".to_owned(),
        1 => format!("entry {first}"),
        count => format!("entries {first} to {}", first + count - 1),
    };
    let state = match pending {
        true => "pending until the next checkpoint".to_owned(),
        false => format!(
            "under the checkpoint of {} entries, {}",
            head.size, head.root
        ),
    };
    output::print(&format!("{range}, {state}\n"))
}

/// Hands each entry of a file to `take`. A longer one than a log takes is handed over as far as it is read.
fn each(path: &Path, lines: bool, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let name = || path.display().to_string();
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).with_context(name)?),
    };
    let limit = MAX_ENTRY as u64 + 2;
    if !lines {
        let mut entry = Vec::new();
        source
            .take(limit)
            .read_to_end(&mut entry)
            .with_context(name)?;
        return take(&entry);
    }
    let (mut reader, mut line) = (BufReader::new(source), Vec::new());
    loop {
        line.clear();
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line);
        if read.with_context(name)? == 0 {
            return Ok(());
        }
        take(line.strip_suffix(b"\n").unwrap_or(&line))?;
    }
}

/// The leaf hash of an entry, as it is exported.
pub(crate) fn leaf(entry: &[u8]) -> String {
    Hash::leaf(entry).to_string()
}
