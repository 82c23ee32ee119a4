//! What is no part of a model, and what is.

use std::{fs, os::unix::fs::symlink};

use casemate_provenance::{Class, Meter, SignOptions, VerifyOptions, inventory};

use crate::{Signed, write};

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
