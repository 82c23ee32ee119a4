//! Stores of vectors, and others that AI platforms keep data in.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::check::{
    Check, Family, Persona, Report,
    selection::{Labels, Selectors, Together},
    workloads::{Program, Workloads},
};
use crate::{Resource, Truth};

pub(super) const FAMILY: Family = Family {
    rules: &[(&OPEN, Persona::Regular), (&UNGUARDED, Persona::Pedantic)],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
    let mut others = Together::default();
    for other in OTHERS.iter().flat_map(|kind| world.of_kind(kind)) {
        others.add(other, &(), &other);
    }
    for program in &workloads.programs {
        let container = &program.container;
        unguarded(program, &policies, &others, report);
        for (name, open) in OPEN_BY {
            if let Some(variable) = container.env(name) {
                let value = variable.get("value");
                report.when(value.equals(open), &OPEN, &value, || {
                    format!("{name} is {open}")
                });
            }
        }
        // Qdrant and Redis let everybody in unless they are told a key.
        let (lacks, port) = if program.is_image(&["qdrant"]) {
            (
                !container.has_env("QDRANT__SERVICE__API_KEY", &workloads.maps),
                6333,
            )
        } else if program.is_image(&["redis", "redis-stack", "redis-stack-server", "valkey"]) {
            (program.lacks(&["--requirepass", "--aclfile"]), 6379)
        } else {
            continue;
        };
        let mut reach = program.reach(&["--port"], port, workloads);
        let is_open = reach
            .outside
            .clone()
            .and(|| lacks)
            .and(|| has_no_file(program));
        let through = std::mem::take(&mut reach.through);
        report.when_at(
            is_open,
            &OPEN,
            &container.cursor,
            container.cursor.origin(),
            || {
                (
                    "who is outside reads and writes the store".to_owned(),
                    through,
                )
            },
        );
    }
}

/// Whether no policy says who reaches a registry of models, or a store of vectors or features.
fn unguarded<'a>(
    program: &Program<'a>,
    policies: &Selectors<'a>,
    others: &Together<'a, (), &'a Resource>,
    report: &mut Report,
) {
    let is_server = program.command.phrase(&["mlflow", "server"]).is_some();
    let is_store = program.is_image(KEPT) || is_server;
    if !is_store || !program.pod.is_whole() {
        return;
    }
    let labels = Labels::of(&program.pod);
    let guards = policies.near(&labels).into_iter().map(|at| {
        let types = policies.object(at).at("spec.policyTypes");
        let is_ingress = types.is_absent().or(|| types.has("Ingress"));
        is_ingress.and(|| policies.selects(at, &labels))
    });
    let mut others = others.near(program.pod.resource(), &());
    let is_open = !Truth::any(guards);
    let is_open = is_open.and(|| match others.next() {
        Some(it) => Truth::Unknown(format!("{} may say who reaches it", it.address).into()),
        None => Truth::Yes,
    });
    report.when(is_open, &UNGUARDED, &program.pod.spec, || {
        "no policy here says who reaches the store".to_owned()
    });
}

/// Images of registries of models, and of stores of vectors and features.
const KEPT: &[&str] = &[
    "mlflow",
    "qdrant",
    "weaviate",
    "milvus",
    "chroma",
    "pgvector",
    "feature-server",
    "model-registry",
];

/// Policies of the network and of a mesh that are not asked here.
const OTHERS: &[&str] = &[
    "CiliumNetworkPolicy",
    "AuthorizationPolicy",
    "AdminNetworkPolicy",
    "ClusterNetworkPolicy",
];

/// Not known, where a file that is mounted may have the key.
fn has_no_file(program: &Program<'_>) -> Truth {
    let volumes = program.pod.volumes();
    let kinds = ["configMap", "secret", "projected"];
    let has_file = volumes
        .iter()
        .any(|it| kinds.iter().any(|kind| !it.get(kind).is_absent().is_yes()));
    if has_file {
        Truth::Unknown("a file that is mounted may have the key".into())
    } else {
        Truth::Yes
    }
}

/// Variables with the value that opens a store.
const OPEN_BY: &[(&str, &str)] = &[
    ("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", "true"),
    ("xpack.security.enabled", "false"),
    ("DISABLE_SECURITY_PLUGIN", "true"),
];

static OPEN: Rule = Rule {
    id: RuleId::new("CM-AI-065"),
    title: Cow::Borrowed("A store of vectors or data lets everybody in"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A store of vectors has the text that it was made of: documents, mails, code. Without authentication \
         every pod that reaches it reads them, and puts in what a model then says.",
    ),
    remediation: Cow::Borrowed(
        "Turn authentication on, with a key from a Secret, and keep the Service a ClusterIP.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0035"),
        Reference::new("AML.T0070"),
        Reference::new("https://qdrant.tech/documentation/security/"),
    ]),
    bad: Some(Example::new("object.yaml", OPEN_BAD)),
    good: Some(Example::new("object.yaml", OPEN_GOOD)),
};

static UNGUARDED: Rule = Rule {
    id: RuleId::new("CM-AI-059"),
    title: Cow::Borrowed("No policy says who reaches a registry of models or a store of vectors"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "What a registry, or a store of vectors or features, has is read and changed by whoever reaches it, and \
         then by every model that is loaded or asked. Without a NetworkPolicy for its ingress that is every \
         pod of every namespace.",
    ),
    remediation: Cow::Borrowed(
        "Add a NetworkPolicy that selects the pod and names the workloads that need it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("AML.T0035"),
        Reference::new("AML.T0018"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    ]),
    bad: Some(Example::new("object.yaml", UNGUARDED_BAD)),
    good: Some(Example::new("objects.txtar", UNGUARDED_GOOD)),
};

const UNGUARDED_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: vectors, namespace: ml, labels: {app: vectors}}
spec:
  containers: [{name: server, image: 'qdrant/qdrant:v1.15.4'}]
";

const UNGUARDED_GOOD: &[u8] = br"-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: vectors, namespace: ml, labels: {app: vectors}}
spec:
  containers: [{name: server, image: 'qdrant/qdrant:v1.15.4'}]
-- policy.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: vectors, namespace: ml}
spec:
  podSelector: {matchLabels: {app: vectors}}
  ingress: [{from: [{podSelector: {matchLabels: {app: rag}}}]}]
";

const OPEN_BAD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: semitechnologies/weaviate:1.34.0
    env: [{name: AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED, value: "true"}]
    ports: [{containerPort: 8080}]
"#;

const OPEN_GOOD: &[u8] = br#"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: semitechnologies/weaviate:1.34.0
    env: [{name: AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED, value: "false"}]
    ports: [{containerPort: 8080}]
"#;
