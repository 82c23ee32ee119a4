//! Archives that are signed as OPA signs them: `.signatures.json` among their files, with a token over
//! the digests of the others (<https://www.openpolicyagent.org/docs/management-bundles#signing>).

mod json;

use std::collections::BTreeMap;

use casemate_core::PathText;
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384, Sha512, Sha512_256};

use crate::{archive::unpack, builtins, engine::Message};

/// What a token says that a key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFiles {
    /// How it is signed: `RS256`.
    pub algorithm: String,
    /// What its signer calls the key.
    pub key: Option<String>,
    /// Who made it, as it says itself.
    pub issuer: Option<String>,
    /// What it allows to do with the archive, as it says itself.
    pub scope: Option<String>,
    /// How many files have the digests that it names.
    pub files: usize,
}

/// Verifies that one of `keys` signed every file of the archive `bytes`, and no other. They are a
/// public key or certificate in PEM, or JSON Web Keys, of which some may be secrets. `scope` is what the
/// token has to say of its own; without one, it has to say nothing.
///
/// # Errors
///
/// Why the archive counts as unsigned.
pub fn verify_signed(
    bytes: &[u8],
    keys: &str,
    scope: Option<&str>,
) -> Result<SignedFiles, SignedError> {
    let files = unpack(bytes).map_err(|error| SignedError::Archive(told(&error)))?;
    let signatures = files.iter().find(|(name, _)| name.as_str() == SIGNATURES);
    let (_, signatures) = signatures.ok_or(SignedError::Unsigned)?;
    let signatures: Signatures =
        serde_json::from_slice(signatures).map_err(|error| SignedError::Shape(told(&error)))?;
    if let Some(plugin) = signatures.plugin.filter(|plugin| !plugin.is_empty()) {
        return Err(SignedError::Plugin(Message::new(&plugin)));
    }
    let [token] = &signatures.signatures[..] else {
        return Err(SignedError::Several(signatures.signatures.len()));
    };
    let token = builtins::verified_token(token, keys)
        .map_err(|why| SignedError::Token(Message::new(&why)))?;
    let payload: Payload =
        serde_json::from_slice(&token.payload).map_err(|error| SignedError::Shape(told(&error)))?;
    // What was signed for one purpose is not for all of them. OPA writes no scope as an empty one too.
    let stated = payload.scope.as_deref().unwrap_or_default();
    match scope.unwrap_or_default() {
        wanted if wanted == stated => {}
        "" => return Err(SignedError::Scoped(Message::new(stated))),
        wanted => return Err(SignedError::Scope(Message::new(wanted))),
    }
    let mut named = BTreeMap::new();
    for file in payload.files {
        let name = file.name.trim_start_matches('/').to_owned();
        if named.insert(name, (file.hash, file.algorithm)).is_some() {
            return Err(SignedError::Twice(Message::new(&file.name)));
        }
    }
    let count = named.len();
    for (name, bytes) in &files {
        if name.as_str() == SIGNATURES {
            continue;
        }
        let stated = named.remove(name.as_str());
        let (stated, algorithm) = stated.ok_or_else(|| SignedError::More(name.clone()))?;
        let actual = digest(name, bytes, &algorithm)?;
        if !actual.eq_ignore_ascii_case(&stated) {
            return Err(SignedError::Other(name.clone()));
        }
    }
    match named.into_keys().next() {
        Some(missing) => Err(SignedError::Missing(Message::new(&missing))),
        None => Ok(SignedFiles {
            algorithm: token.algorithm,
            key: token.key.or(payload.keyid),
            issuer: payload.iss,
            scope: payload.scope,
            files: count,
        }),
    }
}

/// Why an archive counts as unsigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// It is no archive that is read in one way only.
    #[error("{0}")]
    Archive(Message),
    /// Nobody signed it as OPA does.
    #[error("nobody signed it: there is no `.signatures.json` in it")]
    Unsigned,
    /// Its signature is not of the shape that OPA gives it.
    #[error("its `.signatures.json` cannot be read: {0}")]
    Shape(Message),
    /// It asks for code of its own to verify it.
    #[error("its signature is for the plugin {0}, which is not there")]
    Plugin(Message),
    /// OPA has one signature for an archive.
    #[error("it has {0} signatures, and OPA gives it one")]
    Several(usize),
    /// The token does not hold.
    #[error("its signature does not hold: {0}")]
    Token(Message),
    /// It was signed for something else.
    #[error("it is not signed for the scope {0}")]
    Scope(Message),
    /// It was signed for something, and nothing was asked for.
    #[error("it is signed for the scope {0} alone, which was not asked for: --scope {0}")]
    Scoped(Message),
    /// One file has two digests.
    #[error("its signature names `{0}` twice")]
    Twice(Message),
    /// A file is signed that is not there.
    #[error("`{0}` is signed and not in it")]
    Missing(Message),
    /// A file is there that is not signed.
    #[error("`{0}` is in it and not signed")]
    More(PathText),
    /// A file is not the one that was signed.
    #[error("`{0}` is not what was signed")]
    Other(PathText),
    /// A file is called structured, and is not.
    #[error("`{0}` cannot be read as what it is called")]
    Structure(PathText),
    /// A digest of a kind that proves nothing, or is unknown.
    #[error(
        "`{0}` is signed by a digest of the kind {1}; SHA-256, SHA-384, SHA-512 and SHA-512-256 count"
    )]
    Algorithm(PathText, Message),
}

#[derive(Deserialize)]
struct Signatures {
    signatures: Vec<String>,
    plugin: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    files: Vec<File>,
    keyid: Option<String>,
    scope: Option<String>,
    iss: Option<String>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    hash: String,
    algorithm: String,
}

/// In hexadecimal: of what is JSON or YAML by its name what it says, and of others their bytes.
fn digest(name: &PathText, bytes: &[u8], algorithm: &str) -> Result<String, SignedError> {
    let said;
    let unreadable = || SignedError::Structure(name.clone());
    let bytes = match name.file_name() {
        "data.json" | ".manifest" => {
            let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
            said = json::canonical(text).ok_or_else(unreadable)?;
            &said[..]
        }
        "data.yaml" => {
            let value = crate::layer::read(name, bytes).map_err(|_| unreadable())?;
            said = json::canonical(&value.to_string()).ok_or_else(unreadable)?;
            &said[..]
        }
        _ => bytes,
    };
    Ok(match algorithm {
        "SHA-256" => builtins::hex(&Sha256::digest(bytes)),
        "SHA-384" => builtins::hex(&Sha384::digest(bytes)),
        "SHA-512" => builtins::hex(&Sha512::digest(bytes)),
        "SHA-512-256" => builtins::hex(&Sha512_256::digest(bytes)),
        other => return Err(SignedError::Algorithm(name.clone(), Message::new(other))),
    })
}

fn told(error: &impl ToString) -> Message {
    Message::new(&error.to_string())
}

const SIGNATURES: &str = ".signatures.json";
