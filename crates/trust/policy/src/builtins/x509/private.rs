//! Private keys, of RSA: what policies look at is the size of a key and whether it belongs to a
//! certificate.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use der::{Decode as _, asn1::Int};
use regorus::Value;
use x509_cert::Certificate;

use super::{
    super::{Answer, Fault, Moment, object, string},
    Fields, WRONG, blocks, certificate, certificates, encoded, integer, is_pem,
};

/// The numbers of an RSA key, in the order of RFC 8017, A.1.2.
struct Rsa([Vec<u8>; 8]);

impl Rsa {
    /// From PKCS #1, or from PKCS #8 around it.
    fn read(der: &[u8]) -> Result<Self, Fault> {
        const WRONG_KEY: &str = "was given something that is no RSA key";
        if let Ok(numbers) = Vec::<Int>::from_der(der)
            && let [_, numbers @ ..] = &numbers[..]
            && let Ok(numbers) = <&[Int; 8]>::try_from(numbers)
        {
            return Ok(Self(std::array::from_fn(|at| {
                let bytes = numbers[at].as_bytes();
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                bytes[zeros..].to_vec()
            })));
        }
        let info = pkcs8::PrivateKeyInfoRef::from_der(der).map_err(|_| WRONG_KEY)?;
        let inner = info.private_key.as_bytes();
        // PKCS #8 does not stand in itself, so that this goes no deeper.
        if Vec::<Int>::from_der(inner).is_err() {
            return Err(WRONG_KEY.into());
        }
        Self::read(inner)
    }

    /// As Go's `crypto/rsa` shows it.
    fn value(&self) -> Answer {
        let [n, e, d, p, q, dp, dq, qi] = &self.0;
        let precomputed = object([
            ("CRTValues", Value::new_array()),
            ("Dp", integer(dp)?),
            ("Dq", integer(dq)?),
            ("Qinv", integer(qi)?),
        ]);
        Ok(object([
            ("N", integer(n)?),
            ("E", integer(e)?),
            ("D", integer(d)?),
            ("Primes", Value::from(vec![integer(p)?, integer(q)?])),
            ("Precomputed", precomputed),
        ]))
    }
}

/// As a JSON Web Key (RFC 7518, 6.3).
pub(super) fn parse_rsa_private_key(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let blocks = blocks(string(text)?, &LABELS)?;
    let [der] = &blocks[..] else {
        return Err("expects one key".into());
    };
    let key = Rsa::read(der)?;
    let mut fields = Fields::default();
    fields.set("kty", "RSA");
    for (name, number) in ["n", "e", "d", "p", "q", "dp", "dq", "qi"]
        .iter()
        .zip(&key.0)
    {
        fields.set(name, URL_SAFE_NO_PAD.encode(number));
    }
    Ok(fields.value())
}

/// Each key of a text; none in one that is no PEM, and `null` for an empty one.
pub(super) fn parse_private_keys(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let text = string(text)?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let Ok(blocks) = blocks(text, &LABELS) else {
        return match is_pem(text.as_bytes()) {
            true => Err("was given a PEM block that it does not read".into()),
            false => Ok(Value::new_array()),
        };
    };
    let mut keys = Vec::new();
    for der in blocks {
        keys.push(Rsa::read(&der)?.value()?);
    }
    Ok(Value::from(keys))
}

/// Certificates, and the private key of the first.
pub(super) fn parse_keypair(arguments: &[Value], _: Moment) -> Answer {
    let [certificate, key] = arguments else {
        return Err("expects two strings".into());
    };
    let chain = certificates(string(certificate)?)?;
    let blocks = blocks(string(key)?, &LABELS)?;
    let ([leaf, ..], [key]) = (&chain[..], &blocks[..]) else {
        return Err("expects a certificate and one key".into());
    };
    let key = Rsa::read(key)?;
    let read = Certificate::from_der(leaf).map_err(|_| WRONG)?;
    let info = read.tbs_certificate().subject_public_key_info();
    let public = Vec::<Int>::from_der(info.subject_public_key.raw_bytes()).map_err(|_| WRONG)?;
    let zeros_off = |bytes: &[u8]| -> Vec<u8> {
        bytes
            .iter()
            .copied()
            .skip_while(|&byte| byte == 0)
            .collect()
    };
    if public.first().map(|n| zeros_off(n.as_bytes())).as_ref() != Some(&key.0[0]) {
        return Err("was given a key that is not the certificate's".into());
    }
    let encoded = chain.iter().map(|der| encoded(der)).collect::<Vec<_>>();
    Ok(object([
        ("Certificate", Value::from(encoded)),
        ("Leaf", certificate::value(leaf)?),
        ("PrivateKey", key.value()?),
        ("OCSPStaple", Value::Null),
        ("SignedCertificateTimestamps", Value::Null),
        ("SupportedSignatureAlgorithms", Value::Null),
    ]))
}

const LABELS: [&str; 2] = ["RSA PRIVATE KEY", "PRIVATE KEY"];
