//! A comparison with kubectl, for `bench/posture/kustomize`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a developer runs it on trees of their own, and reads what it prints"
)]

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use crate::{
    Attr,
    read::{
        compared::{Plain, compared, file, read},
        kustomize::build::Builder,
    },
};

#[test]
fn kustomizations_make_what_kubectl_makes() {
    let Ok(list) = std::env::var("CASEMATE_KUSTOMIZE_CASES") else {
        return;
    };
    let list = fs::read_to_string(list).expect("cases");
    let mut cases = list.lines();
    let root = Path::new(cases.next().expect("a tree"));
    let mut files = BTreeMap::new();
    read(root, root, &mut files);
    let mut builder = Builder::new(&files);
    builder.keeps_definitions = true;
    let (mut equal, mut all, mut objects, mut same_objects) = (0, 0, 0, 0);
    for case in cases {
        let (folder, expected) = case.split_once('\t').expect("two parts");
        let folder = if folder == "." { "" } else { folder };
        let ours: Vec<Plain> = builder.root(folder).iter().map(Plain::of).collect();
        let text = fs::read_to_string(expected).expect("expected");
        let stream = yaml::read(&text, Dialect::KUBERNETES, &Limits::default());
        let expected = file("expected.yaml", &text);
        let roots = stream
            .documents
            .iter()
            .map(|it| Attr::of_node(&it.root, &expected));
        let theirs: Vec<Plain> = roots
            .map(|root| Plain::of(&root))
            .filter(|root| matches!(root, Plain::Map(_)))
            .collect();
        let (same, difference) = compared(&ours, &theirs);
        all += 1;
        objects += theirs.len();
        same_objects += same;
        match difference {
            None => equal += 1,
            Some(text) => println!("{folder}: {}", text.chars().take(400).collect::<String>()),
        }
    }
    for (file, span, message) in &builder.problems {
        println!("{}: {message}", crate::Origin::new(file, *span).location());
    }
    println!("{equal} of {all} kustomizations equal, {same_objects} of {objects} objects");
    let mut builder = Builder::new(&files);
    let start = Instant::now();
    let roots = super::super::roots(&files, &mut builder);
    let made: usize = roots.iter().map(|root| builder.root(root).len()).sum();
    println!(
        "{} roots, {made} objects, built in {:?}",
        roots.len(),
        start.elapsed()
    );
}
