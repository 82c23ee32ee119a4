use std::io::{self, Read};

use casemate_core::{Coverage, MemorySource, Source};

use crate::{
    Budget, Contents, Exceeded, Kind, Magic, open,
    testing::{SevenZip, noted, opened},
};

fn read(contents: &Contents<'_>, index: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut body = Vec::new();
    let read = contents.members[index]
        .read()
        .expect("a body")
        .read_to_end(&mut body);
    (body, read.err().map(|error| error.kind()))
}

fn sized(bodies: &[usize]) -> SevenZip {
    let bodies: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(index, &len)| {
            (
                format!("{index}"),
                vec![b'a' + u8::try_from(index % 26).expect("small"); len],
            )
        })
        .collect();
    SevenZip::of(
        bodies
            .iter()
            .map(|(name, body)| (name.as_str(), body.as_slice())),
    )
}

fn lzma2(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let options = lzma_rust2::Lzma2Options::default();
    let mut writer = lzma_rust2::Lzma2Writer::new(Vec::new(), options);
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory")
}

/// A folder of LZMA2.
fn packed(bodies: &[usize]) -> SevenZip {
    let mut archive = sized(bodies);
    let whole: Vec<u8> = archive
        .members
        .iter()
        .flat_map(|(_, body)| body.clone())
        .collect();
    archive.method = vec![0x21];
    archive.properties = vec![24];
    archive.packed = Some(lzma2(&whole));
    archive
}

#[test]
fn members_of_a_folder_are_read_in_any_order() {
    let source = MemorySource(packed(&[300, 5000, 1, 70_000, 9]).build());
    let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
    assert_eq!(
        contents.coverage,
        Coverage::Complete,
        "{:?}",
        contents.reason
    );
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 2, 0, 4, 1]] {
        for index in order {
            let (body, error) = read(&contents, index);
            assert_eq!(error, None);
            assert_eq!(
                body.len() as u64,
                contents.members[index].size.expect("a size")
            );
            assert!(body.iter().all(|&byte| usize::from(byte - b'a') == index));
        }
    }
}

#[test]
fn two_readers_of_one_folder_do_not_disturb_each_other() {
    let source = MemorySource(packed(&[40_000, 40_000]).build());
    let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
    let mut readers: Vec<_> = contents
        .members
        .iter()
        .map(|member| member.read().expect("a body"))
        .collect();
    let mut bodies = [Vec::new(), Vec::new()];
    let mut buffer = [0; 1000];
    for _ in 0..100 {
        for (reader, body) in readers.iter_mut().zip(&mut bodies) {
            let read = reader.read(&mut buffer).expect("whole");
            body.extend_from_slice(&buffer[..read]);
        }
    }
    assert_eq!(bodies, [vec![b'a'; 40_000], vec![b'b'; 40_000]]);
}

/// Reading the members backwards decodes the folder from its beginning each time.
#[test]
fn what_is_passed_over_is_paid_for() {
    let source = MemorySource(packed(&[10_000; 50]).build());
    let mut budget = Budget::default();
    budget.total = 600_000;
    let contents = opened(&source, Magic::SevenZip, &budget).expect("a 7z");
    let mut error = None;
    for index in 0..50 {
        error = error.or(read(&contents, index).1);
    }
    assert_eq!(error, None, "once through costs each byte once");

    let contents = opened(&source, Magic::SevenZip, &budget.renewed()).expect("a 7z");
    let mut body = Vec::new();
    let errors = (0..50).rev().filter_map(|index| {
        let mut reader = contents.members[index].read().expect("a body");
        reader.read_to_end(&mut body).err()
    });
    let limits: Vec<_> = errors.map(|error| Exceeded::of(&error)).collect();
    assert!(
        limits.len() > 40
            && limits
                .iter()
                .all(|limit| *limit == Some(Exceeded::Total(600_000)))
    );
}

#[test]
fn a_folder_that_breaks_off_gives_what_comes_before() {
    let mut archive = packed(&[30_000, 30_000, 30_000]);
    let mut word = 1_u64;
    let mut body: Vec<u8> = Vec::new();
    for _ in 0..90_000 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        body.push(word.to_be_bytes()[0] & 15);
    }
    let mut whole = lzma2(&body);
    let middle = whole.len() / 2;
    whole[middle..].fill(0xff);
    archive.packed = Some(whole);
    let bytes = archive.build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
    let (first, error) = read(&contents, 0);
    assert!(first == body[..30_000] && error.is_none());
    let (second, error) = read(&contents, 1);
    assert!(second.len() > 10_000 && body[30_000..].starts_with(&second[..10_000]));
    assert_eq!(error, Some(io::ErrorKind::InvalidData));
    assert_eq!(
        read(&contents, 2),
        (Vec::new(), Some(io::ErrorKind::InvalidData))
    );
}

#[test]
fn a_dictionary_over_the_limit_is_refused_before_it_is_allocated() {
    let mut archive = packed(&[1000]);
    archive.properties = vec![40];
    let source = MemorySource(archive.build());
    let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
    let mut reader = contents.members[0].read().expect("a body");
    let error = reader.read(&mut [0; 10]).expect_err("too large");
    assert_eq!(Exceeded::of(&error), Some(Exceeded::Window(256 << 20)));
}

#[test]
fn what_cannot_be_read_is_said() {
    for (method, said) in [
        (vec![6, 0xf1, 7, 1], "\"0\" is encrypted"),
        (
            vec![3, 4, 1],
            "\"0\" is packed with PPMd, which is not supported",
        ),
        (
            vec![9, 9],
            "\"0\" is packed with method 909, which is not supported",
        ),
    ] {
        let mut archive = sized(&[10]);
        archive.method = method;
        let source = MemorySource(archive.build());
        let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
        assert_eq!(contents.coverage, Coverage::Partial);
        assert_eq!(contents.reason.as_deref(), Some(said));
        assert!(contents.members[0].holds_bytes() && contents.members[0].read().is_err());
    }
}

#[test]
fn names_and_growth_are_judged_as_anywhere() {
    let body = b"x".as_slice();
    let bytes = SevenZip::of([("../up", body), ("a", body), ("a", body), ("b\u{1}", body)]).build();
    assert_eq!(
        noted(&bytes, Magic::SevenZip),
        ["CM-SVZ-003", "CM-ARC-001", "CM-ARC-007"]
    );
    let mut bomb = sized(&[1 << 20]);
    bomb.method = vec![0x21];
    bomb.properties = vec![24];
    bomb.packed = Some(lzma2(&vec![b'a'; 1 << 20]));
    let mut budget = Budget::default();
    budget.bytes = 1 << 20;
    let source = MemorySource(bomb.build());
    let contents = opened(&source, Magic::SevenZip, &budget).expect("a 7z");
    let ids: Vec<_> = contents
        .anomalies
        .iter()
        .map(|seen| seen.rule.id.as_str())
        .collect();
    assert_eq!(ids, ["CM-ARC-004"]);
    let mut reader = contents.members[0].read().expect("a body");
    let error = io::copy(&mut reader, &mut io::sink()).expect_err("a limit");
    assert_eq!(Exceeded::of(&error), Some(Exceeded::Ratio(200)));
}

#[test]
fn a_header_that_lies_or_is_missing_is_partial() {
    let whole = sized(&[10, 20]).build();
    let source = MemorySource(&whole);
    let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
    assert_eq!(contents.members[1].kind, Kind::File);
    for end in 0..whole.len() {
        let source = MemorySource(&whole[..end]);
        let contents = open(&source, Magic::SevenZip, &Budget::default());
        let contents = contents.expect("memory").expect("a 7z");
        assert_eq!(contents.coverage, Coverage::Partial, "cut to {end}");
    }
    // Each byte of the header, changed: never complete without a word.
    for at in 12..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let source = MemorySource(&bytes);
        let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
        let mut said = contents.coverage == Coverage::Partial || !contents.anomalies.is_empty();
        for member in &contents.members {
            let Ok(mut reader) = member.read() else {
                continue;
            };
            said |= io::copy(&mut reader, &mut io::sink()).is_err();
            said |= !reader.anomalies().is_empty();
        }
        assert!(said, "byte {at} of {}", source.len());
    }
}

/// Counts that are believed would take gigabytes: what a few bytes of header can claim is bounded
/// by the bytes there are, and what many can by an allowance.
#[test]
fn counts_are_not_believed() {
    let header = |bytes: &[u8]| {
        let mut start = 0_u64.to_le_bytes().to_vec();
        start.extend((bytes.len() as u64).to_le_bytes());
        start.extend(crc32fast::hash(bytes).to_le_bytes());
        let mut out = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
        out.extend(crc32fast::hash(&start).to_le_bytes());
        [out, start, bytes.to_vec()].concat()
    };
    let huge = [0xff, 0, 0, 0, 0, 0, 0, 0, 0x10];
    let zeros = vec![0; 4 << 20];
    let million = [0xe0, 0, 0, 0x20];
    for bytes in [
        [&[1, 4, 6, 0][..], &huge, &[9, 0, 0]].concat(),
        [&[1, 4, 7, 11][..], &huge, &[0, 1, 0]].concat(),
        [&[1, 5][..], &huge, &[0, 0]].concat(),
        [&[1, 4, 6, 0][..], &million, &[9], &zeros].concat(),
        [
            &[1, 4, 7, 11][..],
            &million,
            &[0],
            &b"\x01\0".repeat(2 << 20),
        ]
        .concat(),
    ] {
        let source = MemorySource(header(&bytes));
        let contents = opened(&source, Magic::SevenZip, &Budget::default()).expect("a 7z");
        assert_eq!(contents.coverage, Coverage::Partial);
        assert!(contents.members.len() <= Budget::default().members);
    }
}
