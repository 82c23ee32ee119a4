//! YAML and JSON: every value lies within its text and within the limits, and JSON is what `serde_json`
//! reads.

use casemate_document::{
    Limits, Lines, Node, Value, decode, json,
    yaml::{self, Dialect},
};

/// The first byte is the dialect.
pub fn run(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = decode(rest) else {
        return;
    };
    let limits = Limits {
        nodes: 100_000,
        ..Limits::default()
    };
    let dialects = [Dialect::CORE, Dialect::MERGING, Dialect::KUBERNETES];
    let stream = yaml::read(&text, dialects[usize::from(choice) % 3], &limits);
    let lines = Lines::of(&text);
    for document in &stream.documents {
        let nodes = walk(&document.root, &text, 0);
        assert!(nodes <= limits.nodes, "{nodes} values");
        for span in &document.repeated {
            assert!(span.end as usize <= text.len());
        }
    }
    if let Some(error) = &stream.error {
        lines.place(error.span.start as usize);
    }
    agrees(&text, &limits);
}

fn agrees(text: &str, limits: &Limits) {
    let ours = json::read(text, limits);
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    match (ours, theirs) {
        (Ok((node, _)), Ok(theirs)) => {
            walk(&node, text, 0);
            assert!(same(&node.to_json(), &theirs), "{text:?}");
        }
        // It nests to 128, and takes numbers of 64 bits without a sign.
        (Ok(_), Err(theirs)) => assert!(theirs.to_string().contains("recursion"), "{text:?}: {theirs}"),
        (Err(ours), Ok(_)) => assert!(ours.message.contains("more than"), "{text:?}: {ours}"),
        (Err(_), Err(_)) => {}
    }
}

fn same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (ours, theirs) {
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Number(a), Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => ours == theirs,
    }
}

/// How many values there are, as somebody who walks them would count.
fn walk(node: &Node, text: &str, depth: usize) -> usize {
    assert!(depth <= Limits::default().depth);
    assert!(node.span.start <= node.span.end && node.span.end as usize <= text.len());
    match &node.value {
        Value::List(items) => 1 + items.iter().map(|it| walk(it, text, depth + 1)).sum::<usize>(),
        Value::Map(map) => {
            let values = map.entries().iter().map(|it| walk(&it.value, text, depth + 1));
            1 + values.sum::<usize>()
        }
        Value::Tagged(tagged) => walk(&tagged.1, text, depth),
        _ => 1,
    }
}
