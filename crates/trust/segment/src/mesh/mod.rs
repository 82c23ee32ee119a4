//! A service mesh, as Istio makes one: who has a proxy, and what that proxy sees.
//!
//! ```text
//!   labels of namespaces and pods, annotations ──► whether a workload has a proxy, and says who it is
//!   names of the ports of Services             ──► where its proxy sees requests, and where only bytes
//!   PeerAuthentication                         ──► where nobody can say who he is
//! ```
//!
//! What a proxy decides of is TCP to the workload; what reaches the proxy itself (15020, 15021, 15090) may pass
//! whatever policies say. Who has a proxy in each pod says who it is where a Service leads, and may as well call so
//! that it says nothing. What comes from outside of the cluster is taken as from nobody who says who he is, but for
//! the addresses of WorkloadEntries.

mod callers;
mod member;
mod protocol;
mod proxies;
mod settings;
mod signs;

use std::{collections::BTreeSet, sync::Arc};

use casemate_posture::{Fact, Truth, World, pods};

use crate::{
    Addresses, Bounds, Cluster, Connections, Gap, Labels, Protocol, Workload,
    entry::{Service, Services},
    policy::{
        Pattern,
        peer_authentication::{self, Mode, PeerAuthentication},
    },
};

use self::{proxies::Proxies, settings::Settings};

pub(crate) use self::{
    member::{Member, Wire, carried},
    settings::Roots,
    signs::Signs,
};

/// A mesh.
pub(crate) struct Mesh {
    /// The namespaces whose policies may be for all.
    pub(crate) roots: Roots,
    pub(crate) trust_domain: Arc<str>,
    pub(crate) aliases: Vec<Arc<str>>,
    pub(crate) authentications: Vec<PeerAuthentication>,
    /// Why nobody knows who says who he is.
    vague: Option<Arc<str>>,
    /// Why proxies may not take all that comes to their pods.
    leaky: Option<Arc<str>>,
    /// Why callers may not see all Services.
    hidden: Option<Arc<str>>,
    /// Whether some of its proxies are of nodes.
    pub(crate) has_nodes: Truth,
    /// The namespaces that say themselves what is spoken at the ports of their workloads.
    listening: BTreeSet<String>,
    /// The namespaces whose workloads see some Services alone.
    looking: Vec<String>,
    /// The addresses outside of the cluster of whom may say who he is.
    named_outside: Addresses,
    callers: Callers,
}

/// In which way workloads with proxies call others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    /// As manifests let them.
    AsTheyAre,
    /// By Services that lead to each port, and not what belongs to proxies: so it is with what is declared.
    AsDeclared,
}

impl Mesh {
    /// The mesh of the files.
    pub(crate) fn of(world: &World, callers: Callers, gaps: &mut Vec<Gap>) -> Self {
        let settings = Settings::of(world, gaps);
        let listening = world
            .of_kind("Sidecar")
            .filter(|it| !it.at("spec.ingress").is_absent().is_yes());
        let looking = world.of_kind("Sidecar").filter(|it| callers::is_narrow(it));
        let looking = looking.filter_map(|it| it.namespace());
        let objects = world.of_kind("Namespace").map(|it| it.at("metadata"));
        let pods = pods(world);
        let metadata = objects.chain(pods.iter().filter_map(|it| it.metadata().cloned()));
        let of_nodes = metadata.map(|it| it.get("labels").get("istio.io/dataplane-mode"));
        Self {
            callers,
            has_nodes: Truth::any(of_nodes.map(|it| it.equals("ambient"))),
            looking: looking.map(str::to_owned).collect(),
            named_outside: callers::outside(world, gaps),
            leaky: settings.leaky,
            hidden: settings.hidden,
            authentications: peer_authentication::read(world, &settings.roots, gaps),
            roots: settings.roots,
            trust_domain: settings.trust_domain,
            aliases: settings.aliases,
            vague: settings.vague.or_else(|| callers::plain(world)),
            listening: listening
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
        cluster.named_outside = self.named_outside.clone();
        let is_seen = proxies::is_seen(cluster);
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
        let asked = self.authentications.len();
        let is_much = asked.saturating_mul(cluster.workloads.len()) > MAX_ASKED;
        let labels = &cluster.namespaces[&workload.namespace].labels;
        let proxies = Proxies::of(workload, labels, is_seen);
        let (taken, unsure) = self.taken(workload, labels, services, &proxies);
        let is_there = proxies.sidecar.clone().or(|| proxies.node.clone());
        let doubt = self.doubts_caller(workload);
        let is_identified = is_there.clone().and(|| match doubt {
            Some(why) => Truth::Unknown(why),
            None => Truth::Yes,
        });
        let mut plain = match self.may_be_plain() {
            true if is_much => perhaps(Connections::of_protocol(Protocol::Tcp)),
            true => self.plain(workload),
            false => Bounds::default(),
        };
        // Proxies of nodes turn nothing off.
        match &proxies.node {
            Truth::Yes => plain = Bounds::default(),
            Truth::Unknown(_) => plain.least = Connections::default(),
            Truth::No => {}
        }
        Member {
            is_identified,
            may_hide: proxies.sidecar != Truth::No,
            served: self.served(workload, services),
            trust_domain: self.trust_domain.clone(),
            principal: format!(
                "{}/ns/{}/sa/{}",
                self.trust_domain,
                workload.namespace,
                workload.account.clone().ok().unwrap_or_default()
            ),
            taken,
            unsure,
            http: self.http(workload, services, &proxies),
            plain,
            may_see_bytes_alone: proxies.node != Truth::No,
            may_be_in: is_there != Truth::No,
        }
    }

    /// Where the proxy of a workload sees requests of HTTP.
    fn http(
        &self,
        workload: &Workload,
        services: &[(&Service<'_>, &Truth)],
        proxies: &Proxies,
    ) -> Bounds<Connections> {
        let mut http = match (&proxies.node, &proxies.sidecar) {
            (Truth::Yes, _) => Bounds::default(),
            _ => protocol::http(workload, services),
        };
        if proxies.node != Truth::No {
            http.least = Connections::default();
        }
        let says_itself = self.listening.contains(&*workload.namespace);
        if says_itself && proxies.sidecar != Truth::No {
            http = Bounds {
                least: Connections::default(),
                most: Connections::of_protocol(Protocol::Tcp),
            };
        }
        http
    }

    /// Why a workload may not say who it is, wherever it calls.
    fn doubts_caller(&self, workload: &Workload) -> Option<Arc<str>> {
        let looks = |it: &String| *it == *workload.namespace || self.roots.has(it) != Truth::No;
        let signs = &workload.signs;
        let of_signs = [
            (
                &signs.sends_past,
                "some of what it sends goes past its proxy",
            ),
            (
                &signs.takes_past,
                "its annotations change what its proxy does",
            ),
            (
                &signs.stands_alone,
                "it is a proxy itself, which calls as it is told",
            ),
        ];
        let of_signs = || {
            of_signs.into_iter().find_map(|(truth, why)| match truth {
                Truth::No => None,
                Truth::Yes => Some(why.into()),
                Truth::Unknown(why) => Some(why.clone()),
            })
        };
        let narrow = || {
            let is_narrow = self.looking.iter().any(looks);
            is_narrow.then(|| "a Sidecar says which Services it sees".into())
        };
        let of_mesh = self.vague.clone().or_else(|| self.leaky.clone());
        of_mesh.or_else(of_signs).or_else(narrow)
    }

    /// The ports to which a Service leads that all see.
    fn served(&self, workload: &Workload, services: &[(&Service<'_>, &Truth)]) -> Connections {
        if self.callers == Callers::AsDeclared {
            return Connections::of_protocol(Protocol::Tcp);
        }
        let seen = services
            .iter()
            .filter(|(service, truth)| truth.is_yes() && service.is_exported());
        let seen = seen.filter(|_| self.hidden.is_none());
        let arriving = seen.flat_map(|(service, _)| service.arriving(workload));
        arriving.fold(Connections::default(), |all, (_, it)| all.union(&it.least))
    }

    /// What the proxy of a workload decides of, and why that is not known.
    fn taken(
        &self,
        workload: &Workload,
        namespace: &Labels,
        services: &[(&Service<'_>, &Truth)],
        proxies: &Proxies,
    ) -> (Bounds<Connections>, Option<Arc<str>>) {
        let whole = Connections::of_protocol(Protocol::Tcp);
        let is_there = proxies.sidecar.clone().or(|| proxies.node.clone());
        let (mut taken, mut unsure) = match (&proxies.sidecar, is_there) {
            (_, Truth::No) => return (Bounds::default(), None),
            (Truth::Yes, _) => match workload.signs.taken() {
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
        let leak = match (&workload.signs.takes_past, &workload.signs.stands_alone) {
            (_, Truth::Yes) => {
                Some("which policies are asked for a proxy itself is not looked at".into())
            }
            (Truth::Yes, _) => Some("its annotations change what its proxy takes".into()),
            (Truth::Unknown(why), _) | (_, Truth::Unknown(why)) => Some(why.clone()),
            (Truth::No, Truth::No) => self.leaky.clone().filter(|_| proxies.sidecar != Truth::No),
        };
        if leak.is_some() {
            taken.least = Connections::default();
            unsure = leak;
        }
        if proxies.sidecar != Truth::No && self.callers == Callers::AsTheyAre {
            let is_whole = taken.is_exact();
            taken.least = taken.least.difference(&own());
            let why = || "what reaches its proxy itself is not held by policies".into();
            unsure = unsure.or_else(|| (is_whole && !taken.is_exact()).then(why));
        }
        (taken, unsure)
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
        for (at, (policy, truth)) in meant.iter().enumerate() {
            // They are in the order of their levels.
            let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
            let mut beside = beside.filter_map(|it| meant.get(it));
            let is_sure = truth.is_yes() && !beside.any(|(it, _)| it.level == policy.level);
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

/// The ports of a proxy itself (istio.io, "Ports used by Istio").
fn own() -> Connections {
    let of = |first, last| Connections::of(Protocol::Tcp, first, last);
    of(15020, 15021).union(&of(15090, 15090))
}

fn perhaps(connections: Connections) -> Bounds<Connections> {
    Bounds {
        least: Connections::default(),
        most: connections,
    }
}

/// Of more it is not said where mutual TLS is off.
const MAX_ASKED: usize = 10_000_000;
