//! How Cilium is set, where its ConfigMap is among the files.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Origin, Resource, World};

use crate::Gap;

/// Why policies may hold nothing, if it is set so.
pub(super) fn off(world: &World, gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let never = said(world, "enable-policy", "never")
        .map(|it| (it, "with enable-policy: never, Cilium holds no policy"));
    let audit = said(world, "policy-audit-mode", "true").map(|it| {
        (
            it,
            "with policy-audit-mode, Cilium lets pass what policies deny",
        )
    });
    let (cursor, why) = never.or(audit)?;
    Some(Gap::tell(&cursor, why, gaps))
}

/// Where it says that pods without a policy are closed, and what that means.
pub(super) fn always(world: &World, gaps: &mut Vec<Gap>) -> Option<(Origin, Arc<str>)> {
    let cursor = said(world, "enable-policy", "always")?;
    let why =
        "with enable-policy: always, Cilium lets nothing pass to and from pods without a policy";
    let why = Gap::tell(&cursor, why, gaps);
    Some((cursor.origin().clone(), why))
}

/// Whether it is among the files.
pub(super) fn are_there(world: &World) -> bool {
    maps(world).next().is_some()
}

/// Where a key says that, or may.
fn said<'w>(world: &'w World, key: &str, value: &str) -> Option<Cursor<'w>> {
    let mut places = maps(world).map(|it| it.at("data").get(key));
    places.find(|it| match it.text() {
        Fact::Known(text) => text == value,
        Fact::Absent => false,
        Fact::Unknown(_) => true,
    })
}

fn maps(world: &World) -> impl Iterator<Item = &Resource> {
    let all = world.of_kind("ConfigMap");
    all.filter(|it| it.at("metadata.name").equals("cilium-config").is_yes())
}
