//! What an examination says.

use std::fmt;

use casemate_core::{AssetId, Coverage, Evidence, Finding, Location, PathText, Region, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a file can be trusted to do nothing but hold a model, from the best to the worst. The
/// verdict of a whole is the largest of its parts'.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Loading it imports and calls nothing.
    #[default]
    Inert,
    /// Loading it imports and calls only what is on the allowlist, and within its contract.
    Known,
    /// Anything else: nobody has vouched for what it does.
    Unknown,
    /// It does what only an attack does.
    Dangerous,
}

impl Verdict {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inert => "inert",
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::Dangerous => "dangerous",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much one examination may cost. Reaching a limit makes coverage partial and is a finding.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many containers or pickles may stand in each other. Default 8.
    pub depth: u8,
    /// How many bytes may come out of decompression, in all. Default 8 GiB.
    pub bytes: u64,
    /// How many pickle opcodes may be interpreted, in all. Default 500 million, some ten seconds.
    pub opcodes: u64,
    /// How many members a container may have. Default 100,000.
    pub members: usize,
    /// How many bytes that belong to nothing may be searched for hidden pickles, in each file or
    /// member. Default 64 MiB.
    pub search: u64,
    /// How many findings are listed one by one. Default 200.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            bytes: 8 << 30,
            opcodes: 500_000_000,
            members: 100_000,
            search: 64 << 20,
            findings: 200,
        }
    }
}

/// What is known of a file after [`examine`](crate::examine).
#[derive(Clone, Debug)]
pub struct Examination {
    /// What the file is: `pickle`, `torch`, `safetensors`, `text` …
    pub format: &'static str,
    /// The worst of what was seen.
    pub verdict: Verdict,
    /// Whether everything was seen.
    pub coverage: Coverage,
    /// Why coverage is partial.
    pub reason: Option<String>,
    /// Names that only the caller's own rows allow, each with the reason given there.
    pub allowed: Vec<(String, String)>,
    /// What was seen that is not as it should be. Never empty where the verdict is
    /// [`Verdict::Unknown`] or worse, or coverage is partial.
    pub findings: Vec<Observation>,
}

impl Examination {
    /// What the caller's own rows allowed in it, in words; nothing where they did not.
    pub fn allowances(&self) -> Option<String> {
        let told = |(name, reason): &(String, String)| format!("{name} ({reason})");
        let allowed: Vec<String> = self.allowed.iter().map(told).collect();
        (!allowed.is_empty()).then(|| allowed.join(", "))
    }
}

/// One thing seen in a file; a [`Finding`](casemate_core::Finding) once the file has a name.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The rule it breaks.
    pub rule: &'static Rule,
    /// The verdict it stands for by itself.
    pub verdict: Verdict,
    /// The way into nested containers, outermost first.
    pub members: Vec<String>,
    /// Where in the file, or in the innermost member.
    pub region: Option<Region>,
    /// What recognises it in another run: a symbol, a member, a key.
    pub anchor: String,
    /// One sentence. Names from the file are escaped in it.
    pub message: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

impl Observation {
    /// The finding that this is in `file`, which is `path` from the root of what is assessed.
    pub fn into_finding(self, asset: &AssetId, path: &PathText, file: &PathText) -> Finding {
        let location = Location {
            file: file.clone(),
            members: self.members,
            region: self.region,
        };
        let evidence = self.evidence;
        Finding {
            evidence,
            ..Finding::new(self.rule, asset, path, location, &self.anchor, self.message)
        }
    }
}
