//! Roles that every cluster has, as far as they give powers
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles>).

/// Verbs, group and resources of one rule.
pub(super) type Given = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// What a ClusterRole gives that is in every cluster, if it is one whose rules are known here.
pub(super) fn rules(name: &str) -> Option<&'static [Given]> {
    match name {
        "cluster-admin" => Some(ADMINISTRATOR),
        "admin" => Some(ADMIN),
        "edit" => Some(EDIT),
        "view" => Some(VIEW),
        _ => HARMLESS.contains(&name).then_some(&[]),
    }
}

/// The label by which ClusterRoles add to one of these, and those of the ones that it takes in.
pub(super) fn adding(name: &str) -> &'static [&'static str] {
    match name {
        "admin" => &[
            "rbac.authorization.k8s.io/aggregate-to-admin",
            "rbac.authorization.k8s.io/aggregate-to-edit",
            "rbac.authorization.k8s.io/aggregate-to-view",
        ],
        "edit" => &[
            "rbac.authorization.k8s.io/aggregate-to-edit",
            "rbac.authorization.k8s.io/aggregate-to-view",
        ],
        "view" => &["rbac.authorization.k8s.io/aggregate-to-view"],
        _ => &[],
    }
}

/// Kubernetes' own roles that others may take in: by their name, with the label beside those of all, and what they
/// give.
pub(super) const LABELLED: &[(&str, Option<&str>, &[Given])] = &[
    ("cluster-admin", None, ADMINISTRATOR),
    (
        "system:aggregate-to-admin",
        Some("rbac.authorization.k8s.io/aggregate-to-admin"),
        ADMIN,
    ),
    (
        "edit",
        Some("rbac.authorization.k8s.io/aggregate-to-admin"),
        EDIT,
    ),
    (
        "system:aggregate-to-edit",
        Some("rbac.authorization.k8s.io/aggregate-to-edit"),
        EDIT,
    ),
];

pub(super) const ADMINISTRATOR: &[Given] = &[(&["*"], &["*"], &["*"])];

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// As `plugin/pkg/auth/authorizer/rbac/bootstrappolicy` of Kubernetes has it, without what is no power.
pub(super) const EDIT: &[Given] = &[
    (
        READ,
        &[""],
        &[
            "pods/attach",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
            "secrets",
            "services/proxy",
        ],
    ),
    (&["impersonate"], &[""], &["serviceaccounts"]),
    (
        WRITE,
        &[""],
        &[
            "pods",
            "pods/attach",
            "pods/exec",
            "pods/portforward",
            "pods/proxy",
        ],
    ),
    (
        &["create"],
        &[""],
        &["pods/eviction", "serviceaccounts/token"],
    ),
    (
        WRITE,
        &[""],
        &["replicationcontrollers", "secrets", "serviceaccounts"],
    ),
    (
        WRITE,
        &["apps"],
        &["daemonsets", "deployments", "replicasets", "statefulsets"],
    ),
    (WRITE, &["batch"], &["cronjobs", "jobs"]),
    (WRITE, &["networking.k8s.io"], &["networkpolicies"]),
];

pub(super) const ADMIN: &[Given] = &[
    EDIT[0],
    EDIT[1],
    EDIT[2],
    EDIT[3],
    EDIT[4],
    EDIT[5],
    EDIT[6],
    EDIT[7],
    (
        &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ],
        &["rbac.authorization.k8s.io"],
        &["rolebindings", "roles"],
    ),
];

const VIEW: &[Given] = &[];

/// To see everything, Secrets included.
pub(super) const READS: &[Given] = &[(READ, &["*"], &["*"])];

/// Those that lead nowhere.
const HARMLESS: &[&str] = &[
    "extension-apiserver-authentication-reader",
    "system:auth-delegator",
    "system:basic-user",
    "system:discovery",
    "system:image-puller",
    "system:monitoring",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];
