//! What statements say, one file for each type of predicate. To add one, copy a file and name it here.

pub mod slsa;
pub mod test_result;
pub mod vsa;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What a statement says of its subject.
pub trait Predicate: Serialize + DeserializeOwned {
    /// Its type: a URI, of which the version is a part.
    const TYPE: &'static str;

    /// What it says, in one line for people. It quotes the statement, whoever wrote that.
    fn says(&self) -> String;
}

/// What a predicate says, for people; nothing, of a type that is not known here.
///
/// # Errors
///
/// When the type is known and the predicate is not of its shape.
pub(crate) fn says(predicate_type: &str, predicate: &Value) -> Result<Option<String>, String> {
    let known = KNOWN.iter().find(|(name, _)| *name == predicate_type);
    known.map(|(_, read)| read(predicate)).transpose()
}

fn read<P: Predicate>(predicate: &Value) -> Result<String, String> {
    let read = P::deserialize(predicate);
    read.map(|it| it.says())
        .map_err(|error| format!("the predicate is not of the shape of {}: {error}", P::TYPE))
}

type Read = fn(&Value) -> Result<String, String>;

const KNOWN: &[(&str, Read)] = &[
    (slsa::Provenance::TYPE, read::<slsa::Provenance>),
    (
        test_result::TestResult::TYPE,
        read::<test_result::TestResult>,
    ),
    (
        vsa::VerificationSummary::TYPE,
        read::<vsa::VerificationSummary>,
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_read_and_what_is_not_is_left_alone() {
        assert_eq!(says("https://example.org/x/v1", &json!({})), Ok(None));
        for (name, _) in KNOWN {
            let error = says(name, &json!({})).expect_err(name);
            assert!(error.contains(name), "{error}");
        }
    }
}
