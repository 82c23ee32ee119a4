//! The documentation of Calico as a program that looks at one connection at a time, held against the engine upon
//! clusters at random.

use casemate_segment::{Connections, Protocol};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::cluster;

const NAMESPACES: [(&str, &str); 2] = [("lab", "a"), ("models", "b")];
const CONNECTIONS: [(Protocol, u16); 4] = [
    (Protocol::Tcp, 80),
    (Protocol::Tcp, 85),
    (Protocol::Udp, 80),
    (Protocol::Sctp, 9),
];
/// Addresses outside: of a global set, of a set of `lab`, and of none.
const OUTSIDE: [&str; 3] = ["192.0.2.1", "203.0.113.1", "198.51.100.1"];

#[derive(Clone, Copy, Debug)]
struct Pod {
    namespace: usize,
    app: Option<&'static str>,
    account: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum End<'a> {
    Pod(&'a Pod),
    Outside(&'static str),
}

#[derive(Clone, Debug)]
enum Expression {
    All,
    Is(&'static str, bool),
    In(Vec<&'static str>, bool),
    Has,
    Begins(&'static str),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// What a selector of namespaces says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    All,
    Global,
    Team(&'static str, bool),
    Name(&'static str),
}

#[derive(Clone, Debug, Default)]
struct Entity {
    selector: Option<Expression>,
    namespaces: Option<Of>,
    account: Option<&'static str>,
    not: Option<Expression>,
    nets: Vec<&'static str>,
    not_nets: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Rule {
    action: &'static str,
    protocol: Option<Protocol>,
    /// `80`, `80:90`, or nothing.
    port: Option<(u16, u16)>,
    not_port: Option<u16>,
    peer: Entity,
    own: Entity,
}

#[derive(Clone, Debug)]
struct Policy {
    namespace: Option<usize>,
    tier: usize,
    order: Option<u16>,
    subject: Expression,
    of: Option<Of>,
    types: Vec<usize>,
    rules: [Vec<Rule>; 2],
}

/// The tiers in their order: whether each passes on what it does not decide.
const TIERS: [(&str, bool); 3] = [("first", false), ("second", true), ("default", false)];

fn expression() -> impl Strategy<Value = Expression> {
    let app = || select(&["x", "w", "xw"][..]);
    let leaf = prop_oneof![
        1 => Just(Expression::All),
        3 => (app(), any::<bool>()).prop_map(|(app, is)| Expression::Is(app, is)),
        1 => (vec(app(), 0..3), any::<bool>()).prop_map(|(all, is)| Expression::In(all, is)),
        1 => Just(Expression::Has),
        1 => app().prop_map(Expression::Begins),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        let two = (
            inner.clone().prop_map(Box::new),
            inner.clone().prop_map(Box::new),
        );
        prop_oneof![
            inner.prop_map(|it| Expression::Not(Box::new(it))),
            two.clone().prop_map(|(a, b)| Expression::And(a, b)),
            two.prop_map(|(a, b)| Expression::Or(a, b)),
        ]
    })
}

fn of() -> impl Strategy<Value = Of> {
    prop_oneof![
        Just(Of::All),
        Just(Of::Global),
        (select(&["a", "b"][..]), any::<bool>()).prop_map(|(team, is)| Of::Team(team, is)),
        select(&["lab", "models"][..]).prop_map(Of::Name),
    ]
}

fn entity() -> impl Strategy<Value = Entity> {
    let nets = || {
        let nets = vec!["192.0.2.0/24", "203.0.113.0/24", "0.0.0.0/0"];
        prop_oneof![4 => Just(Vec::new()), 1 => subsequence(nets, 1..=2)]
    };
    let parts = (
        option::weighted(0.5, expression()),
        option::weighted(0.3, of()),
        option::weighted(0.1, select(&["s", "t"][..])),
        option::weighted(0.2, expression()),
        nets(),
        nets(),
    );
    parts.prop_map(
        |(selector, namespaces, account, not, nets, not_nets)| Entity {
            selector,
            namespaces,
            account,
            not,
            nets,
            not_nets,
        },
    )
}

fn rule() -> impl Strategy<Value = Rule> {
    let protocol = option::of(select(&[Protocol::Tcp, Protocol::Udp][..]));
    let own = option::weighted(0.2, (expression(), option::of(of()))).prop_map(|it| {
        it.map_or_else(Entity::default, |(selector, namespaces)| Entity {
            selector: Some(selector),
            namespaces,
            ..Entity::default()
        })
    });
    let parts = (
        select(&["Allow", "Deny", "Pass", "Log"][..]),
        protocol,
        option::weighted(0.4, select(&[(80_u16, 80_u16), (80, 90)][..])),
        option::weighted(0.2, select(&[80_u16, 85][..])),
        entity(),
        own,
    );
    parts.prop_map(|(action, protocol, port, not_port, peer, own)| Rule {
        port: port.filter(|_| protocol.is_some()),
        not_port: not_port.filter(|_| protocol.is_some()),
        action,
        protocol,
        peer,
        own,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let parts = (
        option::of(0..2_usize),
        0..3_usize,
        option::of(select(&[10_u16, 2000][..])),
        expression(),
        option::weighted(0.3, of()),
        subsequence(vec![0, 1], 1..=2),
        (vec(rule(), 0..3), vec(rule(), 0..3)),
    );
    parts.prop_map(
        |(namespace, tier, order, subject, of, types, rules)| Policy {
            of: of.filter(|_| namespace.is_none()),
            rules: [rules.0, rules.1],
            namespace,
            tier,
            order,
            subject,
            types,
        },
    )
}

impl Expression {
    fn holds(&self, app: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Is(value, is) => (app == Some(value)) == *is,
            Self::In(values, is) => app.is_some_and(|it| values.contains(&it)) == *is,
            Self::Has => app.is_some(),
            Self::Begins(text) => app.is_some_and(|it| it.starts_with(text)),
            Self::Not(inner) => !inner.holds(app),
            Self::And(a, b) => a.holds(app) && b.holds(app),
            Self::Or(a, b) => a.holds(app) || b.holds(app),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::All => "all()".to_owned(),
            Self::Is(value, true) => format!("app == '{value}'"),
            Self::Is(value, false) => format!("app != \"{value}\""),
            Self::In(values, is) => {
                let values: Vec<_> = values.iter().map(|it| format!("'{it}'")).collect();
                let word = if *is { "in" } else { "not in" };
                format!("app {word} {{{}}}", values.join(", "))
            }
            Self::Has => "has(app)".to_owned(),
            Self::Begins(text) => format!("app starts with '{text}'"),
            Self::Not(inner) => format!("!({})", inner.written()),
            Self::And(a, b) => format!("({}) && ({})", a.written(), b.written()),
            Self::Or(a, b) => format!("({}) || ({})", a.written(), b.written()),
        }
    }
}

impl Of {
    /// Whether it is of a namespace, or of what has none.
    fn holds(self, namespace: Option<usize>) -> bool {
        let labels = namespace.map(|it| NAMESPACES[it]);
        match self {
            Self::All => labels.is_some(),
            Self::Global => labels.is_none(),
            Self::Team(team, is) => (labels.map(|it| it.1) == Some(team)) == is,
            Self::Name(name) => labels.map(|it| it.0) == Some(name),
        }
    }

    fn written(self) -> String {
        match self {
            Self::All => "all()".to_owned(),
            Self::Global => "global()".to_owned(),
            Self::Team(team, true) => format!("team == '{team}'"),
            Self::Team(team, false) => format!("team != '{team}'"),
            Self::Name(name) => format!("projectcalico.org/name == '{name}'"),
        }
    }
}

/// The sets of networks that have an address: their label `app` and namespace.
fn sets_of(address: &str) -> Option<(Option<&'static str>, Option<usize>)> {
    match address {
        "192.0.2.1" => Some((Some("x"), None)),
        "203.0.113.1" => Some((Some("w"), Some(0))),
        _ => None,
    }
}

const SETS: &str = "
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: g, labels: {app: x}}
spec: {nets: [192.0.2.0/24]}
---
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata: {name: n, namespace: lab, labels: {app: w}}
spec: {nets: [203.0.113.0/24]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: second}
spec: {order: 20, defaultAction: Pass}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: first}
spec: {order: 10.5}
---
";

fn is_in(blocks: &[&str], address: &str) -> bool {
    blocks.iter().any(|block| {
        let prefix = block.split_once("0/24").map(|(prefix, _)| prefix);
        prefix.is_none_or(|it| address.starts_with(it))
    })
}

impl Entity {
    fn selects(&self, home: Option<usize>) -> bool {
        self.selector.is_some()
            || self.namespaces.is_some()
            || self.account.is_some()
            || (home.is_some() && self.not.is_some())
    }

    /// Whether its selectors mean something with such labels.
    fn means(
        &self,
        home: Option<usize>,
        app: Option<&str>,
        namespace: Option<usize>,
        account: Option<&str>,
    ) -> bool {
        let is_home = match (self.namespaces, home) {
            (Some(of), _) => of.holds(namespace),
            (None, Some(home)) => namespace == Some(home),
            (None, None) => true,
        };
        is_home
            && self.selector.as_ref().is_none_or(|it| it.holds(app))
            && self.account.is_none_or(|it| account == Some(it))
    }

    fn is_of_nets(&self, address: &str) -> bool {
        let is_any = self.nets.is_empty() || is_in(&self.nets, address);
        is_any && !is_in(&self.not_nets, address)
    }

    /// Whether it is about an end; nothing, where that is not known.
    fn is(&self, end: End<'_>, home: Option<usize>) -> Option<bool> {
        let is_of_nets = !(self.nets.is_empty() && self.not_nets.is_empty());
        match end {
            End::Pod(pod) => {
                let is_selected = !self.selects(home)
                    || self.means(home, pod.app, Some(pod.namespace), Some(pod.account));
                let is_not = self.not.as_ref().is_some_and(|it| it.holds(pod.app));
                if !is_selected || is_not {
                    return Some(false);
                }
                let may_be_of_set = self.not.as_ref().is_some_and(|it| {
                    OUTSIDE
                        .iter()
                        .any(|address| sets_of(address).is_some_and(|(app, _)| it.holds(app)))
                });
                if may_be_of_set || (is_of_nets && (self.selects(home) || self.not.is_some())) {
                    return None;
                }
                let address = "10.0.0.1";
                Some(self.is_of_nets(address))
            }
            End::Outside(address) => {
                let of_set = |f: &dyn Fn(Option<&str>, Option<usize>) -> bool| {
                    sets_of(address).is_some_and(|(app, namespace)| f(app, namespace))
                };
                let is_selected = !self.selects(home)
                    || of_set(&|app, namespace| self.means(home, app, namespace, None));
                let is_not = self
                    .not
                    .as_ref()
                    .is_some_and(|not| of_set(&|app, _| not.holds(app)));
                Some(is_selected && !is_not && self.is_of_nets(address))
            }
        }
    }

    fn written(&self, more: &[String]) -> String {
        let text = |key: &str, it: String| format!("{key}: \"{}\"", it.replace('"', "'"));
        let mut parts = more.to_vec();
        parts.extend(
            self.selector
                .as_ref()
                .map(|it| text("selector", it.written())),
        );
        parts.extend(
            self.namespaces
                .map(|it| text("namespaceSelector", it.written())),
        );
        parts.extend(
            self.account
                .map(|it| format!("serviceAccounts: {{names: [{it}]}}")),
        );
        parts.extend(
            self.not
                .as_ref()
                .map(|it| text("notSelector", it.written())),
        );
        for (key, nets) in [("nets", &self.nets), ("notNets", &self.not_nets)] {
            if !nets.is_empty() {
                parts.push(format!("{key}: [{}]", nets.join(", ")));
            }
        }
        format!("{{{}}}", parts.join(", "))
    }
}

impl Rule {
    fn is_about(
        &self,
        own: &Pod,
        peer: End<'_>,
        home: Option<usize>,
        (protocol, port): (Protocol, u16),
    ) -> Option<bool> {
        let fits = self.protocol.is_none_or(|it| it == protocol)
            && self
                .port
                .is_none_or(|(first, last)| (first..=last).contains(&port))
            && self.not_port != Some(port);
        let is_own = self.own.is(End::Pod(own), home)?;
        if !fits || !is_own {
            return Some(false);
        }
        self.peer.is(peer, home)
    }

    fn written(&self, direction: usize) -> String {
        let mut ports = Vec::new();
        ports.extend(
            self.port
                .map(|(first, last)| format!("ports: ['{first}:{last}']")),
        );
        ports.extend(self.not_port.map(|it| format!("notPorts: [{it}]")));
        let protocol = self
            .protocol
            .map_or(String::new(), |it| format!(", protocol: {}", it.as_str()));
        let (source, destination) = match direction {
            0 => (self.peer.written(&[]), self.own.written(&ports)),
            _ => (self.own.written(&[]), self.peer.written(&ports)),
        };
        format!(
            "{{action: {}{protocol}, source: {source}, destination: {destination}}}",
            self.action
        )
    }
}

impl Policy {
    fn selects(&self, pod: &Pod) -> bool {
        self.namespace.is_none_or(|it| it == pod.namespace)
            && self.of.is_none_or(|it| it.holds(Some(pod.namespace)))
            && self.subject.holds(pod.app)
    }

    fn written(&self, at: usize) -> String {
        let (kind, namespace) = match self.namespace {
            Some(it) => (
                "NetworkPolicy",
                format!(", namespace: {}", NAMESPACES[it].0),
            ),
            None => ("GlobalNetworkPolicy", String::new()),
        };
        let order = self
            .order
            .map_or(String::new(), |it| format!("order: {it}, "));
        let of = self.of.map_or(String::new(), |it| {
            format!("namespaceSelector: \"{}\", ", it.written())
        });
        let types: Vec<_> = self
            .types
            .iter()
            .map(|it| ["Ingress", "Egress"][*it])
            .collect();
        let rules = |direction: usize| {
            let all: Vec<_> = self.rules[direction]
                .iter()
                .map(|it| it.written(direction))
                .collect();
            format!("[{}]", all.join(", "))
        };
        format!(
            "apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: p{at}{namespace}}}\nspec: {{{order}{of}tier: {}, selector: \"{}\", types: [{}], ingress: {}, egress: {}}}",
            TIERS[self.tier].0,
            self.subject.written().replace('"', "'"),
            types.join(", "),
            rules(0),
            rules(1),
        )
    }
}

/// Whether one end lets a connection pass; nothing, where that is not known.
fn passes(
    policies: &[Policy],
    subject: &Pod,
    peer: End<'_>,
    direction: usize,
    connection: (Protocol, u16),
) -> Option<bool> {
    'tiers: for (tier, (_, passes)) in TIERS.iter().enumerate() {
        let mut own: Vec<(usize, &Policy)> = policies
            .iter()
            .enumerate()
            .filter(|(_, it)| {
                it.tier == tier && it.types.contains(&direction) && it.selects(subject)
            })
            .collect();
        // Without an order they are last; those of one order are asked by name, which is their place.
        own.sort_by_key(|(at, it)| (it.order.unwrap_or(u16::MAX), *at));
        for rule in own
            .iter()
            .flat_map(|(_, it)| it.rules[direction].iter().map(|rule| (it.namespace, rule)))
        {
            let (home, rule) = rule;
            if rule.action == "Log" || !rule.is_about(subject, peer, home, connection)? {
                continue;
            }
            match rule.action {
                "Allow" => return Some(true),
                "Deny" => return Some(false),
                _ => continue 'tiers,
            }
        }
        if !own.is_empty() && !passes {
            return Some(false);
        }
    }
    Some(true)
}

fn manifests(pods: &[Pod], policies: &[Policy]) -> String {
    let namespaces = NAMESPACES.iter().map(|(name, team)| {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{team: {team}}}}}"
        )
    });
    let pods = pods.iter().enumerate().map(|(at, pod)| {
        let labels = pod.app.map_or(String::new(), |it| format!("app: {it}"));
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {}, labels: {{{labels}}}}}\nspec: {{serviceAccountName: {}, containers: [{{name: c, image: i}}]}}",
            NAMESPACES[pod.namespace].0, pod.account
        )
    });
    let policies = policies.iter().enumerate().map(|(at, it)| it.written(at));
    let all: Vec<String> = namespaces.chain(pods).chain(policies).collect();
    format!("{SETS}{}", all.join("\n---\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_passes_is_what_the_documentation_says(
        pods in vec((0..2_usize, option::of(select(&["x", "w", "xw"][..])), select(&["s", "t"][..])), 2..5),
        policies in vec(policy(), 0..5),
        addresses in subsequence(OUTSIDE.to_vec(), 0..=3),
    ) {
        let pods: Vec<Pod> = pods.into_iter().map(|(namespace, app, account)| Pod { namespace, app, account }).collect();
        let text = manifests(&pods, &policies);
        let analysis = cluster(&text);
        prop_assert!(analysis.gaps().is_empty(), "{:?}", analysis.gaps());
        let named = pods.iter().enumerate().map(|(at, pod)| (format!("p{at}"), End::Pod(pod)));
        let ends: Vec<_> = named.chain(addresses.iter().map(|it| ((*it).to_owned(), End::Outside(it)))).collect();
        for (from, source) in &ends {
            for (to, destination) in ends.iter().filter(|(to, _)| to != from) {
                let passing = analysis.between(analysis.find(from)[0], analysis.find(to)[0]).expect("small");
                for connection in CONNECTIONS {
                    let sent = match source {
                        End::Pod(pod) => passes(&policies, pod, *destination, 1, connection),
                        End::Outside(_) => Some(true),
                    };
                    let taken = match destination {
                        End::Pod(pod) => passes(&policies, pod, *source, 0, connection),
                        End::Outside(_) => Some(true),
                    };
                    let (Some(sent), Some(taken)) = (sent, taken) else {
                        continue;
                    };
                    let (protocol, port) = connection;
                    let one = Connections::of(protocol, port, port);
                    prop_assert_eq!(passing.least.includes(&one), sent && taken, "{} to {}: {:?}, surely\n{}", from, to, connection, text);
                    prop_assert_eq!(passing.most.includes(&one), sent && taken, "{} to {}: {:?}, perhaps\n{}", from, to, connection, text);
                }
            }
        }
    }
}
