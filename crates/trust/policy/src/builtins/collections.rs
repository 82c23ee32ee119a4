//! Arrays, sets, objects, ranges of numbers, and ways through graphs.

use std::collections::BTreeSet;

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, can_be_gone_through, delegate};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("array.flatten", 1, array_flatten),
    Builtin::new("count", 1, count),
    Builtin::new("graph.reachable_paths", 2, reachable_paths),
    Builtin::new("internal.collected", 1, collected),
    Builtin::new("internal.member_2", 2, member_2),
    Builtin::new("internal.member_3", 3, member_3),
    Builtin::new("json.is_valid", 1, json_is_valid),
    Builtin::new("numbers.range", 2, numbers_range),
    Builtin::new("numbers.range_step", 3, numbers_range),
    Builtin::new("object.subset", 2, object_subset),
];

/// One level of arrays in an array.
fn array_flatten(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Array(items)] = arguments else {
        return Err("expects an array".into());
    };
    let mut flat = Vec::with_capacity(items.len());
    for item in items.iter() {
        match item {
            Value::Array(inner) => flat.extend(inner.iter().cloned()),
            item => flat.push(item.clone()),
        }
        if flat.len() as u64 > MAX_ITEMS {
            return Err(Fault::refuse(
                "would make an array of more than a million items",
            ));
        }
    }
    Ok(Value::from(flat))
}

/// Of a text the characters; the library counts in UTF-16.
fn count(arguments: &[Value], _: Moment) -> Answer {
    match arguments {
        [Value::String(text)] => Ok(Value::from(text.chars().count() as u64)),
        arguments => delegate("count", arguments),
    }
}

/// `value in collection`, where that is a value itself: [`crate::rewrite`] puts it in.
fn member_2(arguments: &[Value], _: Moment) -> Answer {
    let [value, collection] = arguments else {
        return Err("expects a value and a collection".into());
    };
    let is_member = match collection {
        Value::Array(items) => items.iter().any(|item| item == value),
        Value::Set(items) => items.contains(value),
        Value::Object(fields) => fields.iter().any(|(_, item)| item == value),
        _ => false,
    };
    Ok(Value::from(is_member))
}

/// `key, value in collection`.
fn member_3(arguments: &[Value], _: Moment) -> Answer {
    let [key, value, collection] = arguments else {
        return Err("expects a key, a value and a collection".into());
    };
    let is_member = match collection {
        Value::Array(_) | Value::Object(_) => collection[key] == *value,
        Value::Set(items) => key == value && items.contains(value),
        _ => false,
    };
    Ok(Value::from(is_member))
}

/// What a comprehension collects, as it is: [`crate::rewrite`] puts it in, for memory to be looked at.
fn collected(arguments: &[Value], _: Moment) -> Answer {
    let [part] = arguments else {
        return Err("expects one argument".into());
    };
    Ok(part.clone())
}

/// The ways from each of `initial` to where it goes no further. As in OPA, a node that a way has gone
/// on from ends every later one that comes to it, among those that begin with the same step.
fn reachable_paths(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Object(graph), initial] = arguments else {
        return Err("expects an object and a collection".into());
    };
    // What is no collection leads nowhere.
    let edges = |node| {
        let edges = graph.get(node)?;
        Some(members(edges).unwrap_or_else(|| Box::new(std::iter::empty())))
    };
    let mut paths = BTreeSet::new();
    let mut steps = 0;
    for root in members(initial).ok_or("expects an array or a set of nodes")? {
        let Some(first) = edges(root) else {
            continue;
        };
        let mut is_alone = true;
        for neighbour in first {
            is_alone = false;
            walk(root, neighbour, &edges, &mut paths, &mut steps)?;
        }
        if is_alone {
            paths.insert(Value::from(vec![root.clone()]));
        }
    }
    Ok(Value::from(paths))
}

/// Adds the ways that begin with these two nodes.
fn walk<'a>(
    root: &'a Value,
    neighbour: &'a Value,
    edges: &dyn Fn(&'a Value) -> Option<Members<'a>>,
    paths: &mut BTreeSet<Value>,
    steps: &mut usize,
) -> Result<(), Fault> {
    let mut reached: BTreeSet<&Value> = BTreeSet::from([root]);
    let mut path: Vec<Value> = vec![root.clone()];
    // For each node of the way behind the root: itself, and where it can still go on to.
    let mut open: Vec<(&Value, Members<'a>)> = Vec::new();
    let mut next = Some(neighbour);
    while next.is_some() || !open.is_empty() {
        *steps += path.len();
        if *steps > MAX_STEPS {
            return Err(Fault::refuse("would take more than a million steps"));
        }
        if let Some(node) = next.take() {
            match edges(node).map(Iterator::peekable) {
                None => {
                    paths.insert(Value::from(path.clone()));
                }
                Some(mut neighbours) => {
                    path.push(node.clone());
                    if neighbours.peek().is_none() {
                        paths.insert(Value::from(path.clone()));
                    }
                    open.push((node, Box::new(neighbours)));
                }
            }
            continue;
        }
        let Some((node, neighbours)) = open.last_mut() else {
            break;
        };
        match neighbours.next() {
            Some(neighbour) if reached.contains(neighbour) => {
                paths.insert(Value::from(path.clone()));
            }
            Some(neighbour) => {
                reached.insert(node);
                next = Some(neighbour);
            }
            None => {
                open.pop();
                path.pop();
            }
        }
    }
    Ok(())
}

/// Not valid is also what is no string.
fn json_is_valid(arguments: &[Value], _: Moment) -> Answer {
    let [Value::String(text)] = arguments else {
        return Ok(Value::from(false));
    };
    super::is_read(super::from_json(text))
}

fn numbers_range(arguments: &[Value], _: Moment) -> Answer {
    let mut numbers = arguments.iter().map(|number| number.as_i64().ok());
    let (from, to) = (numbers.next().flatten(), numbers.next().flatten());
    let step = numbers.next().unwrap_or(Some(1));
    if let (Some(from), Some(to), Some(step)) = (from, to, step) {
        let items = from.abs_diff(to) / step.unsigned_abs().max(1);
        if items >= MAX_ITEMS {
            return Err(Fault::refuse("would make more than a million numbers"));
        }
    }
    // A step that is larger than any number between.
    if let ([first, ..], Some(_), Some(_), None) = (arguments, from, to, step)
        && arguments[2]
            .as_number()
            .is_ok_and(|step| step.is_integer() && step.is_positive())
    {
        return Ok(Value::from(vec![first.clone()]));
    }
    let name = if arguments.len() == 3 {
        "numbers.range_step"
    } else {
        "numbers.range"
    };
    delegate(name, arguments)
}

/// The library panics where an array is asked for an empty one, at any depth.
fn object_subset(arguments: &[Value], _: Moment) -> Answer {
    let [all, part] = arguments else {
        return Err("expects two arguments".into());
    };
    can_be_gone_through(arguments)?;
    Ok(Value::from(is_subset(all, part)))
}

/// As OPA's documentation of `object.subset` has it. Recurses as deep as the values, which are bounded.
fn is_subset(all: &Value, part: &Value) -> bool {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| all.get(key).is_some_and(|all| is_subset(all, part))),
        (Value::Set(all), Value::Set(part)) => part.is_subset(all),
        (Value::Array(all), Value::Array(part)) => {
            part.is_empty()
                || all
                    .as_slice()
                    .windows(part.len())
                    .any(|window| window == part.as_slice())
        }
        (Value::Array(all), Value::Set(part)) => part.iter().all(|item| all.contains(item)),
        (all, part) => all == part,
    }
}

type Members<'a> = Box<dyn Iterator<Item = &'a Value> + 'a>;

fn members(value: &Value) -> Option<Members<'_>> {
    match value {
        Value::Array(items) => Some(Box::new(items.iter())),
        Value::Set(items) => Some(Box::new(items.iter_sorted())),
        _ => None,
    }
}

const MAX_ITEMS: u64 = 1_000_000;

/// Over the lengths of all ways.
const MAX_STEPS: usize = 1_000_000;
