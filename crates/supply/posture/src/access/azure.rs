//! Managed identities of Azure, and storage accounts
//! (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage>).

use std::{collections::HashMap, ptr, sync::Arc};

use super::{Access, Cloud, Clouds, Grant, PrincipalKind, References};
use crate::{Cursor, Fact, Resource, Truth, World};

pub(super) fn add<'a>(world: &'a World, references: &References<'a>, clouds: &mut Clouds) {
    let mut stores: HashMap<*const Resource, usize> = HashMap::new();
    for kind in STORES {
        for account in world.of_kind(kind) {
            let store = clouds.store(account, Cloud::Azure, account.at("name").text().ok());
            stores.insert(ptr::from_ref(account), store);
        }
    }
    for identity in world.of_kind("azurerm_user_assigned_identity") {
        let name = identity.at("name").text().ok();
        clouds.declare(identity, PrincipalKind::AzureIdentity, name);
    }
    // The kubelets of a cluster have one of their own, where they are given none.
    for cluster in world.of_kind(CLUSTER) {
        if cluster.at("kubelet_identity").is_absent() == Truth::Yes {
            clouds.declare(cluster, PrincipalKind::AzureIdentity, None);
        }
    }
    let mut within: HashMap<usize, Vec<usize>> = HashMap::new();
    for container in world.of_kind("azurerm_storage_container") {
        let of = ["storage_account_id", "storage_account_name"].iter();
        let account =
            of.filter_map(|key| references.one(&container.at(key), "azurerm_storage_account"));
        for account in account {
            let account = stores[&ptr::from_ref(account)];
            within
                .entry(account)
                .or_default()
                .push(stores[&ptr::from_ref(container)]);
        }
    }
    for assignment in world.of_kind("azurerm_role_assignment") {
        let principal = assignment.at("principal_id");
        let declared = references
            .one(&principal, "azurerm_user_assigned_identity")
            .or_else(|| of_kubelet(&principal, references));
        let Some(principal) = declared.and_then(|it| clouds.principal(it)) else {
            if let Fact::Unknown(_) = principal.text() {
                clouds.tell(&principal, "to whom it gives the role is not known");
            }
            continue;
        };
        let role = assignment.at("role_definition_name");
        let (access, is_given) = of_role(&role);
        let is_given = match assignment.at("condition").is_absent() {
            Truth::Yes => is_given,
            _ => is_given
                .and(|| Truth::Unknown(format!("{} has a condition", assignment.address).into())),
        };
        if access.is_empty() || clouds.is_full() {
            continue;
        }
        let because = (
            format!("{} {}", assignment.address, role.shown()),
            role.origin().clone(),
        );
        for (store, is_of) in scope(&assignment.at("scope"), references, &stores, &within) {
            clouds.grant(
                principal,
                Grant {
                    store,
                    access,
                    truth: is_given.clone().and(|| is_of),
                    because: because.clone(),
                },
            );
        }
    }
}

/// The cluster of whose kubelets a value is the identity.
fn of_kubelet<'a>(value: &Cursor<'a>, references: &References<'a>) -> Option<&'a Resource> {
    let is_of_kubelet = |it: &str| it.contains(".kubelet_identity");
    let is_it = match value.text() {
        Fact::Unknown(why) => is_of_kubelet(&why) || is_of_kubelet(value.origin().text()),
        Fact::Known(_) | Fact::Absent => false,
    };
    references.one(value, CLUSTER).filter(|_| is_it)
}

/// The stores that an assignment may be about.
fn scope<'a>(
    scope: &Cursor<'a>,
    references: &References<'a>,
    stores: &HashMap<*const Resource, usize>,
    within: &HashMap<usize, Vec<usize>>,
) -> Vec<(usize, Truth)> {
    for kind in STORES {
        if let Some(found) = references.one(scope, kind) {
            let store = stores[&ptr::from_ref(found)];
            let inner = within.get(&store).into_iter().flatten();
            let all = std::iter::once(&store).chain(inner);
            return all.map(|it| (*it, Truth::Yes)).collect();
        }
    }
    let why: Arc<str> = format!(
        "whether it is in the scope of {} is not known",
        scope.resource.address
    )
    .into();
    let mut all: Vec<usize> = stores.values().copied().collect();
    all.sort_unstable();
    all.into_iter()
        .map(|it| (it, Truth::Unknown(why.clone())))
        .collect()
}

/// What a role gives of the blobs of an account. Who may list the keys of an account may do everything there.
fn of_role(role: &Cursor<'_>) -> (Access, Truth) {
    match role.text() {
        Fact::Known(name) => match ROLES.iter().find(|(it, _)| *it == name) {
            Some((_, access)) => (*access, Truth::Yes),
            None if HARMLESS.contains(&&*name) => (Access::NONE, Truth::Yes),
            None => (
                Access::ALL,
                Truth::Unknown(format!("what the role {name} gives is not known here").into()),
            ),
        },
        Fact::Absent => (
            Access::ALL,
            Truth::Unknown("what the role of an identifier gives is not among the files".into()),
        ),
        Fact::Unknown(why) => (Access::ALL, Truth::Unknown(why)),
    }
}

/// Those that give nothing of storage accounts.
const HARMLESS: &[&str] = &[
    "AcrPull",
    "AcrPush",
    "DNS Zone Contributor",
    "Key Vault Secrets User",
    "Managed Identity Operator",
    "Monitoring Metrics Publisher",
    "Network Contributor",
    "Reader",
];

const CLUSTER: &str = "azurerm_kubernetes_cluster";

const STORES: &[&str] = &["azurerm_storage_account", "azurerm_storage_container"];

const ROLES: &[(&str, Access)] = &[
    ("Owner", Access::ALL),
    ("Contributor", Access::ALL),
    ("Reader and Data Access", Access::ALL),
    ("Storage Account Contributor", Access::ALL),
    ("Storage Account Key Operator Service Role", Access::ALL),
    ("Storage Blob Data Owner", Access::ALL),
    ("Storage Blob Data Contributor", Access::READ_WRITE),
    ("Storage Blob Data Reader", Access::READ),
    ("Storage Blob Delegator", Access::NONE),
    ("Storage File Data SMB Share Contributor", Access::NONE),
    ("Storage File Data SMB Share Reader", Access::NONE),
    ("Storage Queue Data Contributor", Access::NONE),
    ("Storage Queue Data Reader", Access::NONE),
    ("Storage Table Data Contributor", Access::NONE),
    ("Storage Table Data Reader", Access::NONE),
];
