//! What a check says of a subject, also when all is well.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, Finding, Hasher, canonical_json};

/// What one check says of one subject.
///
/// A pass is evidence as much as a failure is: an auditor asks what *was* looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The check's name: `artifact`, `secrets` …
    pub check: String,
    /// The check's version; it changes when the same input may give another result.
    pub version: String,
    /// What was looked at.
    pub subject: AssetId,
    /// The subject's name for people: for a file, its path.
    pub name: String,
    /// The digest of the bytes that were looked at; absent when they could not all be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Digest>,
    /// What came of it.
    pub result: Status,
    /// Whether everything was looked at.
    pub coverage: Coverage,
    /// Why it is undetermined, not applicable or an error; what was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the check learned, in its own words: `format`, `verdict` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Outcome {
    /// The digest of the outcome's canonical JSON; a leaf of its population's tree. What somebody
    /// accepted is not part of it, and neither is that another tool reports the same: that is said of the
    /// outcome, and not by it.
    pub fn digest(&self) -> Digest {
        let json = if self.findings.is_empty() {
            serde_json::to_vec(&Plain::of(self))
        } else if self.findings.iter().any(is_said_of) {
            let mut plain = self.clone();
            plain.findings.iter_mut().for_each(|finding| {
                finding.suppression = None;
                finding.unchanged = false;
                if finding.rule.tool().is_none() {
                    finding.reported_by.clear();
                }
            });
            canonical_json(&plain)
        } else {
            canonical_json(self)
        };
        Digest::of(&json.expect("an outcome has only text keys"))
    }
}

/// Whether others have something to say of the finding.
fn is_said_of(finding: &Finding) -> bool {
    !finding.is_open() || !finding.reported_by.is_empty()
}

/// An outcome without findings, its members in the order of their names: its JSON is canonical as
/// it is written. Most outcomes are like that, one for each check and file.
#[derive(Serialize)]
struct Plain<'a> {
    check: &'a str,
    coverage: Coverage,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facts: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Digest>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    result: Status,
    subject: &'a AssetId,
    version: &'a str,
}

impl<'a> Plain<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Self {
            check: &outcome.check,
            coverage: outcome.coverage,
            facts: &outcome.facts,
            input: outcome.input,
            name: &outcome.name,
            reason: outcome.reason.as_deref(),
            result: outcome.result,
            subject: &outcome.subject,
            version: &outcome.version,
        }
    }
}

/// What came of a check. Errors never pass.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The check looked and all is well.
    Pass,
    /// The check found something wrong.
    Fail,
    /// The check looked and cannot say.
    Undetermined,
    /// The check could not look.
    Error,
    /// The check has nothing to say of this kind of subject.
    NotApplicable,
}

impl Status {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undetermined => "undetermined",
            Self::Error => "error",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// Whether everything in the subject was looked at.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    /// All of it.
    Complete,
    /// Some was skipped, encrypted, over budget, or not understood.
    Partial,
}

impl Coverage {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }

    /// Partial if either is.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// Outcomes that agree, as one statement: how many there were, and the root of the Merkle tree
/// (RFC 9162, section 2.1.1, with SHA-256) over their digests in order, so that any single one can
/// be proven to belong to it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Population {
    /// What the outcomes agree in.
    #[serde(flatten)]
    pub key: PopulationKey,
    /// How many there are.
    pub count: u64,
    /// The root of the tree over their digests.
    pub root: Digest,
    /// The subjects, except where they passed or were not applicable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<AssetId>,
}

/// What the outcomes of a [`Population`] agree in.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct PopulationKey {
    /// The check's name.
    pub check: String,
    /// The check's version.
    pub version: String,
    /// What came of it.
    pub result: Status,
    /// Whether everything was looked at.
    pub coverage: Coverage,
}

/// Folds outcomes into populations, ordered by check, version, result and coverage. The order of
/// the outcomes is part of the result: give them sorted.
pub fn aggregate<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Population> {
    let mut populations = Populations::default();
    for (order, outcome) in outcomes.into_iter().enumerate() {
        populations.accept(order as u64, outcome);
    }
    populations.finish()
}

/// Folds outcomes into populations as they come, from many threads and in no order, and keeps of
/// each no more than its digest. What comes out is what [`aggregate`] makes of the same outcomes,
/// sorted.
#[derive(Clone, Debug, Default)]
pub struct Populations(BTreeMap<PopulationKey, Members>);

impl Populations {
    /// Takes one outcome. `order` is its place among all outcomes; within one population no two
    /// may have the same.
    pub fn accept(&mut self, order: u64, outcome: &Outcome) {
        let key = PopulationKey {
            check: outcome.check.clone(),
            version: outcome.version.clone(),
            result: outcome.result,
            coverage: outcome.coverage,
        };
        let members = self.0.entry(key).or_default();
        members.leaves.push((order, outcome.digest()));
        if !matches!(outcome.result, Status::Pass | Status::NotApplicable) {
            members.subjects.push((order, outcome.subject.clone()));
        }
    }

    /// Takes what another fold has taken.
    pub fn merge(&mut self, other: Self) {
        for (key, mut members) in other.0 {
            let ours = self.0.entry(key).or_default();
            ours.leaves.append(&mut members.leaves);
            ours.subjects.append(&mut members.subjects);
        }
    }

    /// The populations, ordered by check, version, result and coverage.
    pub fn finish(self) -> Vec<Population> {
        let populations = self.0.into_iter().map(|(key, members)| {
            let leaves = in_order(members.leaves);
            Population {
                key,
                count: leaves.len() as u64,
                root: merkle_root(&leaves),
                subjects: in_order(members.subjects),
            }
        });
        populations.collect()
    }
}

/// What one population is made of, each with its place.
#[derive(Clone, Debug, Default)]
struct Members {
    leaves: Vec<(u64, Digest)>,
    subjects: Vec<(u64, AssetId)>,
}

fn in_order<T>(mut placed: Vec<(u64, T)>) -> Vec<T> {
    placed.sort_by_key(|&(order, _)| order);
    placed.into_iter().map(|(_, item)| item).collect()
}

/// The Merkle tree hash of RFC 9162, section 2.1.1, over `leaves`.
fn merkle_root(leaves: &[Digest]) -> Digest {
    // A stack of complete subtrees, larger ones below: no recursion, and one pass.
    let mut stack: Vec<(u32, Digest)> = Vec::new();
    for leaf in leaves {
        let mut hasher = Hasher::default();
        hasher.update(&[0]);
        hasher.update(leaf.as_bytes());
        let mut node = (0, hasher.finish());
        while let Some(&(height, left)) = stack.last() {
            if height != node.0 {
                break;
            }
            stack.pop();
            node = (height + 1, parent(left, node.1));
        }
        stack.push(node);
    }
    let root = stack
        .into_iter()
        .map(|(_, digest)| digest)
        .rev()
        .reduce(|right, left| parent(left, right));
    root.unwrap_or_else(|| Digest::of(b""))
}

fn parent(left: Digest, right: Digest) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&[1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(path: &str, result: Status) -> Outcome {
        Outcome {
            check: "artifact".into(),
            version: "1".into(),
            subject: AssetId::File {
                repository: "local".into(),
                path: path.into(),
            },
            name: path.into(),
            input: Some(Digest::of(path.as_bytes())),
            result,
            coverage: Coverage::Complete,
            reason: None,
            facts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn passes_are_counted_and_failures_are_named() {
        let outcomes = [
            outcome("a", Status::Pass),
            outcome("b", Status::Fail),
            outcome("c", Status::Pass),
        ];
        let populations = aggregate(&outcomes);
        assert_eq!(populations.len(), 2);
        assert_eq!(
            (populations[0].count, populations[0].subjects.len()),
            (2, 0)
        );
        assert_eq!(populations[1].subjects, [outcomes[1].subject.clone()]);
    }

    #[test]
    fn what_others_say_of_a_finding_leaves_the_outcome_in_its_population() {
        let rule = crate::RuleId::new("CM-TST-001");
        let path = crate::PathText::from("a");
        let mut found = outcome("a", Status::Fail);
        found.findings.push(Finding {
            fingerprint: crate::Fingerprint::new(&rule, &found.subject, &path, &[], ""),
            rule,
            severity: crate::Severity::High,
            confidence: crate::Confidence::High,
            asset: found.subject.clone(),
            location: crate::Location::default(),
            message: String::new(),
            remediation: String::new(),
            evidence: Vec::new(),
            reported_by: Vec::new(),
            suppression: None,
            unchanged: false,
        });
        let before = found.digest();
        found.findings[0].suppression = Some(crate::Suppression {
            reason: "accepted".into(),
            owner: "platform".into(),
            expires: None,
        });
        found.findings[0].reported_by.push(crate::Reported {
            tool: "Checkov".into(),
            version: None,
            rule: "CKV_AWS_18".into(),
            severity: "HIGH is high".into(),
            source: "checkov.json".into(),
            accepted: None,
            baseline: None,
        });
        assert_eq!(found.digest(), before);
    }

    #[test]
    fn an_outcome_reads_as_the_contract_says() {
        insta::assert_json_snapshot!(outcome("models/a.pkl", Status::NotApplicable));
    }

    /// The definition of RFC 9162, word for word.
    fn merkle_by_definition(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [leaf] => {
                let mut hasher = Hasher::default();
                hasher.update(&[0]);
                hasher.update(leaf.as_bytes());
                hasher.finish()
            }
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                parent(
                    merkle_by_definition(&leaves[..split]),
                    merkle_by_definition(&leaves[split..]),
                )
            }
        }
    }

    proptest! {
        #[test]
        fn the_digest_is_that_of_the_canonical_json(
            name in ".{0,8}", reason in proptest::option::of(".{0,8}"), is_read in any::<bool>(),
            facts in proptest::collection::btree_map("\\PC{0,4}", ".{0,4}", 0..4),
        ) {
            let mut outcome = outcome(&name, Status::Undetermined);
            outcome.reason = reason;
            outcome.facts = facts;
            outcome.input = outcome.input.filter(|_| is_read);
            let json = canonical_json(&outcome).expect("serialises");
            prop_assert_eq!(outcome.digest(), Digest::of(&json));
        }

        #[test]
        fn populations_do_not_depend_on_the_order_of_arrival(
            results in proptest::collection::vec(0u8..3, 0..20), seed in any::<u64>(), cut in 0usize..20,
        ) {
            let of = |n: u8| [Status::Pass, Status::Fail, Status::Error][usize::from(n)];
            let outcomes: Vec<Outcome> = results
                .iter()
                .enumerate()
                .map(|(at, &n)| outcome(&format!("{at:02}"), of(n)))
                .collect();
            let mut places: Vec<usize> = (0..outcomes.len()).collect();
            places.sort_by_key(|&at| Digest::of(&(at as u64 ^ seed).to_le_bytes()));
            let (left, right) = places.split_at(cut.min(places.len()));
            let fold = |places: &[usize]| {
                let mut populations = Populations::default();
                for &at in places {
                    populations.accept(at as u64, &outcomes[at]);
                }
                populations
            };
            let mut populations = fold(left);
            populations.merge(fold(right));
            prop_assert_eq!(populations.finish(), aggregate(&outcomes));
        }

        #[test]
        fn the_root_is_the_one_the_specification_defines(count in 0u8..70) {
            let leaves: Vec<Digest> = (0..count).map(|n| Digest::of(&[n])).collect();
            prop_assert_eq!(merkle_root(&leaves), merkle_by_definition(&leaves));
        }
    }
}
