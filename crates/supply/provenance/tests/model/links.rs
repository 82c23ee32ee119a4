//! Models with symbolic links in them.

use std::{fs, os::unix::fs::symlink};

use casemate_provenance::{Class, Meter, SignError, SignOptions, inventory};

use crate::{Signed, write};

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
    let notes = verdict.notes.concat();
    assert!(
        notes.contains("linked-dir is a link to a directory out of the model"),
        "{notes}"
    );
    write(&signed.dir.path().join("shared/deep/file"), b"changed");
    signed.expect(Class::ContentMismatch);
    write(&signed.dir.path().join("shared/deep/file"), b"behind");
    write(&signed.dir.path().join("shared/new"), b"x");
    signed.expect(Class::UnsignedPresent);
}

#[test]
fn links_to_directories_are_told_where_they_leave_the_model() {
    let options = SignOptions {
        allow_symlinks: true,
        ..SignOptions::default()
    };
    let signed = Signed::of(&options, |model| {
        let above = model.parent().expect("above");
        write(&above.join("out/deep/file"), b"x");
        symlink("sub", model.join("within")).expect("linked");
        symlink(model.join("sub"), model.join("also-within")).expect("linked");
        symlink("../../model/sub", model.join("sub/around")).expect("linked");
        symlink("../out/deep", model.join("outside")).expect("linked");
        symlink(above.join("out"), model.join("sub/also-outside")).expect("linked");
    });
    let found = inventory(&signed.model(), &options, None, &Meter::default());
    for notes in [
        found.expect("can be signed").notes,
        signed.expect(Class::Ok).notes,
    ] {
        let mut leaving: Vec<&str> = notes
            .iter()
            .filter(|note| note.contains("out of the model"))
            .map(|note| note.split(' ').next().expect("a name"))
            .collect();
        leaving.sort_unstable();
        let under_each_name = [
            "also-within/also-outside",
            "outside",
            "sub/also-outside",
            "within/also-outside",
        ];
        assert_eq!(leaving, under_each_name);
    }
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
