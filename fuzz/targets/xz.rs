//! Streams of xz and .lzma: whatever the bytes, what is opened keeps its promises.

use casemate_container::Magic;

use super::zip::opens;

/// Opens the bytes as both.
pub fn run(data: &[u8]) {
    opens(data, Magic::Xz);
    opens(data, Magic::Lzma);
}
