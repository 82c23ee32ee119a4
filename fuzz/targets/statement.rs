//! Bytes that may be a statement, and lines that may be claims. What is read means the same when it is
//! written, and no line is lost.

use casemate_attest::Statement;
use casemate_provenance::{Claims, read_unverified};
use serde_json::Value;

/// Reads them as a statement, and as a claims file.
pub fn run(data: &[u8]) {
    if let Ok(statement) = Statement::<Value>::from_json(data, 1 << 20) {
        assert!(!statement.subject.is_empty());
        let json = serde_json::to_vec(&statement).expect("only text keys");
        let again = Statement::<Value>::from_json(&json, 2 << 20).expect("we read what we write");
        assert_eq!(again, statement);
    }
    let mut reader = data;
    let claims = Claims::read(&mut reader).expect("memory can be read");
    let lines = data.split(|&b| b == b'\n').filter(|it| !it.trim_ascii().is_empty());
    assert!(claims.lines.len() == lines.count() || !claims.problems.is_empty());
    for line in &claims.lines {
        // Whoever signed it, and whatever it is of.
        let _ = read_unverified(&line.bytes);
    }
}
