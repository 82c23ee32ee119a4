//! Certificates, requests for them, and private keys.
//!
//! They are read as Go's `crypto/x509` shows them, because that is what policies are written
//! against. What is left out is what Go computes and nobody asks for: `URIs` (there is `URIStrings`),
//! and name constraints.

mod certificate;
mod private;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_attest::Certificate;
use casemate_core::Timestamp;
use der::{Decode as _, Reader as _};
use regorus::Value;
use x509_cert::request::CertReq;

use super::{Answer, Builtin, Fault, Moment, string};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("crypto.parse_private_keys", 1, private::parse_private_keys),
    Builtin::new(
        "crypto.x509.parse_and_verify_certificates",
        1,
        parse_and_verify,
    ),
    Builtin::new("crypto.x509.parse_certificate_request", 1, parse_request),
    Builtin::new("crypto.x509.parse_certificates", 1, parse_certificates),
    Builtin::new("crypto.x509.parse_keypair", 2, private::parse_keypair),
    Builtin::new(
        "crypto.x509.parse_rsa_private_key",
        1,
        private::parse_rsa_private_key,
    ),
];

fn parse_certificates(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let certificates = certificates(string(text)?)?;
    let values: Result<Vec<Value>, Fault> = certificates
        .iter()
        .map(|der| certificate::value(der))
        .collect();
    values.map(Value::from)
}

fn parse_request(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let blocks = blocks(
        string(text)?,
        &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"],
    )?;
    let [der] = &blocks[..] else {
        return Err("expects one request".into());
    };
    let request = CertReq::from_der(der).map_err(|_| "was given a wrong request")?;
    certificate::request(der, &request)
}

/// Whether the last certificate is vouched for by the first, with those between to help, and that
/// path from the last to the first.
fn parse_and_verify(arguments: &[Value], moment: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let mut chain = Vec::new();
    for der in certificates(string(text)?)? {
        chain.push(Certificate::from_der(&der).map_err(|_| WRONG)?);
    }
    let [root, between @ .., leaf] = &chain[..] else {
        return Err("expects two certificates at least".into());
    };
    let refused = Value::from(vec![Value::from(false), Value::new_array()]);
    let Ok(at) = Timestamp::from_nanosecond(i128::from(moment.now)) else {
        return Ok(refused);
    };
    let anchors = std::slice::from_ref(root);
    if casemate_attest::verify_path(leaf, between, anchors, at).is_err() {
        return Ok(refused);
    }
    let mut path = vec![leaf];
    while let Some(last) = path.last()
        && path.len() <= between.len()
        && let Some(next) = between
            .iter()
            .find(|next| next.subject() == last.issuer() && !path.iter().any(|known| known == next))
        && next.subject() != root.subject()
    {
        path.push(next);
    }
    if leaf != root {
        path.push(root);
    }
    // Go asks for a server's certificate unless it is told otherwise, all along the path.
    let mut values = Vec::new();
    for certificate in path {
        if !certificate::may_serve(certificate.der()) {
            return Ok(refused);
        }
        values.push(certificate::value(certificate.der())?);
    }
    Ok(Value::from(vec![Value::from(true), Value::from(values)]))
}

/// The DER of each certificate in a text.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>, Fault> {
    blocks(text, &["CERTIFICATE"])
}

/// What is in PEM blocks of those labels, or one after the other in base64. PEM can stand in base64
/// too.
fn blocks(text: &str, labels: &[&str]) -> Result<Vec<Vec<u8>>, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::refuse("was given more than 1 MiB"));
    }
    let bytes = if is_pem(text.as_bytes()) {
        text.as_bytes().to_vec()
    } else {
        STANDARD
            .decode(text)
            .map_err(|_| "was given something that is not base64")?
    };
    if is_pem(&bytes) {
        let blocks = pem::parse_many(&bytes).map_err(|_| "was given something that is not PEM")?;
        return blocks
            .into_iter()
            .map(|block| match labels.contains(&block.tag()) {
                true => Ok(block.into_contents()),
                false => Err("was given a PEM block that it does not read".into()),
            })
            .collect();
    }
    let mut reader = der::SliceReader::new(&bytes).map_err(|_| WRONG)?;
    let mut values = Vec::new();
    while !reader.is_finished() {
        values.push(reader.tlv_bytes().map_err(|_| WRONG)?.to_vec());
    }
    Ok(values)
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN")
}

/// Bytes, as Go writes them into JSON.
fn encoded(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

/// An integer of any size, big-endian and not negative.
fn integer(bytes: &[u8]) -> Answer {
    if bytes.len() > MAX_INTEGER {
        return Err(Fault::refuse("was given a number that is too large"));
    }
    // Nine digits each, the lowest first.
    let mut digits: Vec<u64> = vec![0];
    for byte in bytes {
        let mut carry = u64::from(*byte);
        for digit in &mut digits {
            let next = *digit * 256 + carry;
            (*digit, carry) = (next % 1_000_000_000, next / 1_000_000_000);
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let mut text = digits.pop().unwrap_or(0).to_string();
    for digit in digits.iter().rev() {
        text.push_str(&format!("{digit:09}"));
    }
    Value::from_numeric_string(&text).map_err(|_| "was given a wrong number".into())
}

/// `null` for nothing, as Go writes a list that nobody made.
fn list(items: Vec<Value>) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        Value::from(items)
    }
}

/// An object that is put together.
#[derive(Default)]
struct Fields(BTreeMap<Value, Value>);

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(Value::from(name), value.into());
    }

    fn value(self) -> Value {
        Value::from(self.0)
    }
}

const WRONG: &str = "was given a wrong certificate";

const MAX_BYTES: usize = 1 << 20;

/// In bytes; keys of 16,384 bits.
const MAX_INTEGER: usize = 2_048;
