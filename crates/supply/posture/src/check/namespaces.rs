//! Namespaces: what they admit, and what they may use.

use std::{borrow::Cow, collections::HashMap};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Check, Family, Persona, Report, workload::Pod, workloads::Workloads};
use crate::{Fact, Resource};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&DEFAULT, Persona::Auditor),
        (&PRIVILEGED, Persona::Regular),
        (&NO_LEVEL, Persona::Pedantic),
        (&NO_QUOTA, Persona::Pedantic),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for pod in &workloads.pods {
        let namespace = pod.resource().at("metadata.namespace");
        report.when(namespace.equals("default"), &DEFAULT, &namespace, || {
            "the workload is in the namespace `default`".to_owned()
        });
    }
    let mut gpus = HashMap::new();
    for pod in &workloads.pods {
        if let (Some(namespace), Some(gpu)) = (pod.resource().namespace(), gpu_of(pod)) {
            gpus.entry(namespace).or_insert(gpu);
        }
    }
    let mut quotas: HashMap<&str, Vec<&Resource>> = HashMap::new();
    for quota in world.of_kind("ResourceQuota") {
        if let Some(namespace) = quota.namespace() {
            quotas.entry(namespace).or_default().push(quota);
        }
    }
    for namespace in world.of_kind("Namespace") {
        let labels = namespace.at("metadata.labels");
        let level = labels.get("pod-security.kubernetes.io/enforce");
        report.when(level.equals("privileged"), &PRIVILEGED, &level, || {
            "the namespace takes privileged pods".to_owned()
        });
        report.when(level.is_absent(), &NO_LEVEL, &level, || {
            "the namespace enforces no level".to_owned()
        });
        let Fact::Known(name) = namespace.at("metadata.name").text() else {
            continue;
        };
        let Some(gpu) = gpus.get(&*name) else {
            continue;
        };
        let key = format!("requests.{gpu}");
        let quotas = quotas.get(&*name).map_or(&[][..], Vec::as_slice);
        let has_quota = quotas
            .iter()
            .any(|quota| !quota.at("spec.hard").get(&key).is_absent().is_yes());
        report.when(
            (!has_quota).into(),
            &NO_QUOTA,
            &namespace.at("metadata.name"),
            || format!("no ResourceQuota here bounds {gpu}"),
        );
    }
}

/// The first kind of GPU that a pod asks for.
fn gpu_of(pod: &Pod<'_>) -> Option<String> {
    let containers = pod.containers();
    containers.iter().find_map(|container| {
        let limits = container.cursor.at("resources.limits");
        let mut keys = limits.entries().into_iter().map(|(key, _)| key);
        keys.find(|key| is_gpu(key)).map(str::to_owned)
    })
}

/// Whether a resource of a node is a GPU, or a part of one: `nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`.
pub(super) fn is_gpu(resource: &str) -> bool {
    let (vendor, name) = resource.split_once('/').unwrap_or_default();
    match vendor {
        "nvidia.com" => name.starts_with("gpu") || name.starts_with("mig-"),
        "amd.com" => name == "gpu",
        "gpu.intel.com" => true,
        _ => false,
    }
}

static DEFAULT: Rule = Rule {
    id: RuleId::new("CM-NS-001"),
    title: Cow::Borrowed("A workload is in the namespace `default`"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Policies, quotas and roles are by namespace; what is in `default` shares them with everything that \
         names none.",
    ),
    remediation: Cow::Borrowed("Give the workload a namespace."),
    references: Cow::Borrowed(&[Reference::new(
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",
    )]),
    bad: Some(Example::new("object.yaml", DEFAULT_BAD)),
    good: Some(Example::new("object.yaml", DEFAULT_GOOD)),
};

static PRIVILEGED: Rule = Rule {
    id: RuleId::new("CM-NS-002"),
    title: Cow::Borrowed("A namespace takes privileged pods"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With the level `privileged` the admission of Kubernetes refuses no pod of the namespace, whatever it \
         asks of its node.",
    ),
    remediation: Cow::Borrowed(
        "Enforce `baseline` or `restricted`, and keep what needs more in a namespace of its own.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-admission/"),
    ]),
    bad: Some(Example::new("object.yaml", PRIVILEGED_BAD)),
    good: Some(Example::new("object.yaml", PRIVILEGED_GOOD)),
};

static NO_LEVEL: Rule = Rule {
    id: RuleId::new("CM-NS-003"),
    title: Cow::Borrowed("A namespace enforces no level of pod security"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Without the label the admission of Kubernetes refuses no pod, unless the cluster has another \
         default.",
    ),
    remediation: Cow::Borrowed("Add the label `pod-security.kubernetes.io/enforce: restricted`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1188"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-admission/"),
    ]),
    bad: Some(Example::new("object.yaml", NO_LEVEL_BAD)),
    good: Some(Example::new("object.yaml", NO_LEVEL_GOOD)),
};

static NO_QUOTA: Rule = Rule {
    id: RuleId::new("CM-NS-004"),
    title: Cow::Borrowed("GPUs of a namespace have no quota"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Pods that are declared here ask for GPUs in a namespace that has no ResourceQuota for them: one \
         user, or one stolen token, takes all of them.",
    ),
    remediation: Cow::Borrowed("Add a ResourceQuota with `requests.nvidia.com/gpu`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-770"),
        Reference::new("T1496"),
        Reference::new("https://kubernetes.io/docs/concepts/policy/resource-quotas/"),
    ]),
    bad: Some(Example::new("objects.txtar", NO_QUOTA_BAD)),
    good: Some(Example::new("objects.txtar", NO_QUOTA_GOOD)),
};

const DEFAULT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: default}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const DEFAULT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const PRIVILEGED_BAD: &[u8] = br"apiVersion: v1
kind: Namespace
metadata:
  name: ml
  labels: {pod-security.kubernetes.io/enforce: privileged}
";

const PRIVILEGED_GOOD: &[u8] = br"apiVersion: v1
kind: Namespace
metadata:
  name: ml
  labels: {pod-security.kubernetes.io/enforce: restricted}
";

const NO_LEVEL_BAD: &[u8] = br"apiVersion: v1
kind: Namespace
metadata:
  name: ml
";

const NO_LEVEL_GOOD: &[u8] = br"apiVersion: v1
kind: Namespace
metadata:
  name: ml
  labels: {pod-security.kubernetes.io/enforce: baseline}
";

const NO_QUOTA_BAD: &[u8] = br"-- ns.yaml --
apiVersion: v1
kind: Namespace
metadata:
  name: ml
-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {nvidia.com/gpu: 1}}
";

const NO_QUOTA_GOOD: &[u8] = br"-- ns.yaml --
apiVersion: v1
kind: Namespace
metadata:
  name: ml
-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {nvidia.com/gpu: 1}}
-- quota.yaml --
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: ml}
spec: {hard: {requests.nvidia.com/gpu: 4}}
";
