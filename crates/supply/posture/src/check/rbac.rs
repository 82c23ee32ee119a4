//! Who may do what: roles and their bindings.

use std::{borrow::Cow, collections::HashSet};

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Check, Family, Persona, Related, Report};
use crate::{Cursor, Fact, Resource, Truth, World};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&CLUSTER_ADMIN, Persona::Regular),
        (&EVERYTHING, Persona::Regular),
        (&WILDCARD, Persona::Pedantic),
        (&SECRETS, Persona::Regular),
        (&LOCAL_SECRETS, Persona::Pedantic),
        (&EXEC, Persona::Regular),
        (&ESCALATE, Persona::Regular),
        (&ANYBODY, Persona::Regular),
        (&DEFAULT_ACCOUNT, Persona::Regular),
        (&WORKLOADS, Persona::Pedantic),
        (&NODES, Persona::Regular),
        (&TOKENS, Persona::Regular),
        (&WEBHOOKS, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    let local = only_in_namespaces(world);
    for kind in ["ClusterRole", "Role"] {
        for role in world.of_kind(kind) {
            let name = role.at("metadata.name").text().ok();
            let is_local = name.is_some_and(|name| local.contains(&name));
            let is_of_cluster = kind == "ClusterRole" && !is_local;
            let rules = role.at("rules").items();
            let rules: Vec<Grant<'_>> = rules.into_iter().map(Grant).collect();
            for rule in &rules {
                grants(rule, is_of_cluster, report);
            }
            secrets(&rules, is_of_cluster, report);
        }
    }
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        for binding in world.of_kind(kind) {
            bound(binding, report);
        }
    }
}

/// The ClusterRoles that something here binds, and in namespaces alone.
fn only_in_namespaces(world: &World) -> HashSet<String> {
    let mut everywhere = HashSet::new();
    for binding in world.of_kind("ClusterRoleBinding") {
        match binding.at("roleRef.name").text() {
            Fact::Known(name) => everywhere.insert(name),
            Fact::Absent => continue,
            // It may be any of them.
            Fact::Unknown(_) => return HashSet::new(),
        };
    }
    let bindings = world.of_kind("RoleBinding");
    let bindings = bindings.filter(|it| it.at("roleRef.kind").equals("ClusterRole").is_yes());
    let names = bindings.filter_map(|it| it.at("roleRef.name").text().ok());
    names.filter(|name| !everywhere.contains(name)).collect()
}

/// One rule of a role.
struct Grant<'a>(Cursor<'a>);

impl Grant<'_> {
    fn has(&self, key: &str, words: &[&str]) -> Truth {
        let list = self.0.get(key);
        let words = words.iter().chain(["*"].iter());
        Truth::any(words.map(|word| list.has(word)))
    }

    /// Whether it has one of the verbs on one of the resources, for any object of that kind.
    fn allows(&self, resources: &[&str], verbs: &[&str]) -> Truth {
        self.has("resources", resources)
            .and(|| self.has("verbs", verbs))
            .and(|| self.0.get("resourceNames").is_absent())
    }

    /// Whether it is said already that it may do everything.
    fn is_everything(&self) -> Truth {
        let all = |key: &str| self.0.get(key).has("*");
        all("verbs")
            .and(|| all("resources"))
            .and(|| all("apiGroups"))
    }

    fn message(&self) -> String {
        let (verbs, resources) = (self.shown("verbs"), self.shown("resources"));
        format!("the role may {verbs} {resources}")
    }

    fn shown(&self, key: &str) -> String {
        let items = self.0.get(key).items();
        let words: Vec<String> = items.iter().map(Cursor::shown).collect();
        words.join(", ")
    }
}

fn grants(grant: &Grant<'_>, is_of_cluster: bool, report: &mut Report) {
    let message = || grant.message();
    let is_everything = grant.is_everything();
    report.when(is_everything.clone(), &EVERYTHING, &grant.0, message);
    if is_everything == Truth::Yes {
        return;
    }
    let all = |key: &str| grant.0.get(key).has("*");
    let is_wild = all("verbs").or(|| all("resources"));
    report.when(is_wild, &WILDCARD, &grant.0, message);
    for (rule, groups, resources, verbs) in SPECIAL {
        if rule.id == WORKLOADS.id && !is_of_cluster {
            continue;
        }
        let is_granted = grant
            .allows(resources, verbs)
            .and(|| grant.has("apiGroups", groups));
        report.when(is_granted, rule, &grant.0, message);
    }
    // These verbs mean nothing on anything else.
    let more = [
        ("escalate", ["roles", "clusterroles"]),
        ("bind", ["roles", "clusterroles"]),
        ("impersonate", ["users", "groups"]),
        ("impersonate", ["serviceaccounts", "users"]),
    ];
    let is_more = more.iter().map(|(verb, resources)| {
        let verbs = grant.0.get("verbs");
        verbs.has(verb).and(|| grant.allows(resources, &[verb]))
    });
    report.when(Truth::any(is_more), &ESCALATE, &grant.0, message);
}

/// A role that reads Secrets is one, by however many of its rules.
fn secrets(rules: &[Grant<'_>], is_of_cluster: bool, report: &mut Report) {
    let reads = |grant: &Grant<'_>| {
        let secrets = grant.allows(&["secrets"], READ);
        secrets
            .and(|| grant.has("apiGroups", &[""]))
            .and(|| (!grant.is_everything().is_yes()).into())
    };
    let mut reading: Vec<(Truth, &Grant<'_>)> = rules.iter().map(|it| (reads(it), it)).collect();
    reading.retain(|(truth, _)| *truth != Truth::No);
    // What is known comes before what is not.
    reading.sort_by_key(|(truth, _)| !truth.is_yes());
    let Some(((truth, first), more)) = reading.split_first() else {
        return;
    };
    let rule = if is_of_cluster {
        &SECRETS
    } else {
        &LOCAL_SECRETS
    };
    let more = more.iter().filter(|(truth, _)| truth.is_yes());
    let related = more.map(|(_, grant)| Related {
        what: grant.0.path.clone(),
        origin: grant.0.origin().clone(),
    });
    report.when_at(truth.clone(), rule, &first.0, first.0.origin(), || {
        (first.message(), related.collect())
    });
}

fn bound(binding: &Resource, report: &mut Report) {
    let role = binding.at("roleRef.name");
    let is_admin = role.equals("cluster-admin");
    report.when(is_admin, &CLUSTER_ADMIN, &role, || {
        let subjects = binding.at("subjects").items();
        let names: Vec<String> = subjects.iter().map(|it| it.get("name").shown()).collect();
        format!("{} may do everything", names.join(", "))
    });
    for subject in binding.at("subjects").items() {
        let name = subject.get("name");
        let is_anybody = name.text().is(|name| ANYBODIES.contains(&name.as_str()));
        // Kubernetes' own roles for discovery are made for everybody.
        let is_discovery = || role.text().is(|role| DISCOVERY.contains(&role.as_str()));
        report.when(is_anybody.and(|| !is_discovery()), &ANYBODY, &name, || {
            format!("{} has the role {}", name.shown(), role.shown())
        });
        let is_default = name
            .equals("default")
            .and(|| subject.get("kind").equals("ServiceAccount"));
        report.when(is_default, &DEFAULT_ACCOUNT, &name, || {
            format!(
                "each pod without a service account has the role {}",
                role.shown()
            )
        });
    }
}

const READ: &[&str] = &["get", "list", "watch"];

const WRITE: &[&str] = &["create", "update", "patch"];

const ANYBODIES: &[&str] = &[
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
];

const DISCOVERY: &[&str] = &[
    "system:basic-user",
    "system:discovery",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];

type Special = (
    &'static Rule,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// Rules with the groups, resources and verbs that they are about.
static SPECIAL: &[Special] = &[
    (
        &EXEC,
        &[""],
        &["pods/exec", "pods/attach", "pods/portforward"],
        &["create", "get"],
    ),
    (
        &WORKLOADS,
        &["", "apps", "batch"],
        &[
            "pods",
            "deployments",
            "statefulsets",
            "daemonsets",
            "replicasets",
            "jobs",
            "cronjobs",
        ],
        WRITE,
    ),
    (&NODES, &[""], &["nodes/proxy"], &["get", "create"]),
    (&TOKENS, &[""], &["serviceaccounts/token"], &["create"]),
    (
        &WEBHOOKS,
        &["admissionregistration.k8s.io"],
        &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
        ],
        WRITE,
    ),
    (
        &WEBHOOKS,
        &["certificates.k8s.io"],
        &["certificatesigningrequests/approval"],
        &["update", "patch"],
    ),
];

static CLUSTER_ADMIN: Rule = Rule {
    id: RuleId::new("CM-RBAC-001"),
    title: Cow::Borrowed("Somebody is made administrator of the cluster"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The role `cluster-admin` may do everything: read every Secret, run privileged pods, change every \
         policy. A notebook, a Ray cluster or a pipeline with it makes whoever runs code there the owner of \
         the cluster.",
    ),
    remediation: Cow::Borrowed("Bind a role with the verbs and resources that are needed."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1078"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", CLUSTER_ADMIN_BAD)),
    good: Some(Example::new("object.yaml", CLUSTER_ADMIN_GOOD)),
};

static EVERYTHING: Rule = Rule {
    id: RuleId::new("CM-RBAC-002"),
    title: Cow::Borrowed("A role may do everything"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "All verbs on all resources of all groups is `cluster-admin` under another name; in a Role it is \
         everything in a namespace, its Secrets and the service accounts of others there included.",
    ),
    remediation: Cow::Borrowed("Name the groups, resources and verbs that are needed."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", EVERYTHING_BAD)),
    good: Some(Example::new("object.yaml", EVERYTHING_GOOD)),
};

static WILDCARD: Rule = Rule {
    id: RuleId::new("CM-RBAC-003"),
    title: Cow::Borrowed("A role has all verbs, or all resources of a group"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A wildcard in a role also grants what the next version of Kubernetes or of a custom resource adds.",
    ),
    remediation: Cow::Borrowed("Name the resources and verbs that are needed."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", WILDCARD_BAD)),
    good: Some(Example::new("object.yaml", WILDCARD_GOOD)),
};

static SECRETS: Rule = Rule {
    id: RuleId::new("CM-RBAC-004"),
    title: Cow::Borrowed("A role reads the Secrets of the whole cluster"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who may get, list or watch Secrets everywhere has the tokens of model hubs, registries, clouds and \
         service accounts of all tenants. To list is to read: a list has the data. It is said once of a \
         role; a ClusterRole that RoleBindings alone bind here reads Secrets of their namespaces, and is \
         `CM-RBAC-005`.",
    ),
    remediation: Cow::Borrowed("Grant it in the namespaces that need it, with `resourceNames`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-200"),
        Reference::new("T1552.007"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", SECRETS_BAD)),
    good: Some(Example::new("object.yaml", SECRETS_GOOD)),
};

static LOCAL_SECRETS: Rule = Rule {
    id: RuleId::new("CM-RBAC-005"),
    title: Cow::Borrowed("A role reads all Secrets of its namespace"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who may get, list or watch the Secrets of a namespace has the credentials of everything that runs \
         there.",
    ),
    remediation: Cow::Borrowed("Name the Secrets with `resourceNames`, and grant `get` alone."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-200"),
        Reference::new("T1552.007"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", LOCAL_SECRETS_BAD)),
    good: Some(Example::new("object.yaml", LOCAL_SECRETS_GOOD)),
};

static EXEC: Rule = Rule {
    id: RuleId::new("CM-RBAC-006"),
    title: Cow::Borrowed("A role runs commands in pods"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who may create `pods/exec`, `pods/attach` or `pods/portforward` is every pod in reach, with its \
         token and its files.",
    ),
    remediation: Cow::Borrowed("Remove the resource from the role."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1609"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", EXEC_BAD)),
    good: Some(Example::new("object.yaml", EXEC_GOOD)),
};

static ESCALATE: Rule = Rule {
    id: RuleId::new("CM-RBAC-007"),
    title: Cow::Borrowed("A role may become more than it is"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The verbs `escalate` and `bind` on roles and `impersonate` on users, groups and service accounts are \
         made to go past the rule that nobody grants what he does not have.",
    ),
    remediation: Cow::Borrowed("Remove the verb."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("T1078"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", ESCALATE_BAD)),
    good: Some(Example::new("object.yaml", ESCALATE_GOOD)),
};

static ANYBODY: Rule = Rule {
    id: RuleId::new("CM-RBAC-008"),
    title: Cow::Borrowed("A role is bound to everybody"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A subject `system:anonymous`, `system:unauthenticated` or `system:authenticated` is whoever reaches \
         the API, or whoever has any token of the cluster, each pod included.",
    ),
    remediation: Cow::Borrowed("Bind the role to the users or service accounts that need it."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", ANYBODY_BAD)),
    good: Some(Example::new("object.yaml", ANYBODY_GOOD)),
};

static DEFAULT_ACCOUNT: Rule = Rule {
    id: RuleId::new("CM-RBAC-009"),
    title: Cow::Borrowed("A role is bound to the default service account"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Every pod that names no service account has the one called `default`; what is bound to it, each of \
         them has.",
    ),
    remediation: Cow::Borrowed("Make a service account for the workload and bind the role to it."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", DEFAULT_ACCOUNT_BAD)),
    good: Some(Example::new("object.yaml", DEFAULT_ACCOUNT_GOOD)),
};

static WORKLOADS: Rule = Rule {
    id: RuleId::new("CM-RBAC-010"),
    title: Cow::Borrowed("A role starts pods in the whole cluster"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Who may create pods, or objects that make pods, in every namespace gets the service accounts, \
         Secrets and volumes of all of them. Operators need it; what runs the code of users does not.",
    ),
    remediation: Cow::Borrowed("Grant it in the namespaces of the workload."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1610"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", WORKLOADS_BAD)),
    good: Some(Example::new("object.yaml", WORKLOADS_GOOD)),
};

static NODES: Rule = Rule {
    id: RuleId::new("CM-RBAC-011"),
    title: Cow::Borrowed("A role reaches the kubelets"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `nodes/proxy` one calls the kubelet of a node directly: run commands in all its pods, past \
         admission and the audit log.",
    ),
    remediation: Cow::Borrowed("Remove the resource from the role."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1609"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", NODES_BAD)),
    good: Some(Example::new("object.yaml", NODES_GOOD)),
};

static TOKENS: Rule = Rule {
    id: RuleId::new("CM-RBAC-012"),
    title: Cow::Borrowed("A role makes tokens of service accounts"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who may create `serviceaccounts/token` becomes any service account in reach.",
    ),
    remediation: Cow::Borrowed(
        "Remove the resource from the role, or name the accounts with `resourceNames`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("T1528"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", TOKENS_BAD)),
    good: Some(Example::new("object.yaml", TOKENS_GOOD)),
};

static WEBHOOKS: Rule = Rule {
    id: RuleId::new("CM-RBAC-013"),
    title: Cow::Borrowed("A role changes who admits objects"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who may change webhooks of admission, or approve certificates, reads and changes every object on its \
         way in, or becomes a user of the cluster.",
    ),
    remediation: Cow::Borrowed("Remove the verb, or name the objects with `resourceNames`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-269"),
        Reference::new("https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    ]),
    bad: Some(Example::new("object.yaml", WEBHOOKS_BAD)),
    good: Some(Example::new("object.yaml", WEBHOOKS_GOOD)),
};

const CLUSTER_ADMIN_BAD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: trainer, namespace: ml}
";

const CLUSTER_ADMIN_GOOD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: trainer, namespace: ml}
";

const EVERYTHING_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
"#;

const EVERYTHING_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const WILDCARD_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [ray.io], resources: ["*"], verbs: [get]}
"#;

const WILDCARD_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const SECRETS_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [list]}
"#;

const SECRETS_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const LOCAL_SECRETS_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get]}
"#;

const LOCAL_SECRETS_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [hub], verbs: [get]}
"#;

const EXEC_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods/exec], verbs: [create]}
"#;

const EXEC_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const ESCALATE_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate]}
"#;

const ESCALATE_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const ANYBODY_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:unauthenticated"}
"#;

const ANYBODY_GOOD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: trainer, namespace: ml}
";

const DEFAULT_ACCOUNT_BAD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: default, namespace: ml}
";

const DEFAULT_ACCOUNT_GOOD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: trainer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: ServiceAccount, name: trainer, namespace: ml}
";

const WORKLOADS_BAD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [create]}
";

const WORKLOADS_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const NODES_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [nodes/proxy], verbs: [get]}
"#;

const NODES_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const TOKENS_BAD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}
"#;

const TOKENS_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

const WEBHOOKS_BAD: &[u8] = br"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [patch]}
";

const WEBHOOKS_GOOD: &[u8] = br#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: trainer}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list]}
"#;

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    /// The rules about Secrets that two rules of a ClusterRole break, with `objects` beside it.
    fn found(objects: &str) -> Vec<String> {
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n\
            rules:\n- {apiGroups: [''], resources: [secrets], verbs: [get]}\n\
            - {apiGroups: [''], resources: [secrets], verbs: [list]}\n";
        let text = format!("{role}---\n{objects}");
        let outcomes = survey(&[("objects.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let rules = findings.map(|finding| finding.rule.as_str().to_owned());
        rules
            .filter(|rule| ["CM-RBAC-004", "CM-RBAC-005"].contains(&&**rule))
            .collect()
    }

    #[test]
    fn a_role_reads_secrets_once_and_where_it_is_bound() {
        let binding = |kind: &str, name: &str| {
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: b, namespace: a}}\n\
                 roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}\n---\n"
            )
        };
        let local = binding("RoleBinding", "r");
        for (objects, expected) in [
            (String::new(), "CM-RBAC-004"),
            (local.clone(), "CM-RBAC-005"),
            (
                format!("{local}{}", binding("ClusterRoleBinding", "r")),
                "CM-RBAC-004",
            ),
            (
                format!("{local}{}", binding("ClusterRoleBinding", "x")),
                "CM-RBAC-005",
            ),
            (
                format!("{local}{}", binding("ClusterRoleBinding", "'{{x}}'")),
                "CM-RBAC-004",
            ),
        ] {
            assert_eq!(found(&objects), [expected], "{objects}");
        }
    }
}
