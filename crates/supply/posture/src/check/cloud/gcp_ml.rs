//! Vertex AI.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::World;

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&NOTEBOOK_PUBLIC, Persona::Regular),
        (&VERTEX_KEY, Persona::Pedantic),
        (&ENDPOINT_PUBLIC, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for (kind, path) in [
        ("google_workbench_instance", "gce_setup.disable_public_ip"),
        ("google_notebooks_instance", "no_public_ip"),
    ] {
        for notebook in world.of_kind(kind) {
            for address in reach(&notebook.cursor(), path) {
                report.when(!address.is_true(), &NOTEBOOK_PUBLIC, &address, || {
                    "the notebook has a public address".to_owned()
                });
            }
        }
    }
    for endpoint in world.of_kind("google_vertex_ai_endpoint") {
        let is_open = endpoint
            .at("network")
            .is_absent()
            .and(|| endpoint.at("private_service_connect_config").is_absent());
        report.when(is_open, &ENDPOINT_PUBLIC, &endpoint.cursor(), || {
            "the endpoint is public".to_owned()
        });
    }
}

const ASKS: &[Ask] = &[Ask {
    rule: &VERTEX_KEY,
    kinds: &[
        "google_vertex_ai_dataset",
        "google_vertex_ai_metadata_store",
        "google_vertex_ai_endpoint",
        "google_vertex_ai_tensorboard",
        "google_vertex_ai_featurestore",
    ],
    path: "encryption_spec.kms_key_name",
    wrong: Wrong::Absent,
    says: "it has no key of yours",
}];

static NOTEBOOK_PUBLIC: Rule = rule(
    "CM-GCP-040",
    Severity::High,
    "A notebook has a public address",
    "A notebook runs whatever its users type, with their credentials; an address of its own is a \
     way to it past the proxy of the service.",
    "Set `disable_public_ip` (`no_public_ip` for `google_notebooks_instance`) to `true`.",
    const { &[see("CWE-668"), see("AML.T0049")] },
    [
        r#"resource "google_workbench_instance" "x" {
  gce_setup {
    machine_type = "e2-standard-4"
  }
}
"#,
        r#"resource "google_workbench_instance" "x" {
  gce_setup {
    disable_public_ip = true
  }
}
"#,
    ],
);

static VERTEX_KEY: Rule = rule(
    "CM-GCP-041",
    Severity::Low,
    "A resource of Vertex AI has no key of yours",
    "Datasets, models and features are encrypted with keys of Google alone.",
    "Set `encryption_spec { kms_key_name }`.",
    const { &[see("CWE-311"), see("AML.T0035")] },
    [
        r#"resource "google_vertex_ai_dataset" "x" {
  display_name = "d"
}
"#,
        r#"resource "google_vertex_ai_dataset" "x" {
  display_name = "d"
  encryption_spec {
    kms_key_name = "k"
  }
}
"#,
    ],
);

static ENDPOINT_PUBLIC: Rule = rule(
    "CM-GCP-042",
    Severity::Medium,
    "An endpoint of Vertex AI is public",
    "Predictions can be asked for from the Internet, by whoever holds a token.",
    "Set `network`, or `private_service_connect_config`.",
    const { &[see("CWE-668"), see("AML.T0040")] },
    [
        r#"resource "google_vertex_ai_endpoint" "x" {
  display_name = "e"
  encryption_spec {
    kms_key_name = "k"
  }
}
"#,
        r#"resource "google_vertex_ai_endpoint" "x" {
  display_name = "e"
  network      = "projects/1/global/networks/n"
}
"#,
    ],
);
