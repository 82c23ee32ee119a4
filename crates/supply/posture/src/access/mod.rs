//! What clouds let whom do with what is stored in them.
//!
//! ```text
//!   role, service account, managed identity ─► Principal ─┐
//!   bucket, storage account ────────────────► Store ──────┼─► Grant {principal, store, access, why}
//!   policies, members, assignments ───────────────────────┘
//! ```
//!
//! One file for each cloud. What a policy leaves open is a grant of which it is not known whether it holds, and why.

mod aws;
mod azure;
mod companion;
mod glob;
mod google;
pub(crate) mod policy;
mod reference;

use std::{cmp::Ordering, collections::HashMap, fmt, ptr, sync::Arc};

pub(crate) use self::{aws::Roles, companion::Companions};
pub use self::{
    aws::{account_of_aws, trusted_accounts, trusts_account, trusts_pods},
    google::kubernetes_account,
    reference::References,
};
use crate::{Cursor, Origin, Resource, Truth, World};

/// Who is allowed something in a cloud, what is stored there, and who may do what with it.
#[derive(Debug, Default)]
pub struct Clouds {
    /// Roles, service accounts and managed identities, in the order in which they were read.
    pub principals: Vec<Principal>,
    /// What is stored.
    pub stores: Vec<Store>,
    /// Of each principal, what it may do with what.
    pub grants: Vec<Vec<Grant>>,
    /// What of it is not known, so that there may be grants that are not among these, and where.
    pub gaps: Vec<(String, Origin)>,
    by_resource: HashMap<usize, usize>,
    by_name: HashMap<(PrincipalKind, String), Vec<usize>>,
    by_address: HashMap<(PrincipalKind, Arc<str>), usize>,
    stores_by_name: HashMap<(Cloud, String), usize>,
    granted: usize,
}

/// Whom a cloud lets do something.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Of which cloud, and which kind.
    pub kind: PrincipalKind,
    /// Its name there, if it is known: that of a role, the e-mail of a service account, the member.
    pub name: Option<String>,
    /// How the files call it: `aws_iam_role.notebook`; an ARN where it is not among them.
    pub address: Arc<str>,
    /// Where it is declared, or named.
    pub origin: Origin,
}

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A role of AWS.
    AwsRole,
    /// A service account of Google Cloud.
    GoogleAccount,
    /// A service account of Kubernetes that Google Cloud gives something directly.
    GoogleMember,
    /// A managed identity of Azure.
    AzureIdentity,
}

impl PrincipalKind {
    /// The cloud that it is of.
    pub fn cloud(self) -> Cloud {
        match self {
            Self::AwsRole => Cloud::Aws,
            Self::GoogleAccount | Self::GoogleMember => Cloud::Google,
            Self::AzureIdentity => Cloud::Azure,
        }
    }
}

/// Something in which objects are kept: a bucket, a storage account or a container of one.
#[derive(Clone, Debug)]
pub struct Store {
    /// Its name, if it is known.
    pub name: Option<String>,
    /// What its name begins with, where that is all that is known of it.
    pub prefix: String,
    /// How the files call it: `aws_s3_bucket.models`; its name where policies alone name it.
    pub address: Arc<str>,
    /// Where it is declared, or named.
    pub origin: Origin,
    /// Of which cloud.
    pub cloud: Cloud,
}

/// Who runs a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon.
    Aws,
    /// Google.
    Google,
    /// Microsoft.
    Azure,
}

/// What a principal may do with a store.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The place of the store among all.
    pub store: usize,
    /// What.
    pub access: Access,
    /// Whether it is so.
    pub truth: Truth,
    /// What says so, and where: the statement of a policy, the assignment of a role.
    pub because: (String, Origin),
}

/// What may be done with objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// See which there are.
    pub lists: bool,
    /// Read them.
    pub reads: bool,
    /// Write or delete them.
    pub writes: bool,
    /// Decide who else may.
    pub administers: bool,
}

impl Access {
    const NONE: Self = Self::of(false, false, false, false);
    const LIST: Self = Self::of(true, false, false, false);
    const READ: Self = Self::of(true, true, false, false);
    const OBJECTS: Self = Self::of(false, true, false, false);
    const WRITE: Self = Self::of(false, false, true, false);
    const READ_WRITE: Self = Self::of(true, true, true, false);
    const ALL: Self = Self::of(true, true, true, true);

    const fn of(lists: bool, reads: bool, writes: bool, administers: bool) -> Self {
        Self {
            lists,
            reads,
            writes,
            administers,
        }
    }

    /// One of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            lists: self.lists || other.lists,
            reads: self.reads || other.reads,
            writes: self.writes || other.writes,
            administers: self.administers || other.administers,
        }
    }

    /// Whether it is nothing.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

/// `lists, reads`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.lists, "lists"),
            (self.reads, "reads"),
            (self.writes, "writes"),
            (self.administers, "administers"),
        ];
        let words: Vec<&str> = words.iter().filter(|it| it.0).map(|it| it.1).collect();
        f.write_str(&words.join(", "))
    }
}

impl Clouds {
    /// Those that the files declare.
    pub fn of<'a>(world: &'a World, references: &References<'a>) -> Self {
        let mut clouds = Self::default();
        aws::add(world, references, &mut clouds);
        google::add(world, references, &mut clouds);
        azure::add(world, references, &mut clouds);
        clouds
    }

    /// The place of the principal that a resource is.
    pub fn principal(&self, resource: &Resource) -> Option<usize> {
        self.by_resource
            .get(&ptr::from_ref(resource).addr())
            .copied()
    }

    /// The principals of a kind and name: there may be several, where several accounts of a cloud have one.
    pub fn named(&self, kind: PrincipalKind, name: &str) -> &[usize] {
        let named = self.by_name.get(&(kind, name.to_owned()));
        named.map_or(&[], Vec::as_slice)
    }

    /// The first principal of a kind that the files call so: by an ARN, where it is not among them.
    pub fn called(&self, kind: PrincipalKind, address: &str) -> Option<usize> {
        self.by_address.get(&(kind, address.into())).copied()
    }

    /// Adds a principal of which the files say nothing but what it is called: it may do anything.
    pub fn add_unknown(&mut self, kind: PrincipalKind, called: &str, at: &Cursor<'_>) -> usize {
        if let Some(found) = self.called(kind, called) {
            return found;
        }
        let why: Arc<str> =
            format!("{called} is not among the files: what it may do is not known").into();
        let principal = self.add_principal(Principal {
            kind,
            name: None,
            address: called.into(),
            origin: at.origin().clone(),
        });
        for store in 0..self.stores.len() {
            if self.is_full() {
                break;
            }
            if self.stores[store].cloud == kind.cloud() {
                let grant = Grant {
                    store,
                    access: Access::ALL,
                    truth: Truth::Unknown(why.clone()),
                    because: (called.to_owned(), at.origin().clone()),
                };
                self.grant(principal, grant);
            }
        }
        principal
    }

    fn add_principal(&mut self, principal: Principal) -> usize {
        let (at, kind) = (self.principals.len(), principal.kind);
        if let Some(name) = &principal.name {
            let named = self.by_name.entry((kind, name.clone()));
            named.or_default().push(at);
        }
        let address = (kind, principal.address.clone());
        self.by_address.entry(address).or_insert(at);
        self.principals.push(principal);
        self.grants.push(Vec::new());
        at
    }

    fn declare(&mut self, resource: &Resource, kind: PrincipalKind, name: Option<String>) -> usize {
        let at = self.add_principal(Principal {
            kind,
            name,
            address: resource.address.clone(),
            origin: resource.body.origin.clone(),
        });
        self.by_resource.insert(ptr::from_ref(resource).addr(), at);
        at
    }

    fn store(&mut self, resource: &Resource, cloud: Cloud, name: Option<String>) -> usize {
        self.add_store(Store {
            name,
            prefix: String::new(),
            address: resource.address.clone(),
            origin: resource.body.origin.clone(),
            cloud,
        })
    }

    /// The place of the store of a name, which policies alone may name, there.
    fn store_named(&mut self, cloud: Cloud, name: &str, origin: &Origin) -> usize {
        let key = (cloud, name.to_owned());
        let known = self.stores_by_name.get(&key).copied();
        known.unwrap_or_else(|| {
            self.add_store(Store {
                name: Some(name.to_owned()),
                prefix: String::new(),
                address: name.into(),
                origin: origin.clone(),
                cloud,
            })
        })
    }

    fn add_store(&mut self, store: Store) -> usize {
        let at = self.stores.len();
        if let Some(name) = &store.name {
            let key = (store.cloud, name.clone());
            self.stores_by_name.entry(key).or_insert(at);
        }
        self.stores.push(store);
        at
    }

    /// Whether what else is granted is not looked at.
    fn is_full(&self) -> bool {
        self.granted >= MAX_GRANTS
    }

    fn grant(&mut self, principal: usize, grant: Grant) {
        if grant.access.is_empty() || grant.truth == Truth::No {
            return;
        }
        self.granted += 1;
        match self.granted.cmp(&MAX_GRANTS) {
            Ordering::Less => self.grants[principal].push(grant),
            Ordering::Equal => {
                let why = "more is granted in clouds than is looked at";
                self.gaps.push((why.to_owned(), grant.because.1));
            }
            Ordering::Greater => {}
        }
    }

    /// Says that something at a place is not known.
    fn tell(&mut self, at: &Cursor<'_>, what: &str) {
        let what = format!("{} at {}: {what}", at.resource.address, at.path);
        self.gaps.push((what, at.origin().clone()));
    }
}

/// So that roles and stores by the thousand are no work without end.
const MAX_GRANTS: usize = 1 << 18;

/// The items of a list, or what stands there alone.
fn each<'a>(cursor: &Cursor<'a>) -> Vec<Cursor<'a>> {
    match &cursor.fact {
        crate::Fact::Known(attr) if !matches!(attr.value, crate::Value::List(_)) => {
            vec![cursor.clone()]
        }
        _ => cursor.items(),
    }
}
