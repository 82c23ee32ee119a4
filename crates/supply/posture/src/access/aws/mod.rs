//! Roles of AWS, their policies, and buckets of S3
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).

mod right;
mod roles;
mod trust;

use std::{collections::HashMap, ptr, sync::Arc};

use self::right::{ACTIONS, Pattern, Right, granted};
pub(crate) use self::roles::Roles;
pub use self::trust::{account_of_aws, trusted_accounts, trusts_account, trusts_pods};
use super::{
    Access, Cloud, Clouds, PrincipalKind, References, each,
    policy::{self, Statement},
};
use crate::{Cursor, Fact, Resource, Truth, World};

pub(super) fn add<'a>(world: &'a World, references: &References<'a>, clouds: &mut Clouds) {
    let mut buckets: HashMap<*const Resource, usize> = HashMap::new();
    for bucket in world.of_kind("aws_s3_bucket") {
        let store = clouds.store(bucket, Cloud::Aws, bucket.at("bucket").text().ok());
        clouds.stores[store].prefix = prefix(bucket);
        buckets.insert(ptr::from_ref(bucket), store);
    }
    let roles = Roles::of(world, references);
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
            if roles.declared(arn).is_some() {
                continue;
            }
            if let Fact::Unknown(_) = arn.text() {
                clouds.tell(arn, "which policy it is, is not known");
            }
            rights.extend(of_arn(arn));
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
    for (name, origin) in rights.flat_map(Right::literal_buckets) {
        clouds.store_named(Cloud::Aws, name, origin);
    }
    if let (Truth::Unknown(why), Some(role)) =
        (roles.others(), world.of_kind("aws_iam_role").next())
    {
        let what = format!("of which role a policy is, is not known: {why}");
        clouds.tell(&role.cursor(), &what);
    }
    let kept = of_buckets(world, &reader, clouds);
    let mut work: usize = 0;
    for (principal, rights) in &read {
        let patterns: usize = rights.iter().map(|it| 1 + it.resources.len()).sum();
        let asked = patterns.saturating_mul(ACTIONS.len());
        work = asked
            .saturating_mul(clouds.stores.len())
            .saturating_add(work);
        if work > MAX_WORK {
            let origin = clouds.principals[*principal].origin.clone();
            let why = "roles and buckets are more than is looked at";
            clouds.gaps.push((why.to_owned(), origin));
            break;
        }
        for store in 0..clouds.stores.len() {
            if clouds.stores[store].cloud != Cloud::Aws {
                continue;
            }
            for mut grant in granted(rights, store, &clouds.stores[store]) {
                if let Some(why) = kept.get(&store) {
                    grant.truth = grant.truth.and(|| Truth::Unknown(why.clone()));
                }
                clouds.grant(*principal, grant);
            }
        }
    }
}

/// Statements of roles and the resources that they name, each held against each bucket for each of [`ACTIONS`].
const MAX_WORK: usize = 1 << 24;

/// The buckets with a policy of their own, and why that may keep somebody from them; whom it lets do something
/// is told.
fn of_buckets<'a>(
    world: &'a World,
    reader: &Reader<'_, 'a>,
    clouds: &mut Clouds,
) -> HashMap<usize, Arc<str>> {
    let mut kept = HashMap::new();
    for policy in world.of_kind("aws_s3_bucket_policy") {
        let bucket = policy.at("bucket");
        let declared = reader.references.one(&bucket, "aws_s3_bucket");
        let declared = declared.and_then(|it| reader.buckets.get(&ptr::from_ref(it)).copied());
        let named = || {
            let key = (Cloud::Aws, bucket.text().ok()?);
            clouds.stores_by_name.get(&key).copied()
        };
        let Some(store) = declared.or_else(named) else {
            clouds.tell(&bucket, "of which bucket the policy is, is not known");
            continue;
        };
        let document = policy.at("policy");
        let statements = policy::statements(&document);
        if matches!(document.fact, Fact::Unknown(_)) {
            clouds.tell(&document, "the policy of the bucket is not known");
        }
        let denies = |it: &Statement<'_>| it.cursor().get("Effect").equals("Deny");
        if statements.iter().any(|it| denies(it) != Truth::Yes) {
            clouds.tell(
                &document,
                "whom the policy of the bucket lets do what is not followed",
            );
        }
        let is_kept = |it: &Statement<'_>| denies(it) != Truth::No && !is_of_transport(it);
        if matches!(document.fact, Fact::Unknown(_)) || statements.iter().any(is_kept) {
            let why = format!("{} may deny it", policy.address);
            kept.insert(store, why.into());
        }
    }
    kept
}

/// Whether a statement is about requests without TLS alone, which nobody has to make.
fn is_of_transport(statement: &Statement<'_>) -> bool {
    let secure = statement
        .cursor()
        .at("Condition.Bool")
        .get("aws:SecureTransport");
    each(&secure).iter().any(|it| it.equals("false").is_yes())
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
        let acts = ACTIONS.iter();
        let acts: Vec<Truth> = acts.map(|(it, ..)| statement.is_about(it)).collect();
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
}

/// What a policy gives that is not among the files: of AWS's, its name says it.
fn of_arn(arn: &Cursor<'_>) -> Option<Right> {
    let because = |name: &str| (name.to_owned(), arn.origin().clone());
    let text = match arn.text() {
        Fact::Known(text) => text,
        Fact::Absent => return None,
        Fact::Unknown(why) => return Some(Right::open(why, because("a policy"))),
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
    let found = MANAGED.iter().find(|(it, _)| *it == name);
    match found.filter(|_| text.contains(":iam::aws:policy/")) {
        Some((_, access)) => Some(acts(*access)).filter(|_| !access.is_empty()),
        None => {
            let why = format!("what the policy {text} allows is not among the files");
            Some(Right::open(why.into(), because(&format!("policy {name}"))))
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
