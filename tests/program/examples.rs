//! Examples whose README shows what is printed.

use std::{fs, process::Command};

use serde_json::Value;

use crate::run::{casemate, path_with_the_program, read_text, root, tree};

#[test]
fn the_readme_of_one_policy_at_four_gates_shows_what_is_printed() {
    shows_what_is_printed("examples/03-policy/README.md", 7);
}

#[test]
fn the_readme_of_zero_trust_shows_what_is_printed() {
    shows_what_is_printed("examples/04-zero-trust/README.md", 9);
}

fn shows_what_is_printed(readme: &str, least: usize) {
    let path = root().join(readme);
    let readme = read_text(&path);
    let place = tree(&[]);
    let at = format!("{}/", place.path().display());
    let mut told = String::new();
    let mut printed = None;
    let mut runs = 0;
    let mut rest = readme.as_str();
    while let Some((before, after)) = rest.split_once("```") {
        let (block, after) = after.split_once("```").expect("a block ends");
        told.push_str(before);
        match (block.split_once('\n').expect("a language"), printed.take()) {
            (("console", commands), _) => {
                for line in commands.lines().filter_map(|line| line.strip_prefix("$ ")) {
                    printed = Some(run(line, &at));
                    runs += 1;
                }
                told += &format!("```{block}```");
            }
            (("text", _), Some(output)) => told += &format!("```text\n{output}```"),
            (_, _) => told += &format!("```{block}```"),
        }
        rest = after;
    }
    told.push_str(rest);
    assert!(runs >= least, "{runs}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &told).expect("written");
    }
    assert_eq!(
        read_text(&path),
        told,
        "the README is stale: run this test with UPDATE_DOCS=1"
    );
}

/// What a command prints, digests apart: they change with every edit of the policy.
fn run(line: &str, place: &str) -> String {
    let (command, status) = match line.split_once("# exit ") {
        Some((command, status)) => (command, status.trim().parse().expect("a status")),
        None => (line, 0),
    };
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &command.replace("/tmp/", place)])
        .current_dir(root())
        .env("PATH", path_with_the_program())
        .env("SOURCE_DATE_EPOCH", "1767225600")
        .output()
        .expect("bash runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{command}\n{err}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut parts = text.replace(place, "/tmp/");
    let mut from = 0;
    while let Some(at) = parts[from..].find("sha256:").map(|at| from + at + 7) {
        let digits = parts[at..]
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count();
        if digits == 64 {
            parts.replace_range(at..at + digits, "…");
        }
        from = at;
    }
    parts
}

/// Of obligations that nobody keeps, a denial is left.
#[test]
fn one_policy_gives_four_answers() {
    let schema = casemate(["schema", "gate-input"]).ended_with(0).json();
    for (input, outcome, obligations) in [
        ("pull-request", "warn", 0),
        ("deployment", "deny", 0),
        ("inference", "deny", 2),
        ("key-release", "deny", 1),
    ] {
        let input = format!("examples/03-policy/inputs/{input}.json");
        let policy = "examples/03-policy/policy";
        let run = casemate(["policy", "eval", &input, "--policy", policy]);
        assert_eq!(run.out.lines().next(), Some(outcome), "{input}");
        let unkept = run.out.matches("did not keep it").count();
        assert_eq!(unkept, obligations, "{input}: {}", run.out);
        let text: Value = serde_json::from_str(&read_text(&input)).expect("JSON");
        crate::run::assert_valid(&text, schema.clone());
    }
}
