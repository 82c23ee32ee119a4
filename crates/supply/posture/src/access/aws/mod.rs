//! Roles of AWS, their policies, and buckets of S3
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).

mod right;
mod roles;

use std::{
    collections::{HashMap, HashSet},
    ptr,
    sync::Arc,
};

pub(crate) use self::roles::Roles;
use self::{
    right::{ACTIONS, Pattern, Right, granted},
    roles::policy_name,
};
use super::{
    Access, Cloud, Clouds, PrincipalKind, References, Store, each, glob,
    policy::{self, Statement},
};
use crate::{Cursor, Fact, Resource, Truth, World};

/// Whether the trust of a role lets a service account of a cluster assume it, by the web identity of the account.
pub fn trusts_account(role: &Resource, namespace: &str, name: &str) -> Truth {
    let document = role.at("assume_role_policy");
    if let Fact::Unknown(why) = &document.fact {
        return Truth::Unknown(why.clone());
    }
    let statements = policy::statements(&document);
    Truth::any(statements.iter().map(|it| {
        let acts = it.acts(|it| glob::matches(it, "sts:assumerolewithwebidentity").is_yes());
        it.allows()
            .and(|| acts)
            .and(|| is_of_account(it, namespace, name))
    }))
}

/// Whether the conditions of a statement hold for the subject of the token of an account, and for the rest of it
/// as every cluster writes it.
fn is_of_account(statement: &Statement<'_>, namespace: &str, name: &str) -> Truth {
    let subject = format!("system:serviceaccount:{namespace}:{name}");
    let condition = statement.cursor().get("Condition");
    if let Fact::Absent = condition.fact {
        return Truth::Yes;
    }
    let mut all = Vec::new();
    for (test, variables) in condition.entries() {
        for (key, values) in variables.entries() {
            if !key.ends_with(":sub") {
                continue;
            }
            let is_it = |it: &Cursor<'_>| {
                it.text().holds(|it| match test.rsplit(':').next() {
                    Some("StringLike") => glob::matches(&it, &subject),
                    Some("StringEquals") => (it == subject).into(),
                    _ => Truth::Unknown(format!("{test} is not followed").into()),
                })
            };
            all.push(Truth::any(each(&values).iter().map(is_it)));
        }
    }
    // Behind the name of the provider, which is known after an apply, the subject is written nevertheless.
    let is_written = || {
        let text = condition.origin().text();
        text.contains(&format!("\"{subject}\"")) && text.contains(":sub")
    };
    match Truth::all(all.iter().cloned()) {
        Truth::Yes if all.is_empty() && !is_written() => Truth::Unknown(
            format!(
                "whom {} trusts is not known",
                statement.cursor().resource.address
            )
            .into(),
        ),
        Truth::Unknown(_) if is_written() => Truth::Yes,
        truth => truth,
    }
}

pub(super) fn add<'a>(world: &'a World, references: &References<'a>, clouds: &mut Clouds) {
    let mut buckets: HashMap<*const Resource, usize> = HashMap::new();
    for bucket in world.of_kind("aws_s3_bucket") {
        let store = clouds.store(bucket, Cloud::Aws, bucket.at("bucket").text().ok());
        clouds.stores[store].prefix = prefix(bucket);
        buckets.insert(ptr::from_ref(bucket), store);
    }
    let roles = Roles::of(world);
    let reader = Reader {
        references,
        buckets,
    };
    let mut read = Vec::new();
    for role in world.of_kind("aws_iam_role") {
        let name = role.at("name").text().ok();
        let principal = clouds.declare(role, PrincipalKind::AwsRole, name);
        let policies = roles.policies(role);
        let mut rights = Vec::new();
        for arn in policies.named.iter().chain(&policies.attached) {
            rights.extend(reader.of_arn(arn, &roles));
        }
        for document in &policies.written {
            rights.extend(reader.document(document));
        }
        let bound = role.at("permissions_boundary");
        if bound.is_absent() != Truth::Yes {
            let why: Arc<str> = "the role has a permissions boundary".into();
            rights
                .iter_mut()
                .for_each(|it| it.allows = it.allows.clone().and(|| Truth::Unknown(why.clone())));
        }
        read.push((principal, rights));
    }
    let rights = read.iter().flat_map(|(_, rights)| rights);
    let mut known: HashSet<String> = clouds
        .stores
        .iter()
        .filter_map(|it| it.name.clone())
        .collect();
    for (name, origin) in rights.flat_map(Right::literal_buckets) {
        if known.insert(name.to_owned()) {
            clouds.stores.push(Store {
                name: Some(name.to_owned()),
                prefix: String::new(),
                address: name.into(),
                origin: origin.clone(),
                cloud: Cloud::Aws,
            });
        }
    }
    for (principal, rights) in &read {
        for store in 0..clouds.stores.len() {
            if clouds.stores[store].cloud != Cloud::Aws {
                continue;
            }
            for grant in granted(rights, store, &clouds.stores[store]) {
                clouds.grant(*principal, grant);
            }
        }
    }
}

/// What the name of a bucket begins with that the provider makes up.
fn prefix(bucket: &Resource) -> String {
    match (
        bucket.at("bucket").text(),
        bucket.at("bucket_prefix").text(),
    ) {
        (Fact::Absent, Fact::Known(prefix)) => prefix,
        (Fact::Absent, Fact::Absent) => "terraform-".to_owned(),
        _ => String::new(),
    }
}

struct Reader<'r, 'a> {
    references: &'r References<'a>,
    buckets: HashMap<*const Resource, usize>,
}

impl<'a> Reader<'_, 'a> {
    fn document(&self, document: &Cursor<'a>) -> Vec<Right> {
        if let Fact::Unknown(why) = &document.fact {
            let because = (shown(document), document.origin().clone());
            return vec![Right::open(why.clone(), because)];
        }
        let statements = policy::statements(document);
        let rights = statements.iter().enumerate();
        rights
            .filter_map(|(at, it)| self.right(it, at, document))
            .collect()
    }

    fn right(&self, statement: &Statement<'a>, at: usize, document: &Cursor<'a>) -> Option<Right> {
        let cursor = statement.cursor();
        let sid = cursor.get("Sid").text().ok();
        let name = sid.unwrap_or_else(|| format!("statement {at}"));
        let because = (
            format!("{} {name}", shown(document)),
            cursor.origin().clone(),
        );
        if let Fact::Unknown(why) = &cursor.fact {
            return Some(Right::open(why.clone(), because));
        }
        let acts = |action: &str| {
            let written = each(&cursor.get("Action"));
            let but = each(&cursor.get("NotAction"));
            let is = |it: &Cursor<'_>| {
                it.text()
                    .holds(|it| glob::matches(&it.to_ascii_lowercase(), action))
            };
            let is_written = Truth::any(written.iter().map(is));
            match cursor.get("NotAction").is_absent() {
                Truth::Yes => is_written,
                _ => is_written.or(|| !Truth::any(but.iter().map(is))),
            }
        };
        let acts: Vec<Truth> = ACTIONS.iter().map(|(action, ..)| acts(action)).collect();
        if acts.iter().all(|it| *it == Truth::No) {
            return None;
        }
        let is_not = cursor.get("NotResource").is_absent() != Truth::Yes;
        let key = if is_not { "NotResource" } else { "Resource" };
        let truth = match statement.has_condition() {
            Truth::No => Truth::Yes,
            _ => Truth::Unknown(format!("{} has a condition", because.0).into()),
        };
        Some(Right {
            allows: statement.allows(),
            denies: cursor.get("Effect").equals("Deny"),
            truth,
            acts,
            resources: each(&cursor.get(key))
                .iter()
                .map(|it| self.pattern(it))
                .collect(),
            is_not,
            because,
        })
    }

    fn pattern(&self, cursor: &Cursor<'a>) -> Pattern {
        match cursor.text() {
            Fact::Known(text) => Pattern::Text(text, cursor.origin().clone()),
            Fact::Absent => Pattern::Unknown("a resource is no text".into()),
            Fact::Unknown(why) => {
                let bucket = self.references.one(cursor, "aws_s3_bucket");
                let bucket = bucket.and_then(|it| self.buckets.get(&ptr::from_ref(it)));
                match (bucket, behind_arn(cursor.origin().text())) {
                    (Some(bucket), Some(rest)) => Pattern::Bucket(*bucket, rest.to_owned()),
                    _ => Pattern::Unknown(why),
                }
            }
        }
    }

    /// What a policy gives that is not written here: of AWS's, its name says it.
    fn of_arn(&self, arn: &Cursor<'a>, roles: &Roles<'a>) -> Option<Right> {
        let because = |name: &str| (name.to_owned(), arn.origin().clone());
        let text = match arn.text() {
            Fact::Known(text) => text,
            Fact::Absent => return None,
            Fact::Unknown(why) => {
                let is_here = self.references.one(arn, "aws_iam_policy").is_some();
                return (!is_here).then(|| Right::open(why, because("a policy")));
            }
        };
        let name = text.rsplit('/').next().unwrap_or_default();
        let acts = |access: Access| Right {
            allows: Truth::Yes,
            denies: Truth::No,
            truth: Truth::Yes,
            acts: ACTIONS
                .iter()
                .map(|(_, _, it)| (access.union(*it) == access).into())
                .collect(),
            resources: vec![Pattern::Text("*".to_owned(), arn.origin().clone())],
            is_not: false,
            because: because(&format!("policy {name}")),
        };
        if let Some(name) = policy_name(&text)
            && roles.by_policy_name.contains_key(name)
        {
            return None;
        }
        let found = MANAGED.iter().find(|(it, _)| *it == name);
        match found.filter(|_| text.contains(":iam::aws:policy/")) {
            Some((_, access)) => Some(acts(*access)).filter(|_| !access.is_empty()),
            None => {
                let why = format!("what the policy {text} allows is not among the files");
                Some(Right::open(why.into(), because(&format!("policy {name}"))))
            }
        }
    }
}

/// What follows the ARN in a text such as `"${aws_s3_bucket.models.arn}/*"`; nothing is known of one that is
/// put together in another way.
fn behind_arn(text: &str) -> Option<&str> {
    let text = text.trim();
    if text.ends_with(".arn") {
        return Some("");
    }
    let (before, rest) = text.trim_matches('"').split_once(".arn}")?;
    let is_only = before.starts_with("${") && !before[2..].contains("${");
    (is_only && (rest.is_empty() || rest.starts_with('/')) && !rest.contains("${")).then_some(rest)
}

/// What to call the policy in which a document stands.
fn shown(document: &Cursor<'_>) -> String {
    format!("policy {}", document.resource.address)
}

/// What policies of AWS's give of S3, by name. Of others it is not said.
const MANAGED: &[(&str, Access)] = &[
    ("AdministratorAccess", Access::ALL),
    ("PowerUserAccess", Access::ALL),
    ("AmazonS3FullAccess", Access::ALL),
    ("AmazonS3ReadOnlyAccess", Access::READ),
    ("ReadOnlyAccess", Access::READ),
    ("AmazonEC2ContainerRegistryReadOnly", Access::NONE),
    ("AmazonEC2ContainerRegistryPullOnly", Access::NONE),
    ("AmazonEKSClusterPolicy", Access::NONE),
    ("AmazonEKSWorkerNodePolicy", Access::NONE),
    ("AmazonEKSWorkerNodeMinimalPolicy", Access::NONE),
    ("AmazonEKSVPCResourceController", Access::NONE),
    ("AmazonEKS_CNI_Policy", Access::NONE),
    ("AmazonEBSCSIDriverPolicy", Access::NONE),
    ("AmazonEFSCSIDriverPolicy", Access::NONE),
    ("CloudWatchAgentServerPolicy", Access::NONE),
    ("AWSXRayDaemonWriteAccess", Access::NONE),
];
