//! How a mesh is set up, as far as that stands among the files.

use std::sync::Arc;

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};
use casemate_posture::{Fact, Resource, World};

use crate::{Gap, cluster::name_of};

/// What `meshConfig` says, and else its defaults.
pub(super) struct Settings {
    pub(super) root: Arc<str>,
    pub(super) trust_domain: Arc<str>,
    pub(super) aliases: Vec<Arc<str>>,
    /// Why nobody knows who vouches for whom.
    pub(super) vague: Option<Arc<str>>,
}

/// The settings of one object.
#[derive(PartialEq, Eq)]
struct Written {
    root: Option<String>,
    trust_domain: Option<String>,
    aliases: Vec<String>,
    is_mutual: bool,
}

impl Settings {
    pub(super) fn of(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut written = Vec::new();
        let mut vague = None;
        for object in world.of_kind("ConfigMap").filter(|it| is_of_istio(it)) {
            match of_config_map(object) {
                Ok(it) => written.extend(it),
                Err(why) => vague = Some(Gap::tell(&object.at("data.mesh"), &why, gaps)),
            }
        }
        for object in world.of_kind("IstioOperator") {
            match of_operator(object) {
                Ok(it) => written.push(it),
                Err(why) => vague = Some(Gap::tell(&object.at("spec.meshConfig"), &why, gaps)),
            }
        }
        if written.windows(2).any(|it| it[0] != it[1]) {
            vague = Some("settings of the mesh differ among the files".into());
        }
        if written.iter().any(|it| !it.is_mutual) {
            vague = Some("proxies do not choose mutual TLS by themselves (enableAutoMtls)".into());
        }
        let first = written.into_iter().next();
        let (root, trust_domain, aliases) = match first {
            Some(it) => (it.root, it.trust_domain, it.aliases),
            None => (None, None, Vec::new()),
        };
        Self {
            root: root.as_deref().unwrap_or("istio-system").into(),
            trust_domain: trust_domain.as_deref().unwrap_or(CLUSTER).into(),
            aliases: aliases.into_iter().map(Arc::from).collect(),
            vague,
        }
    }
}

/// `istio`, and of a revision `istio-1-24`.
fn is_of_istio(object: &Resource) -> bool {
    let name = name_of(object, &mut Vec::new());
    (name == "istio" || name.starts_with("istio-"))
        && !matches!(object.at("data.mesh").fact, Fact::Absent)
}

fn of_config_map(object: &Resource) -> Result<Option<Written>, String> {
    let text = match object.at("data.mesh").text() {
        Fact::Known(text) => text,
        Fact::Absent => return Ok(None),
        Fact::Unknown(why) => return Err(format!("the settings of the mesh are not known: {why}")),
    };
    let stream = yaml::read(&text, Dialect::KUBERNETES, &LIMITS);
    if let Some(error) = stream.error {
        return Err(format!("the settings of the mesh are no YAML: {error}"));
    }
    let Some(document) = stream.documents.first() else {
        return Ok(None);
    };
    let root = &document.root;
    let text = |key: &str| root.get(key).and_then(|it| it.as_str()).map(str::to_owned);
    let aliases = root.get("trustDomainAliases");
    let aliases = aliases.map_or(&[][..], |it| it.items()).iter();
    Ok(Some(Written {
        root: text("rootNamespace"),
        trust_domain: text("trustDomain"),
        aliases: aliases
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect(),
        is_mutual: root.get("enableAutoMtls").and_then(|it| it.as_bool()) != Some(false),
    }))
}

fn of_operator(object: &Resource) -> Result<Written, String> {
    let settings = object.at("spec.meshConfig");
    let text = |key: &str| match settings.get(key).text() {
        Fact::Known(text) => Ok(Some(text)),
        Fact::Absent => Ok(None),
        Fact::Unknown(why) => Err(format!("the settings of the mesh are not known: {why}")),
    };
    let aliases = settings.get("trustDomainAliases").items();
    let aliases: Option<Vec<String>> = aliases.iter().map(|it| it.text().ok()).collect();
    Ok(Written {
        root: text("rootNamespace")?,
        trust_domain: text("trustDomain")?,
        aliases: aliases.ok_or("the aliases of its trust domain are not known")?,
        is_mutual: text("enableAutoMtls")?.as_deref() != Some("false"),
    })
}

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    depth: 50,
};

/// The trust domain of a mesh that names none (istio.io/docs/reference/config/istio.mesh.v1alpha1).
pub(super) const CLUSTER: &str = "cluster.local";
