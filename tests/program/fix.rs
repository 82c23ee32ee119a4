//! What `casemate fix` promises: a patch, and nothing written before it is asked for.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::run::{casemate, read, read_text, tree};

const POD: &[u8] = b"# kept\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: x  # kept\n    securityContext:\n      privileged: true\n";

const RULE: [&str; 2] = ["--rule", "CM-POD-001"];

#[test]
fn a_patch_is_shown_that_git_applies_and_nothing_is_written() {
    let dir = tree(&[(b"deploy/pod.yaml", POD)]);
    let path = dir.path().to_str().expect("UTF-8");
    let run = casemate(["fix", path].into_iter().chain(RULE)).ended_with(1);
    let expected = "--- a/deploy/pod.yaml\n+++ b/deploy/pod.yaml\n@@ -6,4 +6,4 @@\n   containers:\n   - name: x  # kept\n     securityContext:\n-      privileged: true\n+      privileged: false\n";
    assert_eq!(run.out, expected);
    assert!(
        run.err.contains("1 finding in 1 file can be repaired"),
        "{}",
        run.err
    );
    assert_eq!(
        read_text(dir.path().join("deploy/pod.yaml")).as_bytes(),
        POD
    );

    fs::write(dir.path().join("p.diff"), &run.out).expect("written");
    let applied = Command::new("git")
        .args(["apply", "p.diff"])
        .current_dir(dir.path())
        .status()
        .expect("git");
    assert!(applied.success());
    casemate(["fix", path].into_iter().chain(RULE)).ended_with(0);
}

#[test]
fn writing_repairs_the_file_keeps_its_mode_and_leaves_nothing_beside_it() {
    let dir = tree(&[(b"pod.yaml", POD)]);
    let file = dir.path().join("pod.yaml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let path = dir.path().to_str().expect("UTF-8");
    casemate(["fix", path, "--write"].into_iter().chain(RULE)).ended_with(0);
    let expected = String::from_utf8_lossy(POD).replace("true", "false");
    assert_eq!(read_text(&file), expected);
    assert_eq!(
        fs::metadata(&file).expect("there").permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
}

#[test]
fn a_finding_whose_value_comes_from_elsewhere_is_left_and_told() {
    let pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: x\n    env: [{name: n, value: &yes true}]\n    securityContext: {privileged: *yes}\n";
    let dir = tree(&[(b"pod.yaml", pod)]);
    let path = dir.path().to_str().expect("UTF-8");
    let run = casemate(["fix", path, "--write"].into_iter().chain(RULE)).ended_with(1);
    assert!(
        run.err
            .contains("pod.yaml:8:35: CM-POD-001 is not repaired"),
        "{}",
        run.err
    );
    assert_eq!(read_text(dir.path().join("pod.yaml")).as_bytes(), pod);
}

#[test]
fn a_file_that_cannot_be_written_is_in_no_others_way() {
    let marked = [b"\xef\xbb\xbf", POD].concat();
    let dir = tree(&[(b"a.yaml", &marked), (b"b-\xff.yaml", POD)]);
    let path = dir.path().to_str().expect("UTF-8");
    let run = casemate(["fix", path, "--write"].into_iter().chain(RULE)).ended_with(2);
    assert!(
        run.err.contains("a.yaml is not what was read"),
        "{}",
        run.err
    );
    assert!(run.err.contains("repaired 1 file of 2"), "{}", run.err);
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"b-\xff.yaml");
    let name: &std::ffi::OsStr = name;
    assert!(read_text(dir.path().join(name)).contains("privileged: false"));
    assert_eq!(read(dir.path().join("a.yaml")), marked);
}

#[test]
fn a_dockerfile_is_patched_and_keeps_the_ends_of_its_lines() {
    let before = b"FROM a\r\nUSER b\r\nUSER root\r\nRUN curl \\\r\n  # why\r\n  -k \\\r\n  https://x.example -o y\r\n";
    let dir = tree(&[(b"Dockerfile", before)]);
    let path = dir.path().to_str().expect("UTF-8");
    let rules = ["--rule", "CM-DKF-001", "--rule", "CM-DKF-025"];
    let run = casemate(["fix", path].into_iter().chain(rules)).ended_with(1);
    fs::write(dir.path().join("p.diff"), &run.out).expect("written");
    let applied = Command::new("git")
        .args(["apply", "p.diff"])
        .current_dir(dir.path())
        .status()
        .expect("git");
    assert!(applied.success());
    let after = "FROM a\r\nUSER b\r\nUSER root\r\nRUN curl \\\r\n  # why\r\n  https://x.example -o y\r\nUSER b\r\n";
    assert_eq!(read_text(dir.path().join("Dockerfile")), after);
    casemate(["fix", path].into_iter().chain(rules)).ended_with(0);
}

#[test]
fn a_name_leads_no_patch_elsewhere_and_no_line_of_its_own_to_a_runner() {
    let dir = tree(&[(b"x\n::error::y\x1b.yaml", POD)]);
    let path = dir.path().to_str().expect("UTF-8");
    let run = casemate(["fix", path, "--verbose"].into_iter().chain(RULE)).ended_with(1);
    assert!(
        run.out.starts_with("--- \"a/x\\n::error::y\\033.yaml\"\n"),
        "{}",
        run.out
    );
    assert!(
        !run.err.lines().any(|line| line.starts_with("::")),
        "{}",
        run.err
    );
    assert!(!run.err.contains('\u{1b}'), "{}", run.err);
    fs::write(dir.path().join("p.diff"), &run.out).expect("written");
    let applied = Command::new("git")
        .args(["apply", "p.diff"])
        .current_dir(dir.path())
        .status();
    assert!(applied.expect("git").success());
}
