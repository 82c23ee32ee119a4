//! Walls around what runs models and agents.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::check::{
    Check, Family, Persona, Report,
    workloads::{Program, Workloads},
};
use crate::{
    Fact, Resource, Truth,
    check::{
        namespaces::is_gpu,
        selection::{Labels, Selectors},
        workload::Pod,
    },
};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&NO_SANDBOX, Persona::Pedantic),
        (&ADMIN, Persona::Regular),
        (&INJECTED, Persona::Regular),
        (&EGRESS, Persona::Auditor),
        (&WRITABLE, Persona::Auditor),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
    for pod in &workloads.pods {
        let kind = &*pod.resource().kind;
        if kind == "Sandbox" || kind == "SandboxTemplate" {
            let class = pod.get("runtimeClassName");
            report.when(class.is_absent(), &NO_SANDBOX, &class, || {
                "the sandbox is a plain container".to_owned()
            });
        }
        egress(pod, &policies, report);
    }
    for (kind, way) in REQUESTS {
        for claim in world.of_kind(kind) {
            for request in claim.cursor().walk(way) {
                for key in ["adminAccess", "exactly.adminAccess"] {
                    let access = request.at(key);
                    report.when(access.is_true(), &ADMIN, &access, || {
                        "the claim reaches devices of others".to_owned()
                    });
                }
            }
        }
    }
    for default in world.of_kind("PodDefault") {
        injected(default, report);
    }
    for program in &workloads.programs {
        if !program.is_image(SERVERS) {
            continue;
        }
        mounts(program, report);
    }
}

fn egress<'a>(pod: &Pod<'a>, policies: &Selectors<'a>, report: &mut Report) {
    let containers = pod.containers();
    let has_gpu = containers.iter().any(|container| {
        let limits = container.cursor.at("resources.limits");
        limits.entries().iter().any(|(key, _)| is_gpu(key))
    });
    if !has_gpu {
        return;
    }
    let labels = Labels::of(pod);
    let bound = policies.near(&labels).into_iter().map(|at| {
        let types = policies.object(at).at("spec.policyTypes");
        types.has("Egress").and(|| policies.selects(at, &labels))
    });
    report.when(!Truth::any(bound), &EGRESS, &pod.spec, || {
        "no NetworkPolicy here bounds where the pod sends".to_owned()
    });
}

fn injected(default: &Resource, report: &mut Report) {
    let spec = default.at("spec");
    let selector = spec.get("selector");
    let parts = ["matchLabels", "matchExpressions"].map(|key| selector.get(key));
    let is_all = parts
        .iter()
        .all(|part| part.entries().is_empty() && part.items().is_empty());
    let variables = spec.get("env").items();
    let in_env = variables
        .iter()
        .map(|it| !it.at("valueFrom.secretKeyRef").is_absent());
    let volumes = spec.get("volumes").items();
    let in_volumes = volumes.iter().map(|it| !it.get("secret").is_absent());
    let has_secret = Truth::any(in_env.chain(in_volumes));
    report.when(
        has_secret.and(|| is_all.into()),
        &INJECTED,
        &selector,
        || "every pod of the namespace gets the Secret".to_owned(),
    );
}

fn mounts(program: &Program<'_>, report: &mut Report) {
    let volumes = program.pod.volumes();
    for mount in program.container.cursor.get("volumeMounts").items() {
        let name = mount.get("name").text();
        let claims = volumes
            .iter()
            .filter(|it| !it.get("persistentVolumeClaim").is_absent().is_yes());
        let is_claim = Truth::any(claims.map(|it| match (&name, it.get("name").text()) {
            (Fact::Known(name), Fact::Known(other)) => (*name == other).into(),
            _ => Truth::No,
        }));
        let is_writable = is_claim.and(|| !mount.get("readOnly").is_true());
        report.when(is_writable, &WRITABLE, &mount, || {
            format!("the server may write to {}", mount.get("mountPath").shown())
        });
    }
}

/// Kinds of claims with the ways to their requests.
const REQUESTS: &[(&str, &str)] = &[
    ("ResourceClaim", "spec.devices.requests[]"),
    ("ResourceClaimTemplate", "spec.spec.devices.requests[]"),
];

const SERVERS: &[&str] = &[
    "vllm-openai",
    "sglang",
    "text-generation-inference",
    "tritonserver",
    "torchserve",
];

static NO_SANDBOX: Rule = Rule {
    id: RuleId::new("CM-AI-051"),
    title: Cow::Borrowed("Code of agents runs on the kernel of its node"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A sandbox for agents runs code that a model wrote. In a plain container one flaw of the kernel leads \
         from there to the node; gVisor and Kata put another kernel in between.",
    ),
    remediation: Cow::Borrowed("Set `runtimeClassName` to a class with gVisor or Kata."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-653"),
        Reference::new("T1611"),
        Reference::new("AML.T0105"),
        Reference::new("https://kubernetes.io/docs/concepts/containers/runtime-class/"),
    ]),
    bad: Some(Example::new("object.yaml", NO_SANDBOX_BAD)),
    good: Some(Example::new("object.yaml", NO_SANDBOX_GOOD)),
};

static ADMIN: Rule = Rule {
    id: RuleId::new("CM-AI-052"),
    title: Cow::Borrowed("A claim reaches devices of others"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A claim with `adminAccess` gets devices that are given to others, to watch or to repair them; the \
         namespace needs a label for it. In a pod that runs the code of users it is a way into the GPUs of \
         all.",
    ),
    remediation: Cow::Borrowed(
        "Remove `adminAccess`, and keep it to the namespace of who administers the devices.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new(
            "https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/",
        ),
    ]),
    bad: Some(Example::new("object.yaml", ADMIN_BAD)),
    good: Some(Example::new("object.yaml", ADMIN_GOOD)),
};

static INJECTED: Rule = Rule {
    id: RuleId::new("CM-AI-057"),
    title: Cow::Borrowed("A PodDefault gives a Secret to every pod"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A PodDefault of Kubeflow is put into each pod that its selector selects; with an empty one that is \
         every pod of the namespace, those of other users and of pipelines included.",
    ),
    remediation: Cow::Borrowed(
        "Name the label of the pods that need the Secret in `selector.matchLabels`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1552"),
        Reference::new("https://www.kubeflow.org/docs/components/notebooks/"),
    ]),
    bad: Some(Example::new("object.yaml", INJECTED_BAD)),
    good: Some(Example::new("object.yaml", INJECTED_GOOD)),
};

static EGRESS: Rule = Rule {
    id: RuleId::new("CM-AI-060"),
    title: Cow::Borrowed("A pod with GPUs may send to everywhere"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "What has the weights and the data may send them anywhere as long as no NetworkPolicy for its egress \
         selects it.",
    ),
    remediation: Cow::Borrowed(
        "Add a NetworkPolicy with the type Egress that names where the pod may go.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1048"),
        Reference::new("AML.T0025"),
    ]),
    bad: Some(Example::new("object.yaml", EGRESS_BAD)),
    good: Some(Example::new("objects.txtar", EGRESS_GOOD)),
};

static WRITABLE: Rule = Rule {
    id: RuleId::new("CM-AI-028"),
    title: Cow::Borrowed("A server may change the model that it serves"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A volume with models that a server can write to keeps what somebody who got into it changed, for the \
         next start and for all who share the volume.",
    ),
    remediation: Cow::Borrowed("Set `readOnly: true` on the mount."),
    references: Cow::Borrowed(&[Reference::new("CWE-732"), Reference::new("AML.T0018")]),
    bad: Some(Example::new("object.yaml", WRITABLE_BAD)),
    good: Some(Example::new("object.yaml", WRITABLE_GOOD)),
};

const NO_SANDBOX_BAD: &[u8] = br"apiVersion: agents.x-k8s.io/v1alpha1
kind: Sandbox
metadata: {name: agent, namespace: ml}
spec:
  podTemplate:
    spec:
      containers: [{name: agent, image: 'registry.example.org/agent:1'}]
";

const NO_SANDBOX_GOOD: &[u8] = br"apiVersion: agents.x-k8s.io/v1alpha1
kind: Sandbox
metadata: {name: agent, namespace: ml}
spec:
  podTemplate:
    spec:
      runtimeClassName: gvisor
      containers: [{name: agent, image: 'registry.example.org/agent:1'}]
";

const ADMIN_BAD: &[u8] = br"apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: gpu, namespace: ml}
spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu.nvidia.com, adminAccess: true}}]}}
";

const ADMIN_GOOD: &[u8] = br"apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: gpu, namespace: ml}
spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu.nvidia.com}}]}}
";

const INJECTED_BAD: &[u8] = br"apiVersion: kubeflow.org/v1alpha1
kind: PodDefault
metadata: {name: hub, namespace: ml}
spec:
  selector: {}
  env: [{name: HUB, valueFrom: {secretKeyRef: {name: hub, key: token}}}]
";

const INJECTED_GOOD: &[u8] = br#"apiVersion: kubeflow.org/v1alpha1
kind: PodDefault
metadata: {name: hub, namespace: ml}
spec:
  selector: {matchLabels: {hub-token: "true"}}
  env: [{name: HUB, valueFrom: {secretKeyRef: {name: hub, key: token}}}]
"#;

const EGRESS_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {nvidia.com/gpu: 1}}
";

const EGRESS_GOOD: &[u8] = br"-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    resources: {limits: {nvidia.com/gpu: 1}}
-- policy.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec: {podSelector: {}, policyTypes: [Egress]}
";

const WRITABLE_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: models, persistentVolumeClaim: {claimName: models}}]
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0
    volumeMounts: [{name: models, mountPath: /models}]
";

const WRITABLE_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  volumes: [{name: models, persistentVolumeClaim: {claimName: models}}]
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0
    volumeMounts: [{name: models, mountPath: /models, readOnly: true}]
";
