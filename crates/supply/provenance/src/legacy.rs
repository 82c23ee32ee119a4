//! The signatures of model-signing 0.2, whose encoding had a mistake that is kept here for the bundles
//! that have it.

use std::sync::LazyLock;

use casemate_attest::Envelope;
use casemate_core::{Digest, Hasher};
use memchr::memmem;

use crate::manifest::LEGACY_PREDICATE;

/// The SHA-256 digest of what model-signing 0.2 signed, under every curve: the text that Python shows for the
/// bytes of a payload, under `DSSEV1`. Nothing, of a payload that is no statement of its.
pub(crate) fn signed(envelope: &Envelope) -> Option<Digest> {
    let (kind, payload) = (&envelope.payload_type, &envelope.payload.0);
    memmem::find(payload, LEGACY_PREDICATE.as_bytes())?;
    let mut hasher = Hasher::default();
    hasher.update(format!("DSSEV1 {} {kind} {} ", kind.len(), payload.len()).as_bytes());
    python_repr(payload, &mut |part| hasher.update(part));
    Some(hasher.finish())
}

/// `repr(bytes)` of CPython, in parts: the whole may be four times as long as a payload, and that is long.
fn python_repr(bytes: &[u8], write: &mut dyn FnMut(&[u8])) {
    let quote = match bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        true => b'"',
        false => b'\'',
    };
    write(&[b'b', quote]);
    let mut shown = Vec::with_capacity(4 * PART);
    for part in bytes.chunks(PART) {
        shown.clear();
        for &byte in part {
            if byte == quote {
                shown.push(b'\\');
            }
            shown.extend_from_slice(SHOWN[usize::from(byte)].as_bytes());
        }
        write(&shown);
    }
    write(&[quote]);
}

/// What Python shows for each byte, quotes apart.
static SHOWN: LazyLock<[String; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| match u8::try_from(byte).unwrap_or_default() {
        b'\\' => "\\\\".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        byte @ b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    })
});

const PART: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use casemate_attest::{KeyAlgorithm, SigningKey};

    use super::*;

    #[test]
    fn bytes_are_shown_as_python_does() {
        for (bytes, shown) in [
            (&b"{\n  \"a\": 1\n}"[..], r#"b'{\n  "a": 1\n}'"#),
            (b"it's", r#"b"it's""#),
            (b"it's \"so\"", r#"b'it\'s "so"'"#),
            (b"\\\x00\x7f\xc3\xa9", r"b'\\\x00\x7f\xc3\xa9'"),
        ] {
            let mut all = Vec::new();
            python_repr(bytes, &mut |part| all.extend_from_slice(part));
            assert_eq!(String::from_utf8_lossy(&all), shown);
        }
    }

    #[test]
    fn only_what_may_be_of_model_signing_0_2_is_shown_at_all() {
        let signed = |payload: &[u8]| {
            let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
            signed(&Envelope::sign(payload.to_vec(), "t", &key).expect("signs"))
        };
        assert_eq!(signed(b"{\"predicateType\":\"x\"}"), None);
        // As long as several parts, with the quote that Python chooses in the last.
        let long = [
            &b"\xff".repeat(2 * PART)[..],
            LEGACY_PREDICATE.as_bytes(),
            b"'",
        ]
        .concat();
        let text = format!(
            "DSSEV1 1 t {} b\"{}{LEGACY_PREDICATE}'\"",
            long.len(),
            "\\xff".repeat(2 * PART)
        );
        assert_eq!(signed(&long), Some(Digest::of(text.as_bytes())));
    }
}
