//! What is signed, and what is read for it.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
};

use casemate_attest::{KeyAlgorithm, SigningKey, TrustStore};
use casemate_core::Source;
use casemate_provenance::{
    Class, HashType, Meter, Reuse, ReuseError, SignError, SignOptions, VerifyOptions, inventory,
    sign, verify,
};

use crate::{Signed, every_way, fifo, write};

#[test]
fn what_cannot_be_signed_is_refused_by_name() {
    let refused = |prepare: fn(&Path)| {
        let dir = tempfile::tempdir().expect("a directory");
        prepare(dir.path());
        let found = inventory(dir.path(), &SignOptions::default(), None, &Meter::default());
        found.expect_err("refused").to_string()
    };
    assert!(refused(|_| {}).contains("no file to sign"));
    assert!(refused(|it| write(&it.join(".gitignore"), b"x")).contains("no file to sign"));
    assert!(
        refused(|it| symlink("x", it.join("l")).expect("linked")).contains("l is a symbolic link")
    );
    assert!(refused(|it| fifo(&it.join("pipe"))).contains("pipe is a FIFO"));
    assert!(
        refused(|it| {
            use std::os::unix::ffi::OsStrExt as _;
            write(&it.join(std::ffi::OsStr::from_bytes(b"\xff.bin")), b"x");
        })
        .contains("%FF.bin is not UTF-8")
    );
    let nowhere = Path::new("nowhere-at-all");
    let found = inventory(nowhere, &SignOptions::default(), None, &Meter::default());
    assert!(matches!(found, Err(SignError::Open(_))));
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let signed = Signed::new(&SignOptions::default());
    let begun = i64::MAX;
    let first = inventory(
        &signed.model(),
        &SignOptions::default(),
        None,
        &Meter::default(),
    );
    let first = first.expect("can be signed");
    let bundle = sign(&first.manifest, &signed.key, &[])
        .expect("signs")
        .to_json();
    let store = first
        .digest_store(&bundle, begun)
        .sign(&signed.key)
        .expect("signs");
    let public = signed.key.public();
    let again = |store: &[u8], options: &SignOptions| {
        let reuse = Reuse::open(store, &bundle, &public).expect("is ours");
        let options = SignOptions {
            reuse: Some(reuse),
            ..options.clone()
        };
        let meter = Meter::default();
        let found = inventory(&signed.model(), &options, None, &meter).expect("can be signed");
        (found.manifest, found.reused, meter.bytes())
    };
    let (manifest, reused, bytes) = again(&store, &SignOptions::default());
    assert_eq!((manifest, reused, bytes), (first.manifest.clone(), 6, 0));
    // Another way of digesting has no digests to take over.
    let other = SignOptions {
        hash: HashType::Blake3,
        ..SignOptions::default()
    };
    assert_eq!(again(&store, &other).1, 0);
    // A change whose size and time of modification are as before changes the time of change.
    let file = signed.model().join("weights.bin");
    let modified = fs::metadata(&file)
        .expect("there")
        .modified()
        .expect("a time");
    fs::write(&file, [8; 5000]).expect("written");
    File::options()
        .write(true)
        .open(&file)
        .expect("opens")
        .set_modified(modified)
        .expect("set");
    let (manifest, reused, bytes) = again(&store, &SignOptions::default());
    assert_eq!((reused, bytes), (5, 5000));
    assert_ne!(manifest, first.manifest);
    // What changed just before it was digested may have changed again within a tick.
    let racy = first
        .digest_store(&bundle, 0)
        .sign(&signed.key)
        .expect("signs");
    assert_eq!(again(&racy, &SignOptions::default()).1, 0);
}

#[test]
fn a_digest_store_counts_only_by_the_same_key_for_the_same_bundle() {
    let signed = Signed::new(&SignOptions::default());
    let found = inventory(
        &signed.model(),
        &SignOptions::default(),
        None,
        &Meter::default(),
    );
    let found = found.expect("can be signed");
    let other = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let public = signed.key.public();
    let bundle = &signed.bundle;
    let store = found.digest_store(bundle, i64::MAX);
    assert!(Reuse::open(&store.sign(&signed.key).expect("signs"), bundle, &public).is_ok());
    assert!(matches!(
        Reuse::open(&store.sign(&other).expect("signs"), bundle, &public),
        Err(ReuseError::Store)
    ));
    let theirs = sign(&found.manifest, &other, &[]).expect("signs").to_json();
    let of_theirs = found
        .digest_store(&theirs, i64::MAX)
        .sign(&signed.key)
        .expect("signs");
    assert!(matches!(
        Reuse::open(&of_theirs, &theirs, &public),
        Err(ReuseError::Bundle)
    ));
    assert!(matches!(
        Reuse::open(&of_theirs, bundle, &public),
        Err(ReuseError::OtherBundle)
    ));
    for garbage in [&b""[..], b"{}", bundle] {
        assert!(Reuse::open(garbage, bundle, &public).is_err());
    }
}

#[test]
fn whoever_looks_at_the_files_sees_what_is_digested() {
    let signed = Signed::of(&SignOptions::default(), |model| {
        write(&model.join("large.bin"), &vec![1; 5 << 20]);
    });
    let inspect = |name: &str, content: &dyn Source| {
        let all = content.read_vec(0, 8 << 20).expect("readable");
        let is_bad = name == "sub/a.txt" || all.len() == 5 << 20;
        is_bad.then(|| format!("{} bytes", all.len()))
    };
    // A shard for each byte of a large file takes a while.
    for options in every_way()
        .into_iter()
        .filter(|it| it.shard_size != Some(1))
    {
        let found = inventory(&signed.model(), &options, Some(&inspect), &Meter::default());
        let mut found = found.expect("can be signed");
        let plain = inventory(&signed.model(), &options, None, &Meter::default());
        assert_eq!(found.manifest, plain.expect("can be signed").manifest);
        found.objections.sort();
        let said: Vec<(&str, &str)> = found
            .objections
            .iter()
            .map(|(name, why)| (&name[..], &why[..]))
            .collect();
        assert_eq!(
            said,
            [("large.bin", "5242880 bytes"), ("sub/a.txt", "1 bytes")]
        );
    }
}

#[test]
fn a_model_may_be_one_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("model.gguf");
    write(&file, b"GGUF");
    let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
    let found = inventory(&file, &SignOptions::default(), None, &Meter::default()).expect("signs");
    assert_eq!(found.manifest.resources[0].name, ".");
    assert_eq!(found.manifest.name, "model.gguf");
    let bundle = sign(&found.manifest, &key, &[]).expect("signs").to_json();
    let trust = TrustStore::of_key("test", key.public());
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let class = |path: &Path| {
        let options = VerifyOptions::default();
        verify(
            path,
            std::slice::from_ref(&bundle),
            &trust,
            &options,
            now,
            &Meter::default(),
        )
        .class
    };
    assert_eq!(class(&file), Class::Ok);
    write(&file, b"GGUG");
    assert_eq!(class(&file), Class::ContentMismatch);
    let renamed = dir.path().join("other.gguf");
    write(&file, b"GGUF");
    fs::rename(&file, &renamed).expect("renamed");
    assert_eq!(class(&renamed), Class::Ok);
}

#[test]
fn an_empty_file_of_a_model_in_shards_can_be_nobodys() {
    let options = SignOptions {
        shard_size: Some(10),
        ..SignOptions::default()
    };
    let signed = Signed::of(&options, |model| write(&model.join("empty"), b""));
    let verdict = signed.expect(Class::Ok);
    assert_eq!(verdict.ignored[0].to_string(), "empty");
    write(&signed.model().join("empty"), b"no more");
    signed.expect(Class::UnsignedPresent);
}

#[test]
fn a_file_of_holes_has_no_more_shards_than_are_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = File::create(dir.path().join("holes")).expect("made");
    file.set_len(1 << 40).expect("holes");
    let options = SignOptions {
        shard_size: Some(1000),
        ..SignOptions::default()
    };
    let found = inventory(dir.path(), &options, None, &Meter::default());
    assert!(matches!(found, Err(SignError::Shards)));
}
