//! Machines, functions and clusters of AWS.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::{Attr, Cursor, Fact, Truth, Value, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&METADATA_V1, Persona::Regular),
        (&METADATA_HOPS, Persona::Regular),
        (&CLUSTER_PUBLIC, Persona::Regular),
        (&CLUSTER_SECRETS, Persona::Pedantic),
        (&CLUSTER_LOGS, Persona::Pedantic),
        (&SECRET_IN_ENVIRONMENT, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for kind in [
        "aws_instance",
        "aws_launch_template",
        "aws_launch_configuration",
    ] {
        for machine in world.of_kind(kind) {
            let is_off = reach(&machine.cursor(), "metadata_options.http_endpoint");
            let is_off = Truth::any(is_off.iter().map(|it| it.equals("disabled")));
            for tokens in reach(&machine.cursor(), "metadata_options.http_tokens") {
                let is_old = (!tokens.equals("required")).and(|| !is_off.clone());
                report.when(is_old, &METADATA_V1, &tokens, || {
                    "version 1 of the metadata service is answered".to_owned()
                });
            }
            for hops in reach(
                &machine.cursor(),
                "metadata_options.http_put_response_hop_limit",
            ) {
                let is_far = hops.integer().is(|hops| hops > 1).and(|| !is_off.clone());
                report.when(is_far, &METADATA_HOPS, &hops, || {
                    "containers reach the metadata service".to_owned()
                });
            }
        }
    }
    for cluster in world.of_kind("aws_eks_cluster") {
        check_cluster(&cluster.cursor(), report);
    }
    for (kind, path) in [
        ("aws_lambda_function", "environment.variables"),
        ("aws_instance", "user_data"),
        ("aws_launch_configuration", "user_data"),
        ("aws_launch_template", "user_data"),
        ("aws_sagemaker_model", "primary_container.environment"),
        (
            "aws_sagemaker_notebook_instance_lifecycle_configuration",
            "on_start",
        ),
        ("aws_ecs_task_definition", "container_definitions"),
    ] {
        for resource in world.of_kind(kind) {
            for place in reach(&resource.cursor(), path) {
                check_texts(&place, report);
            }
        }
    }
}

fn check_cluster(cluster: &Cursor<'_>, report: &mut Report) {
    for access in reach(cluster, "vpc_config.endpoint_public_access") {
        let networks = reach(cluster, "vpc_config.public_access_cidrs");
        let is_wide = networks
            .iter()
            .map(|it| it.is_absent().or(|| it.has("0.0.0.0/0")));
        let is_open = (!access.is_false()).and(|| Truth::any(is_wide.collect::<Vec<_>>()));
        report.when(is_open, &CLUSTER_PUBLIC, &access, || {
            "the API is open to the Internet".to_owned()
        });
    }
    let logs = cluster.get("enabled_cluster_log_types");
    let has_all = [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]
    .map(|name| logs.has(name));
    report.when(!Truth::all(has_all), &CLUSTER_LOGS, &logs, || {
        "the control plane is not logged in full".to_owned()
    });
}

fn check_texts(place: &Cursor<'_>, report: &mut Report) {
    if let Fact::Known(attr) = &place.fact
        && holds_key(attr, 0)
    {
        report.when(Truth::Yes, &SECRET_IN_ENVIRONMENT, place, || {
            "it holds an access key of AWS".to_owned()
        });
    }
}

/// Whether some text in it has an access key of AWS. Values are bounded in depth.
fn holds_key(attr: &Attr, depth: usize) -> bool {
    match &attr.value {
        Value::String(text) => has_access_key(text),
        Value::List(items) => depth < 20 && items.iter().any(|it| holds_key(it, depth + 1)),
        Value::Map(map) => {
            depth < 20 && map.items().iter().any(|it| holds_key(&it.value, depth + 1))
        }
        _ => false,
    }
}

/// `AKIA` or `ASIA`, and sixteen capital letters and digits
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
pub(super) fn has_access_key(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let mut words = text.as_bytes().split(|byte| !is_sign(*byte));
    words.any(|word| word.len() == 20 && (word.starts_with(b"AKIA") || word.starts_with(b"ASIA")))
}

const ASKS: &[Ask] = &[Ask {
    rule: &CLUSTER_SECRETS,
    kinds: &["aws_eks_cluster"],
    path: "encryption_config",
    wrong: Wrong::Absent,
    says: "secrets have no key of their own",
}];

static METADATA_V1: Rule = rule(
    "CM-AWS-080",
    Severity::Medium,
    "A machine answers to version 1 of the metadata service",
    "Version 1 answers any request from the machine: a server-side request forgery, or an agent \
     that fetches URLs, reads the credentials of its role. Version 2 wants a token that such \
     requests cannot get.",
    "Set `metadata_options { http_tokens = \"required\" }`.",
    const { &[see("CWE-918"), see("T1552.005"), see("AML.T0012")] },
    [
        r#"resource "aws_instance" "x" {
  ami = "ami-1"
}
"#,
        r#"resource "aws_instance" "x" {
  ami = "ami-1"
  metadata_options {
    http_tokens = "required"
  }
}
"#,
    ],
);

static METADATA_HOPS: Rule = rule(
    "CM-AWS-081",
    Severity::Medium,
    "Containers reach the metadata service of their machine",
    "A hop limit over one lets packets through the bridge of containers: every pod without a \
     network policy gets the role of its node.",
    "Set `http_put_response_hop_limit` to 1, and give pods roles of their own.",
    const { &[see("CWE-668"), see("T1552.005"), see("AML.T0012")] },
    [
        r#"resource "aws_launch_template" "x" {
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }
}
"#,
        r#"resource "aws_launch_template" "x" {
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}
"#,
    ],
);

static CLUSTER_PUBLIC: Rule = rule(
    "CM-AWS-082",
    Severity::Medium,
    "The API of an EKS cluster is open to the Internet",
    "Everybody can try credentials, and flaws of the API server, from everywhere. With GPU nodes \
     behind it, what is stolen is computing time as well.",
    "Set `endpoint_public_access` to `false`, or name the networks in `public_access_cidrs`.",
    const { &[see("CWE-668"), see("T1133")] },
    [
        r#"resource "aws_eks_cluster" "x" {
  vpc_config {
    subnet_ids = ["subnet-1"]
  }
}
"#,
        r#"resource "aws_eks_cluster" "x" {
  vpc_config {
    subnet_ids             = ["subnet-1"]
    endpoint_public_access = false
  }
}
"#,
    ],
);

static CLUSTER_SECRETS: Rule = rule(
    "CM-AWS-083",
    Severity::Low,
    "Secrets of an EKS cluster are not encrypted with a key of yours",
    "Secrets lie in etcd, encrypted with keys of AWS alone: there is no second permission, and \
     nothing to revoke.",
    "Add `encryption_config` with `resources = [\"secrets\"]` and a key of KMS.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_eks_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "aws_eks_cluster" "x" {
  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
    }
  }
}
"#,
    ],
);

static CLUSTER_LOGS: Rule = rule(
    "CM-AWS-084",
    Severity::Low,
    "The control plane of an EKS cluster is not logged",
    "Without the audit log nobody can say who read a secret, or who started a pod.",
    "Set `enabled_cluster_log_types` to all five, at least `api`, `audit` and `authenticator`.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "aws_eks_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "aws_eks_cluster" "x" {
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
}
"#,
    ],
);

static SECRET_IN_ENVIRONMENT: Rule = rule(
    "CM-AWS-085",
    Severity::High,
    "A credential stands in a machine's or a function's configuration",
    "Whoever reads the configuration, the state or the repository has the credential; so does \
     whatever runs there.",
    "Give it a role, or fetch the secret from Secrets Manager; and revoke this one.",
    const { &[see("CWE-798"), see("T1552.001")] },
    [
        r#"resource "aws_lambda_function" "x" {
  environment {
    variables = {
      access_key = "AKIAIOSFODNN7EXAMPLE"
    }
  }
}
"#,
        r#"resource "aws_lambda_function" "x" {
  environment {
    variables = {
      secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a"
    }
  }
}
"#,
    ],
);
