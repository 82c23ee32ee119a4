//! The restricted level of the Pod Security Standards of Kubernetes
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>), and what else a pod can do
//! without. All of it asks for more than a default: who ships hears of none of it.

use std::{borrow::Cow, collections::HashSet};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Check, Family, Persona, Report,
    pod_security::CAPABILITIES,
    workload::{Container, Pod},
    workloads::Workloads,
};
use crate::{Cursor, World};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&VOLUMES, Persona::Pedantic),
        (&ESCALATION, Persona::Pedantic),
        (&NON_ROOT, Persona::Pedantic),
        (&ROOT, Persona::Pedantic),
        (&NO_SECCOMP, Persona::Pedantic),
        (&KEEPS, Persona::Pedantic),
        (&TOKEN, Persona::Auditor),
        (&MEMORY, Persona::Auditor),
        (&SHM, Persona::Pedantic),
        (&WRITABLE, Persona::Auditor),
        (&PROCESSES, Persona::Pedantic),
        (&PROBES, Persona::Auditor),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    let accounts = accounts_without_tokens(world);
    for pod in &workloads.pods {
        volumes(pod, report);
        let shares = pod.get("shareProcessNamespace");
        report.when(shares.is_true(), &PROCESSES, &shares, || {
            "the containers see the processes of each other".to_owned()
        });
        let user = pod.get("securityContext").get("runAsUser");
        root(&user, pod, report);
        for container in pod.containers() {
            root(
                &container.cursor.at("securityContext.runAsUser"),
                pod,
                report,
            );
            // What a part of a pod does not say, the rest of it may.
            if container.is_whole() {
                confinement(&container, pod, report);
                others(&container, report);
            }
        }
        if pod.is_whole() {
            let token = pod.get("automountServiceAccountToken");
            let account = pod.get("serviceAccountName").text().ok();
            let key = (
                pod.resource().namespace(),
                account.as_deref().unwrap_or("default"),
            );
            let is_off = token.is_false().or(|| accounts.contains(&key).into());
            report.when(!is_off, &TOKEN, &token, || {
                "the pod gets a token for the API of Kubernetes".to_owned()
            });
        }
    }
}

fn accounts_without_tokens(world: &World) -> HashSet<(Option<&str>, &str)> {
    let accounts = world.of_kind("ServiceAccount");
    let off = accounts.filter(|it| it.at("automountServiceAccountToken").is_false().is_yes());
    off.filter_map(|it| {
        let name = it.body.at("metadata.name").ok()?.as_str()?;
        Some((it.namespace(), name))
    })
    .collect()
}

fn volumes(pod: &Pod<'_>, report: &mut Report) {
    for volume in pod.volumes() {
        for (kind, cursor) in volume.entries() {
            let is_other = FORBIDDEN.contains(&kind).into();
            report.when(is_other, &VOLUMES, &cursor, || {
                format!("the volume is of the kind {kind}")
            });
        }
        let memory = volume.get("emptyDir");
        let is_unbounded = memory
            .get("medium")
            .equals("Memory")
            .and(|| memory.get("sizeLimit").is_absent());
        report.when(is_unbounded, &SHM, &memory, || {
            "the volume in memory has no limit".to_owned()
        });
    }
}

fn root(user: &Cursor<'_>, pod: &Pod<'_>, report: &mut Report) {
    let is_root = user
        .integer()
        .is(|user| user == 0)
        .and(|| !pod.has_own_users());
    report.when(is_root, &ROOT, user, || "the user is root".to_owned());
}

fn confinement(container: &Container<'_>, pod: &Pod<'_>, report: &mut Report) {
    let name = &container.name;
    let on_linux = || !pod.is_windows();
    let escalates = container
        .cursor
        .at("securityContext.allowPrivilegeEscalation");
    report.when(
        (!escalates.is_false()).and(on_linux),
        &ESCALATION,
        &escalates,
        || format!("the container {name} may gain rights"),
    );
    let non_root = container.security("runAsNonRoot");
    let may_be_root = (!non_root.is_true()).and(|| !pod.has_own_users());
    report.when(may_be_root, &NON_ROOT, &non_root, || {
        format!("the container {name} may run as root")
    });
    let profile = container.security("seccompProfile").get("type");
    report.when(
        profile.is_absent().and(on_linux),
        &NO_SECCOMP,
        &profile,
        || format!("the container {name} has no profile of seccomp"),
    );
    let capabilities = container.cursor.at("securityContext.capabilities");
    let dropped = capabilities.get("drop");
    report.when(
        (!dropped.has("ALL")).and(on_linux),
        &KEEPS,
        &dropped,
        || format!("the container {name} does not drop all capabilities"),
    );
    for added in capabilities.get("add").items() {
        let is_other = added
            .text()
            .is(|it| it != "NET_BIND_SERVICE" && CAPABILITIES.contains(&it.as_str()));
        report.when(is_other, &KEEPS, &added, || {
            format!("the container {name} adds the capability {}", added.shown())
        });
    }
}

fn others(container: &Container<'_>, report: &mut Report) {
    let name = &container.name;
    let memory = container.cursor.at("resources.limits.memory");
    report.when(memory.is_absent(), &MEMORY, &memory, || {
        format!("the container {name} has no limit of memory")
    });
    let root = container
        .cursor
        .at("securityContext.readOnlyRootFilesystem");
    report.when(!root.is_true(), &WRITABLE, &root, || {
        format!("the container {name} can write to its root")
    });
    let probe = container.cursor.get("readinessProbe");
    let serves = !container.cursor.get("ports").is_absent();
    report.when(serves.and(|| probe.is_absent()), &PROBES, &probe, || {
        format!("the container {name} has no probe of its readiness")
    });
}

/// The kinds that are neither of the pod nor of the cluster; `hostPath` has rules of its own.
const FORBIDDEN: &[&str] = &[
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

static VOLUMES: Rule = Rule {
    id: RuleId::new("CM-POD-030"),
    title: Cow::Borrowed("A volume of a kind that the restricted level forbids"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The restricted level of the Pod Security Standards lets pods have volumes of their own, of the \
         cluster or of its objects, and no others: a volume that names a server of files (NFS, iSCSI, …) goes \
         past the PersistentVolumes that an administrator makes.",
    ),
    remediation: Cow::Borrowed("Use a PersistentVolumeClaim."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", VOLUMES_BAD)),
    good: Some(Example::new("object.yaml", VOLUMES_GOOD)),
};

static ESCALATION: Rule = Rule {
    id: RuleId::new("CM-POD-031"),
    title: Cow::Borrowed("A container may gain rights"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Unless `allowPrivilegeEscalation` is false, a program in the container that has the bit for another \
         user, or capabilities of its file, runs with more rights than its caller.",
    ),
    remediation: Cow::Borrowed("Set `allowPrivilegeEscalation: false`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("T1548"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", ESCALATION_BAD)),
    good: Some(Example::new("object.yaml", ESCALATION_GOOD)),
};

static NON_ROOT: Rule = Rule {
    id: RuleId::new("CM-POD-032"),
    title: Cow::Borrowed("A container may run as root"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Unless `runAsNonRoot` is true, an image decides which user its processes are, and most say root. \
         Root in a container is root on its node as soon as something else is amiss.",
    ),
    remediation: Cow::Borrowed("Set `runAsNonRoot: true`, in the pod or in each container."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", NON_ROOT_BAD)),
    good: Some(Example::new("object.yaml", NON_ROOT_GOOD)),
};

static ROOT: Rule = Rule {
    id: RuleId::new("CM-POD-033"),
    title: Cow::Borrowed("A container runs as root"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "User 0 is asked for. Root in a container is root on its node as soon as something else is amiss, \
         unless the pod has users of its own (`hostUsers: false`).",
    ),
    remediation: Cow::Borrowed("Set `runAsUser` to another user than 0."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", ROOT_BAD)),
    good: Some(Example::new("object.yaml", ROOT_GOOD)),
};

static NO_SECCOMP: Rule = Rule {
    id: RuleId::new("CM-POD-034"),
    title: Cow::Borrowed("A container has no profile of seccomp"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without a profile a container may make every call of the kernel, unless the kubelet gives a default.",
    ),
    remediation: Cow::Borrowed(
        "Set `seccompProfile.type` to `RuntimeDefault`, in the pod or in each container.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", NO_SECCOMP_BAD)),
    good: Some(Example::new("object.yaml", NO_SECCOMP_GOOD)),
};

static KEEPS: Rule = Rule {
    id: RuleId::new("CM-POD-035"),
    title: Cow::Borrowed("A container keeps capabilities of its runtime"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A container that does not drop all capabilities keeps those of its runtime, `NET_RAW` and \
         `DAC_OVERRIDE` among them. The restricted level lets it add `NET_BIND_SERVICE` back and no other.",
    ),
    remediation: Cow::Borrowed("Set `capabilities: {drop: [ALL]}`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", KEEPS_BAD)),
    good: Some(Example::new("object.yaml", KEEPS_GOOD)),
};

static TOKEN: Rule = Rule {
    id: RuleId::new("CM-POD-036"),
    title: Cow::Borrowed("A pod has a token of its service account that it may not need"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Every pod gets a token for the API of Kubernetes unless it, or its service account, says no. \
         Training and serving code mostly never asks the API; whoever gets to run code in it does.",
    ),
    remediation: Cow::Borrowed(
        "Set `automountServiceAccountToken: false` in the pod or in its service account.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-250"), Reference::new("T1528")]),
    bad: Some(Example::new("object.yaml", TOKEN_BAD)),
    good: Some(Example::new("object.yaml", TOKEN_GOOD)),
};

static MEMORY: Rule = Rule {
    id: RuleId::new("CM-POD-037"),
    title: Cow::Borrowed("A container has no limit of memory"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A container without a limit of memory takes that of its node, and the kernel then ends processes of \
         others.",
    ),
    remediation: Cow::Borrowed("Set `resources.limits.memory`."),
    references: Cow::Borrowed(&[Reference::new("CWE-770"), Reference::new("T1499")]),
    bad: Some(Example::new("object.yaml", MEMORY_BAD)),
    good: Some(Example::new("object.yaml", MEMORY_GOOD)),
};

static SHM: Rule = Rule {
    id: RuleId::new("CM-POD-038"),
    title: Cow::Borrowed("A volume in memory has no limit"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A volume of the medium `Memory`, the usual `/dev/shm` of training, without `sizeLimit` grows up to \
         what its containers may use, and where they have no limit, to the memory of the node.",
    ),
    remediation: Cow::Borrowed("Set `sizeLimit`."),
    references: Cow::Borrowed(&[Reference::new("CWE-770"), Reference::new("T1499")]),
    bad: Some(Example::new("object.yaml", SHM_BAD)),
    good: Some(Example::new("object.yaml", SHM_GOOD)),
};

static WRITABLE: Rule = Rule {
    id: RuleId::new("CM-POD-039"),
    title: Cow::Borrowed("A container can write to its own file system"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Whoever runs code in a container can change its programs, unless its root is read-only.",
    ),
    remediation: Cow::Borrowed(
        "Set `readOnlyRootFilesystem: true` and give volumes for what is written.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-732")]),
    bad: Some(Example::new("object.yaml", WRITABLE_BAD)),
    good: Some(Example::new("object.yaml", WRITABLE_GOOD)),
};

static PROCESSES: Rule = Rule {
    id: RuleId::new("CM-POD-040"),
    title: Cow::Borrowed("Containers of a pod see the processes of each other"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `shareProcessNamespace` each container of a pod reads the environment and, as the same user, \
         the files and memory of the others: a sidecar has the tokens of the main container.",
    ),
    remediation: Cow::Borrowed("Remove `shareProcessNamespace`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", PROCESSES_BAD)),
    good: Some(Example::new("object.yaml", PROCESSES_GOOD)),
};

static PROBES: Rule = Rule {
    id: RuleId::new("CM-POD-041"),
    title: Cow::Borrowed("A container that serves has no probe"),
    severity: Severity::Info,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Without a probe of its readiness a container gets requests before it can answer them, and after it \
         stopped to.",
    ),
    remediation: Cow::Borrowed("Add a `readinessProbe`."),
    references: Cow::Borrowed(&[Reference::new("CWE-703")]),
    bad: Some(Example::new("object.yaml", PROBES_BAD)),
    good: Some(Example::new("object.yaml", PROBES_GOOD)),
};

const VOLUMES_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: data, nfs: {server: nfs.example.org, path: /}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const VOLUMES_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const ESCALATION_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const ESCALATION_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {allowPrivilegeEscalation: false}
";

const NON_ROOT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NON_ROOT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {runAsNonRoot: true}
";

const ROOT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {runAsUser: 0}
";

const ROOT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {runAsUser: 1000}
";

const NO_SECCOMP_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NO_SECCOMP_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  securityContext: {seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const KEEPS_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const KEEPS_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {capabilities: {drop: [ALL]}}
";

const TOKEN_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const TOKEN_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  automountServiceAccountToken: false
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const MEMORY_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const MEMORY_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {memory: 1Gi}}
";

const SHM_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: shm, emptyDir: {medium: Memory}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const SHM_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 8Gi}}]
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const WRITABLE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const WRITABLE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {readOnlyRootFilesystem: true}
";

const PROCESSES_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  shareProcessNamespace: true
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const PROCESSES_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  shareProcessNamespace: false
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const PROBES_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    ports: [{containerPort: 8000}]
";

const PROBES_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    ports: [{containerPort: 8000}]
    readinessProbe: {tcpSocket: {port: 8000}}
";
