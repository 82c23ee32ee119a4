//! Zones and flows that need not be declared.

use super::{CONTROLLER, DNS, Flow, Intent, METADATA, Members, OUTSIDE, Zone};
use crate::{Connections, Protocol, addresses::metadata};

/// Adds the zones that always exist.
pub(super) fn zones(intent: &mut Intent) {
    for (name, members) in [
        (METADATA, Members::Addresses(metadata())),
        (CONTROLLER, Members::Controller),
        (OUTSIDE, Members::Outside),
    ] {
        intent.zones.push(Zone {
            name: name.to_owned(),
            members,
            line: 0,
        });
    }
}

/// The cluster's DNS, as kubeadm and the managed services label it. Others are declared as a zone `dns`.
pub(super) fn dns() -> Zone {
    Zone {
        name: DNS.to_owned(),
        members: Members::Pods {
            namespaces: vec!["kube-system".to_owned()],
            labels: [("k8s-app".to_owned(), "kube-dns".to_owned())].into(),
        },
        line: 0,
    }
}

/// What somebody sends who asks for names.
pub(super) fn asking() -> Connections {
    Connections::of(Protocol::Udp, 53, 53).union(&Connections::of(Protocol::Tcp, 53, 53))
}

/// The place of the zone of the cluster's DNS, which is added where none is declared.
pub(super) fn dns_zone(intent: &mut Intent) -> Result<usize, String> {
    if let Some(at) = intent.zone(DNS) {
        return Ok(at);
    }
    let dns = dns();
    if let Some(zone) = intent.zones.iter().find(|it| it.shared(&dns).is_some()) {
        return Err(format!(
            "the pods of the cluster's DNS may be in the zone {zone}: declare a zone `dns` for them, or say `dns: false`"
        ));
    }
    intent.zones.push(dns);
    Ok(intent.zones.len() - 1)
}

/// Everybody may ask for names.
pub(super) fn names(intent: &mut Intent) -> Result<(), String> {
    let is_pods = |zone: &Zone| matches!(zone.members, Members::Pods { .. });
    let dns = dns_zone(intent)?;
    let sources = (0..intent.zones.len()).filter(|at| *at != dns && is_pods(&intent.zones[*at]));
    for from in sources.collect::<Vec<_>>() {
        let connections = asking();
        intent.flows.push(Flow {
            from,
            to: dns,
            connections,
            accounts: Vec::new(),
            line: 0,
        });
    }
    intent.dns = true;
    Ok(())
}
