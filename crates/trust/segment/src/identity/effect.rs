//! What follows from a power.

use std::{collections::HashSet, sync::Arc};

use casemate_posture::Truth;

use super::{
    Request,
    powers::{Effect, Power, plural},
    rbac::Held,
    search::{Drawn, Fact, Search, Why},
};
use crate::Workload;

impl<'a> Search<'a> {
    pub(super) fn powers(&mut self, fact: Fact, account: usize) {
        let accounts = &self.identities.accounts;
        for held in accounts[account].powers.iter() {
            self.power(fact, held);
        }
    }

    pub(super) fn power(&mut self, account: Fact, held: &'a Held) {
        let is_whole = held.rule.names.is_empty() && held.power.effect != Effect::Changes;
        let drawn = Drawn {
            effect: held.power.effect,
            namespace: held.namespace.as_deref(),
            is_sure: held.truth.is_yes(),
            power: (!is_whole).then_some((held.power.name, Arc::as_ptr(&held.rule))),
        };
        if !self.drawn.insert(drawn) {
            return;
        }
        let from = [account, Fact::Server];
        let why = Why::Power(held);
        let truth = &held.truth;
        let identities = self.identities;
        let workloads = self.analysis.cluster().workloads.len();
        self.work += identities.accounts.len() + identities.secrets.len() + workloads;
        if self.work > MAX_WORK {
            self.notes.insert(TOO_MUCH.into());
            return;
        }
        self.note(held);
        match held.power.effect {
            Effect::Pods => {
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_pod(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                }
            }
            Effect::Changes => {
                let mut changed = HashSet::new();
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_changed(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                    // One of a namespace is enough.
                    let key = (workload.namespace.clone(), truth.is_yes());
                    if truth != Truth::No && changed.insert(key) {
                        self.creates(held, Some(&workload.namespace), &from, &truth);
                    }
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
                    // A user that is called as an account is not that account.
                    let of_users = held.power.is_of_cluster;
                    let is_it = |it: &str| {
                        if of_users {
                            it == user
                        } else {
                            it == account.name
                        }
                    };
                    let truth = truth.clone().and(|| named(held, is_it));
                    let fact = if is_full {
                        Fact::Account(at)
                    } else {
                        Fact::Token(at)
                    };
                    self.reach(fact, why, &from, &truth);
                }
            }
            Effect::Tokens => {
                for (at, account) in self.identities.accounts.iter().enumerate() {
                    if is_within(held, &account.namespace) {
                        self.reach(Fact::Token(at), why, &from, truth);
                    }
                }
            }
            Effect::Walls => {
                let opened = truth.clone().and(|| Truth::Unknown(OPENED.into()));
                for (at, _) in self.workloads(held) {
                    self.reach(Fact::At(at), why, &from, &opened);
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

    /// What a power may come to beside what is in the files, in every cluster alike.
    fn note(&mut self, held: &Held) {
        let is_there = |it: &str| is_within(held, it);
        let makes_pods = matches!(
            held.power.effect,
            Effect::Creates | Effect::Changes | Effect::Everything
        );
        let mut note = |what: &str| {
            self.notes.insert(what.into());
        };
        if makes_pods {
            note(OF_PODS);
        }
        if held.power.effect == Effect::Walls {
            note(OF_WALLS);
        }
        let takes = makes_pods || matches!(held.power.effect, Effect::Accounts | Effect::Tokens);
        if takes && is_there("kube-system") {
            note(OF_CONTROLLERS);
        }
        if held.power.effect == Effect::Impersonates
            && held.power.is_of_cluster
            && self
                .identities
                .users()
                .any(|it| named(held, |name| name == it) != Truth::No)
        {
            note(OF_USERS);
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

/// Powers, each held against what there is.
const MAX_WORK: usize = 1 << 25;
const TOO_MUCH: &str = "there are more powers than are followed";
const OF_PODS: &str = "who may make or change pods may give them labels that policies let pass, and reach their node and all that is on it, unless admission forbids it";
const OPENED: &str =
    "what else holds connections back, once it changes what its rights are about, is not known";
const OF_WALLS: &str =
    "who may change policies, or labels of namespaces, may let pass what policies hold back";
const OF_CONTROLLERS: &str =
    "who may become accounts of kube-system may become the controllers of the cluster";
const OF_USERS: &str = "who may impersonate users may do what is bound to them";

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
    let plural = plural(&workload.kind);
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
