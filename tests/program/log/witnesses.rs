//! Witnesses, asked over HTTP and by way of files.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use super::{Place, key};
use crate::run::{Run, casemate, read_text};

/// A witness that serves, and is stopped when dropped.
struct Serving {
    child: Child,
    vkey: String,
    url: String,
}

impl Serving {
    fn start(place: &Place) -> Self {
        if !place.path("witness.pem").exists() {
            key(&place.path("witness.pem"));
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_casemate"))
            .args(["log", "witness", "serve", "--listen", "127.0.0.1:0"])
            .args([
                "--name",
                "witness.example",
                "--key",
                &place.text("witness.pem"),
            ])
            .args(["--state", &place.text("state"), "--log", &place.vkey])
            .env_remove("SOURCE_DATE_EPOCH")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the witness starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut line = || lines.next().expect("a line").expect("UTF-8");
        let (vkey, url) = (line(), line());
        Self { child, vkey, url }
    }

    fn ask(&self, place: &Place) -> Run {
        place.log(
            "checkpoint",
            &["--witness", &self.url, "--witness-vkey", &self.vkey],
        )
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

#[test]
fn one_honest_witness_tells_a_fork() {
    let place = Place::new();
    place.append(&["one"]).ended_with(0);
    let fork = place.path("fork");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(place.path("log"))
        .arg(&fork)
        .status();
    assert!(copied.expect("cp runs").success());
    let witness = Serving::start(&place);
    witness.ask(&place).ended_with(0);
    place.append(&["two", "three"]).ended_with(0);
    witness.ask(&place).ended_with(0);
    let verified = place
        .verify(&["--witness-vkey", &witness.vkey])
        .ended_with(0);
    assert!(
        verified.out.contains("witness   witness.example at "),
        "{}",
        verified.out
    );
    // It remembers, also when it is started again.
    drop(witness);
    let witness = Serving::start(&place);
    fs::remove_dir_all(place.path("log")).expect("removed");
    fs::rename(&fork, place.path("log")).expect("renamed");
    let cut_back = witness.ask(&place).ended_with(1);
    assert!(
        cut_back
            .err
            .contains("it has cosigned a checkpoint of 3 entries"),
        "{}",
        cut_back.err
    );
    place.append(&["two", "another", "four"]).ended_with(0);
    let rewritten = witness.ask(&place).ended_with(1);
    assert!(
        rewritten.err.contains("somebody rewrote the history"),
        "{}",
        rewritten.err
    );
    let told = place
        .verify(&["--witness-vkey", &witness.vkey])
        .ended_with(1);
    assert!(told.out.contains("too-few-witnesses"), "{}", told.out);
}

#[test]
fn what_a_witness_keeps_tells_what_a_log_was_to_whoever_asks_it() {
    let place = Place::new();
    place.append(&["one", "two"]).ended_with(0);
    let witness = Serving::start(&place);
    witness.ask(&place).ended_with(0);
    let get = |path: &str| {
        let address = witness.url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(address).expect("connected");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("headers");
        (head[9..12].to_owned(), body.to_owned())
    };
    let hash = casemate_ledger::witness::origin_hash("log.example/a");
    let (status, checkpoint) = get(&format!("/{hash}/checkpoint"));
    assert_eq!(status, "200");
    fs::write(place.path("since"), checkpoint).expect("written");
    place.append(&["three"]).ended_with(0);
    place
        .verify(&["--since", &place.text("since")])
        .ended_with(0);
    for path in [
        "/",
        "/add-checkpoint/",
        "/../key.pem/checkpoint",
        "/lock/checkpoint",
    ] {
        assert_eq!(get(path).0, "404", "{path}");
    }
    assert_eq!(get("/add-checkpoint").0, "405");
}

#[test]
fn a_witness_answers_one_request_from_a_file() {
    let place = Place::new();
    place.append(&["one"]).ended_with(0);
    key(&place.path("witness.pem"));
    let checkpoint = read_text(place.path("log/checkpoint"));
    fs::write(place.path("request"), format!("old 0\n\n{checkpoint}")).expect("written");
    let cosign = || {
        let (key, state, request) = (
            place.text("witness.pem"),
            place.text("state"),
            place.text("request"),
        );
        let name = [
            "log",
            "witness",
            "cosign",
            "--name",
            "witness.example",
            "--key",
            &key,
        ];
        casemate(
            name.iter()
                .chain(&["--state", &state, "--log", &place.vkey, &request]),
        )
    };
    assert!(cosign().ended_with(0).out.starts_with("— witness.example "));
    assert_eq!(
        cosign().ended_with(1).out,
        "1\n",
        "it has cosigned it already"
    );
}
