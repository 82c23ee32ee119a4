//! Who writes a log, and what is left of it when they are cut off.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use super::{Place, key};
use crate::run::casemate;

#[test]
fn what_is_pending_waits_for_the_key() {
    let place = Place::new();
    fs::write(place.path("entry"), "one").expect("written");
    let entry = place.text("entry");
    let pending = place.log("append", &[&entry, &entry]).ended_with(0);
    assert_eq!(
        pending.out,
        "entries 0 to 1, pending until the next checkpoint\n"
    );
    assert!(
        place
            .verify(&[])
            .ended_with(0)
            .out
            .contains("pending   2 entries")
    );
    let signed = place.log("checkpoint", &["--key", &place.key(), "--format", "json"]);
    let signed = signed.ended_with(0).json();
    assert_eq!(
        (&signed["head"]["size"], &signed["pending"]),
        (&2.into(), &0.into())
    );
    let exported = place.log("export", &["--from", "1"]).ended_with(0).out;
    assert!(
        exported.starts_with("{\"index\":1,\"leaf\":\""),
        "{exported}"
    );
    assert!(exported.ends_with("\"bytes\":\"b25l\"}\n"), "{exported}");
}

#[test]
fn another_s_key_signs_nothing() {
    let place = Place::new();
    key(&place.path("other.pem"));
    let refused = place.log("checkpoint", &["--key", &place.text("other.pem")]);
    assert_eq!(refused.status, 2);
    assert!(
        refused.err.contains("not signed by this key"),
        "{}",
        refused.err
    );
    let vkey = casemate([
        "log",
        "vkey",
        "log.example/a",
        "--key",
        &place.text("other.pem"),
    ]);
    let told = place.log("verify", &["--vkey", vkey.ended_with(0).out.trim_end()]);
    assert!(told.ended_with(1).out.contains("untrusted-signer"));
}

#[test]
fn a_log_whose_writer_is_killed_goes_on_from_what_it_acknowledged() {
    let place = Place::new();
    let mut acknowledged = 0;
    for round in 0..6_u64 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_casemate"))
            .args([
                "log",
                "append",
                &place.text("log"),
                "-",
                "--lines",
                "--key",
                &place.key(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = child.stdin.take().expect("its input");
        let lines: String = (0..3000 + 700 * round)
            .map(|n| format!("{round} {n}\n"))
            .collect();
        let written = input.write_all(lines.as_bytes());
        drop(input);
        // Of the rounds, some are killed at the beginning, some while tiles are written, some never.
        std::thread::sleep(std::time::Duration::from_millis(round * 60));
        child.kill().expect("killed");
        let output = child.wait_with_output().expect("ended");
        if output.status.success() {
            assert!(written.is_ok());
            acknowledged += 3000 + 700 * round;
        }
        let verified = place.verify(&["--format", "json"]).ended_with(0).json();
        let size = verified["head"]["size"].as_u64().expect("a size");
        assert!(size >= acknowledged, "{size} of {acknowledged}");
        acknowledged = size;
    }
    place.append(&["the end"]).ended_with(0);
    assert_eq!(
        place.verify(&["--format", "json"]).ended_with(0).json()["entries"],
        acknowledged + 1
    );
}
