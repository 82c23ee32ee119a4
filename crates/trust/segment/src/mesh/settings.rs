//! How a mesh is set up, as far as that stands among the files.

use std::sync::Arc;

use casemate_document::{Node, Value};
use casemate_posture::{Fact, Resource, Truth, World};

use crate::{
    Gap,
    cluster::{is_of_group, name_of},
    document::document,
    listed::{is_there, listed},
};

/// What `meshConfig` says, and else its defaults.
pub(super) struct Settings {
    pub(super) roots: Roots,
    pub(super) trust_domain: Arc<str>,
    pub(super) aliases: Vec<Arc<str>>,
    /// Why nobody knows who vouches for whom.
    pub(super) vague: Option<Arc<str>>,
    /// Why proxies may not take all that comes to their pods.
    pub(super) leaky: Option<Arc<str>>,
    /// Why callers may not see all Services.
    pub(super) hidden: Option<Arc<str>>,
}

/// The namespaces whose policies may be for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roots {
    named: Vec<String>,
    /// Why there may be another.
    open: Option<Arc<str>>,
}

impl Roots {
    /// Whether policies of a namespace are for all.
    pub(crate) fn has(&self, namespace: &str) -> Truth {
        let is_named = self.named.iter().any(|it| it == namespace);
        match (&self.open, is_named, self.named.len()) {
            (None, false, _) => Truth::No,
            (None, true, 1) => Truth::Yes,
            (None, true, _) => {
                Truth::Unknown("settings of the mesh differ in whose policies are for all".into())
            }
            (Some(why), ..) => Truth::Unknown(why.clone()),
        }
    }
}

/// The settings of one object.
#[derive(Default, PartialEq, Eq)]
struct Written {
    root: Option<String>,
    trust_domain: Option<String>,
    aliases: Vec<String>,
    is_mutual: bool,
    leaky: Option<Arc<str>>,
    hidden: Option<Arc<str>>,
}

impl Settings {
    pub(super) fn of(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut written = Vec::new();
        let mut unread: Option<Arc<str>> = None;
        for object in objects(world) {
            match Written::of(object) {
                Ok(it) => written.extend(it),
                Err(why) => unread = Some(Gap::tell(&object.cursor(), &why, gaps)),
            }
        }
        let (leaky, past) = proxies(world, gaps);
        let mut vague = unread.clone().or(past);
        let of_domain = |it: &Written| (it.trust_domain.clone(), it.aliases.clone());
        if written
            .windows(2)
            .any(|it| of_domain(&it[0]) != of_domain(&it[1]))
        {
            vague = Some("settings of the mesh differ among the files".into());
        }
        if written.iter().any(|it| !it.is_mutual) {
            vague = Some("proxies do not choose mutual TLS by themselves (enableAutoMtls)".into());
        }
        if written.iter().any(|it| it.aliases.len() > MAX_ALIASES) {
            vague = Some("its trust domain has more aliases than anybody writes".into());
        }
        let root = |it: &Written| it.root.clone().unwrap_or_else(|| ROOT.to_owned());
        let mut named: Vec<String> = written.iter().map(root).collect();
        if named.is_empty() {
            named.push(ROOT.to_owned());
        }
        named.sort_unstable();
        named.dedup();
        let first_of = |f: fn(&Written) -> Option<Arc<str>>| written.iter().find_map(f);
        Self {
            leaky: leaky.or_else(|| first_of(|it| it.leaky.clone())),
            hidden: first_of(|it| it.hidden.clone()),
            vague,
            roots: Roots {
                named,
                open: unread,
            },
            trust_domain: written
                .first()
                .and_then(|it| it.trust_domain.as_deref())
                .unwrap_or(CLUSTER)
                .into(),
            aliases: written
                .into_iter()
                .next()
                .map_or(Vec::new(), |it| it.aliases)
                .into_iter()
                .take(MAX_ALIASES)
                .map(Arc::from)
                .collect(),
        }
    }
}

/// The objects that have settings of a mesh: `istio`, of a revision `istio-1-24`, and those of operators.
fn objects(world: &World) -> impl Iterator<Item = &Resource> {
    let is_of_istio = |object: &&Resource| {
        let name = name_of(object, &mut Vec::new());
        (name == "istio" || name.starts_with("istio-"))
            && !matches!(object.at("data.mesh").fact, Fact::Absent)
    };
    let of_sail = |it: &&Resource| is_of_group(it, &["sailoperator.io"]) != Some(false);
    world
        .of_kind("ConfigMap")
        .filter(is_of_istio)
        .chain(world.of_kind("IstioOperator"))
        .chain(world.of_kind("Istio").filter(of_sail))
}

impl Written {
    fn of(object: &Resource) -> Result<Option<Self>, String> {
        if *object.kind == *"ConfigMap" {
            return match document(&object.at("data.mesh"), SETTINGS)? {
                Some(root) => Self::read(
                    &|path| Ok(text_of(&root, path)),
                    &|path| node_of(&root, path).is_some(),
                    aliases_of(&root),
                )
                .map(Some),
                None => Ok(None),
            };
        }
        // What an operator is told for the charts is laid upon what it is told for the mesh.
        let places = ["spec.values.meshConfig", "spec.meshConfig"].map(|it| object.at(it));
        let at = |path: &str| places.iter().map(|it| it.at(path)).find(|it| is_there(it));
        let text = |path: &str| match at(path).map_or(Fact::Absent, |it| it.text()) {
            Fact::Known(text) => Ok(Some(text)),
            Fact::Absent => Ok(None),
            Fact::Unknown(why) => Err(format!("the settings of the mesh are not known: {why}")),
        };
        let aliases = at("trustDomainAliases").map_or(Vec::new(), |it| listed(&it));
        let aliases = aliases.iter().map(|it| it.text().ok()).collect();
        let written = Self::read(&text, &|path| at(path).is_some(), aliases)?;
        let homes = ["spec.values.global.istioNamespace", "spec.namespace"];
        let home = homes.iter().find_map(|path| object.at(path).text().ok());
        Ok(Some(Self {
            root: written.root.or(home),
            ..written
        }))
    }

    /// By the texts of settings, by whether any stands at a path, and by the aliases, if all of them are texts.
    fn read(
        text: &dyn Fn(&str) -> Result<Option<String>, String>,
        is_said: &dyn Fn(&str) -> bool,
        aliases: Option<Vec<String>>,
    ) -> Result<Self, String> {
        let mode = text("defaultConfig.interceptionMode")?;
        let narrows = ["defaultServiceExportTo", "discoverySelectors"];
        let hides = narrows.iter().find(|it| is_said(it));
        Ok(Self {
            root: text("rootNamespace")?,
            trust_domain: text("trustDomain")?,
            aliases: aliases.ok_or("the aliases of its trust domain are not known")?,
            is_mutual: text("enableAutoMtls")?.as_deref() != Some("false"),
            leaky: mode
                .filter(|it| it != "REDIRECT" && it != "TPROXY")
                .map(|it| format!("the mesh says interceptionMode: {it}").into()),
            hidden: hides.map(|it| format!("the mesh says {it}").into()),
        })
    }
}

fn node_of<'a>(root: &'a Node, path: &str) -> Option<&'a Node> {
    path.split('.').try_fold(root, |at, key| at.get(key))
}

/// What is there as text; of what has parts, that there is something.
fn text_of(root: &Node, path: &str) -> Option<String> {
    let node = node_of(root, path)?;
    let of_bool = || node.as_bool().map(|it| it.to_string());
    let of_number = || node.as_integer().map(|it| it.to_string());
    let text = node.as_str().map(str::to_owned);
    let is_something = || (!node.is_null()).then(|| "?".to_owned());
    text.or_else(of_bool)
        .or_else(of_number)
        .or_else(is_something)
}

fn aliases_of(root: &Node) -> Option<Vec<String>> {
    let aliases = match root.get("trustDomainAliases").filter(|it| !it.is_null()) {
        Some(aliases) => match &aliases.value {
            Value::List(aliases) => &**aliases,
            _ => return None,
        },
        None => &[],
    };
    let aliases = aliases.iter();
    aliases.map(|it| it.as_str().map(str::to_owned)).collect()
}

/// What the injector is told: why proxies may not take all that comes to their pods, and why they may not see all
/// that these send.
fn proxies(world: &World, gaps: &mut Vec<Gap>) -> (Option<Arc<str>>, Option<Arc<str>>) {
    let (mut leaky, mut past) = (None, None);
    let mut read = |text: &dyn Fn(&str) -> Option<String>, who: &str| {
        let said = |key: &str, usual: &[&str]| {
            let value = text(&format!("global.proxy.{key}"))?;
            let is_usual = usual.contains(&&*value);
            (!is_usual).then(|| Arc::from(format!("{who} says {key}: {value:?}")))
        };
        leaky = leaky
            .take()
            .or_else(|| said("excludeInboundPorts", &[""]))
            .or_else(|| said("includeInboundPorts", &["*"]));
        past = past
            .take()
            .or_else(|| said("excludeOutboundPorts", &[""]))
            .or_else(|| said("includeOutboundPorts", &["", "*"]))
            .or_else(|| said("excludeIPRanges", &[""]))
            .or_else(|| said("includeIPRanges", &["*"]));
    };
    for kind in ["IstioOperator", "Istio"] {
        for object in world.of_kind(kind) {
            let text = |path: &str| match object.at("spec.values").at(path).text() {
                Fact::Known(text) => Some(text),
                Fact::Absent => None,
                Fact::Unknown(_) => Some("?".to_owned()),
            };
            read(&text, &object.address);
        }
    }
    let mut is_off = None;
    for object in world.of_kind("ConfigMap") {
        let name = name_of(object, &mut Vec::new());
        if !name.starts_with("istio-sidecar-injector") {
            continue;
        }
        match document(&object.at("data.values"), SETTINGS) {
            Ok(Some(root)) => read(&|path| text_of(&root, path), &name),
            Ok(None) => {}
            Err(why) => is_off = Some(Gap::tell(&object.at("data.values"), &why, gaps)),
        }
        // Templates in it are not YAML.
        let config = object.at("data.config").text().ok().unwrap_or_default();
        let mut lines = config.lines().map(|it| it.trim().replace(['"', ' '], ""));
        if lines.any(|it| it == "policy:disabled") {
            is_off = Some(format!("{name} gives proxies only to pods that ask for one").into());
        }
    }
    (leaky.or(is_off.clone()), past.or(is_off))
}

const SETTINGS: &str = "the settings of the mesh";

/// Each principal of a policy is compared with each.
const MAX_ALIASES: usize = 100;

/// The namespace whose policies are for all, and the trust domain, of a mesh that names none
/// (istio.io/docs/reference/config/istio.mesh.v1alpha1).
const ROOT: &str = "istio-system";
pub(super) const CLUSTER: &str = "cluster.local";
