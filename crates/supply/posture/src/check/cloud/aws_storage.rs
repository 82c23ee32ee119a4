//! Buckets of S3.

use casemate_core::Rule;

use super::{
    Ask, Check, Companions, Family, Persona, Report, Severity, Wrong, ask, policy, reach, rule, see,
};
use crate::{Cursor, Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&PUBLIC_ACL, Persona::Regular),
        (&BLOCK_OFF, Persona::Regular),
        (&NO_BLOCK, Persona::Pedantic),
        (&POLICY_FOR_ANYBODY, Persona::Regular),
        (&NO_VERSIONS, Persona::Pedantic),
        (&NO_ACCESS_LOG, Persona::Pedantic),
        (&NO_KEY, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for kind in [
        "aws_s3_bucket_public_access_block",
        "aws_s3_account_public_access_block",
    ] {
        for block in world.of_kind(kind) {
            check_block(block, report);
        }
    }
    for (kind, path) in POLICIES {
        for resource in world.of_kind(kind) {
            for cursor in reach(&resource.cursor(), path) {
                check_policy(&cursor, report);
            }
        }
    }
    let all = |kind| of_buckets(world, kind);
    let blocks = all("aws_s3_bucket_public_access_block");
    let logs = all("aws_s3_bucket_logging");
    let versions = all(VERSIONS);
    let encryption = all("aws_s3_bucket_server_side_encryption_configuration");
    // What belongs to a bucket stands in resources of its own, or in blocks of it as before version 4
    // of the provider.
    for bucket in world.of_kind("aws_s3_bucket") {
        let place = bucket.cursor();
        report.when(!blocks.has(bucket), &NO_BLOCK, &place, || {
            "the bucket has no public access block".to_owned()
        });
        let is_silent = bucket.at("logging").is_absent();
        let is_silent = is_silent.and(|| !logs.has(bucket));
        report.when(is_silent, &NO_ACCESS_LOG, &place, || {
            "access to the bucket is not logged".to_owned()
        });
        let keeps = keeps_versions(bucket, &versions);
        report.when(!keeps, &NO_VERSIONS, &place, || {
            "the bucket keeps no versions".to_owned()
        });
        report.when(!has_key(bucket, &encryption), &NO_KEY, &place, || {
            "the bucket is not encrypted with a key of KMS".to_owned()
        });
    }
}

fn check_block(block: &Resource, report: &mut Report) {
    for part in [
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    ] {
        let part = block.at(part);
        report.when(!part.is_true(), &BLOCK_OFF, &part, || {
            format!("{} is not on", part.path)
        });
    }
}

fn check_policy(cursor: &Cursor<'_>, report: &mut Report) {
    for statement in policy::statements(cursor) {
        let is_open = statement
            .allows()
            .and(|| statement.is_for_anybody())
            .and(|| !statement.has_condition());
        report.when(is_open, &POLICY_FOR_ANYBODY, &statement.0, || {
            "a statement allows everybody without a condition".to_owned()
        });
    }
}

/// Resources of `kind` by their bucket.
pub(super) fn of_buckets<'a>(world: &'a World, kind: &str) -> Companions<'a> {
    Companions::new(world, kind, "bucket", "aws_s3_bucket")
}

pub(super) fn keeps_versions(bucket: &Resource, versions: &Companions<'_>) -> Truth {
    let own = reach(&bucket.cursor(), "versioning.enabled");
    let own = Truth::any(own.iter().map(Cursor::is_true));
    // In the bucket, as CloudFormation has it, or beside it.
    let found = versions.of(bucket).map(Resource::cursor);
    let places = found.chain([bucket.cursor()]);
    let status = places.flat_map(|it| reach(&it, "versioning_configuration.status"));
    let status: Vec<Truth> = status.map(|it| it.equals("Enabled")).collect();
    own.or(|| Truth::any(status)).or(|| versions.others())
}

fn has_key(bucket: &Resource, encryption: &Companions<'_>) -> Truth {
    let own = "server_side_encryption_configuration.rule.apply_server_side_encryption_by_default.sse_algorithm";
    let apart = "rule.apply_server_side_encryption_by_default.sse_algorithm";
    let places = reach(&bucket.cursor(), own).into_iter();
    let found = encryption.of(bucket).map(Resource::cursor);
    let places = places.chain(found.flat_map(|it| reach(&it, apart)));
    let truths: Vec<Truth> = places
        .map(|it| it.text().is(|text| text.starts_with("aws:kms")))
        .collect();
    Truth::any(truths).or(|| encryption.others())
}

/// The kind that says whether a bucket keeps versions.
pub(super) const VERSIONS: &str = "aws_s3_bucket_versioning";

/// Where policies of resources stand.
const POLICIES: &[(&str, &str)] = &[
    ("aws_s3_bucket_policy", "policy"),
    ("aws_s3_bucket", "policy"),
    ("aws_sqs_queue_policy", "policy"),
    ("aws_sqs_queue", "policy"),
    ("aws_sns_topic_policy", "policy"),
    ("aws_sns_topic", "policy"),
    ("aws_kms_key", "policy"),
    ("aws_ecr_repository_policy", "policy"),
    ("aws_secretsmanager_secret_policy", "policy"),
    ("aws_elasticsearch_domain_policy", "access_policies"),
    ("aws_elasticsearch_domain", "access_policies"),
    ("aws_opensearch_domain", "access_policies"),
    ("aws_opensearch_domain_policy", "access_policies"),
];

const ASKS: &[Ask] = &[Ask {
    rule: &PUBLIC_ACL,
    kinds: &["aws_s3_bucket", "aws_s3_bucket_acl"],
    path: "acl",
    wrong: Wrong::In(&["public-read", "public-read-write", "authenticated-read"]),
    says: "the ACL grants everybody",
}];

static PUBLIC_ACL: Rule = rule(
    "CM-AWS-001",
    Severity::High,
    "A bucket is open to everybody by its ACL",
    "A canned ACL that grants AllUsers or AuthenticatedUsers lets anyone with an AWS account, or \
     without one, list and read the bucket, and with public-read-write write to it: weights are \
     copied, datasets are poisoned.",
    "Set the ACL to `private`, and grant by policy.",
    const { &[see("CWE-732"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  acl = "public-read"
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  acl = "private"
}
"#,
    ],
);

static BLOCK_OFF: Rule = rule(
    "CM-AWS-002",
    Severity::Medium,
    "A public access block leaves a way open",
    "The public access block is the switch that keeps a bucket closed whatever ACLs and policies \
     say. One of its four parts that is off leaves that way open for the next mistake.",
    "Set all four arguments of the block to `true`.",
    const { &[see("CWE-732"), see("T1530")] },
    [
        r#"resource "aws_s3_bucket_public_access_block" "x" {
  bucket                  = "b"
  block_public_acls       = false
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"#,
        r#"resource "aws_s3_bucket_public_access_block" "x" {
  bucket                  = "b"
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"#,
    ],
);

static NO_BLOCK: Rule = rule(
    "CM-AWS-003",
    Severity::Medium,
    "A bucket has no public access block",
    "Without a public access block of its own, a bucket is as closed as the account and the next \
     policy leave it. New buckets have one by default since April 2023; older ones, and those \
     whose block was removed, have not.",
    "Add an `aws_s3_bucket_public_access_block` with all four arguments `true`.",
    const { &[see("CWE-732"), see("T1530")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}

resource "aws_s3_bucket_public_access_block" "x" {
  bucket                  = aws_s3_bucket.x.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"#,
    ],
);

static POLICY_FOR_ANYBODY: Rule = rule(
    "CM-AWS-004",
    Severity::High,
    "A resource policy lets anybody in",
    "A statement that allows the principal `*` without a condition is access for every AWS \
     account and for requests that are not signed.",
    "Name the accounts or roles, or narrow the statement with a condition such as `aws:PrincipalOrgID`.",
    const { &[see("CWE-284"), see("T1530")] },
    [
        r#"resource "aws_s3_bucket_policy" "x" {
  bucket = "b"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::b/*"
    }]
  })
}
"#,
        r#"resource "aws_s3_bucket_policy" "x" {
  bucket = "b"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:role/reader" }
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::b/*"
    }]
  })
}
"#,
    ],
);

static NO_VERSIONS: Rule = rule(
    "CM-AWS-005",
    Severity::Low,
    "A bucket keeps no versions",
    "Without versions, what overwrites or deletes an object leaves nothing to return to, and \
     nothing to compare with: a checkpoint or a dataset that was replaced looks as if it had \
     always been so.",
    "Add `aws_s3_bucket_versioning` with `status = \"Enabled\"`.",
    const { &[see("CWE-1188"), see("AML.T0020")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
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

static NO_ACCESS_LOG: Rule = rule(
    "CM-AWS-006",
    Severity::Low,
    "Access to a bucket is not logged",
    "Nobody can say afterwards who read the weights or the data.",
    "Add `aws_s3_bucket_logging`, or log data events with CloudTrail.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}

resource "aws_s3_bucket_logging" "x" {
  bucket        = aws_s3_bucket.x.id
  target_bucket = "logs"
  target_prefix = "b/"
}
"#,
    ],
);

static NO_KEY: Rule = rule(
    "CM-AWS-007",
    Severity::Low,
    "A bucket is not encrypted with a key of KMS",
    "What S3 encrypts with keys of its own is readable to whoever may read the bucket. A key of \
     KMS is a second permission, a log of every use, and something to revoke.",
    "Add `aws_s3_bucket_server_side_encryption_configuration` with `sse_algorithm = \"aws:kms\"`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}
"#,
        r#"resource "aws_s3_bucket" "x" {
  bucket = "b"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "x" {
  bucket = aws_s3_bucket.x.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}
"#,
    ],
);
