//! What the fuzzers found stays found.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
};

use casemate_fuzz::{TARGETS, corpus};

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders: BTreeSet<String> = fs::read_dir(corpus(""))
        .expect("the corpus")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    assert_eq!(targets, folders);
}

#[test]
fn mutations_of_signatures_begin_with_one_that_counts() {
    let seed = casemate_fuzz::signature::seed();
    let path = corpus("signature").join("bundle.json");
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        fs::write(&path, &seed).expect("written");
    }
    let mut kept = Vec::new();
    File::open(&path)
        .and_then(|mut file| file.read_to_end(&mut kept))
        .expect("readable");
    assert!(kept == seed, "signing is deterministic");
    assert!(casemate_fuzz::signature::counts(&seed));
}

#[test]
fn the_corpus_holds() {
    for (name, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus(name)).expect("a corpus") {
            let path = entry.expect("an entry").path();
            let mut bytes = Vec::new();
            File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .expect("readable");
            run(&bytes);
            files += 1;
        }
        assert!(files > 0, "the corpus of {name} is empty");
    }
}
