//! Whom rules are about: the source of what comes in, the destination of what goes out; and what they ask of the
//! other end, which is one of the pods that their policy selects.

use std::collections::HashMap;

use casemate_posture::{Cursor, Fact, Resource, Truth, World};

use super::{
    Scope,
    clauses::{About, Clauses},
    sets,
};
use crate::{
    Addresses, Gap,
    cluster::{is_of_group, namespace_of},
    entry::Key,
    listed::{is_there, listed},
    policy::{Inside, Peer, services::behind},
    selector::Namespaces,
};

/// Whom a rule is about.
pub(super) fn peers(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    if let Fact::Unknown(why) = &cursor.fact {
        return vec![Peer::Unknown(Gap::tell(cursor, why, gaps))];
    }
    if is_there(&cursor.get("services")) {
        return services(scope, &cursor.get("services"), gaps);
    }
    let domains = cursor.get("domains");
    if is_there(&domains) {
        return vec![Peer::Outside(Gap::tell(
            &domains,
            "the addresses of names are not known",
            gaps,
        ))];
    }
    let nets = match nets(cursor) {
        Ok(nets) => nets,
        Err(why) => return vec![Peer::Unknown(Gap::tell(cursor, &why, gaps))],
    };
    let (selected, excluded) = (selected(scope, cursor, gaps), excluded(scope, cursor, gaps));
    let (selected, others) = match (selected, excluded) {
        (None, None) => return anyone(nets),
        (selected, excluded) => (selected, excluded),
    };
    let out = others
        .as_ref()
        .map(|it| scope.read.networks.of(&it.is, scope.read));
    let (out, unsure) = out.unwrap_or_default();
    let mut peers = Vec::new();
    // Pods, with what is not known of their addresses.
    let is_vague = nets.is_some() || unsure.is_some() || !out.is_empty();
    let mut pods = selected.clone().unwrap_or_else(Clauses::all);
    if let Some(others) = &others {
        pods = pods.and(&others.is_not);
    }
    if is_vague {
        pods = pods.and(&Clauses::unknown(
            &"whether the addresses of pods are meant is not known".into(),
        ));
    }
    peers.extend(pods.peers().into_iter().map(Peer::Pods));
    let within = |all: Addresses| match &nets {
        Some(nets) => all.intersection(nets).difference(&out),
        None => all.difference(&out),
    };
    match &selected {
        Some(selected) => {
            let (addresses, more) = scope.read.networks.of(selected, scope.read);
            let addresses = within(addresses);
            if !addresses.is_empty() {
                peers.push(match unsure {
                    Some(why) => Peer::Outside(why.into()),
                    None => Peer::Networks(addresses),
                });
            }
            peers.extend(more.map(|why| Peer::Outside(why.into())));
        }
        // Whoever is no endpoint is not excluded.
        None => {
            let nowhere_else = Addresses::default();
            peers.push(Peer::Nodes(
                nowhere_else,
                "the addresses of nodes are not known".into(),
            ));
            peers.push(match unsure {
                Some(why) => Peer::Outside(why.into()),
                None => Peer::World(within(Addresses::all()), Inside::Nobody),
            });
        }
    }
    peers
}

/// What a rule asks of the pods that its policy selects; nothing where it asks nothing.
pub(super) fn own(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Clauses> {
    let mut all = selected(scope, cursor, gaps);
    if let Some(excluded) = excluded(scope, cursor, gaps) {
        all = Some(all.unwrap_or_else(Clauses::all).and(&excluded.is_not));
    }
    let services = cursor.get("services");
    let is_any =
        || nets(cursor).is_ok_and(|it| it.is_none_or(|it| it.includes(&Addresses::all_v4())));
    let of_nets = ["nets", "notNets"].map(|it| cursor.get(it));
    let of_nets = of_nets.iter().filter(|it| is_there(it) && !is_any());
    for vague in of_nets.chain(Some(&services).filter(|it| is_there(it))) {
        let why = Gap::tell(
            vague,
            "which of the pods have such addresses is not known",
            gaps,
        );
        all = Some(
            all.unwrap_or_else(Clauses::all)
                .and(&Clauses::unknown(&why)),
        );
    }
    all
}

/// Whom selectors mean; nothing where there are none.
fn selected(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Clauses> {
    let is_said = |key: &str| {
        let at = cursor.get(key);
        is_there(&at) && at.equals("") != Truth::Yes
    };
    let accounts = cursor.get("serviceAccounts");
    let (is_of_pods, is_of_namespaces) = (is_said("selector"), is_said("namespaceSelector"));
    let home = scope.namespace.as_ref().filter(|_| !is_of_namespaces);
    let is_any = is_of_pods || is_of_namespaces || is_there(&accounts);
    let is_selected = is_any || (home.is_some() && is_said("notSelector"));
    if !is_selected {
        return None;
    }
    let mut all = match (is_of_namespaces, home) {
        (true, _) => Clauses::read(
            &scope.read.accounts,
            &cursor.get("namespaceSelector"),
            About::Namespaces,
            gaps,
        ),
        (false, Some(Namespaces::One(home))) => {
            Clauses::of_names(About::Namespaces, &[home.to_string()])
        }
        (false, Some(_)) => Clauses::unknown(&"the namespace of the policy is not known".into()),
        (false, None) => Clauses::all(),
    };
    if is_of_pods {
        all = all.and(&Clauses::read(
            &scope.read.accounts,
            &cursor.get("selector"),
            About::Pods,
            gaps,
        ));
    }
    if is_there(&accounts) {
        let names = listed(&accounts.get("names"));
        if !names.is_empty() {
            let known: Option<Vec<String>> = names.iter().map(|it| it.text().ok()).collect();
            all = all.and(&match known {
                Some(names) => Clauses::of_names(About::Accounts, &names),
                None => Clauses::unknown(&Gap::tell(
                    &accounts,
                    "a service account is not known",
                    gaps,
                )),
            });
        }
        all = all.and(&Clauses::read(
            &scope.read.accounts,
            &accounts.get("selector"),
            About::Accounts,
            gaps,
        ));
    }
    Some(all)
}

/// Who is not meant.
struct Excluded {
    is: Clauses,
    is_not: Clauses,
}

fn excluded(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Excluded> {
    let at = cursor.get("notSelector");
    let is_said = is_there(&at) && at.equals("") != Truth::Yes;
    is_said.then(|| Excluded {
        is: Clauses::read(&scope.read.accounts, &at, About::Pods, gaps),
        // What is not known of it was told.
        is_not: Clauses::negated(&scope.read.accounts, &at, About::Pods, &mut Vec::new()),
    })
}

/// The addresses that are meant; nothing where all are.
fn nets(cursor: &Cursor<'_>) -> Result<Option<Addresses>, String> {
    let (nets, not) = (cursor.get("nets"), cursor.get("notNets"));
    let is_any = listed(&nets).is_empty();
    if is_any && listed(&not).is_empty() {
        return Ok(None);
    }
    let whole = match is_any {
        true => Addresses::all(),
        false => sets::all(&nets)?,
    };
    Ok(Some(whole.difference(&sets::all(&not)?)))
}

fn anyone(nets: Option<Addresses>) -> Vec<Peer> {
    vec![match nets {
        Some(nets) => Peer::Networks(nets),
        None => Peer::Anyone,
    }]
}

/// The Service that is named, and whose pods are meant.
fn services(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    match service(scope, cursor) {
        Some(service) => {
            let Fact::Known(home) = namespace_of(service, gaps) else {
                return vec![Peer::Unknown(
                    "the namespace of a Service is not known".into(),
                )];
            };
            vec![behind(service, home, gaps)]
        }
        None => {
            let why = "the Service is not among the files";
            vec![Peer::Unknown(Gap::tell(cursor, why, gaps))]
        }
    }
}

/// The Service of that name and namespace.
pub(super) fn service<'s>(scope: &Scope<'s>, cursor: &Cursor<'_>) -> Option<&'s Resource> {
    let name = cursor.get("name").text().ok()?;
    let namespace = match (cursor.get("namespace").text(), &scope.namespace) {
        (Fact::Known(namespace), _) if !namespace.is_empty() => namespace,
        (Fact::Unknown(_), _) => return None,
        (_, Some(Namespaces::One(home))) => home.to_string(),
        _ => return None,
    };
    scope.read.services.0.get(&(namespace, name)).copied()
}

/// The Services of the files whose names are known, by namespace and name; of several of one name the first.
pub(super) struct Services<'w>(HashMap<Key, &'w Resource>);

impl<'w> Services<'w> {
    pub(super) fn of(world: &'w World) -> Self {
        let mut services = HashMap::new();
        let is_core = |it: &&Resource| is_of_group(it, &[""]) == Some(true);
        for service in world.of_kind("Service").filter(is_core) {
            let home = namespace_of(service, &mut Vec::new()).ok();
            if let Some(key) = home.zip(service.at("metadata.name").text().ok()) {
                services.entry(key).or_insert(service);
            }
        }
        Self(services)
    }
}
