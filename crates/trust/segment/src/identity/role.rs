//! Roles, and what their rules give.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
    ptr,
    sync::Arc,
};

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

use super::{
    Request,
    builtin::{self, Given},
    powers::{POWERS, Power, Right, everything},
    rbac::objects,
    words::Words,
};
use crate::{
    Gap, Labels,
    cluster::{name_of, namespace_of},
    listed::{is_there, listed},
    selector::Selector,
};

/// A role of which something is bound.
#[derive(Debug)]
pub(super) struct Role {
    /// `ClusterRole view`, `Role lab/notebook`.
    pub(super) name: String,
    pub(super) rules: Vec<Arc<Rule>>,
    /// Whether it is one of a namespace.
    pub(super) is_local: bool,
    /// What its rules are, each with the place of the rule.
    pub(super) powers: Vec<(&'static Power, usize, Truth)>,
}

/// A rule of a role.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(super) verbs: Words,
    groups: Words,
    pub(super) resources: Words,
    /// The names of the objects that it is about; all, where there are none.
    pub(crate) names: Words,
    /// Where it stands; that of a role of Kubernetes' own stands nowhere.
    pub(super) origin: Option<Origin>,
    /// Which of its role.
    pub(super) at: usize,
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
    pub(super) fn unknown<'o>(why: &Arc<str>, origin: impl Into<Option<&'o Origin>>) -> Self {
        let words = || Words::unknown(why.clone());
        Self {
            verbs: words(),
            groups: words(),
            resources: words(),
            names: Words::default(),
            origin: origin.into().cloned(),
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
            _ if self.names.why_unknown().is_some() => match self.names.why_unknown() {
                Some(why) => Truth::Unknown(why.clone()),
                None => Truth::Yes,
            },
            (true, _) => Truth::Yes,
            // The name is not known when something is made, nor when all are asked for.
            (false, None) => Truth::No,
            (false, Some(name)) => self.names.has(name),
        })
    }

    /// Whether it gives one of some rights, on some object at least.
    pub(crate) fn gives(&self, rights: &[Right]) -> Truth {
        self.gives_where(rights, |_| true)
    }

    /// The same as far as it is about resources of which `is_meant` holds.
    pub(super) fn gives_where(&self, rights: &[Right], is_meant: fn(&str) -> bool) -> Truth {
        let each = rights.iter().flat_map(|right| {
            let resources = move || right.resources.iter().filter(move |it| is_meant(it));
            let verbs = right.verbs.iter();
            verbs.flat_map(move |verb| resources().map(move |it| (right, *verb, *it)))
        });
        Truth::any(each.map(|(right, verb, resource)| {
            let is_made = verb == "create" && !resource.contains('/');
            let is_possible = || match is_made && !self.names.is_empty() {
                true => self.applies(right.group, resource),
                false => Truth::Yes,
            };
            let is_enough = || match right.unsure {
                Some(why) => Truth::Unknown(why.into()),
                None => Truth::Yes,
            };
            let has = self.has(verb, right.group, resource);
            has.and(is_possible).and(is_enough)
        }))
    }

    /// Whether what is made can have the name that it is about: whoever applies it on the server names it, and
    /// needs the right to patch it as well.
    fn applies(&self, group: &str, resource: &str) -> Truth {
        match self.names.why_unknown() {
            Some(why) => Truth::Unknown(why.clone()),
            None => self.has("patch", group, resource).or(|| {
                let why = "whether it may patch what it makes under that name is not known";
                Truth::Unknown(why.into())
            }),
        }
    }

    /// Whether it lets objects of one of some resources of platforms be made or changed.
    fn makes(&self, resources: &[String]) -> Truth {
        let is_of = |rule: &str| rule == "*" || resources.iter().any(|it| it == rule);
        self.verbs
            .any(|it| ["*", "create", "update", "patch"].contains(&it))
            .and(|| self.groups.any(|it| it == "*" || it.contains('.')))
            .and(|| match resources.is_empty() {
                true => Truth::No,
                false => self.resources.any(is_of),
            })
    }

    /// Whether nothing is known of what it is about.
    fn why_open(&self) -> Option<&Arc<str>> {
        let why = self.resources.why_unknown();
        why.filter(|_| self.verbs.why_unknown().is_some())
    }

    pub(super) fn is_alike(&self, other: &Self) -> bool {
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
    /// One of which the rules are known without a file.
    pub(super) fn given(name: String, given: &[Given]) -> Self {
        let given = given.iter().enumerate();
        let rules = given.map(|(at, it)| Rule::given(it, at)).collect();
        Self::new(name, false, rules, &[])
    }

    /// One of which nothing is known.
    pub(super) fn unknown(name: String, why: &Arc<str>, origin: &Origin) -> Self {
        Self::new(name, false, vec![Rule::unknown(why, origin)], &[])
    }

    fn new(name: String, is_local: bool, rules: Vec<Rule>, others: &[String]) -> Self {
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
            if let Some(why) = super::powers::others().unsure
                && rule.makes(others) != Truth::No
            {
                powers.push((super::powers::others(), at, Truth::Unknown(why.into())));
            }
        }
        Self {
            name,
            is_local,
            rules: rules.into_iter().map(Arc::new).collect(),
            powers,
        }
    }
}

/// The roles that the files declare, by their names.
pub(super) struct Declared<'a> {
    roles: BTreeMap<(Option<String>, String), Vec<&'a Resource>>,
    cluster: Vec<(&'a Resource, Labels)>,
    /// Those that were read already.
    read: HashMap<(Option<String>, String), usize>,
    /// What some kinds that have pods in the files are called at the API server, where the table does not.
    others: Vec<String>,
    /// How many rules and roles were looked at.
    work: Cell<usize>,
}

/// Roles that take in others by the thousand are no work without end.
const MAX_WORK: usize = 1 << 19;

impl<'a> Declared<'a> {
    pub(super) fn read(world: &'a World, others: Vec<String>, gaps: &mut Vec<Gap>) -> Self {
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
            others,
            work: Cell::new(0),
        }
    }

    /// The place of the role that a binding names.
    pub(super) fn role(
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
            all.push(Role::unknown("a role".to_owned(), &why, reference.origin()));
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
            None => self.elsewhere(&shown, &key, &reference, gaps),
        };
        all.push(Role::new(shown, key.0.is_some(), rules, &self.others));
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

    /// The rules of a role. What one that takes in others says itself, the controller overwrites; those that it
    /// takes in may take in others.
    fn rules_of(&self, role: &'a Resource, gaps: &mut Vec<Gap>) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut seen: HashSet<*const Resource> = HashSet::from([ptr::from_ref(role)]);
        let mut todo = vec![role];
        while let Some(role) = todo.pop() {
            let aggregation = role.at("aggregationRule");
            if !is_there(&aggregation) {
                let own = listed(&role.at("rules"));
                self.work.set(self.work.get() + own.len());
                let own = own.iter().enumerate();
                rules.extend(own.map(|(at, it)| Rule::read(it, place(it, at))));
            } else if let Fact::Unknown(why) = &aggregation.fact {
                rules.push(Rule::unknown(why, &role.body.origin));
            }
            for selector in listed(&aggregation.get("clusterRoleSelectors")) {
                let selector = Selector::read(&selector, gaps);
                self.work.set(self.work.get() + self.cluster.len());
                for (other, labels) in &self.cluster {
                    match selector.matches(labels) {
                        Truth::Yes if seen.insert(ptr::from_ref(*other)) => todo.push(other),
                        Truth::Yes | Truth::No => {}
                        Truth::Unknown(why) => {
                            rules.push(Rule::unknown(&why, &other.body.origin));
                        }
                    }
                }
                rules.extend(self.given(&selector));
            }
            if self.work.get() > MAX_WORK {
                let why = "more roles take in others than is looked at";
                let why = Gap::tell(&role.cursor(), why, gaps);
                rules.push(Rule::unknown(&why, &role.body.origin));
                break;
            }
        }
        rules
    }

    /// The rules of Kubernetes' own roles that a selector takes in, where they are not among the files.
    fn given(&self, selector: &Selector) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (name, label, given) in builtin::LABELLED {
            let mut labels = Labels::default();
            labels.put(
                "kubernetes.io/bootstrapping",
                Fact::Known("rbac-defaults".to_owned()),
            );
            if let Some(label) = label {
                labels.put(label, Fact::Known("true".to_owned()));
            }
            let is_here = self.roles.contains_key(&(None, (*name).to_owned()));
            if !is_here && selector.matches(&labels).is_yes() {
                let given = given.iter().enumerate();
                rules.extend(given.map(|(at, it)| Rule::given(it, at)));
            }
        }
        rules
    }

    /// What every cluster has, or what is not known.
    fn elsewhere(
        &self,
        shown: &str,
        (namespace, name): &(Option<String>, String),
        reference: &Cursor<'_>,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Rule> {
        // A Role that is called so is none of Kubernetes' own.
        let given = builtin::rules(name).filter(|_| namespace.is_none());
        let Some(given) = given else {
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
