//! Rights to undo what holds connections back.

use super::{TOKEN, TWO, bound, grants, hops, way, world};

#[test]
fn who_changes_policies_perhaps_reaches_whom_they_hold() {
    for (rules, power) in [
        (
            "[{apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [delete]}]",
            Some("change NetworkPolicies"),
        ),
        (
            "[{apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [create]}]",
            Some("change NetworkPolicies"),
        ),
        (
            "[{apiGroups: [cilium.io], resources: [ciliumnetworkpolicies], verbs: [patch]}]",
            Some("change NetworkPolicies"),
        ),
        (
            "[{apiGroups: [security.istio.io], resources: [authorizationpolicies], verbs: ['*']}]",
            Some("change NetworkPolicies"),
        ),
        (
            "[{apiGroups: [''], resources: [namespaces], verbs: [patch]}]",
            Some("label namespaces"),
        ),
        (
            "[{apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list]}]",
            None,
        ),
        (
            "[{apiGroups: [''], resources: [namespaces], verbs: [get, create]}]",
            None,
        ),
        // What is of the cluster no RoleBinding gives.
        (
            "[{apiGroups: [policy.networking.k8s.io], resources: [adminnetworkpolicies], verbs: [delete]}]",
            None,
        ),
    ] {
        let steps = way(&world(&bound(rules), ""), "models/registry");
        let expected = power.map(|power| {
            let step = "perhaps rbac: account/lab/notebook => models/registry[Deployment]";
            vec![TOKEN.to_owned(), format!("{step}: {power}")]
        });
        assert_eq!(steps, expected.unwrap_or_default(), "{rules}");
    }
}

#[test]
fn who_changes_policies_of_the_cluster_may_let_pass_what_they_hold_back() {
    let rules = "[{apiGroups: [policy.networking.k8s.io], resources: [clusternetworkpolicies], verbs: [update]}]";
    let text = format!("{TWO}---{}", grants("ClusterRoleBinding", rules));
    let analysis = world(&text, "");
    let steps = hops(&analysis, "models/registry");
    assert_eq!(steps[1].by, "change policies of the cluster");
    assert!(steps[1].unsure.is_some());
    let notes = analysis
        .open_ends(&analysis.find("lab/notebook"))
        .expect("small");
    assert!(
        notes
            .iter()
            .any(|it| it.starts_with("who may change policies")),
        "{notes:?}"
    );
}
