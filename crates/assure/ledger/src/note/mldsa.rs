//! Cosignatures that a quantum computer cannot forge: type 0x06, ML-DSA-44 (FIPS 204) over the name of
//! the cosigner and the head of the log (<https://c2sp.org/tlog-cosignature>). Lines behind the root are
//! not covered.

use ml_dsa::{
    EncodedVerifyingKey, Keypair as _, MlDsa44, Seed, Signature, SigningKey,
    signature::{SignatureEncoding as _, Signer as _, Verifier as _},
};

use super::{BadVerifierKey, NoteSignature, VerifierKey, VerifyingKey, is_name};
use crate::Checkpoint;

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKey(ml_dsa::VerifyingKey<MlDsa44>);

impl Eq for PublicKey {}

impl PublicKey {
    /// Reads 1,312 bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = EncodedVerifyingKey::<MlDsa44>::try_from(bytes).ok()?;
        Some(Self(ml_dsa::VerifyingKey::decode(&bytes)))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.encode().to_vec()
    }

    pub(super) fn verify(&self, name: &str, time: u64, text: &str, signature: &[u8]) -> Option<()> {
        let checkpoint: Checkpoint = text.parse().ok()?;
        let signature = Signature::<MlDsa44>::try_from(signature).ok()?;
        let message = message(name, time, &checkpoint);
        self.0.verify(&message, &signature).ok()
    }
}

/// A private key under a name, which is part of what it signs.
#[derive(Debug)]
pub struct Cosigner {
    verifier: VerifierKey,
    key: SigningKey<MlDsa44>,
}

impl Cosigner {
    /// The key that the 32 bytes of `seed` stand for.
    ///
    /// # Errors
    ///
    /// When the name is not fit.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, BadVerifierKey> {
        if !is_name(name) {
            return Err(BadVerifierKey::Name);
        }
        let key = SigningKey::from_seed(&Seed::from(*seed));
        let public = VerifyingKey::MlDsa44(PublicKey(key.verifying_key()));
        Ok(Self {
            verifier: VerifierKey::new(name.to_owned(), public),
            key,
        })
    }

    /// What verifies its cosignatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Cosigns a checkpoint at `time`, in seconds since 1970 and not 0. The same checkpoint at the same
    /// time has the same cosignature.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> NoteSignature {
        let signature = self
            .key
            .sign(&message(self.verifier.name(), time, checkpoint));
        NoteSignature {
            name: self.verifier.name().to_owned(),
            id: self.verifier.id(),
            bytes: [&time.to_be_bytes()[..], &signature.to_bytes()].concat(),
        }
    }
}

/// `cosigned_message` of the specification, for a whole tree.
fn message(name: &str, time: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut message = b"subtree/v1\n\0".to_vec();
    let mut text = |text: &str, time: Option<u64>| {
        message.push(u8::try_from(text.len()).expect("a name of at most 255 bytes"));
        message.extend_from_slice(text.as_bytes());
        message.extend(time.into_iter().flat_map(u64::to_be_bytes));
    };
    text(name, Some(time));
    text(checkpoint.origin(), Some(0));
    message.extend_from_slice(&checkpoint.size().to_be_bytes());
    message.extend_from_slice(&checkpoint.root().0);
    message
}

/// The type of the key.
pub(super) const TYPE: u8 = 0x06;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hash, Note, note::Untrusted};

    #[test]
    fn a_cosignature_covers_name_time_and_head() {
        let cosigner = Cosigner::from_seed("w.example", &[7; 32]).expect("a cosigner");
        let other = Cosigner::from_seed("v.example", &[7; 32]).expect("a cosigner");
        let checkpoint = Checkpoint::new("log.example", 1, Hash::leaf(b"")).expect("a checkpoint");
        let mut note = Note::new(checkpoint.to_string()).expect("a text");
        note.push(cosigner.cosign(&checkpoint, 5));
        let key: VerifierKey = cosigner.verifier().to_string().parse().expect("a key");
        let read = Note::parse(note.to_string().as_bytes()).expect("a note");
        assert_eq!(
            read.verify(std::slice::from_ref(&key)).expect("signed")[0].time,
            Some(5)
        );

        let forged = Err(Untrusted::Forged("w.example".into()));
        let another = Checkpoint::new("log.example", 2, Hash::leaf(b"")).expect("a checkpoint");
        let mut wrong = Note::new(another.to_string()).expect("a text");
        wrong.push(cosigner.cosign(&checkpoint, 5));
        assert_eq!(wrong.verify(std::slice::from_ref(&key)), forged);
        let mut line = cosigner.cosign(&checkpoint, 5);
        line.bytes[7] = 6;
        let mut wrong = Note::new(checkpoint.to_string()).expect("a text");
        wrong.push(line);
        assert_eq!(wrong.verify(std::slice::from_ref(&key)), forged);
        let mut line = other.cosign(&checkpoint, 5);
        (line.name, line.id) = ("w.example".into(), key.id());
        let mut wrong = Note::new(checkpoint.to_string()).expect("a text");
        wrong.push(line);
        assert_eq!(wrong.verify(&[key]), forged);
    }
}
