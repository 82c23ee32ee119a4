//! Bytes that may be a bundle. Whatever is done to one: what counts is what was signed, by whom it was.

use std::sync::LazyLock;

use casemate_attest::{SigningKey, TrustStore};
use casemate_provenance::{HashType, Manifest, Resource, Serialization, about, read_signed, sign};

/// Reads them under the trust in one key.
pub fn run(data: &[u8]) {
    counts(data);
}

/// Whether they count, as what was signed.
pub fn counts(data: &[u8]) -> bool {
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let told = about(data);
    let Ok(signed) = read_signed(data, &TRUST, None, now, &mut Vec::new()) else {
        return false;
    };
    let (signer, manifest) = (signed.signer, signed.content);
    assert_eq!(signer.key, KEY.public().id());
    assert_eq!(manifest, *SIGNED, "something counts that nobody signed");
    let same = (manifest.root(), manifest.predicate_type().to_owned());
    assert_eq!(told.ok(), Some(same), "a log would say something else of it");
    true
}

/// The bundle that mutations begin with, as JSON.
pub fn seed() -> Vec<u8> {
    sign(&SIGNED, &*KEY, &[]).expect("signs").to_json()
}

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::read(include_bytes!("signature.pem"), None).expect("a key"));
static TRUST: LazyLock<TrustStore> = LazyLock::new(|| TrustStore::of_key("test", KEY.public()));
static SIGNED: LazyLock<Manifest> = LazyLock::new(|| Manifest {
    name: "model".into(),
    resources: vec![Resource {
        name: "weights.bin".into(),
        range: None,
        digest: vec![7; 32].into(),
    }],
    serialization: Serialization {
        shard_size: None,
        hash: HashType::Sha256,
        allow_symlinks: false,
        ignore_paths: vec![".git".into()],
    },
    is_legacy: false,
});
