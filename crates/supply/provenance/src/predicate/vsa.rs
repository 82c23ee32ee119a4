//! That somebody verified an artifact, and what came of it: SLSA's verification summary, version 1.
//!
//! <https://slsa.dev/spec/v1.1/verification_summary>

use std::collections::BTreeMap;

use casemate_attest::ResourceDescriptor;
use serde::{Deserialize, Serialize};

use super::Predicate;

/// What came of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSummary {
    /// Who verified.
    pub verifier: Verifier,
    /// When, in RFC 3339.
    pub time_verified: String,
    /// As what the artifact was verified: a URI. It passes for nothing else.
    pub resource_uri: String,
    /// Against what; it has a URI.
    pub policy: ResourceDescriptor,
    /// What the verifier went by: every one of the attestations, each with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_attestations: Option<Vec<ResourceDescriptor>>,
    /// What came of it.
    pub verification_result: VerificationResult,
    /// The SLSA levels that were verified, or `FAILED`.
    pub verified_levels: Vec<String>,
    /// The version of SLSA that the levels are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
}

/// Who verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// A URI.
    pub id: String,
    /// The versions of its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<BTreeMap<String, String>>,
}

/// What came of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// The artifact is what it has to be.
    Passed,
    /// It is not.
    Failed,
}

impl VerificationResult {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
        }
    }

    /// What may be said of SLSA's levels: no more than the least that there is, since nothing that is
    /// verified here tells how a build is kept apart from whom it serves.
    pub fn levels(self) -> Vec<String> {
        let level = match self {
            Self::Passed => "SLSA_BUILD_LEVEL_0",
            Self::Failed => "FAILED",
        };
        vec![level.to_owned()]
    }
}

impl Predicate for VerificationSummary {
    const TYPE: &'static str = "https://slsa.dev/verification_summary/v1";

    fn says(&self) -> String {
        format!(
            "{} as {}, by {} at {}",
            self.verification_result.as_str(),
            self.resource_uri,
            self.verifier.id,
            self.time_verified,
        )
    }
}

/// The version of the specification that is written.
pub const SLSA_VERSION: &str = "1.1";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_of_another_verifier_is_read() {
        let theirs = json!({
            "verifier": {"id": "https://example.org/verifier"},
            "timeVerified": "2026-01-01T00:00:00Z",
            "resourceUri": "pkg:huggingface/a/b@1",
            "policy": {"uri": "https://example.org/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
            "dependencyLevels": {"SLSA_BUILD_LEVEL_1": 3},
        });
        let read = VerificationSummary::deserialize(&theirs).expect("reads");
        assert!(read.says().starts_with("PASSED as pkg:huggingface/a/b@1"));
        let mut unsure = theirs;
        unsure["verificationResult"] = json!("passed");
        assert!(VerificationSummary::deserialize(&unsure).is_err());
    }
}
