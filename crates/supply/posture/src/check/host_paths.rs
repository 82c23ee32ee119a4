//! Directories of nodes in pods: any of them (the baseline of the Pod Security Standards), and those
//! that lead on.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Check, Family, Persona, Report, workloads::Workloads};
use crate::{Fact, Truth};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&HOST_PATH, Persona::Regular),
        (&SOCKET, Persona::Regular),
        (&NODE, Persona::Regular),
        (&DEVICE, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let _world = workloads.world;
    for pod in &workloads.pods {
        for volume in pod.volumes() {
            let path = volume.at("hostPath.path");
            let Fact::Known(text) = path.text() else {
                let is_there = !volume.get("hostPath").is_absent();
                report.when(is_there, &HOST_PATH, &volume.get("hostPath"), || {
                    "the pod mounts a directory of its node".to_owned()
                });
                continue;
            };
            let rule = kind(&text);
            report.when(Truth::Yes, rule, &path, || {
                format!("the pod mounts {text} of its node")
            });
        }
    }
}

/// The rule for what is at `path`.
fn kind(path: &str) -> &'static Rule {
    // `//var/run/` is `/var/run`, and `/var/run` is `/run`.
    let parts: Vec<&str> = path
        .split('/')
        .filter(|it| !it.is_empty() && *it != ".")
        .collect();
    let path = format!("/{}", parts.join("/"));
    let path = match path.strip_prefix("/var/run") {
        Some(rest) => format!("/run{rest}"),
        None => path,
    };
    let is_in = |list: &[&str]| {
        list.iter()
            .any(|it| path == *it || path.starts_with(&format!("{it}/")))
    };
    // `/dev/shm` is memory, no device.
    if SOCKETS.contains(&path.as_str()) {
        &SOCKET
    } else if is_in(DEVICES) && !is_in(&["/dev/shm"]) {
        &DEVICE
    } else if WHOLE.contains(&path.as_str()) || is_in(NODES) {
        &NODE
    } else {
        &HOST_PATH
    }
}

/// A socket, or a directory that has one.
const SOCKETS: &[&str] = &[
    "/run",
    "/run/docker.sock",
    "/run/docker",
    "/run/containerd",
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/crio",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/cri-dockerd.sock",
    "/run/dockershim.sock",
];

const DEVICES: &[&str] = &[
    "/dev",
    "/var/lib/kubelet/device-plugins",
    "/run/nvidia",
    "/usr/local/nvidia",
    "/run/nvidia-persistenced",
    "/run/nvidia-fabricmanager",
    "/home/kubernetes/bin/nvidia",
];

/// Only these themselves: what is below them may be anything.
const WHOLE: &[&str] = &["/", "/var", "/var/lib", "/home", "/usr", "/opt"];

const NODES: &[&str] = &[
    "/etc",
    "/root",
    "/boot",
    "/proc",
    "/sys",
    "/lib/modules",
    "/var/log",
    "/var/lib/kubelet",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/rancher",
    "/opt/cni",
];

static HOST_PATH: Rule = Rule {
    id: RuleId::new("CM-POD-020"),
    title: Cow::Borrowed("A pod mounts a directory of its node"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A volume of the kind `hostPath` gives a pod files of the node that it happens to run on: what is \
         written there outlives the pod, and is read by whoever runs there next, the weights and tokens that \
         a shared cache of models holds included. The baseline of the Pod Security Standards forbids it.",
    ),
    remediation: Cow::Borrowed(
        "Use a PersistentVolumeClaim, an `emptyDir` or an image volume in its place.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1611"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", HOST_PATH_BAD)),
    good: Some(Example::new("object.yaml", HOST_PATH_GOOD)),
};

static SOCKET: Rule = Rule {
    id: RuleId::new("CM-POD-021"),
    title: Cow::Borrowed("A pod mounts the socket of a container runtime"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Whoever can write to the socket of Docker, containerd or CRI-O starts a privileged container on the \
         node, and is root there.",
    ),
    remediation: Cow::Borrowed(
        "Remove the volume, and build images with a builder that needs no runtime of the node.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("T1610"),
    ]),
    bad: Some(Example::new("object.yaml", SOCKET_BAD)),
    good: Some(Example::new("object.yaml", SOCKET_GOOD)),
};

static NODE: Rule = Rule {
    id: RuleId::new("CM-POD-022"),
    title: Cow::Borrowed("A pod mounts what its node is made of"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The root of the node, its configuration, its processes, its logs, or the directories of the kubelet \
         and of the control plane have the credentials of the node and of every pod on it; who can write \
         there runs code as root.",
    ),
    remediation: Cow::Borrowed(
        "Remove the volume, or mount the one file that is needed, read-only.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-668"), Reference::new("T1611")]),
    bad: Some(Example::new("object.yaml", NODE_BAD)),
    good: Some(Example::new("object.yaml", NODE_GOOD)),
};

static DEVICE: Rule = Rule {
    id: RuleId::new("CM-POD-023"),
    title: Cow::Borrowed("A pod mounts devices or the driver of its node"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Devices (`/dev`), device plugins and the libraries and sockets of a GPU driver that a pod mounts \
         itself come past the device plugin: nothing counts them, nothing keeps two tenants apart, and a disk \
         of the node is a device too.",
    ),
    remediation: Cow::Borrowed(
        "Request the device from its plugin (`nvidia.com/gpu`, `rdma/…`) in its place.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-668"), Reference::new("T1611")]),
    bad: Some(Example::new("object.yaml", DEVICE_BAD)),
    good: Some(Example::new("object.yaml", DEVICE_GOOD)),
};

const HOST_PATH_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: models, hostPath: {path: /mnt/models}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const HOST_PATH_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: models, emptyDir: {sizeLimit: 1Gi}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const SOCKET_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: docker, hostPath: {path: /var/run/docker.sock}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const SOCKET_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: docker, emptyDir: {sizeLimit: 1Gi}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NODE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: root, hostPath: {path: /}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NODE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: root, emptyDir: {sizeLimit: 1Gi}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const DEVICE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: dev, hostPath: {path: /dev}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const DEVICE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {nvidia.com/gpu: 1}}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_one_place_are_one() {
        for (path, rule) in [
            ("/var/run/docker.sock", &SOCKET),
            ("//run/./docker.sock", &SOCKET),
            ("/var/run/", &SOCKET),
            ("/dev/infiniband", &DEVICE),
            ("/dev/shm", &HOST_PATH),
            ("/device", &HOST_PATH),
            ("/var/lib/kubelet/pods", &NODE),
            ("/var/lib/models", &HOST_PATH),
            ("/", &NODE),
        ] {
            assert_eq!(kind(path).id, rule.id, "{path}");
        }
    }
}
