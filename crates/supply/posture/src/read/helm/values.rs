//! The values of a chart and of those below it: who overrides whom.
//!
//! The rules are those of Helm 4 (`pkg/chart/common/util/coalesce.go` and
//! `pkg/chart/v2/util/dependencies.go`): a chart's values override those of the charts below it, maps
//! are merged, everything else is replaced, and nothing (`null`) takes a value away.

use std::{rc::Rc, sync::Arc};

use super::{
    chart::{Chart, document},
    functions::{copied, of_node},
    template::{Data, Engine, Fail, Map, Value},
};
use crate::{File, Origin, Role};

/// A chart and its values, before and after those of the charts below it are put in.
pub(super) struct Valued {
    pub(super) chart: Chart,
    values: Rc<Map>,
    pub(super) charts: Vec<Self>,
}

impl Valued {
    /// The values as the files have them.
    pub(super) fn read(engine: &mut Engine, chart: Chart) -> Result<Self, Fail> {
        let values = match &chart.values {
            Some(file) => of_file(engine, file)?,
            None => engine.map()?,
        };
        let mut charts = Vec::new();
        for below in &chart.charts {
            charts.push(Self::read(engine, below.clone())?);
        }
        Ok(Self {
            chart,
            values,
            charts,
        })
    }

    fn shared(&self, chart: Chart) -> Self {
        let again = |it: &Self| it.shared(it.chart.clone());
        Self {
            chart,
            values: self.values.clone(),
            charts: self.charts.iter().map(again).collect(),
        }
    }

    /// Leaves the charts that are asked for, under the names that they are asked for by.
    pub(super) fn enable(
        &mut self,
        engine: &mut Engine,
        given: &Rc<Map>,
        way: &str,
    ) -> Result<(), Fail> {
        if self.chart.dependencies.is_empty() {
            return Ok(());
        }
        let mut charts = Vec::new();
        for there in &self.charts {
            if !self
                .chart
                .dependencies
                .iter()
                .any(|it| it.takes(&there.chart))
            {
                charts.push(there.shared(there.chart.clone()));
            }
        }
        for dependency in &mut self.chart.dependencies {
            if let Some(there) = self.charts.iter().find(|it| dependency.takes(&it.chart)) {
                let mut chart = there.chart.clone();
                if !dependency.alias.is_empty() {
                    chart.name = dependency.alias.clone();
                }
                charts.push(there.shared(chart));
            }
            if !dependency.alias.is_empty() {
                dependency.name = dependency.alias.clone();
            }
        }
        self.charts = charts;
        let values = self.coalesced(engine, given)?;
        for dependency in &mut self.chart.dependencies {
            let tag = |tag: &String| match at(&values, &format!("tags.{tag}"))?.data {
                Data::Bool(value) => Some(value),
                _ => None,
            };
            let tags: Vec<bool> = dependency.tags.iter().filter_map(tag).collect();
            dependency.is_enabled = tags.is_empty() || tags.contains(&true);
            let conditions = dependency.condition.trim().split(',');
            let condition = |condition: &str| match at(&values, &format!("{way}{condition}"))?.data
            {
                Data::Bool(value) => Some(value),
                _ => None,
            };
            let mut decided = conditions.filter(|it| !it.is_empty()).filter_map(condition);
            if let Some(is_enabled) = decided.next() {
                dependency.is_enabled = is_enabled;
            }
        }
        let dependencies = &self.chart.dependencies;
        let is_out = |chart: &Self| {
            let mut named = dependencies.iter().filter(|it| it.name == chart.chart.name);
            named.any(|it| !it.is_enabled)
        };
        self.charts.retain(|chart| !is_out(chart));
        self.chart.dependencies.retain(|it| it.is_enabled);
        for chart in &mut self.charts {
            let way = format!("{way}{}.", chart.chart.name);
            chart.enable(engine, &values, &way)?;
        }
        Ok(())
    }

    /// Takes over what charts below export.
    pub(super) fn import(&mut self, engine: &mut Engine) -> Result<(), Fail> {
        for chart in &mut self.charts {
            chart.import(engine)?;
        }
        if self
            .chart
            .dependencies
            .iter()
            .all(|it| it.imports.is_empty())
        {
            return Ok(());
        }
        let empty = engine.map()?;
        let values = self.combined(engine, &empty, true)?;
        let taken = engine.map()?;
        for dependency in &self.chart.dependencies {
            for (child, parent) in &dependency.imports {
                let there = at(&values, &format!("{}.{child}", dependency.name));
                let Some(Data::Map(there)) = there.map(|it| it.data) else {
                    continue;
                };
                let copy = copied(engine, &Value::new(Data::Map(there)), 0)?;
                let parents = parent.split('.').filter(|it| !it.is_empty()).rev();
                let table = parents
                    .into_iter()
                    .try_fold(copy, |table, name| engine.map_of([(name.into(), table)]))?;
                if let Data::Map(table) = &table.data {
                    merge_tables(engine, &taken, table, true, 0)?;
                }
            }
        }
        merge_tables(engine, &values, &taken, true, 0)?;
        self.values = values;
        Ok(())
    }

    /// The values for templates: `given` over those of the charts.
    pub(super) fn coalesced(&self, engine: &mut Engine, given: &Rc<Map>) -> Result<Rc<Map>, Fail> {
        self.combined(engine, given, false)
    }

    fn combined(
        &self,
        engine: &mut Engine,
        given: &Rc<Map>,
        merges: bool,
    ) -> Result<Rc<Map>, Fail> {
        let copy = copied(engine, &Value::new(Data::Map(given.clone())), 0)?;
        let Data::Map(into) = copy.data else {
            return Err("values that are no map".into());
        };
        self.coalesce(engine, &into, merges, 0)?;
        Ok(into)
    }

    fn coalesce(
        &self,
        engine: &mut Engine,
        into: &Rc<Map>,
        merges: bool,
        depth: usize,
    ) -> Result<(), Fail> {
        let own = copied(engine, &Value::new(Data::Map(self.values.clone())), 0)?;
        if let Data::Map(own) = &own.data {
            self.put_own(engine, into, own, merges)?;
        }
        for chart in &self.charts {
            let name = chart.chart.name.as_str();
            let below = match into.get(name).map(|it| it.data) {
                Some(Data::Map(map)) => map,
                Some(_) => return Err(format!("the values for the chart {name} are no map").into()),
                None => {
                    let map = engine.map()?;
                    into.set(name, Value::new(Data::Map(map.clone())));
                    map
                }
            };
            put_globals(engine, &below, into, depth)?;
            chart.coalesce(engine, &below, merges, depth + 1)?;
        }
        Ok(())
    }

    fn put_own(
        &self,
        engine: &mut Engine,
        into: &Rc<Map>,
        own: &Rc<Map>,
        merges: bool,
    ) -> Result<(), Fail> {
        for (key, value) in own.entries() {
            engine.work(1)?;
            let Some(there) = into.get(&key) else {
                if !merges {
                    if matches!(value.data, Data::Nil) {
                        continue;
                    }
                    without_nothing(engine, &value, 0)?;
                }
                into.set(key, value);
                continue;
            };
            match (&there.data, &value.data) {
                (Data::Nil, _) if !merges => into.remove(&key),
                (Data::Map(there), Data::Map(map)) => {
                    let merges = merges || self.charts.iter().any(|it| it.chart.name == *key);
                    if !merges {
                        without_nothing(engine, &value, 0)?;
                    }
                    merge_tables(engine, there, map, merges, 0)?;
                }
                _ => into.set(key, over(&there, &value)),
            }
        }
        Ok(())
    }
}

/// What a file of values says; nothing, where it is no map.
pub(super) fn of_file(engine: &mut Engine, file: &Arc<File>) -> Result<Rc<Map>, Fail> {
    let Some(root) = document(file) else {
        return engine.map();
    };
    let origin = |span| Some(Rc::new(Origin::new(file, span)));
    match of_node(engine, &root, &origin)?.data {
        Data::Map(map) => Ok(map),
        _ => engine.map(),
    }
}

/// What is under names with dots between them.
fn at(map: &Rc<Map>, path: &str) -> Option<Value> {
    let mut value = Value::new(Data::Map(map.clone()));
    for key in path.split('.') {
        value = value.as_map()?.get(key)?;
    }
    Some(value)
}

/// A value that stands in the place of another: where it came from, and behind that the other.
fn over(value: &Value, default: &Value) -> Value {
    let origin = match (&value.origin, &default.origin) {
        (Some(one), Some(other)) => {
            let behind = (**one).clone().behind(Role::Default, (**other).clone());
            Some(Rc::new(behind))
        }
        (origin, _) => origin.clone(),
    };
    Value {
        origin,
        ..value.clone()
    }
}

/// Takes away what is nothing, from the maps in `value` as well.
fn without_nothing(engine: &mut Engine, value: &Value, depth: usize) -> Result<(), Fail> {
    let Data::Map(map) = &value.data else {
        return Ok(());
    };
    if depth > MAX_DEPTH {
        return Err("values are nested too deep".into());
    }
    for (key, value) in map.entries() {
        engine.work(1)?;
        match value.data {
            Data::Nil => map.remove(&key),
            _ => without_nothing(engine, &value, depth + 1)?,
        }
    }
    Ok(())
}

/// Puts `from` under `into`: what is there already stays.
fn merge_tables(
    engine: &mut Engine,
    into: &Rc<Map>,
    from: &Rc<Map>,
    merges: bool,
    depth: usize,
) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err("values are nested too deep".into());
    }
    for (key, value) in from.entries() {
        engine.work(1)?;
        let Some(there) = into.get(&key) else {
            into.set(key, value);
            continue;
        };
        match (&there.data, &value.data) {
            (Data::Nil, Data::Nil) => {}
            // Nothing takes the default away.
            (Data::Nil, _) if !merges => into.remove(&key),
            (Data::Map(there), Data::Map(map)) => {
                merge_tables(engine, there, map, merges, depth + 1)?;
            }
            _ => into.set(key, over(&there, &value)),
        }
    }
    Ok(())
}

/// What a chart says for all below it.
fn put_globals(
    engine: &mut Engine,
    into: &Rc<Map>,
    from: &Rc<Map>,
    depth: usize,
) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err("values are nested too deep".into());
    }
    let globals = |map: &Rc<Map>| match map.get(GLOBAL).map(|it| it.data) {
        Some(Data::Map(map)) => Some(Some(map)),
        Some(_) => None,
        None => Some(None),
    };
    let (Some(there), Some(above)) = (globals(into), globals(from)) else {
        return Ok(());
    };
    let there = match there {
        Some(map) => map,
        None => engine.map()?,
    };
    for (key, value) in above.iter().flat_map(|map| map.entries()) {
        engine.work(1)?;
        let old = there.get(&key);
        match (old.as_ref().map(|it| &it.data), &value.data) {
            (Some(Data::Map(old)), Data::Map(_)) => {
                // From the top down: what is above stays.
                let copy = copied(engine, &value, 0)?;
                if let Data::Map(copy) = &copy.data {
                    merge_tables(engine, copy, old, true, 0)?;
                }
                there.set(key, copy);
            }
            (Some(_), Data::Map(_)) | (Some(Data::Map(_)), _) => {}
            (None, Data::Map(_)) => {
                let copy = copied(engine, &value, 0)?;
                there.set(key, copy);
            }
            _ => there.set(key, value),
        }
    }
    into.set(GLOBAL, Value::new(Data::Map(there)));
    Ok(())
}

const GLOBAL: &str = "global";

const MAX_DEPTH: usize = 100;
