//! Bounded views of containers, and what bytes are.
//!
//! ```text
//!            sniff                 open                     stored (in place)
//!  Source ──────────► Sniffed ──────────► Contents ─┬─► Member ─► load   (in memory)
//!                     (Magic)             (Budget)  │             read   (front to back)
//!                                                   └─► Anomaly
//! ```
//!
//! [`sniff()`] says what bytes are from the bytes alone. [`open`] lists what is in a zip, tar or 7z,
//! or in a compressed stream: the *union* of all that its readers may see, where they can be made
//! to disagree, and an [`Anomaly`] for each place where they are. Opening costs the headers;
//! payload is read when a member is. Nothing here allocates or loops by a field that was not
//! checked, and nothing recurses: a caller opens what is nested with [`Budget::inside`].
#![forbid(unsafe_code)]

mod archive;
mod budget;
mod bytes;
mod contents;
#[cfg(test)]
mod examples;
mod lfs;
mod reader;
mod sevenz;
pub mod sniff;
mod stream;
mod tar;
#[cfg(test)]
mod testing;
mod zip;

use std::sync::LazyLock;

use casemate_core::{Rule, Source};

pub use budget::{Budget, Exceeded};
pub use contents::{Anomaly, ContainerError, Contents, Kind, Loaded, Member, View};
pub use lfs::{LONGEST_LFS_POINTER, is_lfs_pointer};
pub use reader::MemberReader;
pub use sniff::{Magic, Sniffed, TextEncoding, sniff};

/// Opens `source` as the container that `magic` says it is; `None` where that is not one that
/// Casemate opens. Where [`Sniffed::trailing_zip`] is set, open it a second time as
/// [`Magic::Zip`].
///
/// Bytes that are broken are an anomaly and partial coverage, not an error.
///
/// # Errors
///
/// What the medium says.
pub fn open<'a>(
    source: &'a dyn Source,
    magic: Magic,
    budget: &Budget,
) -> Result<Option<Contents<'a>>, ContainerError> {
    let format = match magic {
        Magic::Zip => zip::FORMAT,
        Magic::Tar => tar::FORMAT,
        Magic::SevenZip => sevenz::FORMAT,
        other => match stream::format(other) {
            Some(format) => format,
            None => return Ok(None),
        },
    };
    if budget.depth == 0 {
        return Ok(Some(archive::too_deep(format)));
    }
    let contents = match magic {
        Magic::Zip => zip::open(source, budget)?,
        Magic::Tar => tar::open(source, budget)?,
        Magic::SevenZip => sevenz::open(source, budget)?,
        _ => stream::open(source, magic, format, budget)?,
    };
    Ok(Some(contents))
}

/// Every rule that [`open`] and [`MemberReader`] report.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        [
            archive::RULES,
            zip::RULES,
            tar::RULES,
            sevenz::RULES,
            stream::RULES,
        ]
        .into_iter()
        .flatten()
        .map(|rule| (*rule).clone())
        .collect()
    });
    &RULES
}
