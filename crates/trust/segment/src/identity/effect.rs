//! What follows from a power.

use std::sync::Arc;

use casemate_posture::Truth;

use super::{
    Request,
    powers::{Effect, Power},
    rbac::Held,
    search::{Drawn, Fact, Search, Why},
};
use crate::Workload;

impl<'a> Search<'a> {
    pub(super) fn powers(&mut self, fact: Fact, account: usize) {
        let accounts = &self.identities.accounts;
        for held in &accounts[account].powers {
            self.power(fact, held);
        }
    }

    fn power(&mut self, account: Fact, held: &'a Held) {
        let is_whole = held.rule.names.is_empty() && held.power.effect != Effect::Changes;
        let drawn = Drawn {
            effect: held.power.effect,
            namespace: held.namespace.as_deref(),
            is_sure: held.truth.is_yes(),
            rule: held
                .because
                .first()
                .filter(|_| !is_whole)
                .map(|it| &*it.what),
        };
        if !self.drawn.insert(drawn) {
            return;
        }
        let from = [account, Fact::Server];
        let why = Why::Power(held);
        let truth = &held.truth;
        match held.power.effect {
            Effect::Pods => {
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_pod(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                }
            }
            Effect::Changes => {
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_changed(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                    self.creates(held, Some(&workload.namespace), &from, &truth);
                }
            }
            Effect::Creates => self.creates(held, held.namespace.as_ref(), &from, truth),
            Effect::Everything => {
                self.creates(held, held.namespace.as_ref(), &from, truth);
                for (at, _) in self.workloads(held) {
                    self.reach(Fact::At(at), why, &from, truth);
                }
            }
            Effect::Accounts | Effect::Impersonates => {
                let is_full = held.power.effect == Effect::Accounts;
                for (at, account) in self.identities.accounts.iter().enumerate() {
                    if !is_within(held, &account.namespace) {
                        continue;
                    }
                    let user = format!(
                        "system:serviceaccount:{}:{}",
                        account.namespace, account.name
                    );
                    let truth = truth
                        .clone()
                        .and(|| named(held, |it| it == account.name || it == user));
                    let fact = if is_full {
                        Fact::Account(at)
                    } else {
                        Fact::Token(at)
                    };
                    self.reach(fact, why, &from, &truth);
                }
            }
            Effect::Secrets => {
                for (at, secret) in self.identities.secrets.iter().enumerate() {
                    if is_within(held, &secret.namespace) {
                        let truth = truth.clone().and(|| named(held, |it| it == secret.name));
                        self.reach(Fact::Secret(at), why, &from, &truth);
                    }
                }
            }
        }
    }

    /// A pod of one's own in a namespace: it runs as any account of it, with any Secret.
    fn creates(
        &mut self,
        held: &'a Held,
        namespace: Option<&Arc<str>>,
        from: &[Fact],
        truth: &Truth,
    ) {
        let is_there = |it: &str| namespace.is_none_or(|namespace| **namespace == *it);
        let why = Why::Power(held);
        for (at, account) in self.identities.accounts.iter().enumerate() {
            if is_there(&account.namespace) {
                self.reach(Fact::Account(at), why, from, truth);
            }
        }
        for (at, secret) in self.identities.secrets.iter().enumerate() {
            if is_there(&secret.namespace) {
                self.reach(Fact::Secret(at), why, from, truth);
            }
        }
        for (at, workload) in self.analysis.cluster().workloads.iter().enumerate() {
            if is_there(&workload.namespace) {
                self.reach(Fact::Like(at), why, from, truth);
            }
        }
    }

    /// The workloads of the namespaces in which a power is held.
    fn workloads(&self, held: &'a Held) -> Vec<(usize, &'a Workload)> {
        let all = self.analysis.cluster().workloads.iter().enumerate();
        all.filter(|(_, it)| is_within(held, &it.namespace))
            .collect()
    }
}

/// Whether a power is held in a namespace.
fn is_within(held: &Held, namespace: &str) -> bool {
    held.namespace.as_deref().is_none_or(|it| it == namespace)
}

/// Whether a power is about an object of which `is_it` holds by its name.
fn named(held: &Held, is_it: impl Fn(&str) -> bool) -> Truth {
    match held.rule.names.is_empty() {
        true => Truth::Yes,
        false => held.rule.names.any(is_it),
    }
}

/// Whether a power is about pods of a workload: what it is about are names of pods, or of nodes.
fn is_pod(held: &Held, workload: &Workload) -> Truth {
    let names = &held.rule.names;
    if names.is_empty() {
        return Truth::Yes;
    }
    if held.power.is_of_cluster {
        return Truth::Unknown("on which of the nodes it runs is not known".into());
    }
    let own = |it: &str| it == workload.name && workload.kind == "Pod";
    let numbered = |it: &str| {
        let rest = it
            .strip_prefix(&workload.name)
            .and_then(|it| it.strip_prefix('-'));
        rest.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
            && workload.kind == "StatefulSet"
    };
    let made = |it: &str| {
        let rest = it
            .strip_prefix(&workload.name)
            .is_some_and(|it| it.starts_with('-'));
        rest && workload.kind != "Pod"
    };
    names
        .any(|it| own(it) || numbered(it))
        .or(|| match names.any(made) {
            Truth::Yes => Truth::Unknown(
                "whether the pod that it names is of the workload is not known".into(),
            ),
            other => other,
        })
}

/// Whether a power that is about objects is about this one, by its kind and name.
fn is_changed(held: &Held, workload: &Workload) -> Truth {
    let plural = format!("{}s", workload.kind.to_ascii_lowercase());
    let Power { rights, .. } = held.power;
    let is_of = rights
        .iter()
        .filter(|it| it.resources.contains(&plural.as_str()));
    let gives = is_of.flat_map(|it| it.verbs.iter().map(|verb| (*verb, it.group)));
    Truth::any(gives.map(|(verb, group)| {
        held.rule.allows(&Request {
            verb,
            group,
            resource: &plural,
            name: Some(&workload.name),
            namespace: None,
        })
    }))
}
