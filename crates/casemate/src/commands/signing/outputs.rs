//! What `casemate sign` may write over.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::cli::signing::{Sign, Signer};

/// Refuses to write over the model, what is read to sign it, the other output, and whatever is not of the
/// kind that is written: files of the model have no second copy.
pub(crate) fn may_be_written<'a>(
    outputs: &[&Path],
    read: impl IntoIterator<Item = &'a PathBuf>,
    signer: &'a Signer,
    force: bool,
) -> Result<()> {
    let read = read
        .into_iter()
        .chain([&signer.key])
        .chain(&signer.cert)
        .chain(&signer.cert_chain);
    replaces_nothing_else(outputs, read, force)
}

/// The same, where nothing is signed.
pub(crate) fn replaces_nothing_else<'a>(
    outputs: &[&Path],
    read: impl IntoIterator<Item = &'a PathBuf>,
    force: bool,
) -> Result<()> {
    let read = read.into_iter().filter_map(|it| it.canonicalize().ok());
    let read: Vec<PathBuf> = read.collect();
    let mut others = Vec::new();
    for output in outputs {
        let shown = output.display();
        let place = place(output).with_context(|| format!("{shown} is no place to write to"))?;
        let is_read = output.canonicalize().is_ok_and(|it| read.contains(&it));
        if is_read || read.contains(&place) {
            bail!("{shown} is read, and would be written over");
        }
        if others.contains(&place) {
            bail!("{shown} is where the other output goes");
        }
        others.push(place);
        let Ok(metadata) = output.symlink_metadata() else {
            continue;
        };
        if metadata.is_dir() {
            bail!("{shown} is a directory; name the file to write");
        }
        if !metadata.is_file() {
            bail!("{shown} is no regular file, and would be replaced by one");
        }
        if !force && !is_ours(output)? {
            bail!(
                "{shown} is neither a signature nor a digest store nor a proof; --force replaces it"
            );
        }
    }
    Ok(())
}

/// Refuses a log inside of the model, of which each signing would make another one.
pub(super) fn log_is_elsewhere(arguments: &Sign) -> Result<()> {
    let (Some(log), Ok(model)) = (&arguments.logging.log, arguments.model.canonicalize()) else {
        return Ok(());
    };
    match log.canonicalize() {
        Ok(place) if place.starts_with(&model) => {
            bail!(
                "the log {} lies in the model, which it would change",
                log.display()
            )
        }
        _ => Ok(()),
    }
}

/// The path with all links resolved but its last component's, which is what is replaced.
fn place(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(parent.join(name))
}

/// Whether a file begins as signatures do, whoever wrote them, or as digest stores or proofs.
fn is_ours(path: &Path) -> Result<bool> {
    let named = || format!("cannot look at {}, which is there", path.display());
    let mut head = Vec::new();
    let file = File::open(path).with_context(named)?;
    file.take(HEAD).read_to_end(&mut head).with_context(named)?;
    let head: Vec<u8> = head
        .into_iter()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    Ok(head.is_empty() || BEGINNINGS.iter().any(|it| head.starts_with(it)))
}

const HEAD: u64 = 1024;
/// A bundle begins with its media type or its verification material, a store with its envelope's payload, and a
/// proof with its version.
const BEGINNINGS: [&[u8]; 5] = [
    br#"{"mediaType":"application/vnd.dev.sigstore.bundle"#,
    br#"{"verificationMaterial":"#,
    br#"{"dsseEnvelope":{"#,
    br#"{"payload":""#,
    b"c2sp.org/tlog-proof@v1",
];
