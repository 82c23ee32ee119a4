//! Gatekeeper's constraints and suites, from the directory that the caller names, and the documents
//! of manifests.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use casemate_core::{PathText, Timestamp};
use casemate_policy::{
    Limits,
    gatekeeper::{ConstraintReport, Constraints, Inventory, Resource, Suite, SuiteCase},
};

use crate::{config, policies};

/// The templates and constraints of a policy. Nothing, where it has none.
pub(crate) fn load(dir: &Path) -> Result<Option<Constraints>> {
    let files = resources(dir)?;
    let resources: Vec<Resource> = files.into_iter().flat_map(|(_, all)| all).collect();
    let constraints = Constraints::load(&resources, Limits::default())
        .with_context(|| format!("in the policy {}", dir.display()))?;
    Ok(Some(constraints).filter(|constraints| !constraints.is_empty()))
}

/// What they say of `manifests`, beside which there is what `inventory` names.
pub(crate) fn check(
    constraints: &Constraints,
    manifests: &[Resource],
    inventory: &[PathBuf],
    now: Timestamp,
) -> Result<ConstraintReport> {
    let known = self::inventory(inventory)?;
    Ok(ConstraintReport::of(constraints, manifests, known, now))
}

/// The objects in `files`.
pub(crate) fn inventory(files: &[PathBuf]) -> Result<Inventory> {
    let mut known = Inventory::default();
    for path in files {
        for resource in parsed(path, config::read_bounded(path)?.as_bytes())? {
            let inserted = known.insert(&resource.value);
            inserted.map_err(|why| anyhow!("{}: {why}", resource.place()))?;
        }
    }
    Ok(known)
}

/// What comes of every suite below `dir`.
pub(crate) fn suites(dir: &Path, now: Timestamp) -> Result<Vec<SuiteCase>> {
    let mut cases = Vec::new();
    for (path, resources) in resources(dir)? {
        let folder = path.parent().unwrap_or(dir);
        let read = |name: &str| {
            let text = config::read_bounded(&folder.join(name));
            let text = text.map_err(|error| format!("{error:#}"))?;
            Ok(text.into_bytes())
        };
        for resource in resources.iter().filter(|it| Suite::is_meant(&it.value)) {
            let suite = Suite::read(resource)?;
            cases.extend(suite.run(&read, Limits::default(), now));
        }
    }
    Ok(cases)
}

/// The objects of a manifest.
pub(crate) fn parsed(path: &Path, bytes: &[u8]) -> Result<Vec<Resource>> {
    Ok(Resource::read(&path.display().to_string(), bytes)?)
}

/// Everything of Gatekeeper below `dir`, by its file. What does not speak of it is not read: a policy may hold
/// templates of other programs that look like YAML and are none. Archives of policies have no place for it.
fn resources(dir: &Path) -> Result<Vec<(PathBuf, Vec<Resource>)>> {
    let mut resources = Vec::new();
    if !dir.is_dir() {
        return Ok(resources);
    }
    for (name, bytes) in policies::read(dir)? {
        let is_meant = is_manifest(&name) && bytes.windows(MARK.len()).any(|it| it == MARK);
        if is_meant {
            // By its bytes: a folder whose name is no text is the one that a suite means.
            let path = dir.join(OsStr::from_bytes(&name.to_bytes()));
            let all = parsed(&path, &bytes)?;
            resources.push((path, all));
        }
    }
    Ok(resources)
}

fn is_manifest(name: &PathText) -> bool {
    matches!(name.extension(), Some("json" | "yaml" | "yml"))
}

/// In the group of everything that Gatekeeper reads.
const MARK: &[u8] = b".gatekeeper.sh/";
