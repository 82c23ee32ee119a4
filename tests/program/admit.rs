//! `casemate admit`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::run::{assert_valid, casemate, root, tree};

const BAD: &str = "examples/05-admission/bad.yaml";

#[test]
fn a_file_is_decided_as_a_cluster_would_decide() {
    let run = casemate(["admit", "review", BAD]).ended_with(1);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "deny CREATE RayCluster ml/shared");
    assert!(
        lines[1].starts_with("  deny: CM-POD-001: RayCluster ml/shared: "),
        "{}",
        run.out
    );
    assert!(lines.contains(&"deny CREATE Pod ml/debug"), "{}", run.out);

    let json = casemate(["admit", "review", BAD, "--format", "json"])
        .ended_with(1)
        .json();
    let answers = json.as_array().expect("one for each object");
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["response"]["status"]["code"], 403);
    let audit = casemate(["admit", "review", BAD, "--mode", "audit"]).ended_with(0);
    assert!(
        audit
            .out
            .starts_with("allow CREATE RayCluster ml/shared\n  deny: CM-POD-001"),
        "{}",
        audit.out
    );
    let config = "examples/05-admission/casemate.toml";
    let run = casemate(["admit", "review", BAD, "--config", config]).ended_with(1);
    assert!(!run.out.contains("CM-POD-001"), "{}", run.out);
}

#[test]
fn a_request_is_answered_and_what_is_none_is_told() {
    let request = "examples/05-admission/request.json";
    let answer = casemate(["admit", "review", request, "--format", "json"])
        .ended_with(1)
        .json();
    assert_eq!(
        answer["response"]["uid"],
        "705ab4f5-6393-11e8-b7cc-42010a800002"
    );
    assert_eq!(answer["kind"], "AdmissionReview");
    let good = "examples/05-admission/good.yaml";
    let repaired = casemate(["admit", "review", good, "--mutate"]).ended_with(0);
    assert!(
        repaired
            .out
            .contains("  repair: add /spec/headGroupSpec/template/spec/"),
        "{}",
        repaired.out
    );

    let place = tree(&[
        (b"a.yaml", b"apiVersion: v1\nmetadata: {name: a}\n"),
        (b"empty.yaml", b""),
    ]);
    for (file, expected) in [
        ("a.yaml", "`request.kind` has no kind"),
        ("empty.yaml", "there is no object"),
    ] {
        let path = place.path().join(file);
        let run = casemate(["admit", "review", path.to_str().expect("UTF-8")]).ended_with(2);
        assert!(run.err.contains(expected), "{}", run.err);
    }
    let run = casemate([
        "admit",
        "review",
        BAD,
        "--constraints",
        "examples/05-admission",
    ])
    .ended_with(2);
    assert!(
        run.err.contains("there is no constraint of Gatekeeper's"),
        "{}",
        run.err
    );
    let settings = tree(&[(b"c.toml", b"[admit]\nmod = \"audit\"\n")]);
    let config = settings.path().join("c.toml");
    let run = casemate([
        "admit",
        "review",
        BAD,
        "--config",
        config.to_str().expect("UTF-8"),
    ])
    .ended_with(2);
    assert!(run.err.contains("did you mean `mode`?"), "{}", run.err);
}

#[test]
fn rules_are_exported_or_say_why_not() {
    let list = casemate([
        "admit",
        "export",
        "--rule",
        "CM-POD-001",
        "--action",
        "audit",
    ])
    .ended_with(0)
    .json();
    assert_eq!(list["items"][0]["kind"], "ValidatingAdmissionPolicy");
    assert_eq!(
        list["items"][1]["spec"]["validationActions"],
        json!(["Audit"])
    );
    let list = casemate(["admit", "export", "--rule", "CM-POD-001"])
        .ended_with(0)
        .json();
    assert_eq!(
        list["items"][1]["spec"]["validationActions"],
        json!(["Warn"]),
        "who wants it denied says so"
    );
    let run = casemate(["admit", "export", "--rule", "CM-POD-036"]).ended_with(2);
    assert!(
        run.err.contains("CM-POD-036 cannot be exported: "),
        "{}",
        run.err
    );
    let all = casemate(["admit", "export", "--list"]).ended_with(0).out;
    assert!(
        all.contains("CM-POD-020   casemate-cm-pod-020\n") && all.contains("CM-NET-009   no: "),
        "{all}"
    );
}

#[test]
fn a_server_says_what_it_has_answers_and_ends_with_its_records_written() {
    let fixtures = root().join("crates/trust/admission/tests/fixtures");
    let place = tree(&[]);
    let records = place.path().join("records");
    let mut server = Command::new(env!("CARGO_BIN_EXE_casemate"))
        .args([
            "admit",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--records",
        ])
        .arg(&records)
        .arg("--tls-cert")
        .arg(fixtures.join("first.pem"))
        .arg("--tls-key")
        .arg(fixtures.join("first.key"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let told = BufReader::new(server.stderr.take().expect("standard error"));
    let mut told = told.lines().map(|line| line.expect("UTF-8"));
    let first = told.next().expect("a line");
    assert!(
        first.contains(" rules, ") && first.contains("mode enforce, on error deny"),
        "{first}"
    );
    let https = told.next().expect("a line");
    assert!(
        https.starts_with("listening on https://127.0.0.1:"),
        "{https}"
    );
    let plain = told.next().expect("a line");
    let plain = plain
        .strip_prefix("metrics and health on http://")
        .expect("an address");
    assert!(get(plain, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(plain, "/metrics").contains("casemate_admission_requests_total"));

    let https = https.strip_prefix("listening on ").expect("an address");
    let request = root().join("examples/05-admission/request.json");
    let answer = Command::new("python3")
        .args(["-c", ASK, https])
        .arg(request)
        .arg(fixtures.join("authority.pem"))
        .output()
        .expect("Python runs");
    let answer: Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(answer["response"]["allowed"], false);

    let end = Command::new("kill")
        .args(["-INT", &server.id().to_string()])
        .status();
    assert!(end.expect("kill runs").success());
    assert!(server.wait().expect("it ends").success());
    let mut text = String::new();
    let mut file = std::fs::File::open(records).expect("records");
    file.read_to_string(&mut text).expect("UTF-8");
    let record: Value = serde_json::from_str(text.trim_end()).expect("one record");
    let schema = casemate(["schema", "admission-record"])
        .ended_with(0)
        .json();
    assert_valid(&record, schema);
    assert_eq!(record["object"], "Pod ml/debug");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_listens() {
    let fixtures = root().join("crates/trust/admission/tests/fixtures");
    let path = |name: &str| fixtures.join(name).to_str().expect("UTF-8").to_owned();
    for (cert, key, expected) in [
        (
            "first.pem",
            "second.key",
            "the key is not that of the certificate",
        ),
        ("first.pem", "none.key", "cannot read"),
        ("first.key", "first.key", "there is no certificate in it"),
    ] {
        let (cert, key) = (path(cert), path(key));
        let run =
            casemate(["admit", "serve", "--tls-cert", &cert, "--tls-key", &key]).ended_with(2);
        assert!(run.err.contains(expected), "{}", run.err);
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Another implementation of TLS and HTTP than ours.
const ASK: &str = "
import ssl, sys, urllib.request
url, body, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
request = urllib.request.Request(url + '/validate?timeout=10s', open(body, 'rb').read(), {'Content-Type': 'application/json'})
print(urllib.request.urlopen(request, context=context).read().decode())
";
