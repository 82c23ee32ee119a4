//! Stores of vectors, and others that AI platforms keep data in.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Around, Program, programs};
use crate::check::{Family, Persona, Report};
use crate::{Truth, World};

pub(super) const FAMILY: Family = Family {
    rules: &[(&OPEN, Persona::Regular)],
    check,
};

fn check(world: &World, report: &mut Report) {
    let around = Around::of(world);
    for program in programs(world) {
        let container = &program.container;
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
                !container.has_env("QDRANT__SERVICE__API_KEY", &around.maps),
                6333,
            )
        } else if program.is_image(&["redis", "redis-stack", "redis-stack-server", "valkey"]) {
            (program.lacks(&["--requirepass", "--aclfile"]), 6379)
        } else {
            continue;
        };
        let mut reach = program.reach(&["--port"], port, &around);
        let is_open = reach
            .outside
            .clone()
            .and(|| lacks)
            .and(|| has_no_file(&program));
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
        Reference::new("AML.T0020"),
        Reference::new("https://qdrant.tech/documentation/security/"),
    ]),
    bad: Some(Example::new("object.yaml", OPEN_BAD)),
    good: Some(Example::new("object.yaml", OPEN_GOOD)),
};

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
