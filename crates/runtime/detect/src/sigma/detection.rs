//! The `detection` of a rule, as one question about an event.

use std::sync::Arc;

use casemate_document::{Node, Value};

use super::{
    Shared,
    condition::{self, Named},
    item,
    test::Search,
};
use crate::error::{Error, Text, quote};

/// Reads the searches of `detection`, and joins them as its condition says.
///
/// # Errors
///
/// Everything that is not understood.
pub(crate) fn read(
    text: &Text<'_>,
    shared: &mut Shared,
    node: &Node,
) -> Result<Search, Vec<Error>> {
    let mut errors = Vec::new();
    let mut searches = Vec::new();
    let mut places = Vec::new();
    for entry in node.entries() {
        let name = &*entry.key;
        if name == "condition" {
            continue;
        }
        if name == "timeframe" {
            let what = "`timeframe` is no longer part of Sigma";
            let advice = "write a correlation with a timespan";
            errors.push(text.error(entry.key_span, what, advice));
            continue;
        }
        match selection(text, shared, &entry.value) {
            Ok(search) => {
                let search = Arc::new(search);
                searches.push(Named {
                    name: name.to_owned(),
                    search,
                    is_used: false,
                });
                places.push(entry.key_span);
            }
            Err(error) => errors.push(error),
        }
    }
    let Some(condition) = node.get("condition") else {
        let what = "the detection has no condition";
        errors.push(text.error(
            node.span,
            what,
            "add `condition:` with the name of a search",
        ));
        return Err(errors);
    };
    // What could not be read would be called unknown a second time.
    if !errors.is_empty() {
        return Err(errors);
    }
    let search = conditions(text, condition, &mut searches).map_err(|error| vec![error])?;
    for (named, span) in searches.iter().zip(places) {
        if !named.is_used {
            let what = format!("the condition does not use {}", quote(&named.name));
            errors.push(text.error(span, what, "name it in the condition, or take it away"));
        }
    }
    match errors.is_empty() {
        true => Ok(search),
        false => Err(errors),
    }
}

/// A condition, or several of which one has to hold.
fn conditions(text: &Text<'_>, node: &Node, searches: &mut [Named]) -> Result<Search, Error> {
    let nodes = match &node.value {
        Value::List(nodes) if !nodes.is_empty() => &nodes[..],
        _ => std::slice::from_ref(node),
    };
    let mut sides = Vec::new();
    for node in nodes {
        let Some(condition) = node.as_str() else {
            let what = format!("{} stands where a condition should", node.kind());
            return Err(text.error(node.span, what, "write it as text"));
        };
        let search = condition::parse(condition, searches).map_err(|wrong| {
            // A folded or escaped text stands elsewhere than its value says.
            let mut span = node.span;
            let is_plain = span.of(text.text).starts_with(condition);
            span.start += u32::try_from(wrong.at).unwrap_or(0) * u32::from(is_plain);
            text.error(span, wrong.message, wrong.advice)
        })?;
        sides.push(search);
    }
    Ok(match sides.len() {
        1 => sides.remove(0),
        _ => Search::Any(sides),
    })
}

/// A search: a map whose entries all have to hold, or a list of which one has to.
fn selection(text: &Text<'_>, shared: &mut Shared, node: &Node) -> Result<Search, Error> {
    match &node.value {
        Value::Map(_) => map(text, shared, node),
        Value::List(items) => list(text, shared, node, items),
        _ => {
            let what = format!("{} stands where a search should", node.kind());
            Err(text.error(node.span, what, "write a map of fields, or a list"))
        }
    }
}

fn map(text: &Text<'_>, shared: &mut Shared, node: &Node) -> Result<Search, Error> {
    let mut all = Vec::new();
    for entry in node.entries() {
        let key = (&*entry.key, entry.key_span);
        all.push(item::read(text, shared, key, &entry.value)?);
    }
    match all.is_empty() {
        false => Ok(Search::All(all)),
        true => {
            let what = "the search asks for nothing, and would match every event";
            Err(text.error(node.span, what, "add a field"))
        }
    }
}

fn list(
    text: &Text<'_>,
    shared: &mut Shared,
    node: &Node,
    items: &[Node],
) -> Result<Search, Error> {
    let mut any = Vec::new();
    let mut keywords = Vec::new();
    for node in items {
        match &node.value {
            Value::Map(_) => any.push(map(text, shared, node)?),
            _ => keywords.push(node.clone()),
        }
    }
    if !keywords.is_empty() {
        let keywords = Node::new(Value::List(keywords.into()), node.span);
        any.push(item::read(text, shared, ("", node.span), &keywords)?);
    }
    match any.is_empty() {
        false => Ok(Search::Any(any)),
        true => Err(text.error(node.span, "the list has no values", "add one")),
    }
}
