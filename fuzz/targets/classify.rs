//! What a file is: an answer for any bytes under any name, and the same one each time.

use casemate_core::{AssetKind, MemorySource, PathText, Source};
use casemate_inventory::classify::{UNKNOWN, classify};

/// The first byte chooses a name; the rest is the file.
pub fn run(data: &[u8]) {
    let Some((&choice, content)) = data.split_first() else {
        return;
    };
    let name = PathText::from(NAMES[usize::from(choice) % NAMES.len()]);
    let class = classify(&name, &MemorySource(content));
    let by_position = classify(&name, &ByPosition(content));
    assert_eq!(class, by_position, "memory and disk differ");
    assert!(class.kind == AssetKind::Other || class != UNKNOWN);
    // What is known by its signature is known by it under any name.
    let elsewhere = classify(&PathText::from("x"), &MemorySource(content));
    let by_signature = [AssetKind::Model, AssetKind::Archive, AssetKind::Executable];
    if by_signature.contains(&class.kind) {
        assert_eq!(class, elsewhere, "a name changed what a signature says");
    }
}

/// Bytes that are not in memory all at once.
struct ByPosition<'a>(&'a [u8]);

impl Source for ByPosition<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        MemorySource(self.0).read_at(offset, buf)
    }
}

const NAMES: [&str; 20] = [
    "x",
    "train.py",
    "data.csv",
    "notes.txt",
    "requirements.txt",
    "main.tf",
    "deploy.yaml",
    "Dockerfile",
    ".env",
    "model.bin",
    "a/.git/HEAD",
    "uv.lock",
    "pyproject.toml",
    "a.json",
    "a.jsonl",
    ".gitlab-ci.yml",
    "Jenkinsfile",
    "kustomization.yaml",
    "README.md",
    "_helpers.tpl",
];
