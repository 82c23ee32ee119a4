use serde_json::json;

use super::*;
use crate::Value;

fn stream(text: &str) -> Stream {
    read(text, Dialect::KUBERNETES, &Limits::default())
}

fn values(text: &str) -> Vec<serde_json::Value> {
    let stream = stream(text);
    assert_eq!(stream.error, None);
    let documents = stream.documents.iter();
    documents.map(|document| document.root.to_json()).collect()
}

#[test]
fn every_value_has_its_place() {
    let text = "# top\nmetadata:\n  name: \"a b\" # side\n  list: [1, two]\ntext: |\n  more\n  lines\nend:\n";
    let stream = stream(text);
    let root = &stream.documents[0].root;
    let place = |path: &[&str]| {
        let node = path.iter().try_fold(root, |node, key| node.get(key));
        node.expect("is there").span.of(text)
    };
    assert_eq!(place(&["metadata", "name"]), "\"a b\"");
    assert_eq!(place(&["metadata", "list"]), "[1, two]");
    assert_eq!(place(&["text"]).trim_end(), "more\n  lines");
    assert_eq!(place(&["end"]), "");
    assert_eq!(root.entries()[1].key_span.of(text), "text");
    let comments: Vec<&str> = stream.comments.iter().map(|span| span.of(text)).collect();
    assert_eq!(comments, ["# top", "# side"]);
}

#[test]
fn a_text_has_many_documents_or_none() {
    assert_eq!(
        values("a: 1\n---\n- b\n---\n"),
        [json!({"a": 1}), json!(["b"]), json!(null)]
    );
    assert_eq!(values(""), [] as [serde_json::Value; 0]);
    assert_eq!(values("# nothing\n"), [] as [serde_json::Value; 0]);
    assert_eq!(values("{\"a\": [\n\t1, true]}"), [json!({"a": [1, true]})]);
}

#[test]
fn documents_before_a_mistake_are_kept_and_the_mistake_has_its_place() {
    let text = "a: 1\n---\nb: [1\n---\nc: 2\n";
    let stream = stream(text);
    assert_eq!(stream.documents.len(), 1);
    let error = stream.error.expect("a mistake");
    assert_eq!(
        crate::Lines::of(text).place(error.span.start as usize).line,
        3,
        "{error}"
    );
}

#[test]
fn keys_are_what_was_written() {
    assert_eq!(
        values("on: yes\n1: a\nnull: b\n"),
        [json!({"on": true, "1": "a", "null": "b"})]
    );
    let stream = stream("? [a]\n: 1\n");
    assert_eq!(
        stream.error.expect("a mistake").message,
        "a key that is no scalar"
    );
}

#[test]
fn a_key_that_stands_twice_is_told_and_the_last_counts() {
    let text = "a: 1\nb: 2\na: 3\n";
    let document = &stream(text).documents[0];
    assert_eq!(document.root.to_json(), json!({"a": 3, "b": 2}));
    assert_eq!(document.repeated, [Span::new(10, 11)]);
    assert_eq!(document.root.entries().len(), 3);
}

#[test]
fn aliases_and_merge_keys_bring_in_what_they_name() {
    let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3}\nz:\n  <<: [*x, *y]\n  a: 0\nw: *x\n";
    let expected =
        json!({"x": {"a": 1, "b": 2}, "y": {"b": 3}, "z": {"a": 0, "b": 2}, "w": {"a": 1, "b": 2}});
    assert_eq!(values(text), [expected]);
    let stream = read(text, Dialect::CORE, &Limits::default());
    let z = stream.documents[0].root.get("z").expect("z");
    assert!(z.get("<<").is_some() && z.get("b").is_none());
    let w = stream.documents[0].root.get("w").expect("w");
    assert_eq!(
        (w.span.of(text), w.get("a").map(|a| a.span.of(text))),
        ("*x", Some("1"))
    );
}

#[test]
fn tags_are_kept_unless_they_are_yamls_own() {
    let text = "a: !Ref b\nc: !!str 1\nd: !Join [x]\ne: ! 7\nf: !!int \"8\"\n";
    let root = &stream(text).documents[0].root;
    let Value::Tagged(tagged) = &root.get("a").expect("a").value else {
        panic!("{root:?}");
    };
    assert_eq!((&*tagged.0, tagged.1.as_str()), ("!Ref", Some("b")));
    assert_eq!(
        root.to_json(),
        json!({"a": "b", "c": "1", "d": ["x"], "e": "7", "f": 8})
    );
}

#[test]
fn what_aliases_expand_to_is_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let members = vec![format!("*a{before}"); 10].join(", ");
        text += &format!("a{level}: &a{level} [{members}]\n");
    }
    let read = stream(&text);
    assert!(read.is_cut);
    let error = read.error.expect("too many");
    assert!(
        error.message.starts_with("more than 4000000 values"),
        "{error}"
    );

    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..300 {
        text += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert_eq!(
        stream(&text).error.expect("too deep").message,
        "nested more than 200 deep"
    );
}

#[test]
fn nesting_and_cycles_are_refused() {
    assert!(stream(&"[".repeat(100_000)).is_cut);
    assert!(!stream("[").is_cut);
    let error = stream(&"[".repeat(100_000)).error.expect("too deep");
    assert!(error.message.contains("limit"), "{error}");
    let error = stream(&"- ".repeat(100_000)).error.expect("too deep");
    assert!(error.message.contains("limit"), "{error}");
    let error = stream("a: &a [*a]\n").error.expect("a cycle");
    assert!(error.message.contains("part of"), "{error}");
}

#[test]
fn a_licence_of_many_comments_is_read() {
    let text = format!(
        "{}a:\n{}  b: 1\n",
        "# word\n".repeat(3_000),
        "# word\n".repeat(3_000)
    );
    let stream = stream(&text);
    assert_eq!(stream.error, None);
    assert_eq!(stream.comments.len(), 6_000);
}
