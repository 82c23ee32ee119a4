//! Beside OPA itself, which comes as a library for Python.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use casemate_policy::Bindings;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    case::{self, Case, Outcome},
    compare,
};

/// What OPA says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Result(Vec<Bindings>),
    Error(String),
}

#[derive(Deserialize)]
struct Asked {
    modules: Vec<String>,
    query: String,
    input: Value,
    answer: Answer,
}

#[test]
fn opa_gives_the_answers_that_our_cases_want() {
    let cases = case::ours();
    let mut child = opa(&["answer"]);
    let mut asks = child.stdin.take().expect("a pipe");
    let questions: String = cases
        .iter()
        .map(|case| format!("{}\n", case.question()))
        .collect();
    let writer = std::thread::spawn(move || asks.write_all(questions.as_bytes()));
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut count = 0;
    for (case, line) in cases.iter().zip(lines) {
        let answer: Answer = serde_json::from_str(&line.expect("a line")).expect("an answer");
        count += 1;
        match answer {
            // Under OPA's library a builtin that gives no answer is always an error.
            Answer::Error(error) => assert!(
                case.wants_error()
                    || (case.wanted().is_empty() && error.contains("eval_builtin_error")),
                "{}: {error}",
                case.note
            ),
            Answer::Result(rows) => {
                let wanted = case.wanted();
                let is_met = !case.wants_error() && compare::same(wanted, &rows, false);
                assert!(is_met, "{}: {rows:?}", case.note);
            }
        }
    }
    assert_eq!(count, cases.len());
    writer.join().expect("joined").expect("written");
    assert!(child.wait().expect("it ends").success());
}

/// `CASEMATE_OPA_FUZZ=SEED/COUNT` looks further.
#[test]
fn opa_and_we_answer_policies_at_random_alike() {
    let wish = std::env::var("CASEMATE_OPA_FUZZ").unwrap_or_else(|_| "1/150".to_owned());
    let (seed, count) = wish.split_once('/').expect("SEED/COUNT");
    let mut child = opa(&["generate", seed, count]);
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let (mut same, mut asked) = (0, 0);
    let mut differences = Vec::new();
    for line in lines {
        let question: Asked = serde_json::from_str(&line.expect("a line")).expect("a question");
        asked += 1;
        let case = Case::asked(question.modules, question.query, question.input);
        // What OPA finds wrong before it evaluates, we may find later or not at all; and which builtin
        // fails first is a matter of order, so ours may fail without a consequence.
        let Answer::Result(rows) = question.answer else {
            continue;
        };
        match case.wanting(rows).run() {
            Outcome::Met => same += 1,
            Outcome::Differs(how) => differences.push(how),
        }
    }
    assert!(child.wait().expect("it ends").success());
    println!("{same} of {asked} alike, {} differ", differences.len());
    assert!(
        asked.to_string() == count && same * 4 > asked * 3,
        "{same} of {asked}"
    );
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

pub(crate) fn opa(arguments: &[&str]) -> Child {
    Command::new("python3")
        .arg(root().join("tests/interop/opa.py"))
        .args(arguments)
        .env("PYTHONPATH", library())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts")
}

pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(fetched)
}

/// The unpacked wheel, fetched once and kept.
fn fetched() -> PathBuf {
    let requirements = root().join("tests/interop/opa-requirements.txt");
    let pinned = fs::read_to_string(&requirements).expect("reads");
    let (_, hash) = pinned.split_once("sha256:").expect("a hash");
    let place = cache().join("opa").join(&hash[..16]);
    if place.join("ready").exists() {
        return place;
    }
    let scratch = place.with_extension(std::process::id().to_string());
    fs::create_dir_all(&scratch).expect("the cache");
    let run = |command: &mut Command| {
        let status = command.status().expect("it starts");
        assert!(status.success(), "{command:?}");
    };
    // Its Python side says that it needs a later Python than it does.
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
        ])
        .args(["--only-binary=:all:", "--python-version", "3.14", "--dest"])
        .arg(&scratch)
        .arg("--requirement")
        .arg(&requirements));
    let entries = fs::read_dir(&scratch).expect("the cache");
    for wheel in entries.map(|entry| entry.expect("an entry").path()) {
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&scratch));
    }
    fs::write(scratch.join("ready"), b"").expect("written");
    // Another test may have been faster.
    if fs::rename(&scratch, &place).is_err() {
        assert!(place.join("ready").exists(), "{}", place.display());
        fs::remove_dir_all(&scratch).expect("removed");
    }
    place
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache.or(home).expect("a home").join("casemate")
}

impl Case {
    fn question(&self) -> Value {
        json!({ "modules": self.modules, "query": self.query, "input": self.input })
    }
}
