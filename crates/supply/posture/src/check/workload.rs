//! The pods that objects of Kubernetes make, whatever their kind.

use super::{
    pod_templates::{CONTAINERS, WAYS, Way},
    selection::ConfigMaps,
};
use crate::{Attr, Cursor, Fact, Language, Resource, Truth, Value, World, read::values};

/// A pod that some object asks for.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// What has the fields of its `spec`.
    pub(crate) spec: Cursor<'a>,
    /// Its labels and annotations, where the object says them.
    pub(crate) metadata: Option<Cursor<'a>>,
    shared: Option<Cursor<'a>>,
    containers: &'static [&'static str],
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub struct Container<'a> {
    /// It.
    pub(crate) cursor: Cursor<'a>,
    /// Its name, for messages.
    pub(crate) name: String,
    pod: Option<Cursor<'a>>,
}

impl<'a> Pod<'a> {
    /// The object that asks for it.
    pub fn resource(&self) -> &'a Resource {
        self.spec.resource
    }

    /// A field of its spec, or of what all pods of the object share.
    pub fn get(&self, key: &str) -> Cursor<'a> {
        let own = self.spec.get(key);
        match &self.shared {
            Some(shared) if own.is_absent().is_yes() => shared.get(key),
            _ => own,
        }
    }

    /// Every container, those that run first and those that debug included.
    pub fn containers(&self) -> Vec<Container<'a>> {
        let cursors = self.containers.iter().flat_map(|way| self.spec.walk(way));
        let container = |cursor: Cursor<'a>| {
            let name = cursor.get("name").text().ok();
            let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
            Container {
                name: name.unwrap_or_else(|| last(&cursor.path)),
                pod: Some(self.get("securityContext")),
                cursor,
            }
        };
        cursors.map(container).collect()
    }

    /// Its volumes, those that all pods of the object share included.
    pub fn volumes(&self) -> Vec<Cursor<'a>> {
        let mut volumes = self.spec.get("volumes").items();
        if let Some(shared) = &self.shared {
            volumes.extend(shared.get("volumes").items());
        }
        volumes
    }

    /// Whether it runs on Windows, where the rules for Linux say nothing.
    pub(crate) fn is_windows(&self) -> Truth {
        self.get("os").get("name").equals("windows")
    }

    /// Whether root in it is nobody on its node.
    pub(crate) fn has_own_users(&self) -> Truth {
        self.get("hostUsers").is_false()
    }

    /// Whether it has all of a pod, so that what is not there is not there. Patches and defaults have
    /// parts of one, and name no image.
    pub(crate) fn is_whole(&self) -> bool {
        self.containers().iter().any(Container::is_whole)
    }

    /// Its spec.
    pub fn spec(&self) -> &Cursor<'a> {
        &self.spec
    }

    /// Its labels and annotations, where the object says them.
    pub fn metadata(&self) -> Option<&Cursor<'a>> {
        self.metadata.as_ref()
    }

    /// The labels that the controller of the object is known to add.
    pub fn added_labels(&self) -> impl Iterator<Item = (String, String)> {
        let keys = ADDED_LABELS.iter();
        keys.filter_map(|key| Some(((*key).to_owned(), self.added_label(key)?)))
    }

    /// A label: one that is written, or that the controller of the object is known to add.
    pub(crate) fn label(&self, key: &str) -> Fact<String> {
        let added = || match self.added_label(key) {
            Some(value) => Fact::Known(value),
            None => Fact::Absent,
        };
        match &self.metadata {
            Some(metadata) => metadata.get("labels").get(key).text().or_else(added),
            None => added(),
        }
    }

    /// What controllers add, by their sources: KubeRay (`ray-operator/controllers/ray/utils`).
    fn added_label(&self, key: &str) -> Option<String> {
        let resource = self.resource();
        let name = resource.at("metadata.name").text().ok()?;
        match (&*resource.kind, key) {
            ("RayCluster", "ray.io/cluster") => Some(name),
            ("RayCluster" | "RayService" | "RayJob", "ray.io/node-type") => {
                Some(if self.is_ray_head() { "head" } else { "worker" }.to_owned())
            }
            ("RayCluster" | "RayService" | "RayJob", "ray.io/is-ray-node") => {
                Some("yes".to_owned())
            }
            ("InferenceService", "serving.kserve.io/inferenceservice") => Some(name),
            ("Notebook", "notebook-name") => Some(name),
            _ => None,
        }
    }

    /// Whether it is the head of a Ray cluster.
    pub(crate) fn is_ray_head(&self) -> bool {
        self.spec.path.contains("headGroupSpec.")
    }
}

impl<'a> Container<'a> {
    /// What has its fields.
    pub fn cursor(&self) -> &Cursor<'a> {
        &self.cursor
    }

    /// A field of its security context, or else of its pod's.
    pub(crate) fn security(&self, key: &str) -> Cursor<'a> {
        let own = self.cursor.get("securityContext").get(key);
        match &self.pod {
            Some(pod) if own.is_absent().is_yes() => {
                let pods = pod.get(key);
                // What is nowhere is missed at the container.
                if pods.is_absent().is_yes() { own } else { pods }
            }
            _ => own,
        }
    }

    /// Whether an image is named, so that what is not there is not there.
    pub(crate) fn is_whole(&self) -> bool {
        !self.cursor.get("image").text().is_absent().is_yes()
    }

    /// The environment variable `name`, where the container sets it.
    pub(crate) fn env(&self, name: &str) -> Option<Cursor<'a>> {
        let variables = self.cursor.get("env");
        // Checks ask for many names that are not there, and need no way to those that are.
        let all = variables.fact.clone().ok().map_or(&[][..], Attr::items);
        let is_it = |item: &Attr| matches!(item.get("name").and_then(Attr::text), Fact::Known(it) if it == name);
        // Of several the last one counts.
        let at = all.iter().rposition(is_it)?;
        variables.items().into_iter().nth(at)
    }

    /// The value of the environment variable `name`. Where it comes from an object that is not here,
    /// or from a Secret, it is not known.
    pub(crate) fn env_value(&self, name: &str, maps: &ConfigMaps<'a>) -> Fact<String> {
        let Some(variable) = self.env(name) else {
            return self.env_from(name, maps);
        };
        let source = variable.get("valueFrom");
        if source.is_absent().is_yes() {
            return variable.get("value").text();
        }
        let map = source.get("configMapKeyRef");
        let (Fact::Known(object), Fact::Known(key)) =
            (map.get("name").text(), map.get("key").text())
        else {
            return unknown(format!("{name} comes from elsewhere"));
        };
        match maps.find(&object, self.cursor.resource) {
            Some(object) => object.at("data").get(&key).text(),
            None => unknown(format!("ConfigMap {object} is not here")),
        }
    }

    fn env_from(&self, name: &str, maps: &ConfigMaps<'a>) -> Fact<String> {
        let mut missing = None;
        for source in self.cursor.get("envFrom").items() {
            let map = source.get("configMapRef").get("name").text().ok();
            let found = map
                .as_ref()
                .and_then(|map| maps.find(map, self.cursor.resource));
            match found.map(|object| object.at("data").get(name).text()) {
                Some(Fact::Absent) => {}
                Some(value) => return value,
                None => missing = Some(map.unwrap_or_else(|| "a Secret".to_owned())),
            }
        }
        match missing {
            Some(object) => unknown(format!("{name} may come from {object}")),
            None => Fact::Absent,
        }
    }

    /// Whether the environment variable `name` has a value other than none, wherever it is from.
    pub(crate) fn has_env(&self, name: &str, maps: &ConfigMaps<'a>) -> Truth {
        match self.env(name) {
            Some(variable) if !variable.get("valueFrom").is_absent().is_yes() => Truth::Yes,
            _ => self.env_value(name, maps).is(|value| !value.is_empty()),
        }
    }
}

fn unknown<T>(why: String) -> Fact<T> {
    Fact::Unknown(why.into())
}

/// The directory of the file that an object stands in.
pub(crate) fn directory(resource: &Resource) -> &str {
    let path = resource.body.origin.file.subject.path.as_str();
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// What [`Pod::label`] knows of controllers.
pub(crate) const ADDED_LABELS: &[&str] = &[
    "notebook-name",
    "ray.io/cluster",
    "ray.io/is-ray-node",
    "ray.io/node-type",
    "serving.kserve.io/inferenceservice",
];

/// The objects of Kubernetes.
pub(crate) fn objects(world: &World) -> impl Iterator<Item = &Resource> {
    let resources = world.resources().iter();
    resources.filter(|resource| resource.language == Language::Kubernetes)
}

/// The pods of all objects.
pub fn pods(world: &World) -> Vec<Pod<'_>> {
    objects(world).flat_map(pods_of).collect()
}

/// What values of charts have of pods: containers, and what is one but for its name. A template adds to them:
/// what is not there may be nevertheless.
pub(crate) fn pods_of_values(world: &World) -> impl Iterator<Item = Pod<'_>> {
    world.of_kind(values::KIND).flat_map(|values| {
        let mut pods = Vec::new();
        find_pods(&values.cursor(), None, MAX_DEPTH, &mut pods);
        pods
    })
}

fn pods_of(resource: &Resource) -> Vec<Pod<'_>> {
    let ways = WAYS.iter().filter(|way| *way.kind == *resource.kind);
    let known: Vec<Pod<'_>> = ways.flat_map(|way| pods_at(resource, way)).collect();
    // Other projects have kinds of the same name.
    match known.is_empty() {
        true => pods_by_shape(resource),
        false => known,
    }
}

/// The pods of a kind that nobody has read the definition of: whatever has `containers` that are such.
/// Policies about pods have patterns of some, and no pods.
fn pods_by_shape(resource: &Resource) -> Vec<Pod<'_>> {
    let mut pods = Vec::new();
    if !is_policy(resource) && has_containers(&resource.body) {
        find_pods(&resource.cursor(), None, MAX_DEPTH, &mut pods);
    }
    pods
}

/// Whether it has patterns of pods, and none of its own.
pub(crate) fn is_policy(resource: &Resource) -> bool {
    let group = resource.at("apiVersion").text().ok().unwrap_or_default();
    POLICIES.iter().any(|it| group.contains(it))
}

/// Groups of kinds with patterns of pods.
const POLICIES: &[&str] = &["kyverno.io/", "gatekeeper.sh/", "kubewarden.io/"];

/// As deep as manifests go.
const MAX_DEPTH: usize = 40;

/// The nesting of attributes is bounded by those who read them.
fn has_containers(attr: &Attr) -> bool {
    let is_here = attr
        .entries()
        .iter()
        .any(|item| &*item.key == "containers" && are_containers(&item.value));
    is_here
        || attr
            .entries()
            .iter()
            .any(|item| has_containers(&item.value))
        || matches!(&attr.value, Value::List(items) if items.iter().any(has_containers))
}

fn are_containers(attr: &Attr) -> bool {
    let has = |item: &Attr, key: &str| matches!(item.get(key), Fact::Known(_));
    let is_one = |item: &Attr| {
        let runs = ["command", "args", "env", "ports"]
            .iter()
            .any(|key| has(item, key));
        has(item, "image") || (has(item, "name") && runs)
    };
    matches!(&attr.value, Value::List(items) if items.iter().any(is_one))
}

/// Whether a part of values says what a container of its chart runs.
fn is_run(attr: &Attr) -> bool {
    let is_known = |key: &&str| matches!(attr.get(key), Fact::Known(_));
    let is_words = |attr: &Attr| match &attr.value {
        Value::List(items) => items.iter().any(|item| item.as_str().is_some()),
        value => matches!(value, Value::String(_)),
    };
    let runs = ["command", "args"].iter().any(|key| match attr.get(key) {
        Fact::Known(words) => is_words(words),
        _ => false,
    });
    runs && PARTS.iter().any(is_known)
}

/// What charts have beside a command in what they make a container of.
const PARTS: &[&str] = &[
    "image",
    "env",
    "containerEnv",
    "extraEnv",
    "resources",
    "volumeMounts",
];

fn find_pods<'a>(
    place: &Cursor<'a>,
    around: Option<&Cursor<'a>>,
    depth: usize,
    pods: &mut Vec<Pod<'a>>,
) {
    let (Some(depth), Fact::Known(attr)) = (depth.checked_sub(1), &place.fact) else {
        return;
    };
    let containers = place.get("containers");
    if matches!(containers.fact, Fact::Known(list) if are_containers(list)) {
        pods.push(Pod {
            spec: place.clone(),
            metadata: around.map(|it| it.get("metadata")),
            shared: None,
            containers: CONTAINERS,
        });
        return;
    }
    if &*place.resource.kind == values::KIND && is_run(attr) {
        pods.push(Pod {
            spec: place.clone(),
            metadata: None,
            shared: None,
            containers: &[""],
        });
    }
    for (_, inner) in place.entries() {
        find_pods(&inner, Some(place), depth, pods);
    }
    if matches!(attr.value, Value::List(_)) {
        for inner in place.items() {
            find_pods(&inner, Some(place), depth, pods);
        }
    }
}

fn pods_at<'a>(resource: &'a Resource, way: &'static Way) -> Vec<Pod<'a>> {
    let around = way.spec.strip_suffix("spec");
    let around = around.filter(|around| around.is_empty() || around.ends_with('.'));
    let pod = |spec: Cursor<'a>, metadata| Pod {
        spec,
        metadata,
        shared: way.shared.map(|shared| resource.at(shared)),
        containers: way.containers,
    };
    match around {
        Some(around) => {
            let templates = resource.cursor().walk(around.trim_end_matches('.'));
            let templates = templates.into_iter();
            let there = templates.filter(|it| !it.get("spec").is_absent().is_yes());
            there
                .map(|it| pod(it.get("spec"), Some(it.get("metadata"))))
                .collect()
        }
        None => {
            let specs = resource.cursor().walk(way.spec).into_iter();
            specs.map(|spec| pod(spec, None)).collect()
        }
    }
}
