//! Which images run.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Family, Persona, Report, image::pinned, workload::pods};
use crate::World;

pub(super) const FAMILY: Family = Family {
    rules: &[(&LATEST, Persona::Regular), (&TAG, Persona::Pedantic)],
    check,
};

fn check(world: &World, report: &mut Report) {
    for pod in pods(world) {
        for container in pod.containers() {
            let image = container.cursor.get("image");
            pinned(&image, "", (&LATEST, &TAG), report);
        }
    }
}

static LATEST: Rule = Rule {
    id: RuleId::new("CM-IMG-001"),
    title: Cow::Borrowed("An image has no version"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "An image without a tag, or with one that moves by its name (`latest`, `main`, `nightly`), is another \
         one tomorrow: whoever can push to it runs code in the pod at its next start, and nobody can say what \
         ran yesterday.",
    ),
    remediation: Cow::Borrowed("Name the image by version and digest."),
    references: Cow::Borrowed(&[Reference::new("CWE-494"), Reference::new("T1525")]),
    bad: Some(Example::new("object.yaml", LATEST_BAD)),
    good: Some(Example::new("object.yaml", LATEST_GOOD)),
};

static TAG: Rule = Rule {
    id: RuleId::new("CM-IMG-002"),
    title: Cow::Borrowed("An image is named by its tag"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A tag can be moved to another image; a digest is the image. Only what is named by its digest can be \
         verified once and run as it was.",
    ),
    remediation: Cow::Borrowed("Add the digest: `image:tag@sha256:…`."),
    references: Cow::Borrowed(&[Reference::new("CWE-494"), Reference::new("T1525")]),
    bad: Some(Example::new("object.yaml", TAG_BAD)),
    good: Some(Example::new("object.yaml", TAG_GOOD)),
};

const LATEST_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:latest
";

const LATEST_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai@sha256:0f1e
";

const TAG_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0
";

const TAG_GOOD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.11.0@sha256:0f1e
";

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_kustomization_replaces_is_not_run() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'r/a'}]}\n";
        for (images, expected) in [
            ("[{name: r/a, newTag: v1}]", ["CM-IMG-002"].as_slice()),
            ("[{name: r/a, newTag: latest}]", &["CM-IMG-001"]),
            ("[{name: r/a, digest: 'sha256:0f'}]", &[]),
            ("[{name: r/b, newTag: v1}]", &["CM-IMG-001"]),
        ] {
            let layer = format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [pod.yaml]\nimages: {images}\n"
            );
            let files = [
                ("kustomization.yaml", layer.as_bytes()),
                ("pod.yaml", pod.as_bytes()),
            ];
            let outcomes = crate::survey::tests::survey(&files);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let found = findings
                .map(|it| it.rule.to_string())
                .filter(|it| it.contains("IMG"));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{images}");
        }
    }
}
