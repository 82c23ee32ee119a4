//! Bytes that may be what a model signature signs. What is read means the same when it is written.

use casemate_provenance::Manifest;

/// Reads them, writes what was read, and reads that.
pub fn run(data: &[u8]) {
    let Ok(manifest) = Manifest::from_statement(data) else {
        return;
    };
    if manifest.is_legacy {
        return;
    }
    let again = Manifest::from_statement(&manifest.to_statement()).expect("we read what we write");
    assert_eq!(again, manifest);
}
