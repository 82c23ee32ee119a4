//! Guard rails for the whole cluster, as `ClusterNetworkPolicy`: they hold whatever NetworkPolicies of
//! namespaces say, and where somebody deletes those.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    MANAGED, PREFIX,
    network::{called, labelled, rest},
};
use crate::intent::{Intent, METADATA, Members};

/// Nobody who is not declared to asks the cloud who it is; and where no NetworkPolicy holds pods, nothing
/// passes out of the namespaces of zones, and nothing into them from the cluster. What comes from outside is
/// beyond these policies: they have no such peer.
pub(super) fn policies(intent: &Intent) -> Vec<Value> {
    let mut policies = Vec::new();
    for zone in intent.governed() {
        let Members::Pods { namespaces, labels } = &intent.zones[zone].members else {
            continue;
        };
        let metadata = intent
            .zone(METADATA)
            .filter(|it| intent.declared(zone, *it).is_empty());
        let Some(metadata) = metadata else {
            continue;
        };
        let Members::Addresses(addresses) = &intent.zones[metadata].members else {
            continue;
        };
        let pods =
            json!({"namespaceSelector": called(namespaces), "podSelector": labelled(labels)});
        let name = format!("{PREFIX}no-metadata-{}", intent.zones[zone].name);
        let deny =
            json!({"name": "metadata", "action": "Deny", "to": [{"networks": addresses.blocks()}]});
        policies.push(policy(
            &name,
            "Admin",
            &json!({"pods": pods}),
            &json!({"egress": [deny]}),
        ));
    }
    let zones = intent
        .governed()
        .filter_map(|it| match &intent.zones[it].members {
            Members::Pods { namespaces, .. } => Some(namespaces),
            _ => None,
        });
    let namespaces: BTreeSet<String> = zones.flatten().cloned().collect();
    // The cluster's DNS stays open, where it is in such a namespace.
    let (whole, parts): (Vec<String>, Vec<String>) = namespaces
        .into_iter()
        .partition(|it| rest(intent, it) == json!({}));
    let close = |name: &str, subject: &Value| {
        let everybody = json!([{"namespaces": {}}]);
        let everywhere = json!([{"namespaces": {}}, {"networks": ["0.0.0.0/0", "::/0"]}]);
        let rules = json!({
            "ingress": [{"name": "nobody", "action": "Deny", "from": everybody}],
            "egress": [{"name": "nowhere", "action": "Deny", "to": everywhere}],
        });
        policy(&format!("{PREFIX}{name}"), "Baseline", subject, &rules)
    };
    if !whole.is_empty() {
        let subject = json!({"namespaces": called(&whole)});
        policies.push(close("zones-closed", &subject));
    }
    for namespace in parts {
        let pods = rest(intent, &namespace);
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
