//! What `casemate scan` promises to scripts.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, process::Command};

use serde_json::Value;

use crate::run::{assert_valid, casemate, files_below, read, root, tree};

const EVIL: &[u8] = b"cos\nsystem\n(S'true'\ntR.";
const TRICKS: &str = "tests/fixtures/pickle-tricks";
const BENIGN: &str = "tests/fixtures/pickle-benign";

#[test]
fn prints_one_object_with_the_promised_fields() {
    let dir = tree(&[(b"evil.pkl", EVIL), (b"notes.txt", b"hello\n")]);
    let scan = casemate([
        "scan",
        dir.path().to_str().expect("UTF-8"),
        "--format",
        "json",
    ])
    .ended_with(1)
    .json();
    assert_eq!(scan["schema"], "casemate.scan/1");
    let artifacts = by_path(&scan);
    let evil = &artifacts[&format!("{}/evil.pkl", dir.path().display())];
    assert_eq!(
        (&evil["format"], &evil["verdict"], &evil["coverage"]),
        (&"pickle".into(), &"dangerous".into(), &"complete".into())
    );
    let finding = &evil["findings"][0];
    assert_eq!(finding["severity"], "critical");
    assert!(
        finding["rule"]
            .as_str()
            .expect("a rule")
            .starts_with("CM-PKL-")
    );
    assert!(
        finding["message"]
            .as_str()
            .expect("a message")
            .contains("os.system")
    );
    assert!(
        finding["location"]["file"]
            .as_str()
            .expect("a file")
            .ends_with("evil.pkl")
    );
    let notes = &artifacts[&format!("{}/notes.txt", dir.path().display())];
    assert_eq!(
        (&notes["verdict"], &notes["coverage"]),
        (&"inert".into(), &"complete".into())
    );
    let schema = casemate(["schema", "scan"]).ended_with(0).json();
    assert_valid(&scan, schema);
}

#[test]
fn every_regular_file_has_exactly_one_entry() {
    let dir = tree(&[
        (b"a/b/deep.bin", b"\x00\x01\x02"),
        (b"empty", b""),
        (b".hidden/.env", b"A=1\n"),
        (b".gitignore", b"*\n"),
        (b"bad-\xff-name.txt", b"text\n"),
        (b"a%FFb.txt", b"text\n"),
        (b"new\nline.txt", b"text\n"),
    ]);
    let root = dir.path();
    symlink(root, root.join("loop")).expect("a link");
    symlink(root.join("empty"), root.join("link")).expect("a link");
    symlink("/nowhere", root.join("dangling")).expect("a link");
    assert!(
        Command::new("mkfifo")
            .arg(root.join("fifo"))
            .status()
            .expect("mkfifo")
            .success()
    );
    let path = root.to_str().expect("UTF-8");
    // Named twice, and once more by a file of it: still one entry each.
    let inside = format!("{path}/empty");
    let scan = casemate(["scan", path, path, &inside, "--format", "json"]).json();
    let paths: Vec<&str> = entries(&scan).map(|entry| text(&entry["path"])).collect();
    let mut unique = paths.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), paths.len(), "{paths:?}");
    assert_eq!(paths.len(), files_below(root).len(), "{paths:?}");
    assert!(
        paths.contains(&format!("{path}/bad-%FF-name.txt").as_str()),
        "{paths:?}"
    );
    assert!(
        paths.contains(&format!("{path}/a%25FFb.txt").as_str()),
        "{paths:?}"
    );
}

#[test]
fn exit_status_is_one_for_verdicts_and_two_for_mistakes() {
    let dir = tree(&[(b"clean.json", b"{}"), (b"sub/evil.pkl", EVIL)]);
    let at = |name: &str| dir.path().join(name).into_os_string();
    let scan = |name: &str| casemate(["scan".into(), at(name)]);
    scan("clean.json").ended_with(0);
    scan("sub").ended_with(1);
    let missing = scan("missing").ended_with(2);
    assert!(missing.err.contains("missing"), "{}", missing.err);
    assert!(missing.out.is_empty());
    casemate(["scan"]).ended_with(2);
    casemate(["scan", "--nonsense", "."]).ended_with(2);
    casemate(["scam"]).ended_with(2);
}

#[test]
fn an_empty_directory_is_clean_and_says_so() {
    let dir = tree(&[]);
    let run = casemate(["scan".into(), dir.path().as_os_str().to_owned()]).ended_with(0);
    assert!(
        run.out.contains("no files") || run.out.contains("0 files"),
        "{}",
        run.out
    );
}

#[test]
fn no_trick_is_called_inert_or_known() {
    let table: toml::Table =
        toml::from_str(&crate::run::read_text(format!("{TRICKS}/tricks.toml")))
            .expect("a table of tricks");
    let tricks = table["trick"].as_array().expect("tricks");
    assert!(tricks.len() >= 20, "{}", tricks.len());
    let scan = casemate(["scan", TRICKS, "--format", "json"])
        .ended_with(1)
        .json();
    let verdicts = by_path(&scan);
    for trick in tricks {
        let file = trick["file"].as_str().expect("a file");
        let verdict = text(&verdicts[&format!("{TRICKS}/{file}")]["verdict"]);
        assert!(
            matches!(verdict, "unknown" | "dangerous"),
            "{file}: {verdict}"
        );
    }
}

#[test]
fn what_real_libraries_wrote_is_inert_or_known() {
    let table: toml::Table =
        toml::from_str(&crate::run::read_text(format!("{BENIGN}/expected.toml")))
            .expect("a table of files");
    let scan = casemate(["scan", BENIGN, "--format", "json"]).json();
    let found = by_path(&scan);
    let files = table["file"].as_array().expect("files");
    assert!(files.len() >= 10, "{}", files.len());
    for row in files {
        let file = row["file"].as_str().expect("a file");
        let entry = &found[&format!("{BENIGN}/{file}")];
        assert_eq!(
            text(&entry["verdict"]),
            row["verdict"].as_str().expect("one"),
            "{entry:#}"
        );
        assert_eq!(
            text(&entry["format"]),
            row["format"].as_str().expect("one"),
            "{entry:#}"
        );
        assert_eq!(text(&entry["coverage"]), "complete", "{entry:#}");
    }
}

#[test]
fn a_renamed_file_keeps_its_verdict() {
    let dir = tree(&[]);
    let mut originals = Vec::new();
    for (n, file) in [TRICKS, BENIGN]
        .iter()
        .flat_map(|d| files_below(&root().join(d)))
        .enumerate()
    {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        if name.ends_with(".py") || name.ends_with(".toml") {
            continue;
        }
        let disguise = ["", ".txt", ".png", ".safetensors", ".json", ".pkl"][n % 6];
        let renamed = format!("{n:03}{disguise}");
        fs::write(dir.path().join(&renamed), read(&file)).expect("a file");
        originals.push((
            file.strip_prefix(root()).expect("below").to_owned(),
            renamed,
        ));
    }
    let here = casemate(["scan", TRICKS, BENIGN, "--format", "json"]).json();
    let there = casemate([
        "scan",
        dir.path().to_str().expect("UTF-8"),
        "--format",
        "json",
    ])
    .json();
    let (here, there) = (by_path(&here), by_path(&there));
    for (original, renamed) in originals {
        let a = &here[original.to_str().expect("UTF-8")];
        let b = &there[&format!("{}/{renamed}", dir.path().display())];
        for field in ["format", "verdict", "coverage"] {
            assert_eq!(a[field], b[field], "{field} of {}", original.display());
        }
    }
}

#[test]
fn the_text_for_people_has_no_colour_in_a_pipe_and_no_raw_control_characters() {
    let dir = tree(&[
        (b"evil\x1b[31m.pkl", EVIL),
        (b"sneaky.pkl", b"cos\nsys\x1b[2Jtem\n(S'true'\ntR."),
    ]);
    let path = dir.path().to_str().expect("UTF-8");
    for format in ["text", "markdown"] {
        let run = casemate(["scan", path, "--format", format]).ended_with(1);
        assert!(!run.out.contains('\x1b'), "{}", run.out.escape_debug());
    }
    let coloured = casemate(["scan", path, "--color", "always"]).ended_with(1);
    assert!(coloured.out.contains("\x1b["), "{}", coloured.out);
    assert!(
        !coloured.out.contains("\x1b[2J"),
        "{}",
        coloured.out.escape_debug()
    );
}

fn entries(scan: &Value) -> impl Iterator<Item = &Value> {
    scan["artifacts"].as_array().expect("artifacts").iter()
}

fn by_path(scan: &Value) -> BTreeMap<String, &Value> {
    entries(scan)
        .map(|entry| (text(&entry["path"]).to_owned(), entry))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// A class of somebody's own, restored by its dictionary.
const OWN: &[u8] = b"\x80\x04cacme.models\nRanker\n)\x81}X\x01\0\0\0aK\x01sb.";

#[test]
fn names_of_your_own_are_allowed_with_a_reason_that_is_told() {
    let row: &[u8] = b"[[allow]]\nmodule = 'acme.models'\nname = 'Ranker'\nkind = 'class'\n\
                       call = ['newobj']\nbuild = true\nreason = 'read in November'\n";
    let dir = tree(&[(b"ranker.pkl", OWN), (b"own.toml", row)]);
    let at = |name: &str| dir.path().join(name).display().to_string();
    let model = at("ranker.pkl");
    casemate(["scan", &model]).ended_with(1);
    let scan = casemate([
        "scan",
        &model,
        "--allow",
        &at("own.toml"),
        "--format",
        "json",
    ])
    .ended_with(0)
    .json();
    let artifact = &by_path(&scan)[&model];
    assert_eq!(artifact["verdict"], "known");
    assert_eq!(
        artifact["reason"],
        "allowed by you: acme.models.Ranker (read in November)"
    );
}

#[test]
fn an_allowlist_of_your_own_cannot_allow_what_is_dangerous_and_its_typos_are_told() {
    let row = "[[allow]]\nmodule = 'os'\nname = 'system'\nkind = 'function'\n\
               call = ['reduce']\nargs = ['str']\nreason = 'x'\n";
    let typo = row.replace("reason", "raeson");
    let dir = tree(&[
        (b"os.toml", row.as_bytes()),
        (b"typo.toml", typo.as_bytes()),
    ]);
    for (file, told) in [
        (
            "os.toml",
            "os.system runs a shell command, and cannot be allowed",
        ),
        ("typo.toml", "did you mean `reason`?"),
    ] {
        let file = dir.path().join(file).display().to_string();
        let run = casemate(["scan", "content/casemate.toml", "--allow", &file]).ended_with(2);
        assert!(run.err.contains(told), "{}", run.err);
    }
}
