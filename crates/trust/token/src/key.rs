//! A private key in a token, and signing with it.

use casemate_attest::{CannotSign, KeyAlgorithm, PublicKey, Sign};
use cryptoki::{
    mechanism::{
        Mechanism,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use der::{Encode as _, asn1::UintRef};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::{TokenError, Uri, public::public_key};

/// A private key that stays in its token. The token is logged out of when it is dropped.
#[derive(Debug)]
pub struct TokenKey {
    session: Session,
    handle: ObjectHandle,
    public: PublicKey,
    name: String,
}

/// What the token tells of a private key.
pub(crate) struct Object {
    pub(crate) handle: ObjectHandle,
    pub(crate) id: Vec<u8>,
    pub(crate) label: Vec<u8>,
    /// As the library has it, if it does: a `SubjectPublicKeyInfo`.
    pub(crate) public: Vec<u8>,
    kind: Option<KeyType>,
    always_authenticates: bool,
}

impl TokenKey {
    /// The one private key that is as `uri` says, in the token called `token`.
    pub(crate) fn find(session: Session, uri: &Uri, token: &str) -> Result<Self, TokenError> {
        let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
        let all = template.clone();
        template.extend(
            uri.object
                .as_ref()
                .map(|it| Attribute::Label(it.as_bytes().to_vec())),
        );
        template.extend(uri.id.as_ref().map(|it| Attribute::Id(it.clone())));
        let matching = objects(&session, &template)?;
        let named = |objects: &[Object]| objects.iter().map(Object::name).collect();
        let object = match <[_; 1]>::try_from(matching) {
            Ok([one]) => one,
            Err(none) if none.is_empty() => {
                return Err(TokenError::NoKey {
                    wanted: uri.to_string(),
                    present: named(&objects(&session, &all)?),
                });
            }
            Err(several) => {
                return Err(TokenError::SeveralKeys {
                    wanted: uri.to_string(),
                    matching: named(&several),
                });
            }
        };
        let name = format!("{} in {token}", object.name());
        match object.kind {
            Some(KeyType::EC | KeyType::EC_EDWARDS) => {}
            kind => {
                return Err(TokenError::Unsupported {
                    key: name,
                    kind: kind.map_or("not told".to_owned(), kind_name),
                });
            }
        }
        if object.always_authenticates {
            return Err(TokenError::AlwaysAuthenticates(name));
        }
        let public = public_key(&session, &object, &name)?;
        Ok(Self {
            session,
            handle: object.handle,
            public,
            name,
        })
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let sign = |mechanism: &Mechanism<'_>, data: &[u8]| {
            let signature = self.session.sign(mechanism, self.handle, data);
            signature.map_err(TokenError::call("sign"))
        };
        let ecdsa = |digest: &[u8], bytes: usize| {
            let raw = sign(&Mechanism::Ecdsa, digest)?;
            as_der(&raw, bytes).ok_or_else(|| TokenError::OtherKey(self.name.clone()))
        };
        let signature = match self.public.algorithm() {
            KeyAlgorithm::P256 => ecdsa(&Sha256::digest(message), 32)?,
            KeyAlgorithm::P384 => ecdsa(&Sha384::digest(message), 48)?,
            KeyAlgorithm::P521 => ecdsa(&Sha512::digest(message), 66)?,
            KeyAlgorithm::Ed25519 => {
                let pure = EddsaParams::new(EddsaSignatureScheme::Pure);
                sign(&Mechanism::Eddsa(pure), message)?
            }
        };
        // A certificate or a public key may have been put beside the wrong private key.
        let verified = self.public.verify(message, &signature);
        verified.map_err(|_| TokenError::OtherKey(self.name.clone()))?;
        Ok(signature)
    }
}

impl Sign for TokenKey {
    fn public(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CannotSign> {
        let signature = self.signature(message);
        signature.map_err(|error| CannotSign(Box::new(error)))
    }
}

impl Object {
    fn name(&self) -> String {
        let mut name = Uri {
            id: Some(self.id.clone()).filter(|it| !it.is_empty()),
            object: Some(String::from_utf8_lossy(&self.label).into_owned()),
            ..Uri::default()
        }
        .to_string();
        if let Some(kind) = self.kind {
            name += &format!(" ({})", kind_name(kind));
        }
        name
    }
}

/// The private keys that a template fits.
fn objects(session: &Session, template: &[Attribute]) -> Result<Vec<Object>, TokenError> {
    // Reading attributes while the search is open is more than some modules can do.
    let handles: Vec<ObjectHandle> = session
        .iter_objects(template)
        .and_then(|found| found.take(MOST_KEYS).collect())
        .map_err(TokenError::call("list its keys"))?;
    let read = handles.into_iter().map(|handle| {
        let attributes = session.get_attributes(handle, WANTED);
        let mut object = Object {
            handle,
            id: Vec::new(),
            label: Vec::new(),
            public: Vec::new(),
            kind: None,
            always_authenticates: false,
        };
        for attribute in attributes.map_err(TokenError::call("tell of a key"))? {
            match attribute {
                Attribute::Id(id) => object.id = id,
                Attribute::Label(label) => object.label = label,
                Attribute::PublicKeyInfo(public) => object.public = public,
                Attribute::KeyType(kind) => object.kind = Some(kind),
                Attribute::AlwaysAuthenticate(always) => object.always_authenticates = always,
                _ => {}
            }
        }
        Ok(object)
    });
    read.collect()
}

fn kind_name(kind: KeyType) -> String {
    match kind {
        KeyType::RSA => "RSA".to_owned(),
        KeyType::EC => "EC".to_owned(),
        KeyType::EC_EDWARDS => "Edwards".to_owned(),
        kind => kind.to_string(),
    }
}

/// `r` and `s` of so many bytes each, one behind the other, as `Ecdsa-Sig-Value` (RFC 3279).
fn as_der(raw: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(bytes)?;
    let numbers = [UintRef::new(r).ok()?, UintRef::new(s).ok()?];
    numbers.to_der().ok().filter(|_| s.len() == bytes)
}

const WANTED: &[AttributeType] = &[
    AttributeType::KeyType,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::AlwaysAuthenticate,
    AttributeType::PublicKeyInfo,
];

/// How many keys are looked at.
const MOST_KEYS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_signature_are_as_short_as_they_can_be_and_positive() {
        let mut raw = [0; 64];
        raw[31] = 0x80;
        raw[63] = 0x01;
        assert_eq!(
            as_der(&raw, 32).expect("encodes"),
            b"\x30\x07\x02\x02\x00\x80\x02\x01\x01"
        );
    }

    #[test]
    fn a_signature_of_another_length_is_none() {
        for length in [0, 1, 31, 32, 33, 63, 65, 96] {
            assert_eq!(as_der(&vec![1; length], 32), None, "{length}");
        }
    }
}
