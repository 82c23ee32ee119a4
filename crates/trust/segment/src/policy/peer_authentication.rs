//! `PeerAuthentication` of Istio: where sources have to say who they are.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

use super::{
    Action, Order, Peer, Plane, Pods, Policy, Ports, Priority, Rule, Rules, Tier, caller::Caller,
    range,
};
use crate::{
    Connections, Gap, Protocol, Workload,
    cluster::name_of,
    mesh::Roots,
    selector::{Namespaces, Requirement, Selector},
};

/// One of them.
pub(crate) struct PeerAuthentication {
    pub(crate) level: Level,
    /// At which connections it asks for what, the first that has one; nothing, where that is not known.
    pub(crate) modes: Vec<(Connections, Option<Mode>)>,
    name: String,
    origin: Origin,
    subject: Pods,
}

/// For whom it is: whoever is nearer to the workload decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Workload,
    Namespace,
    Mesh,
}

/// What it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Who does not say who he is does not pass.
    Strict,
    /// Who can says who he is.
    Permissive,
    /// Nobody can.
    Disable,
    /// What the next level says.
    Unset,
}

impl PeerAuthentication {
    /// Whether it is about a workload.
    pub(crate) fn is_about(&self, workload: &Workload) -> Truth {
        let of_namespace = match &self.subject.namespaces {
            Namespaces::One(name) => Truth::from(*name == workload.namespace),
            Namespaces::Selected(_) => Truth::Yes,
            Namespaces::Unknown(why) | Namespaces::Nodes(why) | Namespaces::Proxy(why) => {
                Truth::Unknown(why.clone())
            }
        };
        of_namespace.and(|| self.subject.selector.matches(&workload.labels))
    }

    pub(super) fn policy(&self) -> Policy {
        let modes = self.modes.iter();
        Policy {
            kind: "PeerAuthentication",
            name: self.name.clone(),
            tier: Tier::new(Plane::Mesh, Order::of(0), "peer authentication"),
            priority: Some(Priority::of(Order::of(self.level as i32))),
            origin: self.origin.clone(),
            subject: vec![self.subject.clone()],
            ingress: Rules {
                hold: Truth::Yes,
                closes: Truth::No,
                all: modes
                    .flat_map(|(ports, mode)| self.rules(ports, *mode))
                    .collect(),
            },
            egress: Rules::none(),
        }
    }

    fn rules(&self, connections: &Connections, mode: Option<Mode>) -> Vec<Rule> {
        let rule = |word: &str, action, peer| Rule {
            name: word.to_owned(),
            action: Some(action),
            only: None,
            origin: self.origin.clone(),
            peers: vec![peer],
            ports: Ports::of_connections(connections.clone()),
        };
        let unknown: Arc<str> = "its mode is not known".into();
        match mode {
            Some(Mode::Unset) => Vec::new(),
            Some(Mode::Permissive) => vec![rule("PERMISSIVE", Action::Pass, Peer::Anyone)],
            Some(Mode::Disable) => vec![rule("DISABLE", Action::Pass, Peer::Anyone)],
            Some(Mode::Strict) => vec![
                rule("STRICT", Action::Deny, Peer::Caller(Caller::nobody())),
                rule("STRICT", Action::Pass, Peer::Anyone),
            ],
            None => vec![
                rule(
                    "a mode",
                    Action::Deny,
                    Peer::Caller(Caller::nobody().perhaps(&unknown)),
                ),
                rule("a mode", Action::Pass, Peer::Unknown(unknown)),
            ],
        }
    }
}

/// Those of the files, the nearest to the workloads first.
pub(crate) fn read(world: &World, roots: &Roots, gaps: &mut Vec<Gap>) -> Vec<PeerAuthentication> {
    let objects = world.of_kind("PeerAuthentication");
    let mut all: Vec<_> = objects
        .filter(|it| super::is_of_istio(it))
        .flat_map(|it| one(it, roots, gaps))
        .collect();
    all.sort_by_key(|it| it.level);
    all
}

/// What an object is: twice where it is not known whether it is for all.
fn one(object: &Resource, roots: &Roots, gaps: &mut Vec<Gap>) -> Vec<PeerAuthentication> {
    let spec = object.at("spec");
    let name = name_of(object, gaps);
    let namespaces = Namespaces::of(object, gaps);
    let name = match &namespaces {
        Namespaces::One(namespace) => format!("{namespace}/{name}"),
        _ => name,
    };
    let mut selector = super::workload_selector(&spec.get("selector"), gaps);
    let is_root = match &namespaces {
        Namespaces::One(name) => roots.has(name),
        Namespaces::Selected(_)
        | Namespaces::Unknown(_)
        | Namespaces::Nodes(_)
        | Namespaces::Proxy(_) => Truth::No,
    };
    let levels = match (selector.is_empty(), is_root) {
        (true, Truth::Yes) => vec![(Level::Mesh, Namespaces::Selected(Selector::default()))],
        (true, Truth::No) => vec![(Level::Namespace, namespaces)],
        (true, Truth::Unknown(why)) => vec![
            (Level::Namespace, namespaces),
            (Level::Mesh, Namespaces::Unknown(why)),
        ],
        (false, Truth::No) => vec![(Level::Workload, namespaces)],
        // Istio looks at no such policy of the root namespace (`ComposePeerAuthentication`).
        (false, Truth::Yes) => return Vec::new(),
        (false, Truth::Unknown(why)) => {
            selector.0.push(Requirement::Unknown(None, why));
            vec![(Level::Workload, namespaces)]
        }
    };
    let mut modes = Vec::new();
    // Without a selector, those of ports are not looked at.
    if levels.iter().any(|(it, _)| *it == Level::Workload) {
        for (port, of_port) in spec.get("portLevelMtls").entries() {
            let number = port
                .parse()
                .ok()
                .and_then(|it| range(Protocol::Tcp, it, it));
            match (number, mode(&of_port, gaps)) {
                (Some(port), mode) => modes.push((port, mode)),
                (None, _) => {
                    Gap::tell(&of_port, "what is no port has a mode", gaps);
                    modes.push((Connections::of_protocol(Protocol::Tcp), None));
                }
            }
        }
    }
    let whole = Connections::of_protocol(Protocol::Tcp);
    modes.push((whole, mode(&spec.get("mtls"), gaps)));
    let of_level = |(level, namespaces)| PeerAuthentication {
        level,
        modes: modes.clone(),
        name: name.clone(),
        origin: object.body.origin.clone(),
        subject: Pods {
            namespaces,
            selector: selector.clone(),
        },
    };
    levels.into_iter().map(of_level).collect()
}

fn mode(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Mode> {
    Some(match cursor.get("mode").text() {
        Fact::Absent => Mode::Unset,
        Fact::Known(word) if word == "UNSET" => Mode::Unset,
        Fact::Known(word) if word == "STRICT" => Mode::Strict,
        Fact::Known(word) if word == "PERMISSIVE" => Mode::Permissive,
        Fact::Known(word) if word == "DISABLE" => Mode::Disable,
        Fact::Known(_) | Fact::Unknown(_) => {
            Gap::tell(&cursor.get("mode"), "a mode that is not known", gaps);
            return None;
        }
    })
}
