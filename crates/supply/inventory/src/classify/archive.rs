//! Archives and compressed files that are nothing more special.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let is_archive = matches!(
        head.magic,
        Magic::Zip
            | Magic::Gzip
            | Magic::Zlib
            | Magic::Bzip2
            | Magic::Xz
            | Magic::Lzma
            | Magic::Zstd
            | Magic::Lz4Frame
            | Magic::SevenZip
            | Magic::Rar
            | Magic::Tar
    );
    if is_archive {
        return Some(class(AssetKind::Archive, head.magic.as_str()));
    }
    // Debian packages and static libraries.
    let is_ar = head.bytes.starts_with(b"!<arch>\n");
    is_ar.then_some(class(AssetKind::Archive, "ar"))
}
