use casemate_core::{Digest, Example, MemorySource};

use super::*;

/// What the survey says of `files`, each with its path, for an auditor.
pub(crate) fn survey(files: &[(&str, &[u8])]) -> Vec<Outcome> {
    judged(&PostureSurvey::new(Persona::Auditor), files)
}

pub(crate) fn judged(survey: &PostureSurvey, files: &[(&str, &[u8])]) -> Vec<Outcome> {
    let reading = |(path, bytes): &(&str, &[u8])| {
        survey.read(&subject(path, bytes), &MemorySource(bytes.to_vec()))
    };
    let mut files = files.to_vec();
    files.sort();
    let outcomes = survey.judge(files.iter().filter_map(reading).collect());
    outcomes.into_iter().flatten().collect()
}

pub(crate) fn file(path: &str, text: &str) -> File {
    File {
        subject: subject(path, text.as_bytes()),
        text: text.into(),
    }
}

/// What is read from `files`.
pub(crate) fn world(files: &[(String, Vec<u8>)]) -> World {
    let survey = PostureSurvey::new(Persona::Auditor);
    let reading = |(path, bytes): &(String, Vec<u8>)| {
        survey.read(&subject(path, bytes), &MemorySource(bytes.clone()))
    };
    let mut files = files.to_vec();
    files.sort();
    let kept = files.iter().filter_map(reading);
    let kept = kept.filter_map(|reading| reading.downcast().ok());
    gather(kept.map(|kept| *kept).collect()).0
}

/// A place and those behind it: `templates/a.yaml:3:5 < value values.yaml:1:6`.
pub(crate) fn way(origin: &Origin) -> String {
    origin
        .steps()
        .fold(origin.location().to_string(), |way, step| {
            let place = step.origin.location();
            format!("{way} < {} {place}", step.role.as_str())
        })
}

/// The files in an archive of text: `-- name --` is before each.
pub(crate) fn archive(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let name = line
            .trim_end()
            .strip_prefix("-- ")
            .and_then(|rest| rest.strip_suffix(" --"));
        match (name, files.last_mut()) {
            (Some(name), _) => files.push((name.to_owned(), Vec::new())),
            (None, Some((_, content))) => content.extend(line.as_bytes()),
            (None, None) => {}
        }
    }
    files
}

pub(crate) fn subject(path: &str, bytes: &[u8]) -> Subject {
    Subject::of_file("local", path.into(), path.into(), Digest::of(bytes))
}

/// The files of an example: one, or many in an archive of text (`-- name --` before each).
fn files(example: &Example) -> Vec<(String, Vec<u8>)> {
    let text = std::str::from_utf8(&example.content).expect("text");
    if !example.name.ends_with(".txtar") {
        return vec![(example.name.to_string(), example.content.to_vec())];
    }
    archive(text)
}

fn reported(example: &Example) -> Vec<String> {
    let files = files(example);
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    let outcomes = survey(&files);
    assert!(!outcomes.is_empty(), "{} is read by nobody", example.name);
    for outcome in &outcomes {
        assert_eq!(outcome.coverage, Coverage::Complete, "{:?}", outcome.reason);
    }
    let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
    findings.map(|finding| finding.rule.to_string()).collect()
}

#[test]
fn each_rule_is_reported_in_its_bad_example_and_not_in_its_good_one() {
    let survey = PostureSurvey::new(Persona::Auditor);
    for rule in survey.rules() {
        let id = rule.id.to_string();
        let bad = rule
            .bad
            .as_ref()
            .unwrap_or_else(|| panic!("{id} has no bad example"));
        let good = rule
            .good
            .as_ref()
            .unwrap_or_else(|| panic!("{id} has no good example"));
        assert!(
            reported(bad).contains(&id),
            "{id} is not in its bad example: {:?}",
            reported(bad)
        );
        assert!(!reported(good).contains(&id), "{id} is in its good example");
    }
}

#[test]
fn a_finding_points_at_its_attribute_and_names_its_resource() {
    let text = b"# top\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: ml}\n\
        spec:\n  template:\n    spec:\n      containers:\n      - name: x\n        securityContext:\n          privileged: true\n";
    let outcomes = survey(&[("deploy.yaml", text)]);
    let finding = outcomes[0]
        .findings
        .iter()
        .find(|finding| finding.rule.as_str() == "CM-POD-001")
        .expect("is privileged");
    assert_eq!(finding.location.to_string(), "deploy.yaml:11:23");
    let evidence: Vec<&str> = finding
        .evidence
        .iter()
        .map(|it| it.value.as_str())
        .collect();
    assert_eq!(
        evidence,
        [
            "Deployment/ml/a",
            "spec.template.spec.containers[x].securityContext.privileged"
        ]
    );
}

#[test]
fn what_is_no_manifest_to_its_end_is_partly_judged() {
    let text = b"apiVersion: v1\nkind: Pod\n---\n[\n";
    let outcomes = survey(&[("pod.yaml", text)]);
    assert_eq!(
        (outcomes[0].result, outcomes[0].coverage),
        (Status::Undetermined, Coverage::Partial)
    );
}

#[test]
fn what_cannot_be_read_as_what_it_is_called_is_partly_judged() {
    for (name, bytes) in [
        ("a.yaml", &b"kind: \xff"[..]),
        ("a.tf", b"resource\0"),
        ("deploy/Dockerfile.gpu", b"FROM \xff"),
    ] {
        let outcomes = survey(&[(name, bytes)]);
        let told = (outcomes[0].result, outcomes[0].coverage);
        assert_eq!(told, (Status::Undetermined, Coverage::Partial), "{name}");
    }
    assert!(survey(&[("weights.bin", b"\0\xff"), ("notes.txt", b"\xff")]).is_empty());
}

fn rules(files: &[(&str, &[u8])]) -> Vec<String> {
    let outcomes = survey(files);
    let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
    findings.map(|finding| finding.rule.to_string()).collect()
}

#[test]
fn lists_hide_no_pods() {
    let pod = "{metadata: {name: a}, spec: {containers: [{name: x, securityContext: {privileged: true}}]}}";
    let whole = pod.replacen('{', "{apiVersion: v1, kind: Pod, ", 1);
    let list = |items: &str| format!("{{apiVersion: v1, kind: List, items: [{items}]}}");
    for text in [
        list(&whole),
        list(&list(&list(&whole))),
        format!("{{apiVersion: v1, kind: PodList, items: [{pod}]}}"),
    ] {
        let found = rules(&[("a.yaml", text.as_bytes())]);
        assert!(found.contains(&"CM-POD-001".to_owned()), "{text}");
    }
}

#[test]
fn of_two_objects_of_one_name_both_are_told() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: x, securityContext: {privileged: true}}]}\n";
    let found = rules(&[("a.yaml", format!("{pod}---\n{pod}").as_bytes())]);
    let privileged = found.iter().filter(|rule| *rule == "CM-POD-001");
    assert_eq!(privileged.count(), 2);
}

#[test]
fn bases_that_double_are_bounded_and_told() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";
    let mut files = vec![("k0/pod.yaml".to_owned(), pod.to_owned())];
    files.push((
        "k0/kustomization.yaml".to_owned(),
        "resources: [pod.yaml]\n".to_owned(),
    ));
    for level in 1..25 {
        let below = level - 1;
        let text = format!("resources: [../k{below}, ../k{below}/]\n");
        files.push((format!("k{level}/kustomization.yaml"), text));
    }
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let outcomes = survey(&files);
    let is_told = |outcome: &Outcome| {
        let reason = outcome.reason.as_deref().unwrap_or_default();
        reason.contains("more objects than are built here")
    };
    assert!(outcomes.iter().any(is_told));
}

#[test]
fn conditions_of_cloudformation_are_asked_once_each() {
    let mut text = "AWSTemplateFormatVersion: 2010-09-09\nConditions:\n".to_owned();
    for at in 0..30 {
        let next = at + 1;
        text += &format!("  C{at}: !And [!Condition C{next}, !Condition C{next}]\n");
    }
    text += "  C30: !Equals [a, a]\nResources:\n  G:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      SecurityGroupIngress:\n      - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !If [C0, 0.0.0.0/0, 10.0.0.0/8]}\n";
    let found = rules(&[("stack.yaml", text.as_bytes())]);
    assert!(found.contains(&"CM-AWS-020".to_owned()), "{found:?}");
}

/// A file of a length, of which nobody has to read more than the beginning.
struct Long(u64);

impl Source for Long {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        assert!(offset == 0 && buf.len() <= HEAD, "it is read to its end");
        buf.fill(b'x');
        Ok(buf.len())
    }
}

#[test]
fn data_sets_are_not_read() {
    let survey = PostureSurvey::new(Persona::Regular);
    let read = |name: &str| survey.read(&subject(name, b""), &Long(60 << 20));
    assert!(read("train/part-1.csv").is_none());
    assert!(read("notes.txt").is_none());
}

#[test]
fn every_reason_is_told_and_what_was_not_understood_first() {
    let workflow = b"on: push\njobs:\n  a:\n    runs-on: ${{ inputs.runner }}\n    container: ${{ inputs.image }}\n    steps: [\n";
    let outcomes = survey(&[(".github/workflows/a.yml", workflow)]);
    let reason = outcomes[0].reason.as_deref().expect("a reason");
    assert!(reason.starts_with(".github/workflows/a.yml:"), "{reason}");
}

#[test]
fn parts_of_one_name_are_told_apart_wherever_they_stand() {
    let workflow = b"on: issues\njobs:\n  a:\n    runs-on: x\n    permissions: {}\n    steps:\n    - run: |\n        echo ${{ github.event.issue.title }}\n        echo ${{ github.event.issue.title }}\n";
    let outcomes = survey(&[(".github/workflows/a.yml", workflow)]);
    let findings = outcomes[0].findings.iter();
    let injections = findings.filter(|it| it.rule.as_str() == "CM-GHA-001");
    let prints: std::collections::BTreeSet<_> = injections.map(|it| it.fingerprint).collect();
    assert_eq!(prints.len(), 2);
}

#[test]
fn one_object_is_judged_alone_and_as_nothing_else() {
    let survey = PostureSurvey::new(Persona::Auditor);
    let judged = |text: &str| {
        let digest = Digest::of(text.as_bytes());
        let subject = Subject::of_file("local", "object.json".into(), "Pod p".into(), digest);
        survey.judge_object(&subject, text, Timestamp::UNIX_EPOCH)
    };
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "planned_values": {}, "Resources": {},
        "metadata": {"name": "p"}, "spec": {"hostPID": true, "containers": [{"image": "{{x}}"}]}}"#;
    let found: Vec<String> = judged(pod)
        .findings
        .iter()
        .map(|it| it.rule.to_string())
        .collect();
    assert!(found.contains(&"CM-POD-002".to_owned()), "{found:?}");
    for rule in NEED_OTHERS {
        assert!(!found.contains(&rule.to_string()), "{rule}");
    }
    let broken = judged("{\"kind\"");
    assert_eq!(
        (broken.result, broken.coverage),
        (Status::Undetermined, Coverage::Partial)
    );
    let definition =
        r#"{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}"#;
    assert_eq!(judged(definition).result, Status::Pass);
}
