//! What lets a route lead to a Service of another namespace: `ReferenceGrant` of Gateway API
//! (gateway-api.sigs.k8s.io/api-types/referencegrant).

use std::collections::HashMap;

use casemate_posture::{Cursor, Fact, Resource, Truth, World};

use crate::{
    cluster::{is_of_group, namespace_of},
    listed::listed,
};

/// The grants of the files, by their namespaces.
#[derive(Default)]
pub(crate) struct Grants<'a> {
    by_namespace: HashMap<String, Vec<&'a Resource>>,
    /// Those of which the namespace is not known.
    anywhere: Vec<&'a Resource>,
}

impl<'a> Grants<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        let mut grants = Self::default();
        for grant in world.of_kind("ReferenceGrant") {
            if is_of_group(grant, &[GROUP]) != Some(true) {
                continue;
            }
            // Whatever leads there says that it is not known.
            match namespace_of(grant, &mut Vec::new()) {
                Fact::Known(name) => grants.by_namespace.entry(name).or_default().push(grant),
                Fact::Absent | Fact::Unknown(_) => grants.anywhere.push(grant),
            }
        }
        grants
    }

    /// Whether a grant in `namespace` lets a route of another one lead to the Service `name` there.
    pub(crate) fn lets(&self, route: &Resource, own: &str, namespace: &str, name: &str) -> Truth {
        let here = self.by_namespace.get(namespace);
        let here = here.into_iter().flatten();
        Truth::any(here.map(|it| grants(it, route, own, name))).or(|| {
            let vague = self.anywhere.iter();
            Truth::any(vague.map(|it| {
                let unknown = "the namespace of a ReferenceGrant is not known";
                grants(it, route, own, name).and(|| Truth::Unknown(unknown.into()))
            }))
        })
    }
}

fn grants(grant: &Resource, route: &Resource, own: &str, name: &str) -> Truth {
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
    Truth::any(listed(&grant.at("spec.from")).iter().map(of_route))
        .and(|| Truth::any(listed(&grant.at("spec.to")).iter().map(to_service)))
}

const GROUP: &str = "gateway.networking.k8s.io";
