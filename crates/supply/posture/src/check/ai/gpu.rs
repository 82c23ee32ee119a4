//! GPUs: who gets them, and what is between those who share one.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::check::{
    Check, Family, Persona, Report,
    workloads::{Program, Workloads},
};
use casemate_document::{Limits, Node, yaml::Dialect};

use super::texts::lines;
use crate::{Cursor, Fact, Truth, check::namespaces::is_gpu};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&TOOLKIT, Persona::Regular),
        (&VISIBLE, Persona::Regular),
        (&CAPABILITIES, Persona::Pedantic),
        (&SHARED, Persona::Regular),
        (&NO_MIG, Persona::Auditor),
        (&ENVIRONMENT, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for program in &workloads.programs {
        devices(program, report);
        let image = program.container.cursor.get("image");
        if program.is_image(&["container-toolkit"]) {
            toolkit(&image, report);
        }
    }
    for policy in world.of_kind("ClusterPolicy") {
        toolkit(&policy.at("spec.toolkit.version"), report);
        let strategy = policy.at("spec.mig.strategy");
        report.when(strategy.equals("none"), &NO_MIG, &strategy, || {
            "GPUs are not partitioned".to_owned()
        });
        for variable in policy.at("spec.toolkit.env").items() {
            let value = variable.get("value");
            let is_it = variable
                .get("name")
                .equals(UNPRIVILEGED)
                .and(|| value.is_true());
            report.when(is_it, &ENVIRONMENT, &value, || {
                "containers choose their GPUs by their environment".to_owned()
            });
        }
    }
    for map in world.of_kind("ConfigMap") {
        for (_, value) in map.at("data").entries() {
            shared(&value, report);
        }
    }
}

fn devices(program: &Program<'_>, report: &mut Report) {
    let container = &program.container;
    let value = |name: &str| container.env(name).map(|it| it.get("value"));
    if let Some(visible) = value("NVIDIA_VISIBLE_DEVICES") {
        let takes = visible
            .text()
            .is(|it| !["", "void", "none"].contains(&it.as_str()));
        let resources = container.cursor.get("resources");
        let asks = || {
            let lists = ["limits", "requests"].map(|key| resources.get(key).entries());
            let has_gpu = lists.iter().flatten().any(|(key, _)| is_gpu(key));
            Truth::from(has_gpu).or(|| !resources.get("claims").is_absent())
        };
        // What manages or watches the GPUs of a node sees all of them.
        let is_manager = program.is_image(MANAGERS) || !container.is_whole();
        let takes = takes.and(|| (!is_manager).into()).and(|| !asks());
        report.when(takes, &VISIBLE, &visible, || {
            "the container gets GPUs past the device plugin".to_owned()
        });
    }
    if let Some(capabilities) = value("NVIDIA_DRIVER_CAPABILITIES") {
        report.when(
            capabilities.equals("all"),
            &CAPABILITIES,
            &capabilities,
            || "the container gets all parts of the driver".to_owned(),
        );
    }
    if let Some(channels) = value("NVIDIA_IMEX_CHANNELS") {
        let has_some = channels.text().is(|it| !it.is_empty());
        report.when(has_some, &CAPABILITIES, &channels, || {
            "the container gets channels to the memory of other nodes".to_owned()
        });
    }
    if let Some(require) = value("NVIDIA_DISABLE_REQUIRE") {
        let is_off = require.is_true().or(|| require.equals("1"));
        report.when(is_off, &CAPABILITIES, &require, || {
            "the runtime checks nothing".to_owned()
        });
    }
}

/// The version in a text like `v1.17.3-ubuntu20.04`, or behind the colon of an image.
fn toolkit(version: &Cursor<'_>, report: &mut Report) {
    let flaws = flaws();
    let known = version.text().and_then(|text| {
        let text = text.split('@').next().unwrap_or_default();
        number(text.rsplit(':').next().unwrap_or_default()).map_or(Fact::Absent, Fact::Known)
    });
    let open = known.map(|version| {
        let open = flaws.iter().filter(|(_, fixed)| version < *fixed);
        open.map(|(id, _)| id.as_str()).collect::<Vec<_>>()
    });
    let ids = open.clone().ok().unwrap_or_default().join(", ");
    report.when(open.is(|open| !open.is_empty()), &TOOLKIT, version, || {
        format!("{} has {ids}", version.shown())
    });
}

/// The flaws of the data file, each with the first version without it.
fn flaws() -> Vec<(String, [u64; 3])> {
    let stream = casemate_document::yaml::read(FLAWS, Dialect::CORE, &Limits::default());
    let rows = stream
        .documents
        .iter()
        .filter_map(|document| document.root.get("flaws"));
    let flaw = |row: &Node| {
        let text = |key: &str| row.get(key).and_then(Node::as_str);
        Some((text("id")?.to_owned(), number(text("fixed")?)?))
    };
    rows.flat_map(Node::items).filter_map(flaw).collect()
}

const FLAWS: &str = include_str!("../../../../../../content/posture/nvidia-container-toolkit.json");

fn number(version: &str) -> Option<[u64; 3]> {
    let version = version.trim_start_matches('v');
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.');
    let mut parts = version[..end.unwrap_or(version.len())].split('.');
    let mut part = || parts.next()?.parse().ok();
    Some([part()?, part()?, part()?])
}

/// What the device plugin and the toolkit are told in files.
fn shared(text: &Cursor<'_>, report: &mut Report) {
    let mut is_sliced = false;
    for line in lines(text) {
        let code = line.text.trim();
        is_sliced |= code == "timeSlicing:" || code == "mps:";
        let replicas = code.trim_start_matches("- ").strip_prefix("replicas:");
        let is_many = replicas
            .and_then(|it| it.trim().parse::<u64>().ok())
            .is_some_and(|it| it > 1);
        let message = "a GPU is given to many at a time";
        line.report(is_sliced && is_many, &SHARED, report, message);
        let is_believed =
            code.replace(' ', "") == "accept-nvidia-visible-devices-envvar-when-unprivileged=true";
        let message = "containers choose their GPUs by their environment";
        line.report(is_believed, &ENVIRONMENT, report, message);
    }
}

const UNPRIVILEGED: &str = "ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED";

const MANAGERS: &[&str] = &[
    "k8s-device-plugin",
    "dcgm-exporter",
    "dcgm",
    "gpu-feature-discovery",
    "gpu-operator",
    "container-toolkit",
    "k8s-mig-manager",
];

static TOOLKIT: Rule = Rule {
    id: RuleId::new("CM-AI-040"),
    title: Cow::Borrowed("The container toolkit has a known way out of containers"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The toolkit prepares containers for GPUs as root of the node. In versions before the ones that are \
         named an image that was made for it breaks out at its start.",
    ),
    remediation: Cow::Borrowed(
        "Use a version of the NVIDIA Container Toolkit, or of the GPU operator, without the flaw.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-23266"),
        Reference::new("CVE-2025-23359"),
        Reference::new("CVE-2024-0132"),
        Reference::new("T1611"),
        Reference::new("AML.T0105"),
    ]),
    bad: Some(Example::new("object.yaml", TOOLKIT_BAD)),
    good: Some(Example::new("object.yaml", TOOLKIT_GOOD)),
};

static VISIBLE: Rule = Rule {
    id: RuleId::new("CM-AI-041"),
    title: Cow::Borrowed("A container takes GPUs without asking for them"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `NVIDIA_VISIBLE_DEVICES` of `all` the runtime gives a container every GPU of the node, past the \
         device plugin: also those that were given to another tenant, whose memory it may then reach.",
    ),
    remediation: Cow::Borrowed("Remove the variable and ask for `nvidia.com/gpu`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://github.com/NVIDIA/k8s-device-plugin"),
    ]),
    bad: Some(Example::new("object.yaml", VISIBLE_BAD)),
    good: Some(Example::new("object.yaml", VISIBLE_GOOD)),
};

static CAPABILITIES: Rule = Rule {
    id: RuleId::new("CM-AI-042"),
    title: Cow::Borrowed("A container has more of the GPU driver than it computes with"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `NVIDIA_DRIVER_CAPABILITIES` of `all` a container gets graphics, display and video parts of the \
         driver, and their flaws; `NVIDIA_IMEX_CHANNELS` are ways to the memory of GPUs of other nodes, which \
         a claim should give; with `NVIDIA_DISABLE_REQUIRE` the runtime does not check whether driver and \
         image belong together.",
    ),
    remediation: Cow::Borrowed("Set `compute,utility`, and remove `NVIDIA_DISABLE_REQUIRE`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new(
            "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html",
        ),
    ]),
    bad: Some(Example::new("object.yaml", CAPABILITIES_BAD)),
    good: Some(Example::new("object.yaml", CAPABILITIES_GOOD)),
};

static SHARED: Rule = Rule {
    id: RuleId::new("CM-AI-043"),
    title: Cow::Borrowed("GPUs are shared in time, without walls"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Between the replicas of a GPU that is shared in time there is no isolation of memory or faults: who \
         shares it with another tenant may read or break what he computes.",
    ),
    remediation: Cow::Borrowed(
        "Use MIG for tenants that do not trust each other, or keep the pool to one of them.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-653"),
        Reference::new(
            "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/gpu-sharing.html",
        ),
    ]),
    bad: Some(Example::new("object.yaml", SHARED_BAD)),
    good: Some(Example::new("object.yaml", SHARED_GOOD)),
};

static NO_MIG: Rule = Rule {
    id: RuleId::new("CM-AI-044"),
    title: Cow::Borrowed("GPUs are not partitioned"),
    severity: Severity::Info,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "With the MIG strategy `none` a GPU is given whole, or shared without walls.",
    ),
    remediation: Cow::Borrowed(
        "Set `mig.strategy` to `single` or `mixed` where tenants share a pool.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-653"),
        Reference::new(
            "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/gpu-operator-mig.html",
        ),
    ]),
    bad: Some(Example::new("object.yaml", NO_MIG_BAD)),
    good: Some(Example::new("object.yaml", NO_MIG_GOOD)),
};

static ENVIRONMENT: Rule = Rule {
    id: RuleId::new("CM-AI-045"),
    title: Cow::Borrowed("Containers choose their GPUs by their environment"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "With `accept-nvidia-visible-devices-envvar-when-unprivileged` the runtime believes the environment \
         of every container, and so its author, about the GPUs that it gets.",
    ),
    remediation: Cow::Borrowed(
        "Set it to false, and `accept-nvidia-visible-devices-as-volume-mounts` to true.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-807"),
        Reference::new("https://github.com/NVIDIA/k8s-device-plugin"),
    ]),
    bad: Some(Example::new("object.yaml", ENVIRONMENT_BAD)),
    good: Some(Example::new("object.yaml", ENVIRONMENT_GOOD)),
};

const TOOLKIT_BAD: &[u8] = br"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  toolkit: {version: v1.17.3-ubuntu20.04}
";

const TOOLKIT_GOOD: &[u8] = br"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  toolkit: {version: v1.18.0}
";

const VISIBLE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: NVIDIA_VISIBLE_DEVICES, value: all}]
";

const VISIBLE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: NVIDIA_VISIBLE_DEVICES, value: void}]
";

const CAPABILITIES_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: NVIDIA_DRIVER_CAPABILITIES, value: all}]
";

const CAPABILITIES_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/x:1
    env: [{name: NVIDIA_DRIVER_CAPABILITIES, value: "compute,utility"}]
"#;

const SHARED_BAD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: device-plugin, namespace: gpu-operator}
data:
  any: |
    version: v1
    sharing:
      timeSlicing:
        resources:
        - name: nvidia.com/gpu
          replicas: 4
";

const SHARED_GOOD: &[u8] = br"apiVersion: v1
kind: ConfigMap
metadata: {name: device-plugin, namespace: gpu-operator}
data:
  any: |
    version: v1
    flags:
      migStrategy: mixed
";

const NO_MIG_BAD: &[u8] = br"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  mig: {strategy: none}
";

const NO_MIG_GOOD: &[u8] = br"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  mig: {strategy: single}
";

const ENVIRONMENT_BAD: &[u8] = br#"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  toolkit:
    env: [{name: ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED, value: "true"}]
"#;

const ENVIRONMENT_GOOD: &[u8] = br#"apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  toolkit:
    env: [{name: ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED, value: "false"}]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(number("v1.17.3-ubuntu20.04"), Some([1, 17, 3]));
        assert_eq!(number("1.9.10"), Some([1, 9, 10]));
        assert_eq!(number("latest"), None);
        assert!(flaws().len() > 1);
    }
}
