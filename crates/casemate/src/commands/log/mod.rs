//! `casemate log`.

mod append;
pub(crate) mod attest;
mod checkpoint;
pub(crate) mod evidence;
mod export;
mod opening;
mod prove;
pub(crate) mod report;
mod verify;
mod witness;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow, bail};
use casemate_attest::SigningKey;
use casemate_ledger::{
    Signer,
    disk::{Disk, Folder},
    log::{Log, LogError, Writer},
    note::Scheme,
};

use crate::{
    NEGATIVE,
    cli::{self, Format, Global, signing::Passphrase},
    commands::signing::private_key,
    output,
};

/// Runs one of the commands about logs.
pub(crate) fn run(global: &Global, command: &cli::Log) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("logs are told of as text or json");
    }
    match command {
        cli::Log::Init(arguments) => init(global, arguments),
        cli::Log::Append(arguments) => append::run(global, arguments),
        cli::Log::Attest(arguments) => attest::run(global, arguments),
        cli::Log::Open(arguments) => opening::run(global, arguments),
        cli::Log::Checkpoint(arguments) => checkpoint::run(global, arguments),
        cli::Log::Prove(arguments) => prove::run(global, arguments),
        cli::Log::Verify(arguments) => verify::run(global, arguments),
        cli::Log::Export(arguments) => export::run(arguments),
        cli::Log::Vkey(arguments) => vkey(arguments),
        cli::Log::Witness(command) => witness::run(global, command),
    }
}

/// Makes a log.
fn init(global: &Global, arguments: &cli::Init) -> Result<ExitCode> {
    let key = read_key(&arguments.key.key)?;
    let signer = signer(&arguments.origin, Scheme::Ed25519, &key)?;
    let folder = lock(&arguments.dir)?;
    Writer::create(folder, &signer).with_context(|| arguments.dir.display().to_string())?;
    let vkey = signer.verifier().to_string();
    match global.format {
        Format::Json => output::print_json(&report::Made::new(&arguments.origin, vkey))?,
        _ => output::print(&format!("{vkey}\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn vkey(arguments: &cli::Vkey) -> Result<ExitCode> {
    let key = read_key(&arguments.key.key)?;
    let scheme = if arguments.witness {
        Scheme::Cosignature
    } else {
        Scheme::Ed25519
    };
    let signer = signer(&arguments.name, scheme, &key)?;
    output::print(&format!("{}\n", signer.verifier()))?;
    Ok(ExitCode::SUCCESS)
}

/// A private key from a file. If it is encrypted, CASEMATE_PASSPHRASE or the terminal has its pass
/// phrase.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey> {
    private_key(path, &Passphrase::default())
}

pub(crate) fn signer<'a>(name: &str, scheme: Scheme, key: &'a SigningKey) -> Result<Signer<'a>> {
    Signer::new(name, scheme, key).map_err(|error| match error {
        casemate_ledger::note::BadVerifierKey::Key => anyhow!("the key is not Ed25519"),
        error => anyhow!("{name}: {error}"),
    })
}

/// A log's directory, to write into.
pub(crate) fn lock(dir: &Path) -> Result<Folder> {
    Folder::locked(dir).with_context(|| dir.display().to_string())
}

/// A log's directory to write into, which must hold a log.
pub(crate) fn open_writer(dir: &Path) -> Result<Writer<Folder>> {
    // Locking would make the directory.
    open(dir)?;
    Writer::open(lock(dir)?).with_context(|| dir.display().to_string())
}

fn open(dir: &Path) -> Result<Log<Folder>> {
    Log::open(Folder::new(dir)).with_context(|| dir.display().to_string())
}

/// At most `limit` bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let name = || path.display().to_string();
    let read = match path.to_str() {
        Some("-") => io::stdin().take(limit + 1).read_to_end(&mut bytes),
        _ => {
            let file = File::open(path).with_context(name)?;
            file.take(limit + 1).read_to_end(&mut bytes)
        }
    };
    read.with_context(name)?;
    if bytes.len() as u64 > limit {
        bail!("{} has more than {limit} bytes", name());
    }
    Ok(bytes)
}

/// Whether an error is about the log, and not about reading it or about whoever asks.
fn is_verdict(error: &LogError) -> bool {
    !matches!(
        error,
        LogError::Io { .. }
            | LogError::Absent
            | LogError::Present
            | LogError::Origin { .. }
            | LogError::Key { .. }
    )
}

/// What a log refuses, out of everything that can go wrong: that is a verdict, and told as one.
pub(crate) fn refused<T>(taken: Result<T>) -> Result<Result<T, LogError>> {
    match taken {
        Ok(taken) => Ok(Ok(taken)),
        Err(error) if error.downcast_ref().is_some_and(is_verdict) => error.downcast().map(Err),
        Err(error) => Err(error),
    }
}

/// Tells why something was not done. What the reason quotes may come from a log or a bundle, which are
/// anybody's.
fn tell_refusal(global: &Global, what: &str, reason: String) -> Result<ExitCode> {
    match global.format {
        Format::Json => output::print_json(&report::Refused::new(reason))?,
        _ => {
            let told = format!("{what}: {reason}");
            output::print(&format!("{}\n", casemate_report::sanitise(&told)))?;
        }
    }
    Ok(ExitCode::from(NEGATIVE))
}

/// The origin of a log.
fn origin<D: Disk>(log: &Log<D>) -> &str {
    log.checkpoint().origin()
}
