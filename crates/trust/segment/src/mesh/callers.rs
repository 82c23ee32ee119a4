//! What is said of those who call in a mesh.

use std::sync::Arc;

use casemate_posture::{Cursor, Resource, Truth, World};

use crate::{Addresses, Gap};

/// Whether a Sidecar shows its workloads some Services alone.
pub(super) fn is_narrow(sidecar: &Resource) -> bool {
    let hosts = sidecar.at("spec").walk("egress[].hosts[]");
    let shows_all = hosts.iter().any(|it| it.equals("*/*").is_yes());
    !sidecar.at("spec.egress").is_absent().is_yes() && !shows_all
}

/// The addresses that WorkloadEntries give a name.
pub(super) fn outside(world: &World, gaps: &mut Vec<Gap>) -> Addresses {
    let mut all = Addresses::default();
    for entry in world.of_kind("WorkloadEntry") {
        let cursor = entry.at("spec.address");
        match cursor.text().ok().and_then(|it| Addresses::of_address(&it)) {
            Some(it) => all = all.union(&it),
            None => {
                let why = "whom a WorkloadEntry without an address means is not looked at";
                Gap::tell(&cursor, why, gaps);
            }
        }
    }
    all
}

/// Why callers may not say who they are: a DestinationRule tells them to speak plain text, or other TLS.
pub(super) fn plain(world: &World) -> Option<Arc<str>> {
    let is_other = |rule: &Cursor<'_>| {
        let mut settings = TLS.iter().flat_map(|it| rule.walk(it));
        // Where a mode is not said, it is DISABLE.
        settings.any(|it| it.get("mode").equals("ISTIO_MUTUAL") != Truth::Yes)
    };
    let mut rules = world.of_kind("DestinationRule");
    let rule = rules.find(|it| {
        let host = it.at("spec.host").text().ok().unwrap_or_default();
        is_inside(&host) && is_other(&it.cursor())
    })?;
    Some(format!("{} says how callers use TLS", rule.address).into())
}

/// Whether a host may be a Service of the cluster.
fn is_inside(host: &str) -> bool {
    let dots = host.matches('.').count();
    dots < 2 || [".svc", ".local"].iter().any(|it| host.ends_with(it)) || host.contains(".svc.")
}

const TLS: [&str; 4] = [
    "spec.trafficPolicy.tls",
    "spec.trafficPolicy.portLevelSettings[].tls",
    "spec.subsets[].trafficPolicy.tls",
    "spec.subsets[].trafficPolicy.portLevelSettings[].tls",
];
