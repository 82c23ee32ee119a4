//! What was done to a model after it was signed.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
};

use casemate_provenance::{Class, SignOptions, VerifyOptions};

use crate::{Signed, every_way, fifo, write};

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
