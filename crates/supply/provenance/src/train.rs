//! What is said of a training run: SLSA provenance of a command that was run on this machine.

use std::{collections::BTreeMap, path::Path};

use casemate_attest::ResourceDescriptor;
use casemate_core::{Digest, Timestamp, canonical_json};
use serde_json::{Map, Value, json};

use crate::{
    Inventory, Meter, SignError, SignOptions, inventory,
    predicate::slsa::{BuildDefinition, Builder, Metadata, Provenance, RunDetails},
};

/// A command that was run, and what is known of the run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What its user says that it was given, by name.
    pub parameters: BTreeMap<String, String>,
    /// Where it ran, from the top of the repository, if it ran in one.
    pub working_directory: Option<String>,
    /// Environment variables that matter, by name.
    pub environment: BTreeMap<String, String>,
    /// The version of Python, where the program is one.
    pub python: Option<String>,
    /// What went in.
    pub inputs: Vec<ResourceDescriptor>,
    /// Who ran it: a URI.
    pub builder: String,
    /// The version of this program.
    pub version: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

impl Run {
    /// The provenance of what came out, whose root is `model`. The same run has the same invocation
    /// identifier, since that is a digest of all that is said of it.
    pub fn provenance(self, model: &Digest) -> Provenance {
        let mut external = Map::new();
        external.insert("command".to_owned(), json!(self.command));
        external.insert("parameters".to_owned(), json!(self.parameters));
        if let Some(directory) = self.working_directory {
            external.insert("workingDirectory".to_owned(), Value::String(directory));
        }
        let mut internal = Map::new();
        internal.insert("os".to_owned(), json!(std::env::consts::OS));
        internal.insert("arch".to_owned(), json!(std::env::consts::ARCH));
        internal.insert("environment".to_owned(), json!(self.environment));
        if let Some(python) = self.python {
            internal.insert("python".to_owned(), Value::String(python));
        }
        let mut provenance = Provenance {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: external,
                internal_parameters: Some(internal),
                resolved_dependencies: Some(self.inputs),
            },
            run_details: RunDetails {
                builder: Builder {
                    id: self.builder,
                    version: Some([("casemate".to_owned(), self.version)].into()),
                },
                metadata: Some(Metadata {
                    invocation_id: None,
                    started_on: Some(self.started.to_string()),
                    finished_on: Some(self.finished.to_string()),
                }),
            },
        };
        let said = canonical_json(&(&provenance, model)).expect("only text keys");
        if let Some(metadata) = &mut provenance.run_details.metadata {
            metadata.invocation_id = Some(Digest::of(&said).hex());
        }
        provenance
    }
}

/// What went into a run, by what its files are: of a file its SHA-256 digest, of a directory the root
/// that a model signature of it would have.
///
/// # Errors
///
/// When it cannot be digested as a model can.
pub fn digest_input(path: &Path, options: &SignOptions, meter: &Meter) -> Result<Input, SignError> {
    let Inventory { manifest, .. } = inventory(path, options, None, meter)?;
    Ok(match manifest.file_digest() {
        Some(digest) => Input {
            digest,
            is_directory: false,
        },
        None => Input {
            digest: manifest.root(),
            is_directory: true,
        },
    })
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its digest.
    pub digest: Digest,
    /// Whether that is the root of several files.
    pub is_directory: bool,
}

/// What kind of build the provenance is of, and what its parameters mean: the page of `casemate attest`.
pub const BUILD_TYPE: &str = "urn:casemate:build-type:command:v1";
/// Who runs a command, by default: whoever has this machine and the key. It says nothing of how either
/// is kept from the command.
pub const LOCAL_BUILDER: &str = "urn:casemate:builder:local";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicate::Predicate as _;

    fn run() -> Run {
        Run {
            command: vec!["python".into(), "train.py".into()],
            parameters: [("lr".to_owned(), "0.1".to_owned())].into(),
            working_directory: Some(".".into()),
            environment: BTreeMap::new(),
            python: None,
            inputs: vec![ResourceDescriptor::of("data.csv", &Digest::of(b"data"))],
            builder: LOCAL_BUILDER.into(),
            version: "0".into(),
            started: "2026-01-01T00:00:00Z".parse().expect("a time"),
            finished: "2026-01-01T01:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_run_is_known_by_everything_that_is_said_of_it() {
        let model = Digest::of(b"model");
        let id = |run: Run, model: &Digest| {
            let provenance = run.provenance(model);
            assert!(provenance.says().contains("from 1 dependencies"));
            provenance
                .run_details
                .metadata
                .expect("there")
                .invocation_id
        };
        assert_eq!(id(run(), &model), id(run(), &model));
        assert_ne!(id(run(), &model), id(run(), &Digest::of(b"other")));
        let mut other = run();
        other.parameters.insert("lr".into(), "0.2".into());
        assert_ne!(id(run(), &model), id(other, &model));
    }
}
