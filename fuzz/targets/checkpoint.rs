//! Checkpoints: what is read is written again as it was, and nothing unsigned is trusted.

use casemate_ledger::{Checkpoint, checkpoint::Trust};

/// Reads the bytes as the text of a checkpoint, and as a signed one.
pub fn run(data: &[u8]) {
    let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let trust = Trust::in_log(key.parse().expect("a key"));
    // Nobody has the private half of the example's key, and it signed no checkpoint.
    assert!(trust.verify(data).is_err());
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(checkpoint) = text.parse::<Checkpoint>()
    {
        assert_eq!(checkpoint.to_string(), text);
    }
}
