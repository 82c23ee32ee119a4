//! `AuthorizationPolicy` of Istio: who may send which requests.
//!
//! CUSTOM is asked first, then DENY, then ALLOW; where an ALLOW policy selects a workload, nothing passes to it but
//! what one allows. AUDIT decides nothing.

mod request;

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Resource, Truth, Value, World};

use self::request::{Clause, Tokens};
use super::{
    Action, Order, Peer, Plane, Pods, Policy, Ports, Priority, Rule, Rules, Tier, caller::Caller,
};
use crate::{
    Gap,
    cluster::{name_of, namespace_of},
    listed::{is_there, listed},
    mesh::{Mesh, Wire},
    selector::{Namespaces, Selector},
};

pub(super) fn read(world: &World, mesh: &Mesh, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let objects = world.of_kind("AuthorizationPolicy");
    let tokens = Tokens::of(world, mesh);
    objects
        .filter(|it| super::is_of_istio(it))
        .filter_map(|object| policy(world, object, mesh, &tokens, gaps))
        .collect()
}

/// What a policy does where a rule of it fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Somebody else decides whether it passes as far as the next.
    Custom,
    /// Nobody knows what.
    Unknown,
    Deny,
    Allow,
}

impl Verdict {
    fn tier(self) -> Tier {
        let (order, name) = match self {
            Self::Custom => (10, "custom"),
            Self::Unknown => (15, "unknown"),
            Self::Deny => (20, "deny"),
            Self::Allow => (30, "allow"),
        };
        Tier::new(Plane::Mesh, Order::of(order), name)
    }

    fn action(self) -> Option<Action> {
        match self {
            Self::Custom | Self::Deny => Some(Action::Deny),
            Self::Allow => Some(Action::Allow),
            Self::Unknown => None,
        }
    }

    fn closes(self) -> Truth {
        match self {
            Self::Custom | Self::Deny => Truth::No,
            Self::Allow => Truth::Yes,
            Self::Unknown => Truth::Unknown("its action is not known".into()),
        }
    }
}

/// The policy that an object is, if it decides anything.
fn policy(
    world: &World,
    object: &Resource,
    mesh: &Mesh,
    tokens: &Tokens,
    gaps: &mut Vec<Gap>,
) -> Option<Policy> {
    let spec = object.at("spec");
    let verdict = match spec.get("action").text() {
        Fact::Absent => Verdict::Allow,
        Fact::Known(word) if word == "ALLOW" => Verdict::Allow,
        Fact::Known(word) if word == "DENY" => Verdict::Deny,
        Fact::Known(word) if word == "CUSTOM" => Verdict::Custom,
        Fact::Known(word) if word == "AUDIT" => return None,
        Fact::Known(_) | Fact::Unknown(_) => {
            Gap::tell(&spec.get("action"), "an action that is not known", gaps);
            Verdict::Unknown
        }
    };
    let dry = object.at("metadata.annotations").get("istio.io/dry-run");
    let is_enforced = match dry.text() {
        Fact::Absent => Truth::Yes,
        Fact::Known(word) => (!["1", "t", "T", "true", "TRUE", "True"].contains(&&*word)).into(),
        Fact::Unknown(why) => Truth::Unknown(why),
    };
    let is_enforced = match (is_enforced, &mesh.has_nodes) {
        (Truth::No, Truth::No) => return None,
        (Truth::No, _) => Truth::Unknown("proxies of nodes may not know a dry run".into()),
        (is_enforced, _) => is_enforced,
    };
    let namespace = match namespace_of(object, gaps) {
        Fact::Known(name) => Some(name),
        Fact::Absent => Some("default".to_owned()),
        Fact::Unknown(_) => None,
    };
    let (subject, is_there) = subject(world, &spec, namespace.as_deref(), mesh, gaps);
    let name = name_of(object, gaps);
    let reading = Reading {
        verdict,
        namespace: namespace.as_deref(),
        mesh,
        tokens,
    };
    let items = listed(&spec.get("rules"));
    if items.is_empty() && matches!(verdict, Verdict::Custom | Verdict::Deny) {
        // It is about nothing.
        return None;
    }
    let rules = items.iter().enumerate();
    Some(Policy {
        kind: "AuthorizationPolicy",
        name: match &namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        },
        tier: verdict.tier(),
        // All are asked at once.
        priority: Some(Priority::of(Order::of(0))),
        origin: object.body.origin.clone(),
        subject,
        ingress: Rules {
            hold: is_enforced.and(|| is_there),
            closes: verdict.closes(),
            all: rules
                .flat_map(|(at, it)| reading.rules(at, it, gaps))
                .collect(),
        },
        egress: Rules::none(),
    })
}

/// Whom a policy is about, and whether it is asked there.
fn subject(
    world: &World,
    spec: &Cursor<'_>,
    namespace: Option<&str>,
    mesh: &Mesh,
    gaps: &mut Vec<Gap>,
) -> (Vec<Pods>, Truth) {
    let namespaces = match namespace {
        Some(name) => match mesh.roots.has(name) {
            Truth::Yes => vec![Namespaces::Selected(Selector::default())],
            Truth::No => vec![Namespaces::One(name.into())],
            Truth::Unknown(why) => vec![Namespaces::One(name.into()), Namespaces::Unknown(why)],
        },
        None => vec![Namespaces::Unknown(
            "the namespace of the policy is not known".into(),
        )],
    };
    let selected = |namespaces: Vec<Namespaces>, selector: Selector| {
        let pods = namespaces.into_iter().map(|namespaces| Pods {
            namespaces,
            selector: selector.clone(),
        });
        pods.collect()
    };
    let mut targets = listed(&spec.get("targetRefs"));
    targets.extend(Some(spec.get("targetRef")).filter(is_there));
    let [target] = &*targets else {
        let selector = super::workload_selector(&spec.get("selector"), gaps);
        let is_asked = match targets.is_empty() {
            true => Truth::Yes,
            false => Truth::Unknown(AT_WAYPOINT.into()),
        };
        return (selected(namespaces, selector), is_asked);
    };
    let (kind, name) = (
        target.get("kind").text().ok(),
        target.get("name").text().ok(),
    );
    let objects = kind.as_ref().map(|it| world.of_kind(it));
    let object = objects.into_iter().flatten().find(|it| {
        let is_called = it.at("metadata.name").text().ok() == name;
        is_called && it.namespace().unwrap_or("default") == namespace.unwrap_or_default()
    });
    let at_waypoint = Truth::Unknown(AT_WAYPOINT.into());
    match (kind.as_deref(), object) {
        (Some("Service"), Some(service)) => {
            let selector = Selector::of_labels(&service.at("spec.selector"), gaps);
            (selected(namespaces, selector), at_waypoint)
        }
        (Some("Gateway"), Some(gateway)) if !is_waypoint(gateway) => {
            let label = "gateway.networking.k8s.io/gateway-name";
            let selector = Selector::of_label(label, name.as_deref().unwrap_or_default());
            (selected(namespaces, selector), Truth::Yes)
        }
        _ => (selected(namespaces, Selector::default()), at_waypoint),
    }
}

fn is_waypoint(gateway: &Resource) -> bool {
    let class = gateway.at("spec.gatewayClassName").text().ok();
    class.is_none_or(|it| it.contains("waypoint"))
}

const AT_WAYPOINT: &str = "it is asked at a waypoint, and what goes through one is not looked at";

/// What is needed to read a rule.
struct Reading<'a> {
    verdict: Verdict,
    /// Where service accounts are that are named without a namespace, if that is known.
    namespace: Option<&'a str>,
    mesh: &'a Mesh,
    tokens: &'a Tokens,
}

impl Reading<'_> {
    /// A rule of each of its operations for those of its sources that are asked for the same.
    fn rules(&self, at: usize, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Rule> {
        let name = format!("rules[{at}]");
        let (froms, tos) = (listed(&cursor.get("from")), listed(&cursor.get("to")));
        // Istio refuses a list with nothing in it.
        let mut lists = [("from", &froms), ("to", &tos)].into_iter();
        let is_empty = lists.any(|(key, all)| all.is_empty() && is_there(&cursor.get(key)));
        if is_empty || !is_known(cursor, RULE) {
            return self.any(name, cursor, "a rule that is not understood", gaps);
        }
        let mut when = Clause::any();
        for condition in listed(&cursor.get("when")) {
            when.ask(&condition, self, gaps);
        }
        let mut sources: Vec<Clause> = froms
            .iter()
            .map(|it| Clause::of_source(it, self, gaps))
            .collect();
        let mut operations: Vec<Clause> = tos
            .iter()
            .map(|it| Clause::of_operation(it, gaps))
            .collect();
        let weight = sources
            .iter()
            .chain([&when])
            .map(|it| 1 + it.caller().weight())
            .sum::<usize>();
        if weight.saturating_mul(operations.len().max(1)) > MAX_WEIGHT
            || sources.len() > MAX_SOURCES
        {
            return self.any(
                name,
                cursor,
                "a rule of more parts than anybody writes",
                gaps,
            );
        }
        for all in [&mut sources, &mut operations] {
            if all.is_empty() {
                all.push(Clause::any());
            }
        }
        let clauses = || sources.iter().chain(&operations).chain([&when]);
        let is_http = clauses().any(|it| it.is_http);
        let mut rules = Vec::new();
        let groups = grouped(&sources);
        for (to, operation) in operations.iter().enumerate() {
            let name = match tos.len() {
                0 | 1 => name.clone(),
                _ => format!("{name}.to[{to}]"),
            };
            for alike in &groups {
                let both: Vec<Clause> = alike
                    .iter()
                    .map(|it| it.and(operation).and(&when))
                    .collect();
                self.put(&name, cursor, &both, is_http, &mut rules);
            }
        }
        rules
    }

    /// The rule that something is of which nobody knows what.
    fn any(&self, name: String, cursor: &Cursor<'_>, why: &str, gaps: &mut Vec<Gap>) -> Vec<Rule> {
        let caller = Caller::anyone().perhaps(&Gap::tell(cursor, why, gaps));
        vec![self.rule(name, cursor, vec![caller], Ports::all(), None)]
    }

    /// The rules of clauses that ask for the same requests: one for requests, and where the proxy sees only bytes
    /// what Istio makes of it there. An ALLOW rule with anything of HTTP is none there, of others it leaves out
    /// what is of HTTP.
    fn put(
        &self,
        name: &str,
        cursor: &Cursor<'_>,
        clauses: &[Clause],
        is_http: bool,
        rules: &mut Vec<Rule>,
    ) {
        let Some(first) = clauses.first() else {
            return;
        };
        let is_narrow = clauses.iter().any(|it| it.is_http);
        let seen = match (is_http, self.verdict) {
            (true, Verdict::Allow) => Some(true),
            (true, _) => is_narrow.then_some(true),
            (false, _) => None,
        };
        let wire = Wire {
            http: seen,
            ..Wire::default()
        };
        let callers: Vec<Caller> = clauses.iter().map(Clause::caller).collect();
        self.split(
            name,
            cursor,
            &callers,
            &first.ports,
            (wire, first.only()),
            rules,
        );
        if is_narrow && self.verdict != Verdict::Allow {
            let wire = Wire {
                http: Some(false),
                is_vague_in_bytes: clauses.iter().any(|it| it.is_bare),
                ..Wire::default()
            };
            let callers: Vec<Caller> = clauses.iter().map(Clause::caller_in_bytes).collect();
            self.split(name, cursor, &callers, &first.ports, (wire, None), rules);
        }
    }

    /// Where nobody can say who he is, those that are asked for a name are asked in another way.
    fn split(
        &self,
        name: &str,
        cursor: &Cursor<'_>,
        callers: &[Caller],
        ports: &Ports,
        (wire, only): (Wire, Option<Arc<str>>),
        rules: &mut Vec<Rule>,
    ) {
        let may_be_plain = self.mesh.may_be_plain();
        let asks = callers.iter().any(|it| it.in_plain().is_some());
        let mut add = |callers: Vec<Caller>, plain| {
            let ports = ports.clone().seen(Wire { plain, ..wire });
            rules.push(self.rule(name.to_owned(), cursor, callers, ports, only.clone()));
        };
        match may_be_plain && asks {
            true => {
                add(callers.to_vec(), Some(false));
                let in_plain = callers
                    .iter()
                    .map(|it| it.in_plain().unwrap_or_else(|| it.clone()));
                add(in_plain.collect(), Some(true));
            }
            false => add(callers.to_vec(), None),
        }
    }

    fn rule(
        &self,
        name: String,
        cursor: &Cursor<'_>,
        callers: Vec<Caller>,
        ports: Ports,
        only: Option<Arc<str>>,
    ) -> Rule {
        let provider: Arc<str> = "an external authorizer decides".into();
        let peer = |caller: Caller| match self.verdict {
            Verdict::Custom => Peer::Caller(caller.perhaps(&provider)),
            _ if caller.conditions.is_empty() => Peer::Anyone,
            _ => Peer::Caller(caller),
        };
        Rule {
            name,
            action: self.verdict.action(),
            only,
            origin: cursor.origin().clone(),
            peers: callers.into_iter().map(peer).collect(),
            ports,
        }
    }
}

/// Those that ask for the same of a request.
fn grouped(sources: &[Clause]) -> Vec<Vec<&Clause>> {
    let mut groups: Vec<Vec<&Clause>> = Vec::new();
    for source in sources {
        // Rules have no more sources than `MAX_SOURCES`, and few that ask for requests.
        let alike = groups.iter_mut().find(|it| it[0].is_like(source));
        match alike {
            Some(group) => group.push(source),
            None => groups.push(vec![source]),
        }
    }
    groups
}

/// Whether an object has no other keys than those that are known.
fn is_known(cursor: &Cursor<'_>, keys: &[&str]) -> bool {
    let is_map = match &cursor.fact {
        // A key that nobody writes is unknown where a template may have written others.
        Fact::Known(it) => matches!(it.value, Value::Map(_)) && cursor.get("").is_absent().is_yes(),
        Fact::Absent | Fact::Unknown(_) => false,
    };
    is_map && cursor.entries().iter().all(|(key, _)| keys.contains(key))
}

const RULE: &[&str] = &["from", "to", "when"];
/// Names of sources, for each operation.
const MAX_WEIGHT: usize = 100_000;
/// Each is compared with those that ask for other requests.
const MAX_SOURCES: usize = 1_000;
