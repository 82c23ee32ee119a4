//! Templates of AWS CloudFormation, in YAML and JSON.
//!
//! Properties are read under the names that Terraform has for them, and resources under Terraform's
//! kinds, so that one rule asks both. Functions are computed as far as parameters have defaults and
//! conditions can be decided.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use casemate_document::{
    Limits, Node, Value as Written,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, Fact, File, Item, Language, Map, Origin, Resource, Role, Truth, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_named = [".yaml", ".yml", ".json", ".template"]
        .iter()
        .any(|end| path.ends_with(end));
    if !is_named || !file.text.contains("Resources") || !file.text.contains("AWS::") {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    let root = stream.documents.into_iter().next()?.root;
    let is_template = root
        .get("Resources")
        .is_some_and(|it| it.entries().iter().any(|it| it.value.get("Type").is_some()));
    is_template.then(|| Draft {
        file: file.clone(),
        content: Content::CloudFormation(root, stream.error),
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::CloudFormation(root, error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        let template = Template {
            root,
            file: &draft.file,
            held: RefCell::default(),
        };
        template.declare(world);
    }
}

struct Template<'a> {
    root: &'a Node,
    file: &'a Arc<File>,
    /// What came of conditions, so that each is asked once however often it is named.
    held: RefCell<HashMap<String, Truth>>,
}

impl Template<'_> {
    fn declare(&self, world: &mut World) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut links = Vec::new();
        for entry in self.section("Resources") {
            let Some(of) = entry.value.get("Type").and_then(Node::as_str) else {
                world.missing(self.file, entry.key_span, "a resource has no type");
                continue;
            };
            let condition = entry.value.get("Condition").and_then(Node::as_str);
            if condition.is_some_and(|name| self.condition(name, 0) == Truth::No) {
                continue;
            }
            let properties = entry.value.get("Properties");
            let mut body = match properties {
                Some(properties) => self
                    .value(properties, 0, true)
                    .unwrap_or_else(|| self.nothing(properties)),
                None => Attr::new(
                    Value::Map(Arc::default()),
                    Origin::new(self.file, entry.key_span),
                ),
            };
            // What stands nowhere is missed at the name of the resource.
            body.origin = Origin::new(self.file, entry.key_span);
            let kind = KINDS
                .iter()
                .find(|(name, _)| *name == of)
                .map_or(of, |(_, kind)| kind);
            body = renamed(kind, body);
            places.insert(&entry.key, world.resources().len());
            if let Some(properties) = properties {
                let mut names = Vec::new();
                self.references(properties, &mut names);
                links.extend(names.into_iter().map(|to| (entry.key.clone(), to)));
            }
            let add = |world: &mut World, kind: &str, suffix: &str, body: Attr| {
                world.add(Resource {
                    language: Language::CloudFormation,
                    kind: kind.into(),
                    address: format!("{}{suffix}", entry.key).into(),
                    body,
                });
            };
            let block = body.get("public_access_block_configuration").ok().cloned();
            add(world, kind, "", body);
            if let Some(block) = block {
                let bucket = world.resources().len() - 1;
                add(
                    world,
                    "aws_s3_bucket_public_access_block",
                    ".PublicAccessBlockConfiguration",
                    block,
                );
                world.link(bucket + 1, "bucket".into(), bucket);
            }
        }
        for (from, to) in links {
            if let (Some(&from), Some(&to)) = (places.get(&*from), places.get(&*to)) {
                world.link(from, "".into(), to);
            }
        }
    }

    fn section(&self, name: &str) -> &[casemate_document::Entry] {
        self.root.get(name).map_or(&[], Node::entries)
    }

    fn nothing(&self, node: &Node) -> Attr {
        Attr::new(Value::Null, Origin::new(self.file, node.span))
    }

    /// The value; none where it is `AWS::NoValue`. Keys of properties become Terraform's; those of
    /// policies and variables stay.
    fn value(&self, node: &Node, depth: usize, names: bool) -> Option<Attr> {
        let origin = Origin::new(self.file, node.span);
        if depth > MAX_DEPTH {
            return Some(Attr::unknown("it is nested too deeply", origin));
        }
        if let Some((function, argument)) = function(node) {
            return self.call(&function, argument, &origin, depth + 1, names);
        }
        let value = match &node.value {
            Written::List(items) => Value::List(
                items
                    .iter()
                    .filter_map(|it| self.value(it, depth + 1, names))
                    .collect(),
            ),
            Written::Map(map) => {
                let items = map.entries().iter().filter_map(|entry| {
                    let stays = entry.key.ends_with("Document")
                        || ["KeyPolicy", "Variables", "Environment", "Tags"].contains(&&*entry.key);
                    let key: Arc<str> = if names {
                        snake(&entry.key).into()
                    } else {
                        entry.key.clone()
                    };
                    Some(Item {
                        key,
                        place: Origin::new(self.file, entry.key_span),
                        value: self.value(&entry.value, depth + 1, names && !stays)?,
                    })
                });
                Value::Map(Arc::new(Map::new(items.collect())))
            }
            _ => return Some(Attr::of_node(node, self.file)),
        };
        Some(Attr::new(value, origin))
    }

    fn call(
        &self,
        name: &str,
        argument: &Node,
        origin: &Origin,
        depth: usize,
        names: bool,
    ) -> Option<Attr> {
        let unknown = |why: String| Some(Attr::unknown(why, origin.clone()));
        let text = argument.as_str();
        let items = argument.items();
        match name {
            "Ref" if text == Some("AWS::NoValue") => None,
            "Ref" => Some(self.reference(text.unwrap_or_default(), origin)),
            "Fn::If" => {
                let [condition, yes, no] = items else {
                    return unknown("Fn::If takes three values".to_owned());
                };
                match self.condition(condition.as_str().unwrap_or_default(), depth) {
                    Truth::Yes => self.value(yes, depth, names),
                    Truth::No => self.value(no, depth, names),
                    Truth::Unknown(why) => Some(Attr::unknown(why, origin.clone())),
                }
            }
            "Fn::Sub" => {
                let template = text.or_else(|| items.first().and_then(Node::as_str));
                Some(self.substituted(template.unwrap_or_default(), items.get(1), origin, depth))
            }
            "Fn::Join" => {
                let [separator, list] = items else {
                    return unknown("Fn::Join takes two values".to_owned());
                };
                let list = self.value(list, depth, false)?;
                let mut parts = Vec::new();
                for item in list.items() {
                    match item.text() {
                        Fact::Known(text) => parts.push(text),
                        Fact::Unknown(why) => return unknown(why.to_string()),
                        Fact::Absent => {}
                    }
                }
                let joined = parts.join(separator.as_str().unwrap_or_default());
                Some(Attr::new(Value::String(joined.into()), origin.clone()))
            }
            "Fn::FindInMap" => {
                let mut keys = Vec::new();
                for item in items {
                    match self.value(item, depth, false)?.text() {
                        Fact::Known(text) => keys.push(text),
                        Fact::Unknown(why) => return unknown(why.to_string()),
                        Fact::Absent => return unknown("a key is no text".to_owned()),
                    }
                }
                let mut place = self.root.get("Mappings");
                for key in &keys {
                    place = place.and_then(|it| it.get(key));
                }
                match place {
                    Some(found) => Some(Attr::of_node(found, self.file)),
                    None => unknown("it is in no mapping".to_owned()),
                }
            }
            "Fn::Base64" => self.value(argument, depth, false),
            "Fn::GetAtt" => {
                let name = text.map_or_else(
                    || {
                        items
                            .iter()
                            .filter_map(Node::as_str)
                            .collect::<Vec<_>>()
                            .join(".")
                    },
                    str::to_owned,
                );
                unknown(format!("{name} is known after apply"))
            }
            _ => unknown(format!("{name} is answered when the stack is made")),
        }
    }

    fn reference(&self, name: &str, origin: &Origin) -> Attr {
        let parameters = self.section("Parameters");
        let Some(parameter) = parameters.iter().find(|it| &*it.key == name) else {
            return Attr::unknown(format!("{name} is known after apply"), origin.clone());
        };
        match parameter.value.get("Default") {
            Some(default) => {
                let value = Attr::of_node(default, self.file);
                let place = origin.clone().behind(Role::Default, value.origin.clone());
                Attr::new(value.value, place)
            }
            None => Attr::unknown(
                format!("the parameter {name} has no default"),
                origin.clone(),
            ),
        }
    }

    /// A text with `${name}` in it.
    fn substituted(&self, text: &str, own: Option<&Node>, origin: &Origin, depth: usize) -> Attr {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = behind.split_once('}') else {
                return Attr::unknown("a name is not closed", origin.clone());
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
                continue;
            }
            let own = own
                .and_then(|it| it.get(name))
                .and_then(|it| self.value(it, depth + 1, false));
            match own.unwrap_or_else(|| self.reference(name, origin)).text() {
                Fact::Known(text) => out.push_str(&text),
                Fact::Unknown(why) => return Attr::unknown(why, origin.clone()),
                Fact::Absent => return Attr::unknown(format!("{name} is no text"), origin.clone()),
            }
            if out.len() > MAX_TEXT {
                return Attr::unknown("the text is too long", origin.clone());
            }
        }
        out.push_str(rest);
        Attr::new(Value::String(out.into()), origin.clone())
    }

    fn condition(&self, name: &str, depth: usize) -> Truth {
        let conditions = self.section("Conditions");
        if let Some(held) = self.held.borrow().get(name) {
            return held.clone();
        }
        let holds = match conditions.iter().find(|it| &*it.key == name) {
            Some(condition) => self.holds(&condition.value, depth + 1),
            None => Truth::Unknown(format!("the condition {name} is not declared").into()),
        };
        self.held
            .borrow_mut()
            .insert(name.to_owned(), holds.clone());
        holds
    }

    fn holds(&self, node: &Node, depth: usize) -> Truth {
        if depth > MAX_DEPTH {
            return Truth::Unknown("conditions refer to each other".into());
        }
        let Some((name, argument)) = function(node) else {
            return Truth::Unknown("it is no condition".into());
        };
        let items = argument.items();
        match &*name {
            "Condition" => self.condition(argument.as_str().unwrap_or_default(), depth),
            "Fn::Not" => !Truth::all(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::And" => Truth::all(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::Or" => Truth::any(items.iter().map(|it| self.holds(it, depth + 1))),
            "Fn::Equals" => {
                let texts = items
                    .iter()
                    .map(|it| self.value(it, depth, false).map(|it| it.text()));
                match &texts.collect::<Vec<_>>()[..] {
                    [Some(Fact::Known(a)), Some(Fact::Known(b))] => Truth::from(a == b),
                    [Some(Fact::Unknown(why)), _] | [_, Some(Fact::Unknown(why))] => {
                        Truth::Unknown(why.clone())
                    }
                    _ => Truth::Unknown("it is no comparison".into()),
                }
            }
            _ => Truth::Unknown(format!("{name} is no condition").into()),
        }
    }

    /// The names that a value refers to. The reader has bounded the depth.
    fn references(&self, node: &Node, names: &mut Vec<Arc<str>>) {
        if let Some((name, argument)) = function(node) {
            let text = argument
                .as_str()
                .or_else(|| argument.items().first().and_then(Node::as_str));
            match (&*name, text) {
                ("Ref" | "Fn::GetAtt", Some(text)) => {
                    names.push(text.split('.').next().unwrap_or_default().into());
                }
                ("Fn::Sub", Some(text)) => {
                    let found = text
                        .split("${")
                        .skip(1)
                        .filter_map(|it| it.split(['}', '.']).next());
                    names.extend(found.map(Arc::from));
                }
                _ => {}
            }
            self.references(argument, names);
            return;
        }
        for item in node.items() {
            self.references(item, names);
        }
        for entry in node.entries() {
            self.references(&entry.value, names);
        }
    }
}

/// The function that a value is, in its long or its short form, and its argument.
fn function(node: &Node) -> Option<(String, &Node)> {
    match &node.value {
        Written::Tagged(tagged) => {
            let name = tagged.0.trim_start_matches('!');
            let long = matches!(name, "Ref" | "Condition");
            Some((
                if long {
                    name.to_owned()
                } else {
                    format!("Fn::{name}")
                },
                &tagged.1,
            ))
        }
        Written::Map(map) => match map.entries() {
            [entry]
                if entry.key.starts_with("Fn::")
                    || &*entry.key == "Ref"
                    || &*entry.key == "Condition" && entry.value.as_str().is_some() =>
            {
                Some((entry.key.to_string(), &entry.value))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `KmsKeyId` as `kms_key_id`, `DBName` as `db_name`.
fn snake(name: &str) -> String {
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
fn renamed(kind: &str, body: Attr) -> Attr {
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

const MAX_DEPTH: usize = 100;

const MAX_TEXT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    /// The rules that are reported of a template.
    fn reported(text: &str) -> Vec<String> {
        let outcomes = survey(&[("stack.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        findings
            .map(|it| format!("{} {}", it.rule, it.location))
            .collect()
    }

    const HEAD: &str = "Parameters:\n  Open: {Type: String, Default: 'yes'}\n  Key: {Type: String}\nConditions:\n  IsOpen: !Equals [!Ref Open, 'yes']\nResources:\n";

    #[test]
    fn one_rule_asks_both_languages() {
        let text = format!(
            "{HEAD}  Notes:\n    Type: AWS::SageMaker::NotebookInstance\n    Properties:\n      RootAccess: Disabled\n      DirectInternetAccess: !If [IsOpen, Enabled, Disabled]\n"
        );
        let found = reported(&text);
        assert!(
            found.contains(&"CM-AWS-100 stack.yaml:11:42".to_owned()),
            "{found:?}"
        );
        assert!(
            !found.iter().any(|it| it.starts_with("CM-AWS-101")),
            "{found:?}"
        );
    }

    #[test]
    fn what_a_condition_leaves_out_is_not_there() {
        let text = format!(
            "{HEAD}  B:\n    Type: AWS::S3::Bucket\n    Condition: IsShut\n    Properties: {{AccessControl: PublicRead}}\n"
        );
        let text = text.replace(
            "Resources:",
            "  IsShut: !Not [!Condition IsOpen]\nResources:",
        );
        assert_eq!(reported(&text), Vec::<String>::new());
        let text = text.replace("Condition: IsShut", "Condition: IsOpen");
        assert!(
            reported(&text)
                .iter()
                .any(|it| it.starts_with("CM-AWS-001"))
        );
    }

    #[test]
    fn a_policy_is_asked_for_what_it_says() {
        let text = format!(
            "{HEAD}  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n        - {{Effect: Allow, Action: '*', Resource: '*'}}\n"
        );
        assert!(
            reported(&text)
                .iter()
                .any(|it| it.starts_with("CM-AWS-040"))
        );
    }

    #[test]
    fn a_parameter_without_a_default_decides_nothing() {
        let text = format!(
            "{HEAD}  V:\n    Type: AWS::EC2::Volume\n    Properties: {{Encrypted: !Ref Key}}\n"
        );
        let outcomes = survey(&[("stack.yaml", text.as_bytes())]);
        assert_eq!(outcomes[0].result, casemate_core::Status::Undetermined);
        assert!(
            outcomes[0]
                .reason
                .as_deref()
                .is_some_and(|it| it.contains("the parameter Key has no default"))
        );
    }

    #[test]
    fn conditions_that_refer_to_each_other_are_bounded() {
        let text = "Conditions:\n  A: !Condition B\n  B: !Not [!Condition A]\nResources:\n  V:\n    Type: AWS::EC2::Volume\n    Condition: A\n    Properties: {Encrypted: false}\n";
        assert!(reported(text).iter().any(|it| it.starts_with("CM-AWS-063")));
    }

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
