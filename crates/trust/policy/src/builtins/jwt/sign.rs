//! Making tokens.
//!
//! What is made depends on its input alone: ECDSA signs as RFC 6979 has it, and RSA-PSS, whose salt is
//! random, is refused.

use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use regorus::Value;
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, KeyPairComponents, PublicKeyComponents},
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512},
};
use sha2::{Sha256, Sha384, Sha512};

use super::{
    super::{
        Answer, Fault, Moment,
        bounded::{fits, marshalled},
        from_json, is_read, string, to_json,
    },
    keys::{Algorithm, Rsa, field, unsigned},
    to_base64,
};

/// Signs a header and claims that are objects, with a JSON Web Key that is one.
pub(super) fn encode_sign(arguments: &[Value], _: Moment) -> Answer {
    let [header, payload, key] = arguments else {
        return Err("expects three objects".into());
    };
    if ![header, payload, key]
        .iter()
        .all(|value| matches!(value, Value::Object(_)))
    {
        return Err("expects three objects".into());
    }
    marshalled(arguments)?;
    encoded(&to_json(header)?, &to_json(payload)?, key)
}

/// The same, of texts.
pub(super) fn encode_sign_raw(arguments: &[Value], _: Moment) -> Answer {
    let [header, payload, key] = arguments else {
        return Err("expects three strings".into());
    };
    encoded(string(header)?, string(payload)?, &from_json(string(key)?)?)
}

fn encoded(header: &str, payload: &str, key: &Value) -> Answer {
    fits(header.len().saturating_add(payload.len()))?;
    let fields = from_json(header)?;
    let algorithm = match &fields["alg"] {
        Value::String(name) => Algorithm::of(name).ok_or("was given an unknown algorithm")?,
        _ => return Err("was given a header without an algorithm".into()),
    };
    let is_jwt = match &fields["typ"] {
        Value::String(kind) => kind.is_empty() || **kind == *"JWT",
        _ => true,
    };
    if is_jwt && is_read(from_json(payload))? == Value::from(false) {
        return Err("was given a token whose payload is not JSON".into());
    }
    let signed = format!(
        "{}.{}",
        to_base64(header.as_bytes()),
        to_base64(payload.as_bytes())
    );
    fits(signed.len())?;
    let signature = signature(algorithm, key, signed.as_bytes())?;
    Ok(Value::from(format!("{signed}.{}", to_base64(&signature))))
}

fn signature(algorithm: Algorithm, key: &Value, message: &[u8]) -> Result<Vec<u8>, Fault> {
    macro_rules! mac {
        ($digest:ty) => {{
            let key = secret(key)?;
            let mac = Hmac::<$digest>::new_from_slice(&key).map_err(|_| WRONG_KEY)?;
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }};
    }
    macro_rules! ecdsa {
        ($curve:ident, $name:literal) => {{
            let d = private(key, "EC", Some($name))?;
            let key = $curve::ecdsa::SigningKey::from_slice(&d).map_err(|_| WRONG_KEY)?;
            let signature: $curve::ecdsa::Signature =
                $curve::ecdsa::signature::Signer::sign(&key, message);
            signature.to_bytes().to_vec()
        }};
    }
    Ok(match algorithm {
        Algorithm::Hs256 => mac!(Sha256),
        Algorithm::Hs384 => mac!(Sha384),
        Algorithm::Hs512 => mac!(Sha512),
        Algorithm::Es256 => ecdsa!(p256, "P-256"),
        Algorithm::Es384 => ecdsa!(p384, "P-384"),
        Algorithm::Es512 => ecdsa!(p521, "P-521"),
        Algorithm::EdDsa => {
            let d = private(key, "OKP", Some("Ed25519"))?;
            let d: [u8; 32] = d.try_into().map_err(|_| WRONG_KEY)?;
            let key = ed25519_dalek::SigningKey::from_bytes(&d);
            key.sign(message).to_bytes().to_vec()
        }
        Algorithm::Rsa(rsa) => with_rsa(rsa, key, message)?,
    })
}

fn secret(key: &Value) -> Result<Vec<u8>, Fault> {
    if key["kty"] != Value::from("oct") {
        return Err(WRONG_KEY.into());
    }
    field(key, "k")
}

fn private(key: &Value, kind: &str, curve: Option<&str>) -> Result<Vec<u8>, Fault> {
    let is_curve = curve.is_none_or(|curve| key["crv"] == Value::from(curve));
    if key["kty"] != Value::from(kind) || !is_curve {
        return Err(WRONG_KEY.into());
    }
    field(key, "d")
}

fn with_rsa(rsa: Rsa, key: &Value, message: &[u8]) -> Result<Vec<u8>, Fault> {
    let padding: &'static dyn ring::signature::RsaEncoding = match rsa {
        Rsa::Rs256 => &RSA_PKCS1_SHA256,
        Rsa::Rs384 => &RSA_PKCS1_SHA384,
        Rsa::Rs512 => &RSA_PKCS1_SHA512,
        Rsa::Ps256 | Rsa::Ps384 | Rsa::Ps512 => {
            return Err(Fault::refuse(
                "does not sign with a random salt: the same input must give the same decision",
            ));
        }
    };
    private(key, "RSA", None)?;
    let part = |name: &str| field(key, name).map(unsigned);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents {
            n: part("n")?,
            e: part("e")?,
        },
        d: part("d")?,
        p: part("p")?,
        q: part("q")?,
        dP: part("dp")?,
        dQ: part("dq")?,
        qInv: part("qi")?,
    };
    let pair = KeyPair::from_components(&components).map_err(|_| WRONG_KEY)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    // What it asks for randomness is blinding; the signature does not depend on it.
    pair.sign(padding, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| WRONG_KEY)?;
    Ok(signature)
}

const WRONG_KEY: &str = "was given a key that it cannot sign with";
