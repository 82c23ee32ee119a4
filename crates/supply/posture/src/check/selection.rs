//! Which objects select which pods, without a look at every pair: both sides are read once, and a
//! selector is looked for under one label that it asks for.

use std::{collections::HashMap, sync::Arc};

use super::workload::{ADDED_LABELS, Pod, directory};
use crate::{Cursor, Fact, Resource, Truth, World};

/// Things of objects by a key, to be found from other objects that are in one namespace with them. An
/// object that names none is applied with what stands in the same directory.
pub(crate) struct Together<'a, K, T>(HashMap<(Scope<'a>, K), Vec<T>>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Scope<'a> {
    Namespace(&'a str),
    /// Of a directory, the objects that name a namespace.
    Named(&'a str),
    /// And those that name none.
    Nameless(&'a str),
}

impl<'a, K: Eq + std::hash::Hash + Clone, T: Clone> Together<'a, K, T> {
    pub(crate) fn add(&mut self, object: &'a Resource, key: &K, thing: &T) {
        let directory = directory(object);
        let scopes = match object.namespace() {
            Some(namespace) => vec![Scope::Namespace(namespace), Scope::Named(directory)],
            None => vec![Scope::Nameless(directory)],
        };
        for scope in scopes {
            let things = self.0.entry((scope, key.clone())).or_default();
            things.push(thing.clone());
        }
    }

    /// What was added under `key` for objects that are together with `object`.
    pub(crate) fn near<'b>(
        &'b self,
        object: &'b Resource,
        key: &K,
    ) -> impl Iterator<Item = &'b T> + use<'a, 'b, K, T> {
        let directory = directory(object);
        let scopes = match object.namespace() {
            Some(namespace) => [Scope::Namespace(namespace), Scope::Nameless(directory)],
            None => [Scope::Named(directory), Scope::Nameless(directory)],
        };
        let map: &'b HashMap<(Scope<'b>, K), Vec<T>> = &self.0;
        let things = scopes.map(|scope| map.get(&(scope, key.clone())));
        things.into_iter().flatten().flatten()
    }
}

impl<K, T> Default for Together<'_, K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// The labels of a pod.
pub(crate) struct Labels<'p, 'a> {
    pod: &'p Pod<'a>,
    known: HashMap<&'a str, Fact<String>>,
    /// What every other label is: absent, or not known.
    other: Fact<String>,
}

impl<'p, 'a> Labels<'p, 'a> {
    pub(crate) fn of(pod: &'p Pod<'a>) -> Self {
        let written = pod.metadata.as_ref().map(|it| it.get("labels").entries());
        let written = written.into_iter().flatten().map(|(key, _)| key);
        let keys = written.chain(ADDED_LABELS.iter().copied());
        Self {
            pod,
            known: keys.map(|key| (key, pod.label(key))).collect(),
            other: pod.label(NO_LABEL),
        }
    }

    fn get(&self, key: &str) -> &Fact<String> {
        self.known.get(key).unwrap_or(&self.other)
    }

    fn is_all_known(&self) -> bool {
        let is_unknown = |fact: &Fact<String>| matches!(fact, Fact::Unknown(_));
        !is_unknown(&self.other) && !self.known.values().any(is_unknown)
    }
}

/// What an object asks of the labels of pods. One that asks for nothing selects every pod.
#[derive(Debug)]
struct Selector<'a> {
    labels: Vec<(&'a str, Fact<String>)>,
    expressions: Vec<Expression>,
    /// Why it may ask for more.
    open: Option<Arc<str>>,
}

#[derive(Debug)]
struct Expression {
    key: Fact<String>,
    operator: Fact<String>,
    values: Vec<Fact<String>>,
}

impl<'a> Selector<'a> {
    /// One with `matchLabels` and `matchExpressions`.
    fn of(selector: &Cursor<'a>) -> Self {
        let expressions = selector.get("matchExpressions").items();
        let expression = |it: &Cursor<'a>| Expression {
            key: it.get("key").text(),
            operator: it.get("operator").text(),
            values: it.get("values").items().iter().map(Cursor::text).collect(),
        };
        Self {
            expressions: expressions.iter().map(expression).collect(),
            ..Self::of_labels(&selector.get("matchLabels"))
        }
    }

    /// One that is labels alone.
    fn of_labels(labels: &Cursor<'a>) -> Self {
        let open = match labels.get(NO_LABEL).fact {
            Fact::Unknown(why) => Some(why),
            _ => None,
        };
        let entries = labels.entries().into_iter();
        Self {
            labels: entries.map(|(key, it)| (key, it.text())).collect(),
            expressions: Vec::new(),
            open,
        }
    }

    fn selects(&self, labels: &Labels<'_, '_>) -> Truth {
        let equal = self.labels.iter().map(|(key, value)| match value {
            Fact::Known(value) => is(labels.get(key), value),
            Fact::Absent => Truth::Yes,
            Fact::Unknown(why) => Truth::Unknown(why.clone()),
        });
        Truth::all(equal)
            .and(|| Truth::all(self.expressions.iter().map(|it| it.holds(labels))))
            .and(|| self.open.clone().map_or(Truth::Yes, Truth::Unknown))
    }
}

impl Expression {
    fn holds(&self, labels: &Labels<'_, '_>) -> Truth {
        let key = match &self.key {
            Fact::Known(key) => key,
            Fact::Absent => return Truth::No,
            Fact::Unknown(why) => return Truth::Unknown(why.clone()),
        };
        let label = labels.get(key);
        let is_in = || {
            Truth::any(self.values.iter().map(|value| match value {
                Fact::Known(value) => is(label, value),
                Fact::Absent => Truth::No,
                Fact::Unknown(why) => Truth::Unknown(why.clone()),
            }))
        };
        match &self.operator {
            Fact::Known(operator) if operator == "In" => is_in(),
            Fact::Known(operator) if operator == "NotIn" => !is_in(),
            Fact::Known(operator) if operator == "Exists" => !label.is_absent(),
            Fact::Known(operator) if operator == "DoesNotExist" => label.is_absent(),
            _ => Truth::Unknown("an operator of a selector is not known".into()),
        }
    }
}

fn is(label: &Fact<String>, value: &str) -> Truth {
    match label {
        Fact::Known(label) => (label == value).into(),
        Fact::Absent => Truth::No,
        Fact::Unknown(why) => Truth::Unknown(why.clone()),
    }
}

/// Objects that select pods.
pub(crate) struct Selectors<'a> {
    all: Vec<(&'a Resource, Selector<'a>)>,
    by_label: Together<'a, Sought, usize>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Sought {
    Any,
    /// One that asks for no label of which the value is known.
    Free,
    Label(String, String),
}

impl<'a> Selectors<'a> {
    /// The `objects` with what each has at `path` for a selector.
    pub(crate) fn of(objects: impl Iterator<Item = &'a Resource>, path: &str) -> Self {
        Self::new(objects.map(|object| (object, Selector::of(&object.at(path)))))
    }

    /// Services, each with its selector: labels and nothing else.
    pub(crate) fn of_services(services: Vec<(&'a Resource, Cursor<'a>)>) -> Self {
        let services = services.into_iter();
        Self::new(services.map(|(service, selector)| (service, Selector::of_labels(&selector))))
    }

    fn new(all: impl Iterator<Item = (&'a Resource, Selector<'a>)>) -> Self {
        let all: Vec<_> = all.collect();
        let known = |selector: &Selector<'a>| {
            let labels = selector.labels.iter();
            let known = labels.filter_map(|(key, value)| Some((*key, value.clone().ok()?)));
            known.collect::<Vec<_>>()
        };
        let mut counts: HashMap<(&str, String), usize> = HashMap::new();
        for label in all.iter().flat_map(|(_, selector)| known(selector)) {
            *counts.entry(label).or_default() += 1;
        }
        let mut by_label = Together::default();
        for (at, (object, selector)) in all.iter().enumerate() {
            // By the label that the fewest ask for: most have one in common.
            let rarest = known(selector).into_iter().min_by_key(|it| counts[it]);
            let sought = rarest.map_or(Sought::Free, |(key, value)| {
                Sought::Label(key.to_owned(), value)
            });
            by_label.add(object, &sought, &at);
            by_label.add(object, &Sought::Any, &at);
        }
        Self { all, by_label }
    }

    /// The objects that may select the pod, in their order: every other one surely does not.
    pub(crate) fn near(&self, labels: &Labels<'_, 'a>) -> Vec<usize> {
        let sought = if labels.is_all_known() {
            let known = labels.known.iter();
            let known = known.filter_map(|(key, value)| match value {
                Fact::Known(value) => Some(Sought::Label((*key).to_owned(), value.clone())),
                _ => None,
            });
            known.chain([Sought::Free]).collect()
        } else {
            vec![Sought::Any]
        };
        let object = labels.pod.resource();
        let near = sought
            .into_iter()
            .flat_map(|sought| self.by_label.near(object, &sought));
        let mut near: Vec<usize> = near.copied().collect();
        // Each is sought in one way; those of one way are in order already.
        near.sort();
        near
    }

    /// Whether the object at a place of [`Self::near`] selects the pod.
    pub(crate) fn selects(&self, at: usize, labels: &Labels<'_, 'a>) -> Truth {
        self.all[at].1.selects(labels)
    }

    /// The object at a place.
    pub(crate) fn object(&self, at: usize) -> &'a Resource {
        self.all[at].0
    }

    /// Whether any of them selects the pod.
    pub(crate) fn any(&self, labels: &Labels<'_, 'a>) -> Truth {
        let near = self.near(labels).into_iter();
        Truth::any(near.map(|at| self.selects(at, labels)))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

/// ConfigMaps by their names.
pub(crate) struct ConfigMaps<'a>(Together<'a, String, &'a Resource>);

impl<'a> ConfigMaps<'a> {
    /// Those of a world.
    pub(crate) fn of(world: &'a World) -> Self {
        let mut maps = Together::default();
        for map in world.of_kind("ConfigMap") {
            if let Fact::Known(name) = map.at("metadata.name").text() {
                maps.add(map, &name, &map);
            }
        }
        Self(maps)
    }

    /// The one that objects beside `near` know by a name.
    pub(crate) fn find<'b>(&'b self, name: &str, near: &'b Resource) -> Option<&'b Resource> {
        self.0.near(near, &name.to_owned()).next().copied()
    }
}

/// A key that no label has.
const NO_LABEL: &str = "\0";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{check::workload::pods, survey::tests::world};

    fn are_together(one: &Resource, other: &Resource) -> bool {
        match (one.namespace(), other.namespace()) {
            (Some(one), Some(other)) => one == other,
            _ => directory(one) == directory(other),
        }
    }

    #[test]
    fn what_is_left_out_selects_no_pod() {
        let mut text = String::new();
        let namespaces = ["", ", namespace: a", ", namespace: b"];
        for (at, namespace) in namespaces.iter().enumerate() {
            for (number, selector) in [
                "{}",
                "{matchLabels: {app: x}}",
                "{matchLabels: {app: x, tier: y}}",
                "{matchLabels: {app: '{{later}}'}}",
                "{matchExpressions: [{key: app, operator: NotIn, values: [x]}]}",
                "{matchExpressions: [{key: '{{later}}', operator: Exists}]}",
                "{matchExpressions: [{key: app, operator: Odd}]}",
            ]
            .iter()
            .enumerate()
            {
                let _ = write!(
                    text,
                    "---\napiVersion: v1\nkind: NetworkPolicy\n\
                     metadata: {{name: n{at}-{number}{namespace}}}\nspec: {{podSelector: {selector}}}\n"
                );
            }
            for labels in [
                "{}",
                "{app: x}",
                "{app: x, tier: y}",
                "{app: '{{later}}'}",
                "'{{later}}'",
            ] {
                let _ = write!(
                    text,
                    "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{namespace}, labels: {labels}}}\n\
                     spec: {{containers: [{{name: c, image: x}}]}}\n"
                );
            }
        }
        let world = world(&[
            ("one/a.yaml".to_owned(), text.clone().into_bytes()),
            ("two/a.yaml".to_owned(), text.into_bytes()),
        ]);
        let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
        let mut seen = [0; 3];
        for pod in &pods(&world) {
            let labels = Labels::of(pod);
            let near = policies.near(&labels);
            for at in 0..policies.len() {
                let truth = policies.selects(at, &labels);
                if !are_together(policies.object(at), pod.resource()) {
                    assert!(!near.contains(&at), "{pod:?}");
                } else if near.contains(&at) {
                    seen[match truth {
                        Truth::Yes => 0,
                        Truth::No => 1,
                        Truth::Unknown(_) => 2,
                    }] += 1;
                } else {
                    assert_eq!(
                        truth,
                        Truth::No,
                        "{pod:?} {:?}",
                        policies.object(at).address
                    );
                }
            }
        }
        assert!(seen.iter().all(|it| *it > 0), "{seen:?}");
    }
    /// How many pairs are looked at, of `count` policies and as many pods.
    fn pairs(
        count: usize,
        policy: impl Fn(usize) -> String,
        pod: impl Fn(usize) -> String,
    ) -> usize {
        let mut text = String::new();
        for at in 0..count {
            let (policy, pod) = (policy(at), pod(at));
            let _ = write!(
                text,
                "---\napiVersion: v1\nkind: NetworkPolicy\nmetadata: {{name: n{at}, namespace: a}}\n\
                 spec: {{podSelector: {{matchLabels: {{{policy}}}}}}}\n\
                 ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: a, labels: {{{pod}}}}}\n\
                 spec: {{containers: [{{name: c, image: x}}]}}\n"
            );
        }
        let world = world(&[("a.yaml".to_owned(), text.into_bytes())]);
        let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
        let pods = pods(&world);
        pods.iter()
            .map(|pod| policies.near(&Labels::of(pod)).len())
            .sum()
    }

    #[test]
    fn as_many_pairs_are_looked_at_as_select() {
        for count in [20, 200] {
            let own = |at: usize| format!("part-of: x, app: a{at}");
            assert_eq!(pairs(count, own, own), count);
            let other = |at: usize| format!("part-of: x, app: b{at}");
            assert_eq!(pairs(count, own, other), 0);
        }
    }
}
