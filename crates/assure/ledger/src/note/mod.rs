//! Text, and who signed it (<https://c2sp.org/signed-note>).

mod key;

#[cfg(feature = "ml-dsa")]
pub mod mldsa;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub use self::key::{BadVerifierKey, KeyHash, Scheme, Signer, VerifierKey, VerifyingKey};

/// A text with signatures, not yet verified: nothing may be decided on it before [`verify`](Note::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The key's id, which with the name tells keys apart.
    pub id: KeyHash,
    /// What the key's algorithm makes of the text.
    pub bytes: Vec<u8>,
}

impl Note {
    /// A text, which ends with a line feed, and no signature yet.
    ///
    /// # Errors
    ///
    /// When it does not end so, or holds a control character.
    pub fn new(text: String) -> Result<Self, BadNote> {
        if !text.ends_with('\n') {
            return Err(BadNote::Text);
        }
        printable(&text)?;
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note of at most [`MAX_NOTE`] bytes.
    ///
    /// # Errors
    ///
    /// Where it breaks the form.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadNote> {
        if bytes.len() > MAX_NOTE {
            return Err(BadNote::Long(bytes.len()));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| BadNote::Utf8)?;
        printable(all)?;
        let split = all.rfind("\n\n").ok_or(BadNote::Unsigned)?;
        let (text, lines) = (&all[..=split], &all[split + 2..]);
        let signatures = signature_lines(lines)?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// What is signed, with the line feed at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, verified or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature, in the place of an older one by the same key.
    pub fn push(&mut self, signature: NoteSignature) {
        let is_same =
            |old: &&mut NoteSignature| old.name == signature.name && old.id == signature.id;
        match self.signatures.iter_mut().find(is_same) {
            Some(old) => *old = signature,
            None => self.signatures.push(signature),
        }
    }

    /// Says which of `keys` signed. Signatures by others are ignored.
    ///
    /// # Errors
    ///
    /// When a signature that names one of the keys is not by it, or none is by any.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<Signed>, Untrusted> {
        let mut signed: Vec<Signed> = Vec::new();
        for signature in &self.signatures {
            let by = |key: &VerifierKey| key.name() == signature.name && key.id() == signature.id;
            let Some(key) = keys.iter().position(by) else {
                continue;
            };
            let forged = || Untrusted::Forged(signature.name.clone());
            let time = keys[key]
                .verify(&self.text, &signature.bytes)
                .ok_or_else(forged)?;
            // A key counts once, however often its signature is repeated.
            if signed.iter().all(|signed| signed.key != key) {
                signed.push(Signed { key, time });
            }
        }
        match signed.is_empty() {
            true => Err(Untrusted::Unsigned),
            false => Ok(signed),
        }
    }
}

/// One verified signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key's place among those that were asked for.
    pub key: usize,
    /// When a cosigner says that it signed, in seconds since 1970.
    pub time: Option<u64>,
}

/// Reads signature lines, each with its line feed: the end of a note, or a witness' answer.
///
/// # Errors
///
/// Where one breaks the form, there is none, or there are more than [`MAX_SIGNATURES`].
pub fn signature_lines(lines: &str) -> Result<Vec<NoteSignature>, BadNote> {
    let lines = lines.strip_suffix('\n').ok_or(BadNote::Unsigned)?;
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == MAX_SIGNATURES {
            return Err(BadNote::Signatures);
        }
        let signature = NoteSignature::parse(line).ok_or(BadNote::Line(signatures.len() + 1))?;
        signatures.push(signature);
    }
    Ok(signatures)
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        let is_whole = is_name(name) && !bytes.is_empty();
        is_whole.then(|| Self {
            name: name.to_owned(),
            id: KeyHash(*id),
            bytes: bytes.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.0[..], &self.bytes].concat();
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// Whether a key may be called so.
pub fn is_name(name: &str) -> bool {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && name.len() <= MAX_NAME && !name.contains(unfit)
}

fn printable(text: &str) -> Result<(), BadNote> {
    match text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        true => Err(BadNote::Control),
        false => Ok(()),
    }
}

/// Why bytes are not a note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// There are too many of them.
    #[error("it has {0} bytes, and at most {MAX_NOTE} are read")]
    Long(usize),
    /// They are not text.
    #[error("it is not UTF-8")]
    Utf8,
    /// They hold a control character other than a line feed.
    #[error("it holds a control character")]
    Control,
    /// The text does not end with a line feed.
    #[error("its text does not end with a line feed")]
    Text,
    /// There are no signatures behind an empty line.
    #[error("it ends without signatures behind an empty line")]
    Unsigned,
    /// A signature line is not of the form.
    #[error("its signature line {0} is not of the form `— name base64`")]
    Line(usize),
    /// There are too many signatures.
    #[error("it has more than {MAX_SIGNATURES} signatures")]
    Signatures,
}

/// Why a note is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// No known key signed it.
    #[error("no known key signed it")]
    Unsigned,
    /// A signature says that it is by a known key, and is not.
    #[error("a signature in the name of `{0}` is not by that key")]
    Forged(String),
}

/// How many bytes a note may have: as many ML-DSA-44 signatures as the specification asks for at the
/// least (16, each of 3.3 kB in base64), four times over.
pub const MAX_NOTE: usize = 256 << 10;
/// How many signatures a note may have.
pub const MAX_SIGNATURES: usize = 64;
/// How many bytes the name of a key may have; ML-DSA cosignatures count them in one byte.
pub const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests;
