//! What statements say, one file for each type of predicate. To add one, copy a file and name it here.

pub mod approval;
pub mod policy;
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
    let wrong = |why: &dyn std::fmt::Display| {
        format!("the predicate is not of the shape of {}: {why}", P::TYPE)
    };
    let read = P::deserialize(predicate).map_err(|error| wrong(&error))?;
    let written = serde_json::to_value(&read).map_err(|error| wrong(&error))?;
    match is_written_so(&written, predicate) {
        true => Ok(read.says()),
        false => Err(wrong(&"a member is of another kind than it has to be")),
    }
}

/// Whether `ours`, which was read from `theirs`, is a part of it as it stands there. Serde takes a list for
/// the members of an object and an object for a name, which policies, who are given `theirs`, do not. Each
/// level of `ours` is one of `theirs`, which nests no deeper than JSON is read.
fn is_written_so(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => ours.iter().all(|(name, ours)| {
            // What is not there has its default, and nobody can read it in another way.
            theirs
                .get(name)
                .is_none_or(|theirs| is_written_so(ours, theirs))
        }),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| is_written_so(ours, theirs))
        }
        _ => ours == theirs,
    }
}

type Read = fn(&Value) -> Result<String, String>;

const KNOWN: &[(&str, Read)] = &[
    (approval::Approval::TYPE, read::<approval::Approval>),
    (policy::PolicyBundle::TYPE, read::<policy::PolicyBundle>),
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

    #[test]
    fn what_a_policy_would_read_in_another_way_is_refused() {
        let test = json!({"result": "FAILED", "configuration": [{"name": "x"}], "more": [1]});
        let build = json!({
            "buildDefinition": {"buildType": "t", "externalParameters": {"a": [{"b": null}]}},
            "runDetails": {"builder": {"id": "urn:b"}, "metadata": null},
        });
        let summary = json!({
            "verifier": {"id": "urn:v"}, "timeVerified": "2026-01-01T00:00:00Z",
            "resourceUri": "pkg:x", "policy": {"uri": "u"}, "verificationResult": "FAILED",
            "verifiedLevels": [],
        });
        let approval = json!({"gate": "assess", "approvedOn": "2026-01-01T00:00:00Z"});
        let archive = json!({"contents": "sha256:a", "policy": "sha256:b"});
        let (approved, packed) = (approval::Approval::TYPE, policy::PolicyBundle::TYPE);
        let (result, provenance, vsa) = (
            test_result::TestResult::TYPE,
            slsa::Provenance::TYPE,
            vsa::VerificationSummary::TYPE,
        );
        for (kind, plain, pointer, other) in [
            (approved, &approval, "/gate", json!({"assess": null})),
            (
                approved,
                &approval,
                "",
                json!(["assess", "2026-01-01T00:00:00Z"]),
            ),
            (packed, &archive, "", json!(["sha256:a", "sha256:b"])),
            (result, &test, "/result", json!({"FAILED": null})),
            (result, &test, "/configuration/0", json!(["x"])),
            (result, &test, "/configuration/0", json!([])),
            (result, &test, "", json!(["FAILED", []])),
            (provenance, &build, "/buildDefinition", json!(["t", {}])),
            (provenance, &build, "/runDetails", json!([["urn:b"], null])),
            (provenance, &build, "/runDetails/builder", json!(["urn:b"])),
            (provenance, &build, "/runDetails/metadata", json!(["id"])),
            (vsa, &summary, "/verifier", json!(["urn:v", null])),
            (vsa, &summary, "/policy", json!(["p", "u"])),
            (
                vsa,
                &summary,
                "/verificationResult",
                json!({"FAILED": null}),
            ),
        ] {
            let said = says(kind, plain).expect("plain");
            assert!(said.is_some(), "{kind}");
            let mut odd = plain.clone();
            *odd.pointer_mut(pointer).expect(pointer) = other;
            assert!(says(kind, &odd).is_err(), "{odd}");
        }
    }
}
