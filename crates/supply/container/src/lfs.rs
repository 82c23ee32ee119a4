//! Pointers of Git LFS: a few lines of text in the place of a file that is elsewhere
//! (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).

use crate::{Magic, TextEncoding};

/// Whether a file stands for one that Git LFS has elsewhere. `magic` is what [`sniff`](crate::sniff()) says of it;
/// `bytes` are all of the file, or its first [`LONGEST_LFS_POINTER`] at least.
pub fn is_lfs_pointer(magic: Magic, bytes: &[u8]) -> bool {
    let start = match magic {
        Magic::Text(TextEncoding::Utf8Bom) => 3,
        Magic::Text(TextEncoding::Utf8 | TextEncoding::Latin1) => 0,
        _ => return false,
    };
    let text = bytes.get(start..).unwrap_or_default().trim_ascii_start();
    bytes.len() < LONGEST_LFS_POINTER && BEGINNINGS.iter().any(|it| text.starts_with(it))
}

/// Git LFS takes no file of that length or more for a pointer (`BlobSizeCutoff` of its `lfs/scanner.go`).
pub const LONGEST_LFS_POINTER: usize = 1024;

/// How one begins: by the specification in any version, and by what it was before it was published, which Git LFS takes
/// to this day (`v1Aliases` of its `lfs/pointer.go`).
const BEGINNINGS: &[&[u8]] = &[
    b"version https://git-lfs.github.com/spec/",
    b"version https://hawser.github.com/spec/v1\n",
    b"version http://git-media.io/v/2\n",
];

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::is_lfs_pointer;
    use crate::sniff;

    fn is_pointer(bytes: &[u8]) -> bool {
        let sniffed = sniff(&MemorySource(bytes)).expect("memory");
        is_lfs_pointer(sniffed.magic, bytes)
    }

    #[test]
    fn a_pointer_is_one_in_every_version_that_git_lfs_takes() {
        let rest = "\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
        for version in [
            "https://git-lfs.github.com/spec/v1",
            "https://git-lfs.github.com/spec/v2",
            "https://hawser.github.com/spec/v1",
            "http://git-media.io/v/2",
        ] {
            for before in ["", "\u{feff}", "\n"] {
                let text = format!("{before}version {version}{rest}");
                assert!(is_pointer(text.as_bytes()), "{text:?}");
            }
            let long = format!("version {version}{rest}{}", "x".repeat(1024));
            assert!(!is_pointer(long.as_bytes()), "{version}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for bytes in [
            &b"version https://git-lfs.github.com\n"[..],
            b"version https://hawser.github.com/spec/v10\n",
            b"see version https://git-lfs.github.com/spec/v1\n",
            b"version https://git-lfs.github.com/spec/v1\n\0\0\0\x01",
            b"",
        ] {
            assert!(!is_pointer(bytes), "{bytes:?}");
        }
    }
}
