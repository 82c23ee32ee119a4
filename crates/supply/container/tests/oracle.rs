//! Honest archives, made by the `zip` crate: our reading agrees with its reading, and finds
//! nothing odd.

use std::io::{Cursor, Read, Write};

use casemate_container::{Budget, Kind, Magic, View, open, sniff};
use casemate_core::{Coverage, MemorySource};
use proptest::{collection::btree_map, prelude::*};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

#[derive(Clone, Debug)]
struct File {
    body: Vec<u8>,
    deflated: bool,
    large: bool,
    align: u16,
}

fn file() -> impl Strategy<Value = File> {
    let body = proptest::collection::vec(prop_oneof![Just(b'a'), any::<u8>()], 0..300);
    (
        body,
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(1), Just(64), Just(4096)],
    )
        .prop_map(|(body, deflated, large, align)| File {
            body,
            deflated,
            large,
            align,
        })
}

fn options(file: &File) -> SimpleFileOptions {
    let method = if file.deflated {
        CompressionMethod::Deflated
    } else {
        CompressionMethod::Stored
    };
    SimpleFileOptions::default()
        .compression_method(method)
        .large_file(file.large)
        .with_alignment(file.align)
}

proptest! {
    #[test]
    fn we_read_what_the_zip_crate_wrote_and_reads(
        files in btree_map("[a-z]{1,8}(/[a-z.]{1,8}x)?", file(), 0..6),
        streamed in any::<bool>(),
        comment in "[ -~]{0,30}",
    ) {
        let bytes = if streamed {
            let mut writer = ZipWriter::new_stream(Vec::new());
            write_all(&mut writer, &files, &comment);
            writer.finish().expect("memory").into_inner()
        } else {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            write_all(&mut writer, &files, &comment);
            writer.finish().expect("memory").into_inner()
        };

        let source = MemorySource(&bytes);
        prop_assert_eq!(sniff(&source).expect("memory").magic, Magic::Zip);
        let contents = open(&source, Magic::Zip, &Budget::default()).expect("memory").expect("a zip");
        let odd: Vec<_> = contents.anomalies.iter().map(|a| (&a.rule.id, &a.message)).collect();
        prop_assert!(odd.is_empty(), "{:?}", odd);
        prop_assert_eq!(contents.coverage, Coverage::Complete);
        prop_assert_eq!(contents.members.len(), files.len());

        let mut oracle = ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
        prop_assert_eq!(oracle.len(), files.len());
        for member in &contents.members {
            let mut theirs = Vec::new();
            let mut file = oracle.by_name(member.name.as_str()).expect("the same names");
            file.read_to_end(&mut theirs).expect("whole");
            let mut ours = Vec::new();
            let mut reader = member.read().expect("a method we have");
            reader.read_to_end(&mut ours).expect("whole");
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(&ours, &files[member.name.as_str()].body);
            prop_assert!(reader.anomalies().is_empty());
            prop_assert_eq!(member.size, Some(ours.len() as u64));
            prop_assert_eq!((&member.kind, member.view()), (&Kind::File, View::Both));
        }
    }
}

fn write_all<W: Write + std::io::Seek>(
    writer: &mut ZipWriter<W>,
    files: &std::collections::BTreeMap<String, File>,
    comment: &str,
) {
    for (name, file) in files {
        writer
            .start_file(name.as_str(), options(file))
            .expect("a name");
        writer.write_all(&file.body).expect("memory");
    }
    writer.set_comment(comment).expect("short");
}
