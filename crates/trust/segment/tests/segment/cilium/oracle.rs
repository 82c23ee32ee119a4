//! The documentation of Cilium as a program that looks at one connection at a time, held against the engine upon
//! clusters at random.

use casemate_segment::Protocol;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::cluster;

const NAMESPACES: [(&str, &str); 2] = [("lab", "a"), ("models", "b")];
const OUTSIDE: [&str; 3] = ["192.0.2.1", "203.0.113.1", "169.254.169.254"];
const CONNECTIONS: [(Protocol, u16); 4] = [
    (Protocol::Tcp, 80),
    (Protocol::Tcp, 81),
    (Protocol::Udp, 80),
    (Protocol::Udp, 53),
];

#[derive(Clone, Copy, Debug)]
struct Pod {
    namespace: usize,
    app: &'static str,
    account: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum End<'a> {
    Pod(&'a Pod),
    Outside(&'static str),
}

/// A selector of endpoints; each part that is there has to hold.
#[derive(Clone, Debug)]
struct Endpoints {
    /// The label `app`, and whether it has to be that or something else.
    app: Option<(&'static str, bool)>,
    namespace: Option<&'static str>,
    team: Option<&'static str>,
    account: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Peers {
    Unsaid,
    Endpoints(Vec<Endpoints>),
    Entities(Vec<&'static str>),
    Blocks(Vec<&'static str>),
}

#[derive(Clone, Debug)]
struct Rule {
    peers: Peers,
    /// A number or 0 for all, and a protocol or none for all.
    ports: Vec<(u16, Option<Protocol>)>,
    is_narrow: bool,
}

#[derive(Clone, Debug)]
struct Policy {
    namespace: Option<usize>,
    subject: Endpoints,
    /// Incoming and outgoing.
    allowed: [Vec<Rule>; 2],
    denied: [Vec<Rule>; 2],
    closes: [Option<bool>; 2],
}

/// What a policy of Kubernetes lets pods take from pods of its namespace.
#[derive(Clone, Debug)]
struct Network {
    namespace: usize,
    app: Option<&'static str>,
    from: Option<&'static str>,
    port: Option<u16>,
}

fn endpoints() -> impl Strategy<Value = Endpoints> {
    let app = option::of((select(&["x", "y"][..]), any::<bool>()));
    let parts = (
        app,
        option::weighted(0.3, select(&["lab", "models"][..])),
        option::weighted(0.2, select(&["a", "b"][..])),
        option::weighted(0.2, select(&["s", "t"][..])),
    );
    parts.prop_map(|(app, namespace, team, account)| Endpoints {
        app,
        namespace,
        team,
        account,
    })
}

fn rule(may_narrow: bool) -> impl Strategy<Value = Rule> {
    let entities = &["all", "world", "cluster", "none", "health"][..];
    let blocks = &["0.0.0.0/0", "192.0.2.0/24", "169.254.169.254/32"][..];
    let peers = prop_oneof![
        1 => Just(Peers::Unsaid),
        4 => vec(endpoints(), 0..3).prop_map(Peers::Endpoints),
        2 => vec(select(entities), 0..2).prop_map(Peers::Entities),
        1 => vec(select(blocks), 1..2).prop_map(Peers::Blocks),
    ];
    let protocol = option::of(select(&[Protocol::Tcp, Protocol::Udp][..]));
    let ports = vec((select(&[0_u16, 53, 80, 81][..]), protocol), 0..3);
    let parts = (peers, ports, prop::bool::weighted(0.3));
    parts.prop_map(move |(peers, ports, is_narrow)| {
        // Requests are of TCP, and of ports that are named.
        let can = |&(port, protocol): &(u16, _)| port > 0 && protocol == Some(Protocol::Tcp);
        let is_narrow = is_narrow && may_narrow && !ports.is_empty() && ports.iter().all(can);
        Rule {
            peers,
            ports,
            is_narrow,
        }
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let rules = |may_narrow| {
        let list = move || vec(rule(may_narrow), 0..3);
        (list(), list()).prop_map(|(a, b)| [a, b])
    };
    let closes = || option::weighted(0.3, any::<bool>());
    let parts = (
        option::weighted(0.6, 0..2_usize),
        endpoints(),
        rules(true),
        rules(false),
        (closes(), closes()),
    );
    parts.prop_map(
        |(namespace, mut subject, mut allowed, mut denied, (a, b))| {
            if namespace.is_some() {
                // A policy selects in its own namespace.
                subject.namespace = None;
                // Whether labels of namespaces alone mean others than its own is up to the version.
                let lists = allowed.iter_mut().chain(&mut denied).flatten();
                for peers in lists.map(|it| &mut it.peers) {
                    if let Peers::Endpoints(all) = peers {
                        let alone = all.iter_mut().filter(|it| it.namespace.is_none());
                        alone.for_each(|it| it.team = None);
                    }
                }
            }
            // Without rules, what is said of closing is up to the version.
            let said = |at: usize, it: Option<bool>| {
                it.filter(|_| allowed[at].len() + denied[at].len() > 0)
            };
            Policy {
                closes: [said(0, a), said(1, b)],
                namespace,
                subject,
                allowed,
                denied,
            }
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let app = || option::of(select(&["x", "y"][..]));
    let parts = (
        0..2_usize,
        app(),
        app(),
        option::of(select(&[80_u16, 81][..])),
    );
    parts.prop_map(|(namespace, app, from, port)| Network {
        namespace,
        app,
        from,
        port,
    })
}

impl Endpoints {
    /// Whether it selects the pod, for a policy of a namespace or of all.
    fn selects(&self, pod: &Pod, home: Option<usize>) -> bool {
        let (name, team) = NAMESPACES[pod.namespace];
        let is_home = match (self.namespace, self.team, home) {
            (None, None, Some(home)) => pod.namespace == home,
            _ => true,
        };
        is_home
            && self.app.is_none_or(|(app, is)| (pod.app == app) == is)
            && self.namespace.is_none_or(|it| it == name)
            && self.team.is_none_or(|it| it == team)
            && self.account.is_none_or(|it| it == pod.account)
    }

    fn written(&self) -> String {
        let mut labels = Vec::new();
        let mut expressions = Vec::new();
        match self.app {
            Some((app, true)) => labels.push(format!("app: {app}")),
            Some((app, false)) => {
                expressions.push(format!(
                    "{{key: 'k8s:app', operator: NotIn, values: [{app}]}}"
                ));
            }
            None => {}
        }
        labels.extend(
            self.namespace
                .map(|it| format!("'k8s:io.kubernetes.pod.namespace': {it}")),
        );
        labels.extend(
            self.team
                .map(|it| format!("io.cilium.k8s.namespace.labels.team: {it}")),
        );
        labels.extend(
            self.account
                .map(|it| format!("'any:io.cilium.k8s.policy.serviceaccount': {it}")),
        );
        format!(
            "{{matchLabels: {{{}}}, matchExpressions: [{}]}}",
            labels.join(", "),
            expressions.join(", ")
        )
    }
}

impl Rule {
    /// Whether it is about the connection; nothing, where that is not known.
    fn is_about(
        &self,
        peer: End<'_>,
        home: Option<usize>,
        (protocol, port): (Protocol, u16),
    ) -> Option<bool> {
        if matches!(self.peers, Peers::Unsaid) && self.ports.is_empty() {
            return Some(false);
        }
        let fits = |&(number, of): &(u16, Option<Protocol>)| {
            (number == 0 || number == port) && of.is_none_or(|it| it == protocol)
        };
        if !self.ports.is_empty() && !self.ports.iter().any(fits) {
            return Some(false);
        }
        match (&self.peers, peer) {
            (Peers::Unsaid, _) => Some(true),
            (Peers::Endpoints(all), End::Pod(pod)) => {
                Some(all.iter().any(|it| it.selects(pod, home)))
            }
            (Peers::Endpoints(_), End::Outside(_)) => Some(false),
            (Peers::Entities(all), End::Pod(_)) => {
                Some(all.iter().any(|it| matches!(*it, "all" | "cluster")))
            }
            (Peers::Entities(all), End::Outside(address)) => {
                if all.iter().any(|it| matches!(*it, "all" | "world")) {
                    return Some(true);
                }
                // A node may have any address but that of the metadata service.
                let may_be_node = all.contains(&"cluster") && address != "169.254.169.254";
                (!may_be_node).then_some(false)
            }
            (Peers::Blocks(_), End::Pod(_)) => Some(false),
            (Peers::Blocks(all), End::Outside(address)) => Some(all.iter().any(|block| {
                *block == "0.0.0.0/0"
                    || block.split_once("0/24").map_or_else(
                        || block.strip_suffix("/32") == Some(address),
                        |(prefix, _)| address.starts_with(prefix),
                    )
            })),
        }
    }

    fn written(&self, word: &str, direction: usize) -> String {
        let way = ["from", "to"][direction];
        let peers = match &self.peers {
            Peers::Unsaid => String::new(),
            Peers::Endpoints(all) => {
                let all: Vec<_> = all.iter().map(Endpoints::written).collect();
                format!("{way}Endpoints: [{}], ", all.join(", "))
            }
            Peers::Entities(all) => format!("{way}Entities: [{}], ", all.join(", ")),
            Peers::Blocks(all) => format!("{way}CIDR: [{}], ", all.join(", ")),
        };
        let port = |(number, protocol): &(u16, Option<Protocol>)| {
            format!(
                "{{port: '{number}', protocol: {}}}",
                protocol.map_or("ANY", Protocol::as_str)
            )
        };
        let ports: Vec<_> = self.ports.iter().map(port).collect();
        let narrow = if self.is_narrow {
            ", rules: {http: [{method: GET}]}"
        } else {
            ""
        };
        let ports = match ports.is_empty() {
            true => String::new(),
            false => format!("toPorts: [{{ports: [{}]{narrow}}}]", ports.join(", ")),
        };
        format!("{word}{{{peers}{ports}}}")
    }
}

impl Policy {
    fn written(&self, at: usize) -> String {
        let list = |rules: &[Rule], direction: usize| {
            let all: Vec<_> = rules.iter().map(|it| it.written("", direction)).collect();
            format!("[{}]", all.join(", "))
        };
        let closes: Vec<_> = ["ingress", "egress"]
            .iter()
            .zip(self.closes)
            .filter_map(|(key, closes)| Some(format!("{key}: {}", closes?)))
            .collect();
        let (kind, namespace) = match self.namespace {
            Some(at) => (
                "CiliumNetworkPolicy",
                format!(", namespace: {}", NAMESPACES[at].0),
            ),
            None => ("CiliumClusterwideNetworkPolicy", String::new()),
        };
        format!(
            "apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: c{at}{namespace}}}\nspec: {{endpointSelector: {}, enableDefaultDeny: {{{}}}, ingress: {}, egress: {}, ingressDeny: {}, egressDeny: {}}}",
            self.subject.written(),
            closes.join(", "),
            list(&self.allowed[0], 0),
            list(&self.allowed[1], 1),
            list(&self.denied[0], 0),
            list(&self.denied[1], 1),
        )
    }

    fn selects(&self, pod: &Pod) -> bool {
        self.namespace.is_none_or(|it| it == pod.namespace)
            && self.subject.selects(pod, self.namespace)
    }
}

/// What becomes of a connection at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passes,
    /// Some of what is asked over it passes.
    Narrowed,
    Stops,
}

/// One end of a connection.
fn verdict(
    (policies, networks): (&[Policy], &[Network]),
    subject: &Pod,
    peer: End<'_>,
    direction: usize,
    connection: (Protocol, u16),
) -> Option<Verdict> {
    let (mut is_closed, mut is_denied, mut is_allowed, mut is_narrowed) =
        (false, false, false, false);
    for policy in policies.iter().filter(|it| it.selects(subject)) {
        let (allowed, denied) = (&policy.allowed[direction], &policy.denied[direction]);
        is_closed |=
            !(allowed.is_empty() && denied.is_empty()) && policy.closes[direction] != Some(false);
        for rule in denied {
            is_denied |= rule.is_about(peer, policy.namespace, connection)?;
        }
        for rule in allowed {
            let is_about = rule.is_about(peer, policy.namespace, connection)?;
            is_allowed |= is_about && !rule.is_narrow;
            is_narrowed |= is_about && rule.is_narrow;
        }
    }
    let of_namespace = networks
        .iter()
        .filter(|it| it.namespace == subject.namespace);
    for network in
        of_namespace.filter(|it| direction == 0 && it.app.is_none_or(|it| it == subject.app))
    {
        is_closed = true;
        is_allowed |= match peer {
            End::Pod(pod) => {
                pod.namespace == network.namespace
                    && network.from.is_none_or(|it| it == pod.app)
                    && network
                        .port
                        .is_none_or(|it| connection == (Protocol::Tcp, it))
            }
            End::Outside(_) => false,
        };
    }
    Some(match (is_denied, is_allowed, is_narrowed) {
        (true, _, _) => Verdict::Stops,
        (_, true, _) => Verdict::Passes,
        (_, _, true) => Verdict::Narrowed,
        _ if is_closed => Verdict::Stops,
        _ => Verdict::Passes,
    })
}

impl Network {
    fn written(&self, at: usize) -> String {
        let labels = |app: Option<&str>| {
            app.map_or(String::new(), |it| format!("matchLabels: {{app: {it}}}"))
        };
        let port = self
            .port
            .map_or(String::new(), |it| format!(", ports: [{{port: {it}}}]"));
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n{at}, namespace: {}}}\nspec: {{podSelector: {{{}}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {{{}}}}}]{port}}}]}}",
            NAMESPACES[self.namespace].0,
            labels(self.app),
            labels(self.from)
        )
    }
}

fn manifests(pods: &[Pod], policies: &[Policy], networks: &[Network]) -> String {
    let namespaces = NAMESPACES.iter().map(|(name, team)| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{team: {team}}}}}"
        )
    });
    let pods = pods.iter().enumerate().map(|(at, pod)| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {}, labels: {{app: {}}}}}\nspec: {{serviceAccountName: {}, containers: [{{name: c, image: i}}]}}",
            NAMESPACES[pod.namespace].0, pod.app, pod.account
        )
    });
    let policies = policies.iter().enumerate().map(|(at, it)| it.written(at));
    let networks = networks.iter().enumerate().map(|(at, it)| it.written(at));
    let all: Vec<String> = namespaces
        .chain(pods)
        .chain(policies)
        .chain(networks)
        .collect();
    all.join("\n---\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_passes_is_what_the_documentation_says(
        pods in vec((0..2_usize, select(&["x", "y", "z"][..]), select(&["s", "t"][..])), 2..5),
        policies in vec(policy(), 0..4),
        networks in vec(network(), 0..2),
        addresses in subsequence(OUTSIDE.to_vec(), 0..=3),
    ) {
        let pods: Vec<Pod> = pods.into_iter().map(|(namespace, app, account)| Pod { namespace, app, account }).collect();
        let text = manifests(&pods, &policies, &networks);
        let analysis = cluster(&text);
        prop_assert!(analysis.gaps().is_empty(), "{:?}", analysis.gaps());
        let named = pods.iter().enumerate().map(|(at, pod)| (format!("p{at}"), End::Pod(pod)));
        let ends: Vec<_> = named.chain(addresses.iter().map(|it| ((*it).to_owned(), End::Outside(it)))).collect();
        for (from, source) in &ends {
            for (to, destination) in ends.iter().filter(|(to, _)| to != from) {
                let passing = analysis.between(analysis.find(from)[0], analysis.find(to)[0]).expect("small");
                for connection in CONNECTIONS {
                    let all = (&*policies, &*networks);
                    let sent = match source {
                        End::Pod(pod) => verdict(all, pod, *destination, 1, connection),
                        End::Outside(_) => Some(Verdict::Passes),
                    };
                    let taken = match destination {
                        End::Pod(pod) => verdict(all, pod, *source, 0, connection),
                        End::Outside(_) => Some(Verdict::Passes),
                    };
                    let (Some(sent), Some(taken)) = (sent, taken) else {
                        continue;
                    };
                    let may = sent != Verdict::Stops && taken != Verdict::Stops;
                    let does = may && !(sent == Verdict::Narrowed && taken == Verdict::Narrowed);
                    let (protocol, port) = connection;
                    let one = casemate_segment::Connections::of(protocol, port, port);
                    prop_assert_eq!(passing.least.includes(&one), does, "{} to {}: {:?}, surely\n{}", from, to, connection, text);
                    prop_assert_eq!(passing.most.includes(&one), may, "{} to {}: {:?}, perhaps\n{}", from, to, connection, text);
                }
            }
        }
    }
}
