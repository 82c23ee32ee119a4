use casemate_core::MemorySource;

use super::*;
use crate::{
    Magic, open,
    testing::{Entry, Zip, deflate},
};

fn limited(change: impl FnOnce(&mut Budget)) -> Budget {
    let mut budget = Budget::default();
    change(&mut budget);
    budget
}

/// Reads the first member to its end, or to the error.
fn read(bytes: &[u8], magic: Magic, budget: &Budget) -> (Vec<u8>, Option<io::Error>) {
    let source = MemorySource(bytes);
    let contents = open(&source, magic, budget)
        .expect("memory")
        .expect("a container");
    let mut body = Vec::new();
    let mut reader = contents.members[0].read().expect("a body");
    let error = reader.read_to_end(&mut body).err();
    let again = reader.read(&mut [0]).err();
    assert_eq!(
        error.as_ref().map(io::Error::kind),
        again.map(|error| error.kind())
    );
    (body, error)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    out.extend(deflate(bytes));
    out.extend(crc32fast::hash(bytes).to_le_bytes());
    out.extend(crate::testing::len32(bytes).to_le_bytes());
    out
}

#[test]
fn every_limit_ends_reading_and_names_itself() {
    let zeros = Zip::of([Entry::deflated("zeros", &[0; 100_000])]).build();
    for (budget, limit) in [
        (
            limited(|b| (b.bytes, b.ratio) = (60_000, 2000)),
            Exceeded::Bytes(60_000),
        ),
        (limited(|b| b.total = 70_000), Exceeded::Total(70_000)),
        (
            limited(|b| (b.bytes, b.ratio) = (200_000, 100)),
            Exceeded::Ratio(100),
        ),
    ] {
        let (body, error) = read(&zeros, Magic::Zip, &budget);
        assert_eq!(error.as_ref().and_then(Exceeded::of), Some(limit));
        assert!(body.len() <= 70_000);
    }
}

#[test]
fn nested_containers_draw_on_one_purse() {
    let zeros = Zip::of([Entry::deflated("zeros", &[0; 50_000])]).build();
    let budget = limited(|budget| budget.total = 80_000);
    assert!(read(&zeros, Magic::Zip, &budget).1.is_none());
    assert!(read(&zeros, Magic::Zip, &budget.inside()).1.is_some());
    assert!(read(&zeros, Magic::Zip, &budget.renewed()).1.is_none());
}

#[test]
fn bytes_before_a_break_are_given_before_the_error() {
    let body: Vec<u8> = (0..50_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let whole = gzip(&body);
    let (read_body, error) = read(&whole[..whole.len() / 2], Magic::Gzip, &Budget::default());
    assert_eq!(
        error.map(|error| error.kind()),
        Some(io::ErrorKind::UnexpectedEof)
    );
    assert!(read_body.len() > 50_000 && body.starts_with(&read_body));

    // A block of a kind that does not exist, behind one that is stored.
    let broken = [
        &b"\x1f\x8b\x08\0\0\0\0\0\0\xff\0\x03\0\xfc\xffabc"[..],
        &[0x07; 9],
    ]
    .concat();
    let (read_body, error) = read(&broken, Magic::Gzip, &Budget::default());
    assert_eq!(read_body, b"abc");
    assert_eq!(
        error.map(|error| error.kind()),
        Some(io::ErrorKind::InvalidData)
    );
}

#[test]
fn gzip_members_in_a_row_are_one_stream() {
    let two = [gzip(b"one "), gzip(b""), gzip(b"two"), vec![0; 512]].concat();
    let source = MemorySource(&two);
    let contents = open(&source, Magic::Gzip, &Budget::default())
        .expect("memory")
        .expect("gzip");
    let mut body = Vec::new();
    let mut reader = contents.members[0].read().expect("a body");
    reader.read_to_end(&mut body).expect("whole");
    assert_eq!(body, b"one two");
    assert!(reader.anomalies().is_empty() && reader.trailing().is_none());
}

#[test]
fn what_follows_a_stream_can_be_looked_at() {
    let bytes = [gzip(b"one"), b"cos\nsystem".to_vec()].concat();
    let source = MemorySource(&bytes);
    let contents = open(&source, Magic::Gzip, &Budget::default())
        .expect("memory")
        .expect("gzip");
    let mut reader = contents.members[0].read().expect("a body");
    io::copy(&mut reader, &mut io::sink()).expect("whole");
    assert_eq!(reader.anomalies().len(), 1);
    let trailing = reader.trailing().expect("bytes behind the stream");
    assert_eq!(trailing.as_slice(), Some(&b"cos\nsystem"[..]));
}

#[test]
fn zlib_is_held_to_its_checksum() {
    let mut whole = vec![0x78, 0x9c];
    whole.extend(deflate(b"Wikipedia"));
    // The example of Wikipedia's article on Adler-32.
    whole.extend(0x11e6_0398_u32.to_be_bytes());
    for (flip, expected) in [(0, 0), (1, 1)] {
        let last = whole.len() - 1;
        whole[last] ^= flip;
        let source = MemorySource(&whole);
        let contents = open(&source, Magic::Zlib, &Budget::default())
            .expect("memory")
            .expect("zlib");
        let mut reader = contents.members[0].read().expect("a body");
        io::copy(&mut reader, &mut io::sink()).expect("whole");
        assert_eq!(reader.anomalies().len(), expected);
    }
}
