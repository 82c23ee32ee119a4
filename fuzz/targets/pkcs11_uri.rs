//! Text that may be a URI of a key in a token. What is written of one names the same key, and has no PIN.

use casemate_token::{Pin, Uri};

/// Reads it, and what is written of it.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(uri) = text.parse::<Uri>() else {
        return;
    };
    let named = uri.to_string();
    let again: Uri = named.parse().expect("we read what we write");
    assert_eq!(again.to_string(), named);
    assert!(again.pin().is_none() && again.module().is_none());
    if let Some(Pin::File(path)) = uri.pin() {
        assert!(path.is_absolute());
    }
}
