//! What the tests are made of.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use casemate_admission::{Judge, JudgeError, Judged, Parts, Review, Settings, Vouch};
use casemate_core::{Digest, PathText, Timestamp};
use casemate_policy::{
    Bundle, Limits,
    gatekeeper::{Constraints, Inventory, Resource},
};
use casemate_posture::{
    PostureSurvey,
    check::{Persona, UserChecks},
};
use serde_json::{Value, json};

/// A judge of what a test says.
#[derive(Default)]
pub(crate) struct Kit<'a> {
    pub(crate) settings: &'a str,
    pub(crate) rego: &'a str,
    pub(crate) constraints: &'a str,
    pub(crate) persona: Persona,
    /// How long a rule may take.
    pub(crate) patience: Option<Duration>,
    /// While it is locked, what is signed of the digest of nines is not said.
    pub(crate) held: Arc<Mutex<()>>,
}

impl Kit<'_> {
    pub(crate) fn judge(&self) -> Judge {
        self.built().expect("a judge")
    }

    pub(crate) fn built(&self) -> Result<Judge, JudgeError> {
        let files = match self.rego {
            "" => Vec::new(),
            rego => vec![(PathText::from_text("own.rego"), rego.as_bytes().to_vec())],
        };
        let bundle = Bundle::overlay(files).expect("the policy loads");
        let bundle = match self.patience {
            Some(time) => bundle.limited(Limits {
                time,
                ..Limits::default()
            }),
            None => bundle,
        };
        let checks = UserChecks::of(&bundle, now()).expect("checks");
        let resources = Resource::read("constraints.yaml", self.constraints.as_bytes());
        let resources = resources.expect("YAML");
        let constraints = Constraints::load(&resources, Limits::default()).expect("constraints");
        let settings: Settings = toml(self.settings);
        let parts = Parts {
            survey: PostureSurvey::new(self.persona).with_checks(checks),
            bundle,
            constraints: Some(constraints).filter(|it| !it.is_empty()),
            inventory: Inventory::default(),
            vouch: Box::new(Known(Arc::clone(&self.held))),
            settings,
        };
        Judge::new(parts)
    }

    pub(crate) fn asked(&self, request: Value) -> Judged {
        self.judge().judge(&review(request), now())
    }
}

pub(crate) fn toml(text: &str) -> Settings {
    toml::from_str(text).expect("settings")
}

/// The review of a creation, with other fields as they are given.
pub(crate) fn document(request: &Value) -> Value {
    let object = request
        .get("object")
        .cloned()
        .unwrap_or_else(|| pod(json!({})));
    let of = if object.is_null() {
        &request["oldObject"]
    } else {
        &object
    };
    let version = of["apiVersion"].as_str().unwrap_or("v1");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let mut whole = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": of["kind"]},
        "resource": {"group": group, "version": version, "resource": "any"},
        "operation": "CREATE", "name": of["metadata"]["name"], "namespace": "ml",
        "userInfo": {"username": "ada", "groups": ["system:authenticated"]},
        "object": object, "oldObject": null, "dryRun": false, "options": {},
    }});
    for (key, value) in request.as_object().expect("an object") {
        whole["request"][key] = value.clone();
    }
    whole
}

pub(crate) fn review(request: Value) -> Review {
    Review::of(document(&request)).expect("a review")
}

/// A pod that nothing is wrong with, with other fields of its container as they are given.
pub(crate) fn pod(container: Value) -> Value {
    object("v1", "Pod", json!({"spec": spec(container)}))
}

pub(crate) fn object(version: &str, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind,
        "metadata": {"name": "web", "namespace": "ml"}});
    for (key, value) in rest.as_object().expect("an object") {
        object[key] = value.clone();
    }
    object
}

pub(crate) fn spec(container: Value) -> Value {
    let mut whole = json!({"name": "main", "image": format!("registry.example.org/a@sha256:{}", "0".repeat(64))});
    for (key, value) in container.as_object().expect("an object") {
        whole[key] = value.clone();
    }
    json!({"containers": [whole]})
}

/// What a privileged container has.
pub(crate) fn privileged() -> Value {
    json!({"securityContext": {"privileged": true}})
}

pub(crate) fn now() -> Timestamp {
    "2026-09-01T12:00:00Z".parse().expect("a time")
}

/// An image that is looked up for as long as somebody holds that up.
pub(crate) fn looked_up() -> Value {
    json!({"image": format!("registry.example.org/a@sha256:{}", "9".repeat(64))})
}

/// Somebody signed what has the digest of ones, and said of that of twos that it failed. That of nines may be held up.
struct Known(Arc<Mutex<()>>);

impl Vouch for Known {
    fn said_of(&self, digest: &Digest) -> Vec<Value> {
        let kind = match digest.hex().as_bytes().first() {
            Some(b'1') => "https://slsa.dev/provenance/v1",
            Some(b'2') => "https://in-toto.io/attestation/test-result/v0.1",
            Some(b'9') => {
                drop(self.0.lock());
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        vec![json!({"predicateType": kind})]
    }
}
