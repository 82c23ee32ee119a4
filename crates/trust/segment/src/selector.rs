//! Label selectors, and whom they select.

use std::collections::HashMap;

use casemate_posture::{Cursor, Fact};

use crate::{Gap, cluster::{Cluster, Labels}, set::Set};

/// A selector of labels, as `metav1.LabelSelector`: all of its requirements hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// The selector at a place; nothing there, or `{}`, selects all.
    pub(crate) fn read(cursor: &Cursor<'_>) -> Result<Self, Gap> {
        if let Fact::Unknown(why) = &cursor.fact {
            return Err(Gap::at(cursor, format!("a selector is not known: {why}")));
        }
        let labels = cursor.get("matchLabels");
        let expressions = cursor.get("matchExpressions");
        for part in [&labels, &expressions] {
            if let Fact::Unknown(why) = &part.fact {
                return Err(Gap::at(part, format!("a selector is not known: {why}")));
            }
        }
        let mut all = Vec::new();
        for (key, value) in labels.entries() {
            all.push(Requirement::In(key.to_owned(), vec![text(&value)?]));
        }
        for expression in expressions.items() {
            all.push(Requirement::read(&expression)?);
        }
        Ok(Self(all))
    }

    /// One of labels alone, as Services have.
    pub(crate) fn of_labels(cursor: &Cursor<'_>) -> Result<Self, Gap> {
        let entries = cursor.entries().into_iter();
        let requirement = |(key, value): (&str, Cursor<'_>)| {
            Ok(Requirement::In(key.to_owned(), vec![text(&value)?]))
        };
        Ok(Self(entries.map(requirement).collect::<Result<_, _>>()?))
    }

    /// Whether it holds for the labels.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|it| match it {
            Requirement::In(key, values) => labels.get(key).is_some_and(|it| values.contains(it)),
            Requirement::NotIn(key, values) => !labels.get(key).is_some_and(|it| values.contains(it)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
        })
    }

    /// Whether it asks for a label other than the one of names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| match it {
            Requirement::In(key, _)
            | Requirement::NotIn(key, _)
            | Requirement::Exists(key)
            | Requirement::Absent(key) => key.as_str(),
        })
    }
}

impl Requirement {
    fn read(cursor: &Cursor<'_>) -> Result<Self, Gap> {
        let key = text(&cursor.get("key"))?;
        let values = cursor.get("values");
        let values = || values.items().iter().map(text).collect::<Result<Vec<_>, _>>();
        let wrong = |message: &str| Err(Gap::at(cursor, message.to_owned()));
        match (&*text(&cursor.get("operator"))?, values()?) {
            ("In", values) if !values.is_empty() => Ok(Self::In(key, values)),
            ("NotIn", values) if !values.is_empty() => Ok(Self::NotIn(key, values)),
            ("In" | "NotIn", _) => wrong("a requirement that names no values"),
            ("Exists", values) if values.is_empty() => Ok(Self::Exists(key)),
            ("DoesNotExist", values) if values.is_empty() => Ok(Self::Absent(key)),
            ("Exists" | "DoesNotExist", _) => wrong("a requirement that may name no values"),
            _ => wrong("an operator that selectors do not have"),
        }
    }
}

fn text(cursor: &Cursor<'_>) -> Result<String, Gap> {
    match cursor.text() {
        Fact::Known(text) => Ok(text),
        Fact::Absent => Err(Gap::at(cursor, "a selector lacks a part".to_owned())),
        Fact::Unknown(why) => Err(Gap::at(cursor, format!("a selector is not known: {why}"))),
    }
}

/// Which workloads have which labels, so that a selector does not look at each.
pub(crate) struct Index<'a> {
    cluster: &'a Cluster,
    /// Of how many endpoints workloads are the first.
    bound: usize,
    by_label: HashMap<&'a str, HashMap<&'a str, Set>>,
    by_namespace: HashMap<&'a str, Set>,
    /// The workloads that policies know: those on the networks of their nodes are addresses to them.
    held: Set,
    kept: HashMap<(Namespaces, Selector), Set>,
}

/// Of which namespaces pods are selected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Namespaces {
    /// Of the one.
    One(String),
    /// Of all with such labels.
    Selected(Selector),
}

impl<'a> Index<'a> {
    pub(crate) fn of(cluster: &'a Cluster, bound: usize) -> Self {
        let mut index = Self {
            cluster,
            bound,
            by_label: HashMap::new(),
            by_namespace: HashMap::new(),
            held: Set::none(bound),
            kept: HashMap::new(),
        };
        for (at, workload) in cluster.workloads.iter().enumerate() {
            if workload.is_on_host {
                continue;
            }
            index.held.insert(at);
            let none = || Set::none(bound);
            index.by_namespace.entry(&workload.namespace).or_insert_with(none).insert(at);
            for (key, value) in &workload.labels {
                let values = index.by_label.entry(key).or_default();
                values.entry(value).or_insert_with(none).insert(at);
            }
        }
        index
    }

    /// The workloads that policies know.
    pub(crate) fn held(&self) -> &Set {
        &self.held
    }

    /// The workloads of those namespaces with such labels.
    pub(crate) fn select(&mut self, namespaces: &Namespaces, pods: &Selector) -> &Set {
        let key = (namespaces.clone(), pods.clone());
        if !self.kept.contains_key(&key) {
            let set = self.selected(namespaces, pods);
            self.kept.insert(key.clone(), set);
        }
        &self.kept[&key]
    }

    fn selected(&self, namespaces: &Namespaces, pods: &Selector) -> Set {
        let mut set = Set::none(self.bound);
        let mut add = |name: &str| {
            if let Some(of_one) = self.by_namespace.get(name) {
                set.add(of_one);
            }
        };
        match namespaces {
            Namespaces::One(name) => add(name),
            Namespaces::Selected(selector) => {
                let all = self.cluster.namespaces.iter();
                let selected = all.filter(|(_, it)| selector.matches(&it.labels));
                selected.for_each(|(name, _)| add(name));
            }
        }
        for requirement in &pods.0 {
            match requirement {
                Requirement::In(key, values) => set.keep(&self.with(key, Some(values))),
                Requirement::NotIn(key, values) => set.remove(&self.with(key, Some(values))),
                Requirement::Exists(key) => set.keep(&self.with(key, None)),
                Requirement::Absent(key) => set.remove(&self.with(key, None)),
            }
        }
        set
    }

    /// Those with the label, of one of the values.
    fn with(&self, key: &str, values: Option<&[String]>) -> Set {
        let mut set = Set::none(self.bound);
        let of_key = self.by_label.get(key);
        match values {
            Some(values) => {
                let sets = of_key.into_iter().flat_map(|it| values.iter().filter_map(|value| it.get(&**value)));
                sets.for_each(|it| set.add(it));
            }
            None => of_key.into_iter().flat_map(HashMap::values).for_each(|it| set.add(it)),
        }
        set
    }
}
