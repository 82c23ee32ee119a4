//! CloudFormation's names, and Terraform's.

use std::sync::Arc;

use crate::{Attr, Item, Map, Value};

/// The kind that Terraform has for a type.
pub(super) fn kind(of: &str) -> &str {
    let mut kinds = KINDS.iter();
    kinds
        .find(|(name, _)| *name == of)
        .map_or(of, |(_, kind)| kind)
}

/// `KmsKeyId` as `kms_key_id`, `DBName` as `db_name`.
pub(super) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let follows_small = at > 0 && !chars[at - 1].is_uppercase();
        let begins_word = at > 0 && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (follows_small || begins_word) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The names and words that Terraform has where they are others.
pub(super) fn renamed(kind: &str, body: Attr) -> Attr {
    let Value::Map(map) = &body.value else {
        return body;
    };
    let mut items: Vec<Item> = Vec::new();
    for item in map.items() {
        let renames = RENAMES
            .iter()
            .find(|(of, from, _)| *of == kind && *from == &*item.key);
        let mut item = item.clone();
        if let Some((_, _, to)) = renames {
            item.key = (*to).into();
        }
        match (kind, &*item.key, &item.value.value) {
            ("aws_s3_bucket", "acl", Value::String(text)) => {
                item.value.value = Value::String(snake(text).replace('_', "-").into());
            }
            ("aws_iam_role", "inline_policy", _) => item.value = inner(item.value),
            // What a template of machines is made of is one level below.
            ("aws_launch_template", "launch_template_data", Value::Map(data)) => {
                items.extend(data.items().iter().cloned());
                continue;
            }
            _ => {}
        }
        items.push(item);
    }
    Attr {
        value: Value::Map(Arc::new(Map::new(items))),
        ..body
    }
}

/// Policies of a role, each with its `policy`.
fn inner(policies: Attr) -> Attr {
    let Value::List(items) = &policies.value else {
        return policies;
    };
    let items = items
        .iter()
        .map(|it| renamed("inline_policy", it.clone()))
        .collect();
    Attr {
        value: Value::List(items),
        ..policies
    }
}

/// CloudFormation's types, and Terraform's.
const KINDS: &[(&str, &str)] = &[
    ("AWS::Bedrock::Agent", "aws_bedrockagent_agent"),
    ("AWS::CloudTrail::Trail", "aws_cloudtrail"),
    ("AWS::DocDB::DBCluster", "aws_docdb_cluster"),
    ("AWS::EC2::LaunchTemplate", "aws_launch_template"),
    ("AWS::EC2::SecurityGroup", "aws_security_group"),
    (
        "AWS::EC2::SecurityGroupIngress",
        "aws_vpc_security_group_ingress_rule",
    ),
    ("AWS::EC2::Subnet", "aws_subnet"),
    ("AWS::EC2::Volume", "aws_ebs_volume"),
    ("AWS::ECR::Repository", "aws_ecr_repository"),
    ("AWS::EFS::FileSystem", "aws_efs_file_system"),
    ("AWS::EKS::Cluster", "aws_eks_cluster"),
    ("AWS::IAM::ManagedPolicy", "aws_iam_policy"),
    ("AWS::IAM::Policy", "aws_iam_policy"),
    ("AWS::IAM::Role", "aws_iam_role"),
    ("AWS::IAM::User", "aws_iam_user"),
    ("AWS::KMS::Key", "aws_kms_key"),
    ("AWS::Lambda::Function", "aws_lambda_function"),
    ("AWS::Neptune::DBCluster", "aws_neptune_cluster"),
    ("AWS::RDS::DBCluster", "aws_rds_cluster"),
    ("AWS::RDS::DBInstance", "aws_db_instance"),
    ("AWS::S3::Bucket", "aws_s3_bucket"),
    ("AWS::S3::BucketPolicy", "aws_s3_bucket_policy"),
    ("AWS::SNS::Topic", "aws_sns_topic"),
    ("AWS::SQS::Queue", "aws_sqs_queue"),
    ("AWS::SageMaker::Domain", "aws_sagemaker_domain"),
    (
        "AWS::SageMaker::EndpointConfig",
        "aws_sagemaker_endpoint_configuration",
    ),
    ("AWS::SageMaker::Model", "aws_sagemaker_model"),
    (
        "AWS::SageMaker::NotebookInstance",
        "aws_sagemaker_notebook_instance",
    ),
];

/// Of a kind: a property, and Terraform's argument.
const RENAMES: &[(&str, &str, &str)] = &[
    ("aws_s3_bucket", "access_control", "acl"),
    ("aws_s3_bucket", "logging_configuration", "logging"),
    ("aws_s3_bucket_policy", "policy_document", "policy"),
    ("aws_security_group", "security_group_ingress", "ingress"),
    ("aws_security_group", "security_group_egress", "egress"),
    ("aws_eks_cluster", "resources_vpc_config", "vpc_config"),
    ("aws_iam_policy", "policy_document", "policy"),
    (
        "aws_iam_role",
        "assume_role_policy_document",
        "assume_role_policy",
    ),
    ("aws_iam_role", "policies", "inline_policy"),
    ("inline_policy", "policy_document", "policy"),
    ("aws_kms_key", "key_policy", "policy"),
    ("aws_kms_key", "key_spec", "customer_master_key_spec"),
    (
        "aws_sagemaker_endpoint_configuration",
        "kms_key_id",
        "kms_key_arn",
    ),
];

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_cut_as_terraform_cuts_them() {
        for (name, expected) in [
            ("KmsKeyId", "kms_key_id"),
            ("DBName", "db_name"),
            ("PubliclyAccessible", "publicly_accessible"),
            ("SSEAlgorithm", "sse_algorithm"),
        ] {
            assert_eq!(super::snake(name), expected);
        }
    }
}
