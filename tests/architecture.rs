//! Who may depend on whom. `ARCHITECTURE.md` draws this table; change both together, and say why.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

/// Each room, and what it may use beyond `core`, which everyone may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("container", &[]),
    ("document", &[]),
    ("inventory", &["container"]),
    ("cluster", &["document"]),
    ("artifact", &["container"]),
    ("provenance", &["attest", "artifact", "container"]),
    ("secrets", &["container"]),
    ("posture", &["document", "policy"]),
    ("imports", &["document"]),
    ("attest", &[]),
    ("policy", &["attest", "container", "document"]),
    ("segment", &["document", "posture"]),
    // What a cluster may take is posture's and policy's to say; the server around it is nobody else's.
    ("admission", &["document", "posture", "policy"]),
    ("token", &["attest"]),
    ("sensor", &[]),
    ("detect", &["document"]),
    ("ledger", &["attest"]),
    ("report", &[]),
];

/// The binary and the fuzz targets may use every room.
const INTRODUCES_ALL: &[&str] = &["casemate", "casemate-fuzz"];

#[test]
fn rooms_depend_only_on_what_the_drawing_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = MAY_USE
        .iter()
        .map(|(room, uses)| (*room, uses.iter().copied().collect()))
        .collect();
    let mut seen = BTreeSet::new();
    for (package, dependencies) in edges() {
        if INTRODUCES_ALL.contains(&package.as_str()) {
            continue;
        }
        let room = package
            .strip_prefix("casemate-")
            .expect("rooms are named casemate-<folder>");
        let uses = allowed
            .get(room)
            .unwrap_or_else(|| panic!("{room} is not in the drawing"));
        for dependency in dependencies {
            let target = dependency.strip_prefix("casemate-").expect("a room");
            assert!(
                target == "core" || uses.contains(target),
                "{room} may not depend on {target}"
            );
        }
        seen.insert(room.to_owned());
    }
    let drawn: BTreeSet<String> = MAY_USE.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(seen, drawn, "the drawing names a room that does not exist");
}

#[test]
fn every_room_is_in_the_architecture_document() {
    let text = include_str!("../ARCHITECTURE.md");
    for (room, uses) in MAY_USE {
        assert!(
            text.contains(&format!("`{room}`")),
            "{room} is missing from ARCHITECTURE.md"
        );
        for used in uses
            .iter()
            .filter(|used| MAY_USE.iter().any(|(room, _)| room == *used))
        {
            assert!(
                text.contains(&format!("{room} → {used}")),
                "the edge {room} → {used} is missing from ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn every_room_forbids_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for package in metadata()["packages"].as_array().expect("packages") {
        for target in package["targets"].as_array().expect("targets") {
            let kinds = target["kind"].as_array().expect("kinds");
            let name = package["name"].as_str().expect("a name");
            if name == "casemate-fuzz" || !kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                continue;
            }
            let file = root.join(target["src_path"].as_str().expect("a path"));
            let text = std::io::read_to_string(std::fs::File::open(&file).expect("a source"))
                .expect("UTF-8");
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "{} allows it",
                file.display()
            );
        }
    }
}

/// Each package of the workspace, with the packages of the workspace it depends on in any way.
fn edges() -> Vec<(String, Vec<String>)> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            (
                name(package),
                dependencies
                    .iter()
                    .map(name)
                    .filter(|d| ours.contains(d))
                    .collect(),
            )
        })
        .collect()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--locked",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}
