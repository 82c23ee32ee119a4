//! The tiers of a cluster.

use std::collections::HashMap;

use casemate_posture::{Cursor, Fact, Truth, World};

use super::is_ours;
use crate::{
    Gap, Tier,
    cluster::name_of,
    policy::{Order, Plane},
};

/// Those that are declared, by name.
pub(super) struct Tiers(HashMap<String, (Fact<Order>, Truth)>);

/// When a policy is asked.
pub(super) struct Place {
    pub(super) tier: Tier,
    /// Whether what no rule of it decides does not pass.
    pub(super) closes: Truth,
    /// Whether it is known when the tier is asked.
    pub(super) is_known: bool,
    pub(super) is_default: bool,
    /// What may begin the names of its policies.
    pub(super) prefix: String,
}

impl Tiers {
    pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Self {
        let mut tiers = HashMap::new();
        for object in world.of_kind("Tier").filter(|it| is_ours(it)) {
            let order = object.at("spec.order");
            let known = match order.text() {
                Fact::Absent => Fact::Known(Order::LAST),
                Fact::Known(text) => match Order::read(&text) {
                    Some(order) => Fact::Known(order),
                    None => Fact::Unknown(Gap::tell(&order, "an order is a number", gaps)),
                },
                Fact::Unknown(why) => Fact::Unknown(why),
            };
            let action = object.at("spec.defaultAction");
            let closes = match action.text() {
                Fact::Known(text) if text == "Pass" => Truth::No,
                Fact::Known(text) if text == "Deny" => Truth::Yes,
                Fact::Absent => Truth::Yes,
                _ => Truth::Unknown(Gap::tell(&action, "what a tier does is not known", gaps)),
            };
            tiers.insert(name_of(object, gaps), (known, closes));
        }
        Self(tiers)
    }

    /// The place of the tier of that name.
    pub(super) fn place(&self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Place {
        let name = match cursor.text() {
            Fact::Known(name) if !name.is_empty() => Some(name),
            Fact::Known(_) | Fact::Absent => Some("default".to_owned()),
            Fact::Unknown(_) => None,
        };
        let of = |tier: Tier, closes: Truth| Place {
            tier,
            closes,
            is_known: true,
            is_default: name.as_deref() == Some("default"),
            prefix: name.iter().map(|it| format!("{it}.")).collect(),
        };
        match name.as_deref() {
            Some("default") => return of(Tier::network(), Truth::Yes),
            Some("kube-admin") => return of(Tier::admin(), Truth::No),
            Some("kube-baseline") => return of(Tier::baseline(), Truth::No),
            _ => {}
        }
        let told = name.as_ref().and_then(|it| Some((it, self.0.get(it)?)));
        let Some((name, (Fact::Known(order), closes))) = told else {
            let why =
                "when its tier is asked is not known: it is not among the files, or not understood";
            let why = Gap::tell(cursor, why, gaps);
            // First, so that it is asked of whatever may get as far as it.
            return Place {
                is_known: false,
                ..of(
                    Tier::new(
                        Plane::Network,
                        Order::FIRST,
                        name.as_deref().unwrap_or_default(),
                    ),
                    Truth::Unknown(why),
                )
            };
        };
        of(Tier::new(Plane::Network, *order, name), closes.clone())
    }
}
