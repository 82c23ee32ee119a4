//! A comparison with Helm itself, for `bench/posture/helm`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a developer runs it on trees of their own, and reads what it prints"
)]

use std::{fs, path::Path};

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use crate::{
    Attr,
    read::{
        compared::{Plain, compared, file, read},
        helm::{
            chart::{Files, Tree},
            rendered,
        },
    },
};

#[test]
fn charts_are_rendered_as_helm_renders_them() {
    let Ok(list) = std::env::var("CASEMATE_HELM_CASES") else {
        return;
    };
    let (mut equal, mut all, mut objects, mut same_objects) = (0, 0, 0, 0);
    for case in fs::read_to_string(list).expect("cases").lines() {
        let case = Path::new(case);
        let mut files = Files::new();
        read(&case.join("chart"), &case.join("chart"), &mut files);
        let tree = Tree::new(&files);
        let chart = tree.chart("", &mut Vec::new()).expect("a chart");
        let made = rendered(&[chart]).remove(0);
        // The library that Helm's side is asked through gives neither hooks nor definitions.
        let is_given = |object: &&Attr| {
            let hook = object
                .at("metadata.annotations")
                .ok()
                .and_then(|it| it.get("helm.sh/hook").ok());
            hook.is_none()
                && object.get("kind").ok().and_then(Attr::as_str)
                    != Some("CustomResourceDefinition")
        };
        let ours: Vec<Plain> = made
            .objects
            .iter()
            .filter(is_given)
            .map(Plain::of)
            .collect();
        let text = fs::read_to_string(case.join("expected.yaml")).expect("expected");
        let stream = yaml::read(&text, Dialect::KUBERNETES, &Limits::default());
        let expected = file("expected.yaml", &text);
        let roots = stream
            .documents
            .iter()
            .map(|it| Attr::of_node(&it.root, &expected));
        let theirs: Vec<Plain> = roots
            .filter(|root| is_given(&root))
            .map(|root| Plain::of(&root))
            .filter(|root| matches!(root, Plain::Map(_)))
            .collect();
        let (same, difference) = compared(&ours, &theirs);
        all += 1;
        objects += theirs.len();
        same_objects += same;
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        match difference {
            None => equal += 1,
            Some(text) => {
                println!("{name}: {}", text.chars().take(300).collect::<String>());
                for (file, _, message) in made.problems.iter().take(2) {
                    println!(
                        "    {}: {}",
                        file.subject.path.as_str(),
                        message.chars().take(200).collect::<String>()
                    );
                }
            }
        }
    }
    println!("{equal} of {all} charts equal, {same_objects} of {objects} objects");
}
