//! What the encoders of the same libraries write is read back, whole and cut.

use std::io::{Read, Write};

use casemate_container::{Budget, Magic, open, sniff};
use casemate_core::MemorySource;
use proptest::{collection::vec, prelude::*, sample::Index};

fn xz(body: &[u8], block: Option<u64>) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.set_block_size(block.and_then(std::num::NonZeroU64::new));
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).expect("options");
    writer.write_all(body).expect("memory");
    writer.finish().expect("memory")
}

fn alone(body: &[u8], sized: bool) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let size = sized.then_some(body.len() as u64);
    let mut writer =
        lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, size).expect("options");
    writer.write_all(body).expect("memory");
    writer.finish().expect("memory")
}

fn bzip2(body: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(body).expect("memory");
    writer.finish().expect("memory")
}

fn lz4(body: &[u8], linked: bool, checked: bool) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    let mode = if linked {
        BlockMode::Linked
    } else {
        BlockMode::Independent
    };
    let info = FrameInfo::new()
        .block_mode(mode)
        .block_checksums(checked)
        .content_checksum(checked);
    let mut writer = FrameEncoder::with_frame_info(info, Vec::new());
    writer.write_all(body).expect("memory");
    writer.finish().expect("memory")
}

fn zstd(body: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(body, level)
}

/// What is read, and whether all is well.
fn read(bytes: &[u8], magic: Magic) -> (Vec<u8>, bool) {
    let source = MemorySource(bytes);
    let contents = open(&source, magic, &Budget::default()).expect("memory");
    let contents = contents.expect("a container");
    let mut body = Vec::new();
    let mut reader = contents.members[0].read().expect("a body");
    let whole = reader.read_to_end(&mut body).is_ok();
    (body, whole && reader.anomalies().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read_and_a_cut_gives_its_beginning(
        words in vec(prop_oneof![Just(b"weights ".to_vec()), vec(any::<u8>(), 1..20)], 1..400),
        flag in any::<bool>(),
        other in any::<bool>(),
        cut in any::<Index>(),
    ) {
        let body = words.concat();
        let encoded = [
            (Magic::Bzip2, bzip2(&body)),
            (Magic::Xz, xz(&body, flag.then_some(1000))),
            (Magic::Lzma, alone(&body, flag)),
            (Magic::Lz4Frame, lz4(&body, flag, other)),
            (Magic::Zstd, zstd(&body)),
        ];
        for (magic, bytes) in encoded {
            prop_assert_eq!(sniff(&MemorySource(&bytes)).expect("memory").magic, magic);
            let (whole, well) = read(&bytes, magic);
            prop_assert!(whole == body && well, "{}", magic);
            let (twice, well) = read(&bytes.repeat(2), magic);
            prop_assert!(twice == body.repeat(2) && well, "{} twice", magic);
            let (part, well) = read(&bytes[..cut.index(bytes.len())], magic);
            // Where its bytes end, the range decoder of LZMA may have read one symbol from less than
            // it takes: a match, of at most 273 bytes.
            let sure = match magic {
                Magic::Lzma => part.len().saturating_sub(273),
                _ => part.len(),
            };
            let same = body.iter().zip(&part).take_while(|(a, b)| a == b).count();
            prop_assert!(same >= sure, "{} cut: {} of {} of {}", magic, same, part.len(), body.len());
            // A stream that knows its size may have a byte more than it takes.
            prop_assert!(!well || part == body, "{} cut", magic);
        }
    }
}
