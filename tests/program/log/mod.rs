//! The transparency log, through the program.

mod assessments;
mod proofs;
mod tampering;
mod witnesses;
mod writing;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Run, assert_valid, casemate, read_text, tree};

/// A directory with a log and its key.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) vkey: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tree(&[]);
        key(&dir.path().join("key.pem"));
        let mut place = Self {
            dir,
            vkey: String::new(),
        };
        let made = place.log(
            "init",
            &["--origin", "log.example/a", "--key", &place.key()],
        );
        place.vkey = made.ended_with(0).out.trim_end().to_owned();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name)
            .into_os_string()
            .into_string()
            .expect("UTF-8")
    }

    pub(crate) fn key(&self) -> String {
        self.text("key.pem")
    }

    pub(crate) fn log(&self, command: &str, rest: &[&str]) -> Run {
        let log = self.text("log");
        casemate(["log", command, &log].iter().chain(rest))
    }

    /// Appends lines under a new checkpoint.
    pub(crate) fn append(&self, lines: &[&str]) -> Run {
        fs::write(self.path("lines"), lines.join("\n") + "\n").expect("written");
        self.log(
            "append",
            &["--lines", &self.text("lines"), "--key", &self.key()],
        )
    }

    pub(crate) fn verify(&self, rest: &[&str]) -> Run {
        self.log("verify", &[&["--vkey", &self.vkey], rest].concat())
    }
}

pub(crate) fn key(path: &Path) {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(path)
        .status();
    assert!(made.expect("openssl runs").success());
}

#[test]
fn what_programs_are_told_is_what_the_schemas_say() {
    let place = Place::new();
    let schema = |name: &str| casemate(["schema", name]).ended_with(0).json();
    fs::write(place.path("entry"), "one").expect("written");
    let json = |command: &str, rest: &[&str]| {
        place
            .log(command, &[rest, &["--format", "json"]].concat())
            .ended_with(0)
            .json()
    };
    let appended = json("append", &[&place.text("entry"), "--key", &place.key()]);
    assert_valid(&appended, schema("log-append"));
    assert_valid(&json("checkpoint", &[]), schema("log-checkpoint"));
    assert_valid(
        &json("verify", &["--vkey", &place.vkey]),
        schema("log-verification"),
    );
}

#[test]
fn the_page_of_the_log_says_what_a_log_without_witnesses_proves() {
    let page = read_text("docs/src/commands/log.md");
    assert!(page.contains("order to its owner only"));
}
