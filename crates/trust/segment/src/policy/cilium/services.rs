//! Whom rules mean that name Services: the pods behind them.

use casemate_posture::{Cursor, Fact, Resource, Truth};

use super::{Scope, peers::unknown};
use crate::{
    Gap, Labels,
    cluster::namespace_of,
    listed::is_there,
    policy::{Peer, Pods},
    selector::{Namespaces, Selector},
};

/// Which Services are meant.
struct Wanted {
    namespace: Option<String>,
    by: By,
}

enum By {
    Name(String),
    Labels(Selector),
}

pub(super) fn peers(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let Some(wanted) = Wanted::read(scope, cursor, gaps) else {
        return unknown(cursor, "which Services are meant is not known", gaps);
    };
    let mut peers = Vec::new();
    for service in scope.world.of_kind("Service") {
        let Fact::Known(home) = namespace_of(service, gaps) else {
            continue;
        };
        match wanted.is(service, &home, gaps) {
            Truth::No => {}
            Truth::Unknown(why) => return unknown(cursor, &why, gaps),
            Truth::Yes => peers.push(behind(service, home, gaps)),
        }
    }
    match peers.is_empty() {
        true => unknown(cursor, "the Service is not among the files", gaps),
        false => peers,
    }
}

/// The pods behind a Service, or whoever is behind one that selects none.
fn behind(service: &Resource, home: String, gaps: &mut Vec<Gap>) -> Peer {
    let selector = Selector::of_labels(&service.at("spec.selector"), gaps);
    if selector.is_empty() {
        let why = "the addresses behind a Service without a selector are not known";
        return Peer::Outside(Gap::tell(&service.at("spec"), why, gaps));
    }
    Peer::Pods(Pods {
        namespaces: Namespaces::One(home.into()),
        selector,
    })
}

impl Wanted {
    fn read(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Self> {
        let (named, labelled) = (cursor.get("k8sService"), cursor.get("k8sServiceSelector"));
        let (at, by) = match (is_there(&named), is_there(&labelled)) {
            (true, false) => {
                let name = named.get("serviceName").text().ok()?;
                (&named, By::Name(name))
            }
            (false, true) => {
                let selector = Selector::read(&labelled.get("selector"), gaps);
                (&labelled, By::Labels(selector))
            }
            _ => return None,
        };
        let namespace = match (at.get("namespace").text(), &by, &scope.namespace) {
            (Fact::Known(namespace), _, _) => Some(namespace),
            (Fact::Unknown(_), _, _) => return None,
            // A name is that of a Service beside the policy; labels may be those of any.
            (Fact::Absent, By::Name(_), Some(Namespaces::One(own))) => Some(own.to_string()),
            (Fact::Absent, By::Name(_), _) => return None,
            (Fact::Absent, By::Labels(_), _) => None,
        };
        Some(Self { namespace, by })
    }

    fn is(&self, service: &Resource, home: &str, gaps: &mut Vec<Gap>) -> Truth {
        let is_of_core = service.at("apiVersion").equals("v1").is_yes();
        if !is_of_core || self.namespace.as_ref().is_some_and(|it| it != home) {
            return Truth::No;
        }
        match &self.by {
            By::Name(name) => service.at("metadata.name").equals(name),
            By::Labels(selector) => {
                selector.matches(&Labels::read(&service.at("metadata.labels"), gaps))
            }
        }
    }
}
