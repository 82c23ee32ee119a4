//! Roles and their bindings (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Language, Origin, Resource, Truth, World};

use super::{
    Because, Request,
    builtin::Given,
    powers::Power,
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
    pub(super) roles: Vec<Role>,
    pub(super) bindings: Vec<Binding>,
    /// The bindings of users who are no service accounts, and of groups that are not of them.
    of_users: BTreeMap<String, Vec<Bound>>,
    of_groups: HashMap<String, Vec<Bound>>,
    /// The bindings of those who are named, and of all in a namespace, and of everybody.
    of_accounts: HashMap<(String, String), Vec<Bound>>,
    of_namespaces: HashMap<String, Vec<Bound>>,
    of_all: Vec<Bound>,
}

/// The place of a binding, and whether it is about somebody.
pub(super) type Bound = (usize, Truth);

/// That a role is given to somebody.
#[derive(Debug)]
pub(super) struct Binding {
    /// `RoleBinding lab/notebook`.
    name: String,
    pub(super) role: usize,
    /// The namespace in which it holds; all of the cluster, where there is none.
    pub(super) namespace: Option<Arc<str>>,
    /// Whether it binds that role there.
    truth: Truth,
    pub(super) origin: Option<Origin>,
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
    pub(crate) rule: Arc<Rule>,
}

impl Held {
    /// The names of the objects that it is about; of all, where there are none.
    pub fn names(&self) -> &[String] {
        self.rule.names.known()
    }
}

impl Rbac {
    /// Those that the files declare; `others` are resources of kinds that have pods in the files.
    pub(crate) fn read(world: &World, others: Vec<String>, gaps: &mut Vec<Gap>) -> Self {
        let mut rbac = Self::default();
        let mut declared = Declared::read(world, others, gaps);
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
            origin: Some(object.body.origin.clone()),
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
            ("User", _) => self
                .of_users
                .entry(name)
                .or_default()
                .push((at, Truth::Yes)),
            ("Group", _) => self
                .of_groups
                .entry(name)
                .or_default()
                .push((at, Truth::Yes)),
            _ => {}
        }
    }

    fn account(&mut self, at: usize, namespace: &str, name: &str, truth: Truth) {
        let key = (namespace.to_owned(), name.to_owned());
        self.of_accounts.entry(key).or_default().push((at, truth));
    }

    /// The places of the bindings of a service account, each with whether it is about it; of those that give the
    /// same role in the same place, the surest.
    pub(super) fn bound(&self, namespace: &str, name: &str) -> Vec<Bound> {
        let key = (namespace.to_owned(), name.to_owned());
        let own = self.of_accounts.get(&key);
        let of_namespace = self.of_namespaces.get(namespace);
        self.surest(own.into_iter().chain(of_namespace).flatten())
    }

    /// The same of a user who is no service account.
    pub(super) fn bound_as(&self, user: Option<&str>, groups: &[&str]) -> Vec<Bound> {
        let own = user.and_then(|it| self.of_users.get(it));
        let groups = groups.iter().filter_map(|it| self.of_groups.get(*it));
        self.surest(own.into_iter().chain(groups).flatten())
    }

    fn surest<'b>(&'b self, all: impl Iterator<Item = &'b Bound>) -> Vec<Bound> {
        let mut bound: Vec<Bound> = Vec::new();
        let mut seen: HashMap<(usize, Option<&str>), usize> = HashMap::new();
        for (at, truth) in all.chain(&self.of_all) {
            let binding = &self.bindings[*at];
            let truth = truth.clone().and(|| binding.truth.clone());
            match seen.entry((binding.role, binding.namespace.as_deref())) {
                Entry::Vacant(entry) => {
                    entry.insert(bound.len());
                    bound.push((*at, truth));
                }
                Entry::Occupied(entry) if truth.is_yes() => bound[*entry.get()] = (*at, truth),
                Entry::Occupied(_) => {}
            }
        }
        bound
    }

    /// Adds that somebody is given something without a binding, and gives its place.
    pub(super) fn give(
        &mut self,
        name: &str,
        role: &str,
        given: &[Given],
        namespace: Option<Arc<str>>,
        origin: Option<&Origin>,
    ) -> usize {
        let role = Role::given(role.to_owned(), given);
        self.add(name, role, namespace, origin)
    }

    /// The same of something of which it is not known what it is.
    pub(super) fn give_unknown(&mut self, name: &str, why: &Arc<str>, origin: &Origin) -> usize {
        let role = Role::unknown("a policy".to_owned(), why, origin);
        self.add(name, role, None, Some(origin))
    }

    fn add(
        &mut self,
        name: &str,
        role: Role,
        namespace: Option<Arc<str>>,
        origin: Option<&Origin>,
    ) -> usize {
        self.roles.push(role);
        self.bindings.push(Binding {
            name: name.to_owned(),
            role: self.roles.len() - 1,
            namespace,
            truth: Truth::Yes,
            origin: origin.cloned(),
        });
        self.bindings.len() - 1
    }

    /// Users to whom something is bound who are no service accounts.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.of_users.keys().map(String::as_str)
    }

    /// Whether a service account may do something; in all namespaces, where none is said.
    pub(crate) fn may(&self, namespace: &str, name: &str, request: &Request<'_>) -> Truth {
        let bindings = self.bound(namespace, name).into_iter();
        Truth::any(bindings.map(|(at, truth)| {
            let binding = &self.bindings[at];
            let is_there = binding
                .namespace
                .as_deref()
                .is_none_or(|it| request.namespace == Some(it));
            let rules = &self.roles[binding.role].rules;
            let allows = || Truth::any(rules.iter().map(|it| it.allows(request)));
            truth.and(|| is_there.into()).and(allows)
        }))
    }
}

/// The rule that gives something, and the binding.
pub(super) fn because(role: &Role, rule: &Rule, binding: &Binding) -> Vec<Because> {
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
            origin: binding.origin.clone(),
        },
    ]
}

pub(super) fn objects<'a>(world: &'a World, kind: &str) -> impl Iterator<Item = &'a Resource> {
    let all = world.of_kind(kind);
    all.filter(|it| it.language == Language::Kubernetes)
}
