mod hcl;

use super::*;
use crate::{check::Persona, survey::tests::file};

const TOP: &str =
    "# who runs it\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n";

fn fixed(containers: &str) -> Fixed {
    let text = format!("{TOP}{containers}");
    let files = [Arc::new(file("pod.yaml", &text))];
    fix(&PostureSurvey::new(Persona::Regular), &files, |found| {
        found.rule.id.as_str() == "CM-POD-001"
    })
}

#[test]
fn a_repair_changes_one_word_and_nothing_else() {
    let before = "  - name: x  # the server\n    securityContext:\n      privileged: true   # why?\n    image: y\n";
    let fixed = fixed(before);
    let change = &fixed.files[&PathText::from("pod.yaml")];
    let after = before.replace("privileged: true", "privileged: false");
    assert_eq!(&*change.text, format!("{TOP}{after}"));
    assert_eq!((fixed.gone.len(), fixed.left.len()), (1, 0));
}

#[test]
fn several_findings_of_one_file_are_repaired_together() {
    let before = "  - {name: x, securityContext: {privileged: true}}\n  - {name: y, securityContext: {privileged: \"true\"}}\n";
    let fixed = fixed(before);
    let text = &fixed.files[&PathText::from("pod.yaml")].text;
    assert!(!text.contains("true"), "{text}");
    assert_eq!(fixed.gone.len(), 2);
}

#[test]
fn of_two_objects_of_one_name_both_are_repaired() {
    let container = "  - {name: x, securityContext: {privileged: true}}\n";
    let fixed = fixed(&format!("{container}---\n{TOP}{container}"));
    let text = &fixed.files[&PathText::from("pod.yaml")].text;
    assert!(!text.contains("true"), "{text}");
    assert_eq!((fixed.gone.len(), fixed.left.len()), (2, 0));
}

#[test]
fn one_repair_that_does_not_hold_keeps_no_other_from_being_made() {
    let before = "  - {name: x, securityContext: {privileged: &a true, runAsNonRoot: *a}}\n  - {name: y, securityContext: {privileged: true}}\n  - {name: z, securityContext: {privileged: true}}\n";
    let fixed = fixed(before);
    assert_eq!((fixed.gone.len(), fixed.left.len()), (2, 1));
}

#[test]
fn several_things_are_put_into_one_map() {
    let survey = PostureSurvey::new(Persona::Auditor);
    let text = format!("{TOP}  - name: x\n    image: a\n  - name: y\n    image: a\n");
    let files = [Arc::new(file("pod.yaml", &text))];
    let fixed = fix(&survey, &files, |_| true);
    let after = &fixed.files[&PathText::from("pod.yaml")].text;
    assert!(after.matches("runAsNonRoot: true").count() > 1, "{after}");
    let again = [Arc::new(file("pod.yaml", after))];
    let still = fix(&survey, &again, |_| true);
    let left = fixed
        .left
        .iter()
        .chain(&still.left)
        .map(|(found, why)| (&found.rule.id, why));
    assert!(
        still.gone.is_empty(),
        "{after}\n{:?}",
        left.collect::<Vec<_>>()
    );
}

#[test]
fn what_is_another_places_value_is_left_and_said_so() {
    let before = "  - name: x\n    env: [{name: n, value: &yes true}]\n    securityContext: {privileged: *yes}\n";
    let fixed = fixed(before);
    assert!(fixed.files.is_empty());
    assert_eq!(
        fixed.left[0].1,
        "its value is no word that could be replaced"
    );
}

#[test]
fn a_value_that_others_have_from_there_is_left() {
    let before = "  - name: x\n    securityContext: {privileged: &yes true, runAsNonRoot: *yes}\n";
    let fixed = fixed(before);
    assert!(fixed.files.is_empty());
    assert!(fixed.left[0].1.contains("anchor"), "{}", fixed.left[0].1);
}

#[test]
fn what_is_not_there_is_put_in_with_the_indentation_of_what_is() {
    for (text, path, expected) in [
        (
            "a:\n    b: 1 # one\n    c:\n      - x\n      # last\nd: 2\n",
            "a.e.f",
            "a:\n    b: 1 # one\n    c:\n      - x\n    e:\n      f: no\n      # last\nd: 2\n",
        ),
        ("a: {b: 1}\n", "a.c.d", "a: {b: 1, c: {d: no}}\n"),
        ("a: {}\n", "a.c", "a: {c: no}\n"),
        (
            "l:\n- name: x\n  t: |\n    text\n- y: 1\n",
            "l[x].c",
            "l:\n- name: x\n  t: |\n    text\n  c: no\n- y: 1\n",
        ),
        ("a: 1", "b", "a: 1\nb: no"),
    ] {
        let file = Arc::new(file("a.yaml", text));
        let stream = casemate_document::yaml::read(
            text,
            casemate_document::yaml::Dialect::CORE,
            &casemate_document::Limits::default(),
        );
        let resource = crate::Resource {
            language: crate::Language::Kubernetes,
            kind: "K".into(),
            address: "K/n".into(),
            body: crate::Attr::of_node(&stream.documents[0].root, &file),
        };
        let cursor = resource.find(path);
        let (span, put) = yaml::inserted(cursor.nearest(), cursor.missing(), "no").expect(text);
        let edit = Edit {
            file,
            span,
            text: put,
        };
        assert_eq!(Edit::applied(text, vec![&edit]), expected);
    }
}

#[test]
fn every_repair_makes_the_bad_example_of_its_rule_good() {
    use casemate_core::Survey as _;
    let survey = PostureSurvey::new(Persona::Auditor);
    for (id, _) in repairs::REPAIRS {
        let rule = survey.rules().iter().find(|rule| rule.id.as_str() == *id);
        let bad = rule.and_then(|rule| rule.bad.as_ref()).expect(id);
        let text = std::str::from_utf8(&bad.content).expect("text");
        let files = [Arc::new(file(&bad.name, text))];
        let fixed = fix(&survey, &files, |found| found.rule.id.as_str() == *id);
        assert!(
            !fixed.gone.is_empty(),
            "{id}: {:?}",
            fixed.left.first().map(|(_, why)| why)
        );
        assert!(fixed.left.is_empty(), "{id}: {}", fixed.left[0].1);
    }
}
