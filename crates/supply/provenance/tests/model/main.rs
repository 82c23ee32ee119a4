//! Models on disk, as they were signed and after somebody was at them.

mod left_out;
mod links;
mod logged;
mod signers;
mod signing;
mod tamper;

use std::{fs, path::Path};

use casemate_attest::{KeyAlgorithm, SigningKey, TrustStore};
use casemate_provenance::{
    Class, HashType, Meter, SignOptions, Verdict, VerifyOptions, inventory, sign, verify,
};
use tempfile::TempDir;

/// A model of some files, and a key.
struct Signed {
    dir: TempDir,
    key: SigningKey,
    bundle: Vec<u8>,
}

impl Signed {
    fn new(options: &SignOptions) -> Self {
        Self::of(options, |_| {})
    }

    fn of(options: &SignOptions, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let model = dir.path().join("model");
        for (name, bytes) in [
            ("config.json", &b"{}"[..]),
            ("weights.bin", &[7; 5000]),
            ("sub/a.txt", b"a"),
            ("sub/b.txt", b"b"),
            (".hidden", b"h"),
            ("sub/.git/config", b"not at the top"),
        ] {
            write(&model.join(name), bytes);
        }
        prepare(&model);
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let found = inventory(&model, options, None, &Meter::default()).expect("can be signed");
        let bundle = sign(&found.manifest, &key, &[]).expect("signs").to_json();
        Self { dir, key, bundle }
    }

    fn model(&self) -> std::path::PathBuf {
        self.dir.path().join("model")
    }

    fn verify(&self, options: &VerifyOptions) -> Verdict {
        let trust = TrustStore::of_key("test", self.key.public());
        let now = "2030-01-01T00:00:00Z".parse().expect("a time");
        verify(
            &self.model(),
            std::slice::from_ref(&self.bundle),
            &trust,
            options,
            now,
            &Meter::default(),
        )
    }

    #[track_caller]
    fn expect(&self, class: Class) -> Verdict {
        let verdict = self.verify(&VerifyOptions::default());
        assert_eq!(verdict.class, class, "{:#?}", verdict.problems);
        verdict
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn every_way() -> Vec<SignOptions> {
    let mut all = Vec::new();
    for hash in [HashType::Sha256, HashType::Blake2b, HashType::Blake3] {
        for shard_size in [None, Some(1), Some(1000), Some(1_000_000)] {
            all.push(SignOptions {
                hash,
                shard_size,
                ..SignOptions::default()
            });
        }
    }
    all
}

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).expect("made");
}
