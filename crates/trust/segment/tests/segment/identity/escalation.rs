//! Rights that lead further together with others, or only perhaps.

use casemate_segment::Analysis;

use super::{TWO, bound, grants, hops, way, world};

const POD: &str = "models/registry";
const ACCOUNT: &str = "account/models/registry";

/// Whether there is a way, and whether it is sure.
fn sure(analysis: &Analysis, to: &str) -> Option<bool> {
    let hops = hops(analysis, to);
    (!hops.is_empty()).then(|| hops.iter().all(|it| it.unsure.is_none()))
}

fn of_rules(rules: &str, to: &str) -> Option<bool> {
    sure(&world(&bound(rules), ""), to)
}

const RBAC: &str = "apiGroups: [rbac.authorization.k8s.io]";

#[test]
fn a_command_by_get_hangs_on_the_version_of_the_cluster() {
    let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [get]}]";
    assert_eq!(of_rules(rules, POD), Some(false));
}

#[test]
fn what_is_made_under_a_name_is_applied() {
    let rules = |verbs: &str| {
        let rules = format!(
            "[{{apiGroups: [''], resources: [pods], resourceNames: [x], verbs: [{verbs}]}}]"
        );
        of_rules(&rules, ACCOUNT)
    };
    assert_eq!(rules("create, patch"), Some(true));
    assert_eq!(rules("'*'"), Some(true));
    assert_eq!(rules("create"), Some(false));
    assert_eq!(rules("get"), None);
}

#[test]
fn names_that_are_not_known_may_be_any() {
    let rules = "[{apiGroups: [''], resources: [secrets], resourceNames: ['{{ .Values.x }}'], verbs: [get]}]";
    assert_eq!(of_rules(rules, "secret/models/hub"), Some(false));
    let made = "[{apiGroups: [''], resources: [pods], resourceNames: ['{{ .Values.x }}'], verbs: [create]}]";
    assert_eq!(of_rules(made, ACCOUNT), Some(false));
}

#[test]
fn who_changes_roles_needs_one_of_its_own() {
    let rules = format!("[{{{RBAC}, resources: [roles], verbs: [escalate, patch]}}]");
    assert_eq!(of_rules(&rules, POD), Some(false));
    let own = bound(&rules)
        .replace(
            "kind: ClusterRole\nmetadata: {name: r}",
            "kind: Role\nmetadata: {name: r, namespace: models}",
        )
        .replace("kind: ClusterRole, name: r}", "kind: Role, name: r}");
    assert_eq!(sure(&world(&own, ""), POD), Some(true));
}

#[test]
fn who_binds_binds_what_is_there() {
    let rules = |resources: &str, verbs: &str| {
        format!("[{{{RBAC}, resources: [{resources}], verbs: [{verbs}]}}]")
    };
    let all = rules("clusterroles, rolebindings", "bind, create");
    assert_eq!(of_rules(&all, POD), Some(true));
    // Which Roles there are is not known, and what a binding binds does not change.
    assert_eq!(
        of_rules(&rules("roles, rolebindings", "bind, create"), POD),
        Some(false)
    );
    assert_eq!(
        of_rules(&rules("clusterroles, rolebindings", "bind, patch"), POD),
        Some(false)
    );
    // A RoleBinding gives nothing of the cluster.
    assert_eq!(
        of_rules(
            &rules("clusterroles, clusterrolebindings", "bind, create"),
            POD
        ),
        None
    );
}

#[test]
fn halves_of_a_power_may_be_bound_in_different_places() {
    let half = |kind: &str, name: &str, rules: &str| {
        let text = grants(kind, rules);
        let text = text.replace("name: r}", &format!("name: {name}}}"));
        format!(
            "---{}",
            text.replace("{name: b,", &format!("{{name: {name},"))
        )
    };
    let text = TWO.to_owned()
        + &half(
            "ClusterRoleBinding",
            "one",
            &format!("[{{{RBAC}, resources: [clusterroles], verbs: [bind]}}]"),
        )
        + &half(
            "RoleBinding",
            "two",
            &format!("[{{{RBAC}, resources: [rolebindings], verbs: [create]}}]"),
        );
    let analysis = world(&text, "");
    assert_eq!(sure(&analysis, POD), Some(true));
    assert_eq!(hops(&analysis, POD)[1].by, "bind ClusterRoles");
}

#[test]
fn a_role_of_a_namespace_is_none_of_kubernetes_own() {
    let text = bound("[]").replace("kind: ClusterRole, name: r}", "kind: Role, name: view}");
    let analysis = world(&text, "");
    assert_eq!(sure(&analysis, POD), Some(false));
    assert_eq!(analysis.identities().gaps().len(), 1);
}

#[test]
fn who_makes_secrets_and_reads_them_gets_tokens() {
    let rules =
        |verbs: &str| format!("[{{apiGroups: [''], resources: [secrets], verbs: [{verbs}]}}]");
    let analysis = world(&bound(&rules("create, get")), "");
    assert_eq!(sure(&analysis, ACCOUNT), Some(true));
    assert_eq!(hops(&analysis, ACCOUNT)[1].by, "make Secrets of tokens");
    assert_eq!(of_rules(&rules("create"), ACCOUNT), None);
    assert_eq!(of_rules(&rules("get"), ACCOUNT), None);
    // The answer to a patch is the whole object.
    assert_eq!(of_rules(&rules("patch"), "secret/models/hub"), Some(true));
}

#[test]
fn a_rule_may_give_several_powers_over_objects() {
    let rules =
        "[{apiGroups: [apps, ray.io], resources: [rayclusters, deployments], verbs: [update]}]";
    let ray = "---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: train, namespace: models}
spec: {headGroupSpec: {template: {spec: {containers: [{name: c, image: i}]}}}}
";
    let analysis = world(&(bound(rules) + ray), "");
    assert_eq!(sure(&analysis, POD), Some(true));
    assert_eq!(sure(&analysis, "models/train"), Some(true));
}

#[test]
fn roles_take_in_those_that_take_in_others() {
    let aggregated = |name: &str, own: &str, of: &str| {
        format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {name}, labels: {{{own}: 'true'}}}}
aggregationRule: {{clusterRoleSelectors: [{{matchLabels: {{{of}: 'true'}}}}]}}
rules: [{{apiGroups: [''], resources: [secrets], verbs: [get]}}]
"
        )
    };
    let chain = aggregated("r", "x", "to-r")
        + &aggregated("middle", "to-r", "to-middle")
        + "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: leaf, labels: {to-middle: 'true'}}
rules: [{apiGroups: [''], resources: [pods/exec], verbs: [create]}]
";
    let binding = bound("[]").replace(
        "kind: ClusterRole\nmetadata: {name: r}",
        "kind: ClusterRole\nmetadata: {name: other}",
    );
    let analysis = world(&(binding.clone() + &chain), "");
    assert_eq!(sure(&analysis, POD), Some(true));
    // What it says itself the controller overwrites.
    assert_eq!(sure(&analysis, "secret/models/hub"), None);
    let edit = binding + &aggregated("r", "x", "rbac.authorization.k8s.io/aggregate-to-edit");
    assert_eq!(sure(&world(&edit, ""), POD), Some(true));
}

#[test]
fn a_user_that_is_called_as_an_account_is_another() {
    let rules = |name: &str| {
        let rules = format!(
            "[{{apiGroups: [''], resources: [users], resourceNames: ['{name}'], verbs: [impersonate]}}]"
        );
        let text = format!("{TWO}---{}", grants("ClusterRoleBinding", &rules));
        sure(&world(&text, ""), ACCOUNT)
    };
    assert_eq!(rules("registry"), None);
    assert_eq!(rules("system:serviceaccount:models:registry"), Some(true));
}

#[test]
fn an_audience_of_somebody_else_may_be_the_api_servers() {
    let with = |audience: &str| {
        let pod = format!(
            "{{automountServiceAccountToken: false, volumes: [{{name: t, projected: {{sources: [{{serviceAccountToken: {{path: t, audience: '{audience}'}}}}]}}}}], serviceAccountName: notebook,"
        );
        let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]";
        let text = bound(rules).replace("{serviceAccountName: notebook,", &pod);
        sure(&world(&text, ""), POD)
    };
    assert_eq!(with("https://oidc.example"), Some(false));
    assert_eq!(with("sts.amazonaws.com"), None);
    assert_eq!(with("https://kubernetes.default.svc"), Some(true));
}

/// Each account with the powers of each role takes hours here, and the runner ends it.
#[test]
fn many_accounts_with_many_roles_are_bounded_and_told() {
    let mut text = TWO.to_owned();
    let rules = "{apiGroups: [''], resources: [secrets, pods, pods/exec], resourceNames: [NAME], verbs: ['*']}";
    for at in 0..150 {
        let rules: Vec<String> = (0..40)
            .map(|rule| rules.replace("NAME", &format!("n{at}-{rule}")))
            .collect();
        text += &format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: r{at}}}
rules: [{}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: all{at}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r{at}}}
subjects: [{{kind: Group, name: 'system:serviceaccounts'}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: one{at}, namespace: models}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r{at}}}
subjects: [{{kind: ServiceAccount, name: a{at}, namespace: models}}]
",
            rules.join(", ")
        );
    }
    let analysis = world(&text, "");
    let gaps = analysis.identities().gaps();
    let is_told = |it: &str| it.contains("more is bound to accounts than is looked at");
    assert!(gaps.iter().any(|it| is_told(&it.message)), "{gaps:?}");
    assert!(!way(&analysis, "secret/models/hub").is_empty());
}
