//! What the library is asked of a rule, which is no more than is left to ask.

use std::{
    collections::BTreeSet,
    iter,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{failed, limit, module_path, to_json};
use crate::{
    EngineError,
    lead::{Left, Place},
};

/// What the library is asked of a rule.
pub(super) enum Asked {
    Whole(String),
    /// Some definitions of a set.
    Definitions(String, Vec<Place>),
    /// Nothing: the value is known.
    Nothing(Option<Value>),
}

impl Asked {
    pub(super) fn of(rule: &str, left: Left) -> Self {
        match left {
            Left::Whole => Self::Whole(rule.to_owned()),
            Left::Definitions(places) if places.is_empty() => {
                Self::Nothing(Some(Value::Array(Vec::new())))
            }
            Left::Definitions(places) => Self::Definitions(rule.to_owned(), places),
        }
    }

    /// The value, or nothing where the library is to be asked.
    pub(super) fn known(&self) -> Option<Option<Value>> {
        match self {
            Self::Nothing(value) => Some(value.clone()),
            Self::Whole(_) | Self::Definitions(..) => None,
        }
    }
}

pub(super) fn whole(
    engine: &mut regorus::Engine,
    rule: String,
    time: Duration,
) -> Result<Option<Value>, EngineError> {
    limit(engine, time);
    to_json(&engine.eval_rule(rule).map_err(failed)?)
}

/// What the definitions at `places`, of the set `rule`, give together. Nothing, where that takes a good part of `time`: what they share
/// is evaluated for each of them, and for the rule as a whole once.
pub(super) fn union(
    engine: &mut regorus::Engine,
    rule: &str,
    places: &[Place],
    time: Duration,
) -> Result<Option<regorus::Value>, EngineError> {
    let name = rule.rsplit('.').next().unwrap_or_default();
    let (begun, share) = (Instant::now(), time / SHARE);
    let mut all = BTreeSet::new();
    for place in places {
        limit(engine, share.saturating_sub(begun.elapsed()));
        let given = match defined(engine, *place, iter::once(name)) {
            Err(EngineError::Time) => return Ok(None),
            given => given?,
        };
        if let Ok(given) = given.as_set() {
            all.extend(given.iter().cloned());
        }
    }
    Ok(Some(regorus::Value::from(all)))
}

/// What one definition gives of the rule `name` in its package, apart from all others.
pub(super) fn defined<'n>(
    engine: &mut regorus::Engine,
    place: Place,
    name: impl Iterator<Item = &'n str>,
) -> Result<regorus::Value, EngineError> {
    let module = engine.get_modules().get(place.module).cloned();
    let rule = module.as_ref().and_then(|it| it.policy.get(place.rule));
    let (Some(module), Some(rule)) = (&module, rule) else {
        return Ok(regorus::Value::Undefined);
    };
    let data = engine
        .eval_rule_in_module(module, rule, false)
        .map_err(failed)?;
    let mut value = &data;
    for package in module_path(engine, place.module)? {
        value = &value[package];
    }
    Ok(name.fold(value, |value, name| &value[name]).clone())
}

/// Of the time of a rule, what its definitions may take one at a time.
pub(super) const SHARE: u32 = 4;
