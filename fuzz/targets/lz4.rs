//! Frames of LZ4: whatever the bytes, what is opened keeps its promises.

use casemate_container::Magic;

use super::zip::opens;

/// Opens the bytes as such.
pub fn run(data: &[u8]) {
    opens(data, Magic::Lz4Frame);
}
