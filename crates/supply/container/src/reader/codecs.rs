//! Tests of every codec alike.

use std::io::{self, Read, Write};

use casemate_core::{MemorySource, Source};

use crate::{
    Budget, Exceeded, Magic, MemberReader, open,
    testing::{Entry, Zip, opened},
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../tests/fixtures/containers/", $name))
    };
}

/// A file of each format, of the same bytes, and whether it ends in a checksum of them.
const FILES: [(Magic, &[u8], bool); 6] = [
    (Magic::Bzip2, fixture!("python.bz2"), false),
    (Magic::Xz, fixture!("crc64.xz"), true),
    (Magic::Lzma, fixture!("python.lzma"), false),
    (Magic::Zstd, fixture!("cli.zst"), true),
    (Magic::Lz4Frame, fixture!("linked.lz4"), true),
    (Magic::Lz4Frame, fixture!("legacy.lz4"), false),
];

fn body() -> Vec<u8> {
    (0..600_u32)
        .flat_map(|n| format!("{} ", n * n).into_bytes())
        .collect()
}

/// Opens the only member, reads it, and shows its reader and its bytes.
fn read<T>(
    bytes: &[u8],
    magic: Magic,
    budget: &Budget,
    show: impl FnOnce(&MemberReader<'_>, Vec<u8>, Option<io::Error>) -> T,
) -> T {
    let source = MemorySource(bytes);
    let contents = opened(&source, magic, budget).expect("a container");
    let mut reader = contents.members[0].read().expect("a body");
    let mut body = Vec::new();
    let error = reader.read_to_end(&mut body).err();
    show(&reader, body, error)
}

fn rules(reader: &MemberReader<'_>) -> Vec<&'static str> {
    let seen = reader.anomalies().iter();
    seen.map(|anomaly| anomaly.rule.id.as_str()).collect()
}

#[test]
fn what_follows_the_last_stream_can_be_looked_at() {
    for (magic, bytes, _) in FILES {
        let more = [bytes, b"cos\nsystem\n".as_slice()].concat();
        read(&more, magic, &Budget::default(), |reader, read, error| {
            assert!(error.is_none() && read == body(), "{magic}: {error:?}");
            assert_eq!(rules(reader), ["CM-GZIP-001"], "{magic}");
            let trailing = reader.trailing().expect("bytes behind the stream");
            assert_eq!(
                trailing.as_slice(),
                Some(b"cos\nsystem\n".as_slice()),
                "{magic}"
            );
        });
        let padded = [bytes, &[0; 64]].concat();
        read(&padded, magic, &Budget::default(), |reader, read, error| {
            // In the legacy format of LZ4 zeros are blocks.
            if bytes[0] != 2 {
                assert!(error.is_none() && read == body(), "{magic}: {error:?}");
                assert!(rules(reader).is_empty(), "{magic}");
            }
        });
    }
}

#[test]
fn bytes_with_a_wrong_checksum_are_given_and_said() {
    for (magic, bytes, _) in FILES.into_iter().filter(|(.., checked)| *checked) {
        let mut bytes = bytes.to_vec();
        // The check of xz stands before the index and the footer.
        let at = match magic {
            Magic::Xz => bytes.len() - 28,
            _ => bytes.len() - 2,
        };
        bytes[at] ^= 1;
        read(&bytes, magic, &Budget::default(), |reader, read, error| {
            assert!(error.is_none() && read == body(), "{magic}: {error:?}");
            assert_eq!(rules(reader), ["CM-GZIP-002"], "{magic}");
        });
    }
}

#[test]
fn a_bomb_stops_at_the_budget() {
    let zeros = vec![0; 1 << 20];
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&zeros).expect("memory");
    let xz = lzma_rust2::XzOptions::default();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), xz).expect("options");
    xz.write_all(&zeros).expect("memory");
    let alone = lzma_rust2::LzmaOptions::default();
    let mut alone =
        lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &alone, None).expect("options");
    alone.write_all(&vec![0; 6 << 20]).expect("memory");
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&zeros).expect("memory");
    // Blocks of 128 KiB of one byte.
    let zstd = b"\x28\xb5\x2f\xfd\0\x58".to_vec();
    let zstd = [zstd, b"\x02\0\x10\0".repeat(80_000), b"\x03\0\0\0".to_vec()].concat();

    let repeated = |stream: Vec<u8>| stream.repeat(10 << 10);
    let bombs = [
        (Magic::Bzip2, repeated(bzip2.finish().expect("memory"))),
        (Magic::Xz, repeated(xz.finish().expect("memory"))),
        (Magic::Lzma, alone.finish().expect("memory")),
        (Magic::Zstd, zstd),
        (Magic::Lz4Frame, repeated(lz4.finish().expect("memory"))),
    ];
    for (magic, bytes) in bombs {
        let mut budget = Budget::default();
        budget.bytes = 16 << 20;
        budget.ratio = 20;
        read(&bytes, magic, &budget, |_, body, error| {
            let limit = error.as_ref().and_then(Exceeded::of);
            assert_eq!(limit, Some(Exceeded::Ratio(20)), "{magic}: {error:?}");
            assert!(body.len() < 3 << 20, "{magic}: {}", body.len());
        });
        budget.ratio = u64::MAX;
        budget.bytes = 5 << 20;
        read(&bytes, magic, &budget, |_, body, error| {
            let limit = error.as_ref().and_then(Exceeded::of);
            assert_eq!(limit, Some(Exceeded::Bytes(5 << 20)), "{magic}: {error:?}");
            assert!(body.len() <= 5 << 20, "{magic}: {}", body.len());
        });
    }
}

/// Many streams of nothing cost no bytes, and still end.
#[test]
fn empty_streams_are_paid_for() {
    for (magic, empty) in [
        (
            Magic::Bzip2,
            b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0".as_slice(),
        ),
        (Magic::Lz4Frame, b"\x04\x22\x4d\x18\x60\x40\x82\0\0\0\0"),
        (Magic::Zstd, b"\x28\xb5\x2f\xfd\0\x58\x01\0\0"),
    ] {
        let mut budget = Budget::default();
        budget.total = 1 << 20;
        read(&empty.repeat(1000), magic, &budget, |_, body, error| {
            let limit = error.as_ref().and_then(Exceeded::of);
            assert_eq!(limit, Some(Exceeded::Total(1 << 20)), "{magic}: {error:?}");
            assert!(body.is_empty());
        });
        read(
            &empty.repeat(10),
            magic,
            &budget.renewed(),
            |reader, body, error| {
                assert!(error.is_none() && body.is_empty(), "{magic}: {error:?}");
                assert!(rules(reader).is_empty());
            },
        );
    }
}

#[test]
fn a_window_over_the_limit_is_refused_before_it_is_allocated() {
    let mut xz = fixture!("python.xz").to_vec();
    // The properties of LZMA2 in the first block's header.
    xz[16] = 40;
    let mut alone = fixture!("python.lzma").to_vec();
    alone[1..5].fill(0xff);
    let streams = [
        (Magic::Xz, xz),
        (Magic::Lzma, alone),
        (Magic::Zstd, b"\x28\xb5\x2f\xfd\0\xa8\x01\0\0".to_vec()),
        (
            Magic::Zstd,
            b"\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0".to_vec(),
        ),
    ];
    for (magic, bytes) in streams {
        read(&bytes, magic, &Budget::default(), |_, body, error| {
            let limit = error.as_ref().and_then(Exceeded::of);
            assert_eq!(
                limit,
                Some(Exceeded::Window(256 << 20)),
                "{magic}: {error:?}"
            );
            assert!(body.is_empty());
        });
    }
}

#[test]
fn a_dictionary_that_is_elsewhere_is_said() {
    for (magic, bytes) in [
        (
            Magic::Zstd,
            b"\x28\xb5\x2f\xfd\x01\x58\x07\x01\0\0".as_slice(),
        ),
        (
            Magic::Lz4Frame,
            b"\x04\x22\x4d\x18\x61\x40\x01\0\0\0\x5e\0\0\0\0",
        ),
    ] {
        read(bytes, magic, &Budget::default(), |_, _, error| {
            let error = error.expect("no dictionary");
            assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{magic}");
            assert!(error.to_string().contains("dictionary"), "{error}");
        });
    }
}

#[test]
fn a_medium_that_fails_is_no_end() {
    struct Failing(Vec<u8>, u64);
    impl Source for Failing {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let end = offset + buf.len() as u64;
            match end > self.1 {
                true => Err(io::Error::other("bad sector")),
                false => MemorySource(&self.0).read_at(offset, buf),
            }
        }
    }
    for (magic, bytes, _) in FILES {
        let source = Failing([bytes, &vec![0; 100_000]].concat(), 40_000);
        let contents = open(&source, magic, &Budget::default());
        let contents = contents.expect("the head is there").expect("a container");
        let mut reader = contents.members[0].read().expect("a body");
        let error = io::copy(&mut reader, &mut io::sink());
        let error = error.expect_err("the medium fails");
        assert_eq!(error.to_string(), "bad sector", "{magic}");
        assert!(reader.read(&mut [0]).is_err(), "{magic}");
    }
}

#[test]
fn zip_decodes_what_its_writers_use() {
    for (method, packed) in [
        (12, fixture!("python.bz2").as_slice()),
        (20, fixture!("python.zst")),
        (93, fixture!("cli.zst")),
        (95, fixture!("crc32.xz")),
    ] {
        let body = body();
        let zip = Zip::of([Entry::packed("a", method, &body, packed)]).build();
        read(
            &zip,
            Magic::Zip,
            &Budget::default(),
            |reader, read, error| {
                assert!(error.is_none() && read == body, "{method}: {error:?}");
                assert!(rules(reader).is_empty(), "{method}");
            },
        );
        let wrong = Entry::packed("a", method, &body, &[packed, b"more"].concat());
        let wrong = Zip::of([wrong.both(|fields| fields.crc ^= 1)]).build();
        read(&wrong, Magic::Zip, &Budget::default(), |reader, _, _| {
            assert_eq!(rules(reader), ["CM-ZIP-017", "CM-ZIP-016"], "{method}");
        });
        let other = Zip::of([Entry::packed("a", method, &body, b"something else")]).build();
        read(&other, Magic::Zip, &Budget::default(), |_, read, error| {
            let kind = error.map(|error| error.kind());
            assert_eq!((read.len(), kind), (0, Some(io::ErrorKind::InvalidData)));
        });
    }
}

#[test]
fn frames_that_others_skip_may_stand_before_lz4() {
    let bytes = [
        b"\x50\x2a\x4d\x18\x04\0\0\0skip",
        fixture!("python.lz4").as_slice(),
    ]
    .concat();
    let source = MemorySource(&bytes);
    assert_eq!(crate::sniff(&source).expect("memory").magic, Magic::Zstd);
    let contents = opened(&source, Magic::Zstd, &Budget::default()).expect("a stream");
    assert_eq!(contents.format, "lz4");
    read(
        &bytes,
        Magic::Zstd,
        &Budget::default(),
        |reader, read, error| {
            assert!(error.is_none() && read == body() && rules(reader).is_empty());
        },
    );
}
