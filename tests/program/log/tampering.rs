//! Logs that somebody was at.

use std::{fs, process::Command};

use super::Place;

#[test]
fn a_tampered_log_is_told_with_the_entry() {
    let place = Place::new();
    place.append(&["one", "two", "three"]).ended_with(0);
    place.verify(&[]).ended_with(0);
    let bundle = place.path("log/tile/entries/000.p/3");
    let text = String::from_utf8(crate::run::read(&bundle)).expect("UTF-8");
    fs::write(&bundle, text.replace("two", "TWO")).expect("written");
    let told = place.verify(&[]).ended_with(1);
    assert!(
        told.out
            .contains("entry-changed: entry 1 is not the one that was logged"),
        "{}",
        told.out
    );
    let json = place.verify(&["--format", "json"]).ended_with(1).json();
    assert_eq!(json["faults"][0]["entry"], 1);
    let again = place.append(&["four"]).ended_with(1);
    assert!(
        again
            .out
            .starts_with("nothing is appended: entry 1 is not the one that was logged"),
        "a tampered log is not continued: {}",
        again.out
    );
    fs::write(place.path("pending"), "five").expect("written");
    let entry = place.text("pending");
    place.log("append", &[&entry]).ended_with(1);
    let signed = place.log("checkpoint", &["--key", &place.key()]);
    assert!(signed.ended_with(1).out.starts_with("nothing is signed: "));
}

#[test]
fn an_earlier_checkpoint_tells_that_the_log_was_cut_back() {
    let place = Place::new();
    place.append(&["one"]).ended_with(0);
    let copied = Command::new("cp")
        .arg("-r")
        .arg(place.path("log"))
        .arg(place.path("old"))
        .status();
    assert!(copied.expect("cp runs").success());
    place.append(&["two", "three"]).ended_with(0);
    fs::copy(place.path("log/checkpoint"), place.path("since")).expect("copied");
    let since = place.text("since");
    place.verify(&["--since", &since]).ended_with(0);
    fs::remove_dir_all(place.path("log")).expect("removed");
    fs::rename(place.path("old"), place.path("log")).expect("renamed");
    place.verify(&[]).ended_with(0);
    let told = place.verify(&["--since", &since]).ended_with(1);
    assert!(
        told.out.contains("cut-back: entries 1 to 2 are gone"),
        "{}",
        told.out
    );
}
