//! What events mean, from the kernel to the match; and rules of others.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::run::{assert_valid, casemate, read_text};

/// The rules that were matched, as lines of JSON say.
fn rules(out: &str) -> Vec<String> {
    let rule = |line: &str| {
        let it: Value = serde_json::from_str(line).expect("JSON");
        it["rule"].as_str().expect("a rule").to_owned()
    };
    out.lines().map(rule).collect()
}

#[test]
fn what_the_sensor_sees_is_what_detections_ask_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    fs::create_dir(at("models")).expect("made");
    fs::write(at("models/a.gguf"), "weights").expect("written");
    fs::copy("/bin/bash", at("server")).expect("copied");
    let policy = format!(
        "[[protect]]\nname = 'weights'\npaths = ['{}']\nallow = ['{}']\negress = ['192.0.2.0/24']",
        at("models"),
        at("server")
    );
    fs::write(at("policy.toml"), policy).expect("written");
    let (policy, events) = (at("policy.toml"), at("events.jsonl"));
    let mut sensor = Command::new(env!("CARGO_BIN_EXE_casemate"))
        .args(["sensor", "run", "--policy", &policy, "--events", &events])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let has_begun = || fs::metadata(&events).is_ok_and(|it| it.len() > 0);
    while !has_begun() {
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(sensor.try_wait().expect("asked").is_none(), "it has ended");
    }
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.expect("it starts")
    };
    run("cat", &[&at("models/a.gguf")]);
    let memory = "import os\nf = os.memfd_create('x')\nos.write(f, open('/bin/true','rb').read())\nos.execv(f'/proc/self/fd/{f}', ['nothing'])";
    run("python3", &["-c", memory]);
    // To where nobody is, and so at once or never: what counts is that it was tried.
    run(
        &at("server"),
        &[
            "-c",
            "exec 3<>/dev/udp/169.254.169.254/80; exec 4<>/dev/udp/198.51.100.1/53",
        ],
    );
    run(&at("server"), &["-c", "echo > /dev/tcp/127.0.0.1/9"]);
    // What was done by now is written a little later.
    let is_seen = |what: &str| read_text(&events).contains(what);
    for what in [
        "169.254.169.254",
        "198.51.100.1",
        "models/a.gguf",
        "\"ImageInMemory\":true",
    ] {
        let seen = (0..300).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            is_seen(what)
        });
        assert!(seen, "{what} is not seen");
    }
    let number = sensor.id().to_string();
    assert!(
        Command::new("kill")
            .arg(number)
            .status()
            .expect("kill")
            .success()
    );
    assert!(sensor.wait().expect("it ends").success());

    let found = casemate(["detect", "run", &events, "--format", "json"])
        .ended_with(1)
        .out;
    let schema = casemate(["schema", "match"]).ended_with(0).json();
    for line in found.lines() {
        assert_valid(&serde_json::from_str(line).expect("JSON"), schema.clone());
    }
    let found = rules(&found);
    for rule in ["CM-RUN-001", "CM-RUN-008", "CM-RUN-009", "CM-RUN-011"] {
        assert!(
            found.iter().any(|it| it == rule),
            "{rule} is not found: {found:?}"
        );
    }
}

#[test]
fn nothing_is_found_where_nothing_is_and_what_is_no_event_is_no_silence() {
    let of = |lines: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_casemate"))
            .args(["detect", "run"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(lines.as_bytes())
            .expect("written");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    assert_eq!(of(""), (Some(0), String::new(), String::new()));
    assert_eq!(of("\n\n"), (Some(0), String::new(), String::new()));
    let (status, out, err) = of("{}\n");
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(err.contains("line 1 is no event"), "{err}");
}

#[test]
fn rules_of_others_are_understood_or_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    casemate([
        "detect",
        "check",
        "content/detections/loader_spawns_a_shell.yml",
    ])
    .ended_with(0);
    fs::write(
        at("bad.yml"),
        "title: a\nlogsource: {product: linux}\ndetection:\n  a: {Image|like: b}\n  condition: a\n",
    )
    .expect("written");
    let bad = casemate(["detect", "check", &at("bad.yml")]).ended_with(1);
    assert!(
        bad.out.contains("bad.yml:4:") && bad.out.contains("like"),
        "{}",
        bad.out
    );
    let falco = "- rule: Shell\n  desc: d\n  condition: evt.type = execve and proc.name = bash\n  output: o\n  priority: NOTICE\n\
                 - rule: Terminal\n  desc: d\n  condition: evt.type = execve and proc.tty != 0\n  output: o\n  priority: NOTICE\n";
    fs::write(at("falco.yaml"), falco).expect("written");
    let told = casemate(["detect", "coverage", &at("falco.yaml")])
        .ended_with(0)
        .out;
    assert!(
        told.contains("2 rules: 1 full, 0 partial, 1 blocked"),
        "{told}"
    );
    assert!(told.contains("proc.tty (1)"), "{told}");
    let report = casemate(["detect", "coverage", &at("falco.yaml"), "--format", "json"])
        .ended_with(0)
        .json();
    assert_valid(
        &report,
        casemate(["schema", "detect-coverage"]).ended_with(0).json(),
    );
    assert!(
        casemate(["explain", "CM-RUN-001"])
            .ended_with(0)
            .out
            .contains("CM-RUN-001")
    );
}

#[test]
fn who_reads_no_more_is_not_waited_for() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_casemate"))
        .args(["detect", "run"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let denied = r#"{"id":"sha256:0000000000000000000000000000000000000000000000000000000000000000","event_time":"2026-01-01T00:00:00Z","ingest_time":"2026-01-01T00:00:00Z","source":"n","log_source":{"category":"file_access","product":"linux","service":"casemate-sensor"},"assets":[],"fields":{"Protect":"w","IsAllowed":false}}"#;
    // The pipe stays open: it ends by itself, or never.
    let mut pipe = child.stdin.take().expect("a pipe");
    writeln!(pipe, "{denied}").expect("written");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}
