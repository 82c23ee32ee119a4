//! Roles and their bindings (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Language, Origin, Resource, Truth, World};

use super::{
    Because, Effect, Request,
    powers::{POWERS, Power, Right},
    role::{Declared, Role, Rule},
};
use crate::{
    Gap,
    cluster::{name_of, namespace_of},
    listed::listed,
};

/// Roles and whom they are bound to.
#[derive(Debug, Default)]
pub(crate) struct Rbac {
    roles: Vec<Role>,
    bindings: Vec<Binding>,
    /// The bindings of those who are named, and of all in a namespace, and of everybody.
    of_accounts: HashMap<(String, String), Vec<(usize, Truth)>>,
    of_namespaces: HashMap<String, Vec<(usize, Truth)>>,
    of_all: Vec<(usize, Truth)>,
}

/// That a role is given to somebody.
#[derive(Debug)]
struct Binding {
    /// `RoleBinding lab/notebook`.
    name: String,
    role: usize,
    /// The namespace in which it holds; all of the cluster, where there is none.
    namespace: Option<Arc<str>>,
    /// Whether it binds that role there.
    truth: Truth,
    origin: Origin,
}

/// A power that somebody has by a rule and a binding.
#[derive(Clone, Debug)]
pub struct Held {
    /// The power.
    pub power: &'static Power,
    /// The namespace in which it is held; all of the cluster, where there is none.
    pub namespace: Option<Arc<str>>,
    /// Whether it is held.
    pub truth: Truth,
    /// The rule that gives it, and the binding.
    pub because: Vec<Because>,
    pub(crate) rule: Rule,
}

impl Held {
    /// The names of the objects that it is about; of all, where there are none.
    pub fn names(&self) -> &[String] {
        self.rule.names.known()
    }
}

impl Rbac {
    pub(crate) fn read(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut rbac = Self::default();
        let mut declared = Declared::read(world, gaps);
        for kind in ["RoleBinding", "ClusterRoleBinding"] {
            for object in objects(world, kind) {
                rbac.bind(object, &mut declared, gaps);
            }
        }
        rbac
    }

    /// The service accounts that bindings name.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &(String, String)> {
        self.of_accounts.keys()
    }

    fn bind(&mut self, object: &Resource, declared: &mut Declared<'_>, gaps: &mut Vec<Gap>) {
        let name = name_of(object, gaps);
        let is_local = &*object.kind == "RoleBinding";
        let (namespace, is_there) = match is_local.then(|| namespace_of(object, gaps)) {
            Some(Fact::Known(namespace)) => (Some(Arc::from(namespace)), Truth::Yes),
            Some(Fact::Unknown(why)) => (None, Truth::Unknown(why)),
            Some(Fact::Absent) | None => (None, Truth::Yes),
        };
        let role = declared.role(object, namespace.as_deref(), &mut self.roles, gaps);
        let at = self.bindings.len();
        let place = namespace.as_deref().map(|it| format!("{it}/"));
        self.bindings.push(Binding {
            name: format!("{} {}{name}", object.kind, place.unwrap_or_default()),
            role,
            namespace: namespace.clone(),
            truth: is_there,
            origin: object.body.origin.clone(),
        });
        for subject in listed(&object.at("subjects")) {
            self.subject(at, &subject, namespace.as_deref(), gaps);
        }
    }

    fn subject(&mut self, at: usize, subject: &Cursor<'_>, own: Option<&str>, gaps: &mut Vec<Gap>) {
        let kind = subject.get("kind").text();
        let name = subject.get("name").text();
        let (Fact::Known(kind), Fact::Known(name)) = (kind, name) else {
            let why = Gap::tell(subject, "who is bound is not known", gaps);
            self.of_all.push((at, Truth::Unknown(why)));
            return;
        };
        let parts: Vec<&str> = name.split(':').collect();
        match (&*kind, &parts[..]) {
            ("ServiceAccount", _) => match (subject.get("namespace").text(), own) {
                (Fact::Known(namespace), _) => self.account(at, &namespace, &name, Truth::Yes),
                (Fact::Absent, Some(own)) => {
                    let message = "the namespace of the service account is not said";
                    let why = Gap::tell(subject, message, gaps);
                    self.account(at, own, &name, Truth::Unknown(why));
                }
                (Fact::Absent, None) | (Fact::Unknown(_), _) => {
                    let message = "the namespace of the service account is not known";
                    let why = Gap::tell(subject, message, gaps);
                    self.of_all.push((at, Truth::Unknown(why)));
                }
            },
            ("User", ["system", "serviceaccount", namespace, name]) => {
                self.account(at, namespace, name, Truth::Yes);
            }
            ("Group", ["system", "serviceaccounts", namespace]) => {
                let all = self.of_namespaces.entry((*namespace).to_owned());
                all.or_default().push((at, Truth::Yes));
            }
            // Who has a token need not show it.
            (
                "Group",
                [
                    "system",
                    "serviceaccounts" | "authenticated" | "unauthenticated",
                ],
            )
            | ("User", ["system", "anonymous"]) => self.of_all.push((at, Truth::Yes)),
            _ => {}
        }
    }

    fn account(&mut self, at: usize, namespace: &str, name: &str, truth: Truth) {
        let key = (namespace.to_owned(), name.to_owned());
        self.of_accounts.entry(key).or_default().push((at, truth));
    }

    /// The bindings of a service account, each with whether it is about it.
    fn bindings(&self, namespace: &str, name: &str) -> impl Iterator<Item = (&Binding, Truth)> {
        let own = self
            .of_accounts
            .get(&(namespace.to_owned(), name.to_owned()));
        let of_namespace = self.of_namespaces.get(namespace);
        let all = own.into_iter().chain(of_namespace).flatten();
        all.chain(&self.of_all).map(|(at, truth)| {
            let binding = &self.bindings[*at];
            (binding, truth.clone().and(|| binding.truth.clone()))
        })
    }

    /// Whether a service account may do something; in all namespaces, where none is said.
    pub(crate) fn may(&self, namespace: &str, name: &str, request: &Request<'_>) -> Truth {
        let bindings = self.bindings(namespace, name);
        Truth::any(bindings.map(|(binding, truth)| {
            let is_there = binding
                .namespace
                .as_deref()
                .is_none_or(|it| request.namespace == Some(it));
            let rules = &self.roles[binding.role].rules;
            let allows = || Truth::any(rules.iter().map(|it| it.allows(request)));
            truth.and(|| is_there.into()).and(allows)
        }))
    }

    /// The powers that a service account has, each once for a namespace and some names, as sure as it is.
    pub(crate) fn powers(&self, namespace: &str, name: &str) -> Vec<Held> {
        let bindings: Vec<(&Binding, Truth)> = self.bindings(namespace, name).collect();
        let mut held: Vec<Held> = Vec::new();
        // What is held of a whole namespace is not held twice, however many bindings give it.
        let mut whole = HashSet::new();
        for (binding, is_bound) in &bindings {
            let role = &self.roles[binding.role];
            for (power, at, truth) in &role.powers {
                let rule = &role.rules[*at];
                let key = (std::ptr::from_ref(*power), binding.namespace.clone());
                let is_nowhere = power.is_of_cluster && binding.namespace.is_some();
                if is_nowhere || whole.contains(&key) {
                    continue;
                }
                let also = power
                    .also
                    .iter()
                    .map(|rights| self.is_given(rights, binding, &bindings));
                let is_limited = || match (power.effect, rule.names.is_empty()) {
                    (Effect::Everything, false) => {
                        Truth::Unknown(format!("it is about {} alone", rule.names.shown()).into())
                    }
                    _ => Truth::Yes,
                };
                let truth = is_bound
                    .clone()
                    .and(|| truth.clone())
                    .and(|| Truth::all(also))
                    .and(is_limited);
                let is_whole = rule.names.is_empty() && power.effect != Effect::Changes;
                if truth.is_yes() && is_whole {
                    whole.insert(key);
                }
                if truth != Truth::No {
                    held.push(Held {
                        power,
                        namespace: binding.namespace.clone(),
                        truth,
                        because: because(role, rule, binding),
                        rule: rule.clone(),
                    });
                }
            }
        }
        // The widest first, and what is sure before what is not.
        let place = |it: &Held| POWERS.iter().position(|power| *power == *it.power);
        held.sort_by_key(|it| (place(it), it.namespace.clone(), !it.truth.is_yes()));
        held.dedup_by(|b, a| {
            let is_same = *a.power == *b.power && a.namespace == b.namespace;
            // What changes objects hangs on which of them the rule is about.
            let is_whole = a.power.effect != Effect::Changes || a.rule.is_alike(&b.rule);
            is_same && is_whole && (a.rule.names.is_empty() || a.rule.names == b.rule.names)
        });
        held
    }

    /// Whether some rule gives one of some rights where a binding holds.
    fn is_given(&self, rights: &[Right], at: &Binding, all: &[(&Binding, Truth)]) -> Truth {
        let holding = all
            .iter()
            .filter(|(it, _)| it.namespace.is_none() || it.namespace == at.namespace);
        Truth::any(holding.map(|(binding, truth)| {
            let rules = self.roles[binding.role].rules.iter();
            let gives = rules.map(|rule| {
                let is_limited = || match rule.names.is_empty() {
                    true => Truth::Yes,
                    false => {
                        Truth::Unknown(format!("it is about {} alone", rule.names.shown()).into())
                    }
                };
                rule.gives(rights).and(is_limited)
            });
            truth.clone().and(|| Truth::any(gives))
        }))
    }
}

fn because(role: &Role, rule: &Rule, binding: &Binding) -> Vec<Because> {
    let what = format!(
        "{} rules[{}] allows {} {}",
        role.name,
        rule.at,
        rule.verbs.shown(),
        rule.resources.shown()
    );
    let what = match rule.names.is_empty() {
        true => what,
        false => format!("{what} named {}", rule.names.shown()),
    };
    vec![
        Because {
            what,
            origin: rule.origin.clone(),
        },
        Because {
            what: format!("{} binds {}", binding.name, role.name),
            origin: Some(binding.origin.clone()),
        },
    ]
}

pub(super) fn objects<'a>(world: &'a World, kind: &str) -> impl Iterator<Item = &'a Resource> {
    let all = world.of_kind(kind);
    all.filter(|it| it.language == Language::Kubernetes)
}
