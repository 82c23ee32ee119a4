//! Policies of Istio at random, against an evaluator of single requests that was written from the documentation
//! (istio.io: "Authorization Policy", "PeerAuthentication", "Using authorization with TCP traffic").

use casemate_segment::{Connections, Protocol};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};

use crate::kit::addressed;

const NAMESPACES: [&str; 3] = ["lab", "models", "edge"];
const ROOT: &str = "istio-system";

#[derive(Clone, Debug)]
struct Pod {
    namespace: &'static str,
    app: &'static str,
    account: &'static str,
    has_proxy: bool,
}

#[derive(Clone, Debug)]
struct Policy {
    namespace: &'static str,
    app: Option<&'static str>,
    action: &'static str,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    from: Vec<Fields>,
    to: Vec<Fields>,
    when: Vec<(&'static str, bool, Vec<&'static str>)>,
}

/// A key, whether it is the one with `not`, and the values.
type Fields = Vec<(&'static str, bool, Vec<&'static str>)>;

#[derive(Clone, Debug)]
struct Authentication {
    namespace: &'static str,
    app: Option<&'static str>,
    mode: &'static str,
    of_80: &'static str,
}

/// What somebody sends: bytes, or a request.
#[derive(Clone, Copy, Debug)]
struct Sent<'a> {
    principal: Option<&'a str>,
    port: u16,
    request: Option<(&'a str, &'a str)>,
}

const PORTS: [u16; 4] = [70, 80, 90, 99];
const METHODS: [&str; 3] = ["GET", "POST", "BREW"];
const PATHS: [&str; 4] = ["/a", "/a/b", "/c", "/other"];

fn is_like(pattern: &str, text: &str) -> bool {
    match pattern {
        "*" => !text.is_empty(),
        _ if pattern.starts_with('*') => text.ends_with(&pattern[1..]),
        _ if pattern.ends_with('*') => text.starts_with(&pattern[..pattern.len() - 1]),
        _ => text == pattern,
    }
}

impl Sent<'_> {
    /// Whether a value fits; nothing, where it is about requests and this is none.
    fn fits(&self, key: &str, value: &str) -> Option<bool> {
        let parts: Vec<&str> = self
            .principal
            .map_or(Vec::new(), |it| it.split('/').collect());
        Some(match key {
            "principals" | "source.principal" => {
                self.principal.is_some_and(|it| is_like(value, it))
            }
            "namespaces" | "source.namespace" => parts.get(2).is_some_and(|it| is_like(value, it)),
            "serviceAccounts" => parts
                .get(2)
                .zip(parts.get(4))
                .is_some_and(|(namespace, name)| format!("{namespace}/{name}") == value),
            // Pods have addresses of 10.0.0.0/16.
            "ipBlocks" | "source.ip" => value == "10.0.0.0/8",
            "ports" | "destination.port" => self.port.to_string() == value,
            "methods" => is_like(value, self.request?.0),
            "paths" => is_like(value, self.request?.1),
            _ => unreachable!("{key}"),
        })
    }

    /// Whether all of the fields hold; those of requests are left out of what is none.
    fn holds(&self, fields: &Fields) -> bool {
        fields.iter().all(|(key, is_not, values)| {
            let fits: Option<Vec<bool>> = values.iter().map(|it| self.fits(key, it)).collect();
            fits.is_none_or(|fits| fits.contains(&true) != *is_not)
        })
    }

    fn is_of(&self, rule: &Rule, action: &str) -> bool {
        let mut keys = rule.to.iter().flatten().map(|(key, ..)| *key);
        let asks_requests = keys.any(|it| ["methods", "paths"].contains(&it));
        if action == "ALLOW" && asks_requests && self.request.is_none() {
            return false;
        }
        let any = |all: &[Fields]| all.is_empty() || all.iter().any(|it| self.holds(it));
        any(&rule.from) && any(&rule.to) && self.holds(&rule.when)
    }
}

fn mode<'a>(to: &Pod, port: u16, all: &[&'a Authentication]) -> &'a str {
    let of = |is: &dyn Fn(&Authentication) -> bool| all.iter().find(|it| is(it));
    let mine = of(&|it| it.namespace == to.namespace && it.app == Some(to.app));
    let namespace = of(&|it| it.namespace == to.namespace && it.app.is_none());
    let mesh = of(&|it| it.namespace == ROOT && it.app.is_none());
    let of_port = mine.filter(|_| port == 80).map(|it| it.of_80);
    let levels = [
        of_port,
        mine.map(|it| it.mode),
        namespace.map(|it| it.mode),
        mesh.map(|it| it.mode),
    ];
    let said = levels.into_iter().flatten().find(|it| *it != "UNSET");
    said.unwrap_or("PERMISSIVE")
}

/// Whether the proxy of `to` lets something pass; of who hides who he is: through his own proxy to an address of
/// which that knows no Service, or past it (istio.io: "Understanding Traffic Routing", "Sidecar Injection").
fn passes(
    from: &Pod,
    is_hiding: bool,
    to: &Pod,
    port: u16,
    request: Option<(&str, &str)>,
    policies: &[Policy],
    authentications: &[&Authentication],
) -> bool {
    if !to.has_proxy {
        return true;
    }
    let mode = mode(to, port, authentications);
    let name = format!("cluster.local/ns/{}/sa/{}", from.namespace, from.account);
    let principal = Some(&*name).filter(|_| from.has_proxy && !is_hiding && mode != "DISABLE");
    if mode == "STRICT" && principal.is_none() {
        return false;
    }
    let sent = Sent {
        principal,
        port,
        request,
    };
    let is_about = |it: &&Policy| {
        [to.namespace, ROOT].contains(&it.namespace) && it.app.is_none_or(|app| app == to.app)
    };
    let of = |action: &'static str| {
        policies
            .iter()
            .filter(is_about)
            .filter(move |it| it.action == action)
    };
    let fits = |it: &Policy| it.rules.iter().any(|rule| sent.is_of(rule, it.action));
    if of("DENY").any(fits) {
        return false;
    }
    of("ALLOW").next().is_none() || of("ALLOW").any(fits)
}

fn list(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|it| format!("'{it}'")).collect();
    format!("[{}]", quoted.join(", "))
}

fn shown(fields: &Fields) -> String {
    let field = |(key, is_not, values): &(&str, bool, Vec<&str>)| match is_not {
        true => format!(
            "not{}{}: {}",
            key[..1].to_uppercase(),
            &key[1..],
            list(values)
        ),
        false => format!("{key}: {}", list(values)),
    };
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn manifests(pods: &[Pod], policies: &[Policy], authentications: &[&Authentication]) -> String {
    let mut all = Vec::new();
    for namespace in NAMESPACES {
        all.push(format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{istio-injection: enabled}}}}"));
        all.push(format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{selector: {{of: all}}, ports: [{{name: http, port: 80}}, {{name: tcp, port: 90}}]}}"));
    }
    for (at, pod) in pods.iter().enumerate() {
        let inject = if pod.has_proxy {
            ""
        } else {
            ", sidecar.istio.io/inject: 'false'"
        };
        all.push(format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {}, labels: {{of: all, app: {}{inject}}}}}\nspec: {{serviceAccountName: {}, containers: [{{name: c, image: i}}]}}",
            pod.namespace, pod.app, pod.account
        ));
    }
    let selector = |app: Option<&str>| match app {
        Some(app) => format!("selector: {{matchLabels: {{app: {app}}}}}, "),
        None => String::new(),
    };
    for (at, it) in policies.iter().enumerate() {
        let rules = it.rules.iter().map(|rule| {
            let each = |key: &str, word: &str, all: &[Fields]| match all {
                [] => String::new(),
                _ => {
                    let all: Vec<_> = all
                        .iter()
                        .map(|it| format!("{{{word}: {{{}}}}}", shown(it)))
                        .collect();
                    format!("{key}: [{}], ", all.join(", "))
                }
            };
            let when = rule.when.iter().map(|(key, is_not, values)| {
                let word = if *is_not { "notValues" } else { "values" };
                format!("{{key: {key}, {word}: {}}}", list(values))
            });
            format!(
                "{{{}{}when: [{}]}}",
                each("from", "source", &rule.from),
                each("to", "operation", &rule.to),
                when.collect::<Vec<_>>().join(", ")
            )
        });
        let rules: Vec<String> = rules.collect();
        all.push(format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a{at}, namespace: {}}}\nspec: {{{}action: {}, rules: [{}]}}",
            it.namespace, selector(it.app), it.action, rules.join(", ")
        ));
    }
    for (at, it) in authentications.iter().enumerate() {
        all.push(format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: m{at}, namespace: {}}}\nspec: {{{}mtls: {{mode: {}}}, portLevelMtls: {{80: {{mode: {}}}}}}}",
            it.namespace, selector(it.app), it.mode, it.of_80
        ));
    }
    all.join("\n---\n")
}

fn field(
    key: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = (&'static str, bool, Vec<&'static str>)> {
    (any::<bool>(), subsequence(values.to_vec(), 1..=2))
        .prop_map(move |(is_not, values)| (key, is_not, values))
}

/// Fields of different keys.
fn fields(
    of: Vec<BoxedStrategy<(&'static str, bool, Vec<&'static str>)>>,
) -> impl Strategy<Value = Fields> {
    vec(proptest::strategy::Union::new(of), 1..3).prop_map(|mut all| {
        all.sort();
        all.dedup_by_key(|it| it.0);
        all
    })
}

fn rule(with_requests: bool) -> impl Strategy<Value = Rule> {
    const PRINCIPALS: &[&str] = &[
        "*",
        "cluster.local/ns/lab/*",
        "*/sa/a",
        "cluster.local/ns/models/sa/b",
    ];
    const BLOCKS: &[&str] = &["10.0.0.0/8", "192.0.2.0/24"];
    const SOME_PORTS: &[&str] = &["70", "80", "90"];
    let source = fields(vec![
        field("principals", PRINCIPALS).boxed(),
        field("namespaces", &["lab", "models", "e*"]).boxed(),
        field("ipBlocks", BLOCKS).boxed(),
    ]);
    let accounts = fields(vec![field("serviceAccounts", &["lab/a", "edge/b"]).boxed()]);
    let source = prop_oneof![3 => source, 1 => accounts];
    let mut of = vec![field("ports", SOME_PORTS).boxed()];
    if with_requests {
        of.push(field("methods", &["GET", "POST", "*"]).boxed());
        of.push(field("paths", &["/a", "/a/*", "*b", "/*"]).boxed());
    }
    let when = fields(vec![
        field("source.namespace", &["lab", "models"]).boxed(),
        field("destination.port", SOME_PORTS).boxed(),
        field("source.ip", BLOCKS).boxed(),
    ]);
    let when = prop_oneof![2 => Just(Vec::new()), 1 => when];
    (vec(source, 0..3), vec(fields(of), 0..3), when).prop_map(|(from, to, when)| Rule {
        from,
        to,
        when,
    })
}

fn policy(with_requests: bool) -> impl Strategy<Value = Policy> {
    let namespaces = ["lab", "models", "edge", ROOT];
    let parts = (
        select(namespaces.to_vec()),
        prop_oneof![Just(None), select(&["x", "y"][..]).prop_map(Some)],
        select(&["ALLOW", "ALLOW", "DENY", "AUDIT"][..]),
        vec(rule(with_requests), 0..3),
    );
    parts.prop_map(|(namespace, app, action, rules)| Policy {
        namespace,
        app,
        action,
        rules,
    })
}

fn pods() -> impl Strategy<Value = Vec<Pod>> {
    let pod = (
        select(&NAMESPACES[..]),
        select(&["x", "y"][..]),
        select(&["a", "b"][..]),
        prop::bool::weighted(0.75),
    );
    let pod = pod.prop_map(|(namespace, app, account, has_proxy)| Pod {
        namespace,
        app,
        account,
        has_proxy,
    });
    vec(pod, 2..5)
}

/// One of each level at most: of several the oldest decides, which files do not say.
fn authentications() -> impl Strategy<Value = Vec<Authentication>> {
    let mode = || select(&["STRICT", "PERMISSIVE", "DISABLE", "UNSET"][..]);
    let each = |(namespace, app): (&'static str, Option<&'static str>)| {
        (mode(), mode()).prop_map(move |(mode, of_80)| Authentication {
            namespace,
            app,
            mode,
            of_80,
        })
    };
    let all = [
        (ROOT, None),
        ("lab", None),
        ("models", None),
        ("lab", Some("x")),
        ("models", Some("y")),
        (ROOT, Some("x")),
    ];
    let all: Vec<_> = all.map(each).into_iter().collect();
    (all, vec(prop::bool::weighted(0.3), 6)).prop_map(|(all, are_there)| {
        all.into_iter()
            .zip(are_there)
            .filter(|(_, is)| *is)
            .map(|(it, _)| it)
            .collect()
    })
}

/// Holds what is said of each two pods and each port against what passes there.
fn compare(
    pods: &[Pod],
    policies: &[Policy],
    authentications: &[Authentication],
    is_exact: bool,
) -> Result<(), TestCaseError> {
    let authentications: Vec<&Authentication> = authentications.iter().collect();
    let analysis = addressed(&manifests(pods, policies, &authentications));
    prop_assert!(analysis.gaps().is_empty(), "{:?}", analysis.gaps());
    for (from, source) in pods.iter().enumerate() {
        for (to, destination) in pods.iter().enumerate().filter(|(to, _)| *to != from) {
            let [a, b] = [from, to].map(|it| analysis.find(&format!("p{it}"))[0]);
            let said = analysis.between(a, b).expect("small");
            for port in PORTS {
                let way = |is_hiding| {
                    let passes = |request| {
                        passes(
                            source,
                            is_hiding,
                            destination,
                            port,
                            request,
                            policies,
                            &authentications,
                        )
                    };
                    let mut requests = METHODS
                        .iter()
                        .flat_map(|method| PATHS.iter().map(move |path| (*method, *path)));
                    let some_request = requests.any(|it| passes(Some(it)));
                    let bytes = passes(None);
                    match port {
                        80 => (some_request, some_request),
                        90 => (bytes, bytes),
                        // What is spoken there nobody says.
                        _ => (some_request && bytes, some_request || bytes),
                    }
                };
                let (as_itself, as_nobody) = (way(false), way(true));
                // Services lead to these, so that who calls them can say who he is.
                let is_served = [80, 90].contains(&port);
                let surely = as_itself.0 && (is_served || as_nobody.0);
                let maybe = as_itself.1 || as_nobody.1;
                let here = Connections::of(Protocol::Tcp, port, port);
                let (least, most) = (said.least.includes(&here), said.most.includes(&here));
                let pair = format!(
                    "p{from} to p{to} at {port}: {least} {most}, and it is {surely} {maybe}"
                );
                prop_assert!(!least || surely, "{}", pair);
                prop_assert!(most || !maybe, "{}", pair);
                prop_assert!(!is_exact || (least, most) == (surely, maybe), "{}", pair);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_said_of_connections_is_what_passes(
        pods in pods(),
        policies in vec(policy(false), 1..5),
        authentications in authentications(),
    ) {
        compare(&pods, &policies, &authentications, true)?;
    }

    #[test]
    fn what_is_said_of_requests_is_what_passes(
        pods in pods(),
        policies in vec(policy(true), 1..5),
        authentications in authentications(),
    ) {
        compare(&pods, &policies, &authentications, false)?;
    }
}
