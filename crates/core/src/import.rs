//! What an import of another tool's findings brought.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, PathText};

/// One run of another tool, in numbers. Its findings are among all others: those that nobody else has under
/// a rule of its own, `<tool>:<rule>`, and those that a check here made in `reported_by` of that one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// The report, as the caller named it.
    pub source: PathText,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its format.
    pub format: String,
    /// The tool.
    pub tool: String,
    /// Its version, where the report has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Findings that nobody else has.
    pub added: u64,
    /// Results that are findings of a check here, or of another import, already.
    pub joined: u64,
    /// Those of the added that the tool had accepted.
    pub accepted: u64,
    /// Results that the tool leaves open.
    pub open: u64,
    /// Results that stood there before.
    pub repeated: u64,
    /// Results about what is not in the tree.
    pub elsewhere: u64,
}
