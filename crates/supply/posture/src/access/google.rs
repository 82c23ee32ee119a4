//! Service accounts of Google Cloud, and buckets of Cloud Storage
//! (<https://cloud.google.com/storage/docs/access-control/iam-roles>).

use std::{collections::HashMap, ptr};

use super::{Access, Cloud, Clouds, Grant, Principal, PrincipalKind, References, each};
use crate::{Cursor, Fact, Resource, Truth, World};

pub(super) fn add<'a>(world: &'a World, references: &References<'a>, clouds: &mut Clouds) {
    let mut buckets: HashMap<*const Resource, usize> = HashMap::new();
    let mut projects = HashMap::new();
    for bucket in world.of_kind("google_storage_bucket") {
        let store = clouds.store(bucket, Cloud::Google, bucket.at("name").text().ok());
        buckets.insert(ptr::from_ref(bucket), store);
        projects.insert(store, bucket.at("project").text());
    }
    for account in world.of_kind("google_service_account") {
        let name = email(account);
        clouds.declare(account, PrincipalKind::GoogleAccount, name);
    }
    for kind in [
        "google_storage_bucket_iam_member",
        "google_storage_bucket_iam_binding",
    ] {
        for grant in world.of_kind(kind) {
            let bucket = grant.at("bucket");
            let found = references.one(&bucket, "google_storage_bucket");
            let found = found.and_then(|it| buckets.get(&ptr::from_ref(it)).copied());
            let stores: Vec<(usize, Truth)> = match (found, bucket.text()) {
                (Some(store), _) => vec![(store, Truth::Yes)],
                (None, Fact::Known(name)) => {
                    let store = clouds.store_named(Cloud::Google, &name, bucket.origin());
                    vec![(store, Truth::Yes)]
                }
                (None, Fact::Absent) => Vec::new(),
                (None, Fact::Unknown(why)) => {
                    let all = clouds.stores.iter().enumerate();
                    let all = all.take_while(|_| !clouds.is_full());
                    let all = all.filter(|(_, it)| it.cloud == Cloud::Google);
                    all.map(|(at, _)| (at, Truth::Unknown(why.clone())))
                        .collect()
                }
            };
            given(grant, &stores, references, clouds);
        }
    }
    for kind in ["google_project_iam_member", "google_project_iam_binding"] {
        for grant in world.of_kind(kind) {
            let project = grant.at("project").text();
            let all = 0..clouds.stores.len();
            let all = all.take_while(|_| !clouds.is_full());
            let all = all.filter_map(|store| {
                let own = projects.get(&store).cloned().unwrap_or(Fact::Absent);
                (clouds.stores[store].cloud == Cloud::Google)
                    .then(|| (store, is_same_project(&project, &own)))
            });
            let all: Vec<_> = all.collect();
            given(grant, &all, references, clouds);
        }
    }
    tell_others(world, clouds);
}

/// Says of what gives rights and is not followed that it is there.
fn tell_others(world: &World, clouds: &mut Clouds) {
    for kind in OTHERS {
        for other in world.of_kind(kind) {
            clouds.tell(&other.cursor(), "whom it gives what is not followed");
        }
    }
}

const OTHERS: &[&str] = &[
    "google_project_iam_policy",
    "google_storage_bucket_iam_policy",
    "google_service_account_iam_policy",
    "google_folder_iam_member",
    "google_folder_iam_binding",
    "google_folder_iam_policy",
    "google_organization_iam_member",
    "google_organization_iam_binding",
    "google_organization_iam_policy",
];

/// The e-mail of a service account; the name alone where the project is the provider's.
fn email(account: &Resource) -> Option<String> {
    let id = account.at("account_id").text().ok()?;
    Some(match account.at("project").text() {
        Fact::Known(project) => format!("{id}@{project}.iam.gserviceaccount.com"),
        _ => format!("{id}@"),
    })
}

fn is_same_project(grant: &Fact<String>, bucket: &Fact<String>) -> Truth {
    match (grant, bucket) {
        (Fact::Known(a), Fact::Known(b)) => (a == b).into(),
        // Both are in the project of the provider.
        (Fact::Absent, Fact::Absent) => Truth::Yes,
        _ => {
            Truth::Unknown("whether the bucket is in the project of the grant is not known".into())
        }
    }
}

/// What a member or a binding gives to whom.
fn given<'a>(
    grant: &'a Resource,
    stores: &[(usize, Truth)],
    references: &References<'a>,
    clouds: &mut Clouds,
) {
    let role = grant.at("role");
    let (access, is_given) = match role.text() {
        Fact::Known(name) => of_role(&name),
        Fact::Absent => return,
        Fact::Unknown(why) => (Access::ALL, Truth::Unknown(why)),
    };
    let is_given = match grant.at("condition").is_absent() {
        Truth::Yes => is_given,
        _ => is_given.and(|| Truth::Unknown(format!("{} has a condition", grant.address).into())),
    };
    let because = (
        format!("{} {}", grant.address, role.shown()),
        role.origin().clone(),
    );
    let members = each(&grant.at("members"));
    for member in members.iter().chain(&each(&grant.at("member"))) {
        let Some((principal, is_it)) = member_of(member, references, clouds) else {
            continue;
        };
        for (store, is_of) in stores {
            if access.is_empty() || clouds.is_full() {
                break;
            }
            let truth = is_given.clone().and(|| is_it.clone()).and(|| is_of.clone());
            clouds.grant(
                principal,
                Grant {
                    store: *store,
                    access,
                    truth,
                    because: because.clone(),
                },
            );
        }
    }
}

/// Whom a member means, if it is a service account.
fn member_of<'a>(
    member: &Cursor<'a>,
    references: &References<'a>,
    clouds: &mut Clouds,
) -> Option<(usize, Truth)> {
    if let Some(account) = references.one(member, "google_service_account") {
        return Some((clouds.principal(account)?, Truth::Yes));
    }
    let text = match member.text() {
        Fact::Known(text) => text,
        Fact::Absent => return None,
        // The pool of the cluster is of a project that is known later, and the rest is written.
        Fact::Unknown(_) => member.origin().text().trim_matches('"').to_owned(),
    };
    if let Some((namespace, name)) = kubernetes_account(&text) {
        let name = format!("{namespace}/{name}");
        let found = clouds.named(PrincipalKind::GoogleMember, &name);
        let at = found.first().copied().unwrap_or_else(|| {
            clouds.add_principal(Principal {
                kind: PrincipalKind::GoogleMember,
                name: Some(name),
                address: text.as_str().into(),
                origin: member.origin().clone(),
            })
        });
        return Some((at, Truth::Yes));
    }
    let found = text.strip_prefix("serviceAccount:");
    let found = found.and_then(|email| clouds.google_account(email));
    let is_one = text.starts_with("serviceAccount:") || text.starts_with("user:");
    let is_open = matches!(member.text(), Fact::Unknown(_)) || !is_one;
    if found.is_none() && is_open {
        clouds.tell(member, "who that is is not known");
    }
    found
}

impl Clouds {
    /// The service account of Google's with that e-mail, if it is declared, and whether it is it.
    pub fn google_account(&self, email: &str) -> Option<(usize, Truth)> {
        if let [at, ..] = *self.named(PrincipalKind::GoogleAccount, email) {
            return Some((at, Truth::Yes));
        }
        let id = email.split_once('@')?.0;
        let at = *self
            .named(PrincipalKind::GoogleAccount, &format!("{id}@"))
            .first()?;
        let why = format!(
            "the project of {} is not written",
            self.principals[at].address
        );
        Some((at, Truth::Unknown(why.into())))
    }
}

/// The service account of Kubernetes that a member is, by its namespace and name: the pool of a cluster has them
/// as `serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]` or as `principal://…/subject/ns/NAMESPACE/sa/NAME`.
pub fn kubernetes_account(member: &str) -> Option<(&str, &str)> {
    let direct = member.split_once(".svc.id.goog/subject/ns/");
    let direct = direct.filter(|_| member.starts_with("principal://"));
    let both = match direct {
        Some((_, subject)) => subject.split_once("/sa/"),
        None => {
            let (_, rest) = member.split_once(".svc.id.goog[")?;
            rest.strip_suffix(']')?.split_once('/')
        }
    };
    both.filter(|(namespace, name)| !namespace.contains('$') && !name.contains('$'))
}

/// What a role gives of the objects in a bucket.
fn of_role(role: &str) -> (Access, Truth) {
    match ROLES.iter().find(|(name, _)| *name == role) {
        Some((_, access)) => (*access, Truth::Yes),
        None if BASIC.contains(&role) => (
            Access::ALL,
            Truth::Unknown(format!("what {role} gives is up to the rules of each bucket").into()),
        ),
        None if HARMLESS.contains(&role) => (Access::NONE, Truth::Yes),
        None => (
            Access::ALL,
            Truth::Unknown(format!("what {role} gives is not among the files").into()),
        ),
    }
}

const ROLES: &[(&str, Access)] = &[
    ("roles/storage.admin", Access::ALL),
    ("roles/storage.objectAdmin", Access::READ_WRITE),
    ("roles/storage.objectUser", Access::READ_WRITE),
    ("roles/storage.objectViewer", Access::READ),
    ("roles/storage.objectCreator", Access::WRITE),
    ("roles/storage.bucketViewer", Access::NONE),
    ("roles/storage.legacyBucketReader", Access::LIST),
    (
        "roles/storage.legacyBucketWriter",
        Access::of(true, false, true, false),
    ),
    (
        "roles/storage.legacyBucketOwner",
        Access::of(true, false, true, true),
    ),
    ("roles/storage.legacyObjectReader", Access::OBJECTS),
    (
        "roles/storage.legacyObjectOwner",
        Access::of(false, true, false, true),
    ),
];

/// Those that give nothing of buckets.
const HARMLESS: &[&str] = &[
    "roles/artifactregistry.reader",
    "roles/artifactregistry.writer",
    "roles/cloudtrace.agent",
    "roles/iam.workloadIdentityUser",
    "roles/logging.logWriter",
    "roles/monitoring.metricWriter",
    "roles/monitoring.viewer",
    "roles/stackdriver.resourceMetadata.writer",
];

const BASIC: &[&str] = &["roles/owner", "roles/editor", "roles/viewer"];
