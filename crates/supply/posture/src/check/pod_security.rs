//! The Pod Security Standards of Kubernetes, baseline and restricted
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Family, Persona, Report, workload::pods};
use crate::World;

pub(super) const FAMILY: Family = Family {
    rules: &[(&PRIVILEGED, Persona::Regular)],
    check,
};

fn check(world: &World, report: &mut Report) {
    for pod in pods(world) {
        for container in pod.containers() {
            let privileged = container.cursor.at("securityContext.privileged");
            report.when(privileged.is_true(), &PRIVILEGED, &privileged, || {
                format!("the container {} is privileged", container.name)
            });
        }
    }
}

/// A container with all rights of its node.
static PRIVILEGED: Rule = Rule {
    id: RuleId::new("CM-POD-001"),
    title: Cow::Borrowed("A container is privileged"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A privileged container has every capability, every device of its node and no confinement by seccomp, \
         AppArmor or SELinux: whoever runs code in it runs code on the node, and reaches the weights, GPUs and \
         credentials of everything else there.",
    ),
    remediation: Cow::Borrowed(
        "Remove `privileged`, and grant the one capability or device that is needed.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-250"), Reference::new("T1611")]),
    bad: Some(Example::new("pod.yaml", PRIVILEGED_BAD)),
    good: Some(Example::new("pod.yaml", GOOD)),
};

const PRIVILEGED_BAD: &[u8] = b"\
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {privileged: true}
";

const GOOD: &[u8] = b"\
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
    securityContext: {privileged: false}
";
