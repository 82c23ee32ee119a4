//! Service accounts, which selectors mean by their labels.

use std::collections::BTreeMap;

use casemate_posture::{Fact, Truth, World};

use super::clauses::Clause;
use crate::{
    Gap, Labels,
    cluster::{ACCOUNT_LABEL, NAME_LABEL, name_of, namespace_of},
    selector::Requirement,
};

/// The labels of those that are declared, by namespace and name.
pub(super) struct Accounts(BTreeMap<String, BTreeMap<String, Labels>>);

impl Accounts {
    pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut all: BTreeMap<String, BTreeMap<String, Labels>> = BTreeMap::new();
        let objects = world.of_kind("ServiceAccount");
        // Clouds have kinds of that name.
        for object in objects.filter(|it| it.at("apiVersion").equals("v1") != Truth::No) {
            // What is not known of it was told, where it matters to somebody.
            let Fact::Known(namespace) = namespace_of(object, &mut Vec::new()) else {
                continue;
            };
            let labels = Labels::read(&object.at("metadata.labels"), gaps);
            let name = name_of(object, &mut Vec::new());
            all.entry(namespace).or_default().insert(name, labels);
        }
        Self(all)
    }

    /// Whoever runs as one whose labels meet a requirement; what labels those have that are not declared is not known.
    pub(super) fn of(&self, requirement: &Requirement) -> Vec<Clause> {
        let is = |key: &str, name: &String| Requirement::In(key.to_owned(), vec![name.clone()]);
        let unknown = |why: &str| Requirement::Unknown(None, why.into());
        let mut clauses = Vec::new();
        for (namespace, accounts) in &self.0 {
            for (name, labels) in accounts {
                let mut own = vec![is(ACCOUNT_LABEL, name)];
                match requirement.holds(labels) {
                    Truth::No => continue,
                    Truth::Yes => {}
                    Truth::Unknown(why) => own.push(Requirement::Unknown(None, why)),
                }
                let namespace = vec![is(NAME_LABEL, namespace)];
                clauses.push(Clause { own, namespace });
            }
            let names = accounts.keys().cloned().collect();
            clauses.push(Clause {
                own: vec![
                    Requirement::NotIn(ACCOUNT_LABEL.to_owned(), names),
                    unknown(UNDECLARED),
                ],
                namespace: vec![is(NAME_LABEL, namespace)],
            });
        }
        let homes = self.0.keys().cloned().collect();
        clauses.push(Clause {
            own: vec![unknown(UNDECLARED)],
            namespace: vec![Requirement::NotIn(NAME_LABEL.to_owned(), homes)],
        });
        clauses
    }
}

const UNDECLARED: &str =
    "the labels of a service account that is not among the files are not known";
