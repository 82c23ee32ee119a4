//! Pictures, sound and film, fonts, databases, and files without a byte: known, and nothing to judge.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let is_known = matches!(
        head.magic,
        Magic::Empty
            | Magic::Sqlite
            | Magic::Png
            | Magic::Jpeg
            | Magic::Gif
            | Magic::Webp
            | Magic::Ico
            | Magic::Tiff
            | Magic::Font
            | Magic::Wav
            | Magic::Ogg
            | Magic::Flac
            | Magic::Mp3
            | Magic::Mp4
            | Magic::Matroska
    );
    is_known.then_some(class(AssetKind::Other, head.magic.as_str()))
}
