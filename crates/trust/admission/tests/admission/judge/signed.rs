//! What has to be signed, and what is said of images.

use serde_json::json;

use super::message;
use crate::kit::{Kit, object, pod};

#[test]
fn what_has_to_be_signed_is_signed_by_its_digest() {
    let image = |digit: &str| format!("registry.example.org/serve@sha256:{}", digit.repeat(64));
    let signed = Kit {
        settings: "signed = [\"registry.example.org/*\"]",
        ..Kit::default()
    };
    let asked = |image: &str| signed.asked(json!({"object": pod(json!({"image": image}))}));
    assert!(asked(&image("1")).response.allowed);
    assert!(
        asked("other.example.org/serve@sha256:0f1e")
            .response
            .allowed
    );
    for (image, expected) in [
        (
            image("2"),
            "signed: nobody who is trusted signed registry.example.org/serve@",
        ),
        (image("3"), "signed: nobody who is trusted signed"),
        (
            "registry.example.org/serve:1".to_owned(),
            "is not named by its digest",
        ),
    ] {
        let judged = asked(&image);
        assert!(message(&judged).contains(expected), "{judged:?}");
    }
    let model = json!({"predictor": {"model": {"modelFormat": {"name": "sklearn"},
        "storageUri": "oci://registry.example.org/fraud:1"}}});
    let service = object(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        json!({"spec": model}),
    );
    let oci = Kit {
        settings: "signed = [\"oci://*\"]",
        ..Kit::default()
    };
    let judged = oci.asked(json!({"object": service}));
    assert!(
        message(&judged).contains("oci://registry.example.org/fraud:1 is not named"),
        "{judged:?}"
    );
}

#[test]
fn a_model_that_nothing_pins_is_not_signed() {
    let model = json!({"predictor": {"model": {"modelFormat": {"name": "sklearn"},
        "storage": {"key": "own", "path": "fraud"}}}});
    let service = object(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        json!({"spec": model}),
    );
    let signed = Kit {
        settings: "signed = [\"oci://*\"]",
        ..Kit::default()
    };
    let judged = signed.asked(json!({"object": service}));
    assert!(
        message(&judged).contains("the model in the storage `own` at `fraud` is not named"),
        "{judged:?}"
    );
}

#[test]
fn rules_see_what_is_said_of_images() {
    let rego = "package casemate.gate

deny contains \"it failed its tests\" if {
	some said in input.evidence
	endswith(said.predicateType, \"/test-result/v0.1\")
}
";
    let image = format!("a@sha256:{}", "2".repeat(64));
    let kit = Kit {
        rego,
        ..Kit::default()
    };
    let judged = kit.asked(json!({"object": pod(json!({"image": image}))}));
    assert_eq!(message(&judged), "it failed its tests");
}
