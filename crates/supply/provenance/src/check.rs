//! A verification as the outcome of a check, so that a gate can ask for it.

use casemate_core::{AssetId, Coverage, Digest, Finding, Location, Outcome, PathText, Status};

use crate::{Class, Problem, Verdict, rules::rule};

/// The check's name in outcomes.
const CHECK: &str = "provenance";

/// The check's version.
const VERSION: &str = "1";

/// Where the model is that was verified.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The model as an asset.
    pub asset: &'a AssetId,
    /// Its path, as the user named the tree and the rest of the way.
    pub name: &'a PathText,
    /// Its path from the root of the tree, for fingerprints.
    pub path: &'a PathText,
}

impl Verdict {
    /// What the check `provenance` says of the model at `place`: a pass, or a finding for each problem.
    pub fn outcome(&self, place: &Place<'_>) -> Outcome {
        let findings: Vec<Finding> = (self.problems.iter())
            .filter_map(|problem| problem.finding(place))
            .collect();
        let signers: Vec<&str> = self.signers.iter().map(|it| it.name.as_str()).collect();
        let facts = [
            Some(("class", self.class.as_str().to_owned())),
            self.root.map(|root| ("root", root.to_string())),
            (!signers.is_empty()).then(|| ("signers", signers.join(", "))),
        ];
        Outcome {
            check: CHECK.to_owned(),
            version: VERSION.to_owned(),
            subject: place.asset.clone(),
            name: place.name.to_string(),
            input: self.input(),
            result: match self.class.is_success() {
                true => Status::Pass,
                false => Status::Fail,
            },
            coverage: match self.class {
                Class::Partial => Coverage::Partial,
                _ => Coverage::Complete,
            },
            reason: None,
            facts: (facts.into_iter().flatten())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            findings,
        }
    }

    /// The bundle that the verdict rests on, by itself or among the claims; of several, the digest of their
    /// digests.
    fn input(&self) -> Option<Digest> {
        let claimed = self.claims.iter().map(|claim| claim.evidence.bundle);
        let all: Vec<Digest> = self.bundles.iter().copied().chain(claimed).collect();
        match all.as_slice() {
            [] => None,
            [bundle] => Some(*bundle),
            several => {
                let bytes: Vec<u8> = several.iter().flat_map(|it| *it.as_bytes()).collect();
                Some(Digest::of(&bytes))
            }
        }
    }
}

impl Problem {
    fn finding(&self, place: &Place<'_>) -> Option<Finding> {
        let rule = rule(self.class)?;
        let at = |base: &PathText| match &self.path {
            Some(path) => base.join(path),
            None => base.clone(),
        };
        let location = Location {
            file: at(place.name),
            ..Location::default()
        };
        let told = match (&self.path, self.line) {
            (Some(_), _) => format!("this file {}", self.message),
            (None, Some(line)) => format!("line {line} of the claims: {}", self.message),
            (None, None) => self.message.clone(),
        };
        let anchor = self.line.map(|line| line.to_string()).unwrap_or_default();
        let path = at(place.path);
        let mut finding = Finding::new(&rule, place.asset, &path, location, &anchor, told);
        let digests = [("signed", &self.expected), ("found", &self.actual)];
        for (label, digest) in digests {
            if let Some(digest) = digest {
                finding = finding.with_evidence(label, digest.clone());
            }
        }
        Some(finding)
    }
}
