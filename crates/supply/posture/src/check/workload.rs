//! The pods that objects of Kubernetes make, whatever their kind.

use crate::{Cursor, Language, World};

/// A pod that some object asks for.
#[derive(Clone, Debug)]
pub(crate) struct Pod<'a> {
    /// Its `spec`.
    pub(crate) spec: Cursor<'a>,
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub(crate) struct Container<'a> {
    /// It.
    pub(crate) cursor: Cursor<'a>,
    /// Its name, for messages.
    pub(crate) name: String,
}

impl<'a> Pod<'a> {
    /// Every container, those that run first and those that debug included.
    pub(crate) fn containers(&self) -> Vec<Container<'a>> {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let cursors = lists.iter().flat_map(|list| self.spec.get(list).items());
        let container = |cursor: Cursor<'a>| Container {
            name: cursor.get("name").shown(),
            cursor,
        };
        cursors.map(container).collect()
    }
}

/// The pods of all objects.
pub(crate) fn pods(world: &World) -> Vec<Pod<'_>> {
    let mut pods = Vec::new();
    for resource in world.resources() {
        if resource.language != Language::Kubernetes {
            continue;
        }
        let ways = POD_TEMPLATES
            .iter()
            .filter(|(kind, _)| **kind == *resource.kind);
        for (_, way) in ways {
            for template in walk(resource.cursor(), way) {
                pods.push(Pod {
                    spec: template.get("spec"),
                });
            }
        }
    }
    pods
}

/// Everything at `way`, its keys between dots; `[]` behind one stands for each item of a list, and
/// nothing for the place itself.
fn walk<'a>(from: Cursor<'a>, way: &str) -> Vec<Cursor<'a>> {
    let keys = way.split('.').filter(|key| !key.is_empty());
    keys.fold(vec![from], |places, key| {
        let step = |place: Cursor<'a>| match key.strip_suffix("[]") {
            Some(list) => place.get(list).items(),
            None => vec![place.get(key)],
        };
        places.into_iter().flat_map(step).collect()
    })
}

/// Where kinds of objects have the `metadata` and `spec` of a pod.
const POD_TEMPLATES: &[(&str, &str)] = &[
    ("Pod", ""),
    ("PodTemplate", "template"),
    ("Deployment", "spec.template"),
    ("StatefulSet", "spec.template"),
    ("DaemonSet", "spec.template"),
    ("ReplicaSet", "spec.template"),
    ("ReplicationController", "spec.template"),
    ("Job", "spec.template"),
    ("CronJob", "spec.jobTemplate.spec.template"),
    ("RayCluster", "spec.headGroupSpec.template"),
    ("RayCluster", "spec.workerGroupSpecs[].template"),
];
