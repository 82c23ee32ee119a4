//! What the usual tools write, read back. The files are made by
//! `tests/fixtures/containers/make.py`.

use std::{collections::BTreeMap, fs::File, io::Read, path::PathBuf};

use casemate_container::{Budget, Contents, Kind, Magic, open, sniff};
use casemate_core::{Coverage, MemorySource};

fn files(extensions: &[&str]) -> Vec<(String, Vec<u8>)> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/containers");
    let mut files: Vec<_> = folder
        .read_dir()
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|name| extensions.iter().any(|e| name == *e))
        })
        .map(|path| {
            let mut bytes = Vec::new();
            let mut file = File::open(&path).expect("a fixture");
            file.read_to_end(&mut bytes).expect("a fixture");
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, bytes)
        })
        .collect();
    files.sort();
    assert!(files.len() > 10);
    files
}

/// `BODY` of make.py.
fn body() -> Vec<u8> {
    (0..600_u32)
        .flat_map(|n| format!("{} ", n * n).into_bytes())
        .collect()
}

/// `MEMBERS` of make.py.
fn members() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("model/data.pkl", b"\x80\x02}q\x00.".to_vec()),
        ("model/weights", body()),
        ("model/more", body().into_iter().rev().collect()),
        ("model/none", Vec::new()),
    ])
}

fn opened<'a>(source: &'a MemorySource<&'a [u8]>, name: &str) -> Contents<'a> {
    let magic = sniff(source).expect("memory").magic;
    open(source, magic, &Budget::default())
        .expect("memory")
        .unwrap_or_else(|| panic!("{name} is {magic}"))
}

/// Every member's bytes, and everything odd.
fn read(contents: &Contents<'_>) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let mut odd: Vec<String> = contents
        .anomalies
        .iter()
        .map(|seen| seen.message.clone())
        .collect();
    odd.extend(contents.reason.clone());
    let mut bodies = BTreeMap::new();
    for member in &contents.members {
        if member.kind == Kind::Directory {
            continue;
        }
        let mut bytes = Vec::new();
        match member.read() {
            Ok(mut reader) => {
                odd.extend(
                    reader
                        .read_to_end(&mut bytes)
                        .err()
                        .map(|error| error.to_string()),
                );
                odd.extend(reader.anomalies().iter().map(|seen| seen.message.clone()));
            }
            Err(error) => odd.push(error.to_string()),
        }
        bodies.insert(member.name.as_str().to_owned(), bytes);
    }
    (bodies, odd)
}

#[test]
fn streams_are_read_whole() {
    let mut formats = BTreeMap::new();
    for (name, bytes) in files(&["bz2", "xz", "lzma", "zst", "lz4"]) {
        let source = MemorySource(bytes.as_slice());
        let contents = opened(&source, &name);
        let (bodies, odd) = read(&contents);
        let times = if name.starts_with("twice") { 2 } else { 1 };
        assert_eq!(odd, [""; 0], "{name}");
        assert!(
            bodies[""] == body().repeat(times),
            "{name}: {} bytes",
            bodies[""].len()
        );
        assert_eq!(contents.coverage, Coverage::Complete);
        *formats.entry(contents.format).or_insert(0) += 1;
    }
    let formats: Vec<_> = formats.into_keys().collect();
    assert_eq!(formats, ["bzip2", "lz4", "lzma", "xz", "zstd"]);
}

#[test]
fn archives_are_read_whole() {
    for (name, bytes) in files(&["zip", "7z"]) {
        if name.starts_with("not-") || name == "link.7z" {
            continue;
        }
        let source = MemorySource(bytes.as_slice());
        let contents = opened(&source, &name);
        let (bodies, odd) = read(&contents);
        assert_eq!(odd, [""; 0], "{name}");
        let names: Vec<_> = bodies.keys().map(String::as_str).collect();
        assert_eq!(names, members().into_keys().collect::<Vec<_>>(), "{name}");
        for (member, body) in members() {
            assert!(bodies[member] == body, "{name}: {member}");
        }
        assert_eq!(contents.coverage, Coverage::Complete);
    }
}

#[test]
fn what_is_not_read_is_partial_and_said() {
    let mut told = String::new();
    for (name, bytes) in files(&["zip", "7z"]) {
        if !name.starts_with("not-") {
            continue;
        }
        let source = MemorySource(bytes.as_slice());
        let contents = opened(&source, &name);
        assert_eq!(contents.coverage, Coverage::Partial, "{name}");
        let reason = contents.reason.as_deref().expect("a reason");
        let rules: Vec<_> = contents
            .anomalies
            .iter()
            .map(|seen| seen.rule.id.as_str())
            .collect();
        told += &format!("{name}: {reason}; {}\n", rules.join(" "));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_link_of_a_7z_is_judged() {
    let (name, bytes) = files(&["7z"])
        .into_iter()
        .find(|(name, _)| name == "link.7z")
        .expect("the file");
    let source = MemorySource(bytes.as_slice());
    let contents = opened(&source, &name);
    let link = contents
        .members
        .iter()
        .find(|member| member.name.as_str() == "model/latest");
    assert_eq!(
        link.map(|link| link.kind.clone()),
        Some(Kind::Symlink("../../outside".into()))
    );
    let rules: Vec<_> = contents
        .anomalies
        .iter()
        .map(|seen| seen.rule.id.as_str())
        .collect();
    assert_eq!(rules, ["CM-ARC-002"]);
}

/// Cut anywhere: what is given is the beginning of the whole, and that it breaks off is said.
#[test]
fn what_comes_before_a_cut_is_given() {
    let whole = body();
    for (name, bytes) in files(&["bz2", "xz", "lzma", "zst", "lz4"]) {
        if name.starts_with("twice") {
            continue;
        }
        let mut longest = 0;
        for end in (20..bytes.len()).step_by(37).chain([bytes.len() - 1]) {
            let source = MemorySource(&bytes[..end]);
            let Some(contents) =
                open(&source, sniffed(&bytes), &Budget::default()).expect("memory")
            else {
                panic!("{name}");
            };
            let (bodies, odd) = read(&contents);
            // A legacy frame of LZ4 has neither size nor end.
            assert!(!odd.is_empty(), "{name} cut to {end}");
            assert!(whole.starts_with(&bodies[""]), "{name} cut to {end}");
            longest = longest.max(bodies[""].len());
        }
        // These decode block by block, as their own libraries do.
        let blocks = name.ends_with(".bz2") || name.ends_with(".lz4") || name.ends_with(".zst");
        assert!(blocks || longest > whole.len() / 2, "{name}: {longest}");
    }
}

fn sniffed(bytes: &[u8]) -> Magic {
    sniff(&MemorySource(bytes)).expect("memory").magic
}

/// A changed byte anywhere is an error or an anomaly, where the format has checksums for it.
#[test]
fn no_changed_byte_goes_unseen() {
    for name in [
        "python.bz2",
        "crc32.xz",
        "crc64.xz",
        "sha256.xz",
        "blocks.xz",
        "cli.zst",
        "linked.lz4",
    ] {
        let (_, bytes) = files(&["bz2", "xz", "zst", "lz4"])
            .into_iter()
            .find(|(file, _)| file == name)
            .expect("the file");
        let magic = sniffed(&bytes);
        for at in 6..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let source = MemorySource(changed.as_slice());
            let contents = open(&source, magic, &Budget::default())
                .expect("memory")
                .expect("a stream");
            let (bodies, odd) = read(&contents);
            assert!(!odd.is_empty() || bodies[""] == body(), "{name}: byte {at}");
        }
    }
}
