//! What the gate is asked about a request: what checks say of its object, what is said of what that names, and what else there is
//! against it.

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{
    Asset, AssetId, AssetKind, Digest, Outcome, PathText, Status, Subject, Timestamp,
};
use casemate_policy::{
    GateInput, Question, check,
    gatekeeper::{self, Point},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Value, json};

use super::{Judge, unchanged::Before};
use crate::{
    exempt::Exemption,
    review::{Operation, Request, Review},
    settings::Unchanged,
    vouch::{self, Reference},
};

impl Judge {
    /// What the gate is asked, and the exemptions by which something in it does not count.
    pub(super) fn input<'e>(
        &self,
        review: &Review,
        exemptions: &[&'e Exemption],
        now: Timestamp,
    ) -> (GateInput, Vec<&'e Exemption>) {
        let request = &review.request;
        let asset = request.asset(&self.settings.cluster);
        let mut input = GateInput::new("admission", asset, now);
        input.action = request.operation.as_str().to_ascii_lowercase();
        if !request.user.is_empty() {
            input.principal = Some(AssetId::Principal {
                issuer: self.settings.cluster.clone(),
                name: request.user.clone(),
            });
        }
        let outcome = self.outcome(review, exemptions, now);
        let covers = |it: &Exemption| {
            let mut findings = outcome.iter().flat_map(|outcome| &outcome.findings);
            findings.any(|finding| it.covers(finding))
        };
        let covering = exemptions.iter().copied().filter(|it| covers(it)).collect();
        input = input.with_outcomes(&outcome);
        input.evidence = self.evidence(review);
        let mut rest = review.document["request"].clone();
        for (member, name) in [("oldObject", "old"), ("object", "object")] {
            let object = rest.as_object_mut().and_then(|it| it.remove(member));
            if let Some(object) = object.filter(|it| !it.is_null()) {
                let is_gone = request.operation == Operation::Delete;
                let name = if is_gone { "object" } else { name };
                input.context.insert(name.to_owned(), object);
            }
        }
        input.context.insert("request".to_owned(), rest);
        let violations = self.violations(review, now);
        input
            .context
            .insert("violations".to_owned(), violations.into());
        (input, covering)
    }

    /// What the checks say of the object. Of what goes, of a way to it, and of its status there is nothing to say: what is
    /// declared is judged when it is declared.
    fn outcome(
        &self,
        review: &Review,
        exemptions: &[&Exemption],
        now: Timestamp,
    ) -> Option<Outcome> {
        let request = &review.request;
        let object = declared_by(review)?;
        let mut outcome = self.survey_of(request, object, now);
        if let Some(old) = review.old_object().filter(|old| self.keeps(old)) {
            let before = self.survey_of(request, old, now).findings;
            let before = Before::new(&before, old);
            for finding in &mut outcome.findings {
                finding.unchanged = before.has(finding, object);
            }
        }
        for finding in &mut outcome.findings {
            let covering = exemptions.iter().find(|it| it.covers(finding));
            finding.suppression = covering.map(|it| it.suppression());
        }
        Some(outcome)
    }

    /// Whether what an object had before does not count: by choice, and where it is about to go. Its finalisers are removed by
    /// updates, and who denies those keeps it for ever.
    fn keeps(&self, old: &Value) -> bool {
        let goes = old
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|it| !it.is_null());
        goes || self.settings.unchanged == Unchanged::Allow
    }

    fn survey_of(&self, request: &Request, object: &Value, now: Timestamp) -> Outcome {
        let text = serde_json::to_string(&Declared(object)).expect("JSON stays JSON");
        let told = request.told();
        let subject = Subject {
            asset: Asset {
                id: request.asset(&self.settings.cluster),
                kind: AssetKind::Kubernetes,
                name: told.clone(),
                labels: BTreeMap::new(),
            },
            file: PathText::from_text(&told),
            path: "object.json".into(),
            digest: Digest::of(text.as_bytes()),
        };
        self.survey.judge_object(&subject, &text, now)
    }

    /// What is found in an object: the rule, and where.
    pub(super) fn findings(
        &self,
        request: &Request,
        object: &Value,
        now: Timestamp,
    ) -> BTreeSet<(String, String)> {
        let outcome = self.survey_of(request, object, now);
        let unread = (outcome.result == Status::Undetermined).then(|| outcome.reason.clone());
        let unread = unread
            .flatten()
            .map(|why| ("what is not known".to_owned(), why));
        let found = outcome.findings.iter();
        let found = found.map(|it| (it.rule.to_string(), it.fingerprint.to_string()));
        found.chain(unread).collect()
    }

    /// What constraints and the caller's packages have against the request.
    fn violations(&self, review: &Review, now: Timestamp) -> Vec<Value> {
        let mut violations = Vec::new();
        let mut tell = |policy: &str, action: &str, message: &str| {
            violations.push(json!({"policy": policy, "action": action, "message": message}));
        };
        if let Some(constraints) = &self.constraints {
            match self.put(review) {
                Ok(put) => {
                    let found = constraints.review(&put, &self.inventory, Point::Admission, now);
                    for one in found {
                        let action = match one.action {
                            gatekeeper::Action::Deny => "deny",
                            gatekeeper::Action::Warn => "warn",
                            gatekeeper::Action::Dryrun => "dryrun",
                        };
                        tell(&format!("{} {}", one.kind, one.name), action, &one.message);
                    }
                }
                Err(why) => tell("constraints", "deny", &why),
            }
        }
        for why in self.unsigned(review) {
            tell("signed", "deny", &why);
        }
        let question = Question {
            input: &review.document,
            now,
        };
        for package in &self.packages {
            match check(&self.bundle, package, "request", &question) {
                Ok(said) => {
                    for reason in &said.failures {
                        tell(package, "deny", &reason.message);
                    }
                    for reason in &said.warnings {
                        tell(package, "warn", &reason.message);
                    }
                }
                Err(none) => tell(package, "deny", &none.to_string()),
            }
        }
        violations
    }

    /// What people who are trusted said of the images and models that the object names.
    fn evidence(&self, review: &Review) -> Vec<Value> {
        let mut evidence: Vec<Value> = Vec::new();
        let references = review.object().map(Reference::of).unwrap_or_default();
        for digest in references.iter().filter_map(Reference::digest) {
            for said in self.vouch.said_of(&digest) {
                if !evidence.contains(&said) {
                    evidence.push(said);
                }
            }
        }
        evidence
    }

    /// What has to be signed, and is not.
    fn unsigned(&self, review: &Review) -> Vec<String> {
        let signatures = &self.settings.signatures;
        let Some(object) = declared_by(review).filter(|_| !self.signed.is_empty()) else {
            return Vec::new();
        };
        let old = review.old_object().filter(|old| self.keeps(old));
        let before = old.map(Reference::of).unwrap_or_default();
        let references = Reference::of(object)
            .into_iter()
            .filter(|it| !before.contains(it));
        let against = |it| vouch::against(&it, &self.signed, signatures, &*self.vouch);
        let stored_before = old.map(vouch::stored).unwrap_or_default();
        let stored = vouch::stored(object)
            .into_iter()
            .filter(|it| !stored_before.contains(it));
        let stored =
            stored.map(|it| format!("{it} is not named by a digest, and nobody can vouch for it"));
        references.filter_map(against).chain(stored).collect()
    }

    /// The request as constraints are asked, in its namespace where that is known.
    fn put(&self, review: &Review) -> Result<gatekeeper::Review, String> {
        let put = gatekeeper::Review::of_request(&review.document["request"]);
        let put = put.map_err(|error| error.to_string())?;
        match self.inventory.namespace(&review.request.namespace) {
            Some(namespace) => put
                .in_namespace(namespace)
                .map_err(|error| error.to_string()),
            None => Ok(put),
        }
    }
}

/// The object that the request declares: one that is kept, and not its status alone.
fn declared_by(review: &Review) -> Option<&Value> {
    let request = &review.request;
    let is_kept = matches!(request.operation, Operation::Create | Operation::Update);
    review
        .object()
        .filter(|_| is_kept && request.subresource != "status")
}

/// The object as somebody declares it: its status and the history of its fields are the server's.
pub(super) struct Declared<'a>(pub(super) &'a Value);

impl Serialize for Declared<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(fields) = self.0 else {
            return self.0.serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in fields.iter().filter(|(key, _)| *key != "status") {
            match (key.as_str(), value) {
                ("metadata", Value::Object(metadata)) => {
                    let kept = metadata.iter().filter(|(key, _)| *key != "managedFields");
                    map.serialize_entry(key, &kept.collect::<BTreeMap<_, _>>())?;
                }
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}
