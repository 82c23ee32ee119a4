//! Which powers accounts have, by the roles that are bound to them.
//!
//! Accounts with the same bindings have the same powers, which are found once. How much is looked at is bounded:
//! whoever has more may do anything, perhaps.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use casemate_posture::Truth;

use super::{
    Effect,
    powers::{POWERS, Power, Right, everything, is_of_cluster},
    rbac::{self, Binding, Held, Rbac, because},
    role::{Role, Rule},
};
use crate::Gap;

/// Finds powers.
pub(super) struct Powers<'a> {
    rbac: &'a Rbac,
    found: HashMap<Key, Arc<[Held]>>,
    /// Whether a role gives one of some rights, in a namespace alone or in the cluster.
    gives: HashMap<(usize, *const Right, bool), Truth>,
    work: usize,
    is_told: bool,
}

/// The places of bindings, each with why it is not sure.
type Key = Vec<(usize, Option<Arc<str>>)>;

/// A binding, and whether it is about the account.
type Bound<'a> = (&'a Binding, Truth);

impl<'a> Powers<'a> {
    pub(super) fn of(rbac: &'a Rbac) -> Self {
        Self {
            rbac,
            found: HashMap::new(),
            gives: HashMap::new(),
            work: 0,
            is_told: false,
        }
    }

    /// Those of a service account, each once for a namespace and some names, as sure as it is.
    pub(super) fn held(&mut self, account: (&str, &str), gaps: &mut Vec<Gap>) -> Arc<[Held]> {
        self.given(self.rbac.bound(account.0, account.1), gaps)
    }

    /// Those that bindings give.
    pub(super) fn given(&mut self, bound: Vec<rbac::Bound>, gaps: &mut Vec<Gap>) -> Arc<[Held]> {
        let key = bound.iter().map(|(at, truth)| match truth {
            Truth::Unknown(why) => (*at, Some(why.clone())),
            Truth::Yes | Truth::No => (*at, None),
        });
        let key: Key = key.collect();
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let bound: Vec<Bound<'a>> = bound
            .into_iter()
            .map(|(at, truth)| (&self.rbac.bindings[at], truth))
            .collect();
        let held = match (self.find(&bound), bound.first()) {
            (Some(held), _) => held,
            (None, None) => Vec::new(),
            (None, Some((binding, _))) => {
                if let Some(origin) = &binding.origin
                    && !std::mem::replace(&mut self.is_told, true)
                {
                    gaps.push(Gap {
                        origin: origin.clone(),
                        message: TOO_MUCH.to_owned(),
                    });
                }
                vec![anything(binding)]
            }
        };
        let held: Arc<[Held]> = held.into();
        self.found.insert(key, held.clone());
        held
    }

    /// Nothing where there is too much to look at.
    fn find(&mut self, bound: &[Bound<'a>]) -> Option<Vec<Held>> {
        let mut held: Vec<(Held, &Role, &Binding)> = Vec::new();
        // What is held of a whole namespace is not held twice, however many bindings give it.
        let mut whole = HashSet::new();
        for (binding, is_bound) in bound {
            let role = &self.rbac.roles[binding.role];
            for (power, at, truth) in &role.powers {
                let rule = &role.rules[*at];
                for namespace in self.places(power, binding, bound)? {
                    let key = (std::ptr::from_ref(*power), namespace.clone());
                    if whole.contains(&key) {
                        continue;
                    }
                    let is_sure = is_bound.clone().and(|| truth.clone());
                    let is_sure = is_sure.and(|| self.has_all(power, namespace.as_ref(), bound));
                    let is_sure = is_sure.and(|| is_limited(power, rule));
                    let is_sure = is_sure.and(|| self.is_own(power, namespace.as_ref(), bound));
                    if is_sure == Truth::No {
                        continue;
                    }
                    let is_whole = rule.names.is_empty() && power.effect != Effect::Changes;
                    if is_sure.is_yes() && is_whole {
                        whole.insert(key);
                    }
                    let one = Held {
                        power,
                        namespace,
                        truth: is_sure,
                        because: Vec::new(),
                        rule: rule.clone(),
                    };
                    held.push((one, role, binding));
                }
            }
        }
        // The widest first, and what is sure before what is not.
        let place = |it: &Held| POWERS.iter().position(|power| *power == *it.power);
        let place = |it: &Held| place(it).unwrap_or(POWERS.len());
        held.sort_by_key(|(it, ..)| (place(it), it.namespace.clone(), !it.truth.is_yes()));
        held.dedup_by(|(b, ..), (a, ..)| {
            let is_same = *a.power == *b.power && a.namespace == b.namespace;
            // What changes objects hangs on which of them the rule is about.
            let is_whole = a.power.effect != Effect::Changes || a.rule.is_alike(&b.rule);
            is_same && is_whole && (a.rule.names.is_empty() || a.rule.names == b.rule.names)
        });
        // Most of them are gone now, so that what says so is put together for the others alone.
        let held = held.into_iter().map(|(it, role, binding)| Held {
            because: because(role, &it.rule, binding),
            ..it
        });
        Some(held.collect())
    }

    /// The namespaces in which a binding may give a power; none stands for the cluster. One half of it may be
    /// bound in the cluster and the other in a namespace. Nothing where there is too much to look at.
    fn places(
        &mut self,
        power: &Power,
        binding: &Binding,
        bound: &[Bound<'a>],
    ) -> Option<Vec<Option<Arc<str>>>> {
        let is_joined = !power.also.is_empty();
        self.work += if is_joined { bound.len() + 1 } else { 1 };
        if self.work > MAX_WORK {
            return None;
        }
        let mut places = vec![binding.namespace.clone()];
        if power.is_of_cluster && binding.namespace.is_some() {
            places.clear();
        } else if is_joined && binding.namespace.is_none() && !power.is_of_cluster {
            let mut seen = HashSet::new();
            let others = bound.iter().filter_map(|(it, _)| it.namespace.as_ref());
            places.extend(others.filter(|it| seen.insert(*it)).cloned().map(Some));
            self.work += places.len().saturating_mul(bound.len());
        }
        Some(places)
    }

    /// Whether some rule gives one of each list of rights that a power needs as well.
    fn has_all(&mut self, power: &Power, place: Option<&Arc<str>>, bound: &[Bound<'a>]) -> Truth {
        let mut all = Truth::Yes;
        for rights in power.also {
            all = all.and(|| {
                // What is in the cluster may need something that is in some namespace.
                let holds = |it: &Binding| {
                    power.is_of_cluster || it.namespace.is_none() || it.namespace.as_ref() == place
                };
                let holding = bound.iter().filter(|(it, _)| holds(it));
                Truth::any(
                    holding
                        .map(|(binding, truth)| truth.clone().and(|| self.gives(binding, rights))),
                )
            });
        }
        all
    }

    fn gives(&mut self, binding: &Binding, rights: &'static [Right]) -> Truth {
        let is_local = binding.namespace.is_some();
        let role = &self.rbac.roles[binding.role];
        let is_given = || {
            Truth::any(role.rules.iter().map(|rule| {
                let is_meant = |it: &str| !is_of_cluster(it);
                let gives = match is_local {
                    true => rule.gives_where(rights, is_meant),
                    false => rule.gives(rights),
                };
                gives.and(|| limits(rule))
            }))
        };
        let key = (binding.role, rights.as_ptr(), is_local);
        self.gives.entry(key).or_insert_with(is_given).clone()
    }

    /// Who changes Roles gets what is in them by one that is bound to itself.
    fn is_own(&self, power: &Power, place: Option<&Arc<str>>, bound: &[Bound<'a>]) -> Truth {
        if power.name != "escalate Roles" {
            return Truth::Yes;
        }
        let is_own = |(it, truth): &Bound<'a>| {
            let is_there = place.is_none_or(|place| it.namespace.as_ref() == Some(place));
            truth.is_yes() && is_there && self.rbac.roles[it.role].is_local
        };
        match place.is_some() && bound.iter().any(is_own) {
            true => Truth::Yes,
            false => Truth::Unknown("it is bound to no Role there that it could change".into()),
        }
    }
}

/// Powers over everything are about some objects alone, where the rule is.
fn is_limited(power: &Power, rule: &Rule) -> Truth {
    match power.effect {
        Effect::Everything => limits(rule),
        _ => Truth::Yes,
    }
}

fn limits(rule: &Rule) -> Truth {
    match rule.names.is_empty() {
        true => Truth::Yes,
        false => Truth::Unknown(format!("it is about {} alone", rule.names.shown()).into()),
    }
}

/// Everything, perhaps.
fn anything(binding: &Binding) -> Held {
    Held {
        power: everything(),
        namespace: None,
        truth: Truth::Unknown(TOO_MUCH.into()),
        because: Vec::new(),
        rule: Arc::new(Rule::unknown(&TOO_MUCH.into(), binding.origin.as_ref())),
    }
}

const TOO_MUCH: &str = "more is bound to accounts than is looked at: what they may do is not known";

/// Powers of roles, each for each account that has them, and bindings that are asked for what else they need.
const MAX_WORK: usize = 1 << 20;
