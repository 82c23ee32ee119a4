//! What a cluster has of the kinds that are wanted: in one answer where the server gives it (aggregated
//! discovery, <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>), and else
//! group by group.

use std::collections::{BTreeMap, BTreeSet};

use casemate_document::json::values_at_most;
use serde_json::Value;

use crate::{Accept, Api, RequestError};

/// A kind that somebody judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted<'a> {
    /// The group; empty for the core.
    pub group: &'a str,
    /// The kind.
    pub kind: &'a str,
}

/// A kind that the cluster has and can list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// Its name in paths.
    pub(crate) plural: String,
    pub(crate) is_namespaced: bool,
}

/// What there is, and what is not known of that.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Discovery {
    /// In the order of group and kind.
    pub(crate) resources: Vec<Resource>,
    /// Groups with wanted kinds of which the server does not say what is in them, and why.
    pub(crate) gaps: Vec<(String, String)>,
    /// What is wanted and there, and cannot be listed, so that nobody knows how much of it there is.
    pub(crate) unlisted: Vec<Resource>,
}

impl Resource {
    /// `apps/v1`, and `v1` for the core.
    pub(crate) fn api_version(&self) -> String {
        match self.group.is_empty() {
            true => self.version.clone(),
            false => format!("{}/{}", self.group, self.version),
        }
    }

    /// The kind as identities have it: `deployment.apps`.
    pub(crate) fn qualified(&self) -> String {
        let kind = self.kind.to_lowercase();
        match self.group.is_empty() {
            true => kind,
            false => format!("{kind}.{}", self.group),
        }
    }

    /// The path of the list, in a namespace or in all.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = group_path(&self.group);
        let (version, plural) = (&self.version, &self.plural);
        match namespace {
            Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{version}/{plural}"),
        }
    }
}

/// Asks for everything that is wanted. What the cluster does not have is not there to be judged, and is
/// no gap.
///
/// # Errors
///
/// Where the server does not even say which groups it has, or has nothing of what every cluster has: what
/// answers so is no Kubernetes, and silence about it would read as a clean one.
pub(crate) fn discover(
    api: &dyn Api,
    wanted: &[Wanted<'_>],
    limit: u64,
) -> Result<Discovery, RequestError> {
    let mut found = Found {
        wanted,
        kinds: BTreeMap::new(),
        gaps: BTreeMap::new(),
        essential: BTreeSet::new(),
    };
    for root in ["/api", "/apis"] {
        let (answer, _) = json(&api.get(root, Accept::Discovery, limit)?)?;
        match answer["kind"].as_str() {
            Some("APIGroupDiscoveryList") => found.aggregated(&answer),
            Some("APIVersions") => {
                let versions = texts(&answer["versions"]);
                found.versions(api, "", &versions, limit);
            }
            Some("APIGroupList") => {
                for group in items(&answer["groups"]) {
                    let name = group["name"].as_str().unwrap_or_default();
                    let of = |version: &Value| version["version"].as_str().map(str::to_owned);
                    // The preferred one first, and the others for what it does not have.
                    let preferred = of(&group["preferredVersion"]);
                    let others = items(&group["versions"]).iter().filter_map(of);
                    let versions: Vec<String> = preferred.into_iter().chain(others).collect();
                    found.versions(api, name, &versions, limit);
                }
            }
            _ => {
                let why = format!("{root} is no discovery document");
                return Err(RequestError::Malformed(why));
            }
        }
    }
    if found.lacks_essential() {
        let why = found.gaps.get("").map(|why| format!(": {why}"));
        return Err(RequestError::Malformed(format!(
            "discovery has no v1 pods and namespaces that can be listed, which every cluster has{}",
            why.unwrap_or_default()
        )));
    }
    let (listed, unlisted): (Vec<_>, Vec<_>) = found
        .kinds
        .into_values()
        .partition(|(_, is_listed)| *is_listed);
    let resources = |all: Vec<(Resource, bool)>| all.into_iter().map(|(it, _)| it).collect();
    Ok(Discovery {
        resources: resources(listed),
        gaps: found.gaps.into_iter().collect(),
        unlisted: resources(unlisted),
    })
}

struct Found<'a> {
    wanted: &'a [Wanted<'a>],
    /// By group and kind, and whether it can be listed.
    kinds: BTreeMap<(String, String), (Resource, bool)>,
    gaps: BTreeMap<String, String>,
    /// What can be listed of [`ESSENTIAL`], wanted or not.
    essential: BTreeSet<&'static str>,
}

impl Found<'_> {
    fn is_wanted(&self, group: &str) -> bool {
        group.is_empty() || self.wanted.iter().any(|it| it.group == group)
    }

    fn lacks_essential(&self) -> bool {
        self.essential.len() < ESSENTIAL.len()
    }

    fn aggregated(&mut self, answer: &Value) {
        for group in items(&answer["items"]) {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            if !self.is_wanted(name) {
                continue;
            }
            for version in items(&group["versions"]) {
                let of = |key: &str| version[key].as_str().unwrap_or_default();
                if of("freshness") == "Stale" {
                    let why =
                        "the server could not reach who serves it, and says what it knew before";
                    self.gaps.insert(name.to_owned(), why.to_owned());
                }
                for resource in items(&version["resources"]) {
                    self.add(
                        Resource {
                            group: name.to_owned(),
                            version: of("version").to_owned(),
                            kind: text(&resource["responseKind"]["kind"]),
                            plural: text(&resource["resource"]),
                            is_namespaced: resource["scope"] == "Namespaced",
                        },
                        resource,
                    );
                }
            }
        }
    }

    fn versions(&mut self, api: &dyn Api, group: &str, versions: &[String], limit: u64) {
        if !self.is_wanted(group) {
            return;
        }
        let mut asked: Vec<&String> = Vec::new();
        for version in versions.iter().take(MAX_VERSIONS) {
            let is_missing = self.wanted.iter().any(|it| {
                let key = (it.group.to_owned(), it.kind.to_owned());
                it.group == group && self.kinds.get(&key).is_none_or(|(_, is_listed)| !is_listed)
            });
            let is_missing = is_missing || (group.is_empty() && self.lacks_essential());
            if asked.contains(&version) || !is_missing {
                continue;
            }
            asked.push(version);
            if let Err(error) = self.version(api, group, version, limit) {
                self.gaps.insert(group.to_owned(), error.to_string());
            }
        }
    }

    fn version(
        &mut self,
        api: &dyn Api,
        group: &str,
        version: &str,
        limit: u64,
    ) -> Result<(), RequestError> {
        if !is_name(version) {
            return Err(RequestError::Malformed(format!(
                "{version:?} is no version"
            )));
        }
        let path = format!("{}/{version}", group_path(group));
        let (answer, _) = json(&api.get(&path, Accept::Json, limit)?)?;
        if answer["kind"] != "APIResourceList" {
            return Err(RequestError::Malformed(format!(
                "{path} is no list of resources"
            )));
        }
        for resource in items(&answer["resources"]) {
            self.add(
                Resource {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    kind: text(&resource["kind"]),
                    plural: text(&resource["name"]),
                    is_namespaced: resource["namespaced"] == true,
                },
                resource,
            );
        }
        Ok(())
    }

    /// Takes a resource, unless an earlier version had it: the first is the preferred one.
    fn add(&mut self, resource: Resource, said: &Value) {
        let is_listed = texts(&said["verbs"]).iter().any(|verb| verb == "list");
        if is_listed && resource.api_version() == "v1" {
            let is_it = |it: &&&str| **it == resource.plural;
            self.essential.extend(ESSENTIAL.iter().find(is_it));
        }
        let is_kind = |it: &Wanted<'_>| it.group == resource.group && it.kind == resource.kind;
        // Parts of a resource, such as `deployments/scale`, are of kinds as well.
        if !self.wanted.iter().any(is_kind) || resource.plural.contains('/') {
            return;
        }
        if !is_name(&resource.plural) || !is_name(&resource.version) {
            let why = format!("{:?} is no name of a resource", resource.plural);
            self.gaps.insert(resource.group, why);
            return;
        }
        let key = (resource.group.clone(), resource.kind.clone());
        match self.kinds.get(&key) {
            Some((_, true)) => {}
            Some(_) if !is_listed => {}
            _ => {
                self.kinds.insert(key, (resource, is_listed));
            }
        }
    }
}

fn group_path(group: &str) -> String {
    match group.is_empty() {
        true => "/api".to_owned(),
        false => format!("/apis/{group}"),
    }
}

/// Whether a text is a part of a path, and nothing else.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.len() <= 253 && text.bytes().all(is_plain)
}

/// An answer as JSON, and how many values it holds at most, which are counted before it is read.
pub(crate) fn json(bytes: &[u8]) -> Result<(Value, usize), RequestError> {
    let count = values_at_most(bytes);
    if count > MAX_VALUES {
        return Err(RequestError::TooMany(MAX_VALUES));
    }
    let value = serde_json::from_slice(bytes)
        .map_err(|error| RequestError::Malformed(format!("it is no JSON: {error}")))?;
    Ok((value, count))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let texts = items(value).iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// What every cluster serves in `v1` of the core.
const ESSENTIAL: &[&str] = &["namespaces", "pods"];
/// More versions of one group than that nobody serves.
const MAX_VERSIONS: usize = 16;
/// In one answer. A longer list is asked for in smaller pages, as one of too many bytes is.
const MAX_VALUES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_many_short_values_is_not_parsed() {
        let text = format!("[{}0]", "0,".repeat(MAX_VALUES));
        let error = json(text.as_bytes()).expect_err("too many");
        assert_eq!(error, RequestError::TooMany(MAX_VALUES));
    }
}
