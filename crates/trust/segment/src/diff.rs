//! What passes in one cluster and not in another.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{Addresses, Analysis, Bounds, Connections, Endpoint, TooLarge};

/// A pair of endpoints between which something else passes than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The source.
    pub from: String,
    /// The destination.
    pub to: String,
    /// What became of the pair.
    pub change: Change,
    /// What passed before.
    pub old: Bounds<Connections>,
    /// What passes now.
    pub new: Bounds<Connections>,
}

/// What became of a pair of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something passes where nothing did.
    Added,
    /// Nothing passes where something did.
    Removed,
    /// Something else passes.
    Changed,
}

/// What is different between the two, in the order of the endpoints' names.
///
/// # Errors
///
/// [`TooLarge`].
pub fn diff(old: &Analysis, new: &Analysis) -> Result<Vec<Difference>, TooLarge> {
    let (old, new) = (Passing::of(old)?, Passing::of(new)?);
    let mut differences: Vec<Difference> = Vec::new();
    let none = Bounds::<Connections>::default();
    for pair in old
        .inside
        .keys()
        .chain(new.inside.keys().filter(|it| !old.inside.contains_key(*it)))
    {
        let [a, b] = [&old, &new].map(|it| it.inside.get(pair).unwrap_or(&none));
        if a != b {
            differences.push(difference(&pair.0, &pair.1, a, b));
        }
    }
    for pair in old.outside.keys().chain(
        new.outside
            .keys()
            .filter(|it| !old.outside.contains_key(*it)),
    ) {
        let [a, b] = [&old, &new].map(|it| it.outside.get(pair).map_or(&[][..], Vec::as_slice));
        for (addresses, a, b) in joined(a, b) {
            let name = Endpoint::Outside(Cow::Owned(addresses)).to_string();
            let (from, to) = match pair.1 {
                true => (&name, &pair.0),
                false => (&pair.0, &name),
            };
            differences.push(difference(from, to, &a, &b));
        }
    }
    differences.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    Ok(differences)
}

fn difference(from: &str, to: &str, old: &Passed, new: &Passed) -> Difference {
    Difference {
        from: from.to_owned(),
        to: to.to_owned(),
        change: match (old.most.is_empty(), new.most.is_empty()) {
            (true, _) => Change::Added,
            (_, true) => Change::Removed,
            _ => Change::Changed,
        },
        old: old.clone(),
        new: new.clone(),
    }
}

type Passed = Bounds<Connections>;

/// What passes, so that two clusters which cut the world differently can be compared.
#[derive(Default)]
struct Passing {
    inside: BTreeMap<(String, String), Passed>,
    /// By the endpoint inside, and whether the connections come to it.
    outside: BTreeMap<(String, bool), Vec<(Addresses, Passed)>>,
}

impl Passing {
    fn of(analysis: &Analysis) -> Result<Self, TooLarge> {
        let mut passing = Self::default();
        for edge in analysis.edges()? {
            let mut outside = |name: &Endpoint<'_>, is_to: bool, addresses: &Addresses| {
                let all = passing
                    .outside
                    .entry((name.to_string(), is_to))
                    .or_default();
                all.push((addresses.clone(), edge.connections.as_ref().clone()));
            };
            match (&edge.from, &edge.to) {
                (Endpoint::Outside(from), to) => outside(to, true, from),
                (from, Endpoint::Outside(to)) => outside(from, false, to),
                (from, to) => {
                    let pair = (from.to_string(), to.to_string());
                    passing.inside.insert(pair, edge.connections.into_owned());
                }
            }
        }
        Ok(passing)
    }
}

/// The addresses of which both sides say something else, with what they say; those that have the same
/// fate are together.
fn joined(
    old: &[(Addresses, Passed)],
    new: &[(Addresses, Passed)],
) -> Vec<(Addresses, Passed, Passed)> {
    let none = Bounds::<Connections>::default();
    let rest = |all: &[(Addresses, Passed)]| {
        let mut rest = Addresses::all_v4().union(&Addresses::all_v6());
        all.iter().for_each(|(it, _)| rest = rest.difference(it));
        [all, &[(rest, none.clone())]].concat()
    };
    let mut joined: Vec<(Addresses, Passed, Passed)> = Vec::new();
    for (here, a) in &rest(old) {
        for (there, b) in &rest(new) {
            let both = here.intersection(there);
            if a == b || both.is_empty() {
                continue;
            }
            match joined.iter_mut().find(|(_, x, y)| (x, y) == (a, b)) {
                Some((addresses, _, _)) => *addresses = addresses.union(&both),
                None => joined.push((both, a.clone(), b.clone())),
            }
        }
    }
    joined
}
