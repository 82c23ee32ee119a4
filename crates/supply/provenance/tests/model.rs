//! Models on disk, as they were signed and after somebody was at them.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
};

use casemate_attest::{KeyAlgorithm, SigningKey, TrustStore};
use casemate_core::Source;
use casemate_provenance::{
    Class, HashType, Meter, Reuse, ReuseError, SignError, SignOptions, Verdict, VerifyOptions,
    inventory, sign, verify,
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

#[test]
fn what_was_signed_verifies_in_every_way_of_signing() {
    for options in every_way() {
        let verdict = Signed::new(&options).expect(Class::Ok);
        assert_eq!((verdict.signed_files, verdict.verified_files), (6, 6));
        assert_eq!(verdict.signers[0].name, "test");
    }
}

#[test]
fn whatever_is_done_to_a_model_is_told_by_its_class() {
    type Tamper = fn(&Path);
    let tampers: &[(&str, Class, Tamper)] = &[
        ("a byte", Class::ContentMismatch, |it| {
            let mut file = File::options()
                .write(true)
                .open(it.join("weights.bin"))
                .expect("opens");
            file.write_all(&[8]).expect("written");
        }),
        ("the end cut off", Class::ContentMismatch, |it| {
            let file = File::options()
                .write(true)
                .open(it.join("weights.bin"))
                .expect("opens");
            file.set_len(4999).expect("cut");
        }),
        ("a byte behind", Class::ContentMismatch, |it| {
            let mut file = File::options()
                .append(true)
                .open(it.join("weights.bin"))
                .expect("opens");
            file.write_all(&[7]).expect("written");
        }),
        ("a file emptied", Class::ContentMismatch, |it| {
            write(&it.join("sub/a.txt"), b"")
        }),
        ("a file added", Class::UnsignedPresent, |it| {
            write(&it.join("new.bin"), b"x")
        }),
        ("a hidden file added", Class::UnsignedPresent, |it| {
            write(&it.join("sub/.x"), b"x")
        }),
        ("git below the top", Class::UnsignedPresent, |it| {
            write(&it.join("sub/.git/x"), b"x")
        }),
        ("a file removed", Class::Missing, |it| {
            fs::remove_file(it.join("config.json")).expect("removed");
        }),
        ("a directory removed", Class::Missing, |it| {
            fs::remove_dir_all(it.join("sub")).expect("removed");
        }),
        ("a file renamed", Class::Missing, |it| {
            fs::rename(it.join("weights.bin"), it.join("weights2.bin")).expect("renamed");
        }),
        ("a name's case", Class::Missing, |it| {
            fs::rename(it.join("weights.bin"), it.join("Weights.bin")).expect("renamed");
        }),
        ("two files swapped", Class::ContentMismatch, |it| {
            fs::rename(it.join("sub/a.txt"), it.join("t")).expect("renamed");
            fs::rename(it.join("sub/b.txt"), it.join("sub/a.txt")).expect("renamed");
            fs::rename(it.join("t"), it.join("sub/b.txt")).expect("renamed");
        }),
        ("a file in the place of a directory", Class::Missing, |it| {
            fs::remove_dir_all(it.join("sub")).expect("removed");
            write(&it.join("sub"), b"x");
        }),
        (
            "a directory in the place of a file",
            Class::ContentMismatch,
            |it| {
                fs::remove_file(it.join("config.json")).expect("removed");
                fs::create_dir(it.join("config.json")).expect("made");
            },
        ),
        ("a link to the same content", Class::ContentMismatch, |it| {
            fs::rename(
                it.join("weights.bin"),
                it.parent().expect("above").join("w"),
            )
            .expect("moved");
            symlink("../w", it.join("weights.bin")).expect("linked");
        }),
        ("a directory behind a link", Class::ContentMismatch, |it| {
            fs::rename(it.join("sub"), it.parent().expect("above").join("s")).expect("moved");
            symlink("../s", it.join("sub")).expect("linked");
        }),
        ("a link added", Class::UnsignedPresent, |it| {
            symlink("weights.bin", it.join("link")).expect("linked");
        }),
        ("a link that leads nowhere", Class::UnsignedPresent, |it| {
            symlink("nowhere", it.join("link")).expect("linked");
        }),
        ("a FIFO added", Class::UnsignedPresent, |it| {
            fifo(&it.join("pipe"))
        }),
        (
            "a FIFO in the place of a file",
            Class::ContentMismatch,
            |it| {
                fs::remove_file(it.join("config.json")).expect("removed");
                fifo(&it.join("config.json"));
            },
        ),
        ("the model removed", Class::Missing, |it| {
            fs::remove_dir_all(it).expect("removed")
        }),
    ];
    for options in [
        SignOptions::default(),
        SignOptions {
            shard_size: Some(1000),
            ..SignOptions::default()
        },
    ] {
        for (what, class, tamper) in tampers {
            let signed = Signed::new(&options);
            tamper(&signed.model());
            let verdict = signed.verify(&VerifyOptions::default());
            assert_eq!(verdict.class, *class, "{what}: {:#?}", verdict.problems);
        }
    }
}

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).expect("made");
}

#[test]
fn what_is_left_out_is_told_and_no_problem() {
    let options = SignOptions {
        ignore_paths: vec!["cache".into()],
        ..SignOptions::default()
    };
    let signed = Signed::new(&options);
    write(&signed.model().join("cache/deep/file"), b"x");
    write(&signed.model().join(".git/config"), b"x");
    let verdict = signed.expect(Class::Ok);
    let ignored: Vec<String> = verdict.ignored.iter().map(ToString::to_string).collect();
    assert_eq!(ignored, [".git", "cache"]);
    write(&signed.model().join("sub/cache"), b"x");
    signed.expect(Class::UnsignedPresent);
    let ignoring = VerifyOptions {
        ignore_unsigned: true,
        ..VerifyOptions::default()
    };
    assert_eq!(signed.verify(&ignoring).class, Class::Ok);
    let by_path = VerifyOptions {
        ignore_paths: vec![signed.model().join("sub/cache")],
        ..VerifyOptions::default()
    };
    assert_eq!(signed.verify(&by_path).class, Class::Ok);
    // What is signed is verified, whatever is to be ignored.
    write(&signed.model().join("weights.bin"), b"x");
    let everything = VerifyOptions {
        ignore_paths: vec!["weights.bin".into(), "sub".into()],
        ignore_unsigned: true,
        ..VerifyOptions::default()
    };
    assert_eq!(signed.verify(&everything).class, Class::ContentMismatch);
}

#[test]
fn a_part_can_be_verified_and_is_called_a_part() {
    let signed = Signed::new(&SignOptions::default());
    let only = |glob: &str| VerifyOptions {
        only: vec![glob.into()],
        ..VerifyOptions::default()
    };
    let verdict = signed.verify(&only("sub/*.txt"));
    assert_eq!((verdict.class, verdict.verified_files), (Class::Partial, 2));
    write(&signed.model().join("weights.bin"), b"x");
    assert_eq!(signed.verify(&only("sub/*.txt")).class, Class::Partial);
    assert_eq!(signed.verify(&only("*.bin")).class, Class::ContentMismatch);
    write(&signed.model().join("sub/new.txt"), b"x");
    assert_eq!(
        signed.verify(&only("sub/*.txt")).class,
        Class::UnsignedPresent
    );
    assert_eq!(signed.verify(&only("*.safetensors")).class, Class::Missing);
}

#[test]
fn links_are_followed_where_the_signer_followed_them() {
    let options = SignOptions {
        allow_symlinks: true,
        ..SignOptions::default()
    };
    let signed = Signed::of(&options, |model| {
        let above = model.parent().expect("above");
        write(&above.join("blobs/one"), b"blob");
        write(&above.join("shared/deep/file"), b"behind");
        symlink("../blobs/one", model.join("linked.bin")).expect("linked");
        symlink("../shared", model.join("linked-dir")).expect("linked");
    });
    let verdict = signed.expect(Class::Ok);
    assert_eq!(verdict.signed_files, 8);
    write(&signed.dir.path().join("shared/deep/file"), b"changed");
    signed.expect(Class::ContentMismatch);
    write(&signed.dir.path().join("shared/deep/file"), b"behind");
    write(&signed.dir.path().join("shared/new"), b"x");
    signed.expect(Class::UnsignedPresent);
}

#[test]
fn links_in_circles_come_to_an_end() {
    let options = SignOptions {
        allow_symlinks: true,
        ..SignOptions::default()
    };
    let signed = Signed::of(&options, |model| {
        symlink(".", model.join("me")).expect("linked");
        symlink("..", model.join("sub/up")).expect("linked");
    });
    let verdict = signed.expect(Class::Ok);
    assert_eq!(verdict.notes.len(), 2, "{:?}", verdict.notes);
}

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
fn so_many_must_have_signed_as_the_store_asks_for() {
    let signed = Signed::new(&SignOptions::default());
    let found = inventory(
        &signed.model(),
        &SignOptions::default(),
        None,
        &Meter::default(),
    );
    let manifest = found.expect("can be signed").manifest;
    let second = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let stranger = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let entry = |name: &str, key: &SigningKey| {
        format!(
            "[[key]]\nname = \"{name}\"\npem = \"\"\"{}\"\"\"\n",
            key.public().to_pem()
        )
    };
    let store = format!(
        "threshold = 2\n{}{}",
        entry("a", &signed.key),
        entry("b", &second)
    );
    let trust = TrustStore::from_toml(&store).expect("a store");
    let by = |key: &SigningKey| sign(&manifest, key, &[]).expect("signs").to_json();
    let mut other = manifest.clone();
    other.resources.pop();
    let of_other = sign(&other, &second, &[]).expect("signs").to_json();
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let class = |bundles: &[Vec<u8>]| {
        let options = VerifyOptions::default();
        verify(
            &signed.model(),
            bundles,
            &trust,
            &options,
            now,
            &Meter::default(),
        )
        .class
    };
    assert_eq!(class(&[by(&signed.key), by(&second)]), Class::Ok);
    assert_eq!(
        class(&[by(&signed.key), by(&stranger), by(&second)]),
        Class::Ok
    );
    assert_eq!(class(&[by(&signed.key)]), Class::UntrustedSigner);
    assert_eq!(
        class(&[by(&signed.key), by(&signed.key)]),
        Class::UntrustedSigner
    );
    assert_eq!(
        class(&[by(&signed.key), by(&stranger)]),
        Class::UntrustedSigner
    );
    assert_eq!(class(&[by(&signed.key), of_other]), Class::UntrustedSigner);
}

#[test]
fn a_bundle_that_is_none_is_malformed_and_a_signature_of_another_kind_too() {
    let mut signed = Signed::new(&SignOptions::default());
    for bundle in [&b""[..], b"{}", b"\xff", b"[[[[", b"null"] {
        signed.bundle = bundle.to_vec();
        signed.expect(Class::Malformed);
    }
    // What is validly signed and is no manifest.
    let envelope =
        casemate_attest::Envelope::sign(b"{}".to_vec(), "text/plain", &signed.key).expect("signs");
    let material = casemate_attest::Material::of_key(&signed.key.public());
    let bundle = casemate_attest::Bundle {
        material,
        envelope,
        timestamps: Vec::new(),
        log_entries: 0,
    };
    signed.bundle = bundle.to_json();
    signed.expect(Class::Malformed);
}

#[test]
fn what_is_written_elsewhere_is_no_path_of_the_model() {
    let outside = SignOptions {
        // Relative to the working directory, where there is no model.
        outputs: vec!["plugins".into(), "weights.bin".into()],
        ..SignOptions::default()
    };
    let signed = Signed::new(&outside);
    let verdict = signed.expect(Class::Ok);
    assert_eq!(verdict.signed_files, 6, "weights.bin among them");
    write(&signed.model().join("plugins/evil.py"), b"import os");
    signed.expect(Class::UnsignedPresent);
    let bundle_elsewhere = VerifyOptions {
        bundles: vec!["plugins".into()],
        ..VerifyOptions::default()
    };
    assert_eq!(
        signed.verify(&bundle_elsewhere).class,
        Class::UnsignedPresent
    );
}

#[test]
fn a_path_to_leave_out_is_of_the_model_or_of_nothing() {
    let found = |path: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        write(&dir.path().join("sub/c"), b"c");
        write(&dir.path().join("d"), b"d");
        let options = SignOptions {
            ignore_git: false,
            ignore_paths: vec![
                path.replace("MODEL", &dir.path().display().to_string())
                    .into(),
            ],
            ..SignOptions::default()
        };
        let found =
            inventory(dir.path(), &options, None, &Meter::default()).expect("can be signed");
        (found.manifest.serialization.ignore_paths, found.notes.len())
    };
    let only = |name: &str, notes: usize| (vec![name.to_owned()], notes);
    for path in [
        "sub/c",
        "sub//c",
        "./sub/./c",
        "MODEL/sub/c",
        "MODEL/d/../sub/c",
        "sub/c/",
    ] {
        let expected = match path {
            // There is no way through a file.
            "MODEL/d/../sub/c" => (Vec::new(), 1),
            // Nor one below it, and nothing yet of the name.
            "sub/c/" => only("sub/c", 1),
            _ => only("sub/c", 0),
        };
        assert_eq!(found(path), expected, "{path}");
    }
    assert_eq!(found("cache"), only("cache", 1));
    // What lies in the working directory is not what the model has of its name.
    assert_eq!(found("Cargo.toml"), (Vec::new(), 1));
    assert_eq!(found("../d"), (Vec::new(), 1));
}

#[test]
fn another_name_of_the_bundle_is_a_file_like_any_other() {
    let signed = Signed::of(
        &SignOptions {
            ignore_paths: vec!["m.sig".into()],
            allow_symlinks: true,
            ..SignOptions::default()
        },
        |_| {},
    );
    let bundle = signed.model().join("m.sig");
    write(&bundle, &signed.bundle);
    let options = VerifyOptions {
        bundles: vec![bundle.clone()],
        ..VerifyOptions::default()
    };
    assert_eq!(signed.verify(&options).class, Class::Ok);
    let other = signed.model().join("tokenizer_config.json");
    fs::hard_link(&bundle, &other).expect("linked");
    assert_eq!(signed.verify(&options).class, Class::UnsignedPresent);
    fs::remove_file(&other).expect("removed");
    symlink("m.sig", &other).expect("linked");
    assert_eq!(signed.verify(&options).class, Class::UnsignedPresent);
}

#[test]
fn git_that_is_signed_is_verified() {
    let options = SignOptions {
        ignore_git: false,
        ..SignOptions::default()
    };
    let signed = Signed::of(&options, |model| write(&model.join(".git/config"), b"x"));
    signed.expect(Class::Ok);
    write(&signed.model().join(".git/hooks/post-checkout"), b"rm");
    signed.expect(Class::UnsignedPresent);
}

#[test]
fn directories_behind_links_behind_links_come_to_an_end() {
    let options = SignOptions {
        allow_symlinks: true,
        ..SignOptions::default()
    };
    let signed = Signed::new(&options);
    let deep = signed.model().join("z");
    fs::create_dir_all(deep.join("d0")).expect("made");
    for level in 1..=24 {
        let below = format!("../d{}", level - 1);
        let at = deep.join(format!("d{level}"));
        fs::create_dir(&at).expect("made");
        symlink(&below, at.join("a")).expect("linked");
        symlink(&below, at.join("b")).expect("linked");
    }
    signed.expect(Class::UnsignedPresent);
    let again = inventory(&signed.model(), &options, None, &Meter::default());
    assert!(matches!(again, Err(SignError::Many)));
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

#[test]
fn signers_agree_where_each_left_out_its_own_bundle() {
    let signed = Signed::new(&SignOptions::default());
    let second = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let third = SigningKey::generate(KeyAlgorithm::P384).expect("randomness");
    let entry = |name: &str, key: &SigningKey| {
        let pem = key.public().to_pem();
        format!("[[key]]\nname = \"{name}\"\npem = \"\"\"{pem}\"\"\"\n")
    };
    let store = [
        "threshold = 2\n".into(),
        entry("a", &signed.key),
        entry("b", &second),
        entry("c", &third),
    ];
    let trust = TrustStore::from_toml(&store.concat()).expect("a store");
    let by =
        |key: &SigningKey, leaves_out: &str, change: fn(&mut casemate_provenance::Manifest)| {
            let options = SignOptions {
                outputs: vec![signed.model().join(leaves_out)],
                ..SignOptions::default()
            };
            let found = inventory(&signed.model(), &options, None, &Meter::default());
            let mut manifest = found.expect("can be signed").manifest;
            change(&mut manifest);
            sign(&manifest, key, &[]).expect("signs").to_json()
        };
    let other = by(&signed.key, "a.sig", |it| drop(it.resources.pop()));
    let (b, c) = (by(&second, "b.sig", |_| {}), by(&third, "c.sig", |_| {}));
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let verdict = |bundles: &[Vec<u8>]| {
        let options = VerifyOptions::default();
        verify(
            &signed.model(),
            bundles,
            &trust,
            &options,
            now,
            &Meter::default(),
        )
    };
    for bundles in [[&other, &b, &c], [&b, &other, &c], [&b, &c, &other]] {
        let told = verdict(&bundles.map(Clone::clone));
        assert_eq!(told.class, Class::Ok, "{:#?}", told.problems);
        assert_eq!(told.signers.len(), 2);
        assert_eq!(
            told.notes.len(),
            1,
            "who signed other content: {:?}",
            told.notes
        );
    }
    // What one of them alone left out is not left out.
    write(&signed.model().join("b.sig"), b"x");
    assert_eq!(verdict(&[b, c]).class, Class::UnsignedPresent);
}

#[test]
fn a_signer_is_held_to_the_name_that_is_signed_and_not_to_that_of_the_directory() {
    let signed = Signed::new(&SignOptions::default());
    let pem = signed.key.public().to_pem();
    let class = |subjects: &str| {
        let store = format!(
            "[[key]]\nname = \"a\"\npem = \"\"\"{pem}\"\"\"\nsubjects = [\"{subjects}\"]\n"
        );
        let trust = TrustStore::from_toml(&store).expect("a store");
        let renamed = signed.dir.path().join("llama-70b");
        fs::rename(signed.model(), &renamed).expect("renamed");
        let now = "2030-01-01T00:00:00Z".parse().expect("a time");
        let bundles = std::slice::from_ref(&signed.bundle);
        let told = verify(
            &renamed,
            bundles,
            &trust,
            &VerifyOptions::default(),
            now,
            &Meter::default(),
        );
        fs::rename(&renamed, signed.model()).expect("renamed");
        (told.class, told.name)
    };
    assert_eq!(class("llama-*"), (Class::UntrustedSigner, None));
    assert_eq!(class("mod*"), (Class::Ok, Some("model".to_owned())));
}
