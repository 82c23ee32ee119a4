//! What a right leads to: a row for each way from a service account to pods, accounts and Secrets.
//!
//! To add one, copy a row: the rights of which one is needed, those that are needed as well, what it comes to, and
//! where Kubernetes or the platform says so.

/// What somebody can become, or get hold of, by rights.
#[derive(Debug, PartialEq, Eq)]
pub struct Power {
    /// What it is called.
    pub name: &'static str,
    /// The rights that give it: one of them is enough.
    pub rights: &'static [Right],
    /// Rights without which it is nothing: one of each list.
    pub also: &'static [&'static [Right]],
    /// What it comes to.
    pub effect: Effect,
    /// Whether what it is about has no namespace, so that a RoleBinding does not give it.
    pub is_of_cluster: bool,
    /// Why it is not known whether it leads there.
    pub unsure: Option<&'static str>,
    /// Who says so.
    pub reference: &'static str,
}

/// One of some verbs on one of some resources of a group.
#[derive(Debug, PartialEq, Eq)]
pub struct Right {
    /// The verbs: one of them is enough.
    pub verbs: &'static [&'static str],
    /// The group of the API; empty for the core.
    pub group: &'static str,
    /// The resources, with their subresource.
    pub resources: &'static [&'static str],
    /// Why it is not known whether it is enough.
    pub unsure: Option<&'static str>,
}

/// What a power comes to, in the namespaces in which it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// What runs in pods is under control; names are those of pods.
    Pods,
    /// Pods are made at will: as any service account, with any Secret.
    Creates,
    /// Objects that make pods are changed at will: those pods, and what [`Self::Creates`] gives.
    Changes,
    /// Tokens of service accounts, for whatever audience.
    Accounts,
    /// The rights of service accounts, at the API server alone; names are those of accounts.
    Impersonates,
    /// Tokens of service accounts for the API server; names are of something else.
    Tokens,
    /// Secrets are read.
    Secrets,
    /// Policies hold back what their owner wants.
    Walls,
    /// Everything.
    Everything,
}

/// The power of whoever may do everything; what a role may do that is not known is this, perhaps.
pub(crate) fn everything() -> &'static Power {
    &POWERS[0]
}

const fn right(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
) -> Right {
    Right {
        verbs,
        group,
        resources,
        unsure: None,
    }
}

/// Commands go over SPDY with `create`; over WebSockets with `get`, of which newer clusters ask `create` as well.
const fn opened(resources: &'static [&'static str]) -> [Right; 2] {
    [
        right(CREATE, "", resources),
        Right {
            unsure: Some("whether the cluster lets WebSockets do with `get` is not known"),
            ..right(&["get"], "", resources)
        },
    ]
}

const fn power(
    name: &'static str,
    rights: &'static [Right],
    effect: Effect,
    reference: &'static str,
) -> Power {
    Power {
        name,
        rights,
        also: &[],
        effect,
        is_of_cluster: false,
        unsure: None,
        reference,
    }
}

const GOOD_PRACTICES: &str = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/";
const RBAC: &str = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/";
const IMPERSONATION: &str =
    "https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/";

/// A kubelet asks for the verb of the request.
const OPEN: &[&str] = &["create", "get"];
const CREATE: &[&str] = &["create"];
const CHANGE: &[&str] = &["update", "patch"];
/// A patch that changes nothing is answered with the whole object.
const READ: &[&str] = &["get", "list", "watch", "patch"];
const WRITE: &[&str] = &["create", "update", "patch"];

/// Objects that make pods.
const WORKLOADS: &[(&str, &[&str])] = &[
    ("", &["replicationcontrollers"]),
    (
        "apps",
        &["deployments", "statefulsets", "daemonsets", "replicasets"],
    ),
    ("batch", &["jobs", "cronjobs"]),
];

/// The same of platforms for AI: KubeRay, Kubeflow, KServe, JobSet and others.
const PLATFORMS: &[(&str, &[&str])] = &[
    (
        "ray.io",
        &["rayclusters", "rayjobs", "rayservices", "raycronjobs"],
    ),
    (
        "kubeflow.org",
        &[
            "notebooks",
            "pytorchjobs",
            "tfjobs",
            "mpijobs",
            "xgboostjobs",
            "paddlejobs",
            "jaxjobs",
        ],
    ),
    ("trainer.kubeflow.org", &["trainjobs"]),
    (
        "serving.kserve.io",
        &[
            "inferenceservices",
            "llminferenceservices",
            "servingruntimes",
            "clusterservingruntimes",
        ],
    ),
    ("serving.knative.dev", &["services", "configurations"]),
    ("argoproj.io", &["workflows", "cronworkflows", "rollouts"]),
    ("tekton.dev", &["taskruns", "pipelineruns"]),
    ("jobset.x-k8s.io", &["jobsets"]),
    ("leaderworkerset.x-k8s.io", &["leaderworkersets"]),
    (
        "sparkoperator.k8s.io",
        &["sparkapplications", "scheduledsparkapplications"],
    ),
    ("batch.volcano.sh", &["jobs"]),
    ("machinelearning.seldon.io", &["seldondeployments"]),
    ("agents.x-k8s.io", &["sandboxes"]),
];

/// What some verbs on each of the resources are.
const fn each<const N: usize>(
    verbs: &'static [&'static str],
    of: &'static [(&'static str, &'static [&'static str])],
) -> [Right; N] {
    let mut rights = [const { right(&[], "", &[]) }; N];
    let mut at = 0;
    while at < N {
        rights[at] = right(verbs, of[at].0, of[at].1);
        at += 1;
    }
    rights
}

/// What holds connections back in namespaces: policies of Kubernetes, Cilium, Calico and Istio.
const WALLS: &[(&str, &[&str])] = &[
    ("networking.k8s.io", &["networkpolicies"]),
    ("cilium.io", &["ciliumnetworkpolicies"]),
    ("projectcalico.org", &["networkpolicies"]),
    ("crd.projectcalico.org", &["networkpolicies"]),
    (
        "security.istio.io",
        &["authorizationpolicies", "peerauthentications"],
    ),
];

/// And in all of the cluster.
const WALLS_OF_CLUSTER: &[(&str, &[&str])] = &[
    (
        "policy.networking.k8s.io",
        &[
            "clusternetworkpolicies",
            "adminnetworkpolicies",
            "baselineadminnetworkpolicies",
        ],
    ),
    ("cilium.io", &["ciliumclusterwidenetworkpolicies"]),
    ("projectcalico.org", &["globalnetworkpolicies", "tiers"]),
    ("crd.projectcalico.org", &["globalnetworkpolicies", "tiers"]),
];

/// To delete a wall is to change it as well.
const REMAKE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

static REMAKES_WALLS: [Right; WALLS.len()] = each(REMAKE, WALLS);
static REMAKES_WALLS_OF_CLUSTER: [Right; WALLS_OF_CLUSTER.len()] = each(REMAKE, WALLS_OF_CLUSTER);

static CREATES: [Right; WORKLOADS.len()] = each(CREATE, WORKLOADS);
static CHANGES: [Right; WORKLOADS.len()] = each(CHANGE, WORKLOADS);
static CREATES_PLATFORMS: [Right; PLATFORMS.len()] = each(CREATE, PLATFORMS);
static CHANGES_PLATFORMS: [Right; PLATFORMS.len()] = each(CHANGE, PLATFORMS);

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// What has no namespace, so that no RoleBinding gives it.
pub(crate) fn is_of_cluster(resource: &str) -> bool {
    OF_CLUSTER.contains(&resource.split('/').next().unwrap_or_default())
}

const OF_CLUSTER: &[&str] = &[
    "certificatesigningrequests",
    "clusterrolebindings",
    "clusterroles",
    "groups",
    "nodes",
    "persistentvolumes",
    "signers",
    "users",
];

/// The power of whoever makes or changes objects of some other kind that has pods in the files.
pub(crate) fn others() -> &'static Power {
    &OTHERS
}

static OTHERS: Power = Power {
    unsure: Some("whether its controller makes pods as they say is not known"),
    ..power(
        "create or change objects that have pods",
        &[],
        Effect::Creates,
        GOOD_PRACTICES,
    )
};

/// Whether objects of a resource make pods, as the table has it.
pub(crate) fn is_listed(resource: &str) -> bool {
    let all = WORKLOADS.iter().chain(PLATFORMS);
    resource == "pods" || all.clone().any(|(_, it)| it.contains(&resource))
}

/// The resource of a kind: `sandboxes` of `Sandbox`.
pub(crate) fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    let is_hissing = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|it| kind.ends_with(it));
    match kind.strip_suffix('y') {
        Some(rest) if !rest.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{rest}ies"),
        _ if is_hissing => kind + "es",
        _ => kind + "s",
    }
}

/// Every power, the widest first.
pub static POWERS: &[Power] = &[
    power(
        "everything",
        &[right(&["*"], "*", &["*"])],
        Effect::Everything,
        GOOD_PRACTICES,
    ),
    Power {
        also: &[&[right(CHANGE, RBAC_GROUP, &["clusterroles"])]],
        is_of_cluster: true,
        ..power(
            "escalate ClusterRoles",
            &[right(&["escalate"], RBAC_GROUP, &["clusterroles"])],
            Effect::Everything,
            GOOD_PRACTICES,
        )
    },
    Power {
        also: &[&[right(CHANGE, RBAC_GROUP, &["roles"])]],
        ..power(
            "escalate Roles",
            &[right(&["escalate"], RBAC_GROUP, &["roles"])],
            Effect::Everything,
            GOOD_PRACTICES,
        )
    },
    // What a binding binds is said when it is made, and does not change.
    Power {
        also: &[&[right(
            CREATE,
            RBAC_GROUP,
            &["rolebindings", "clusterrolebindings"],
        )]],
        ..power(
            "bind ClusterRoles",
            &[right(&["bind"], RBAC_GROUP, &["clusterroles"])],
            Effect::Everything,
            RBAC,
        )
    },
    Power {
        also: &[&[right(WRITE, RBAC_GROUP, &["rolebindings"])]],
        unsure: Some("what the Roles give that are there is not known"),
        ..power(
            "bind Roles",
            &[right(&["bind"], RBAC_GROUP, &["roles"])],
            Effect::Everything,
            RBAC,
        )
    },
    Power {
        also: &[&[right(
            CHANGE,
            RBAC_GROUP,
            &["rolebindings", "clusterrolebindings"],
        )]],
        unsure: Some("what the bindings bind that are there is not known"),
        ..power(
            "join bindings",
            &[right(&["bind"], RBAC_GROUP, &["clusterroles"])],
            Effect::Everything,
            RBAC,
        )
    },
    Power {
        also: &[&[right(&["impersonate"], "", &["users", "serviceaccounts"])]],
        is_of_cluster: true,
        ..power(
            "impersonate groups",
            &[right(&["impersonate"], "", &["groups"])],
            Effect::Everything,
            IMPERSONATION,
        )
    },
    Power {
        is_of_cluster: true,
        ..power(
            "change mutating webhooks",
            &[right(
                WRITE,
                "admissionregistration.k8s.io",
                &["mutatingwebhookconfigurations"],
            )],
            Effect::Everything,
            GOOD_PRACTICES,
        )
    },
    Power {
        also: &[
            &[right(
                &["create"],
                "certificates.k8s.io",
                &["certificatesigningrequests"],
            )],
            &[right(&["approve"], "certificates.k8s.io", &["signers"])],
        ],
        is_of_cluster: true,
        ..power(
            "approve certificates",
            &[right(
                CHANGE,
                "certificates.k8s.io",
                &["certificatesigningrequests/approval"],
            )],
            Effect::Everything,
            GOOD_PRACTICES,
        )
    },
    Power {
        is_of_cluster: true,
        ..power(
            "reach kubelets",
            &[right(OPEN, "", &["nodes/proxy"])],
            Effect::Pods,
            GOOD_PRACTICES,
        )
    },
    Power {
        also: &[&[right(CREATE, "", &["pods"])]],
        is_of_cluster: true,
        unsure: Some("which pods are on the nodes whose files it mounts is not known"),
        ..power(
            "create PersistentVolumes",
            &[right(CREATE, "", &["persistentvolumes"])],
            Effect::Pods,
            GOOD_PRACTICES,
        )
    },
    power(
        "run commands in pods",
        &const { opened(&["pods/exec"]) },
        Effect::Pods,
        "https://kubernetes.io/docs/reference/access-authn-authz/authorization/",
    ),
    power(
        "attach to pods",
        &const { opened(&["pods/attach"]) },
        Effect::Pods,
        "https://kubernetes.io/docs/reference/access-authn-authz/authorization/",
    ),
    power(
        "debug pods",
        &[right(CHANGE, "", &["pods/ephemeralcontainers"])],
        Effect::Pods,
        "https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/",
    ),
    power(
        "forward ports of pods",
        &const { opened(&["pods/portforward"]) },
        Effect::Pods,
        "https://kubernetes.io/docs/tasks/access-application-cluster/port-forward-access-application-cluster/",
    ),
    power(
        "proxy to pods",
        &[right(
            &["create", "get", "update", "patch", "delete"],
            "",
            &["pods/proxy", "services/proxy"],
        )],
        Effect::Pods,
        "https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/",
    ),
    power(
        "change pods",
        &[right(CHANGE, "", &["pods"])],
        Effect::Pods,
        "https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement",
    ),
    power(
        "create pods",
        &[right(CREATE, "", &["pods"])],
        Effect::Creates,
        GOOD_PRACTICES,
    ),
    power(
        "create workloads",
        &CREATES,
        Effect::Creates,
        GOOD_PRACTICES,
    ),
    power(
        "change workloads",
        &CHANGES,
        Effect::Changes,
        GOOD_PRACTICES,
    ),
    power(
        "create workloads of AI platforms",
        &CREATES_PLATFORMS,
        Effect::Creates,
        GOOD_PRACTICES,
    ),
    power(
        "change workloads of AI platforms",
        &CHANGES_PLATFORMS,
        Effect::Changes,
        GOOD_PRACTICES,
    ),
    power(
        "make tokens",
        &[right(CREATE, "", &["serviceaccounts/token"])],
        Effect::Accounts,
        GOOD_PRACTICES,
    ),
    power(
        "impersonate service accounts",
        &[right(&["impersonate"], "", &["serviceaccounts"])],
        Effect::Impersonates,
        IMPERSONATION,
    ),
    Power {
        is_of_cluster: true,
        ..power(
            "impersonate users",
            &[right(&["impersonate"], "", &["users"])],
            Effect::Impersonates,
            IMPERSONATION,
        )
    },
    Power {
        also: &[&[right(READ, "", &["secrets"])]],
        ..power(
            "make Secrets of tokens",
            &[right(CREATE, "", &["secrets"])],
            Effect::Tokens,
            "https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets",
        )
    },
    power(
        "read Secrets",
        &[right(READ, "", &["secrets"])],
        Effect::Secrets,
        GOOD_PRACTICES,
    ),
    Power {
        is_of_cluster: true,
        ..power(
            "change policies of the cluster",
            &REMAKES_WALLS_OF_CLUSTER,
            Effect::Walls,
            "https://network-policy-api.sigs.k8s.io/api-overview/",
        )
    },
    power(
        "change NetworkPolicies",
        &REMAKES_WALLS,
        Effect::Walls,
        "https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    ),
    // Its own namespace a RoleBinding gives as well: a request about one is in it.
    power(
        "label namespaces",
        &[right(CHANGE, "", &["namespaces"])],
        Effect::Walls,
        GOOD_PRACTICES,
    ),
];

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn a_kind_is_a_resource_by_its_plural() {
        for (kind, expected) in [
            ("Deployment", "deployments"),
            ("Sandbox", "sandboxes"),
            ("Policy", "policies"),
            ("Gateway", "gateways"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }
}
