//! The transparency log, through the program.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    pypi::wheel,
    run::{Run, assert_valid, casemate, read_text, tree},
};

/// A directory with a log and its key.
struct Place {
    dir: tempfile::TempDir,
    vkey: String,
}

impl Place {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name)
            .into_os_string()
            .into_string()
            .expect("UTF-8")
    }

    fn key(&self) -> String {
        self.text("key.pem")
    }

    fn log(&self, command: &str, rest: &[&str]) -> Run {
        let log = self.text("log");
        casemate(["log", command, &log].iter().chain(rest))
    }

    /// Appends lines under a new checkpoint.
    fn append(&self, lines: &[&str]) -> Run {
        fs::write(self.path("lines"), lines.join("\n") + "\n").expect("written");
        self.log(
            "append",
            &["--lines", &self.text("lines"), "--key", &self.key()],
        )
    }

    fn verify(&self, rest: &[&str]) -> Run {
        self.log("verify", &[&["--vkey", &self.vkey], rest].concat())
    }
}

fn key(path: &Path) {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(path)
        .status();
    assert!(made.expect("openssl runs").success());
}

#[test]
fn what_is_appended_is_proven_offline_and_nothing_else_is() {
    let place = Place::new();
    place.append(&["one", "two", "three"]).ended_with(0);
    let proof = place.text("two.tlog-proof");
    place
        .log("prove", &["--index", "1", "--out", &proof])
        .ended_with(0);
    fs::write(place.path("two"), "two").expect("written");
    fs::write(place.path("other"), "other").expect("written");
    fs::remove_dir_all(place.path("log")).expect("removed");
    let verify = |entry: &str| {
        let entry = place.text(entry);
        let arguments = [
            "log",
            "verify",
            "--proof",
            &proof,
            "--entry",
            &entry,
            "--vkey",
            &place.vkey,
        ];
        casemate(arguments.iter().chain(&["--format", "json"]))
    };
    assert_eq!(verify("two").ended_with(0).json()["class"], "ok");
    let other = verify("other").ended_with(1).json();
    assert_eq!(
        (&other["class"], &other["faults"][0]["entry"]),
        (&"not-logged".into(), &1.into())
    );
}

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
    let again = place.append(&["four"]);
    assert_eq!(
        again.status, 2,
        "a tampered log is not continued: {}",
        again.out
    );
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

#[test]
fn an_assessment_is_logged_with_its_decision_last() {
    let place = Place::new();
    let assess = |rest: &[&str]| {
        let (log, out) = (place.text("log"), place.text("out"));
        let arguments = [
            "assess",
            "examples/01-fraud-model",
            "--log",
            &log,
            "--out",
            &out,
        ];
        casemate(arguments.iter().chain(rest))
    };
    let run = assess(&["--log-key", &place.key(), "--format", "json"]).ended_with(1);
    let report = run.json();
    let (first, last) = (&report["logged"]["first"], &report["logged"]["last"]);
    assert_eq!(
        (first, &report["logged"]["pending"]),
        (&0.into(), &false.into())
    );
    let last = last.as_u64().expect("an index");
    assert!(
        run.err.contains(&format!("logged as entries 0 to {last}")),
        "{}",
        run.err
    );
    let exported = place.log("export", &[]).ended_with(0).out;
    let lines: Vec<serde_json::Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len() as u64, last + 1);
    let record = |at: usize| &lines[at]["record"];
    let decision = &lines.last().expect("a line")["record"];
    assert_eq!(
        (&decision["type"], &decision["body"]["outcome"]),
        (&"decision".into(), &"deny".into())
    );
    assert_eq!(decision["policy"], report["decision"]["policy"]);
    for (at, population) in report["outcomes"]
        .as_array()
        .expect("populations")
        .iter()
        .enumerate()
    {
        assert_eq!(record(at)["body"]["root"], population["root"]);
        assert_eq!(record(at)["body"]["count"], population["count"]);
    }
    let schema = casemate(["schema", "record"]).ended_with(0).json();
    lines
        .iter()
        .for_each(|line| assert_valid(&line["record"], schema.clone()));
    // Entries are what is exported, to the byte.
    let entry = serde_json::to_vec(decision).expect("JSON");
    fs::write(place.path("entry"), entry).expect("written");
    let proof = place.text("proof");
    let index = last.to_string();
    place
        .log("prove", &["--index", &index, "--out", &proof])
        .ended_with(0);
    let entry = place.text("entry");
    let verify = [
        "log",
        "verify",
        "--proof",
        &proof,
        "--entry",
        &entry,
        "--vkey",
        &place.vkey,
    ];
    casemate(verify).ended_with(0);

    let text = assess(&[]).ended_with(1).out;
    let next = format!(
        "log.example/a: entries {} to {}, pending",
        last + 1,
        2 * last + 1
    );
    assert!(text.contains(&next), "{text}");
    fs::write(place.path("secret"), "at least sixteen bytes").expect("written");
    assess(&[
        "--log-key",
        &place.key(),
        "--log-secret",
        &place.text("secret"),
    ])
    .ended_with(1);
    let sealed = place
        .log("export", &["--from", &(2 * last + 2).to_string()])
        .ended_with(0)
        .out;
    assert!(
        sealed.contains("\"sealed\"") && !sealed.contains("urn:casemate"),
        "{sealed}"
    );
    place.verify(&[]).ended_with(0);
}

/// Sigstore's verifier of inclusion proofs out of its wheel, which needs no more of the rest than an error.
const SIGSTORE: &str = r#"
import base64, importlib.util, sys, types, zipimport
wheel, proof, entry = sys.argv[1:]
errors = types.ModuleType("sigstore.errors")
errors.VerificationError = type("VerificationError", (Exception,), {})
sys.modules["sigstore.errors"] = errors
sys.modules["sigstore"] = types.ModuleType("sigstore")
found = zipimport.zipimporter(wheel + "/sigstore/_internal").find_spec("merkle")
merkle = importlib.util.module_from_spec(found)
found.loader.exec_module(merkle)
lines = open(proof).read().split("\n")
head = lines.index("")
proven = types.SimpleNamespace(
    log_index=int(lines[1].removeprefix("index ")),
    hashes=[base64.b64decode(line) for line in lines[2:head]],
    tree_size=int(lines[head + 2]),
    root_hash=base64.b64decode(lines[head + 3]),
)
inner = types.SimpleNamespace(inclusion_proof=proven, canonicalized_body=open(entry, "rb").read())
merkle.verify_merkle_inclusion(types.SimpleNamespace(_inner=inner))
"#;

#[test]
fn sigstore_python_verifies_our_proof_of_inclusion_and_no_other() {
    let place = Place::new();
    let lines: Vec<String> = (0..300).map(|n| format!("entry {n}")).collect();
    place
        .append(&lines.iter().map(String::as_str).collect::<Vec<_>>())
        .ended_with(0);
    let digest = "02e000197b34980f1d382741d6f83c2fecbcef7debf7304f36a5253f3c892cd9";
    let wheel = wheel("sigstore==4.5.1", digest);
    let proof = place.text("proof");
    for (index, other) in [(0, 1), (255, 256), (299, 0)] {
        place
            .log("prove", &["--index", &index.to_string(), "--out", &proof])
            .ended_with(0);
        let verify = |entry: usize| {
            fs::write(place.path("entry"), &lines[entry]).expect("written");
            let python = Command::new("python3")
                .args(["-W", "ignore", "-c", SIGSTORE])
                .args([wheel.as_path(), Path::new(&proof), &place.path("entry")])
                .output()
                .expect("python3 runs");
            (
                python.status.success(),
                String::from_utf8_lossy(&python.stderr).into_owned(),
            )
        };
        let (verified, error) = verify(index);
        assert!(verified, "{index}: {error}");
        let (verified, error) = verify(other);
        assert!(
            !verified && error.contains("invalid root hash"),
            "{index}: {error}"
        );
    }
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
