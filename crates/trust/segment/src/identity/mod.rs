//! Who may do what by identity: service accounts, what Kubernetes lets them do, and what clouds do.
//!
//! ```text
//!   Role, ClusterRole, bindings ──► Rbac ──► Held {power, namespace, why} ─┐
//!   annotations, associations, trust ──────► Tie {principal, why} ─────────┼──► Account
//!   policies of clouds (posture) ──────────► Grant {store, access, why} ───┘
//! ```
//!
//! A [`Power`] is what a right leads to; the table of them is data ([`POWERS`]). Ways that walk through networks and
//! identities are searched in `search`.

mod arns;
mod builtin;
mod cloud;
mod effect;
mod entrants;
mod held;
mod nodes;
mod pod;
mod powers;
mod rbac;
mod role;
mod search;
mod told;
mod way;
mod words;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use casemate_posture::{
    Cursor, Fact, Origin, Truth, World,
    access::{Clouds, References, Store},
};

use self::{
    arns::Arns,
    held::Powers,
    nodes::Node,
    powers::{is_listed, plural},
    rbac::{Rbac, objects},
};
pub use self::{
    cloud::Tie,
    pod::Credentials,
    powers::{Effect, POWERS, Power, Right},
    rbac::Held,
    way::{Goal, Hop, HopKind},
};
use crate::{
    Cluster, Gap, Workload,
    cluster::{name_of, namespace_of},
};

/// Service accounts, Secrets and clouds.
#[derive(Debug, Default)]
pub struct Identities {
    accounts: Vec<Account>,
    secrets: Vec<Secret>,
    clouds: Clouds,
    nodes: Vec<Node>,
    /// What roles of clouds may do in the cluster, by their place among the principals.
    entrants: HashMap<usize, Vec<Held>>,
    /// Those that nodes have.
    of_nodes: HashSet<usize>,
    rbac: Rbac,
    gaps: Vec<Gap>,
}

/// A service account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Where it is declared, if it is.
    pub origin: Option<Origin>,
    /// Whether its pods have its token where they do not say it themselves.
    pub automount: Fact<bool>,
    /// What it may do that leads further.
    pub powers: Arc<[Held]>,
    /// What it is in clouds.
    pub ties: Vec<Tie>,
}

/// A Secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Where it is declared, or named.
    pub origin: Origin,
    /// The place of the account whose token is in it, if one is.
    pub token_of: Option<usize>,
}

/// A reason, and where it stands; what every cluster has stands nowhere.
#[derive(Clone, Debug)]
pub struct Because {
    /// What.
    pub what: String,
    /// Where.
    pub origin: Option<Origin>,
}

impl Because {
    fn at(what: impl Into<String>, cursor: &Cursor<'_>) -> Self {
        Self {
            what: what.into(),
            origin: Some(cursor.origin().clone()),
        }
    }
}

/// What an API server is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The group of the API; empty for the core.
    pub group: &'a str,
    /// The resource, with its subresource: `pods/exec`.
    pub resource: &'a str,
    /// The name of the object; none where one is made, or all are meant.
    pub name: Option<&'a str>,
    /// The namespace; none where all are meant, or there is none.
    pub namespace: Option<&'a str>,
}

impl Identities {
    /// Those that the files declare.
    pub(crate) fn of(world: &World, cluster: &Cluster) -> Self {
        let mut gaps = Vec::new();
        let mut rbac = Rbac::read(world, others(cluster), &mut gaps);
        let references = References::of(world);
        let mut clouds = Clouds::of(world, &references);
        let arns = Arns::of(world, &references, &clouds);
        let running = cluster.workloads.iter().filter_map(|it| {
            let name = it.account.clone().ok()?;
            Some((it.namespace.to_string(), name))
        });
        let mut ties = cloud::ties(world, &arns, running.clone(), &mut clouds, &mut gaps);
        let nodes = nodes::read(world, &arns, &mut clouds);
        let comes = entrants::read(world, &arns, &clouds, &mut rbac, &mut gaps);
        let mut named: BTreeMap<(String, String), (Option<Origin>, Fact<bool>)> = BTreeMap::new();
        for object in objects(world, "ServiceAccount") {
            if let Fact::Known(namespace) = namespace_of(object, &mut gaps) {
                let automount = pod::boolean(&object.at("automountServiceAccountToken"));
                let place = Some(object.body.origin.clone());
                let key = (namespace, name_of(object, &mut gaps));
                let (_, first) = named.entry(key).or_insert((place, automount.clone()));
                if *first != automount {
                    let why = "the ServiceAccount is there more than once";
                    *first = Fact::Unknown(why.into());
                }
            }
        }
        tell_open(cluster, &mut gaps);
        let of_clouds = clouds.gaps.iter().map(|(message, origin)| Gap {
            origin: origin.clone(),
            message: message.clone(),
        });
        gaps.extend(of_clouds);
        // Each namespace has one that is called so.
        let of_namespaces = cluster.namespaces.keys();
        let of_namespaces = of_namespaces.map(|it| (it.to_string(), "default".to_owned()));
        let others = rbac.accounts().cloned().chain(ties.keys().cloned());
        let open: Arc<str> = "the ServiceAccount is not among the files".into();
        for key in running.chain(others).chain(of_namespaces) {
            // Kubernetes makes one that is called so in each namespace, and it mounts its token.
            let automount = match key.1 == "default" {
                true => Fact::Absent,
                false => Fact::Unknown(open.clone()),
            };
            named.entry(key).or_insert((None, automount));
        }
        let mut powers = Powers::of(&rbac);
        let account = |(key, (origin, automount)): ((String, String), (_, _))| Account {
            powers: powers.held((&key.0, &key.1), &mut gaps),
            ties: ties.remove(&key).unwrap_or_default(),
            namespace: key.0,
            name: key.1,
            origin,
            automount,
        };
        let accounts: Vec<Account> = named.into_iter().map(account).collect();
        let of_nodes = nodes.iter().map(|it| it.tie.principal);
        let of_nodes = of_nodes.chain(comes.iter().filter(|it| it.is_node).map(|it| it.principal));
        let of_nodes = of_nodes.collect();
        let mut entrants: HashMap<usize, Vec<Held>> = HashMap::new();
        for it in comes {
            let held = powers.given(it.bound, &mut gaps);
            let held = held.iter().map(|held| Held {
                truth: it.truth.clone().and(|| held.truth.clone()),
                because: [std::slice::from_ref(&it.because), &*held.because].concat(),
                ..held.clone()
            });
            entrants.entry(it.principal).or_default().extend(held);
        }
        let mut all = Self {
            secrets: Vec::new(),
            accounts,
            clouds,
            nodes,
            entrants,
            of_nodes,
            rbac,
            gaps: Vec::new(),
        };
        all.secrets = all.read_secrets(world, cluster, &mut gaps);
        all.gaps = gaps;
        all
    }

    fn read_secrets(&self, world: &World, cluster: &Cluster, gaps: &mut Vec<Gap>) -> Vec<Secret> {
        let mut secrets: BTreeMap<(String, String), Secret> = BTreeMap::new();
        let mut add = |secret: Secret| {
            let key = (secret.namespace.clone(), secret.name.clone());
            secrets.entry(key).or_insert(secret);
        };
        for object in objects(world, "Secret") {
            let Fact::Known(namespace) = namespace_of(object, gaps) else {
                continue;
            };
            let annotations = object.at("metadata.annotations");
            let account = annotations.get("kubernetes.io/service-account.name").text();
            let is_token = object
                .at("type")
                .equals("kubernetes.io/service-account-token");
            let account = account.ok().filter(|_| is_token.is_yes());
            add(Secret {
                token_of: account.and_then(|it| self.account(&namespace, &it)),
                name: name_of(object, gaps),
                namespace,
                origin: object.body.origin.clone(),
            });
        }
        for workload in &cluster.workloads {
            for (name, origin) in &workload.credentials.secrets {
                add(Secret {
                    namespace: workload.namespace.to_string(),
                    name: name.clone(),
                    origin: origin.clone(),
                    token_of: None,
                });
            }
        }
        secrets.into_values().collect()
    }

    /// Users to whom something is bound who are no service accounts.
    pub(crate) fn users(&self) -> impl Iterator<Item = &str> {
        self.rbac.users()
    }

    /// The service accounts, by namespace and name.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// What clouds say.
    pub fn clouds(&self) -> &Clouds {
        &self.clouds
    }

    /// What is not known of identities.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The place of an account among all.
    pub fn account(&self, namespace: &str, name: &str) -> Option<usize> {
        let key = |it: &Account| (it.namespace.as_str(), it.name.as_str()).cmp(&(namespace, name));
        self.accounts.binary_search_by(key).ok()
    }

    /// The place of a Secret among all.
    fn secret(&self, namespace: &str, name: &str) -> Option<usize> {
        let key = |it: &Secret| (it.namespace.as_str(), it.name.as_str()).cmp(&(namespace, name));
        self.secrets.binary_search_by(key).ok()
    }

    /// Whether a service account may do something.
    pub fn may(&self, namespace: &str, name: &str, request: &Request<'_>) -> Truth {
        self.rbac.may(namespace, name, request)
    }

    /// The place of the account that the pods of a workload run as.
    pub fn account_of(&self, workload: &Workload) -> Option<usize> {
        let name = workload.account.clone().ok()?;
        self.account(&workload.namespace, &name)
    }

    /// Whether the pods of a workload have a token that the API server takes: the pod decides before its account.
    pub fn has_token(&self, workload: &Workload) -> Truth {
        let of_account = || match self.account_of(workload) {
            Some(at) => self.accounts[at].automount.clone(),
            None => Fact::Unknown("its service account is not known".into()),
        };
        let automount = workload.credentials.automount.clone().or_else(of_account);
        let is_mounted = match automount {
            Fact::Known(is_mounted) => is_mounted.into(),
            Fact::Absent => Truth::Yes,
            Fact::Unknown(why) => Truth::Unknown(why),
        };
        is_mounted.or(|| workload.credentials.projected.clone())
    }

    /// What is called so: `account/NAMESPACE/NAME`, `secret/NAMESPACE/NAME`, `bucket/NAME`, where `NAME` is that of
    /// the bucket or of its resource. Nothing where it is none of these.
    pub fn find(&self, name: &str) -> Option<Vec<Goal>> {
        let (kind, rest) = name.split_once('/')?;
        Some(match kind {
            "account" => {
                let (namespace, name) = rest.split_once('/')?;
                let at = self.account(namespace, name);
                at.map(Goal::Account).into_iter().collect()
            }
            "secret" => {
                let (namespace, name) = rest.split_once('/')?;
                let at = self.secret(namespace, name);
                at.map(Goal::Secret).into_iter().collect()
            }
            "bucket" => {
                let is_called =
                    |it: &Store| it.name.as_deref() == Some(rest) || *it.address == *rest;
                let stores = self.clouds.stores.iter().enumerate();
                let found = stores.filter(|(_, it)| is_called(it));
                found.map(|(at, _)| Goal::Store(at)).collect()
            }
            _ => return None,
        })
    }

    /// What [`Self::find`] finds, as it is called there.
    pub fn names(&self) -> Vec<String> {
        let stores = self.clouds.stores.iter().map(shown_store);
        let accounts = self.accounts.iter().map(ToString::to_string);
        stores
            .chain(accounts)
            .chain(self.secrets.iter().map(ToString::to_string))
            .collect()
    }
}

/// What kinds that have pods, and that the table of powers does not have, are called at the API server.
fn others(cluster: &Cluster) -> Vec<String> {
    let kinds = cluster.workloads.iter().map(|it| plural(&it.kind));
    let mut others: Vec<String> = kinds.filter(|it| !is_listed(it)).collect();
    others.sort_unstable();
    others.dedup();
    others
}

/// Says what is not known of what is in pods.
fn tell_open(cluster: &Cluster, gaps: &mut Vec<Gap>) {
    for workload in &cluster.workloads {
        let mut tell = |what: &str, why: &str| {
            gaps.push(Gap {
                origin: workload.credentials.origin.clone(),
                message: format!("{what} {workload} is not known: {why}"),
            });
        };
        if let Fact::Unknown(why) = &workload.account {
            tell("the service account of", why);
        }
        if let Some(why) = &workload.credentials.more_secrets {
            tell("which Secrets are in the pods of", why);
        }
    }
}

/// `bucket/models`.
pub(crate) fn shown_store(store: &Store) -> String {
    format!("bucket/{}", store.name.as_deref().unwrap_or(&store.address))
}

/// `account/lab/notebook`.
impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "account/{}/{}", self.namespace, self.name)
    }
}

/// `secret/lab/hub-token`.
impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "secret/{}/{}", self.namespace, self.name)
    }
}
