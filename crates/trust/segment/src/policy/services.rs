//! Whom rules mean that name Services.

use casemate_posture::Resource;

use super::{Peer, Pods};
use crate::{
    Gap,
    selector::{Namespaces, Selector},
};

/// The pods behind a Service, or whoever is behind one that selects none.
pub(super) fn behind(service: &Resource, home: String, gaps: &mut Vec<Gap>) -> Peer {
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
