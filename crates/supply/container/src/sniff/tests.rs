use std::io::Write;

use casemate_core::MemorySource;
use proptest::prelude::*;

use super::*;
use crate::testing::{Entry, Zip, tar, tar_entry};

fn magic(bytes: &[u8]) -> Magic {
    sniff(&MemorySource(bytes)).expect("memory").magic
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn knows_each_format_by_its_signature() {
    let pe = [&b"MZ"[..], &[0; 58], &64_u32.to_le_bytes(), b"PE\0\0"].concat();
    let hdf5_block = [&[0; 512][..], b"\x89HDF\r\n\x1a\n"].concat();
    let hdf5_far = [&[0; 8192][..], b"\x89HDF\r\n\x1a\n"].concat();
    let lzma = [&[0x5d, 0, 0, 0x80, 0][..], &[0xff; 8], &[0, 1, 2]].concat();
    let cases: &[(&[u8], Magic)] = &[
        (b"", Magic::Empty),
        (b"PK\x03\x04rest", Magic::Zip),
        (b"PK\x05\x06\0\0", Magic::Zip),
        (b"\x1f\x8b\x08\0", Magic::Gzip),
        (b"BZh91AY&SY", Magic::Bzip2),
        (b"BZhang, a name", Magic::Text(TextEncoding::Utf8)),
        (b"\xfd7zXZ\0\0", Magic::Xz),
        (&lzma, Magic::Lzma),
        (b"\x28\xb5\x2f\xfd\x04", Magic::Zstd),
        (b"\x52\x2a\x4d\x18\0\0\0\0", Magic::Zstd),
        (b"\x04\x22\x4d\x18\x64", Magic::Lz4Frame),
        (b"7z\xbc\xaf\x27\x1c\0\x04", Magic::SevenZip),
        (b"Rar!\x1a\x07\x01\0", Magic::Rar),
        (b"\x02\0\0\0\0\0\0\0{}", Magic::Safetensors),
        (b"\x40\0\0\0\0\0\0\0{\"a\":", Magic::Safetensors),
        (b"GGUF\x03\0\0\0", Magic::Gguf),
        (b"GGUF\0\0\0\x03", Magic::Gguf),
        (b"GGUF is a format", Magic::Text(TextEncoding::Utf8)),
        (b"tjgg\x03\0\0\0\0\0", Magic::GgmlLegacy),
        (b"\x93NUMPY\x01\0", Magic::Npy),
        (b"\x89HDF\r\n\x1a\n", Magic::Hdf5),
        (&hdf5_block, Magic::Hdf5),
        (&hdf5_far, Magic::Hdf5),
        (b"\x1c\0\0\0TFL3\0\0", Magic::Tflite),
        (b"PAR1\x15\x04", Magic::Parquet),
        (b"ARROW1\0\0\xff", Magic::ArrowIpc),
        (b"SQLite format 3\0\x10", Magic::Sqlite),
        (b"\x89PNG\r\n\x1a\n\0", Magic::Png),
        (b"\xff\xd8\xff\xe0", Magic::Jpeg),
        (b"GIF89a\x01\0", Magic::Gif),
        (b"RIFF\x10\0\0\0WEBPVP8 ", Magic::Webp),
        (b"RIFF\x10\0\0\0WAVEfmt ", Magic::Wav),
        (b"OggS\0\x02", Magic::Ogg),
        (b"fLaC\0\0\0\x22", Magic::Flac),
        (b"\0\0\0\x20ftypisom", Magic::Mp4),
        (b"%PDF-1.7\n", Magic::Pdf),
        (b"\x7fELF\x02\x01", Magic::Elf),
        (&pe, Magic::Pe),
        (b"\xcf\xfa\xed\xfe\x07", Magic::MachO),
        (b"\xca\xfe\xba\xbe\0\0\0\x02", Magic::MachO),
        (b"\xca\xfe\xba\xbe\0\0\0\x3d", Magic::JavaClass),
        (b"\0asm\x01\0\0\0", Magic::Wasm),
        (b"\xa7\x0d\r\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3", Magic::Pyc),
        (b"PACK\0\0\0\x02\0\0\0\x01", Magic::GitPack),
        (b"DIRC\0\0\0\x02\0\0\0\x01", Magic::GitIndex),
        (b"\xfftOc\0\0\0\x02", Magic::GitPackIndex),
        (b"\x80\x04\x95\0", Magic::Pickle(4)),
        (b"\x80\x02}q\0.", Magic::Pickle(2)),
        (b"\x80\x09}q\0.", Magic::Binary),
        (b"\x01\x02\x03\x04", Magic::Binary),
    ];
    for (bytes, expected) in cases {
        assert_eq!(magic(bytes), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn knows_a_tar_by_its_checksum_alone() {
    let mut bytes = tar(&[tar_entry("pickle", b'0', "", b"x")]);
    assert_eq!(magic(&bytes), Magic::Tar);
    // The old format has no magic; its checksum was taken without one.
    bytes[257..265].fill(0);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(magic(&bytes), Magic::Tar);
    bytes[0] ^= 1;
    assert_eq!(magic(&bytes), Magic::Binary);
}

#[test]
fn two_bytes_of_zlib_need_a_stream_behind_them() {
    assert_eq!(magic(&zlib(b"weights")), Magic::Zlib);
    let long = zlib(&(0..=255).cycle().take(9000).collect::<Vec<u8>>());
    assert_eq!(magic(&long[..long.len() - 9]), Magic::Zlib);
    assert_eq!(magic(b"x^2 + y^2 = r^2\n"), Magic::Text(TextEncoding::Utf8));
    assert_eq!(magic(b"x\x9c\xff\xff\xff\xff\0"), Magic::Binary);
}

#[test]
fn a_loose_git_object_is_one_by_what_it_inflates_to() {
    for kind in ["blob", "tree", "commit", "tag"] {
        let object = zlib(format!("{kind} 5\0hello").as_bytes());
        assert_eq!(magic(&object), Magic::GitObject);
    }
    assert_eq!(magic(&zlib(b"blob five\0hello")), Magic::Zlib);
    assert_eq!(magic(&zlib(b"blob 5 hello")), Magic::Zlib);
}

#[test]
fn text_is_valid_in_its_encoding_and_nearly_free_of_controls() {
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let cases: &[(&[u8], Magic)] = &[
        (
            b"import torch\r\n\tx = 1\n\x0c",
            Magic::Text(TextEncoding::Utf8),
        ),
        ("modèle 模型".as_bytes(), Magic::Text(TextEncoding::Utf8)),
        (b"\xef\xbb\xbfid,text\n", Magic::Text(TextEncoding::Utf8Bom)),
        (b"mod\xe8le en latin\n", Magic::Text(TextEncoding::Latin1)),
        (b"\x1b[31mred\x1b[0m\n", Magic::Text(TextEncoding::Utf8)),
        (&[0x1b; 64], Magic::Binary),
        (b"a\0b", Magic::Binary),
        (b"a\x01b", Magic::Binary),
        (&utf16("id,text 🤗\n"), Magic::Text(TextEncoding::Utf16Le)),
        (b"\xfe\xff\0a\0b", Magic::Text(TextEncoding::Utf16Be)),
        (b"\xff\xfea\0\0\0", Magic::Binary),
        (b"\xff\xfea", Magic::Binary),
    ];
    for (bytes, expected) in cases {
        assert_eq!(magic(bytes), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_binary_tail_is_not_text_however_long_the_text_before_it() {
    let mut bytes = b"a line of text\n".repeat(20_000);
    assert_eq!(magic(&bytes), Magic::Text(TextEncoding::Utf8));
    bytes.extend(Zip::of([Entry::stored("a", b"b")]).build());
    let sniffed = sniff(&MemorySource(&bytes)).expect("memory");
    assert_eq!((sniffed.magic, sniffed.trailing_zip), (Magic::Binary, true));
    // A comment of text pushes the end record as far forward as it can be.
    let zip = Zip::of([Entry::stored("a", b"b")]);
    let mut bytes = b"a line of text\n".repeat(20_000);
    bytes.extend(zip.with(|zip| zip.comment = vec![b'c'; 0xffff]).build());
    let sniffed = sniff(&MemorySource(&bytes)).expect("memory");
    assert_eq!((sniffed.magic, sniffed.trailing_zip), (Magic::Binary, true));
}

#[test]
fn a_polyglot_is_each_of_its_formats() {
    // A header of 0x5802... bytes, a string, and a JSON object: both a pickle and safetensors.
    let both = b"\x80\x02X\x05\0\0\0\0{\"abc.";
    let sniffed = sniff(&MemorySource(both)).expect("memory");
    assert_eq!(sniffed.magic, Magic::Safetensors);
    assert_eq!(sniffed.also, [Magic::Pickle(2)]);

    let named_like_a_gif = tar(&[tar_entry("GIF89a", b'0', "", b"x")]);
    let sniffed = sniff(&MemorySource(&named_like_a_gif)).expect("memory");
    assert_eq!(
        (sniffed.magic, sniffed.also),
        (Magic::Gif, vec![Magic::Tar])
    );

    let png = [
        b"\x89PNG\r\n\x1a\n\0".to_vec(),
        Zip::of([Entry::stored("a", b"b")]).build(),
    ];
    assert!(
        sniff(&MemorySource(png.concat()))
            .expect("memory")
            .trailing_zip
    );
}

#[test]
fn a_safetensors_whose_length_looks_like_proto_is_no_pickle() {
    let sniffed = sniff(&MemorySource(b"\x80\x02\0\0\0\0\0\0{\"a\"")).expect("memory");
    assert_eq!((sniffed.magic, sniffed.also), (Magic::Safetensors, vec![]));
}

proptest! {
    #[test]
    fn utf8_of_any_length_is_text_wherever_the_windows_cut_it(
        unit in "[a-zé模🤗\n]{1,7}", times in 1usize..60_000,
    ) {
        let bytes = unit.repeat(times).into_bytes();
        let magic = magic(&bytes);
        prop_assert!(matches!(magic, Magic::Text(TextEncoding::Utf8)), "{magic:?}");
    }
}
