//! Gatekeeper's labelled samples, each wrapped in a request. They are not copied here: who has a checkout of
//! open-policy-agent/gatekeeper-library sets `CASEMATE_GATEKEEPER_SUITES` to a directory of it, and gets the numbers.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use casemate_admission::{Judge, NobodyVouches, Parts, Review, Settings};
use casemate_policy::{
    Bundle, Limits,
    gatekeeper::{Constraints, Inventory, Resource},
};
use casemate_posture::{PostureSurvey, check::Persona};
use serde_json::{Value, json};

use crate::kit::{document, now};

#[test]
fn gatekeepers_samples_are_decided_as_they_are_labelled() {
    let Some(dir) = env::var_os("CASEMATE_GATEKEEPER_SUITES") else {
        return;
    };
    let bundle = Bundle::builtin();
    let (mut cases, mut wrong) = (0, Vec::new());
    for file in suites(Path::new(&dir)) {
        let folder = file.parent().expect("a folder");
        for suite in read(&file).iter().filter(|it| it["kind"] == "Suite") {
            for test in list(&suite["tests"]).iter().filter(|it| it["skip"] != true) {
                let files = ["template", "constraint"].map(|it| folder.join(text(&test[it])));
                for case in list(&test["cases"]).iter().filter(|it| it["skip"] != true) {
                    cases += 1;
                    if let Some(why) = decided(&bundle, folder, &files, case) {
                        wrong.push(format!("{} {}: {why}", file.display(), case["name"]));
                    }
                }
            }
        }
    }
    println!("{cases} cases, {} decided wrong", wrong.len());
    assert!(cases > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the decision about a case.
fn decided(bundle: &Bundle, folder: &Path, files: &[PathBuf], case: &Value) -> Option<String> {
    let resources = files.iter().flat_map(|file| resources(file));
    let resources: Vec<Resource> = resources.collect();
    let constraints = Constraints::load(&resources, Limits::default()).expect("constraints");
    let mut inventory = Inventory::default();
    for file in list(&case["inventory"]) {
        read(&folder.join(text(file)))
            .iter()
            .for_each(|it| inventory.insert(it).expect("an object"));
    }
    let judge = Judge::new(Parts {
        survey: PostureSurvey::new(Persona::Regular),
        bundle: bundle.clone(),
        constraints: Some(constraints),
        inventory,
        vouch: Box::new(NobodyVouches),
        settings: Settings::default(),
    });
    let object = read(&folder.join(text(&case["object"]))).swap_remove(0);
    let judged = judge.expect("a judge").judge(&wrapped(object), now());
    // What the checks of the house have against a sample is another question.
    let kinds = resources.iter().filter_map(|it| it.value["kind"].as_str());
    let kinds: Vec<String> = kinds.map(|kind| format!("{kind} ")).collect();
    let decision = judged.record.decision.expect("a decision");
    let reasons = decision.reasons.iter().map(|it| it.message.clone());
    let of_constraints = |it: &String| kinds.iter().any(|kind| it.starts_with(kind));
    let reasons: Vec<String> = reasons.filter(of_constraints).collect();
    let is_wanted = |assertion: &Value| match &assertion["violations"] {
        Value::Number(number) => *number != 0.into(),
        Value::Bool(is) => *is,
        other => other != "no",
    };
    let wanted = list(&case["assertions"]).iter().any(is_wanted);
    let is_denied = decision.outcome == casemate_core::Verdict::Deny;
    match wanted {
        true if reasons.is_empty() => Some("it passes".to_owned()),
        true if !is_denied
            && !decision
                .reasons
                .iter()
                .any(|it| it.effect == casemate_core::Effect::Warn) =>
        {
            Some("nothing comes of it".to_owned())
        }
        false if !reasons.is_empty() => Some(reasons.join("; ")),
        _ => None,
    }
}

/// A request about an object; what is one already has what an API server adds.
fn wrapped(object: Value) -> Review {
    if object["kind"] != "AdmissionReview" {
        let review =
            document(&json!({"object": object, "namespace": object["metadata"]["namespace"]}));
        return Review::of(review).expect("a review");
    }
    let mut request = object["request"].clone();
    let of = match request["object"].is_null() {
        true => request["oldObject"].clone(),
        false => request["object"].clone(),
    };
    let version = of["apiVersion"].as_str().unwrap_or("v1").to_owned();
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    request["uid"] = "1".into();
    request["kind"] = json!({"group": group, "version": version, "kind": of["kind"]});
    if request["operation"].is_null() {
        request["operation"] = "CREATE".into();
    }
    Review::of(
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}),
    )
    .expect("a review")
}

fn suites(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut todo) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.file_name().is_some_and(|name| name == "suite.yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn resources(file: &Path) -> Vec<Resource> {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Resource::read(&file.display().to_string(), &bytes).expect("YAML")
}

fn read(file: &Path) -> Vec<Value> {
    resources(file).into_iter().map(|it| it.value).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
