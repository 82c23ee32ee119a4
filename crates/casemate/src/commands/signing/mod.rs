//! Keys, and signatures of models.

pub(crate) mod keygen;
pub(crate) mod logs;
pub(crate) mod outputs;
mod passphrase;
pub(crate) mod sign;
mod token;
pub(crate) mod verify;

use std::{
    fs::{self, File, Permissions},
    hash::{BuildHasher as _, RandomState},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use casemate_attest::{Certificate, KeyError, PublicKey, Sign, SigningKey, TrustStore};
use casemate_provenance::{LONGEST_BUNDLE, Meter};

use zeroize::Zeroizing;

use crate::{
    cli::signing::{Passphrase, Signer, Trust},
    progress::Ticker,
};

/// Reads a key, a certificate or a trust store that the caller names.
pub(crate) fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    read_bounded(path, what, LONGEST)
}

/// Reads a bundle. White space around it is no part of it, nor of its digest: a claims file and an editor
/// put a line feed behind it.
pub(crate) fn read_bundle(path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = read_long(path, what)?;
    bytes.truncate(bytes.trim_ascii_end().len());
    let blank = bytes.len() - bytes.trim_ascii_start().len();
    bytes.drain(..blank);
    Ok(bytes)
}

/// Reads what is as long as a bundle.
pub(crate) fn read_long(path: &Path, what: &str) -> Result<Vec<u8>> {
    read_evidence(path, what, LONGEST_BUNDLE)
}

/// Reads what came with a model.
fn read_evidence(path: &Path, what: &str, longest: u64) -> Result<Vec<u8>> {
    let named = || format!("cannot read the {what} {}", path.display());
    let file = open_evidence(path).with_context(named)?;
    read_file(file, path, what, longest)
}

/// Opens what came with a model, which must be a regular file: a FIFO would be waited for without end. Only
/// what the caller's shell made for this command may be another thing.
pub(crate) fn open_evidence(path: &Path) -> io::Result<File> {
    let is_descriptor =
        (path.parent()).is_some_and(|it| DESCRIPTORS.iter().any(|dir| it == Path::new(dir)));
    if !is_descriptor && !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    File::open(path)
}

fn read_bounded(path: &Path, what: &str, longest: u64) -> Result<Vec<u8>> {
    let named = || format!("cannot read the {what} {}", path.display());
    let file = File::open(path).with_context(named)?;
    read_file(file, path, what, longest)
}

fn read_file(file: File, path: &Path, what: &str, longest: u64) -> Result<Vec<u8>> {
    let named = || format!("cannot read the {what} {}", path.display());
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

/// What signs: a key from a file, or one that stays in its token.
pub(crate) fn key(signer: &Signer) -> Result<Box<dyn Sign>> {
    if let Some(uri) = token::uri(&signer.key) {
        return token::open(uri, signer);
    }
    if signer.pkcs11_module.is_some() {
        bail!("--pkcs11-module is for a key in a token, which a pkcs11: URI names");
    }
    Ok(Box::new(private_key(&signer.key, &signer.passphrase)?))
}

/// Reads every certificate of the files, in their order.
fn certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = read(path, "certificate")?;
        let read = Certificate::read_all(&bytes);
        all.extend(read.with_context(|| format!("cannot use {}", path.display()))?);
    }
    Ok(all)
}

/// The certificates, the key's own first.
pub(crate) fn chain(signer: &Signer, key: &dyn Sign) -> Result<Vec<Certificate>> {
    let mut chain = certificates(signer.cert.as_slice())?;
    chain.extend(certificates(&signer.cert_chain)?);
    let public = key.public();
    if let Some(first) = chain.first()
        && !first.public_key().is_ok_and(|it| it == public)
    {
        bail!(
            "the first certificate, of {}, is not of the key {}",
            first.subject(),
            token::shown(&signer.key)
        );
    }
    Ok(chain)
}

/// Whom the caller trusts: one key, roots, or whom a store names.
pub(crate) fn trust(
    key: Option<&Path>,
    roots: &[PathBuf],
    store: Option<&Path>,
) -> Result<TrustStore> {
    if let Some(path) = key {
        let bytes = read(path, "public key")?;
        let key =
            PublicKey::read(&bytes).with_context(|| format!("cannot use {}", path.display()))?;
        return Ok(TrustStore::of_key(&path.display().to_string(), key));
    }
    if let Some(path) = store {
        let bytes = read(path, "trust store")?;
        let named = || format!("cannot use the trust store {}", path.display());
        let text = String::from_utf8(bytes).with_context(named)?;
        return TrustStore::from_toml(&text).with_context(named);
    }
    let mut all = Vec::new();
    for path in roots {
        let name = path.display().to_string();
        let read = certificates(std::slice::from_ref(path))?.into_iter();
        all.extend(read.map(|root| (name.clone(), root)));
    }
    Ok(TrustStore::of_roots(all))
}

impl Trust {
    /// Whom it names.
    pub(crate) fn store(&self) -> Result<TrustStore> {
        trust(
            self.key.as_deref(),
            &self.trust,
            self.trust_store.as_deref(),
        )
    }
}

/// Writes a file that appears whole or not at all, for its owner alone if it is `secret`.
pub(crate) fn write_whole(path: &Path, bytes: &[u8], secret: bool) -> Result<()> {
    put(path, bytes, if secret { 0o600 } else { 0o644 }, None)
}

/// Replaces a file as a whole or not at all, by one that those may read who may read it now.
pub(crate) fn replace_whole(path: &Path, bytes: &[u8], permissions: Permissions) -> Result<()> {
    put(path, bytes, 0o600, Some(permissions))
}

fn put(path: &Path, bytes: &[u8], mode: u32, permissions: Option<Permissions>) -> Result<()> {
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
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(&temporary).with_context(named)?;
    let write = || {
        file.write_all(bytes)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(named).inspect_err(|_| {
        // What could not be written is in nobody's way if it stays.
        let _ = fs::remove_file(&temporary);
    })
}

/// Does `work`, and tells meanwhile how much of `bytes` was read.
pub(crate) fn with_progress<T>(quiet: bool, work: impl FnOnce(&Meter) -> T) -> T {
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
/// Where shells have what they substitute a process with.
const DESCRIPTORS: [&str; 2] = ["/dev/fd", "/proc/self/fd"];
