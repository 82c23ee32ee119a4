//! Who may do what in AWS.

use casemate_core::Rule;

use super::{Check, Family, Persona, Report, Severity, policy, reach, rule, see};
use crate::{Cursor, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ADMINISTRATOR, Persona::Regular),
        (&WHOLE_SERVICE, Persona::Regular),
        (&PASSES_ANY_ROLE, Persona::Regular),
        (&ASSUMED_BY_ANYBODY, Persona::Regular),
        (&AI_WITHOUT_BOUNDS, Persona::Regular),
        (&INVOKES_ANY_MODEL, Persona::Pedantic),
        (&CHANGES_PERMISSIONS, Persona::Regular),
        (&USER, Persona::Auditor),
        (&READS_EVERYTHING, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for kind in POLICIES {
        for resource in world.of_kind(kind) {
            let path = if *kind == "data.aws_iam_policy_document" {
                "json"
            } else {
                "policy"
            };
            check_policy(&resource.at(path), report);
        }
    }
    for role in world.of_kind("aws_iam_role") {
        for inline in reach(&role.cursor(), "inline_policy.policy") {
            check_policy(&inline, report);
        }
        for statement in policy::statements(&role.at("assume_role_policy")) {
            let is_open = statement
                .allows()
                .and(|| statement.is_for_anybody())
                .and(|| !statement.has_condition());
            report.when(is_open, &ASSUMED_BY_ANYBODY, &statement.0, || {
                "everybody can assume the role".to_owned()
            });
        }
    }
    for user in world.of_kind("aws_iam_user") {
        report.when(Truth::Yes, &USER, &user.cursor(), || {
            "a user of IAM is made".to_owned()
        });
    }
}

fn check_policy(cursor: &Cursor<'_>, report: &mut Report) {
    for statement in policy::statements(cursor) {
        let is_wide = statement.allows().and(|| statement.is_of_all());
        // A policy of a resource speaks of that one, whatever it writes.
        let is_of_identity = statement.0.get("Principal").is_absent();
        let is_wide = is_wide.and(|| is_of_identity);
        let mut when = |acts: &dyn Fn(&str) -> bool, rule, says: &str| {
            let truth = is_wide.clone().and(|| statement.acts(acts));
            report.when(truth, rule, &statement.0, || says.to_owned());
        };
        when(
            &|it| it == "*" || it == "*:*",
            &ADMINISTRATOR,
            "everything is allowed",
        );
        when(
            &is_whole_service,
            &WHOLE_SERVICE,
            "a whole service is allowed on everything",
        );
        when(
            &|it| it == "iam:passrole",
            &PASSES_ANY_ROLE,
            "any role may be passed",
        );
        when(
            &|it| it == "bedrock:*" || it == "sagemaker:*",
            &AI_WITHOUT_BOUNDS,
            "all of Bedrock or SageMaker is allowed",
        );
        when(
            &|it| it.starts_with("bedrock:invoke"),
            &INVOKES_ANY_MODEL,
            "any model may be invoked",
        );
        when(
            &|it| CHANGES.contains(&it),
            &CHANGES_PERMISSIONS,
            "permissions of anybody may be changed",
        );
        when(
            &|it| READS.contains(&it),
            &READS_EVERYTHING,
            "every secret or every object may be read",
        );
    }
}

/// Services that are in a rule of their own are not named twice.
fn is_whole_service(action: &str) -> bool {
    let service = action.strip_suffix(":*");
    service.is_some_and(|it| it != "*" && it != "bedrock" && it != "sagemaker")
}

const POLICIES: &[&str] = &[
    "aws_iam_policy",
    "aws_iam_role_policy",
    "aws_iam_user_policy",
    "aws_iam_group_policy",
    "aws_ssoadmin_permission_set_inline_policy",
    "data.aws_iam_policy_document",
];

/// Actions that lead to every other one.
const CHANGES: &[&str] = &[
    "iam:*",
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
];

/// Actions that give away what is stored. A whole service is in a rule of its own.
const READS: &[&str] = &[
    "s3:get*",
    "s3:getobject",
    "s3:getobject*",
    "secretsmanager:get*",
    "secretsmanager:getsecretvalue",
    "ssm:get*",
    "ssm:getparameter",
    "ssm:getparameter*",
    "ssm:getparameters",
    "ssm:getparametersbypath",
];

static ADMINISTRATOR: Rule = rule(
    "CM-AWS-040",
    Severity::High,
    "A policy allows everything",
    "Who gets hold of these credentials owns the account: `*` on `*` is every action on every \
     resource, of every service there will be.",
    "Allow the actions that are used, on the resources that they are used on.",
    const { &[see("CWE-269"), see("T1078.004")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::b/*" }]
  })
}
"#,
    ],
);

static WHOLE_SERVICE: Rule = rule(
    "CM-AWS-041",
    Severity::Medium,
    "A policy allows a whole service on everything",
    "All actions of a service on all of its resources include those that read every secret, \
     delete every volume and change who may do what.",
    "Name the actions, and the resources.",
    const { &[see("CWE-269"), see("T1078.004")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:*"], Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:*"], Resource = "arn:aws:s3:::b/*" }]
  })
}
"#,
    ],
);

static PASSES_ANY_ROLE: Rule = rule(
    "CM-AWS-042",
    Severity::High,
    "A policy passes any role",
    "`iam:PassRole` on `*` lets its holder start something (a function, a machine, a training \
     job) with the strongest role of the account, and act as that.",
    "Name the roles that may be passed, and the service with `iam:PassedToService`.",
    const { &[see("CWE-269"), see("T1078.004")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "iam:PassRole", Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "iam:PassRole", Resource = "arn:aws:iam::123456789012:role/training" }]
  })
}
"#,
    ],
);

static ASSUMED_BY_ANYBODY: Rule = rule(
    "CM-AWS-043",
    Severity::Critical,
    "A role can be assumed by anybody",
    "The trust policy names the principal `*` without a condition: every AWS account can act as \
     this role.",
    "Name the service, account or role that assumes it.",
    const { &[see("CWE-284"), see("T1078.004")] },
    [
        r#"resource "aws_iam_role" "x" {
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "*" } }]
  })
}
"#,
        r#"resource "aws_iam_role" "x" {
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
"#,
    ],
);

static AI_WITHOUT_BOUNDS: Rule = rule(
    "CM-AWS-044",
    Severity::Medium,
    "A policy allows all of Bedrock or SageMaker on everything",
    "Its holder runs any model at any cost, reads and deletes every endpoint, notebook and custom \
     model, and turns off logs and guardrails.",
    "Allow `bedrock:InvokeModel` and the like on the models that are used.",
    const { &[see("CWE-269"), see("AML.T0012"), see("AML.T0034")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["bedrock:*"], Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["bedrock:InvokeModel"], Resource = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1" }]
  })
}
"#,
    ],
);

static INVOKES_ANY_MODEL: Rule = rule(
    "CM-AWS-045",
    Severity::Low,
    "A policy invokes any model",
    "Whoever holds it can use every model of the account, custom ones and the most expensive ones \
     included.",
    "Name the models in `Resource`.",
    const { &[see("CWE-269"), see("AML.T0034"), see("AML.T0057")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "bedrock:InvokeModel", Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "bedrock:InvokeModel", Resource = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1" }]
  })
}
"#,
    ],
);

static CHANGES_PERMISSIONS: Rule = rule(
    "CM-AWS-046",
    Severity::High,
    "A policy changes permissions of anybody",
    "Actions such as `iam:AttachRolePolicy` or `iam:CreateAccessKey` on all resources are a way \
     to every other permission.",
    "Restrict the actions to the resources that they are meant for, with a permissions boundary.",
    const { &[see("CWE-269"), see("T1078.004")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["iam:AttachRolePolicy"], Resource = "*" }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["iam:AttachRolePolicy"], Resource = "arn:aws:iam::123456789012:role/app-1" }]
  })
}
"#,
    ],
);

static USER: Rule = rule(
    "CM-AWS-047",
    Severity::Info,
    "A user of IAM is made",
    "Users have keys that do not expire. People should come through an identity provider, and \
     programs through roles.",
    "Use roles and IAM Identity Center.",
    const { &[see("CWE-798"), see("T1078.004")] },
    [
        r#"resource "aws_iam_user" "x" {
  name = "u"
}
"#,
        r#"resource "aws_iam_role" "x" {
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
"#,
    ],
);

static READS_EVERYTHING: Rule = rule(
    "CM-AWS-048",
    Severity::Medium,
    "A policy reads every secret or every object",
    "Whoever has the credentials reads the secrets of every service, or the weights and the data of \
     every bucket, of the account. A pipeline or a notebook needs its own.",
    "Name the secrets, parameters or buckets that are read as the resource.",
    const { &[see("CWE-732"), see("T1552"), see("AML.T0035")] },
    [
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = "*"
    }]
  })
}
"#,
        r#"resource "aws_iam_policy" "x" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:trainer-a1b2c3"
    }]
  })
}
"#,
    ],
);
