//! Zip (APPNOTE.TXT 6.3.10), read the way an attacker hopes that nobody does: every directory that
//! some reader would take, every local header, and what lies between them.
//!
//! ```text
//!  directory ──► every end record, each way to its headers ─┐
//!  records       (central, local, end, zip64)               ├─► merge ──► entries ──► judge
//!  gaps ───────► local headers and end records outside ─────┘   (one per name and body)
//! ```

mod directory;
mod gaps;
mod judge;
mod merge;
mod records;
mod rules;
#[cfg(test)]
mod tests;

use std::io;

use casemate_core::Source;

pub(crate) use rules::RULES;

use crate::{Budget, Contents, reader::ReadRules};

pub(crate) const FORMAT: &str = "zip";

/// Opens a zip, wherever in `source` it is.
pub(crate) fn open<'a>(source: &'a dyn Source, budget: &Budget) -> io::Result<Contents<'a>> {
    let mut archive = merge::Archive::new(source, budget);
    archive.read_directories()?;
    archive.search_gaps()?;
    archive.judge_layout()?;
    let (entries, mut contents) = archive.finish();
    for entry in entries {
        judge::entry(source, budget, &entry, &mut contents)?;
    }
    contents.sort();
    Ok(contents)
}

/// Whether the end of `source` leads to a zip's directory.
pub(crate) fn ends_with_directory(source: &dyn Source) -> io::Result<bool> {
    Ok(!directory::endings(source)?.is_empty())
}

static READ: ReadRules = ReadRules {
    trailing: &rules::SLACK,
    checksum: &rules::CHECKSUM,
};
