//! Which images run.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Check, Family, Persona, Report,
    image::{Image, moves, pinned},
    workload::objects,
    workloads::Workloads,
};
use crate::{Cursor, Fact, read::values};

pub(super) const FAMILY: Family = Family {
    rules: &[(&LATEST, Persona::Regular), (&TAG, Persona::Pedantic)],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for pod in &workloads.pods {
        for container in pod.containers() {
            let image = container.cursor.get("image");
            pinned(&image, "", (&LATEST, &TAG), report);
        }
    }
    for resource in objects(world).chain(world.of_kind(values::KIND)) {
        // To look into every part of every object is much, and few have a tag apart.
        if resource.body.origin.text().contains("latest") {
            apart(&resource.cursor(), MAX_DEPTH, report);
        }
    }
}

/// Images whose tag stands beside their name.
fn apart(place: &Cursor<'_>, depth: usize, report: &mut Report) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let has_name = ["repository", "image"].iter().any(|key| {
        let name = place.get(key).text();
        name.is(|it| Image::of(&it).tag.is_none()).is_yes()
    });
    for tag in ["tag", "version"].map(|key| place.get(key)) {
        let is_moving = tag.text().is(|tag| tag.contains("latest") && moves(&tag));
        report.when(is_moving.and(|| has_name.into()), &LATEST, &tag, || {
            "the image is whatever is the latest".to_owned()
        });
    }
    for (_, inner) in place.entries() {
        apart(&inner, depth, report);
    }
    for inner in place.items() {
        if !matches!(inner.fact, Fact::Unknown(_)) {
            apart(&inner, depth, report);
        }
    }
}

/// As deep as manifests go.
const MAX_DEPTH: usize = 40;

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
    fn a_tag_may_stand_beside_the_name() {
        let of = |name: &str, text: &str| {
            let outcomes = crate::survey::tests::survey(&[(name, text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            let found = findings.map(|it| format!("{} {}", it.rule, it.location));
            found
                .filter(|it| it.starts_with("CM-IMG-001"))
                .collect::<Vec<_>>()
        };
        let values = |tag: &str| format!("server:\n  image: {{repository: r/a, tag: {tag}}}\n");
        assert_eq!(
            of("values.yaml", &values("latest")),
            ["CM-IMG-001 values.yaml:2:33"]
        );
        // The chart has a version for it.
        assert_eq!(of("values.yaml", &values("''")), [""; 0]);
        assert_eq!(of("values.yaml", &values("v1.2")), [""; 0]);
        let runtime = "apiVersion: example.org/v1\nkind: Runtime\nmetadata: {name: r}\nspec: {image: r/a, version: latest}\n";
        assert_eq!(of("r.yaml", runtime), ["CM-IMG-001 r.yaml:4:29"]);
    }

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
