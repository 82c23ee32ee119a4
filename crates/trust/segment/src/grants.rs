//! What lets a route lead to a Service of another namespace: `ReferenceGrant` of Gateway API
//! (gateway-api.sigs.k8s.io/api-types/referencegrant).

use casemate_posture::{Cursor, Resource, Truth, World};

use crate::{Gap, cluster::namespace_of, listed::listed};

/// Whether a grant in `namespace` lets a route of another one lead to the Service `name` there.
pub(crate) fn lets(
    world: &World,
    route: &Resource,
    own: &str,
    namespace: &str,
    name: &str,
    gaps: &mut Vec<Gap>,
) -> Truth {
    let grants = world.of_kind("ReferenceGrant");
    Truth::any(grants.map(|grant| {
        let version = grant.at("apiVersion").text().ok().unwrap_or_default();
        let of_route = |from: &Cursor<'_>| {
            from.get("namespace")
                .equals(own)
                .and(|| from.get("kind").equals(&route.kind))
                .and(|| from.get("group").equals(GROUP))
        };
        let to_service = |to: &Cursor<'_>| {
            let is_core = to
                .get("group")
                .equals("")
                .or(|| to.get("group").is_absent());
            let is_named = to
                .get("name")
                .equals(name)
                .or(|| to.get("name").is_absent());
            to.get("kind")
                .equals("Service")
                .and(|| is_core)
                .and(|| is_named)
        };
        Truth::from(version.starts_with(GROUP))
            .and(|| match namespace_of(grant, gaps).ok() {
                Some(it) => (it == namespace).into(),
                None => Truth::Unknown("the namespace of a ReferenceGrant is not known".into()),
            })
            .and(|| Truth::any(listed(&grant.at("spec.from")).iter().map(of_route)))
            .and(|| Truth::any(listed(&grant.at("spec.to")).iter().map(to_service)))
    }))
}

const GROUP: &str = "gateway.networking.k8s.io";
