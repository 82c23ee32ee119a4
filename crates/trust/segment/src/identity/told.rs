//! The steps of a way, with what says that each is possible.

use std::collections::HashSet;

use casemate_posture::access::Access;

use super::{
    Because,
    search::{Fact, Search, Why},
    shown_store,
    way::{Hop, HopKind},
};

impl<'a> Search<'a> {
    /// The steps to what was found, in an order in which each is possible.
    pub(super) fn hops(&self) -> Vec<Hop<'a>> {
        let mut needed: Vec<Fact> = self.found.into_iter().collect();
        let mut seen: HashSet<Fact> = needed.iter().copied().collect();
        let mut at = 0;
        while let Some(fact) = needed.get(at).copied() {
            let from = &self.reached[&fact].from;
            needed.extend(from.iter().filter(|it| seen.insert(**it)));
            at += 1;
        }
        needed.sort_by_key(|it| self.reached[it].at);
        needed.iter().filter_map(|it| self.hop(*it)).collect()
    }

    fn hop(&self, fact: Fact) -> Option<Hop<'a>> {
        let reached = &self.reached[&fact];
        let from = *reached.from.first()?;
        let (mut because, mut asked) = (Vec::new(), Vec::new());
        let mut unsure = reached.unsure.clone();
        for place in &reached.from[1..] {
            // From where a right is used is a part of the step, and none of its own.
            let place = &self.reached[place];
            if let [at, ..] = place.from[..] {
                asked.push(Because {
                    what: format!("asked from {}", self.shown(at)),
                    origin: None,
                });
            }
            unsure = unsure.or_else(|| place.unsure.clone());
        }
        let (kind, by) = match reached.why {
            Why::Begins => return None,
            Why::Passes => match fact {
                Fact::At(_) => (HopKind::Network, "connections".to_owned()),
                _ => return None,
            },
            Why::Mounted => {
                because.extend(self.mounted(from, fact));
                let what = if matches!(fact, Fact::Secret(_)) {
                    "a Secret in its pods"
                } else {
                    "the token in its pods"
                };
                (HopKind::Credential, what.to_owned())
            }
            Why::Holds => {
                because.extend(self.declared(from));
                (HopKind::Credential, "the token in the Secret".to_owned())
            }
            Why::Power(held) => {
                because.extend(held.because.iter().cloned());
                (HopKind::Rbac, held.power.name.to_owned())
            }
            Why::Tie(tie) => {
                because.extend(tie.because.iter().cloned());
                (HopKind::Cloud, "its role in the cloud".to_owned())
            }
            Why::Grants(principal, store) => {
                let mut access = Access::default();
                for grant in self.granted(principal, store) {
                    access = access.union(grant.access);
                    let (what, origin) = grant.because.clone();
                    because.push(Because {
                        what: format!("{what}: {}", grant.access),
                        origin: Some(origin),
                    });
                }
                (HopKind::Cloud, access.to_string())
            }
        };
        because.append(&mut asked);
        let ends = match (from, fact) {
            (Fact::At(from) | Fact::Like(from), Fact::At(to)) if kind == HopKind::Network => {
                Some((from, to))
            }
            _ => None,
        };
        Some(Hop {
            kind,
            from: self.shown(from),
            to: self.shown(fact),
            by,
            connections: ends.and_then(|(from, to)| self.passing.between(from, to)),
            because,
            ends,
            unsure,
        })
    }

    fn mounted(&self, from: Fact, fact: Fact) -> Option<Because> {
        let Fact::At(at) = from else { return None };
        let workload = self.workload(at)?;
        Some(match fact {
            Fact::Secret(secret) => {
                let name = &self.identities.secrets[secret].name;
                let origin = workload.credentials.secrets.iter().find(|it| it.0 == *name);
                Because {
                    what: format!("its pods see the Secret {name}"),
                    origin: origin.map(|it| it.1.clone()),
                }
            }
            _ => Because {
                what: "its pods run as the account and have its token".to_owned(),
                origin: Some(workload.credentials.origin.clone()),
            },
        })
    }

    fn declared(&self, fact: Fact) -> Option<Because> {
        let Fact::Secret(at) = fact else { return None };
        Some(Because {
            what: "it is of the type kubernetes.io/service-account-token".to_owned(),
            origin: Some(self.identities.secrets[at].origin.clone()),
        })
    }

    fn shown(&self, fact: Fact) -> String {
        let identities = self.identities;
        match fact {
            Fact::At(at) => self.analysis.endpoint(at).to_string(),
            Fact::Like(at) => format!("a pod like {}", self.analysis.endpoint(at)),
            Fact::Server => "the API server".to_owned(),
            Fact::Clouds => "clouds".to_owned(),
            Fact::Token(at) | Fact::Account(at) => identities.accounts[at].to_string(),
            Fact::Secret(at) => identities.secrets[at].to_string(),
            Fact::Principal(at) => identities.clouds.principals[at].address.to_string(),
            Fact::Store(at) => shown_store(&identities.clouds.stores[at]),
        }
    }
}
