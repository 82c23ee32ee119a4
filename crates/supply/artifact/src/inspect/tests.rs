//! What the kept fixtures hold, for a reviewer to read, and what must hold of any.

use std::{fmt::Write, fs, path::PathBuf};

use casemate_core::MemorySource;

use super::{Inspection, inspect};
use crate::{Allowlist, Detail, Limits};

fn inspected(bytes: &[u8], detail: Detail) -> Inspection {
    let limits = Limits::default();
    inspect(&MemorySource(bytes), Allowlist::builtin(), &limits, detail).expect("memory")
}

fn told(inspection: &Inspection) -> String {
    let content = &inspection.content;
    let mut out = format!(
        "{} {}\n",
        inspection.examination.format, inspection.examination.verdict
    );
    for tensor in &content.tensors {
        let _ = writeln!(
            out,
            "tensor {} {} {:?} {} {}",
            tensor.name,
            tensor.dtype,
            tensor.shape,
            tensor.bytes,
            tensor.shares.as_deref().unwrap_or_default()
        );
    }
    let _ = writeln!(
        out,
        "total {} in {}",
        content.totals.parameters, content.totals.bytes
    );
    for entry in &content.metadata {
        let _ = writeln!(
            out,
            "metadata {} {:?} {}",
            entry.key, entry.kind, entry.value
        );
    }
    for value in &content.values {
        let _ = writeln!(out, "value {} {}", value.name, value.json);
    }
    for outline in &content.outlines {
        let _ = writeln!(
            out,
            "outline {} at {}",
            outline.members.join("/"),
            outline.start
        );
        for line in &outline.lines {
            let margin = " ".repeat(usize::from(line.depth) * 2);
            let _ = writeln!(out, "  {margin}{}: {}", line.name, line.text);
        }
    }
    for row in &content.imports {
        let _ = writeln!(
            out,
            "{} {} {} {}",
            row.standing, row.name, row.imports, row.calls
        );
    }
    for row in &content.members {
        let _ = writeln!(
            out,
            "member {} {:?} {:?}",
            row.path.join("/"),
            row.bytes,
            row.format
        );
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "the fixtures are ours and small")]
fn fixture(path: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn files_hold_this() {
    let mut out = String::new();
    for path in [
        "tests/fixtures/pickle-benign/arrays.npz",
        "tests/fixtures/pickle-benign/checkpoint.ckpt",
        "tests/fixtures/pickle-benign/pandas-frame.pkl",
        "tests/fixtures/pickle-benign/plain-p5.pkl",
        "tests/fixtures/pickle-benign/sklearn-pipeline.joblib",
        "tests/fixtures/pickle-benign/state-dict-legacy.pt",
        "tests/fixtures/pickle-tricks/nested-loads.pkl",
        "examples/01-fraud-model/models/encoder.safetensors",
        "examples/01-fraud-model/models/tiny.gguf",
        "crates/supply/artifact/fixtures/script.pt",
    ] {
        let inspection = inspected(&fixture(path), Detail::Brief);
        let _ = writeln!(out, "=== {path}\n{}", told(&inspection));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn every_fixture_can_be_listed_either_way() {
    for folder in ["pickle-tricks", "pickle-benign"] {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures");
        for entry in fs::read_dir(root.join(folder)).expect("the fixtures") {
            let path = entry.expect("an entry").path();
            if !path.is_file() {
                continue;
            }
            let name = path.file_name().expect("a name").to_string_lossy();
            let bytes = fixture(&format!("tests/fixtures/{folder}/{name}"));
            let (brief, full) = (
                inspected(&bytes, Detail::Brief),
                inspected(&bytes, Detail::Full),
            );
            assert_eq!(brief.examination.verdict, full.examination.verdict);
            assert_eq!(brief.content.tensors.len(), full.content.tensors.len());
            for brief in &brief.content.outlines {
                assert!(brief.lines.len() <= 200, "{name}");
            }
        }
    }
}

#[test]
fn depth_and_doubling_and_cycles_come_to_an_end() {
    let deep = [
        b"\x80\x04".to_vec(),
        vec![b']'; 50_000],
        vec![b'a'; 49_999],
        b".".to_vec(),
    ];
    let doubling = [
        b"\x80\x04]N\x86".to_vec(),
        b"2\x86".repeat(500),
        b".".to_vec(),
    ]
    .concat();
    let cycle = b"\x80\x04}\x94\x8c\x01ah\0s.".to_vec();
    let wide = [b"\x80\x04](".to_vec(), b"]".repeat(200_000), b"e.".to_vec()].concat();
    for bytes in [deep.concat(), doubling, cycle, wide] {
        for detail in [Detail::Brief, Detail::Full] {
            let inspection = inspected(&bytes, detail);
            let outline = &inspection.content.outlines[0];
            assert!(outline.lines.len() <= 110_000, "{}", outline.lines.len());
        }
    }
}

#[test]
fn tensors_that_share_a_storage_say_so_and_a_view_counts_once() {
    let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0aX\x03\0\0\0cpuK\x04tQ";
    let tensor = [
        &b"ctorch._utils\n_rebuild_tensor_v2\n("[..],
        storage,
        b"K\0K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat();
    let pickle = [
        &b"\x80\x02}(X\x01\0\0\0x"[..],
        &tensor,
        b"X\x01\0\0\0y",
        &tensor,
        b"u.",
    ]
    .concat();
    // As a plain pickle nobody knows what its persistent ids are; the form is torch's all the same.
    let content = inspected(&pickle, Detail::Brief).content;
    let rows: Vec<_> = content
        .tensors
        .iter()
        .map(|row| (&*row.name, row.shares.as_deref()))
        .collect();
    assert_eq!(rows, [("x", None), ("y", Some("x"))]);
    assert_eq!((content.totals.parameters, content.totals.bytes), (4, 16));
}
