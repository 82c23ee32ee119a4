//! What holds of any bytes, and of archives with a few bytes changed: the fuzz targets' claims,
//! under a random generator that needs no fuzzer.

// The targets' functions are public in their own crate.
#![allow(unreachable_pub)]

use std::{fs::File, io::Read, path::Path};

use proptest::{collection::vec, prelude::*, sample::Index};

#[path = "../../../../fuzz/targets/bzip2.rs"]
mod bzip2;
#[path = "../../../../fuzz/targets/gzip.rs"]
mod gzip;
#[path = "../../../../fuzz/targets/lz4.rs"]
mod lz4;
#[path = "../../../../fuzz/targets/sevenz.rs"]
mod sevenz;
#[path = "../../../../fuzz/targets/sniff.rs"]
mod sniff;
#[path = "../../../../fuzz/targets/tar.rs"]
mod tar;
#[path = "../../../../fuzz/targets/xz.rs"]
mod xz;
#[path = "../../../../fuzz/targets/zip.rs"]
mod zip;
#[path = "../../../../fuzz/targets/zstd.rs"]
mod zstd;

/// The rules' examples: small, and each odd in its own way.
fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut paths: Vec<_> = folder
        .read_dir()
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let mut bytes = Vec::new();
        let mut file = File::open(path).expect("a fixture");
        file.read_to_end(&mut bytes).expect("a fixture");
        bytes
    };
    paths.iter().map(read).collect()
}

fn hold(bytes: &[u8]) {
    sniff::run(bytes);
    zip::run(bytes);
    tar::run(bytes);
    gzip::run(bytes);
    bzip2::run(bytes);
    xz::run(bytes);
    zstd::run(bytes);
    lz4::run(bytes);
    sevenz::run(bytes);
}

#[test]
fn the_fixtures_hold_whole_and_cut_anywhere() {
    for bytes in fixtures() {
        let step = bytes.len() / 64 + 1;
        for end in (0..=bytes.len()).step_by(step) {
            hold(&bytes[..end]);
        }
        hold(&bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_hold(bytes in vec(any::<u8>(), 0..600)) {
        hold(&bytes);
    }

    #[test]
    fn zips_with_changed_bytes_hold(
        fixture in any::<Index>(),
        changes in vec((any::<Index>(), prop_oneof![Just(0), Just(0xff), any::<u8>()]), 1..8),
        doubled in any::<bool>(),
    ) {
        let mut bytes = fixture.get(&fixtures()).clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if doubled {
            bytes.extend_from_within(..);
        }
        hold(&bytes);
    }
}
