//! Manifests against constraints, before anything is applied.

use std::fmt;

use casemate_core::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    Action, Constraints, Inventory, NotEvaluated, Place, Point, Resource, Review, Violation,
    object::{self, Meta},
};
use crate::engine::Message;

/// What the constraints of a policy say of manifests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ConstraintReport {
    /// How many templates there are.
    pub templates: usize,
    /// How many constraints there are.
    pub constraints: usize,
    /// How many objects were judged.
    pub objects: usize,
    /// What there is against them, in the order of the objects.
    pub violations: Vec<ObjectViolation>,
    /// What is meant for an object and is none. It is denied: nobody knows what would be made of it.
    pub malformed: Vec<Malformed>,
    /// Documents that no constraint is for, because they do not say that they are objects.
    pub others: Vec<Place>,
    /// What is part of the policy and had no part in this.
    pub not_evaluated: Vec<NotEvaluated>,
}

/// What one constraint has against one object.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ObjectViolation {
    /// Which object.
    pub object: ObjectName,
    /// Against what.
    #[serde(flatten)]
    pub violation: Violation,
}

/// An object, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// The namespace that it says it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name, and what it begins with where the name is made up for it.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
}

/// What is no object, and meant for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Malformed {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

impl ConstraintReport {
    /// Judges `resources`. All of them, and what `inventory` has already, are what else there is: a
    /// constraint that selects by the labels of a namespace finds it there, and templates find
    /// `data.inventory`. `now` is what `time.now_ns()` answers.
    pub fn of(
        constraints: &Constraints,
        resources: &[Resource],
        mut inventory: Inventory,
        now: Timestamp,
    ) -> Self {
        let mut report = Self {
            templates: constraints.templates(),
            constraints: constraints.constraints(),
            not_evaluated: constraints.not_evaluated().to_vec(),
            ..Self::default()
        };
        let mut judged = Vec::new();
        for resource in resources {
            if !object::is_meant(&resource.value) {
                report.others.push(resource.place());
                continue;
            }
            let read = Meta::of(&resource.value)
                .and_then(|meta| inventory.insert(&resource.value).map(|()| meta));
            match read {
                Ok(meta) => judged.push((resource, meta)),
                Err(reason) => report.malformed.push(Malformed {
                    place: resource.place(),
                    reason,
                }),
            }
        }
        // The one namespace that every cluster has.
        if inventory.namespace("default").is_none() {
            let default = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": "default", "labels": {"kubernetes.io/metadata.name": "default"},
            }});
            inventory.assume(&default);
        }
        for (resource, meta) in judged {
            report.objects += 1;
            match review(resource, &meta, &inventory) {
                Ok(review) => {
                    let violations = constraints.review(&review, &inventory, Point::Shift, now);
                    let object = ObjectName::of(&meta, resource);
                    report
                        .violations
                        .extend(violations.into_iter().map(|violation| ObjectViolation {
                            object: object.clone(),
                            violation,
                        }));
                }
                Err(reason) => report.malformed.push(Malformed {
                    place: resource.place(),
                    reason,
                }),
            }
        }
        report
    }

    /// Whether nothing is denied.
    pub fn is_success(&self) -> bool {
        self.failures() == 0
    }

    /// How much is denied.
    pub fn failures(&self) -> usize {
        self.count(|action| action == Action::Deny) + self.malformed.len()
    }

    /// How much is told of and not denied.
    pub fn warnings(&self) -> usize {
        self.count(|action| action != Action::Deny)
    }

    fn count(&self, is: impl Fn(Action) -> bool) -> usize {
        let actions = self.violations.iter().map(|it| it.violation.action);
        actions.filter(|action| is(*action)).count()
    }
}

fn review(resource: &Resource, meta: &Meta, inventory: &Inventory) -> Result<Review, String> {
    let review = Review::of_object(&resource.value).map_err(|error| error.to_string())?;
    let namespace = meta
        .namespace
        .as_deref()
        .and_then(|name| inventory.namespace(name));
    match namespace {
        Some(namespace) => review
            .in_namespace(namespace)
            .map_err(|error| error.to_string()),
        None => Ok(review),
    }
}

impl ObjectName {
    fn of(meta: &Meta, resource: &Resource) -> Self {
        let line = |text: &str| Message::new(text).to_string();
        let name = match (&meta.generate_name, meta.name.as_str()) {
            (Some(prefix), "") => format!("{prefix}*"),
            (_, name) => name.to_owned(),
        };
        Self {
            api_version: line(&meta.api_version()),
            kind: line(&meta.kind),
            namespace: meta.namespace.as_deref().map(line),
            name: line(&name),
            place: resource.place(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Display for ConstraintReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for malformed in &self.malformed {
            let reason = Message::new(&malformed.reason);
            writeln!(f, "FAIL - {} - no object: {reason}", malformed.place)?;
        }
        for ObjectViolation { object, violation } in &self.violations {
            let (word, behind) = match violation.action {
                Action::Deny => ("FAIL", ""),
                Action::Warn => ("WARN", ""),
                Action::Dryrun => ("WARN", " (dryrun)"),
            };
            let (kind, name) = (&violation.kind, &violation.name);
            let message = Message::new(&violation.message);
            writeln!(
                f,
                "{word} - {} - {kind}/{name}{behind} - {object}: {message}",
                object.place
            )?;
        }
        for place in &self.others {
            writeln!(
                f,
                "NOTE - {place} - no object of Kubernetes: no constraint is for it"
            )?;
        }
        for one in &self.not_evaluated {
            let (kind, name, reason) = (&one.kind, &one.name, &one.reason);
            writeln!(
                f,
                "NOTE - {} - {kind}/{name} is not evaluated: {reason}",
                one.place
            )?;
        }
        writeln!(
            f,
            "{} objects, {} constraints, {} failures, {} warnings",
            self.objects,
            self.constraints,
            self.failures(),
            self.warnings()
        )
    }
}
