//! Private keys in PEM and OpenPGP armour.

use serde::Deserialize;

use crate::base64::{self, Alphabet};

/// What kind of private key is within PEM armour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pem {
    /// Usable as it stands.
    Clear,
    /// Under a passphrase.
    Encrypted,
}

/// What kind of private key `armour` holds, if it is complete and its body is base64 of a plausible
/// length. Understands armour that was written into a string, with `\n` for line ends.
pub(crate) fn private_key(armour: &[u8]) -> Option<Pem> {
    let after_begin = armour.strip_prefix(b"-----BEGIN ")?;
    let start = memchr::memmem::find(after_begin, b"-----")? + 16;
    let end = memchr::memmem::rfind(armour, b"-----END")?;
    let label = &armour[..start];
    let mut kind = Pem::Clear;
    if memchr::memmem::find(label, b"ENCRYPTED").is_some() {
        kind = Pem::Encrypted;
    }
    let mut body = Vec::new();
    let text = unescape(armour.get(start..end)?);
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if memchr::memchr(b':', line).is_some() {
            if memchr::memmem::find(line, b"ENCRYPTED").is_some() {
                kind = Pem::Encrypted;
            }
            continue;
        }
        // The checksum line of OpenPGP armour.
        if line.len() == 5 && line[0] == b'=' {
            continue;
        }
        body.extend(line.iter().filter(|byte| !QUOTING.contains(byte)));
    }
    let key = base64::decode(&body, Alphabet::Standard)?;
    if key.len() < 40 {
        return None;
    }
    if let Some(rest) = key.strip_prefix(b"openssh-key-v1\0\0\0\0") {
        return Some(if rest.starts_with(b"\x04none") {
            kind
        } else {
            Pem::Encrypted
        });
    }
    let openpgp = memchr::memmem::find(label, b"PGP").is_some();
    let plausible = match (openpgp, kind) {
        (true, _) => key[0] & 0x80 != 0,
        // The traditional OpenSSL form encrypts the whole of the DER.
        (false, Pem::Encrypted) => true,
        (false, Pem::Clear) => key[0] == 0x30,
    };
    plausible.then_some(kind)
}

/// `text` with line ends where a string literal has the escapes `\n`, `\r` and `\t`, however often
/// their backslash is doubled.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut escaped = false;
    for &byte in text {
        if byte == b'\\' {
            escaped = true;
            continue;
        }
        let line_end = escaped && matches!(byte, b'n' | b'r' | b't');
        out.push(if line_end { b'\n' } else { byte });
        escaped = false;
    }
    out
}

/// What programming languages put around a line of a longer text.
const QUOTING: &[u8] = b" \t\"'`,;>|";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_must_be_whole_and_hold_a_key() {
        let der = "MC4CAQAwBQYDK2VwBCIEI".to_owned() + &"Ab3".repeat(14) + "A";
        let clear = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----");
        assert_eq!(private_key(clear.as_bytes()), Some(Pem::Clear));
        assert_eq!(
            private_key(clear.replace('\n', "\\n").as_bytes()),
            Some(Pem::Clear)
        );
        assert_eq!(private_key(clear.replace("MC4", "ZZZ").as_bytes()), None);
        assert_eq!(private_key(clear.replace(&der, "...").as_bytes()), None);
        let locked = clear.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert_eq!(private_key(locked.as_bytes()), Some(Pem::Encrypted));
        let old = clear.replace(
            "Y-----\nM",
            "Y-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,1\n\nM",
        );
        assert_eq!(private_key(old.as_bytes()), Some(Pem::Encrypted));
    }
}
