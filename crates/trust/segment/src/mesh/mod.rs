//! A service mesh, as Istio makes one: who has a proxy, and what that proxy sees.
//!
//! ```text
//!   labels of namespaces and pods, annotations ──► whether a workload has a proxy, and says who it is
//!   names of the ports of Services             ──► where its proxy sees requests, and where only bytes
//!   PeerAuthentication                         ──► where nobody can say who he is
//! ```
//!
//! What a proxy decides of is TCP to the workload; what reaches the proxy itself (15020, 15021, 15090) is not
//! looked at. What comes from outside of the cluster is taken as from nobody who says who he is.

mod member;
mod settings;
mod signs;

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Truth, World};

use crate::{
    Bounds, Cluster, Connections, Gap, Labels, Protocol, Workload,
    entry::{Service, Services},
    policy::{
        Pattern,
        peer_authentication::{self, Mode, PeerAuthentication},
    },
};

use self::settings::Settings;

pub(crate) use self::{
    member::{Member, Wire},
    signs::Signs,
};

/// A mesh.
pub(crate) struct Mesh {
    /// The namespace whose policies are for all.
    pub(crate) root: Arc<str>,
    pub(crate) trust_domain: Arc<str>,
    pub(crate) aliases: Vec<Arc<str>>,
    pub(crate) authentications: Vec<PeerAuthentication>,
    /// Why nobody knows who says who he is.
    vague: Option<Arc<str>>,
    /// The namespaces that say themselves what is spoken at the ports of their workloads.
    listening: Vec<String>,
}

/// Whether a workload has a proxy: a container in each pod, or one of its node that sees bytes alone.
struct Proxies {
    sidecar: Truth,
    node: Truth,
}

impl Mesh {
    /// The mesh of the files.
    pub(crate) fn of(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let settings = Settings::of(world, gaps);
        let sidecars = world
            .of_kind("Sidecar")
            .filter(|it| !it.at("spec.ingress").is_absent().is_yes());
        Self {
            authentications: peer_authentication::read(world, &settings.root, gaps),
            root: settings.root,
            trust_domain: settings.trust_domain,
            aliases: settings.aliases,
            vague: settings.vague.or_else(|| plain_callers(world)),
            listening: sidecars
                .filter_map(|it| it.namespace().map(str::to_owned))
                .collect(),
        }
    }

    /// Whether mutual TLS may be off somewhere.
    pub(crate) fn may_be_plain(&self) -> bool {
        let mut modes = self.authentications.iter().flat_map(|it| &it.modes);
        modes.any(|(_, mode)| matches!(mode, Some(Mode::Disable) | None))
    }

    /// What a principal of a policy means: one of the mesh's own trust domain is one of its aliases too, and
    /// `cluster.local` is the mesh's own (`ReplaceTrustDomainAliases`).
    pub(crate) fn principals(&self, text: &str) -> Vec<Pattern> {
        let parts = text
            .split_once('/')
            .filter(|_| text.matches('/').count() == 4);
        let Some((domain, rest)) = parts.filter(|(domain, _)| *domain != "*") else {
            return vec![Pattern::of(text)];
        };
        let is_own = domain == settings::CLUSTER || self.domains().any(|it| is_like(domain, it));
        if !is_own {
            return vec![Pattern::of(text)];
        }
        let written = |own: &str| match domain.strip_prefix('*') {
            Some(end) if own.ends_with(end) => Pattern::of(text),
            _ => Pattern::of(&format!("{own}/{rest}")),
        };
        let mut all: Vec<Pattern> = Vec::new();
        for pattern in self.domains().map(written) {
            if !all.contains(&pattern) {
                all.push(pattern);
            }
        }
        all
    }

    /// What a trust domain of a policy means.
    pub(crate) fn domains_of(&self, text: &str) -> Vec<String> {
        match self.domains().any(|it| it == text) {
            true => self.domains().map(str::to_owned).collect(),
            false => vec![text.to_owned()],
        }
    }

    fn domains(&self) -> impl Iterator<Item = &str> {
        let aliases = self.aliases.iter().map(|it| &**it);
        std::iter::once(&*self.trust_domain).chain(aliases)
    }

    /// Says of each workload what the mesh makes of it.
    pub(crate) fn join(&self, cluster: &mut Cluster, services: &Services<'_>) {
        let mut behind: Vec<Vec<(&Service<'_>, &Truth)>> =
            vec![Vec::new(); cluster.workloads.len()];
        for service in services.values() {
            for (at, truth) in &service.workloads {
                behind[*at].push((service, truth));
            }
        }
        let is_seen = is_seen(cluster);
        let members = cluster
            .workloads
            .iter()
            .zip(&behind)
            .map(|(workload, behind)| self.member(cluster, workload, behind, is_seen));
        let members: Vec<Member> = members.collect();
        for (workload, member) in cluster.workloads.iter_mut().zip(members) {
            workload.member = member;
        }
    }

    fn member(
        &self,
        cluster: &Cluster,
        workload: &Workload,
        services: &[(&Service<'_>, &Truth)],
        is_seen: bool,
    ) -> Member {
        let labels = &cluster.namespaces[&workload.namespace].labels;
        let proxies = match is_seen {
            true => proxies(workload, labels),
            false => {
                let why = Truth::Unknown("nothing among the files says who has a proxy".into());
                Proxies {
                    sidecar: workload.signs.is_injected.clone().or(|| why),
                    node: Truth::No,
                }
            }
        };
        let (taken, unsure) = taken(workload, labels, services, &proxies);
        let is_there = proxies.sidecar.clone().or(|| proxies.node.clone());
        let is_identified = is_there.and(|| match (&self.vague, &workload.signs.sends_past) {
            (Some(why), _) | (None, Truth::Unknown(why)) => Truth::Unknown(why.clone()),
            (None, Truth::Yes) => {
                Truth::Unknown("some of what it sends goes past its proxy".into())
            }
            (None, Truth::No) => Truth::Yes,
        });
        let mut http = match (&proxies.node, &proxies.sidecar) {
            (Truth::Yes, _) => Bounds::default(),
            _ => http(workload, services),
        };
        if proxies.node != Truth::No {
            http.least = Connections::default();
        }
        let says_itself = self.listening.iter().any(|it| **it == *workload.namespace);
        if says_itself && proxies.sidecar != Truth::No {
            http = Bounds {
                least: Connections::default(),
                most: Connections::of_protocol(Protocol::Tcp),
            };
        }
        Member {
            is_identified,
            trust_domain: self.trust_domain.clone(),
            taken,
            unsure,
            http,
            plain: self.plain(workload),
            may_see_bytes_alone: proxies.node != Truth::No,
        }
    }

    /// Where mutual TLS is off: the first policy with a mode decides, from the workload to the whole mesh.
    fn plain(&self, workload: &Workload) -> Bounds<Connections> {
        let mut left = Bounds::exact(Connections::of_protocol(Protocol::Tcp));
        let mut plain = Bounds::<Connections>::default();
        let meant = self
            .authentications
            .iter()
            .map(|it| (it, it.is_about(workload)));
        let meant: Vec<_> = meant.filter(|(_, truth)| *truth != Truth::No).collect();
        for (policy, truth) in &meant {
            let of_level = meant.iter().filter(|(it, _)| it.level == policy.level);
            let is_sure = truth.is_yes() && of_level.count() == 1;
            for (ports, mode) in &policy.modes {
                let (least, most) = (
                    left.least.intersection(ports),
                    left.most.intersection(ports),
                );
                match mode {
                    Some(Mode::Unset) => continue,
                    Some(Mode::Strict | Mode::Permissive) => {}
                    Some(Mode::Disable) if is_sure => {
                        plain.least = plain.least.union(&least);
                        plain.most = plain.most.union(&most);
                    }
                    Some(Mode::Disable) | None => plain.most = plain.most.union(&most),
                }
                left.least = left.least.difference(ports);
                if is_sure && mode.is_some() {
                    left.most = left.most.difference(ports);
                }
            }
        }
        plain
    }
}

/// Whether a trust domain that a policy names is one of the mesh's: a star may be at either end of both.
fn is_like(named: &str, own: &str) -> bool {
    let fits = |text: &str, pattern: &str| match Pattern::of(pattern) {
        Pattern::Exact(exact) => text == exact,
        pattern => pattern.fits(text),
    };
    own == "*" || fits(named, own) || fits(own, named)
}

/// Whether anything of the cluster says who has a proxy.
fn is_seen(cluster: &Cluster) -> bool {
    let says = |labels: &Labels, keys: &[&str]| {
        let mut keys = keys.iter();
        keys.any(|key| matches!(labels.get(key), Fact::Known(_)))
    };
    let of_namespace = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"];
    let of_pod = [
        "sidecar.istio.io/inject",
        "istio.io/rev",
        "istio.io/dataplane-mode",
    ];
    cluster
        .namespaces
        .values()
        .any(|it| says(&it.labels, &of_namespace))
        || cluster
            .workloads
            .iter()
            .any(|it| says(&it.labels, &of_pod) || it.signs.is_injected.is_yes())
}

/// By the webhook of Istio (its selectors and `injectRequired`), and for nodes by the label of ambient mode.
fn proxies(workload: &Workload, namespace: &Labels) -> Proxies {
    let pod = &workload.labels;
    let has = |labels: &Labels, key: &str| !labels.get(key).is_absent();
    let asked = pod.get("sidecar.istio.io/inject");
    let annotation = || match &workload.signs.inject {
        Fact::Known(text) => Fact::Known(text.as_str()),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    };
    let injection = namespace.get("istio-injection");
    let by_pod = || {
        asked
            .clone()
            .is(|it| it == "true")
            .or(|| has(pod, "istio.io/rev"))
    };
    let by_namespace = injection.clone().is(|it| it == "enabled");
    let reaches = by_namespace.or(|| {
        injection
            .is_absent()
            .and(|| has(namespace, "istio.io/rev").or(by_pod))
    });
    let refuses = || asked.clone().or_else(annotation).is(|it| it == "false");
    let is_system = IGNORED.contains(&&*workload.namespace);
    let on_pods = !workload.is_on_host.clone();
    let injected = on_pods
        .and(|| Truth::from(!is_system))
        .and(|| reaches)
        .and(|| !refuses());
    let sidecar = workload.signs.is_injected.clone().or(|| injected);
    let mode = pod
        .get("istio.io/dataplane-mode")
        .or_else(|| namespace.get("istio.io/dataplane-mode"));
    let node = (!workload.is_on_host.clone())
        .and(|| mode.is(|it| it == "ambient"))
        .and(|| !sidecar.clone());
    Proxies { sidecar, node }
}

/// What the proxy of a workload decides of, and why that is not known.
fn taken(
    workload: &Workload,
    namespace: &Labels,
    services: &[(&Service<'_>, &Truth)],
    proxies: &Proxies,
) -> (Bounds<Connections>, Option<Arc<str>>) {
    let whole = Connections::of_protocol(Protocol::Tcp);
    let of_sidecar = || workload.signs.taken();
    let is_there = proxies.sidecar.clone().or(|| proxies.node.clone());
    let (mut taken, mut unsure) = match (&proxies.sidecar, is_there) {
        (_, Truth::No) => return (Bounds::default(), None),
        (Truth::Yes, _) => match of_sidecar() {
            Ok(taken) => (Bounds::exact(taken), None),
            Err(why) => (perhaps(whole), Some(why.into())),
        },
        (_, Truth::Yes) => (Bounds::exact(whole), None),
        (_, Truth::Unknown(why)) => (perhaps(whole), Some(why)),
    };
    let is_used = |labels: &Labels| match labels.get("istio.io/use-waypoint") {
        Fact::Known(name) => name != "none",
        Fact::Absent => false,
        Fact::Unknown(_) => proxies.node.is_yes(),
    };
    let by_service = services.iter().any(|(it, _)| it.uses_waypoint());
    if by_service || is_used(namespace) || is_used(&workload.labels) {
        taken.least = Connections::default();
        unsure = Some("what its waypoint lets pass, and as whom, is not looked at".into());
    }
    (taken, unsure)
}

fn perhaps(connections: Connections) -> Bounds<Connections> {
    Bounds {
        least: Connections::default(),
        most: connections,
    }
}

/// Where HTTP is spoken to a workload, by the Services in front of it.
fn http(workload: &Workload, services: &[(&Service<'_>, &Truth)]) -> Bounds<Connections> {
    let [mut http, mut bytes] = [(); 2].map(|()| Bounds::<Connections>::default());
    let mut open = Connections::default();
    for (service, truth) in services {
        for (port, mut arriving) in service.arriving(workload) {
            if !truth.is_yes() {
                arriving.least = Connections::default();
            }
            match speaks_http(port) {
                Some(true) => http = http.union(&arriving),
                Some(false) => bytes = bytes.union(&arriving),
                None => open = open.union(&arriving.most),
            }
        }
    }
    let surely_bytes = bytes.least.difference(&http.most.union(&open));
    Bounds {
        least: http.least.difference(&bytes.most.union(&open)),
        most: Connections::of_protocol(Protocol::Tcp).difference(&surely_bytes),
    }
}

/// Whether HTTP is declared for a port of a Service; nothing, where proxies find out by themselves.
fn speaks_http(port: &Cursor<'_>) -> Option<bool> {
    let said = port.get("appProtocol").text();
    let said = said.or_else(|| port.get("name").text());
    let name = match said {
        Fact::Known(name) => name.to_lowercase(),
        Fact::Absent => String::new(),
        Fact::Unknown(_) => return None,
    };
    match &*name {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => return Some(true),
        "kubernetes.io/wss" => return Some(false),
        _ => {}
    }
    if name.starts_with("grpc-web") {
        return Some(true);
    }
    let number = port.get("port").integer().ok();
    match name.split('-').next().unwrap_or_default() {
        "http" | "http2" | "http_proxy" | "grpc" => Some(true),
        "tcp" | "https" | "tls" | "mongo" | "redis" | "mysql" => Some(false),
        // Servers that speak first: nobody waits there to find out.
        _ if [25, 53, 3306, 27017].map(Some).contains(&number) => Some(false),
        _ => None,
    }
}

/// Why callers may not say who they are: a DestinationRule tells them to speak plain text, or other TLS.
fn plain_callers(world: &World) -> Option<Arc<str>> {
    let is_other = |rule: &Cursor<'_>| {
        let modes = TLS_MODES.iter().flat_map(|it| rule.walk(it));
        modes
            .into_iter()
            .any(|it| it.equals("ISTIO_MUTUAL") != Truth::Yes)
    };
    let mut rules = world.of_kind("DestinationRule");
    let rule = rules.find(|it| {
        let host = it.at("spec.host").text().ok().unwrap_or_default();
        is_inside(&host) && is_other(&it.cursor())
    })?;
    Some(format!("{} says how callers use TLS", rule.address).into())
}

/// Whether a host may be a Service of the cluster.
fn is_inside(host: &str) -> bool {
    let dots = host.matches('.').count();
    dots < 2 || [".svc", ".local"].iter().any(|it| host.ends_with(it))
}

const TLS_MODES: [&str; 4] = [
    "spec.trafficPolicy.tls.mode",
    "spec.trafficPolicy.portLevelSettings[].tls.mode",
    "spec.subsets[].trafficPolicy.tls.mode",
    "spec.subsets[].trafficPolicy.portLevelSettings[].tls.mode",
];

/// The webhook gives no proxies there (`IgnoredNamespaces`).
const IGNORED: [&str; 4] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "local-path-storage",
];
