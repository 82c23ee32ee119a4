//! The language itself: modules, providers, state, outputs.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, rule, see};
use crate::{Attr, Fact, Resource, Truth, Value, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&MODULE_UNAVAILABLE, Persona::Auditor),
        (&MODULE_MOVES, Persona::Pedantic),
        (&PROVIDER_KEY, Persona::Regular),
        (&OUTPUT_SHOWS, Persona::Regular),
        (&BACKEND_PLAIN, Persona::Pedantic),
        (&TOKEN_IN_VARIABLE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for module in world.of_kind("module-unavailable") {
        report.when(
            Truth::Yes,
            &MODULE_UNAVAILABLE,
            &module.at("source"),
            || format!("{} is not among the files", module.at("source").shown()),
        );
    }
    for module in ["module", "module-unavailable"]
        .iter()
        .flat_map(|kind| world.of_kind(kind))
    {
        let source = module.at("source");
        let has_version = !module.at("version").is_absent();
        let moves = source.text().is(|text| moves(&text, has_version.is_yes()));
        report.when(moves, &MODULE_MOVES, &source, || {
            "the source of the module can change".to_owned()
        });
    }
    for provider in world
        .resources()
        .iter()
        .filter(|it| it.kind.starts_with("provider."))
    {
        check_provider(provider, report);
    }
    for output in world.of_kind("output") {
        let value = output.at("value");
        let is_secret = output
            .body
            .get("value")
            .ok()
            .is_some_and(|it| it.is_sensitive);
        let is_shown = !output.at("sensitive").is_true();
        report.when(
            Truth::from(is_secret).and(|| is_shown),
            &OUTPUT_SHOWS,
            &value,
            || "a secret is shown".to_owned(),
        );
    }
    for resource in world
        .resources()
        .iter()
        .filter(|it| it.language == crate::Language::Terraform)
    {
        check_tokens(resource, report);
    }
}

/// Whether what the source names can be something else tomorrow.
fn moves(source: &str, has_version: bool) -> bool {
    if source.starts_with('.') || source.starts_with('/') {
        return false;
    }
    let is_git =
        source.starts_with("git") || source.contains(".git") || source.starts_with("bitbucket.org");
    if is_git {
        let reference = source
            .split(['?', '&'])
            .find_map(|part| part.strip_prefix("ref="));
        return reference.is_none_or(|it| ["main", "master", "develop", "HEAD", ""].contains(&it));
    }
    // `namespace/name/provider`, perhaps with a host.
    let parts = source
        .split("//")
        .next()
        .unwrap_or_default()
        .split('/')
        .count();
    (3..=4).contains(&parts) && !source.contains("::") && !source.contains("://") && !has_version
}

fn check_provider(provider: &Resource, report: &mut Report) {
    for key in [
        "access_key",
        "secret_key",
        "token",
        "client_secret",
        "password",
        "credentials",
    ] {
        let value = provider.at(key);
        let is_written = value.text().is(|text| {
            let is_file = text.ends_with(".json")
                || text.contains('/') && text.len() < 40 && key == "credentials";
            !text.is_empty() && !is_file && !text.starts_with("mock")
        });
        // What comes from a variable without a default is not in the files.
        let is_written = if matches!(value.fact, Fact::Unknown(_)) {
            Truth::No
        } else {
            is_written
        };
        report.when(is_written, &PROVIDER_KEY, &value, || {
            format!("{key} is written in the configuration")
        });
    }
}

fn check_tokens(resource: &Resource, report: &mut Report) {
    for item in resource.body.entries() {
        if holds_token(&item.value, 0) {
            let place = resource.at(&item.key);
            report.when(Truth::Yes, &TOKEN_IN_VARIABLE, &place, || {
                "it holds a token of an AI service".to_owned()
            });
        }
    }
}

/// Whether some text in it has a token. Values are bounded in depth.
fn holds_token(attr: &Attr, depth: usize) -> bool {
    match &attr.value {
        Value::String(text) => has_token(text),
        Value::List(items) => depth < 20 && items.iter().any(|it| holds_token(it, depth + 1)),
        Value::Map(map) => {
            depth < 20
                && map
                    .items()
                    .iter()
                    .any(|it| holds_token(&it.value, depth + 1))
        }
        _ => false,
    }
}

fn has_token(text: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut words = text.split(|c| !is_sign(c));
    words.any(|word| {
        TOKENS.iter().any(|(prefix, length)| {
            let rest = word.strip_prefix(prefix);
            rest.is_some_and(|it| {
                it.len() >= *length && it.bytes().any(|byte| byte.is_ascii_alphabetic())
            })
        })
    })
}

/// How tokens begin, and how many signs follow at least.
const TOKENS: &[(&str, usize)] = &[
    ("hf_", 34),
    ("sk-ant-api03-", 80),
    ("sk-proj-", 40),
    ("nvapi-", 60),
    ("gsk_", 50),
    ("r8_", 37),
    ("lsv2_pt_", 40),
    ("xai-", 80),
];

const ASKS: &[Ask] = &[Ask {
    rule: &BACKEND_PLAIN,
    kinds: &["backend.s3"],
    path: "encrypt",
    wrong: Wrong::NotTrue,
    says: "the backend does not encrypt the state",
}];

static MODULE_UNAVAILABLE: Rule = rule(
    "CM-TF-001",
    Severity::Info,
    "A module is not available",
    "The source of this module is not among the files, and nothing is said of what it declares. \
     What its outputs give is unknown to every check.",
    "Run `terraform init` before the assessment, or assess a plan (`terraform show -json`).",
    const {
        &[see(
            "https://developer.hashicorp.com/terraform/language/modules/sources",
        )]
    },
    [
        r#"module "m" {
  source  = "example/vpc/aws"
  version = "1.0.0"
}
"#,
        r#"resource "random_id" "x" {
  byte_length = 4
}
"#,
    ],
);

static MODULE_MOVES: Rule = rule(
    "CM-TF-002",
    Severity::Low,
    "The source of a module can change",
    "A module of a Git repository without a revision, or of a branch, and one of a registry \
     without a version, is whatever is there when somebody runs `init`.",
    "Give registry modules a `version`, and Git sources a `ref` that is a commit or a tag.",
    const { &[see("CWE-494"), see("CWE-829")] },
    [
        r#"module "m" {
  source = "git::https://example.org/vpc.git"
}
"#,
        r#"module "m" {
  source = "git::https://example.org/vpc.git?ref=8a7b3c1d2e4f5061728394a5b6c7d8e9f0a1b2c3"
}
"#,
    ],
);

static PROVIDER_KEY: Rule = rule(
    "CM-TF-003",
    Severity::Critical,
    "A provider has a credential in its configuration",
    "Whoever reads the repository, and everything that it was ever copied to, has the credential.",
    "Revoke it, and use the environment, a profile or workload identity.",
    const { &[see("CWE-798"), see("T1552.001")] },
    [
        r#"provider "aws" {
  region     = "us-east-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
  secret_key = "wJalrXUtnFEMIAAAAAAAbPxRfiCYEXAMPLEKEY"
}
"#,
        r#"provider "aws" {
  region = "us-east-1"
}
"#,
    ],
);

static OUTPUT_SHOWS: Rule = rule(
    "CM-TF-004",
    Severity::Medium,
    "An output shows a secret",
    "The output takes the value of a generated password, a private key or a secret, and is not \
     marked: it stands in logs of every run.",
    "Set `sensitive = true`, or leave the output out.",
    const { &[see("CWE-532"), see("T1552.001")] },
    [
        r#"resource "random_password" "x" {
  length = 16
}

output "p" {
  value = random_password.x.result
}
"#,
        r#"resource "random_password" "x" {
  length = 16
}

output "p" {
  value     = random_password.x.result
  sensitive = true
}
"#,
    ],
);

static BACKEND_PLAIN: Rule = rule(
    "CM-TF-005",
    Severity::Medium,
    "State is kept without encryption by its backend",
    "State holds every secret that a provider returned, in clear text.",
    "Set `encrypt = true`.",
    const { &[see("CWE-311")] },
    [
        r#"terraform {
  backend "s3" {
    bucket = "b"
    key    = "k"
  }
}
"#,
        r#"terraform {
  backend "s3" {
    bucket  = "b"
    key     = "k"
    encrypt = true
  }
}
"#,
    ],
);

static TOKEN_IN_VARIABLE: Rule = rule(
    "CM-TF-006",
    Severity::High,
    "A token of an AI service is a default or an argument",
    "Tokens of Hugging Face, OpenAI, Anthropic, NVIDIA and others are passwords to models and to \
     somebody's account.",
    "Revoke it, and read it from a secret manager; mark the variable `sensitive`.",
    const { &[see("CWE-798"), see("AML.T0055")] },
    [
        r#"variable "hf_token" {
  default = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"
}
"#,
        r#"variable "hf_token" {
  sensitive = true
}
"#,
    ],
);
