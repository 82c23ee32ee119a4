//! Guard rails for the whole cluster, as `ClusterNetworkPolicy`: they hold whatever NetworkPolicies of
//! namespaces say, and where somebody deletes those.

use serde_json::{Value, json};

use super::{
    MANAGED, PREFIX,
    held::{Closed, without_metadata},
    network::{called, labelled},
};
use crate::intent::{Intent, Table};

/// Nobody who is not declared to asks the cloud who it is; and where no NetworkPolicy holds pods, nothing
/// passes out of the namespaces of zones, and nothing into them from the cluster. What comes from outside is
/// beyond these policies: they have no such peer.
pub(super) fn policies(intent: &Intent, table: &Table) -> Vec<Value> {
    let mut policies = Vec::new();
    for (zone, addresses) in without_metadata(intent, table) {
        let pods = json!({"namespaceSelector": called(zone.namespaces), "podSelector": labelled(zone.labels)});
        let name = format!("{PREFIX}no-metadata-{}", zone.name);
        let deny =
            json!({"name": "metadata", "action": "Deny", "to": [{"networks": addresses.blocks()}]});
        policies.push(policy(
            &name,
            "Admin",
            &json!({"pods": pods}),
            &json!({"egress": [deny]}),
        ));
    }
    // The cluster's DNS stays open, where it is in such a namespace.
    let closed = Closed::of(intent);
    let close = |name: &str, subject: &Value| {
        let everybody = json!([{"namespaces": {}}]);
        let everywhere = json!([{"namespaces": {}}, {"networks": ["0.0.0.0/0", "::/0"]}]);
        let rules = json!({
            "ingress": [{"name": "nobody", "action": "Deny", "from": everybody}],
            "egress": [{"name": "nowhere", "action": "Deny", "to": everywhere}],
        });
        policy(&format!("{PREFIX}{name}"), "Baseline", subject, &rules)
    };
    if !closed.whole.is_empty() {
        let subject = json!({"namespaces": called(&closed.whole)});
        policies.push(close("zones-closed", &subject));
    }
    for (namespace, pods) in closed.but_dns {
        let selector = called(&[namespace]);
        let subject = json!({"pods": {"namespaceSelector": selector, "podSelector": pods}});
        policies.push(close("zones-closed-but-dns", &subject));
    }
    policies
}

fn policy(name: &str, tier: &str, subject: &Value, rules: &Value) -> Value {
    let mut spec = json!({"tier": tier, "priority": PRIORITY, "subject": subject});
    for (key, rules) in rules.as_object().into_iter().flatten() {
        spec[key] = rules.clone();
    }
    json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name, "labels": {MANAGED.0: MANAGED.1}},
        "spec": spec,
    })
}

/// Of 0 to 1000: others may be asked before and after.
const PRIORITY: u32 = 500;
