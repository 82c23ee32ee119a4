//! What a part of a rule asks for: a source, an operation, or the conditions of all.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Truth, Value, World};

use super::{Reading, is_known};
use crate::{
    Addresses, Connections, Gap, Protocol,
    listed::{is_there, listed},
    mesh::Mesh,
    policy::{
        Ports,
        caller::{Attribute, Caller, Condition, Pattern},
        is_of_istio,
    },
};

/// What has to hold of a source and of a request.
#[derive(Clone)]
pub(super) struct Clause {
    conditions: Vec<Condition>,
    /// What has to hold too where the proxy sees requests.
    of_requests: Vec<Condition>,
    pub(super) ports: Ports,
    /// Which requests, in words; nothing where all are meant.
    pub(super) requests: Vec<String>,
    /// Whether it says anything of requests.
    pub(super) is_http: bool,
    /// Whether a part of it says nothing else.
    pub(super) is_bare: bool,
    /// How much it says of tokens.
    tokens: usize,
}

/// Where requests bring tokens that proxies look at.
pub(super) struct Tokens {
    /// The namespaces of which all workloads look at them; nothing, where those of all do.
    everywhere: Option<Vec<String>>,
    is_used: bool,
    /// Who may have made one that some proxy takes.
    issuers: Vec<String>,
}

impl Tokens {
    pub(super) fn of(world: &World, mesh: &Mesh) -> Self {
        let objects = world.of_kind("RequestAuthentication");
        let objects: Vec<_> = objects.filter(|it| is_of_istio(it)).collect();
        let whole = objects.iter().filter(|it| {
            let narrower = ["spec.selector", "spec.targetRef", "spec.targetRefs"];
            narrower.iter().all(|key| it.at(key).is_absent().is_yes())
                && !it.at("spec.jwtRules").items().is_empty()
        });
        let namespaces = whole.map(|it| it.namespace().unwrap_or("default").to_owned());
        let namespaces: Vec<String> = namespaces.collect();
        Self {
            everywhere: (!namespaces.iter().any(|it| mesh.roots.has(it).is_yes()))
                .then_some(namespaces),
            is_used: !objects.is_empty(),
            issuers: objects
                .iter()
                .flat_map(|it| it.at("spec").walk("jwtRules[].issuer"))
                .filter_map(|it| it.text().ok())
                .collect(),
        }
    }

    /// Whether some token is of such a principal (`issuer/subject`), as far as issuers tell.
    fn may_be_of(&self, principal: &str) -> bool {
        let mut issuers = self.issuers.iter();
        principal == "*"
            || issuers.any(|it| {
                let rest = principal.strip_prefix(it.as_str());
                rest.is_some_and(|it| it.len() > 1 && it.starts_with('/'))
            })
    }

    /// Whether proxies of a namespace look at tokens.
    fn are_seen(&self, namespace: Option<&str>) -> Truth {
        let Some(namespaces) = &self.everywhere else {
            return Truth::Yes;
        };
        let is_said = namespaces.iter().any(|it| Some(&**it) == namespace);
        match (self.is_used, is_said) {
            (false, _) => Truth::No,
            (true, true) => Truth::Yes,
            (true, false) => Truth::Unknown("whose tokens its proxy looks at is not known".into()),
        }
    }
}

impl Clause {
    /// One that asks for nothing.
    pub(super) fn any() -> Self {
        Self {
            conditions: Vec::new(),
            of_requests: Vec::new(),
            ports: Ports::all(),
            requests: Vec::new(),
            is_http: false,
            is_bare: false,
            tokens: 0,
        }
    }

    pub(super) fn of_source(item: &Cursor<'_>, reading: &Reading<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut clause = Self::any();
        let source = item.get("source");
        if !is_known(item, &["source"]) || !is_known(&source, SOURCE) {
            clause.doubt(&Gap::tell(item, "a source that is not understood", gaps));
            return clause;
        }
        for (key, cursor) in source.entries() {
            let Some(values) = clause.values(&cursor, gaps) else {
                continue;
            };
            if values.is_empty() {
                continue;
            }
            let (name, is_not) = positive(key);
            match &*name {
                "requestPrincipals" => {
                    let words = if is_not {
                        "without a token of"
                    } else {
                        "with a token of"
                    };
                    let mut named = values.iter();
                    if !is_not && !named.any(|it| reading.tokens.may_be_of(it)) {
                        clause.doubt_requests("whether anybody has such a token is not known");
                    }
                    clause.ask_token(&format!("{words} {}", shown(&values)), is_not, reading);
                }
                "remoteIpBlocks" => clause.doubt(&FORWARDED.into()),
                name => {
                    let attribute = attribute(name, &values, reading);
                    clause.ask_source(attribute, is_not, &cursor, gaps);
                }
            }
        }
        clause.is_bare = clause.is_http && clause.conditions.is_empty();
        clause.refuse_nothing(item, gaps)
    }

    pub(super) fn of_operation(item: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut clause = Self::any();
        let operation = item.get("operation");
        let is_read = is_known(item, &["operation"]) && is_known(&operation, OPERATION);
        if !is_read {
            clause.doubt(&Gap::tell(
                item,
                "an operation that is not understood",
                gaps,
            ));
            return clause;
        }
        for (key, before) in [("methods", ""), ("paths", ""), ("hosts", "to ")] {
            let not = format!("not{}{}", key[..1].to_uppercase(), &key[1..]);
            let cursors = [operation.get(key), operation.get(&not)];
            let [Some(of), Some(but)] = cursors.map(|it| match is_there(&it) {
                true => clause.values(&it, gaps),
                false => Some(Vec::new()),
            }) else {
                clause.is_http = true;
                continue;
            };
            clause.ask_requests(key, before, &of, &but);
        }
        let is_of_ports = ["ports", "notPorts"].map(|key| {
            let cursor = operation.get(key);
            clause.ask_ports(&cursor, key == "notPorts", gaps)
        });
        let is_of_ports = is_of_ports.contains(&true);
        clause.is_bare = clause.is_http && !is_of_ports;
        match is_of_ports {
            true => clause,
            false => clause.refuse_nothing(item, gaps),
        }
    }

    /// Asks for what a condition says.
    pub(super) fn ask(&mut self, item: &Cursor<'_>, reading: &Reading<'_>, gaps: &mut Vec<Gap>) {
        let key = item.get("key").text().ok();
        let (values, others) = (item.get("values"), item.get("notValues"));
        let is_said = is_there(&values) || is_there(&others);
        let Some(key) = key.filter(|_| is_said && is_known(item, &["key", "values", "notValues"]))
        else {
            self.doubt(&Gap::tell(item, "a condition that is not understood", gaps));
            return;
        };
        let is_said_twice = is_there(&values) && is_there(&others);
        for (cursor, is_not) in [(values, false), (others, true)] {
            if !is_there(&cursor) {
                continue;
            }
            if key == "destination.port" {
                self.ask_ports(&cursor, is_not, gaps);
                continue;
            }
            let Some(texts) = self.values(&cursor, gaps).filter(|it| !it.is_empty()) else {
                continue;
            };
            let not = if is_not { "not " } else { "" };
            let words = format!("{key} {not}{}", shown(&texts));
            if let Some(name) = key.strip_prefix("request.headers[") {
                let is_asked = |it: &String| it.starts_with(&format!("{key} "));
                // What paths and methods say is said of these too.
                let is_other = name.starts_with(':') || name.eq_ignore_ascii_case("host]");
                if is_said_twice || is_other || self.requests.iter().any(is_asked) {
                    self.doubt_requests(LEFT);
                }
                self.narrow(words);
            } else if key.starts_with("request.auth.") {
                self.ask_token(&words, is_not, reading);
            } else {
                let attribute = match &*key {
                    "source.ip" => attribute("ipBlocks", &texts, reading),
                    "source.namespace" => attribute("namespaces", &texts, reading),
                    "source.principal" => attribute("principals", &texts, reading),
                    "source.serviceAccount" if reading.mesh.has_nodes != Truth::No => {
                        Ok(unknown(&key))
                    }
                    "source.serviceAccount" => attribute("serviceAccounts", &texts, reading),
                    "source.trustDomain" => attribute("trustDomains", &texts, reading),
                    "remote.ip" => Ok(Attribute::Unknown(FORWARDED.into())),
                    "destination.ip" | "connection.sni" => Ok(unknown(&key)),
                    _ if key.starts_with("experimental.envoy.filters.") => Ok(unknown(&key)),
                    _ => Err("a condition of something that is not known".to_owned()),
                };
                self.ask_source(attribute, is_not, item, gaps);
            }
        }
        self.is_bare |= self.is_http && key.starts_with("request.");
    }

    /// Both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            conditions: [&*self.conditions, &*other.conditions].concat(),
            of_requests: [&*self.of_requests, &*other.of_requests].concat(),
            ports: self.ports.both(&other.ports),
            requests: [&*self.requests, &*other.requests].concat(),
            is_http: self.is_http || other.is_http,
            is_bare: self.is_bare || other.is_bare,
            tokens: self.tokens + other.tokens,
        }
    }

    /// Whether both are one rule.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.is_http, it.is_bare);
        key(self) == key(other) && self.requests == other.requests
    }

    /// Who sends such requests.
    pub(super) fn caller(&self) -> Caller {
        let mut caller = self.caller_in_bytes();
        caller.conditions.extend(self.of_requests.iter().cloned());
        match self.tokens {
            0 | 1 => caller,
            // One may leave nothing of the other.
            _ => caller.perhaps(&LEFT.into()),
        }
    }

    /// Who it is about where nobody sees requests.
    pub(super) fn caller_in_bytes(&self) -> Caller {
        let mut caller = Caller::anyone();
        caller.conditions = self.conditions.clone();
        caller
    }

    pub(super) fn only(&self) -> Option<Arc<str>> {
        (!self.requests.is_empty()).then(|| self.requests.join(" ").into())
    }

    fn ask_source(
        &mut self,
        attribute: Result<Attribute, String>,
        is_not: bool,
        cursor: &Cursor<'_>,
        gaps: &mut Vec<Gap>,
    ) {
        match attribute {
            Ok(one_of) => self.conditions.push(Condition { one_of, is_not }),
            Err(message) => self.doubt(&Gap::tell(cursor, &message, gaps)),
        }
    }

    /// Asks for ports, and says whether it does.
    fn ask_ports(&mut self, cursor: &Cursor<'_>, is_not: bool, gaps: &mut Vec<Gap>) -> bool {
        if !is_there(cursor) {
            return false;
        }
        let Some(texts) = self.values(cursor, gaps) else {
            return true;
        };
        if texts.is_empty() {
            return false;
        }
        let mut ports = Connections::default();
        for text in texts {
            match text.parse::<u16>() {
                Ok(port) => ports = ports.union(&Connections::of(Protocol::Tcp, port, port)),
                Err(_) => {
                    let why = Gap::tell(cursor, "a port that is not understood", gaps);
                    self.doubt(&why);
                    return true;
                }
            }
        }
        if is_not {
            ports = Connections::of_protocol(Protocol::Tcp).difference(&ports);
        }
        self.ports = self.ports.both(&Ports::of_connections(ports));
        true
    }

    /// Asks for requests by one of their parts.
    fn ask_requests(&mut self, key: &str, before: &str, of: &[String], but: &[String]) {
        if of.is_empty() && but.is_empty() {
            return;
        }
        self.is_http = true;
        let is_path = key == "paths";
        let is_all = |it: &String| it == "*" || is_path && (it == "/*" || it == "/{**}");
        let may_be = |it: &String| !is_path || it.starts_with(['/', '*']);
        if !of.is_empty() && !but.is_empty() {
            self.doubt_requests(LEFT);
        }
        if !of.is_empty() && !of.iter().any(is_all) {
            if !of.iter().any(may_be) {
                self.doubt_requests("no path of a request is like that");
            }
            self.narrow(format!("{before}{}", shown(of)));
        }
        if but.iter().any(is_all) {
            self.doubt_requests(LEFT);
        }
        if but.iter().any(may_be) {
            self.narrow(format!("{before}not {}", shown(but)));
        }
    }

    /// Asks for the token of a request.
    fn ask_token(&mut self, words: &str, is_not: bool, reading: &Reading<'_>) {
        self.is_http = true;
        self.tokens += 1;
        match (reading.tokens.are_seen(reading.namespace), is_not) {
            (Truth::Yes, _) => self.narrow(words.to_owned()),
            // No request has one that anybody looked at.
            (Truth::No, true) => {}
            (Truth::No, false) => self.of_requests.push(Condition {
                one_of: Attribute::Principals(Vec::new()),
                is_not: false,
            }),
            (Truth::Unknown(why), _) => {
                self.narrow(words.to_owned());
                self.doubt_requests(&why);
            }
        }
    }

    /// What asks for nothing is refused by Istio.
    fn refuse_nothing(mut self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        if self.conditions.is_empty() && !self.is_http {
            self.doubt(&Gap::tell(cursor, "it asks for nothing", gaps));
        }
        self
    }

    fn narrow(&mut self, words: String) {
        self.is_http = true;
        self.requests.push(words);
    }

    /// Says that it may not hold.
    fn doubt(&mut self, why: &Arc<str>) {
        self.conditions.push(Condition {
            one_of: Attribute::Unknown(why.clone()),
            is_not: false,
        });
    }

    /// Says that it may be about no request, or about all.
    fn doubt_requests(&mut self, why: &str) {
        self.of_requests.push(Condition {
            one_of: Attribute::Unknown(why.into()),
            is_not: false,
        });
    }

    /// The texts of a list; one that is not known is doubted.
    fn values(&mut self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Vec<String>> {
        let items = listed(cursor);
        // The API server refuses a number where a text is asked for.
        let is_text = |it: &&Cursor<'_>| matches!(&it.fact, Fact::Known(it) if matches!(it.value, Value::String(_)));
        let text = |it: &Cursor<'_>| Some(it).filter(is_text)?.text().ok();
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        match texts {
            Some(texts) => Some(texts),
            None => {
                self.doubt(&Gap::tell(cursor, "values that are not known", gaps));
                None
            }
        }
    }
}

/// `principals` of `notPrincipals`.
fn positive(key: &str) -> (String, bool) {
    match key.strip_prefix("not") {
        Some(rest) => (format!("{}{}", rest[..1].to_lowercase(), &rest[1..]), true),
        None => (key.to_owned(), false),
    }
}

fn attribute(name: &str, values: &[String], reading: &Reading<'_>) -> Result<Attribute, String> {
    let mesh = reading.mesh;
    let differs = |why: &str| Ok(Attribute::Unknown(format!("proxies of nodes {why}").into()));
    let may_differ = mesh.has_nodes != Truth::No;
    Ok(match name {
        "principals" => {
            let meant: Vec<Pattern> = values.iter().flat_map(|it| mesh.principals(it)).collect();
            let written: Vec<Pattern> = values.iter().map(|it| Pattern::of(it)).collect();
            if may_differ && meant != written {
                return differs("know no aliases of trust domains");
            }
            Attribute::Principals(meant)
        }
        "namespaces" if may_differ && values.iter().any(|it| it.contains('*')) => {
            return differs("may take a star in a namespace for what it is");
        }
        "namespaces" => Attribute::Namespaces(values.to_vec()),
        "serviceAccounts" => {
            let named = values.iter().map(|it| {
                let (namespace, name) = match it.split_once('/') {
                    Some(both) => both,
                    None => (reading.namespace?, it.as_str()),
                };
                Some((namespace.to_owned(), name.to_owned()))
            });
            match named.collect() {
                Some(accounts) => Attribute::Accounts(accounts),
                None => Attribute::Unknown("the namespace of the policy is not known".into()),
            }
        }
        "trustDomains" => {
            let domains = values.iter().flat_map(|it| reading.mesh.domains_of(it));
            Attribute::TrustDomains(domains.map(|it| Pattern::of(&it)).collect())
        }
        "ipBlocks" => {
            let mut all = Addresses::default();
            for text in values {
                let block = Addresses::read(text);
                let block = block.ok_or_else(|| format!("{text:?} is no block of addresses"))?;
                all = all.union(&block);
            }
            Attribute::Addresses(all)
        }
        _ => return Err("a source that is not understood".to_owned()),
    })
}

fn unknown(key: &str) -> Attribute {
    Attribute::Unknown(format!("{key} is not looked at").into())
}

/// A list in words, short.
fn shown(values: &[String]) -> String {
    let some = values
        .iter()
        .take(MAX_SHOWN)
        .map(|it| it.chars().take(MAX_CHARS).collect::<String>());
    let some = some.collect::<Vec<_>>().join(",");
    match values.len().saturating_sub(MAX_SHOWN) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

const SOURCE: &[&str] = &[
    "principals",
    "notPrincipals",
    "requestPrincipals",
    "notRequestPrincipals",
    "namespaces",
    "notNamespaces",
    "serviceAccounts",
    "notServiceAccounts",
    "trustDomains",
    "notTrustDomains",
    "ipBlocks",
    "notIpBlocks",
    "remoteIpBlocks",
    "notRemoteIpBlocks",
];
const OPERATION: &[&str] = &[
    "hosts",
    "notHosts",
    "ports",
    "notPorts",
    "methods",
    "notMethods",
    "paths",
    "notPaths",
];
const FORWARDED: &str = "whom a request was forwarded for is up to its headers";
const LEFT: &str = "whether any request is left, or all are meant, is not looked at";
const MAX_SHOWN: usize = 4;
const MAX_CHARS: usize = 60;
