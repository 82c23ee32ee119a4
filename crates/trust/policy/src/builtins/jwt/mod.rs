//! JSON Web Tokens (RFC 7519), as OPA reads, verifies and makes them.

mod keys;
mod sign;

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, crypto::hex, from_json, string};
use keys::{Algorithm, Key};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("io.jwt.decode", 1, decode),
    Builtin::new("io.jwt.decode_verify", 2, decode_verify),
    Builtin::new("io.jwt.encode_sign", 3, sign::encode_sign),
    Builtin::new("io.jwt.encode_sign_raw", 3, sign::encode_sign_raw),
    Builtin::new("io.jwt.verify_eddsa", 2, |a, _| verify(a, "EdDSA")),
    Builtin::new("io.jwt.verify_es256", 2, |a, _| verify(a, "ES256")),
    Builtin::new("io.jwt.verify_es384", 2, |a, _| verify(a, "ES384")),
    Builtin::new("io.jwt.verify_es512", 2, |a, _| verify(a, "ES512")),
    Builtin::new("io.jwt.verify_hs256", 2, |a, _| verify_secret(a, "HS256")),
    Builtin::new("io.jwt.verify_hs384", 2, |a, _| verify_secret(a, "HS384")),
    Builtin::new("io.jwt.verify_hs512", 2, |a, _| verify_secret(a, "HS512")),
    Builtin::new("io.jwt.verify_ps256", 2, |a, _| verify(a, "PS256")),
    Builtin::new("io.jwt.verify_ps384", 2, |a, _| verify(a, "PS384")),
    Builtin::new("io.jwt.verify_ps512", 2, |a, _| verify(a, "PS512")),
    Builtin::new("io.jwt.verify_rs256", 2, |a, _| verify(a, "RS256")),
    Builtin::new("io.jwt.verify_rs384", 2, |a, _| verify(a, "RS384")),
    Builtin::new("io.jwt.verify_rs512", 2, |a, _| verify(a, "RS512")),
];

/// A token in three parts, of which the header is read.
struct Token {
    header: Value,
    /// What the signature covers.
    signed: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Token {
    fn read(text: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err("expects a token of three parts".into());
        };
        let header = from_base64(header)?;
        let header = std::str::from_utf8(&header).map_err(|_| "was given a wrong header")?;
        let header = from_json(header)?;
        let fields = header
            .as_object()
            .map_err(|_| "was given a header that is no object")?;
        if fields.contains_key(&Value::from("enc")) {
            return Err("was given an encrypted token, which is not supported".into());
        }
        Ok(Self {
            signed: text[..text.len() - signature.len() - 1].to_owned(),
            payload: from_base64(payload)?,
            signature: from_base64(signature)?,
            header,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let field = self.header.as_object().ok()?.get(&Value::from(name))?;
        match field {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether what it carries is another token.
    fn is_nested(&self) -> bool {
        self.header("cty")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"))
    }

    /// What it carries, as text. A token in a token can stand in quotes.
    fn text(&self) -> Result<&str, Fault> {
        let text = std::str::from_utf8(&self.payload).map_err(|_| "was given a wrong payload")?;
        let inner = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        Ok(match inner {
            Some(inner) if self.is_nested() => inner,
            _ => text,
        })
    }

    fn claims(&self) -> Answer {
        let claims = from_json(self.text()?)?;
        match claims {
            Value::Object(_) => Ok(claims),
            _ => Err("was given a payload that is no object".into()),
        }
    }

    fn verifies_with(&self, key: &Key, algorithm: Algorithm) -> bool {
        key.verifies(algorithm, self.signed.as_bytes(), &self.signature)
    }

    /// Whether one of `keys` made the signature. One that the token names is the only one asked.
    fn verifies_with_any(&self, keys: &[keys::Named], algorithm: Algorithm) -> bool {
        if let Some(id) = self.header("kid")
            && let Some(named) = keys.iter().find(|key| key.id.as_deref() == Some(id))
        {
            return self.verifies_with(&named.key, algorithm);
        }
        let stated = self.header("alg");
        keys.iter()
            .filter(|key| key.algorithm.is_none() || key.algorithm.as_deref() == stated)
            .any(|key| self.verifies_with(&key.key, algorithm))
    }
}

/// What a token says that a key signed.
pub(crate) struct Verified {
    pub(crate) algorithm: String,
    /// What it calls the key.
    pub(crate) key: Option<String>,
    pub(crate) payload: Vec<u8>,
}

/// The token `text`, if one of `keys` signed it. They are in PEM, or JSON Web Keys; each is for its own
/// kind of algorithm, whatever the token says, and for what it says itself. The builtins, which do as OPA
/// does, look at the latter less: at no `use`, and at no `alg` of a key that the token names.
pub(crate) fn verified_token(text: &str, keys: &str) -> Result<Verified, String> {
    let told = |fault: Fault| match fault {
        Fault::NoAnswer(why) | Fault::Refuse(why) => why,
    };
    let mut keys = keys::read(keys).map_err(|fault| format!("of the key: {}", told(fault)))?;
    let token = Token::read(text).map_err(|fault| format!("of the token: {}", told(fault)))?;
    let stated = token.header("alg").unwrap_or_default().to_owned();
    let algorithm = Algorithm::of(&stated);
    let algorithm = algorithm.ok_or_else(|| format!("its algorithm is {stated:?}"))?;
    if !matches!(&token.header["crit"], Value::Undefined) {
        return Err("it demands something that is not known".to_owned());
    }
    keys.retain(|key| key.may_verify(&stated));
    if keys.is_empty() {
        return Err(format!("no key that is given may verify {stated}"));
    }
    if !token.verifies_with_any(&keys, algorithm) {
        return Err("no key that is given made it".to_owned());
    }
    Ok(Verified {
        algorithm: stated,
        key: token.header("kid").map(str::to_owned),
        payload: token.payload,
    })
}

fn decode(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let mut text = string(text)?.to_owned();
    for _ in 0..MAX_NESTED {
        let token = Token::read(&text)?;
        if token.is_nested() {
            text = token.text()?.to_owned();
            continue;
        }
        let signature = Value::from(hex(&token.signature));
        let claims = token.claims()?;
        return Ok(Value::from(vec![token.header, claims, signature]));
    }
    Err(Fault::refuse("was given tokens that nest too deeply"))
}

fn verify(arguments: &[Value], algorithm: &str) -> Answer {
    let [token, keys] = arguments else {
        return Err("expects two strings".into());
    };
    let keys = keys::read(string(keys)?)?;
    let token = Token::read(string(token)?)?;
    let algorithm = Algorithm::of(algorithm).ok_or("is not there")?;
    Ok(Value::from(token.verifies_with_any(&keys, algorithm)))
}

fn verify_secret(arguments: &[Value], algorithm: &str) -> Answer {
    let [token, secret] = arguments else {
        return Err("expects two strings".into());
    };
    let token = Token::read(string(token)?)?;
    let key = Key::Secret(string(secret)?.as_bytes().to_vec());
    let algorithm = Algorithm::of(algorithm).ok_or("is not there")?;
    Ok(Value::from(token.verifies_with(&key, algorithm)))
}

/// What a token has to hold to.
#[derive(Default)]
struct Constraints<'a> {
    keys: Option<Vec<keys::Named>>,
    secret: Option<&'a str>,
    algorithm: Option<&'a str>,
    issuer: Option<&'a str>,
    audience: Option<&'a str>,
    /// In nanoseconds.
    time: f64,
}

impl<'a> Constraints<'a> {
    fn read(value: &'a Value, moment: Moment) -> Result<Self, Fault> {
        let fields = value
            .as_object()
            .map_err(|_| "expects an object of constraints")?;
        let mut constraints = Self {
            time: float(&Value::from(moment.now), "")?,
            ..Self::default()
        };
        for (name, value) in fields.iter() {
            match string(name)? {
                "cert" => constraints.keys = Some(keys::read(string(value)?)?),
                "secret" => constraints.secret = Some(string(value)?),
                "alg" => constraints.algorithm = Some(string(value)?),
                "iss" => constraints.issuer = Some(string(value)?),
                "aud" => constraints.audience = Some(string(value)?),
                "time" => constraints.time = float(value, "expects a time that is a number")?,
                _ => return Err("was given an unknown constraint".into()),
            }
        }
        if constraints.keys.is_some() == constraints.secret.is_some() {
            return Err("expects either `cert` or `secret`".into());
        }
        Ok(constraints)
    }

    fn are_met_by_signature(&self, token: &Token) -> Result<bool, Fault> {
        let Some(stated) = token.header("alg") else {
            return Ok(false);
        };
        // What is critical is nothing that we know.
        let fields = token
            .header
            .as_object()
            .map_err(|_| "was given a wrong header")?;
        if fields.contains_key(&Value::from("crit")) {
            return Ok(false);
        }
        if self.algorithm.is_some_and(|algorithm| algorithm != stated) {
            return Ok(false);
        }
        let algorithm = Algorithm::of(stated).ok_or("was given a token of an unknown algorithm")?;
        Ok(match (&self.keys, self.secret) {
            (Some(keys), _) => token.verifies_with_any(keys, algorithm),
            (None, Some(secret)) => {
                token.verifies_with(&Key::Secret(secret.as_bytes().to_vec()), algorithm)
            }
            (None, None) => false,
        })
    }

    fn are_met_by_claims(&self, claims: &Value) -> Result<bool, Fault> {
        let fields = claims
            .as_object()
            .map_err(|_| "was given a payload that is no object")?;
        let claim = |name: &str| fields.get(&Value::from(name));
        if let Some(issuer) = self.issuer
            && claim("iss") != Some(&Value::from(issuer))
        {
            return Ok(false);
        }
        let is_meant = match (claim("aud"), self.audience) {
            (None, None) => true,
            (Some(Value::String(audience)), Some(wanted)) => **audience == *wanted,
            (Some(Value::Array(all)), Some(wanted)) => all.contains(&Value::from(wanted)),
            _ => false,
        };
        if !is_meant {
            return Ok(false);
        }
        let now = self.time / 1e9;
        let at = |name: &str, why: &str| claim(name).map(|it| float(it, why)).transpose();
        let expiry = at("exp", "was given an `exp` that is no number")?;
        let begin = at("nbf", "was given an `nbf` that is no number")?;
        Ok(expiry.is_none_or(|expiry| now < expiry) && begin.is_none_or(|begin| begin <= now))
    }
}

/// Whether the token holds, with its header and claims; both are empty where it does not.
fn decode_verify(arguments: &[Value], moment: Moment) -> Answer {
    let [text, constraints] = arguments else {
        return Err("expects a string and an object".into());
    };
    let constraints = Constraints::read(constraints, moment)?;
    let nothing = || Value::from(BTreeMap::new());
    let refused = || Value::from(vec![Value::from(false), nothing(), nothing()]);
    let mut text = string(text)?.to_owned();
    for _ in 0..MAX_NESTED {
        let token = Token::read(&text)?;
        if !constraints.are_met_by_signature(&token)? {
            return Ok(refused());
        }
        if token.is_nested() {
            text = token.text()?.to_owned();
            continue;
        }
        let claims = token.claims()?;
        if !constraints.are_met_by_claims(&claims)? {
            return Ok(refused());
        }
        return Ok(Value::from(vec![Value::from(true), token.header, claims]));
    }
    Err(Fault::refuse("was given tokens that nest too deeply"))
}

/// A number, rounded where it has to be: OPA compares times as floats.
fn float(value: &Value, otherwise: &str) -> Result<f64, Fault> {
    match value {
        Value::Number(number) => number
            .format_decimal()
            .parse()
            .map_err(|_| otherwise.into()),
        _ => Err(otherwise.into()),
    }
}

fn from_base64(text: &str) -> Result<Vec<u8>, Fault> {
    let decoded = BASE64URL.decode(text);
    decoded.map_err(|_| "was given something that is not base64url".into())
}

fn to_base64(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// Without padding, and read with it too.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const MAX_NESTED: usize = 16;

#[cfg(test)]
mod tests {
    use super::verified_token;
    use crate::testkit::value_of;

    /// OPA reads on over what it does not know; RFC 7515, section 4.1.11, forbids that.
    #[test]
    fn a_token_with_anything_critical_is_refused() {
        let key = r#"{"kty": "oct", "k": "c2VjcmV0"}"#;
        for (header, holds) in [
            (r#"{"alg": "HS256"}"#, "true"),
            (r#"{"alg": "HS256", "crit": ["x"], "x": 1}"#, "false"),
            (r#"{"alg": "HS256", "crit": []}"#, "false"),
        ] {
            let token = format!("io.jwt.encode_sign({header}, {{}}, {key})");
            let verified = format!(r#"io.jwt.decode_verify({token}, {{"secret": "secret"}})[0]"#);
            let value = value_of(&verified).expect(header).expect(header);
            assert_eq!(value.to_string(), holds, "{header}");
        }
    }

    /// A key is for what it says of itself, whatever it is called.
    #[test]
    fn a_key_that_is_for_something_else_verifies_no_bundle() {
        let token = |header: &str, secret: &str| {
            let key = format!(r#"{{"kty": "oct", "k": "{secret}"}}"#);
            let token = value_of(&format!("io.jwt.encode_sign({header}, {{}}, {key})"));
            let token = token.expect(header).expect(header);
            token.as_str().expect("a text").to_owned()
        };
        let called = token(r#"{"alg": "HS256", "kid": "k"}"#, "c2VjcmV0");
        for (members, holds) in [
            ("", true),
            (r#", "kid": "k", "alg": "HS256", "use": "sig""#, true),
            (r#", "kid": "k", "key_ops": ["sign", "verify"]"#, true),
            (r#", "kid": "k", "alg": "HS512""#, false),
            (r#", "kid": "k", "use": "enc""#, false),
            (r#", "use": "enc""#, false),
            (r#", "kid": "k", "key_ops": ["sign"]"#, false),
            (r#", "key_ops": "verify""#, false),
        ] {
            let key = format!(r#"{{"kty": "oct", "k": "c2VjcmV0"{members}}}"#);
            let verified = verified_token(&called, &key).map(|it| it.key);
            assert_eq!(verified.is_ok(), holds, "{members}: {verified:?}");
        }
        let empty = verified_token(
            &token(r#"{"alg": "HS256"}"#, ""),
            r#"{"kty": "oct", "k": ""}"#,
        );
        let why = empty.map(|it| it.key).expect_err("refused");
        assert!(why.contains("no key that is given may verify"), "{why}");
    }

    #[test]
    fn what_would_sign_at_random_is_refused() {
        let expression = r#"io.jwt.encode_sign({"alg": "PS256"}, {}, {"kty": "RSA", "d": "AA"})"#;
        let error = value_of(expression).expect_err("refused").to_string();
        assert!(error.contains("random salt"), "{error}");
    }
}
