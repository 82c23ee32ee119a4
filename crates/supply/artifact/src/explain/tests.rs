//! Explanations of the kept fixtures, for a reviewer to read, and what must hold of any.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use casemate_core::{MemorySource, Region};
use proptest::prelude::*;

use super::{Bounds, Detail, Explanation, explain, explain_within};
use crate::{Allowlist, Limits, Verdict, examine, pickle::opcode as op};

fn explained(bytes: &[u8], detail: Detail) -> Explanation {
    let limits = Limits::default();
    explain(&MemorySource(bytes), Allowlist::builtin(), &limits, detail).expect("memory")
}

fn explained_within(bytes: &[u8], bounds: Bounds) -> Explanation {
    let limits = Limits::default();
    explain_within(&MemorySource(bytes), Allowlist::builtin(), &limits, bounds).expect("memory")
}

fn told(explanation: &Explanation) -> String {
    let examination = &explanation.examination;
    let mut out = format!("{} {}\n", examination.format, examination.verdict);
    for stream in &explanation.streams {
        let within: Vec<String> = stream.within.iter().map(u64::to_string).collect();
        let place = [stream.members.clone(), within].concat().join(" / ");
        let _ = writeln!(
            out,
            "{place} {:?} from {} for {}, protocol {:?}, {}",
            stream.origin, stream.start, stream.length, stream.protocol, stream.verdict
        );
        for statement in &stream.statements {
            if statement.left_out_before > 0 {
                let _ = writeln!(out, "         … {} more", statement.left_out_before);
            }
            let _ = writeln!(out, "{:>7}  {}", statement.at, statement.text);
            for mark in &statement.marks {
                let message = mark.message.as_deref().unwrap_or("again");
                let _ = writeln!(out, "         ^ {} {} {message}", mark.rule, mark.verdict);
            }
            for block in &statement.blocks {
                let _ = writeln!(out, "         {}:", block.what);
                for line in block.text.lines() {
                    let _ = writeln!(out, "         | {}", line);
                }
            }
        }
    }
    for &index in &explanation.unplaced {
        let found = &examination.findings[index];
        let _ = writeln!(out, "besides: {} {}", found.rule.id, found.message);
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "the fixtures are ours and small")]
fn fixture(folder: &str, name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures");
    fs::read(root.join(folder).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(folder: &str) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures");
    let entries = fs::read_dir(root.join(folder)).expect("the fixtures");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// Chosen to show each kind of line: who changes how an explanation reads sees it here.
#[test]
fn tricks_read_like_this() {
    let mut out = String::new();
    for name in [
        "additems-global.pkl",
        "broken-after.pkl",
        "build-setstate.pkl",
        "bytes-operand.pkl",
        "computed-name.pkl",
        "early-stop.pkl",
        "ext-registered.pkl",
        "frame-hides-call.pkl",
        "gadget-partial.pkl",
        "inst.pkl",
        "joblib-object-array.joblib",
        "laughs-then-call.pkl",
        "map-in-ordereddict.pkl",
        "nested-loads.pkl",
        "newobj-ex-map.pkl",
        "persid-text.pkl",
        "py2-names.pkl",
        "torch-missing-storage.pt",
    ] {
        let explanation = explained(&fixture("pickle-tricks", name), Detail::Brief);
        let _ = writeln!(out, "=== {name}\n{}", told(&explanation));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn real_files_read_like_this() {
    let mut out = String::new();
    for name in [
        "numpy-generator.pkl",
        "object-array.npy",
        "plain-p2.pkl",
        "sklearn-pipeline.joblib",
        "stacked.pkl",
        "state-dict.pt",
        "values-p2.pkl",
    ] {
        let explanation = explained(&fixture("pickle-benign", name), Detail::Brief);
        let _ = writeln!(out, "=== {name}\n{}", told(&explanation));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn code_in_arguments_is_shown_whole_and_decoded() {
    let exec = |source: &str| {
        let len = u8::try_from(source.len()).expect("short");
        [
            b"\x80\x04cbuiltins\nexec\n\x8c",
            &[len][..],
            source.as_bytes(),
            b"\x85R.",
        ]
        .concat()
    };
    let lines = exec("import os\nos.system('id')\n");
    let hidden = exec("exec(b64decode('aW1wb3J0IG9zCm9zLnN5c3RlbSgiaWQiKQ=='))");
    let marshal = b"\x80\x04cmarshal\nloads\nC\x13\xe3\0\0s\x01\0\0\0d\xda\x02os\xda\x02id..\x85R.";
    let code =
        b"\x80\x04ctypes\nCodeType\n(K\0K\0K\0K\0K\x01K\x40C\x02d\0N\x8c\x02id\x86\x8c\x02os\
                 \x8c\x06system\x86)\x8c\x01f\x8c\x01gtR.";
    let mut out = String::new();
    for bytes in [&lines[..], &hidden, marshal, code] {
        let _ = writeln!(out, "{}", told(&explained(bytes, Detail::Brief)));
    }
    insta::assert_snapshot!(out);
}

/// Every finding has a line or is listed beside the streams; no text can write to a terminal.
fn assert_told(bytes: &[u8], detail: Detail) {
    let explanation = explained(bytes, detail);
    let alone = examine(
        &MemorySource(bytes),
        Allowlist::builtin(),
        &Limits::default(),
    );
    let told = &explanation.examination;
    assert_eq!(
        format!("{alone:?}"),
        format!("{told:?}"),
        "a witness changes nothing"
    );
    let mut marked = BTreeSet::new();
    for stream in &explanation.streams {
        assert!(
            stream.statements.len() <= 3000,
            "{}",
            stream.statements.len()
        );
        for statement in &stream.statements {
            assert!(detail == Detail::Full || statement.text.len() < 4000);
            let tame = |text: &str| !text.chars().any(char::is_control);
            assert!(tame(&statement.text), "{:?}", statement.text);
            let worst = statement.marks.iter().map(|mark| mark.verdict).max();
            assert!(worst.unwrap_or_default() <= statement.verdict);
            for mark in statement.marks.iter().filter(|mark| mark.message.is_some()) {
                marked.insert((statement.at, mark.rule.clone(), stream.members.clone()));
            }
        }
    }
    for (index, found) in told.findings.iter().enumerate() {
        let Some(Region::Bytes { start, .. }) = found.region else {
            assert!(explanation.unplaced.contains(&index));
            continue;
        };
        let rule = found.rule.id.as_str().to_owned();
        // A string that is a pickle is marked where it is used, not where it stands.
        let is_nested = rule == "CM-PKL-007";
        let at_line = |(at, marked, members): &(u64, String, Vec<String>)| {
            (is_nested || *at == start) && *marked == rule && *members == found.members
        };
        assert!(
            explanation.unplaced.contains(&index) || marked.iter().any(at_line),
            "{found:?} is not told: {}",
            self::told(&explanation)
        );
    }
    if told.verdict >= Verdict::Unknown && explanation.unplaced.is_empty() {
        let worst = explanation
            .streams
            .iter()
            .map(|stream| stream.verdict)
            .max();
        assert_eq!(worst, Some(told.verdict));
    }
}

#[test]
fn every_finding_of_every_fixture_has_its_line() {
    for folder in ["pickle-tricks", "pickle-benign"] {
        for name in names(folder) {
            let bytes = fixture(folder, &name);
            assert_told(&bytes, Detail::Brief);
            assert_told(&bytes, Detail::Full);
        }
    }
}

#[test]
fn long_streams_are_cut_and_what_has_a_finding_stays() {
    let mut bytes = b"\x80\x04]\x94(".to_vec();
    for _ in 0..20_000 {
        bytes.extend(b"ccollections\nCounter\n}\x85R");
    }
    bytes.extend(b"cos\nsystem\n\x8c\x02id\x85R");
    for _ in 0..20_000 {
        bytes.extend(b"ccollections\nCounter\n}\x85R");
    }
    bytes.extend(b"e.");
    let brief = explained(&bytes, Detail::Brief);
    let stream = &brief.streams[0];
    assert!(
        (200..400).contains(&stream.statements.len()),
        "{}",
        stream.statements.len()
    );
    assert!(stream.left_out > 39_000);
    let text: Vec<&str> = stream
        .statements
        .iter()
        .map(|told| told.text.as_str())
        .collect();
    assert!(text.contains(&"from os import system"));
    let call = stream
        .statements
        .iter()
        .find(|told| told.text.ends_with("system('id')"));
    assert_eq!(call.map(|call| call.verdict), Some(Verdict::Dangerous));
    let gaps: u64 = stream
        .statements
        .iter()
        .map(|told| told.left_out_before)
        .sum();
    assert_eq!(gaps, stream.left_out);
    let full = explained(&bytes, Detail::Full);
    assert_eq!(full.streams[0].left_out, 0);
}

#[test]
fn depth_and_doubling_and_cycles_come_to_an_end() {
    let mut deep = b"\x80\x04".to_vec();
    deep.extend(vec![b']'; 50_000]);
    deep.extend(vec![b'a'; 49_999]);
    deep.push(b'.');
    let doubling = [b"\x80\x04)".to_vec(), b"2\x86".repeat(1000), b".".to_vec()].concat();
    let cycle = b"\x80\x04}\x94\x8c\x01ah\0s.".to_vec();
    let defined = [
        b"\x80\x04]\x94".to_vec(),
        b"]\x94(h\0h\0e".repeat(5),
        b".".to_vec(),
    ]
    .concat();
    for bytes in [deep, doubling, cycle, defined] {
        for detail in [Detail::Brief, Detail::Full] {
            let explanation = explained(&bytes, detail);
            let told: usize = explanation.streams[0]
                .statements
                .iter()
                .map(|s| s.text.len())
                .sum();
            assert!(told < 200_000, "{told}");
        }
    }
}

/// A program of opcodes, most with an operand that fits.
fn programs() -> impl Strategy<Value = Vec<u8>> {
    let instruction = (0..op::OPCODES.len(), 0u8..6).prop_map(|(which, small)| {
        let opcode = &op::OPCODES[which];
        let mut bytes = vec![opcode.code];
        bytes.extend(match opcode.operand {
            op::Layout::Nothing => vec![],
            op::Layout::U8 => vec![small],
            op::Layout::U16 => vec![small, 0],
            op::Layout::U32 | op::Layout::I32 => vec![small, 0, 0, 0],
            op::Layout::U64 => vec![small, 0, 0, 0, 0, 0, 0, 0],
            op::Layout::F64 => vec![0; 8],
            op::Layout::Line => match opcode.code {
                op::STRING => b"'os'\n".to_vec(),
                _ => vec![b'0' + small, b'\n'],
            },
            op::Layout::TwoLines => match small {
                0..3 => b"os\nsystem\n".to_vec(),
                3 => b"a\x1b[2J\nb'c\n".to_vec(),
                _ => b"collections\nOrderedDict\n".to_vec(),
            },
            op::Layout::Counted8 => vec![1, b'\n'],
            op::Layout::Counted32 | op::Layout::CountedSigned32 => vec![1, 0, 0, 0, 0x9b],
            op::Layout::Counted64 => vec![1, 0, 0, 0, 0, 0, 0, 0, b'a'],
        });
        bytes
    });
    let program = proptest::collection::vec(instruction, 0..80);
    program.prop_map(|parts| [&b"\x80\x04"[..], &parts.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn programs_are_told_with_all_that_is_found(bytes in programs()) {
        assert_told(&bytes, Detail::Brief);
    }
}

/// `calls` calls of one name, all with the same string.
fn calls(calls: usize, string: &[u8]) -> Vec<u8> {
    let len = u32::try_from(string.len()).expect("short");
    [
        b"\x80\x02cfoo\nbar\nq\0X",
        &len.to_le_bytes()[..],
        string,
        b"\x85q\x010](",
        &b"h\0h\x01R".repeat(calls),
        b"e.",
    ]
    .concat()
}

#[test]
fn a_string_is_shown_once_however_often_it_is_used() {
    let explanation = explained(&calls(300, &b"print(1)\n".repeat(4000)), Detail::Full);
    let statements = &explanation.streams[0].statements;
    let texts: Vec<usize> = (statements.iter())
        .flat_map(|told| &told.blocks)
        .map(|block| block.text.len())
        .collect();
    assert_eq!(texts, [36_000]);
    assert!(statements.len() > 300);
}

#[test]
fn blocks_are_cut_where_there_are_many_and_say_so() {
    let source = b"print(1)\n".repeat(1000);
    let mut all = b"\x80\x02".to_vec();
    for at in 0..40 {
        all.extend(format!("cfoo{at}\nbar\nX").as_bytes());
        all.extend(9000u32.to_le_bytes());
        all.extend(&source);
        all.extend(b"\x85R");
    }
    all.push(b'.');
    let most = 100_000;
    let explanation = explained_within(
        &all,
        Bounds {
            blocks: most,
            ..Bounds::of(Detail::Full)
        },
    );
    let statements = &explanation.streams[0].statements;
    let blocks: Vec<_> = statements.iter().flat_map(|told| &told.blocks).collect();
    assert_eq!(blocks.len(), 40);
    let shown: usize = blocks.iter().map(|block| block.text.len()).sum();
    assert_eq!(shown, most);
    for block in blocks {
        assert_eq!(block.text.len() as u64 + block.left_out, 9000);
    }
}

#[test]
fn long_lines_become_short_where_there_are_many() {
    let bounds = Bounds {
        lines: 100_000,
        ..Bounds::of(Detail::Full)
    };
    let explanation = explained_within(&calls(1000, &[b'x'; 4096]), bounds);
    let statements = &explanation.streams[0].statements;
    let told: usize = statements.iter().map(|told| told.text.len()).sum();
    assert!(statements.len() >= 1000);
    assert!(told > 100_000 && told < 500_000, "{told}");
}

#[test]
fn a_stream_is_given_the_notes_that_are_its_own() {
    let streams = 4000;
    let all: Vec<u8> = (0..streams)
        .flat_map(|at| [b"\x80\x02", format!("cfoo{at}\nbar\n.").as_bytes()].concat())
        .collect();
    let explanation = explained(&all, Detail::Full);
    assert_eq!(explanation.streams.len(), streams);
    for stream in &explanation.streams {
        let marks: Vec<_> = stream
            .statements
            .iter()
            .flat_map(|told| &told.marks)
            .collect();
        assert_eq!(marks.len(), 1);
        assert!(marks[0].message.is_some());
    }
}
