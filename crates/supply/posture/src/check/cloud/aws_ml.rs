//! SageMaker and Bedrock, and the buckets that they use.

use std::{collections::HashMap, ptr};

use casemate_core::Rule;

use super::{
    Ask, Check, Family, Persona, Report, Severity, Wrong, ask, aws_storage, is_in, reach, rule, see,
};
use crate::{Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&NOTEBOOK_INTERNET, Persona::Regular),
        (&NOTEBOOK_ROOT, Persona::Regular),
        (&NOTEBOOK_METADATA, Persona::Regular),
        (&NOTEBOOK_KEY, Persona::Pedantic),
        (&DOMAIN_INTERNET, Persona::Regular),
        (&MODEL_NOT_ISOLATED, Persona::Regular),
        (&ENDPOINT_KEY, Persona::Pedantic),
        (&CAPTURE_KEY, Persona::Regular),
        (&AGENT_WITHOUT_GUARDRAIL, Persona::Regular),
        (&AGENT_KEY, Persona::Pedantic),
        (&CUSTOM_MODEL_KEY, Persona::Pedantic),
        (&INVOCATIONS_NOT_LOGGED, Persona::Pedantic),
        (&WEIGHTS_WITHOUT_VERSIONS, Persona::Regular),
        (&WEIGHTS_PUBLIC, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for configuration in world.of_kind("aws_sagemaker_endpoint_configuration") {
        let is_captured = !configuration.at("data_capture_config").is_absent();
        for key in reach(&configuration.cursor(), "data_capture_config.kms_key_id") {
            let is_plain = is_captured.clone().and(|| key.is_absent());
            report.when(is_plain, &CAPTURE_KEY, &key, || {
                "captured requests have no key of yours".to_owned()
            });
        }
    }
    let is_logged = world
        .of_kind("aws_bedrock_model_invocation_logging_configuration")
        .next()
        .is_some();
    for agent in world.of_kind("aws_bedrockagent_agent") {
        report.when(
            Truth::from(!is_logged),
            &INVOCATIONS_NOT_LOGGED,
            &agent.cursor(),
            || "invocations of models are not logged".to_owned(),
        );
    }
    check_weights(world, report);
}

/// Buckets that something serves or trains from, or writes to.
fn check_weights(world: &World, report: &mut Report) {
    let mut users: HashMap<*const Resource, &Resource> = HashMap::new();
    for link in world.links() {
        if USERS.iter().any(|it| link.from.kind.starts_with(it)) {
            users.entry(link.to).or_insert(link.from);
        }
    }
    if users.is_empty() {
        return;
    }
    let versions = aws_storage::of_buckets(world, aws_storage::VERSIONS);
    let acls = aws_storage::of_buckets(world, "aws_s3_bucket_acl");
    for bucket in world.of_kind("aws_s3_bucket") {
        if let Some(user) = users.get(&ptr::from_ref(bucket)) {
            let keeps = aws_storage::keeps_versions(bucket, &versions);
            check_bucket(bucket, user, keeps, acls.of(bucket), report);
        }
    }
}

fn check_bucket<'a>(
    bucket: &'a Resource,
    user: &Resource,
    keeps: Truth,
    acls: impl Iterator<Item = &'a Resource>,
    report: &mut Report,
) {
    report.when(!keeps, &WEIGHTS_WITHOUT_VERSIONS, &bucket.cursor(), || {
        format!("{} uses the bucket, and it keeps no versions", user.address)
    });
    for acl in acls.chain([bucket]).map(|it| it.at("acl")) {
        let is_public = acl.text().is(|text| {
            is_in(
                &text,
                &["public-read", "public-read-write", "authenticated-read"],
            )
        });
        report.when(is_public, &WEIGHTS_PUBLIC, &acl, || {
            format!(
                "{} uses the bucket, and everybody may read it",
                user.address
            )
        });
    }
}

/// What kinds of resources that serve, train and hold knowledge begin with.
const USERS: &[&str] = &[
    "aws_sagemaker_",
    "aws_bedrock",
    "aws_comprehend_",
    "aws_kendra_",
];

const ASKS: &[Ask] = &[
    Ask {
        rule: &NOTEBOOK_INTERNET,
        kinds: &["aws_sagemaker_notebook_instance"],
        path: "direct_internet_access",
        wrong: Wrong::NotIn(&["Disabled"]),
        says: "the notebook reaches the Internet past your network",
    },
    Ask {
        rule: &NOTEBOOK_ROOT,
        kinds: &["aws_sagemaker_notebook_instance"],
        path: "root_access",
        wrong: Wrong::NotIn(&["Disabled"]),
        says: "users of the notebook are root",
    },
    Ask {
        rule: &NOTEBOOK_METADATA,
        kinds: &["aws_sagemaker_notebook_instance"],
        path: "instance_metadata_service_configuration.minimum_instance_metadata_service_version",
        wrong: Wrong::NotIn(&["2"]),
        says: "version 1 of the metadata service is answered",
    },
    Ask {
        rule: &NOTEBOOK_KEY,
        kinds: &["aws_sagemaker_notebook_instance"],
        path: "kms_key_id",
        wrong: Wrong::Absent,
        says: "the volume of the notebook has no key of yours",
    },
    Ask {
        rule: &DOMAIN_INTERNET,
        kinds: &["aws_sagemaker_domain"],
        path: "app_network_access_type",
        wrong: Wrong::NotIn(&["VpcOnly"]),
        says: "applications reach the Internet past your network",
    },
    Ask {
        rule: &MODEL_NOT_ISOLATED,
        kinds: &["aws_sagemaker_model"],
        path: "enable_network_isolation",
        wrong: Wrong::NotTrue,
        says: "the containers of the model reach the network",
    },
    Ask {
        rule: &ENDPOINT_KEY,
        kinds: &["aws_sagemaker_endpoint_configuration"],
        path: "kms_key_arn",
        wrong: Wrong::Absent,
        says: "the volumes of the endpoint have no key of yours",
    },
    Ask {
        rule: &AGENT_WITHOUT_GUARDRAIL,
        kinds: &["aws_bedrockagent_agent"],
        path: "guardrail_configuration",
        wrong: Wrong::Absent,
        says: "the agent has no guardrail",
    },
    Ask {
        rule: &AGENT_KEY,
        kinds: &["aws_bedrockagent_agent"],
        path: "customer_encryption_key_arn",
        wrong: Wrong::Absent,
        says: "the agent has no key of yours",
    },
    Ask {
        rule: &CUSTOM_MODEL_KEY,
        kinds: &["aws_bedrock_custom_model"],
        path: "custom_model_kms_key_id",
        wrong: Wrong::Absent,
        says: "the model has no key of yours",
    },
];

static NOTEBOOK_INTERNET: Rule = rule(
    "CM-AWS-100",
    Severity::High,
    "A notebook reaches the Internet directly",
    "SageMaker gives the notebook an interface of its own network beside yours: what runs in it \
     loads and sends what it likes, past every rule of your VPC.",
    "Set `direct_internet_access` to `Disabled`, and put the notebook into a subnet of yours.",
    const { &[see("CWE-668"), see("AML.T0025")] },
    [
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name = "n"
}
"#,
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name                   = "n"
  subnet_id              = "subnet-1"
  direct_internet_access = "Disabled"
}
"#,
    ],
);

static NOTEBOOK_ROOT: Rule = rule(
    "CM-AWS-101",
    Severity::Medium,
    "Users of a notebook are root",
    "Root turns off what watches the notebook, and changes what its lifecycle scripts set up.",
    "Set `root_access` to `Disabled`.",
    const { &[see("CWE-250")] },
    [
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name = "n"
}
"#,
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name        = "n"
  root_access = "Disabled"
}
"#,
    ],
);

static NOTEBOOK_METADATA: Rule = rule(
    "CM-AWS-102",
    Severity::Medium,
    "A notebook answers to version 1 of the metadata service",
    "A page or a package that makes the notebook fetch a URL reads the credentials of its role.",
    "Set `instance_metadata_service_configuration { minimum_instance_metadata_service_version = \"2\" }`.",
    const { &[see("CWE-918"), see("T1552.005")] },
    [
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name = "n"
}
"#,
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name = "n"
  instance_metadata_service_configuration {
    minimum_instance_metadata_service_version = "2"
  }
}
"#,
    ],
);

static NOTEBOOK_KEY: Rule = rule(
    "CM-AWS-103",
    Severity::Low,
    "The volume of a notebook has no key of yours",
    "The volume holds data and weights that somebody is working on.",
    "Set `kms_key_id`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name = "n"
}
"#,
        r#"resource "aws_sagemaker_notebook_instance" "x" {
  name       = "n"
  kms_key_id = "alias/notebooks"
}
"#,
    ],
);

static DOMAIN_INTERNET: Rule = rule(
    "CM-AWS-104",
    Severity::High,
    "A SageMaker domain reaches the Internet directly",
    "Every application of the domain loads and sends what it likes, past every rule of your VPC.",
    "Set `app_network_access_type` to `VpcOnly`.",
    const { &[see("CWE-668"), see("AML.T0025")] },
    [
        r#"resource "aws_sagemaker_domain" "x" {
  domain_name = "d"
}
"#,
        r#"resource "aws_sagemaker_domain" "x" {
  domain_name             = "d"
  app_network_access_type = "VpcOnly"
}
"#,
    ],
);

static MODEL_NOT_ISOLATED: Rule = rule(
    "CM-AWS-105",
    Severity::Medium,
    "A served model reaches the network",
    "A model file that runs code when it is loaded, or a flaw in the server, sends out the \
     weights and the prompts. A container that only answers requests needs no network.",
    "Set `enable_network_isolation` to `true`.",
    const { &[see("CWE-668"), see("AML.T0025")] },
    [
        r#"resource "aws_sagemaker_model" "x" {
  name = "m"
}
"#,
        r#"resource "aws_sagemaker_model" "x" {
  name                     = "m"
  enable_network_isolation = true
}
"#,
    ],
);

static ENDPOINT_KEY: Rule = rule(
    "CM-AWS-106",
    Severity::Low,
    "The volumes of an endpoint have no key of yours",
    "The volumes hold the weights that are served.",
    "Set `kms_key_arn`.",
    const { &[see("CWE-311"), see("AML.T0035")] },
    [
        r#"resource "aws_sagemaker_endpoint_configuration" "x" {
  name = "e"
}
"#,
        r#"resource "aws_sagemaker_endpoint_configuration" "x" {
  name        = "e"
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
}
"#,
    ],
);

static CAPTURE_KEY: Rule = rule(
    "CM-AWS-107",
    Severity::Medium,
    "Captured requests have no key of yours",
    "Data capture writes every prompt and answer to a bucket.",
    "Set `kms_key_id` in `data_capture_config`.",
    const { &[see("CWE-311"), see("AML.T0057")] },
    [
        r#"resource "aws_sagemaker_endpoint_configuration" "x" {
  data_capture_config {
    destination_s3_uri = "s3://b/capture"
  }
}
"#,
        r#"resource "aws_sagemaker_endpoint_configuration" "x" {
  data_capture_config {
    destination_s3_uri = "s3://b/capture"
    kms_key_id         = "alias/capture"
  }
}
"#,
    ],
);

static AGENT_WITHOUT_GUARDRAIL: Rule = rule(
    "CM-AWS-108",
    Severity::Medium,
    "An agent has no guardrail",
    "What the agent reads and says is not filtered: injected instructions and personal data pass.",
    "Add `guardrail_configuration`.",
    const { &[see("LLM01:2025"), see("AML.T0053")] },
    [
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name = "a"
}
"#,
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name = "a"
  guardrail_configuration {
    guardrail_identifier = "g"
    guardrail_version    = "1"
  }
}
"#,
    ],
);

static AGENT_KEY: Rule = rule(
    "CM-AWS-109",
    Severity::Low,
    "An agent has no key of yours",
    "Sessions and instructions of the agent are encrypted with keys of AWS alone.",
    "Set `customer_encryption_key_arn`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name = "a"
}
"#,
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name                  = "a"
  customer_encryption_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
}
"#,
    ],
);

static CUSTOM_MODEL_KEY: Rule = rule(
    "CM-AWS-110",
    Severity::Medium,
    "A custom model has no key of yours",
    "A model that was tuned on your data gives away that data; its weights are encrypted with \
     keys of AWS alone.",
    "Set `custom_model_kms_key_id`.",
    const { &[see("CWE-311"), see("AML.T0035")] },
    [
        r#"resource "aws_bedrock_custom_model" "x" {
  custom_model_name = "m"
}
"#,
        r#"resource "aws_bedrock_custom_model" "x" {
  custom_model_name       = "m"
  custom_model_kms_key_id = "arn:aws:kms:us-east-1:123456789012:key/1"
}
"#,
    ],
);

static INVOCATIONS_NOT_LOGGED: Rule = rule(
    "CM-AWS-111",
    Severity::Low,
    "Invocations of Bedrock are not logged",
    "Nobody can say afterwards what a model was asked, by whom, and what it answered.",
    "Add `aws_bedrock_model_invocation_logging_configuration` for the region.",
    const { &[see("CWE-778"), see("AML.T0057")] },
    [
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name = "a"
}
"#,
        r#"resource "aws_bedrockagent_agent" "x" {
  agent_name = "a"
}

resource "aws_bedrock_model_invocation_logging_configuration" "x" {
  logging_config {
    embedding_data_delivery_enabled = true
  }
}
"#,
    ],
);

static WEIGHTS_WITHOUT_VERSIONS: Rule = rule(
    "CM-AWS-112",
    Severity::Medium,
    "A bucket that models are loaded from keeps no versions",
    "Something that serves or trains refers to this bucket. Whoever may write to it replaces what \
     is served, and nothing is left to compare with or to return to.",
    "Add `aws_s3_bucket_versioning` with `status = \"Enabled\"`, and object lock for what is released.",
    const { &[see("CWE-353"), see("AML.T0020"), see("AML.T0010")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "weights"
}

resource "aws_sagemaker_model" "m" {
  name                     = "m"
  enable_network_isolation = true
  primary_container {
    model_data_url = "s3://${aws_s3_bucket.x.bucket}/model.tar.gz"
  }
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "weights"
}

resource "aws_sagemaker_model" "m" {
  name                     = "m"
  enable_network_isolation = true
  primary_container {
    model_data_url = "s3://${aws_s3_bucket.x.bucket}/model.tar.gz"
  }
}

resource "aws_s3_bucket_versioning" "x" {
  bucket = aws_s3_bucket.x.id
  versioning_configuration {
    status = "Enabled"
  }
}
"#,
    ],
);

static WEIGHTS_PUBLIC: Rule = rule(
    "CM-AWS-113",
    Severity::Critical,
    "A bucket that models are loaded from is public",
    "Something that serves or trains refers to this bucket, and its ACL or policy lets everybody \
     in: the weights can be taken, and where it can be written, replaced.",
    "Set the ACL to `private`, and block public access.",
    const { &[see("CWE-732"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "weights"
  acl    = "public-read"
}

resource "aws_sagemaker_model" "m" {
  name                     = "m"
  enable_network_isolation = true
  primary_container {
    model_data_url = "s3://${aws_s3_bucket.x.bucket}/model.tar.gz"
  }
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "weights"
  acl    = "private"
}

resource "aws_sagemaker_model" "m" {
  name                     = "m"
  enable_network_isolation = true
  primary_container {
    model_data_url = "s3://${aws_s3_bucket.x.bucket}/model.tar.gz"
  }
}
"#,
    ],
);
