//! When policies are asked.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::Action;

/// What enforces policies. Each decides by itself, and what passes has to pass all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// The network plugin, upon packets, at both ends.
    Network,
    /// The proxies of a service mesh, upon what comes to the workloads that have one.
    Mesh,
}

/// Policies that are asked together: of each plane one tier after the other, until one decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier {
    /// Who enforces it.
    pub plane: Plane,
    order: Order,
    name: Arc<str>,
}

impl Tier {
    /// A tier of that name, before all those of the plane with a higher order.
    pub(crate) fn new(plane: Plane, order: Order, name: &str) -> Self {
        Self {
            plane,
            order,
            name: name.into(),
        }
    }

    /// AdminNetworkPolicy, and ClusterNetworkPolicy of the tier `Admin`.
    pub(crate) fn admin() -> Self {
        Self::new(Plane::Network, Order::of(1_000), "admin")
    }

    /// NetworkPolicy: what one of them allows is allowed, and nothing else to whom they select.
    pub(crate) fn network() -> Self {
        Self::new(Plane::Network, Order::of(1_000_000), "network")
    }

    /// BaselineAdminNetworkPolicy, and ClusterNetworkPolicy of the tier `Baseline`.
    pub(crate) fn baseline() -> Self {
        Self::new(Plane::Network, Order::of(10_000_000), "baseline")
    }
}

/// Numbers that say what is first. Those of the tiers of Kubernetes are the ones that Calico gives them, between which
/// it has others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order(f64);

impl Order {
    pub(crate) fn of(number: impl Into<i32>) -> Self {
        Self(f64::from(number.into()))
    }
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Order {}

impl Hash for Order {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// When a policy is asked among those of its tier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Priority {
    pub(crate) order: Order,
    /// What is in the order of names among those of one order; where that is not said, there is none.
    pub(crate) name: Option<Arc<str>>,
}

impl Priority {
    pub(crate) fn of(order: Order) -> Self {
        Self { order, name: None }
    }
}

/// A policy's turn among those that are asked: its priority, if that is known, and what all of its rules do, if they do the same.
pub(crate) type Turn<'a> = (Option<&'a Priority>, Option<Action>);

/// Marks those, in their order, of which it is not known when they are asked, where that matters: whatever is first of several
/// that do the same.
pub(crate) fn unordered(turns: &[Turn<'_>]) -> Vec<bool> {
    let runs = turns.chunk_by(|a, b| a.0 == b.0);
    let marks = runs.flat_map(|run| {
        let (priority, does) = run[0];
        let is_same = does.is_some() && run.iter().all(|it| it.1 == does);
        let is_unordered = priority.is_none() || (run.len() > 1 && !is_same);
        std::iter::repeat_n(is_unordered, run.len())
    });
    marks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_with_one_turn_the_order_matters_where_they_do_not_all_do_the_same() {
        let [first, second] = [1, 2].map(|it| Priority::of(Order::of(it)));
        let (allow, deny) = (Some(Action::Allow), Some(Action::Deny));
        let one = |does| (Some(&first), does);
        let marks = |turns: &[Turn<'_>]| unordered(turns);
        assert_eq!(marks(&[one(deny), one(deny)]), [false, false]);
        assert_eq!(marks(&[one(deny), one(deny), one(allow)]), [true; 3]);
        assert_eq!(marks(&[one(None), one(None)]), [true; 2]);
        assert_eq!(marks(&[one(None), (Some(&second), deny)]), [false; 2]);
        assert_eq!(marks(&[one(deny), (None, deny)]), [false, true]);
    }
}
