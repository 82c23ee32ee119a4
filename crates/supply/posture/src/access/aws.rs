//! Roles of AWS, their policies, and buckets of S3
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).

use std::{collections::HashMap, ptr, sync::Arc};

use super::{
    Access, Cloud, Clouds, Companions, Grant, PrincipalKind, References, Store, each, glob,
    policy::{self, Statement},
};
use crate::{Cursor, Fact, Origin, Resource, Truth, World};

/// The policies that hold for roles, wherever they stand.
pub(crate) struct Roles<'a> {
    attached: Vec<Companions<'a>>,
    inline: Companions<'a>,
    /// Attachments and inline policies by the name of the role that they write.
    by_name: HashMap<String, Vec<&'a Resource>>,
    policies: HashMap<*const Resource, Vec<&'a Resource>>,
    by_policy_name: HashMap<String, &'a Resource>,
}

/// The policies of one role.
#[derive(Default)]
pub(crate) struct Policies<'a> {
    /// The names of policies that it lists itself.
    pub(crate) named: Vec<Cursor<'a>>,
    /// The names of policies that are attached to it.
    pub(crate) attached: Vec<Cursor<'a>>,
    /// What is written here.
    pub(crate) written: Vec<Cursor<'a>>,
}

impl<'a> Roles<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        let of = |kind, key| Companions::new(world, kind, key, "aws_iam_role");
        let mut policies: HashMap<_, Vec<&Resource>> = HashMap::new();
        for link in world.links() {
            let is_of_policy = link.path == "policy_arn" || link.path == "managed_policy_arns";
            if is_of_policy && &*link.to.kind == "aws_iam_policy" {
                let from = policies.entry(ptr::from_ref(link.from)).or_default();
                from.push(link.to);
            }
        }
        let mut by_name: HashMap<String, Vec<&Resource>> = HashMap::new();
        for kind in ["aws_iam_role_policy_attachment", "aws_iam_role_policy"] {
            for resource in world.of_kind(kind) {
                if let Some(name) = resource.at("role").text().ok() {
                    by_name.entry(name).or_default().push(resource);
                }
            }
        }
        for resource in world.of_kind("aws_iam_policy_attachment") {
            for name in resource.at("roles").items() {
                if let Some(name) = name.text().ok() {
                    by_name.entry(name).or_default().push(resource);
                }
            }
        }
        let named = world.of_kind("aws_iam_policy");
        let named = named.filter_map(|it| Some((it.at("name").text().ok()?, it)));
        Self {
            attached: vec![
                of("aws_iam_role_policy_attachment", "role"),
                of("aws_iam_policy_attachment", "roles"),
            ],
            inline: of("aws_iam_role_policy", "role"),
            by_name,
            policies,
            by_policy_name: named.collect(),
        }
    }

    pub(crate) fn policies(&self, role: &'a Resource) -> Policies<'a> {
        let mut all = Policies {
            named: role.at("managed_policy_arns").items(),
            ..Policies::default()
        };
        all.written.extend(
            role.cursor()
                .walk("inline_policy[].policy")
                .into_iter()
                .chain(self.inline.of(role).map(|it| it.at("policy"))),
        );
        let attached = self.attached.iter().flat_map(|it| it.of(role));
        let mut attached: Vec<&Resource> = attached.collect();
        let name = role.at("name").text().ok();
        let by_name = name.and_then(|name| self.by_name.get(&name));
        for resource in by_name.into_iter().flatten().copied() {
            match &*resource.kind {
                "aws_iam_role_policy" => all.written.push(resource.at("policy")),
                _ => attached.push(resource),
            }
        }
        once_each(&mut attached);
        let mut written: Vec<&Resource> = Vec::new();
        for from in attached.iter().chain([&role]) {
            written.extend(
                self.policies
                    .get(&ptr::from_ref(*from))
                    .into_iter()
                    .flatten(),
            );
        }
        all.attached
            .extend(attached.iter().map(|it| it.at("policy_arn")));
        for arn in all.attached.iter().chain(&all.named) {
            let arn = arn.text().ok();
            let name = arn.as_deref().and_then(policy_name);
            written.extend(name.and_then(|it| self.by_policy_name.get(it)));
        }
        once_each(&mut written);
        all.written.extend(written.iter().map(|it| it.at("policy")));
        let mut seen = Vec::new();
        all.written.retain(|it| {
            let place = (ptr::from_ref(it.resource), it.path.clone());
            let is_new = !seen.contains(&place);
            seen.push(place);
            is_new
        });
        all
    }
}

fn once_each(resources: &mut Vec<&Resource>) {
    let mut seen = std::collections::HashSet::new();
    resources.retain(|it| seen.insert(ptr::from_ref(*it)));
}

/// The name of a policy of the account itself: those of AWS's have none of an account.
fn policy_name(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:aws")?;
    let (account, path) = rest.split_once(":policy/")?;
    (!account.ends_with(":aws")).then(|| path.rsplit('/').next().unwrap_or(path))
}

/// Whether the trust of a role lets a service account of a cluster assume it, by the web identity of the account.
pub fn trusts_account(role: &Resource, namespace: &str, name: &str) -> Truth {
    let document = role.at("assume_role_policy");
    if let Fact::Unknown(why) = &document.fact {
        return Truth::Unknown(why.clone());
    }
    let statements = policy::statements(&document);
    Truth::any(statements.iter().map(|it| {
        let acts = it.acts(|it| glob::matches(it, "sts:assumerolewithwebidentity"));
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
                it.text().is(|it| match test {
                    "StringLike" => glob::matches(&it, &subject),
                    _ => it == subject,
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
                .for_each(|it| it.truth = it.truth.clone().and(|| Truth::Unknown(why.clone())));
        }
        read.push((principal, rights));
    }
    let rights = read.iter().flat_map(|(_, rights)| rights);
    for (name, origin) in rights.flat_map(Right::literal_buckets) {
        let is_known = clouds
            .stores
            .iter()
            .any(|it| it.cloud == Cloud::Aws && it.name.as_deref() == Some(name));
        if !is_known {
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

/// One statement of a policy, as far as it is about S3.
struct Right {
    allows: Truth,
    denies: Truth,
    /// Whether it holds at all.
    truth: Truth,
    /// Of each of [`ACTIONS`] whether it is about that.
    acts: Vec<Truth>,
    resources: Vec<Pattern>,
    /// Whether it is about all but those.
    is_not: bool,
    because: (String, Origin),
}

/// A resource that a statement names.
enum Pattern {
    Text(String, Origin),
    /// The bucket at a place among all, and what follows its ARN.
    Bucket(usize, String),
    Unknown(Arc<str>),
}

/// Actions that stand for what may be done, and whether they are about objects.
const ACTIONS: &[(&str, bool, Access)] = &[
    ("s3:listbucket", false, Access::LIST),
    ("s3:getobject", true, Access::OBJECTS),
    ("s3:putobject", true, Access::WRITE),
    ("s3:deleteobject", true, Access::WRITE),
    (
        "s3:putbucketpolicy",
        false,
        Access::of(false, false, false, true),
    ),
];

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
                    .is(|it| glob::matches(&it.to_ascii_lowercase(), action))
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

impl Right {
    /// One of which nothing is known.
    fn open(why: Arc<str>, because: (String, Origin)) -> Self {
        Self {
            allows: Truth::Yes,
            denies: Truth::No,
            truth: Truth::Unknown(why),
            acts: vec![Truth::Yes; ACTIONS.len()],
            resources: Vec::new(),
            is_not: true,
            because,
        }
    }

    /// Whether it is about one of [`ACTIONS`] on a store.
    fn is_about(&self, action: usize, at: usize, store: &Store) -> Truth {
        let is_of_objects = ACTIONS[action].1;
        let names = |it: &Pattern| it.names(at, store, is_of_objects);
        let named = || Truth::any(self.resources.iter().map(names));
        let is_named = || if self.is_not { !named() } else { named() };
        let acts = self.acts[action].clone();
        acts.and(is_named).and(|| self.truth.clone())
    }

    /// The buckets that it names in full.
    fn literal_buckets(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.resources.iter().filter_map(|it| match it {
            Pattern::Text(text, origin) => {
                let (_, name) = text.split_once(":s3:::")?;
                let name = name.split('/').next()?;
                let is_whole = !name.is_empty() && !name.contains(['*', '?', '$']);
                is_whole.then_some((name, origin))
            }
            Pattern::Bucket(..) | Pattern::Unknown(_) => None,
        })
    }
}

impl Pattern {
    /// Whether it is about the store itself, or about some object in it.
    fn names(&self, at: usize, store: &Store, is_of_objects: bool) -> Truth {
        match self {
            Self::Unknown(why) => Truth::Unknown(why.clone()),
            Self::Bucket(bucket, rest) => (*bucket == at && is_of(rest, "", is_of_objects)).into(),
            Self::Text(pattern, _) => {
                let rest = match pattern.strip_prefix("arn:") {
                    // The partition is that of the account.
                    Some(rest) => rest.split_once(':').map_or("", |(_, rest)| rest),
                    None if pattern.starts_with('*') => return Truth::Yes,
                    None => return Truth::No,
                };
                match &store.name {
                    Some(name) => is_of(rest, &format!("s3:::{name}"), is_of_objects).into(),
                    None if EVERY.contains(&rest) => Truth::Yes,
                    None if !glob::matches_beginning(rest, &format!("s3:::{}", store.prefix)) => {
                        Truth::No
                    }
                    None => {
                        Truth::Unknown(format!("the name of {} is not known", store.address).into())
                    }
                }
            }
        }
    }
}

fn is_of(pattern: &str, bucket: &str, is_of_objects: bool) -> bool {
    match is_of_objects {
        true => glob::matches_beginning(pattern, &format!("{bucket}/")),
        false => glob::matches(pattern, bucket),
    }
}

/// What every bucket is named by, behind the partition.
const EVERY: &[&str] = &["s3:::*", "s3:::*/*", "s3:*:*:*", "*"];

/// What the statements come to for one store: of those that allow, the surest first; what some other denies
/// is not granted.
fn granted(rights: &[Right], at: usize, store: &Store) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for (action, (_, _, access)) in ACTIONS.iter().enumerate() {
        let is_denied = Truth::any(
            rights
                .iter()
                .map(|it| it.denies.clone().and(|| it.is_about(action, at, store))),
        );
        let is_allowed = |it: &Right| {
            let allows = it.allows.clone();
            let is_about = || it.is_about(action, at, store);
            allows.and(is_about).and(|| !is_denied.clone())
        };
        let mut allows: Vec<(Truth, &Right)> = rights
            .iter()
            .map(|it| (is_allowed(it), it))
            .filter(|(truth, _)| *truth != Truth::No)
            .collect();
        allows.sort_by_key(|(truth, _)| !truth.is_yes());
        let Some((truth, right)) = allows.into_iter().next() else {
            continue;
        };
        let same = grants.iter_mut().find(|it| {
            it.truth == truth
                && it.because.0 == right.because.0
                && it.because.1.is_at(&right.because.1)
        });
        match same {
            Some(same) => same.access = same.access.union(*access),
            None => grants.push(Grant {
                store: at,
                access: *access,
                truth,
                because: right.because.clone(),
            }),
        }
    }
    grants
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
