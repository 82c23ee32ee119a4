//! Who is judged for whom. A Deployment makes a ReplicaSet and that its pods: what is wrong with one is
//! wrong with all, and is told once, of the one that somebody wrote.
//!
//! An owner is what an object says it is, and whoever may create pods may name one. So an owner stands
//! for what it has only where that is what it asks for; an object that differs (something was injected,
//! an older revision still runs, somebody lies) is judged by itself, once for all that are alike.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::document::Key;

/// The objects for which another one is judged.
pub(crate) fn stood_for(objects: &BTreeMap<Key, Value>) -> BTreeSet<Key> {
    let by_uid: HashMap<&str, (&Key, &Value)> = objects
        .iter()
        .filter_map(|(key, object)| Some((object["metadata"]["uid"].as_str()?, (key, object))))
        .collect();
    let owner = |key: &Key, object: &Value| -> Option<(&Key, &Value)> {
        let references = object["metadata"]["ownerReferences"].as_array()?;
        let controller = references.iter().find(|it| it["controller"] == true)?;
        let (owner, body) = *by_uid.get(controller["uid"].as_str()?)?;
        let is_near = owner.namespace == key.namespace || owner.namespace.is_empty();
        is_near.then_some((owner, body))
    };
    let mut stood_for = BTreeSet::new();
    let mut idle = BTreeSet::new();
    for (key, object) in objects {
        let Some((above, body)) = owner(key, object).filter(|_| key.kind != "Pod") else {
            continue;
        };
        if let Some(template) = template_for(above, body, key)
            && asks_for(template, &object["spec"]["template"], "")
        {
            stood_for.insert(key.clone());
        } else if is_of_apps(above, "Deployment")
            && is_of_apps(key, "ReplicaSet")
            && object["spec"]["replicas"] == 0
        {
            // An earlier revision, kept to go back to. It runs nothing.
            idle.insert(key.clone());
        }
    }
    let mut shapes = BTreeSet::new();
    for (key, object) in objects.iter().filter(|(key, _)| is_pod(key)) {
        let Some((above, body)) = owner(key, object) else {
            continue;
        };
        let template = template_for(above, body, key).filter(|_| !idle.contains(above));
        let is_asked_for = template.is_some_and(|it| asks_for(it, object, &key.name));
        let shape = || {
            (
                above.clone(),
                // What is of the cluster may own pods of any namespace.
                key.namespace.clone(),
                reduced(&object["spec"], &key.name).to_string(),
                labels(object),
                annotations(object),
            )
        };
        if is_asked_for || !shapes.insert(shape()) {
            stood_for.insert(key.clone());
        }
    }
    stood_for.append(&mut idle);
    stood_for
}

fn is_of_apps(key: &Key, kind: &str) -> bool {
    key.group == "apps" && key.kind == kind
}

fn is_pod(key: &Key) -> bool {
    key.group.is_empty() && key.kind == "Pod"
}

/// The template by which an owner makes an object of this kind, where Kubernetes' own controllers do.
fn template_for<'a>(owner: &Key, body: &'a Value, made: &Key) -> Option<&'a Value> {
    let spec = &body["spec"];
    match (&*owner.group, &*owner.kind, &*made.group, &*made.kind) {
        ("apps", "Deployment", "apps", "ReplicaSet")
        | ("apps", "ReplicaSet" | "StatefulSet" | "DaemonSet", "", "Pod")
        | ("batch", "Job", "", "Pod")
        | ("", "ReplicationController", "", "Pod") => Some(&spec["template"]),
        ("batch", "CronJob", "batch", "Job") => Some(&spec["jobTemplate"]["spec"]["template"]),
        _ => None,
    }
}

/// Whether `template` asks for a pod as `made` describes it.
fn asks_for(template: &Value, made: &Value, pod: &str) -> bool {
    labels(template) == labels(made)
        && annotations(template) == annotations(made)
        && template["spec"].is_object()
        && reduced(&template["spec"], "") == reduced(&made["spec"], pod)
}

/// What Services and NetworkPolicies choose pods by, so that one label more is another pod. All count but
/// those by which controllers tell apart what they make.
fn labels(object: &Value) -> BTreeMap<String, String> {
    texts(&object["metadata"]["labels"], WRITTEN_BY_CONTROLLERS)
}

/// What else is asked of a pod: profiles of AppArmor and seccomp are, or were, annotations. All count but
/// those that are known to be written into pods by what runs the cluster.
fn annotations(object: &Value) -> BTreeMap<String, String> {
    texts(&object["metadata"]["annotations"], WRITTEN_INTO_PODS)
}

fn texts(map: &Value, but: &[&str]) -> BTreeMap<String, String> {
    let all = map.as_object().into_iter().flatten();
    all.filter(|(name, _)| !but.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.to_string()))
        .collect()
}

/// Whether a volume is the one that the API server gives each pod, and nothing else: its name alone could
/// be that of any projection, say of a Secret
/// (<https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-token-volume>).
fn is_token(volume: &Value) -> bool {
    let mut sources = volume["projected"]["sources"].clone();
    if let Some(Value::Object(token)) = sources.pointer_mut("/0/serviceAccountToken") {
        token.remove("expirationSeconds");
    }
    let name = volume["name"].as_str().unwrap_or_default();
    name.starts_with(TOKEN_VOLUME)
        && sources
            == json!([
                { "serviceAccountToken": { "path": "token" } },
                { "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                } },
                { "downwardAPI": { "items": [{
                    "path": "namespace",
                    "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                }] } },
            ])
}

/// A PodSpec without what the cluster fills in of itself: where the pod runs, its name on the network,
/// and the volume with its token.
fn reduced(spec: &Value, pod: &str) -> Value {
    let Value::Object(mut fields) = spec.clone() else {
        return Value::Null;
    };
    for field in FILLED_IN {
        fields.remove(*field);
    }
    if fields
        .get("serviceAccountName")
        .is_some_and(|it| it == "default")
    {
        fields.remove("serviceAccountName");
    }
    let mut tokens = Vec::new();
    retain(&mut fields, "volumes", |volume| {
        if is_token(volume) {
            tokens.push(volume["name"].clone());
            return false;
        }
        let name = volume["name"].as_str().unwrap_or_default();
        let claim = &volume["persistentVolumeClaim"]["claimName"];
        pod.is_empty() || *claim != format!("{name}-{pod}")
    });
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in fields
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Value::Object(container) = container {
                retain(container, "volumeMounts", |it| {
                    it["mountPath"] != TOKEN_PATH || !tokens.contains(&it["name"])
                });
            }
        }
    }
    Value::Object(fields)
}

/// Leaves the items of a list that are to stay, and no list of none.
fn retain(fields: &mut Map<String, Value>, list: &str, stays: impl FnMut(&Value) -> bool) {
    if let Some(Value::Array(items)) = fields.get_mut(list) {
        items.retain(stays);
        if items.is_empty() {
            fields.remove(list);
        }
    }
}

const FILLED_IN: &[&str] = &[
    "affinity",
    "enableServiceLinks",
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "preemptionPolicy",
    "priority",
    "serviceAccount",
    "subdomain",
    "tolerations",
];

/// Labels (<https://kubernetes.io/docs/reference/labels-annotations-taints/>).
const WRITTEN_BY_CONTROLLERS: &[&str] = &[
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

const WRITTEN_INTO_PODS: &[&str] = &[
    "batch.kubernetes.io/job-completion-index",
    "cni.projectcalico.org/containerID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "k8s.ovn.org/pod-networks",
    "k8s.v1.cni.cncf.io/network-status",
    "kubernetes.io/limit-ranger",
    "kubernetes.io/psp",
    "openshift.io/scc",
];

const TOKEN_VOLUME: &str = "kube-api-access-";
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: &str, kind: &str, name: &str) -> Key {
        Key {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: "ml".to_owned(),
            name: name.to_owned(),
        }
    }

    fn pod_spec(image: &str) -> Value {
        json!({ "containers": [{ "name": "a", "image": image }] })
    }

    fn template(image: &str) -> Value {
        json!({ "metadata": { "labels": { "app": "a" } }, "spec": pod_spec(image) })
    }

    fn owned(uid: &str, owner: &str) -> Value {
        json!({
            "uid": uid,
            "labels": { "app": "a", "pod-template-hash": "x" },
            "ownerReferences": [{ "uid": owner, "controller": true }],
        })
    }

    /// What the API server makes of a template: a pod on a node, with a token. The volume is written out, and
    /// not made by what recognises it, which would agree with itself whatever it says.
    fn running(image: &str) -> Value {
        json!({
            "nodeName": "n",
            "serviceAccountName": "default",
            "containers": [{
                "name": "a",
                "image": image,
                "volumeMounts": [{ "name": "kube-api-access-q", "mountPath": TOKEN_PATH }],
            }],
            "volumes": [{ "name": "kube-api-access-q", "projected": { "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{ "key": "ca.crt", "path": "ca.crt" }],
                } },
                { "downwardAPI": { "items": [{
                    "path": "namespace",
                    "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" },
                }] } },
            ] } }],
        })
    }

    fn objects(more: Vec<(Key, Value)>) -> BTreeMap<Key, Value> {
        let set = |uid: &str, image: &str, replicas: u64| {
            json!({
                "metadata": owned(uid, "d"),
                "spec": { "replicas": replicas, "template": template(image) },
            })
        };
        let mut objects = BTreeMap::from([
            (
                key("apps", "Deployment", "a"),
                json!({ "metadata": { "uid": "d" }, "spec": { "template": template("one") } }),
            ),
            (key("apps", "ReplicaSet", "a-1"), set("r", "one", 2)),
            (key("apps", "ReplicaSet", "a-0"), set("old", "zero", 0)),
        ]);
        objects.extend(more);
        objects
    }

    fn judged(more: Vec<(Key, Value)>) -> Vec<String> {
        let objects = objects(more);
        let stood_for = stood_for(&objects);
        let left = objects.keys().filter(|key| !stood_for.contains(key));
        left.map(|key| key.name.clone()).collect()
    }

    fn pod(name: &str, owner: &str, spec: &Value) -> (Key, Value) {
        let object = json!({ "metadata": owned(name, owner), "spec": spec });
        (key("", "Pod", name), object)
    }

    #[test]
    fn a_deployment_is_judged_once_for_all_that_it_makes() {
        let pods = vec![
            pod("p", "r", &running("one")),
            pod("q", "r", &running("one")),
        ];
        assert_eq!(judged(pods), ["a"]);
    }

    #[test]
    fn a_pod_that_only_says_whose_it_is_is_judged_by_itself() {
        let mut worse = running("one");
        worse["hostPID"] = true.into();
        // Of another revision, of a set that runs nothing, with a container more.
        for (owner, spec) in [
            ("r", worse),
            ("r", running("two")),
            ("old", running("zero")),
        ] {
            assert_eq!(judged(vec![pod("p", owner, &spec)]), ["p", "a"]);
        }
        assert_eq!(
            judged(vec![pod("p", "not-there", &running("one"))]),
            ["p", "a"]
        );
        let mut plain = pod("p", "r", &running("one"));
        plain.1["metadata"]["ownerReferences"][0]["controller"] = false.into();
        assert_eq!(judged(vec![plain]), ["p", "a"]);
    }

    #[test]
    fn pods_that_are_alike_are_judged_once() {
        let mut injected = running("one");
        injected["initContainers"] = json!([{ "name": "mesh", "image": "m" }]);
        let pods = ["p", "q", "s"].map(|name| pod(name, "r", &injected));
        assert_eq!(judged(pods.to_vec()), ["p", "a"]);
    }

    #[test]
    fn what_annotations_ask_for_counts() {
        let with = |pod: &mut (Key, Value), name: &str, value: &str| {
            pod.1["metadata"]["annotations"] = json!({ name: value });
        };
        let mut unconfined = pod("p", "r", &running("one"));
        let apparmor = "container.apparmor.security.beta.kubernetes.io/a";
        with(&mut unconfined, apparmor, "unconfined");
        assert_eq!(judged(vec![unconfined.clone()]), ["p", "a"]);
        // Alike is only what has the same ones.
        let mut injected = running("one");
        injected["initContainers"] = json!([{ "name": "mesh", "image": "m" }]);
        let mut other = pod("q", "r", &injected);
        with(&mut other, apparmor, "unconfined");
        let pods = vec![pod("p", "r", &injected), other];
        assert_eq!(judged(pods), ["p", "q", "a"]);
        let mut scheduled = pod("p", "r", &running("one"));
        with(
            &mut scheduled,
            "cni.projectcalico.org/podIP",
            "192.0.2.1/32",
        );
        assert_eq!(judged(vec![scheduled]), ["a"]);
    }

    #[test]
    fn what_labels_choose_a_pod_by_counts() {
        let with = |pod: &mut (Key, Value), name: &str| {
            pod.1["metadata"]["labels"][name] = "x".into();
        };
        let mut chosen = pod("p", "r", &running("one"));
        with(&mut chosen, "exposed");
        assert_eq!(judged(vec![chosen]), ["p", "a"]);
        // Alike is only what has the same ones.
        let mut injected = running("one");
        injected["initContainers"] = json!([{ "name": "mesh", "image": "m" }]);
        let mut other = pod("q", "r", &injected);
        with(&mut other, "exposed");
        let pods = vec![pod("p", "r", &injected), other];
        assert_eq!(judged(pods), ["p", "q", "a"]);
        let mut made = pod("p", "r", &running("one"));
        for name in WRITTEN_BY_CONTROLLERS {
            with(&mut made, name);
        }
        assert_eq!(judged(vec![made]), ["a"]);
    }

    #[test]
    fn pods_of_two_namespaces_are_not_alike() {
        let mut owner = key("x.io", "Fleet", "f");
        owner.namespace.clear();
        let (near, object) = pod("p", "f", &running("one"));
        let mut far = near.clone();
        far.namespace = "zoo".to_owned();
        let all = vec![
            (owner, json!({ "metadata": { "uid": "f" } })),
            (near, object.clone()),
            (far, object),
        ];
        assert_eq!(judged(all).iter().filter(|name| *name == "p").count(), 2);
    }

    #[test]
    fn a_volume_is_no_token_by_its_name_alone() {
        let mut projecting = running("one");
        projecting["volumes"][0]["projected"]["sources"] = json!([{ "secret": { "name": "s" } }]);
        let mut addressed = running("one");
        let token = &mut addressed["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
        token["audience"] = "vault".into();
        let mut mounting = running("one");
        mounting["containers"][0]["volumeMounts"] =
            json!([{ "name": "other", "mountPath": TOKEN_PATH }]);
        for spec in [projecting, addressed, mounting] {
            assert_eq!(judged(vec![pod("p", "r", &spec)]), ["p", "a"]);
        }
    }

    #[test]
    fn only_an_earlier_revision_of_a_deployment_runs_nothing() {
        let mut metadata = owned("x", "d");
        metadata["name"] = "x".into();
        let idle = json!({ "metadata": metadata, "spec": { "replicas": 0 } });
        assert_eq!(
            judged(vec![(key("ray.io", "RayCluster", "x"), idle.clone())]),
            ["a", "x"]
        );
        assert_eq!(
            judged(vec![(key("ray.io", "ReplicaSet", "x"), idle)]),
            ["a", "x"]
        );
    }

    #[test]
    fn the_claims_of_a_stateful_set_are_its_own() {
        let set = json!({ "metadata": { "uid": "s" }, "spec": { "template": template("one") } });
        let mut spec = running("one");
        let claim = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data-s-0" } });
        spec["volumes"].as_array_mut().expect("volumes").push(claim);
        let all = vec![
            (key("apps", "StatefulSet", "s"), set),
            pod("s-0", "s", &spec),
        ];
        assert_eq!(judged(all), ["a", "s"]);
    }
}
