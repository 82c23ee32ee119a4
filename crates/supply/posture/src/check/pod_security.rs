//! The baseline of the Pod Security Standards of Kubernetes, as its admission checks it from 1.34 on
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>). Volumes of the node are
//! in `host_paths`, the restricted level in `pod_restricted`.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Check, Family, Persona, Report,
    workload::{Container, Pod},
    workloads::Workloads,
};
use crate::Cursor;

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&PRIVILEGED, Persona::Regular),
        (&NAMESPACES, Persona::Regular),
        (&CAPABILITY, Persona::Regular),
        (&STRONG_CAPABILITY, Persona::Regular),
        (&HOST_PORT, Persona::Regular),
        (&PROBE_HOST, Persona::Regular),
        (&APPARMOR, Persona::Regular),
        (&SELINUX, Persona::Regular),
        (&PROC_MOUNT, Persona::Regular),
        (&SECCOMP, Persona::Regular),
        (&SYSCTL, Persona::Regular),
        (&HOST_PROCESS, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let _world = workloads.world;
    for pod in &workloads.pods {
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            let shares = pod.get(key);
            report.when(shares.is_true(), &NAMESPACES, &shares, || {
                format!("the pod has `{key}`")
            });
        }
        for sysctl in pod.get("securityContext").get("sysctls").items() {
            let name = sysctl.get("name");
            let is_unsafe = name.text().is(|name| !SYSCTLS.contains(&name.as_str()));
            report.when(is_unsafe, &SYSCTL, &name, || {
                format!("the pod sets {}", name.shown())
            });
        }
        annotations(pod, report);
        confinement(&pod.get("securityContext"), pod, report);
        for container in pod.containers() {
            confinement(&container.cursor.get("securityContext"), pod, report);
            capabilities(&container, report);
            ports(&container, report);
            probes(&container, report);
        }
    }
}

/// What the security context of a pod or a container turns off.
fn confinement(context: &Cursor<'_>, pod: &Pod<'_>, report: &mut Report) {
    let privileged = context.get("privileged");
    report.when(privileged.is_true(), &PRIVILEGED, &privileged, || {
        "the container is privileged".to_owned()
    });
    let is_other = |cursor: &Cursor<'_>, good: &[&str]| {
        cursor.text().is(|text| !good.contains(&text.as_str()))
    };
    let profile = context.at("appArmorProfile.type");
    let is_off = is_other(&profile, &["RuntimeDefault", "Localhost"]);
    report.when(is_off, &APPARMOR, &profile, || {
        format!("the profile of AppArmor is {}", profile.shown())
    });
    let profile = context.at("seccompProfile.type");
    let is_off = is_other(&profile, &["RuntimeDefault", "Localhost"]);
    report.when(is_off, &SECCOMP, &profile, || {
        format!("the profile of seccomp is {}", profile.shown())
    });
    for (key, good) in [("type", SELINUX_TYPES), ("user", &[""]), ("role", &[""])] {
        let option = context.get("seLinuxOptions").get(key);
        report.when(is_other(&option, good), &SELINUX, &option, || {
            format!("the {key} of SELinux is {}", option.shown())
        });
    }
    let mount = context.get("procMount");
    let is_unmasked = is_other(&mount, &["Default"]).and(|| !pod.has_own_users());
    report.when(is_unmasked, &PROC_MOUNT, &mount, || {
        format!("`/proc` is {}", mount.shown())
    });
    let process = context.at("windowsOptions.hostProcess");
    report.when(process.is_true(), &HOST_PROCESS, &process, || {
        "the container is a process of its node".to_owned()
    });
}

/// AppArmor, as it was set before it had fields.
fn annotations(pod: &Pod<'_>, report: &mut Report) {
    let Some(metadata) = &pod.metadata else {
        return;
    };
    for (key, annotation) in metadata.get("annotations").entries() {
        if !key.starts_with("container.apparmor.security.beta.kubernetes.io/") {
            continue;
        }
        let is_off = annotation.text().is(|text| {
            !(text.is_empty() || text == "runtime/default" || text.starts_with("localhost/"))
        });
        report.when(is_off, &APPARMOR, &annotation, || {
            format!("the profile of AppArmor is {}", annotation.shown())
        });
    }
}

fn capabilities(container: &Container<'_>, report: &mut Report) {
    let name = &container.name;
    for added in container
        .cursor
        .at("securityContext.capabilities.add")
        .items()
    {
        let capability = added.text().map(|text| {
            let text = text.to_ascii_uppercase();
            text.strip_prefix("CAP_")
                .map_or(text.clone(), str::to_owned)
        });
        let is_strong = capability.clone().is(|it| STRONG.contains(&it.as_str()));
        let is_more = capability
            .is(|it| !STRONG.contains(&it.as_str()) && !CAPABILITIES.contains(&it.as_str()));
        report.when(is_strong, &STRONG_CAPABILITY, &added, || {
            format!("the container {name} has the capability {}", added.shown())
        });
        report.when(is_more, &CAPABILITY, &added, || {
            format!("the container {name} has the capability {}", added.shown())
        });
    }
}

fn ports(container: &Container<'_>, report: &mut Report) {
    for port in container.cursor.get("ports").items() {
        let host = port.get("hostPort");
        let is_taken = host.integer().is(|port| port != 0);
        report.when(is_taken, &HOST_PORT, &host, || {
            format!(
                "the container {} takes port {} of its node",
                container.name,
                host.shown()
            )
        });
    }
}

fn probes(container: &Container<'_>, report: &mut Report) {
    for hook in [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle.postStart",
        "lifecycle.preStop",
    ] {
        for way in ["httpGet", "tcpSocket"] {
            let host = container.cursor.at(hook).get(way).get("host");
            let is_set = host.text().is(|host| !host.is_empty());
            report.when(is_set, &PROBE_HOST, &host, || {
                format!("the node calls {}", host.shown())
            });
        }
    }
}

/// What the baseline lets a container add.
pub(super) const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const STRONG: &[&str] = &[
    "ALL",
    "SYS_ADMIN",
    "SYS_PTRACE",
    "SYS_MODULE",
    "SYS_RAWIO",
    "DAC_READ_SEARCH",
    "BPF",
    "PERFMON",
    "NET_ADMIN",
];

const SELINUX_TYPES: &[&str] = &[
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

/// Those of 1.32 and before; 1.37 adds the last two.
const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_notsent_lowat",
];

static PRIVILEGED: Rule = Rule {
    id: RuleId::new("CM-POD-001"),
    title: Cow::Borrowed("A container is privileged"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A privileged container has every capability, every device of its node and no confinement by seccomp, \
         AppArmor or SELinux: whoever runs code in it runs code on the node, and reaches the weights, GPUs \
         and credentials of everything else there.",
    ),
    remediation: Cow::Borrowed(
        "Remove `privileged`, and grant the one capability or device that is needed.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", PRIVILEGED_BAD)),
    good: Some(Example::new("object.yaml", PRIVILEGED_GOOD)),
};

static NAMESPACES: Rule = Rule {
    id: RuleId::new("CM-POD-002"),
    title: Cow::Borrowed("A pod shares a namespace of its node"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "In the network, process or IPC namespace of its node a pod listens on the addresses of the node and \
         reaches what listens on its loopback, sees and signals processes of others, or reads the shared \
         memory of others. Policies of the network do not hold for a pod in the network of its node. Guides \
         to collective communication of GPUs ask for it; a device plugin for the network and a sized volume \
         at `/dev/shm` do without.",
    ),
    remediation: Cow::Borrowed("Remove `hostNetwork`, `hostPID` and `hostIPC`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1611"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", NAMESPACES_BAD)),
    good: Some(Example::new("object.yaml", NAMESPACES_GOOD)),
};

static CAPABILITY: Rule = Rule {
    id: RuleId::new("CM-POD-003"),
    title: Cow::Borrowed("A container has capabilities beyond those that a runtime grants"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The baseline of the Pod Security Standards names the capabilities that a container may add, the ones \
         of a container runtime. Others open more of the kernel: `NET_RAW` forges packets, `IPC_LOCK` takes \
         memory that cannot be swapped (RDMA asks for it), `SYS_NICE` and `SYS_RESOURCE` lift limits.",
    ),
    remediation: Cow::Borrowed(
        "Remove the capability, or keep it to the one container that needs it in a namespace for such pods.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", CAPABILITY_BAD)),
    good: Some(Example::new("object.yaml", CAPABILITY_GOOD)),
};

static STRONG_CAPABILITY: Rule = Rule {
    id: RuleId::new("CM-POD-004"),
    title: Cow::Borrowed("A container has a capability that leads to its node"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `SYS_ADMIN`, `SYS_PTRACE`, `SYS_MODULE`, `SYS_RAWIO`, `DAC_READ_SEARCH`, `BPF`, `PERFMON`, \
         `NET_ADMIN` or all capabilities a process mounts file systems, reads the memory of others, loads \
         code into the kernel or opens files of the node. Known ways out of a container begin with them.",
    ),
    remediation: Cow::Borrowed("Remove the capability."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", STRONG_CAPABILITY_BAD)),
    good: Some(Example::new("object.yaml", STRONG_CAPABILITY_GOOD)),
};

static HOST_PORT: Rule = Rule {
    id: RuleId::new("CM-POD-005"),
    title: Cow::Borrowed("A container takes a port of its node"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A `hostPort` listens on every address of the node that the pod runs on, past Services and whatever \
         guards them, and only one pod of a node can have it.",
    ),
    remediation: Cow::Borrowed("Remove `hostPort` and publish the port with a Service."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", HOST_PORT_BAD)),
    good: Some(Example::new("object.yaml", HOST_PORT_GOOD)),
};

static PROBE_HOST: Rule = Rule {
    id: RuleId::new("CM-POD-006"),
    title: Cow::Borrowed("A probe or a hook calls another host than its pod"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The kubelet makes the requests of probes and hooks. One that names a `host` makes the node call an \
         address that the author of the pod chose, from inside of the network of nodes. The baseline forbids \
         it from Kubernetes 1.34 on.",
    ),
    remediation: Cow::Borrowed("Remove `host` from the probe or hook."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-918"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", PROBE_HOST_BAD)),
    good: Some(Example::new("object.yaml", PROBE_HOST_GOOD)),
};

static APPARMOR: Rule = Rule {
    id: RuleId::new("CM-POD-007"),
    title: Cow::Borrowed("AppArmor is off"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A profile of AppArmor other than that of the runtime or one of the node leaves the container without \
         that confinement.",
    ),
    remediation: Cow::Borrowed(
        "Remove the profile, or set its type to `RuntimeDefault` or `Localhost`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", APPARMOR_BAD)),
    good: Some(Example::new("object.yaml", APPARMOR_GOOD)),
};

static SELINUX: Rule = Rule {
    id: RuleId::new("CM-POD-008"),
    title: Cow::Borrowed("Options of SELinux that the baseline forbids"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Another type than those for containers (`container_t`, `container_init_t`, `container_kvm_t`, \
         `container_engine_t`), or a user or role, takes a container out of the confinement of SELinux.",
    ),
    remediation: Cow::Borrowed("Remove `user` and `role`, and set no other `type`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", SELINUX_BAD)),
    good: Some(Example::new("object.yaml", SELINUX_GOOD)),
};

static PROC_MOUNT: Rule = Rule {
    id: RuleId::new("CM-POD-009"),
    title: Cow::Borrowed("`/proc` is not masked"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With another `procMount` than the default a container sees and writes files under `/proc` that the \
         runtime hides for they lead to the kernel of the node. In a pod with users of its own (`hostUsers: \
         false`) that is bounded by them.",
    ),
    remediation: Cow::Borrowed("Remove `procMount`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", PROC_MOUNT_BAD)),
    good: Some(Example::new("object.yaml", PROC_MOUNT_GOOD)),
};

static SECCOMP: Rule = Rule {
    id: RuleId::new("CM-POD-010"),
    title: Cow::Borrowed("Seccomp is off"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without a profile of seccomp a container may make every call of the kernel. Flaws of the kernel that \
         lead out of containers were mostly in calls that the default profile forbids.",
    ),
    remediation: Cow::Borrowed("Set `seccompProfile.type` to `RuntimeDefault` or `Localhost`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", SECCOMP_BAD)),
    good: Some(Example::new("object.yaml", SECCOMP_GOOD)),
};

static SYSCTL: Rule = Rule {
    id: RuleId::new("CM-POD-011"),
    title: Cow::Borrowed("A pod sets a parameter of the kernel that is not its own"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Parameters of the kernel that are not among the safe ones of the Pod Security Standards weaken \
         protections, or hold for the whole node.",
    ),
    remediation: Cow::Borrowed("Remove the parameter from `sysctls`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", SYSCTL_BAD)),
    good: Some(Example::new("object.yaml", SYSCTL_GOOD)),
};

static HOST_PROCESS: Rule = Rule {
    id: RuleId::new("CM-POD-012"),
    title: Cow::Borrowed("A container of Windows runs as a process of its node"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A HostProcess container of Windows runs on the node itself, with the rights of the user that it \
         names.",
    ),
    remediation: Cow::Borrowed("Remove `hostProcess`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
    ]),
    bad: Some(Example::new("object.yaml", HOST_PROCESS_BAD)),
    good: Some(Example::new("object.yaml", HOST_PROCESS_GOOD)),
};

const PRIVILEGED_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {privileged: true}
";

const PRIVILEGED_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {privileged: false}
";

const NAMESPACES_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  hostPID: true
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NAMESPACES_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  hostPID: false
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const CAPABILITY_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {capabilities: {add: [IPC_LOCK]}}
";

const CAPABILITY_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {capabilities: {add: [CHOWN]}}
";

const STRONG_CAPABILITY_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {capabilities: {add: [SYS_ADMIN]}}
";

const STRONG_CAPABILITY_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {capabilities: {drop: [ALL]}}
";

const HOST_PORT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    ports: [{containerPort: 8000, hostPort: 8000}]
";

const HOST_PORT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    ports: [{containerPort: 8000}]
";

const PROBE_HOST_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    livenessProbe: {httpGet: {host: 169.254.169.254, port: 80}}
";

const PROBE_HOST_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    livenessProbe: {httpGet: {port: 80}}
";

const APPARMOR_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {appArmorProfile: {type: Unconfined}}
";

const APPARMOR_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {appArmorProfile: {type: RuntimeDefault}}
";

const SELINUX_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {seLinuxOptions: {type: spc_t}}
";

const SELINUX_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {seLinuxOptions: {type: container_t}}
";

const PROC_MOUNT_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {procMount: Unmasked}
";

const PROC_MOUNT_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {procMount: Default}
";

const SECCOMP_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {seccompProfile: {type: Unconfined}}
";

const SECCOMP_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {seccompProfile: {type: RuntimeDefault}}
";

const SYSCTL_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  securityContext: {sysctls: [{name: kernel.msgmax, value: "65536"}]}
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
"#;

const SYSCTL_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
"#;

const HOST_PROCESS_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {windowsOptions: {hostProcess: true}}
";

const HOST_PROCESS_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {windowsOptions: {hostProcess: false}}
";

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    /// The rules of pods that are found in a pod with `spec`, but for those that an auditor alone hears.
    fn found(spec: &str) -> Vec<String> {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n");
        let outcomes = survey(&[("pod.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let rules = findings.map(|finding| finding.rule.to_string());
        let quiet = ["CM-POD-036", "CM-POD-037", "CM-POD-039"];
        rules
            .filter(|rule| rule.starts_with("CM-POD") && !quiet.contains(&rule.as_str()))
            .collect()
    }

    #[test]
    fn the_restricted_level_takes_what_it_asks_for() {
        let confined = "{securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: \
            [{name: a, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: \
            [NET_BIND_SERVICE]}}}]}";
        assert!(found(confined).is_empty());
        let own = confined.replace("runAsNonRoot: true", "runAsNonRoot: true, runAsUser: 0");
        assert_eq!(found(&own), ["CM-POD-033"]);
        let users = own.replace(
            "{securityContext: {runAs",
            "{hostUsers: false, securityContext: {runAs",
        );
        assert!(found(&users).is_empty());
    }

    #[test]
    fn rules_for_linux_say_nothing_of_windows() {
        let pod = "{os: {name: windows}, containers: [{name: a, image: x, securityContext: {runAsNonRoot: true}}]}";
        assert!(found(pod).is_empty());
        let linux = pod.replace("windows", "linux");
        assert_eq!(found(&linux), ["CM-POD-031", "CM-POD-034", "CM-POD-035"]);
    }

    #[test]
    fn a_patch_is_asked_for_nothing_that_it_does_not_say() {
        assert!(found("{containers: [{name: a, env: [{name: A, value: b}]}]}").is_empty());
        let patch = "{containers: [{name: a, securityContext: {privileged: true}}]}";
        assert_eq!(found(patch), ["CM-POD-001"]);
    }

    #[test]
    fn a_container_has_what_its_pod_says_unless_it_says_else() {
        let pod = "{securityContext: {runAsNonRoot: true}, os: {name: windows}, containers: \
            [{name: a, image: x, securityContext: {runAsNonRoot: false}}]}";
        assert_eq!(found(pod), ["CM-POD-032"]);
    }
}
