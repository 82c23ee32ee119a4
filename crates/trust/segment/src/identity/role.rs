//! Roles, and what their rules give.

use std::{
    collections::{BTreeMap, HashMap},
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
    pub(super) rules: Vec<Rule>,
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

/// The roles that the files declare, by their names.
pub(super) struct Declared<'a> {
    roles: BTreeMap<(Option<String>, String), Vec<&'a Resource>>,
    cluster: Vec<(&'a Resource, Labels)>,
    /// Those that were read already.
    read: HashMap<(Option<String>, String), usize>,
}

impl<'a> Declared<'a> {
    pub(super) fn read(world: &'a World, gaps: &mut Vec<Gap>) -> Self {
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
