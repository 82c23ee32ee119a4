//! Keys, and signatures of models.

pub(crate) mod keygen;
mod outputs;
mod passphrase;
pub(crate) mod sign;
mod token;
pub(crate) mod verify;

use std::{
    fs::{self, File},
    hash::{BuildHasher as _, RandomState},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use casemate_attest::{Certificate, KeyError, SigningKey};
use casemate_provenance::{LONGEST_BUNDLE, Meter};

use zeroize::Zeroizing;

use crate::{cli::signing::Passphrase, progress::Ticker};

/// Reads a key, a certificate or a trust store that the caller names.
fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    read_bounded(path, what, LONGEST)
}

/// Reads a bundle or what is as long as one.
fn read_long(path: &Path, what: &str) -> Result<Vec<u8>> {
    read_bounded(path, what, LONGEST_BUNDLE)
}

fn read_bounded(path: &Path, what: &str, longest: u64) -> Result<Vec<u8>> {
    let named = || format!("cannot read the {what} {}", path.display());
    let file = File::open(path).with_context(named)?;
    let mut bytes = Vec::new();
    file.take(longest + 1)
        .read_to_end(&mut bytes)
        .with_context(named)?;
    if bytes.len() as u64 > longest {
        bail!("the {what} {} is longer than any {what}", path.display());
    }
    Ok(bytes)
}

/// The private key, for whose pass phrase the terminal is asked if it has to be.
pub(crate) fn private_key(path: &Path, passphrase: &Passphrase) -> Result<SigningKey> {
    let bytes = Zeroizing::new(read(path, "private key")?);
    let given = passphrase.given()?;
    let named = || format!("cannot use the private key {}", path.display());
    match SigningKey::read(&bytes, given.as_ref().map(|it| it.as_bytes())) {
        Err(KeyError::NeedsPassphrase) => {
            let asked = passphrase.asked(path)?;
            SigningKey::read(&bytes, Some(asked.as_bytes())).with_context(named)
        }
        read => read.with_context(named),
    }
}

/// Reads every certificate of the files, in their order.
fn certificates(paths: &[std::path::PathBuf]) -> Result<Vec<Certificate>> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = read(path, "certificate")?;
        let read = Certificate::read_all(&bytes);
        all.extend(read.with_context(|| format!("cannot use {}", path.display()))?);
    }
    Ok(all)
}

/// Writes a file that appears whole or not at all, for its owner alone if it is `secret`.
fn write_whole(path: &Path, bytes: &[u8], secret: bool) -> Result<()> {
    let named = || format!("cannot write {}", path.display());
    let name = path
        .file_name()
        .with_context(|| format!("{} is no file name", path.display()))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    // Which nobody else can know, to have it there before.
    hidden.push(format!(".{:016x}", RandomState::new().hash_one(name)));
    let temporary = path.with_file_name(hidden);
    let mut options = File::options();
    options
        .write(true)
        .create_new(true)
        .mode(if secret { 0o600 } else { 0o644 });
    let mut file = options.open(&temporary).with_context(named)?;
    let mut write = || {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(named).inspect_err(|_| {
        // What could not be written is in nobody's way if it stays.
        let _ = fs::remove_file(&temporary);
    })
}

/// Does `work`, and tells meanwhile how much of `bytes` was read.
fn with_progress<T>(quiet: bool, work: impl FnOnce(&Meter) -> T) -> T {
    let Some(ticker) = Ticker::new(quiet) else {
        return work(&Meter::default());
    };
    let meter = Arc::new(Meter::default());
    let (done, ended) = channel::<()>();
    let watched = Arc::clone(&meter);
    let watcher = thread::spawn(move || {
        let mut told = 0;
        let tick = Duration::from_millis(100);
        // The other end hangs up when the work is done.
        while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
            let read = watched.bytes();
            ticker.read(read - told);
            told = read;
        }
    });
    let result = work(&meter);
    drop(done);
    // A watcher that panicked has only progress to lose.
    let _ = watcher.join();
    result
}

/// Keys and certificates have kilobytes.
const LONGEST: u64 = 16 << 20;
