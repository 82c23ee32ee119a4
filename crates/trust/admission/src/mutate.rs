//! Repairs of what is created: fields that are added where they are not there.

use std::{collections::BTreeMap, sync::LazyLock};

use casemate_core::RuleId;
use casemate_posture::check::pod_specs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::patch::{self, Operation, escaped};

/// A repair: one field, and where it is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What it is called.
    pub name: String,
    /// The rule that it repairs, where it repairs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Of what the field is.
    pub at: Of,
    /// The way to the field from there: `securityContext.seccompProfile`.
    pub path: String,
    /// What it becomes, where it is not there.
    pub value: Value,
    /// Not where a pod says that it runs on Windows.
    #[serde(default)]
    pub linux: bool,
    /// Only in the templates of workloads, and not in a Pod itself.
    #[serde(default)]
    pub template: bool,
    /// Not where one of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Unless>,
}

/// Of what a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// What has the fields of a PodSpec.
    Pod,
    /// Each container of a pod, those that run first too.
    Container,
}

/// What keeps a repair away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unless {
    /// The way to a field, from where the repair begins.
    pub path: String,
    /// It has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Value>,
    /// It is a list with this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<Value>,
}

/// What is wrong with repairs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MutationError {
    /// There is none of that name.
    #[error("there is no mutation `{0}`; these are: {1}")]
    Unknown(String, String),
    /// There are two.
    #[error("there are two mutations `{0}`")]
    Twice(String),
    /// One says nothing.
    #[error("the mutation `{0}` has an empty path, or an `unless` with neither `is` nor `has`")]
    Empty(String),
    /// A path may name something else than was meant.
    #[error(
        "the mutation `{0}` has the path `{1}`: each dot begins a field of its own, so that keys with dots, as labels and \
         resources have them, cannot be named; give the whole map as `value`"
    )]
    Split(String, String),
}

impl Mutation {
    /// Those that are built in.
    pub fn builtin() -> &'static [Self] {
        &BUILTIN
    }

    /// The names of those that are made unless somebody says otherwise.
    pub(crate) fn defaults() -> Vec<String> {
        BUILTIN.iter().map(|it| it.name.clone()).collect()
    }

    /// Those of `names`, out of what is built in and `own`, in that order.
    ///
    /// # Errors
    ///
    /// See [`MutationError`].
    pub(crate) fn chosen(names: &[String], own: &[Self]) -> Result<Vec<Self>, MutationError> {
        let mut known: BTreeMap<&str, &Self> = BTreeMap::new();
        for mutation in BUILTIN.iter().chain(own) {
            let name = mutation.name.clone();
            let says_nothing = |unless: &Unless| unless.is.is_none() && unless.has.is_none();
            if mutation.path.split('.').any(str::is_empty)
                || mutation.unless.iter().any(says_nothing)
            {
                return Err(MutationError::Empty(name));
            }
            if let Some(path) = mutation.paths().find(|path| !is_of_fields(path)) {
                return Err(MutationError::Split(name, path.to_owned()));
            }
            if known.insert(&mutation.name, mutation).is_some() {
                return Err(MutationError::Twice(name));
            }
        }
        let all = || known.keys().copied().collect::<Vec<_>>().join(", ");
        let named = names.iter().map(|name| {
            let mutation = known.get(name.as_str()).map(|it| (*it).clone());
            mutation.ok_or_else(|| MutationError::Unknown(name.clone(), all()))
        });
        named.collect()
    }

    fn is_for(&self, kind: &str, is_windows: bool) -> bool {
        let is_elsewhere = self.linux && is_windows;
        let is_too_late = self.template && kind == "Pod";
        !is_elsewhere && !is_too_late
    }

    /// The paths that it names.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let unless = self.unless.iter().map(|it| it.path.as_str());
        std::iter::once(self.path.as_str()).chain(unless)
    }

    /// The step that it takes at `pointer`, where it takes one.
    fn step(&self, object: &Value, pointer: &str) -> Option<Operation> {
        let at = object.pointer(pointer)?;
        if self.unless.iter().any(|unless| unless.holds(at)) {
            return None;
        }
        let keys: Vec<&str> = self.path.split('.').collect();
        Operation::fill(object, pointer, &keys, &self.value)
    }
}

impl Unless {
    fn holds(&self, at: &Value) -> bool {
        let found = self.path.split('.').try_fold(at, |at, key| at.get(key));
        let Some(found) = found else {
            return false;
        };
        let has = |wanted: &Value| found.as_array().is_some_and(|items| items.contains(wanted));
        self.is.as_ref().is_some_and(|wanted| wanted == found) || self.has.as_ref().is_some_and(has)
    }
}

/// What becomes of an object.
pub(crate) struct Repair {
    /// What is added.
    pub(crate) patch: Vec<Operation>,
    /// The object as it is then.
    pub(crate) changed: Value,
    /// There is more of it than is repaired.
    pub(crate) is_partial: bool,
}

/// What `mutations` change of an object of `kind`. Asked of what came of it, they change nothing, unless it is partial.
pub(crate) fn repair(mutations: &[Mutation], kind: &str, object: &Value) -> Repair {
    let (pods, mut is_partial) = pods(kind, object);
    let mut changed = object.clone();
    let mut patch = Vec::new();
    'pods: for pod in pods {
        let is_windows = object
            .pointer(&format!("{pod}/os/name"))
            .is_some_and(|name| name == "windows");
        let containers = containers(object, &pod);
        for mutation in mutations.iter().filter(|it| it.is_for(kind, is_windows)) {
            let places = match mutation.at {
                Of::Pod => std::slice::from_ref(&pod),
                Of::Container => &containers[..],
            };
            for place in places {
                let Some(step) = mutation.step(&changed, place) else {
                    continue;
                };
                if patch.len() == MAX_STEPS {
                    is_partial = true;
                    break 'pods;
                }
                if patch::put(&mut changed, &step).is_ok() {
                    patch.push(step);
                }
            }
        }
    }
    Repair {
        patch,
        changed,
        is_partial,
    }
}

/// Whether a path is one of fields alone: their names are words, and below a map of names there is one key.
fn is_of_fields(path: &str) -> bool {
    let keys: Vec<&str> = path.split('.').collect();
    let is_word = |key: &&str| {
        key.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let below = keys.iter().position(|key| MAPS.contains(key));
    keys.iter().all(is_word) && below.is_none_or(|at| keys.len() - at <= 2)
}

/// The pointers to what has all of a pod, and whether there are more: where no container is named, the rest is somewhere else.
fn pods(kind: &str, object: &Value) -> (Vec<String>, bool) {
    let (mut pods, mut has_more) = (Vec::new(), false);
    for way in pod_specs(kind) {
        let mut places = vec![String::new()];
        for step in way.split('.') {
            let (key, is_list) = match step.strip_suffix("[]") {
                Some(key) => (key, true),
                None => (step, false),
            };
            let below = |place: String| -> Vec<String> {
                let named = format!("{place}/{key}");
                match object.pointer(&named) {
                    _ if key == "*" => members(object.pointer(&place), &place),
                    Some(Value::Array(items)) if is_list => {
                        (0..items.len()).map(|at| format!("{named}/{at}")).collect()
                    }
                    Some(Value::Object(_)) if !is_list => vec![named],
                    _ => Vec::new(),
                }
            };
            places = places
                .into_iter()
                .flat_map(below)
                .take(MAX_PODS + 1)
                .collect();
            has_more |= places.len() > MAX_PODS;
            places.truncate(MAX_PODS);
        }
        pods.extend(
            places
                .into_iter()
                .filter(|it| !containers(object, it).is_empty()),
        );
    }
    pods.sort();
    pods.dedup();
    (pods, has_more)
}

fn members(value: Option<&Value>, place: &str) -> Vec<String> {
    let fields = value.and_then(Value::as_object);
    let keys = fields.into_iter().flatten().map(|(key, _)| key);
    keys.map(|key| format!("{place}/{}", escaped(key)))
        .collect()
}

fn containers(object: &Value, pod: &str) -> Vec<String> {
    let mut containers = Vec::new();
    for list in ["containers", "initContainers"] {
        let list = format!("{pod}/{list}");
        let items = object.pointer(&list).and_then(Value::as_array);
        let count = items.map_or(0, Vec::len);
        containers.extend((0..count).map(|at| format!("{list}/{at}")));
    }
    containers
}

static BUILTIN: LazyLock<Vec<Mutation>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Table {
        mutation: Vec<Mutation>,
    }
    let text = include_str!("../../../../content/admission/mutations.toml");
    let table: Table = toml::from_str(text).expect("the table is right: a test reads it");
    table.mutation
});

/// Fields whose keys are names that somebody chose.
const MAPS: &[&str] = &[
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "requests",
];

/// What is told where there is more than these bounds let through.
pub(crate) const PARTIAL: &str =
    "repairs end after 1,000 pods in an object or 2,000 fields: the rest of it was not repaired";
const MAX_PODS: usize = 1_000;
/// A patch is applied to a copy of the object, and each step goes back to the API server: neither may grow with what somebody sends.
const MAX_STEPS: usize = 2_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn repaired(kind: &str, object: &Value) -> (Vec<Operation>, Value) {
        let repair = repair(Mutation::builtin(), kind, object);
        assert!(!repair.is_partial);
        (repair.patch, repair.changed)
    }

    #[test]
    fn a_pod_is_given_what_it_lacks_and_keeps_what_it_has() {
        let pod = json!({"spec": {
            "automountServiceAccountToken": true,
            "containers": [
                {"name": "a", "image": "a"},
                {"name": "b", "image": "b", "securityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
            ],
            "initContainers": [{"name": "c", "image": "c", "securityContext": {"privileged": true}}],
        }});
        let (patch, changed) = repaired("Pod", &pod);
        assert_eq!(patch::apply(&pod, &patch).expect("applies"), changed);
        let spec = &changed["spec"];
        assert_eq!(spec["automountServiceAccountToken"], true);
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"],
            "RuntimeDefault"
        );
        assert_eq!(
            spec["containers"][0]["securityContext"],
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
        );
        assert_eq!(
            spec["containers"][1]["securityContext"],
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["NET_RAW"]}})
        );
        // The API server refuses a privileged container that may not gain rights.
        assert_eq!(spec["initContainers"][0], pod["spec"]["initContainers"][0]);
    }

    #[test]
    fn applied_twice_a_patch_changes_nothing() {
        let pod = json!({"containers": [{"image": "a"}], "securityContext": null});
        for (kind, object) in [
            ("Pod", json!({"spec": pod})),
            (
                "CronJob",
                json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
            ),
            (
                "RayCluster",
                json!({"spec": {"headGroupSpec": {"template": {"spec": pod}},
                    "workerGroupSpecs": [{"template": {"spec": pod}}, {"template": {"spec": pod}}]}}),
            ),
            (
                "PyTorchJob",
                json!({"spec": {"pytorchReplicaSpecs": {"a/b": {"template": {"spec": pod}}}}}),
            ),
        ] {
            let (patch, changed) = repaired(kind, &object);
            assert!(!patch.is_empty(), "{kind}");
            assert_eq!(patch::apply(&object, &patch).expect("applies"), changed);
            assert_eq!(
                repaired(kind, &changed),
                (Vec::new(), changed.clone()),
                "{kind}"
            );
        }
    }

    #[test]
    fn windows_and_what_is_no_pod_are_left_alone() {
        let pod = json!({"spec": {"os": {"name": "windows"}, "containers": [{"image": "a"}]}});
        let (patch, _) = repaired("Pod", &pod);
        assert_eq!(patch, []);
        for (kind, object) in [
            ("Pod", json!({"spec": {"containers": "none"}})),
            ("Pod", json!([])),
            (
                "ConfigMap",
                json!({"spec": {"containers": [{"image": "a"}]}}),
            ),
            (
                "RayCluster",
                json!({"spec": {"workerGroupSpecs": {"template": {}}}}),
            ),
        ] {
            assert_eq!(repaired(kind, &object).0, [], "{kind} {object}");
        }
    }

    #[test]
    fn a_token_is_taken_from_templates_and_not_from_pods() {
        // The API server has put the token into a Pod by the time it asks.
        let pod = json!({"spec": {"containers": [{"image": "a"}]}});
        let whole = json!({"spec": {"template": pod}});
        let has = |kind: &str, object: &Value| {
            let (patch, _) = repaired(kind, object);
            patch
                .iter()
                .any(|it| it.path.ends_with("/automountServiceAccountToken"))
        };
        assert!(has("Deployment", &whole) && !has("Pod", &pod));
    }

    #[test]
    fn many_containers_are_repaired_in_one_pass_and_too_many_in_part() {
        let pod =
            |count: usize| json!({"spec": {"containers": vec![json!({"image": "a"}); count]}});
        let of_containers: Vec<Mutation> = Mutation::builtin()
            .iter()
            .filter(|it| it.at == Of::Container)
            .cloned()
            .collect();
        assert_eq!(of_containers.len(), 2);
        for (count, is_partial) in [(1_000, false), (1_001, true)] {
            let pod = pod(count);
            let repair = repair(&of_containers, "Pod", &pod);
            assert_eq!(repair.patch.len(), MAX_STEPS);
            assert_eq!(repair.is_partial, is_partial);
            assert_eq!(
                patch::apply(&pod, &repair.patch).expect("applies"),
                repair.changed
            );
        }
    }

    #[test]
    fn pods_past_the_bound_are_not_repaired_and_that_is_known() {
        let template = json!({"template": {"spec": {"containers": [{"image": "a", "securityContext": {"privileged": true}}]}}});
        for (count, is_partial) in [(MAX_PODS, false), (MAX_PODS + 1, true)] {
            let groups = vec![template.clone(); count];
            let cluster = json!({"spec": {"workerGroupSpecs": groups}});
            let repair = repair(&[], "RayCluster", &cluster);
            assert_eq!((repair.patch, repair.is_partial), (Vec::new(), is_partial));
        }
    }

    #[test]
    fn names_are_known_and_their_own() {
        let own = Mutation {
            name: "own".to_owned(),
            rule: None,
            at: Of::Pod,
            path: "enableServiceLinks".to_owned(),
            value: json!(false),
            linux: false,
            template: false,
            unless: Vec::new(),
        };
        let names = ["own".to_owned()];
        assert_eq!(
            Mutation::chosen(&names, std::slice::from_ref(&own)),
            Ok(vec![own.clone()])
        );
        assert!(matches!(
            Mutation::chosen(&names, &[]),
            Err(MutationError::Unknown(..))
        ));
        let twice = [own.clone(), own.clone()];
        assert!(matches!(
            Mutation::chosen(&[], &twice),
            Err(MutationError::Twice(_))
        ));
        let empty = Mutation {
            path: "a..b".to_owned(),
            ..own.clone()
        };
        assert!(matches!(
            Mutation::chosen(&[], &[empty]),
            Err(MutationError::Empty(_))
        ));
        for path in [
            "nodeSelector.example.org",
            "resources.limits.nvidia.com/gpu",
            "a[0].b",
        ] {
            let split = Mutation {
                path: path.to_owned(),
                ..own.clone()
            };
            let refused = Mutation::chosen(&[], &[split]);
            assert!(matches!(refused, Err(MutationError::Split(..))), "{path}");
        }
    }
}
