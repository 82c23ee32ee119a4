//! Roles and their bindings (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Language, Origin, Resource, Truth, World};

use super::{
    Because, Request,
    builtin::{self, Given},
    powers::{POWERS, Power, Right, everything},
    words::Words,
};
use crate::{
    Gap, Labels,
    cluster::{name_of, namespace_of},
    listed::{is_there, listed},
    selector::Selector,
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

/// A role of which something is bound.
#[derive(Debug)]
struct Role {
    /// `ClusterRole view`, `Role lab/notebook`.
    name: String,
    rules: Vec<Rule>,
    /// What its rules are, each with the place of the rule.
    powers: Vec<(&'static Power, usize, Truth)>,
}

/// A rule of a role.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    verbs: Words,
    groups: Words,
    resources: Words,
    /// The names of the objects that it is about; all, where there are none.
    pub(crate) names: Words,
    /// Where it stands; that of a role of Kubernetes' own stands nowhere.
    origin: Option<Origin>,
    /// Which of its role.
    at: usize,
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

impl Rule {
    fn read(cursor: &Cursor<'_>, at: usize) -> Self {
        let words = |key: &str| Words::read(&cursor.get(key));
        Self {
            verbs: words("verbs"),
            groups: words("apiGroups"),
            resources: words("resources"),
            names: words("resourceNames"),
            origin: Some(cursor.origin().clone()),
            at,
        }
    }

    fn given((verbs, groups, resources): &Given, at: usize) -> Self {
        Self {
            verbs: Words::of(verbs),
            groups: Words::of(groups),
            resources: Words::of(resources),
            names: Words::default(),
            origin: None,
            at,
        }
    }

    /// One of which nothing is known.
    fn unknown(why: &Arc<str>, origin: &Origin) -> Self {
        let words = || Words::unknown(why.clone());
        Self {
            verbs: words(),
            groups: words(),
            resources: words(),
            names: Words::default(),
            origin: Some(origin.clone()),
            at: 0,
        }
    }

    /// Whether it has a verb on a resource, of whatever name.
    fn has(&self, verb: &str, group: &str, resource: &str) -> Truth {
        let is_of = |rule: &str| rule == "*" || rule == resource || is_subresource(rule, resource);
        self.verbs
            .any(|it| it == "*" || it == verb)
            .and(|| self.groups.any(|it| it == "*" || it == group))
            .and(|| self.resources.any(is_of))
    }

    /// Whether it allows what is asked.
    pub(crate) fn allows(&self, request: &Request<'_>) -> Truth {
        let has = self.has(request.verb, request.group, request.resource);
        has.and(|| match (self.names.is_empty(), request.name) {
            (true, _) => Truth::Yes,
            // The name is not known when something is made, nor when all are asked for.
            (false, None) => Truth::No,
            (false, Some(name)) => self.names.has(name),
        })
    }

    /// Whether it gives one of some rights, on some object at least.
    pub(crate) fn gives(&self, rights: &[Right]) -> Truth {
        let each = rights.iter().flat_map(|right| {
            let verbs = right.verbs.iter();
            verbs.flat_map(|verb| right.resources.iter().map(|it| (*verb, right.group, *it)))
        });
        Truth::any(each.map(|(verb, group, resource)| {
            let is_made = verb == "create" && !resource.contains('/');
            match is_made && !self.names.is_empty() {
                true => Truth::No,
                false => self.has(verb, group, resource),
            }
        }))
    }

    /// Whether nothing is known of what it is about.
    fn why_open(&self) -> Option<&Arc<str>> {
        let why = self.resources.why_unknown();
        why.filter(|_| self.verbs.why_unknown().is_some())
    }

    fn is_alike(&self, other: &Self) -> bool {
        (&self.verbs, &self.groups, &self.resources, &self.names)
            == (&other.verbs, &other.groups, &other.resources, &other.names)
    }
}

/// `*/exec` is that subresource of whatever has it.
fn is_subresource(rule: &str, resource: &str) -> bool {
    let subresource = resource.split_once('/').map(|(_, it)| it);
    subresource.is_some() && rule.strip_prefix("*/") == subresource
}

impl Role {
    fn new(name: String, rules: Vec<Rule>) -> Self {
        let mut powers = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if let Some(why) = rule.why_open() {
                powers.push((everything(), at, Truth::Unknown(why.clone())));
                continue;
            }
            for power in POWERS {
                let truth = rule.gives(power.rights);
                let truth = truth.and(|| match power.unsure {
                    Some(why) => Truth::Unknown(why.into()),
                    None => Truth::Yes,
                });
                let is_all = *power == *everything() && truth.is_yes() && rule.names.is_empty();
                if truth != Truth::No {
                    powers.push((power, at, truth));
                }
                // All others are in it.
                if is_all {
                    break;
                }
            }
        }
        Self {
            name,
            rules,
            powers,
        }
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
        for (binding, is_bound) in &bindings {
            let role = &self.roles[binding.role];
            for (power, at, truth) in &role.powers {
                let rule = &role.rules[*at];
                if power.is_of_cluster && binding.namespace.is_some() {
                    continue;
                }
                let also = power
                    .also
                    .iter()
                    .map(|rights| self.is_given(rights, binding, &bindings));
                let is_limited = || match (power.effect, rule.names.is_empty()) {
                    (super::Effect::Everything, false) => {
                        Truth::Unknown(format!("it is about {} alone", rule.names.shown()).into())
                    }
                    _ => Truth::Yes,
                };
                let truth = is_bound
                    .clone()
                    .and(|| truth.clone())
                    .and(|| Truth::all(also))
                    .and(is_limited);
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
            let is_whole = a.power.effect != super::Effect::Changes || a.rule.is_alike(&b.rule);
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

/// The roles that the files declare, by their names.
struct Declared<'a> {
    roles: BTreeMap<(Option<String>, String), Vec<&'a Resource>>,
    cluster: Vec<(&'a Resource, Labels)>,
    /// Those that were read already.
    read: HashMap<(Option<String>, String), usize>,
}

impl<'a> Declared<'a> {
    fn read(world: &'a World, gaps: &mut Vec<Gap>) -> Self {
        let mut roles: BTreeMap<_, Vec<&Resource>> = BTreeMap::new();
        for role in objects(world, "Role") {
            // Why the namespace is not known is told.
            if let Some(namespace) = namespace_of(role, gaps).ok() {
                let key = (Some(namespace), name_of(role, gaps));
                roles.entry(key).or_default().push(role);
            }
        }
        let mut cluster = Vec::new();
        for role in objects(world, "ClusterRole") {
            roles
                .entry((None, name_of(role, gaps)))
                .or_default()
                .push(role);
            cluster.push((role, Labels::read(&role.at("metadata.labels"), gaps)));
        }
        Self {
            roles,
            cluster,
            read: HashMap::new(),
        }
    }

    /// The place of the role that a binding names.
    fn role(
        &mut self,
        binding: &Resource,
        namespace: Option<&str>,
        all: &mut Vec<Role>,
        gaps: &mut Vec<Gap>,
    ) -> usize {
        let reference = binding.at("roleRef");
        let is_local = reference.get("kind").equals("Role");
        let (Fact::Known(name), Truth::Yes | Truth::No) = (reference.get("name").text(), &is_local)
        else {
            let why = Gap::tell(&reference, "which role it binds is not known", gaps);
            let rule = Rule::unknown(&why, reference.origin());
            all.push(Role::new("a role".to_owned(), vec![rule]));
            return all.len() - 1;
        };
        let key = (
            namespace.filter(|_| is_local.is_yes()).map(str::to_owned),
            name,
        );
        if let Some(at) = self.read.get(&key) {
            return *at;
        }
        let shown = match &key.0 {
            Some(namespace) => format!("Role {namespace}/{}", key.1),
            None => format!("ClusterRole {}", key.1),
        };
        let rules = match self.roles.get(&key) {
            Some(found) => self.rules(&shown, found, gaps),
            None => self.elsewhere(&shown, &key.1, &reference, gaps),
        };
        all.push(Role::new(shown, rules));
        self.read.insert(key, all.len() - 1);
        all.len() - 1
    }

    /// The rules of a role that is declared, perhaps more than once.
    fn rules(&self, shown: &str, found: &[&'a Resource], gaps: &mut Vec<Gap>) -> Vec<Rule> {
        let mut each = found.iter().map(|role| self.rules_of(role, gaps));
        let first = each.next().unwrap_or_default();
        let others: Vec<Vec<Rule>> = each.collect();
        let is_alike = |it: &Vec<Rule>| {
            it.len() == first.len() && it.iter().zip(&first).all(|(a, b)| a.is_alike(b))
        };
        if others.iter().all(is_alike) {
            return first;
        }
        let message = format!(
            "{shown} is there {} times, and they are not alike",
            found.len()
        );
        let why = Gap::tell(&found[0].cursor(), &message, gaps);
        vec![Rule::unknown(&why, &found[0].body.origin)]
    }

    fn rules_of(&self, role: &'a Resource, gaps: &mut Vec<Gap>) -> Vec<Rule> {
        let aggregation = role.at("aggregationRule");
        let mut rules: Vec<Cursor<'_>> = listed(&role.at("rules"));
        if is_there(&aggregation) {
            for selector in listed(&aggregation.get("clusterRoleSelectors")) {
                let selector = Selector::read(&selector, gaps);
                for (other, labels) in &self.cluster {
                    match selector.matches(labels) {
                        Truth::Yes => rules.extend(listed(&other.at("rules"))),
                        Truth::No => {}
                        Truth::Unknown(why) => {
                            let mut open = other.at("rules");
                            open.fact = Fact::Unknown(why);
                            rules.push(open);
                        }
                    }
                }
            }
        }
        let rules = rules.iter().enumerate();
        rules
            .map(|(at, it)| Rule::read(it, place(it, at)))
            .collect()
    }

    /// What every cluster has, or what is not known.
    fn elsewhere(
        &self,
        shown: &str,
        name: &str,
        reference: &Cursor<'_>,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Rule> {
        let Some(given) = builtin::rules(name) else {
            let message = format!("{shown} is not among the files: what it gives is not known");
            let why = Gap::tell(reference, &message, gaps);
            return vec![Rule::unknown(&why, reference.origin())];
        };
        let given = given.iter().enumerate();
        let mut rules: Vec<Rule> = given.map(|(at, it)| Rule::given(it, at)).collect();
        for (role, labels) in &self.cluster {
            let adds = builtin::adding(name).iter();
            let adds = adds.map(|key| match labels.get(key) {
                Fact::Known(value) => (value == "true").into(),
                Fact::Absent => Truth::No,
                Fact::Unknown(why) => Truth::Unknown(why),
            });
            match Truth::any(adds) {
                Truth::Yes => rules.extend(self.rules_of(role, gaps)),
                Truth::No => {}
                Truth::Unknown(why) => rules.push(Rule::unknown(&why, &role.body.origin)),
            }
        }
        rules
    }
}

/// Which rule of its role one is.
fn place(rule: &Cursor<'_>, at: usize) -> usize {
    let number = rule
        .path
        .strip_prefix("rules[")
        .and_then(|it| it.strip_suffix(']'));
    number.and_then(|it| it.parse().ok()).unwrap_or(at)
}

pub(super) fn objects<'a>(world: &'a World, kind: &str) -> impl Iterator<Item = &'a Resource> {
    let all = world.of_kind(kind);
    all.filter(|it| it.language == Language::Kubernetes)
}
