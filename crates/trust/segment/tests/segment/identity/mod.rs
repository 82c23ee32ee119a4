//! What somebody can become, said as manifests and configuration of Terraform, and the ways that follow.

mod clouds;
mod entrants;
mod escalation;
mod nodes;
mod open;
mod roles;
mod trusted;
mod walls;

use casemate_posture::Truth;
use casemate_segment::{
    Analysis, Assumptions,
    identity::{Goal, Hop, HopKind, Request},
};

use crate::kit;

fn world(manifests: &str, terraform: &str) -> Analysis {
    let all = [("all.yaml", manifests), ("main.tf", terraform)];
    let written: Vec<_> = all
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect();
    kit::files(&written, Assumptions::default())
}

/// A notebook in `lab` that runs as `notebook`, and a registry in `models` that runs as `registry`; nothing passes
/// from one to the other.
const TWO: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: notebook, namespace: lab}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: registry, namespace: models}
---
apiVersion: v1
kind: Secret
metadata: {name: hub, namespace: models}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: lab}
spec: {serviceAccountName: notebook, containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry, namespace: models}
spec: {template: {spec: {serviceAccountName: registry, containers: [{name: c, image: i}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: models}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

/// A ClusterRole with some rules, bound to the account of the notebook in `models`.
fn bound(rules: &str) -> String {
    format!("{TWO}---{}", grants("RoleBinding", rules))
}

fn grants(kind: &str, rules: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: r}}
rules: {rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: b, namespace: models}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}}
subjects: [{{kind: ServiceAccount, name: notebook, namespace: lab}}]
"
    )
}

fn goals(analysis: &Analysis, to: &str) -> Vec<Goal> {
    let places = analysis.find(to);
    match analysis.identities().find(to) {
        Some(goals) if places.is_empty() => goals,
        _ => places.into_iter().map(Goal::Endpoint).collect(),
    }
}

fn hops<'a>(analysis: &'a Analysis, to: &str) -> Vec<Hop<'a>> {
    let from = analysis.find("lab/notebook");
    let goals = goals(analysis, to);
    assert!(
        !goals.is_empty(),
        "{to}: {:?}",
        analysis.identities().names()
    );
    analysis.way(&from, &goals).expect("small")
}

/// The way from the notebook, a line for each step.
fn way(analysis: &Analysis, to: &str) -> Vec<String> {
    let shown = |it: &Hop<'_>| {
        let perhaps = if it.unsure.is_some() { "perhaps " } else { "" };
        let kind = it.kind.as_str();
        format!("{perhaps}{kind}: {} => {}: {}", it.from, it.to, it.by)
    };
    hops(analysis, to).iter().map(shown).collect()
}

const TOKEN: &str = "credential: lab/notebook[Pod] => account/lab/notebook: the token in its pods";

#[test]
fn a_right_to_run_commands_is_a_way_into_pods_that_no_connection_reaches() {
    let analysis = world(
        &bound("[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]"),
        "",
    );
    assert_eq!(
        way(&analysis, "models/registry"),
        [
            TOKEN,
            "rbac: account/lab/notebook => models/registry[Deployment]: run commands in pods"
        ]
    );
    let hops = hops(&analysis, "models/registry");
    let because: Vec<String> = hops[1]
        .because
        .iter()
        .map(|it| {
            let place = it.origin.as_ref().map(|it| it.location().to_string());
            format!("{} {}", it.what, place.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        because,
        [
            "ClusterRole r rules[0] allows create pods/exec all.yaml:32:9",
            "RoleBinding models/b binds ClusterRole r all.yaml:34:1",
            "asked from lab/notebook[Pod] ",
        ]
    );
    assert!(analysis.identities().gaps().is_empty());
}

#[test]
fn each_right_is_a_power_over_what_it_leads_to() {
    let pod = "models/registry";
    let account = "account/models/registry";
    let secret = "secret/models/hub";
    for (rules, expected) in [
        (
            "[{apiGroups: [''], resources: [pods/attach], verbs: [create]}]",
            [true, true, false],
        ),
        (
            "[{apiGroups: [''], resources: [pods/portforward], verbs: [create]}]",
            [true, true, false],
        ),
        (
            "[{apiGroups: [''], resources: [pods/ephemeralcontainers], verbs: [patch]}]",
            [true, true, false],
        ),
        (
            "[{apiGroups: [''], resources: ['*/exec'], verbs: [create]}]",
            [true, true, false],
        ),
        // A resource is without its subresources.
        (
            "[{apiGroups: [''], resources: [pods], verbs: [get, list]}]",
            [false, false, false],
        ),
        (
            "[{apiGroups: [apps], resources: [pods/exec], verbs: [create]}]",
            [false, false, false],
        ),
        // Whoever makes pods runs as any account of the namespace, with any Secret of it.
        (
            "[{apiGroups: [''], resources: [pods], verbs: [create]}]",
            [false, true, true],
        ),
        (
            "[{apiGroups: [batch], resources: [jobs], verbs: [create]}]",
            [false, true, true],
        ),
        (
            "[{apiGroups: [ray.io], resources: [rayclusters], verbs: [create]}]",
            [false, true, true],
        ),
        (
            "[{apiGroups: [kubeflow.org], resources: [notebooks], verbs: ['*']}]",
            [false, true, true],
        ),
        (
            "[{apiGroups: [apps], resources: [deployments], verbs: [patch]}]",
            [true, true, true],
        ),
        (
            "[{apiGroups: [apps], resources: [statefulsets], verbs: [patch]}]",
            [false, false, false],
        ),
        (
            "[{apiGroups: [apps], resources: [deployments], resourceNames: [registry], verbs: [patch]}]",
            [true, true, true],
        ),
        (
            "[{apiGroups: [apps], resources: [deployments], resourceNames: [other], verbs: [patch]}]",
            [false, false, false],
        ),
        // What is applied on the server is named when it is made.
        (
            "[{apiGroups: [''], resources: [pods], resourceNames: [x], verbs: [create, patch]}]",
            [false, true, true],
        ),
        (
            "[{apiGroups: [''], resources: [secrets], verbs: [list]}]",
            [false, false, true],
        ),
        (
            "[{apiGroups: [''], resources: [secrets], resourceNames: [hub], verbs: [get]}]",
            [false, false, true],
        ),
        (
            "[{apiGroups: [''], resources: [secrets], resourceNames: [other], verbs: [get]}]",
            [false, false, false],
        ),
        (
            "[{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}]",
            [false, true, false],
        ),
        (
            "[{apiGroups: [''], resources: [serviceaccounts], verbs: [impersonate]}]",
            [false, true, false],
        ),
        (
            "[{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]",
            [true, true, true],
        ),
        // Escalation needs both what is changed and the verb.
        (
            "[{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]}]",
            [false, false, false],
        ),
        (
            "[{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles, rolebindings], verbs: [bind, create]}]",
            [true, true, true],
        ),
        // What has no namespace is not given in one.
        (
            "[{apiGroups: [''], resources: [nodes/proxy], verbs: [get]}]",
            [false, false, false],
        ),
        (
            "[{apiGroups: [''], resources: [users, groups], verbs: [impersonate]}]",
            [false, false, false],
        ),
    ] {
        let analysis = world(&bound(rules), "");
        let reached = [pod, account, secret].map(|to| !way(&analysis, to).is_empty());
        assert_eq!(reached, expected, "{rules}");
        assert!(
            hops(&analysis, pod).iter().all(|it| it.unsure.is_none()),
            "{rules}"
        );
    }
}

#[test]
fn what_has_no_namespace_is_given_by_bindings_of_the_cluster() {
    for rules in [
        "[{apiGroups: [''], resources: [nodes/proxy], verbs: [get]}]",
        "[{apiGroups: [''], resources: [users, groups], verbs: [impersonate]}]",
        "[{apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [patch]}]",
        "[{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [escalate, update]}]",
    ] {
        let text = format!("{TWO}---{}", grants("ClusterRoleBinding", rules));
        let analysis = world(&text, "");
        assert_eq!(way(&analysis, "models/registry").len(), 2, "{rules}");
    }
}

#[test]
fn who_is_bound_is_named_or_in_a_group() {
    let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]";
    let reached = |subject: &str| {
        let account = "{kind: ServiceAccount, name: notebook, namespace: lab}";
        let analysis = world(&bound(rules).replace(account, subject), "");
        hops(&analysis, "models/registry")
            .last()
            .map(|it| it.unsure.is_none())
    };
    for (subject, expected) in [
        ("{kind: ServiceAccount, name: other, namespace: lab}", None),
        (
            "{kind: ServiceAccount, name: notebook, namespace: models}",
            None,
        ),
        ("{kind: Group, name: 'system:serviceaccounts'}", Some(true)),
        (
            "{kind: Group, name: 'system:serviceaccounts:lab'}",
            Some(true),
        ),
        ("{kind: Group, name: 'system:serviceaccounts:edge'}", None),
        ("{kind: Group, name: 'system:authenticated'}", Some(true)),
        ("{kind: Group, name: 'system:masters'}", None),
        (
            "{kind: User, name: 'system:serviceaccount:lab:notebook'}",
            Some(true),
        ),
        ("{kind: User, name: notebook}", None),
        (
            "{kind: ServiceAccount, name: '{{ .Values.x }}', namespace: lab}",
            Some(false),
        ),
    ] {
        assert_eq!(reached(subject), expected, "{subject}");
    }
}

#[test]
fn a_pod_has_a_token_unless_it_or_its_account_says_no() {
    let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]";
    let reached = |pod: &str, account: &str| {
        let text = bound(rules)
            .replace(
                "{serviceAccountName: notebook,",
                &format!("{{serviceAccountName: notebook, {pod}"),
            )
            .replace(
                "metadata: {name: notebook, namespace: lab}\n---",
                &format!("metadata: {{name: notebook, namespace: lab}}\n{account}---"),
            );
        !way(&world(&text, ""), "models/registry").is_empty()
    };
    let (no, yes) = (
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
    );
    assert!(reached("", ""));
    assert!(!reached(&format!("{no}, "), ""));
    assert!(!reached("", &format!("{no}\n")));
    assert!(reached(&format!("{yes}, "), &format!("{no}\n")));
    let token = |audience: &str| {
        format!(
            "{no}, volumes: [{{name: t, projected: {{sources: [{{serviceAccountToken: {{path: t{audience}}}}}]}}}}], "
        )
    };
    assert!(reached(&token(""), ""));
    assert!(!reached(&token(", audience: vault"), ""));
}

#[test]
fn a_right_is_used_from_where_the_api_server_is_reached() {
    let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]";
    let egress = |egress: &str| {
        let policy = format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: e, namespace: lab}}\nspec: {{podSelector: {{}}, policyTypes: [Egress], egress: {egress}}}\n"
        );
        way(&world(&(bound(rules) + &policy), ""), "models/registry")
    };
    assert!(egress("[]").is_empty());
    assert!(egress("[{ports: [{port: 53, protocol: UDP}]}]").is_empty());
    assert_eq!(egress("[{}]").len(), 2);
    assert_eq!(
        egress("[{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]").len(),
        2
    );
    // Whether it is there that the API server is, is not known.
    let some = egress("[{to: [{ipBlock: {cidr: 203.0.113.7/32}}], ports: [{port: 443}]}]");
    assert_eq!(
        some,
        [
            TOKEN,
            "perhaps rbac: account/lab/notebook => models/registry[Deployment]: run commands in pods"
        ]
    );
}

#[test]
fn a_way_walks_through_networks_and_identities() {
    // The notebook reaches a trainer, and only that has rights.
    let text = format!(
        "{}---
apiVersion: v1
kind: Pod
metadata: {{name: trainer, namespace: lab, labels: {{app: trainer}}}}
spec: {{serviceAccountName: trainer, containers: [{{name: c, image: i}}]}}
",
        bound("[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]")
            .replace("{kind: ServiceAccount, name: notebook,", "{kind: ServiceAccount, name: trainer,")
    )
    .replace("---\napiVersion: v1\nkind: Secret", "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: trainer, namespace: lab}\n---\napiVersion: v1\nkind: Secret");
    assert_eq!(
        way(&world(&text, ""), "models/registry"),
        [
            "network: lab/notebook[Pod] => lab/trainer[Pod]: connections",
            "credential: lab/trainer[Pod] => account/lab/trainer: the token in its pods",
            "rbac: account/lab/trainer => models/registry[Deployment]: run commands in pods",
        ]
    );
}

#[test]
fn roles_of_kubernetes_are_known_and_others_may_be_anything() {
    let role = |name: &str| {
        let text = bound("[]").replace(
            "kind: ClusterRole, name: r}",
            &format!("kind: ClusterRole, name: {name}}}"),
        );
        let analysis = world(&text, "");
        let hops = hops(&analysis, "models/registry");
        (
            hops.last().map(|it| it.unsure.is_none()),
            analysis.identities().gaps().len(),
        )
    };
    assert_eq!(role("cluster-admin"), (Some(true), 0));
    assert_eq!(role("admin"), (Some(true), 0));
    assert_eq!(role("edit"), (Some(true), 0));
    assert_eq!(role("view"), (None, 0));
    assert_eq!(role("somewhere-else"), (Some(false), 1));
}

#[test]
fn aggregated_roles_have_the_rules_of_those_that_they_select() {
    let text = |label: &str| {
        format!(
            "{}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: more, labels: {{{label}: 'true'}}}}
rules: [{{apiGroups: [''], resources: [pods/exec], verbs: [create]}}]
",
            bound("[]").replace(
                "rules: []",
                "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to-r: 'true'}}]}"
            )
        )
    };
    assert_eq!(way(&world(&text("to-r"), ""), "models/registry").len(), 2);
    assert!(way(&world(&text("to-x"), ""), "models/registry").is_empty());
    let view = text("rbac.authorization.k8s.io/aggregate-to-view").replace(
        "kind: ClusterRole, name: r}",
        "kind: ClusterRole, name: view}",
    );
    assert_eq!(way(&world(&view, ""), "models/registry").len(), 2);
}

#[test]
fn a_secret_is_in_pods_and_may_be_a_token() {
    let text = bound("[{apiGroups: [''], resources: [secrets], verbs: [get]}]")
        .replace("metadata: {name: hub, namespace: models}", "metadata: {name: hub, namespace: models, annotations: {kubernetes.io/service-account.name: registry}}\ntype: kubernetes.io/service-account-token");
    assert_eq!(
        way(&world(&text, ""), "account/models/registry"),
        [
            TOKEN,
            "rbac: account/lab/notebook => secret/models/hub: read Secrets",
            "credential: secret/models/hub => account/models/registry: the token in the Secret",
        ]
    );
    let mounted = TWO.replace(
        "[{name: c, image: i}]}\n---\napiVersion: apps",
        "[{name: c, image: i, envFrom: [{secretRef: {name: hf}}]}]}\n---\napiVersion: apps",
    );
    assert_eq!(
        way(&world(&mounted, ""), "secret/lab/hf"),
        ["credential: lab/notebook[Pod] => secret/lab/hf: a Secret in its pods"]
    );
}

const BUCKETS: &str = r#"
resource "aws_s3_bucket" "models" { bucket = "company-models" }
resource "aws_s3_bucket" "raw" { bucket_prefix = "raw-" }
"#;

fn role(trust: &str, policy: &str) -> String {
    format!(
        r#"{BUCKETS}
resource "aws_iam_role" "notebook" {{
  name               = "notebook"
  assume_role_policy = jsonencode({{ Statement = [{{ Effect = "Allow", {trust} }}] }})
}}
resource "aws_iam_role_policy" "notebook" {{
  role   = aws_iam_role.notebook.id
  policy = jsonencode({{ Statement = [{policy}] }})
}}
"#
    )
}

const IRSA: &str = r#"Action = "sts:AssumeRoleWithWebIdentity", Condition = { StringEquals = { "oidc.example:sub" = "system:serviceaccount:lab:notebook" } }"#;

fn annotated() -> String {
    TWO.replacen(
        "metadata: {name: notebook, namespace: lab}",
        "metadata: {name: notebook, namespace: lab, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::123456789012:role/notebook'}}",
        1,
    )
}

#[test]
fn a_right_is_asked_for_one_name_in_one_namespace() {
    let analysis = world(
        &bound("[{apiGroups: [''], resources: [secrets], resourceNames: [hub], verbs: [get]}]"),
        "",
    );
    let may = |namespace: Option<&str>, name: Option<&str>| {
        let request = Request {
            verb: "get",
            group: "",
            resource: "secrets",
            name,
            namespace,
        };
        analysis.identities().may("lab", "notebook", &request)
    };
    assert_eq!(may(Some("models"), Some("hub")), Truth::Yes);
    assert_eq!(may(Some("models"), Some("other")), Truth::No);
    assert_eq!(may(Some("models"), None), Truth::No);
    assert_eq!(may(Some("lab"), Some("hub")), Truth::No);
    assert_eq!(may(None, Some("hub")), Truth::No);
}

#[test]
fn a_pod_of_ones_own_reaches_what_those_of_its_namespace_reach() {
    // The registry takes connections of its own namespace alone.
    let text = bound("[{apiGroups: [batch], resources: [jobs], verbs: [create]}]").replace(
        "policyTypes: [Ingress]}",
        "policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 5000}]}]}",
    );
    assert_eq!(
        way(&world(&text, ""), "models/registry"),
        [
            TOKEN,
            "rbac: account/lab/notebook => a pod like models/registry[Deployment]: create workloads",
            "network: a pod like models/registry[Deployment] => models/registry[Deployment]: connections",
        ]
    );
}

#[test]
fn a_role_that_is_elsewhere_may_do_anything() {
    let elsewhere = way(&world(&annotated(), BUCKETS), "bucket/company-models");
    assert_eq!(
        elsewhere,
        [
            "perhaps cloud: lab/notebook[Pod] => arn:aws:iam::123456789012:role/notebook: its role in the cloud",
            "perhaps cloud: arn:aws:iam::123456789012:role/notebook => bucket/company-models: lists, reads, writes, administers",
        ]
    );
    // Of two that are called so it is not known which one is meant.
    let policy = r#"{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }"#;
    let twice = role(IRSA, policy)
        + &role(IRSA, policy)
            .replace(BUCKETS, "")
            .replace(
                "\"aws_iam_role\" \"notebook\"",
                "\"aws_iam_role\" \"other\"",
            )
            .replace(
                "\"aws_iam_role_policy\" \"notebook\"",
                "\"aws_iam_role_policy\" \"other\"",
            )
            .replace("aws_iam_role.notebook", "aws_iam_role.other");
    let analysis = world(&annotated(), &twice);
    let hops = hops(&analysis, "bucket/company-models");
    let why = hops[0].unsure.as_deref();
    assert_eq!(why, Some("there are 2 roles of that name"));
}

#[test]
fn what_several_statements_give_is_told_together() {
    let policy = r#"{ Sid = "A", Effect = "Allow", Action = "s3:GetObject", Resource = "*" }, { Sid = "B", Effect = "Allow", Action = "s3:PutObject", Resource = "*" }"#;
    let analysis = world(&annotated(), &role(IRSA, policy));
    let hops = hops(&analysis, "bucket/company-models");
    assert_eq!(hops[1].by, "reads, writes");
    let whats: Vec<&str> = hops[1].because.iter().map(|it| &*it.what).collect();
    assert_eq!(
        whats,
        [
            "policy aws_iam_role_policy.notebook A: reads",
            "policy aws_iam_role_policy.notebook B: writes",
            "asked from lab/notebook[Pod]",
        ]
    );
}

#[test]
fn a_rule_for_everything_of_one_name_is_not_everything() {
    let analysis = world(
        &bound("[{apiGroups: ['*'], resources: ['*'], resourceNames: [hub], verbs: ['*']}]"),
        "",
    );
    let hops = hops(&analysis, "secret/models/hub");
    // A pod of that name sees it.
    assert_eq!(hops[1].by, "create pods");
    assert!(hops.iter().all(|it| it.unsure.is_none()));
}
