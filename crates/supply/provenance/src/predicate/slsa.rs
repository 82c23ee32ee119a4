//! How an artifact was built, or a model trained: SLSA provenance, version 1.
//!
//! <https://slsa.dev/spec/v1.1/provenance>. Members that are not known are ignored, and absent, null and
//! empty are the same, as it asks.

use std::collections::BTreeMap;

use casemate_attest::ResourceDescriptor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Predicate;

/// How something came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was asked of the builder.
    pub build_definition: BuildDefinition,
    /// Who did it, and when.
    pub run_details: RunDetails,
}

/// The input of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// The kind of build, a URI; it says what the parameters mean.
    pub build_type: String,
    /// What the user of the builder chose.
    pub external_parameters: Map<String, Value>,
    /// What the builder chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_parameters: Option<Map<String, Value>>,
    /// What went in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_dependencies: Option<Vec<ResourceDescriptor>>,
}

/// This one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// Who ran it, and answers for what is said.
    pub builder: Builder,
    /// Which run it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Who built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// A URI.
    pub id: String,
    /// The versions of its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<BTreeMap<String, String>>,
}

/// Which run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The builder's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// When it began, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<String>,
}

impl Predicate for Provenance {
    const TYPE: &'static str = "https://slsa.dev/provenance/v1";

    fn says(&self) -> String {
        let definition = &self.build_definition;
        let inputs = definition.resolved_dependencies.as_ref();
        let metadata = self.run_details.metadata.as_ref();
        let finished = metadata.and_then(|it| it.finished_on.as_deref());
        format!(
            "built by {} from {} dependencies, as {}{}",
            self.run_details.builder.id,
            inputs.map_or(0, Vec::len),
            definition.build_type,
            finished.map_or_else(String::new, |time| format!(", until {time}")),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn provenance_of_another_builder_is_read() {
        let theirs = json!({
            "buildDefinition": {
                "buildType": "https://example.org/workflow/v1",
                "externalParameters": {"ref": "refs/heads/main"},
                "internalParameters": null,
                "resolvedDependencies": [{"uri": "git+https://example.org/a", "digest": {"gitCommit": "ab"}}],
            },
            "runDetails": {"builder": {"id": "https://example.org/builder"}, "byproducts": []},
        });
        let read = Provenance::deserialize(&theirs).expect("reads");
        assert_eq!(
            read.says(),
            "built by https://example.org/builder from 1 dependencies, as https://example.org/workflow/v1"
        );
        let mut nobody = theirs;
        nobody["runDetails"]["builder"] = json!({});
        assert!(Provenance::deserialize(&nobody).is_err());
    }
}
