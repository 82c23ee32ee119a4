//! Which images run.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Family, Persona, Report, workload::pods};
use crate::{Fact, Truth, World};

pub(super) const FAMILY: Family = Family {
    rules: &[(&LATEST, Persona::Regular), (&TAG, Persona::Pedantic)],
    check,
};

fn check(world: &World, report: &mut Report) {
    for pod in pods(world) {
        for container in pod.containers() {
            let image = container.cursor.get("image");
            let text = match image.text() {
                Fact::Known(text) => text,
                Fact::Absent => continue,
                Fact::Unknown(why) => {
                    report.when(Truth::Unknown(why), &LATEST, &image, String::new);
                    continue;
                }
            };
            let (is_latest, is_tag) = judged(&text);
            report.when(is_latest, &LATEST, &image, || {
                format!("{text} has no version")
            });
            report.when(is_tag, &TAG, &image, || {
                format!("{text} is named by its tag")
            });
        }
    }
}

/// Whether an image has no version, and whether it has one and no digest.
fn judged(image: &str) -> (Truth, Truth) {
    if image.contains('@') {
        return (Truth::No, Truth::No);
    }
    let is_variable = |text: &str| ["$", "{{", "<"].iter().any(|it| text.contains(it));
    // Names of images have no capital letters: these are to be replaced.
    let path = image.split_once('/').map_or(image, |(_, path)| path);
    let is_capital = |text: &str| {
        let name = text.split(':').next().unwrap_or_default();
        name.contains(|c: char| c.is_ascii_uppercase())
    };
    // A colon in the last part is before the tag; before that it is before a port.
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map(|(_, tag)| tag);
    match tag {
        // Whatever is filled in before it, this tag moves.
        Some(tag) if moves(tag) => (Truth::Yes, Truth::No),
        _ if is_variable(name) || is_capital(path) => {
            let unknown = Truth::Unknown(format!("{image} is filled in later").into());
            (unknown, Truth::No)
        }
        Some(_) => (Truth::No, Truth::Yes),
        None => (Truth::Yes, Truth::No),
    }
}

/// Whether a tag says by its name that it is another image tomorrow: `latest`, `latest-gpu`.
fn moves(tag: &str) -> bool {
    MOVING.contains(&tag) || tag.starts_with("latest-") || tag.ends_with("-latest")
}

const MOVING: &[&str] = &["", "latest", "main", "master", "nightly", "edge", "dev"];

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
    use super::*;

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

    #[test]
    fn ports_are_no_tags() {
        for (image, is_latest) in [
            ("registry:5000/a", true),
            ("registry:5000/a:1", false),
            ("a", true),
            ("a:latest", true),
            ("a:nightly", true),
            ("a:latest-gpu", true),
            ("r.example.org/YOUR_PROJECT/a:latest", true),
            ("a:1@sha256:00", false),
        ] {
            assert_eq!(judged(image).0, is_latest.into(), "{image}");
        }
        for image in ["a:${TAG}", "V_IMAGE_URL", "r.example.org/YOUR_PROJECT/a:1"] {
            assert!(matches!(judged(image).0, Truth::Unknown(_)), "{image}");
        }
    }
}
