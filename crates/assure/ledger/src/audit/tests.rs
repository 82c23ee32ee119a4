use std::{fs, path::Path};

use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_core::{AssetId, Claim, Digest, Producer, Record};

use super::*;
use crate::{
    Note, Signer,
    disk::{Folder, place},
    log::Writer,
    note::Scheme,
    tile,
};

/// A log of 600 records in three batches, and the key of whoever keeps it.
struct Kept {
    dir: tempfile::TempDir,
    key: SigningKey,
}

const SIZE: u64 = 600;

impl Kept {
    fn new() -> Self {
        let kept = Self {
            dir: tempfile::tempdir().expect("a directory"),
            key: SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness"),
        };
        let folder = || Folder::locked(kept.dir.path()).expect("a folder");
        Writer::create(folder(), &kept.signer()).expect("a log");
        for batch in [0..100, 100..500, 500..SIZE] {
            let mut writer = Writer::open(folder()).expect("a writer");
            batch.for_each(|n| writer.push(&record(n, n)).expect("an entry"));
            writer.commit(&kept.signer()).expect("a commit");
        }
        assert_eq!(kept.faults(&[]), []);
        kept
    }

    fn signer(&self) -> Signer<'_> {
        Signer::new("log.example", Scheme::Ed25519, &self.key).expect("a signer")
    }

    fn trust(&self) -> Trust {
        Trust::in_log(self.signer().verifier().clone())
    }

    fn log(&self) -> Log<Folder> {
        Log::open(Folder::new(self.dir.path())).expect("a log")
    }

    fn faults(&self, since: &[Checkpoint]) -> Vec<Fault> {
        audit(&self.log(), &self.trust(), since)
            .expect("an audit")
            .faults
    }

    fn told(&self, since: &[Checkpoint]) -> Vec<String> {
        self.faults(since).iter().map(Fault::to_string).collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = bytes(&self.path(name));
        edit(&mut bytes);
        fs::write(self.path(name), bytes).expect("written");
    }

    /// Edits the entries of a bundle.
    fn edit_entries(&self, name: &str, width: u16, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        self.edit(name, |bytes| {
            let entries = tile::entries(bytes, width).expect("entries");
            let mut entries: Vec<Vec<u8>> = entries.into_iter().map(<[u8]>::to_vec).collect();
            edit(&mut entries);
            *bytes = bundle(&entries);
        });
    }

    /// Writes the tiles over other entries, as somebody does who would hide what was changed; with the
    /// heads of these sizes, where it is the one who has the key.
    fn forge(&self, entries: &[Vec<u8>], heads: &[u64]) {
        let (mut edge, mut files) = (Edge::default(), Vec::new());
        let mut full = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            edge.push(entry, &mut full).expect("short");
            if heads.contains(&(at as u64 + 1)) {
                let head =
                    Checkpoint::new("log.example", edge.size(), edge.root()).expect("a head");
                let mut note = Note::new(head.to_string()).expect("a text");
                note.push(self.signer().sign(note.text(), 0));
                let note = note.to_string().into_bytes();
                files.push((
                    format!("history/{}", tile::digits(edge.size())),
                    note.clone(),
                ));
                files.retain(|(path, _)| path != "checkpoint");
                files.push(("checkpoint".into(), note));
            }
        }
        full.extend(edge.partials());
        files.extend(
            full.into_iter()
                .map(|(tile, bytes)| (tile.to_string(), bytes)),
        );
        place(&Folder::new(self.dir.path()), &files).expect("placed");
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut fs::File::open(path).expect("a file"), &mut bytes)
        .expect("read");
    bytes
}

fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bundle = Vec::new();
    for entry in entries {
        tile::push_entry(&mut bundle, entry).expect("short");
    }
    bundle
}

/// A record about asset `name`, made in second `time`.
fn record(name: u64, time: u64) -> Vec<u8> {
    let producer = Producer {
        name: "test".into(),
        version: "1".into(),
    };
    let subject = AssetId::Artifact {
        digest: Digest::of(&name.to_be_bytes()),
    };
    let claim = Claim::Outcome {
        check: "artifact".into(),
        version: "1".into(),
        result: casemate_core::Status::Pass,
        coverage: casemate_core::Coverage::Complete,
        findings: 0,
        digest: Digest::of(b"outcome"),
    };
    let time = Timestamp::from_second(time as i64).expect("in range");
    Record::new(time, producer, subject, claim).to_json()
}

fn subject(name: u64) -> Option<String> {
    Some(format!(
        "urn:casemate:artifact:{}",
        Digest::of(&name.to_be_bytes())
    ))
}

fn records() -> Vec<Vec<u8>> {
    (0..SIZE).map(|n| record(n, n)).collect()
}

#[test]
fn a_flipped_bit_of_an_entry_names_the_entry() {
    for index in [0_usize, 255] {
        let kept = Kept::new();
        kept.edit_entries("tile/entries/000", 256, |entries| entries[index][9] ^= 1);
        let index = index as u64;
        assert_eq!(
            kept.faults(&[]),
            [Fault::Entry {
                index,
                subject: None
            }]
        );
    }
    let kept = Kept::new();
    kept.edit_entries("tile/entries/002.p/88", 88, |entries| {
        entries[87] = record(7, 599)
    });
    let expected = Fault::Entry {
        index: 599,
        subject: subject(7),
    };
    assert_eq!(kept.faults(&[]), [expected]);
}

#[test]
fn a_dropped_entry_is_named_and_so_is_where_the_others_went() {
    let kept = Kept::new();
    kept.edit_entries("tile/entries/002.p/88", 88, |entries| {
        drop(entries.remove(86))
    });
    let told = kept.told(&[]);
    assert!(told[0].starts_with("entry 598 (about "), "{told:?}");
    assert!(told[0].ends_with("was logged as entry 599"), "{told:?}");
    assert!(told[1].starts_with("entry 599 is gone"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn two_entries_in_each_other_s_place_are_both_named() {
    let kept = Kept::new();
    kept.edit_entries("tile/entries/001", 256, |entries| entries.swap(3, 200));
    let faults = kept.faults(&[]);
    let moved = |index, from, name| Fault::Moved {
        index,
        from,
        subject: subject(name),
    };
    assert!(faults.contains(&moved(259, 456, 456)), "{faults:?}");
    assert!(faults.contains(&moved(456, 259, 259)), "{faults:?}");
    assert_eq!(faults.len(), 2);
}

#[test]
fn an_added_entry_is_named() {
    let kept = Kept::new();
    kept.edit_entries("tile/entries/002.p/88", 88, |entries| {
        entries.push(b"more".to_vec())
    });
    assert!(matches!(
        kept.faults(&[])[..],
        [Fault::Added { index: 600, .. }]
    ));
}

#[test]
fn a_missing_or_cut_bundle_names_the_first_entry_that_is_gone() {
    let kept = Kept::new();
    fs::remove_file(kept.path("tile/entries/001")).expect("removed");
    assert!(matches!(
        kept.faults(&[])[0],
        Fault::Gone { index: 256, .. }
    ));
    let kept = Kept::new();
    kept.edit("tile/entries/001", |bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(
        kept.faults(&[])[..],
        [Fault::Gone { index: 511, .. }]
    ));
}

#[test]
fn a_changed_tile_is_told_from_a_changed_entry() {
    for (name, first, wide) in [("tile/0/001", 300, 1), ("tile/1/000.p/2", 256, 256)] {
        let kept = Kept::new();
        let at = if wide == 1 { 32 * 44 } else { 32 };
        kept.edit(name, |bytes| bytes[at] ^= 1);
        let faults = kept.faults(&[]);
        let expected = Fault::Tile {
            tile: name.parse().expect("a tile"),
            entries: first..first + wide,
            reason: "a hash was changed".into(),
        };
        assert_eq!(faults, [expected], "{name}");
        fs::remove_file(kept.path(name)).expect("removed");
        assert!(kept.told(&[])[0].contains("it is missing"), "{name}");
        kept.edit("checkpoint", |_| {});
    }
}

#[test]
fn a_history_rewritten_without_the_key_is_narrowed_to_one_batch() {
    let kept = Kept::new();
    let mut entries = records();
    entries[250] = record(0, 250);
    kept.forge(&entries, &[]);
    let rewritten = Fault::Rewritten {
        within: 100..500,
        head: 500,
        by: Witnessed::History,
    };
    assert_eq!(kept.faults(&[]), [rewritten]);
}

#[test]
fn a_history_rewritten_with_the_key_is_an_equivocation_to_whoever_has_an_earlier_head() {
    let kept = Kept::new();
    let before = kept.log().checkpoint().clone();
    let of = |size| {
        let head = kept.log().head(size).expect("a head");
        kept.trust().verify(&head).expect("signed").checkpoint
    };
    let earlier = [of(100), of(500)];
    let mut entries = records();
    entries[250] = record(0, 250);
    kept.forge(&entries, &[100, 500, 600]);
    assert_eq!(kept.faults(&[]), [], "it agrees with itself");
    let faults = kept.faults(&[before]);
    assert_eq!(faults[0].class(), "equivocation");
    let narrowed = Fault::Rewritten {
        within: 100..500,
        head: 500,
        by: Witnessed::Since,
    };
    assert_eq!(kept.faults(&earlier), [narrowed]);
}

#[test]
fn a_log_that_was_cut_back_lacks_entries_that_an_earlier_head_has() {
    let kept = Kept::new();
    let before = kept.log().checkpoint().clone();
    fs::copy(kept.path("history/500"), kept.path("checkpoint")).expect("copied");
    Writer::open(Folder::locked(kept.dir.path()).expect("a folder"))
        .expect_err("its tiles are gone");
    let kept = Kept::new();
    kept.forge(&records()[..500], &[500]);
    assert_eq!(kept.faults(&[]), []);
    let gone = Fault::CutBack {
        entries: 500..600,
        by: Witnessed::Since,
    };
    assert_eq!(kept.faults(&[before]), [gone]);
}

#[test]
fn a_record_older_than_one_before_it_is_refused_and_found() {
    let kept = Kept::new();
    let mut writer =
        Writer::open(Folder::locked(kept.dir.path()).expect("a folder")).expect("a writer");
    let error = writer.push(&record(9, 598)).expect_err("it is back-dated");
    assert!(matches!(error, LogError::BackDated { index: 600, .. }));
    drop(writer);
    // Whoever has the key can write what he likes; it does not verify.
    let mut entries = records();
    entries.push(record(9, 598));
    kept.forge(&entries, &[601]);
    let told = kept.told(&[]);
    assert_eq!(told.len(), 1);
    let expected = format!(
        "entry 600 (about {}) is back-dated: it is of 1970-01-01T00:09:58Z, and entry 599 before it of \
         1970-01-01T00:09:59Z",
        subject(9).expect("a subject")
    );
    assert_eq!(told[0], expected);
}

#[test]
fn a_kept_head_that_nobody_signed_is_told() {
    let kept = Kept::new();
    kept.edit("history/500", |head| head[0] ^= 1);
    assert!(matches!(
        kept.faults(&[])[..],
        [Fault::Head { size: 500, .. }]
    ));
}

#[test]
fn every_entry_that_is_changed_in_any_bundle_is_the_one_that_is_named() {
    let kept = Kept::new();
    for (name, width, first) in [
        ("tile/entries/000", 256, 0),
        ("tile/entries/001", 256, 256),
        ("tile/entries/002.p/88", 88, 512),
    ] {
        let before = bytes(&kept.path(name));
        for at in (0..usize::from(width)).step_by(29) {
            kept.edit_entries(name, width, |entries| entries[at].push(b' '));
            let faults = kept.faults(&[]);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].entry(), Some(first + at as u64));
            fs::write(kept.path(name), &before).expect("written");
        }
    }
}
