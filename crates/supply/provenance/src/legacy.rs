//! The signatures of model-signing 0.2, whose encoding had a mistake that is kept here for the bundles
//! that have it.

use casemate_attest::{BadSignature, Envelope, PublicKey};

/// Verifies a signature over what model-signing 0.2 made of a payload: the text that Python shows for
/// its bytes, under `DSSEV1`, with SHA-256 under every curve.
pub(crate) fn verify(envelope: &Envelope, key: &PublicKey) -> Result<(), BadSignature> {
    let [signature] = &envelope.signatures[..] else {
        return Err(BadSignature);
    };
    let (kind, payload) = (&envelope.payload_type, &envelope.payload.0);
    let shown = python_repr(payload);
    let message = format!("DSSEV1 {} {kind} {} {shown}", kind.len(), payload.len());
    key.verify_with_sha256(message.as_bytes(), &signature.sig.0)
}

/// `repr(bytes)` of CPython.
fn python_repr(bytes: &[u8]) -> String {
    let quote = match bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        true => '"',
        false => '\'',
    };
    let mut shown = format!("b{quote}");
    for &byte in bytes {
        match byte {
            b'\\' => shown.push_str("\\\\"),
            b'\t' => shown.push_str("\\t"),
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            _ if char::from(byte) == quote => {
                shown.push('\\');
                shown.push(quote);
            }
            b' '..=b'~' => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("\\x{byte:02x}")),
        }
    }
    shown.push(quote);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_python_does() {
        for (bytes, shown) in [
            (&b"{\n  \"a\": 1\n}"[..], r#"b'{\n  "a": 1\n}'"#),
            (b"it's", r#"b"it's""#),
            (b"it's \"so\"", r#"b'it\'s "so"'"#),
            (b"\\\x00\x7f\xc3\xa9", r"b'\\\x00\x7f\xc3\xa9'"),
        ] {
            assert_eq!(python_repr(bytes), shown);
        }
    }
}
