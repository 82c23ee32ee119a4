//! ConfigMaps and Secrets that a kustomization makes, and the hashes in their names.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::object::{Object, item, map, string, text};
use crate::{Attr, Fact, Origin, Value};

/// What the generator `spec` makes. `read` gives the text of a file that it names.
pub(super) fn generated(
    spec: &Attr,
    options: &Attr,
    kind: &str,
    read: &mut dyn FnMut(&str) -> Option<Attr>,
) -> Result<Object, String> {
    let mut data: Vec<(String, Attr)> = Vec::new();
    let words = |key: &str| spec.get(key).ok().map_or(&[][..], Attr::items);
    for literal in words("literals") {
        let written = literal.as_str().ok_or("a literal that is no text")?;
        let (key, value) = written.split_once('=').ok_or("a literal without a value")?;
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        data.push((
            key.to_owned(),
            string(quoted.unwrap_or(value), literal.origin.clone()),
        ));
    }
    for named in words("files") {
        let written = named.as_str().ok_or("a file that is no text")?;
        let (key, path) = match written.split_once('=') {
            Some((key, path)) => (key, path),
            None => (crate::read::path::name(written), written),
        };
        data.push((key.to_owned(), file(path, named, read)));
    }
    let envs = words("envs").iter().chain(spec.get("env").ok());
    for named in envs {
        let path = named.as_str().ok_or("a file that is no text")?;
        let read = file(path, named, read);
        let Some(content) = read.as_str() else {
            return Err(format!("{path} is not read"));
        };
        for line in content.lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            data.push((key.to_owned(), string(value, read.origin.clone())));
        }
    }
    let origin = spec.origin.clone();
    let is_secret = kind == "Secret";
    let entries = data.into_iter().map(|(key, value)| {
        let value = match (is_secret, value.as_str()) {
            (true, Some(text)) => string(&STANDARD.encode(text), value.origin.clone()),
            _ => value,
        };
        item(&key, value)
    });
    let data = map(entries.collect(), origin.clone());
    let object = object(spec, options, kind, data, &origin);
    Ok(object)
}

fn object(spec: &Attr, options: &Attr, kind: &str, data: Attr, origin: &Origin) -> Object {
    let word = |text: &str| string(text, origin.clone());
    let name = spec.get("name").ok().cloned().unwrap_or_else(|| word(""));
    let mut metadata = vec![item("name", name)];
    if let Fact::Known(namespace) = spec.get("namespace") {
        metadata.push(item("namespace", namespace.clone()));
    }
    for key in ["labels", "annotations"] {
        let own = spec
            .at(&format!("options.{key}"))
            .ok()
            .map_or(&[][..], Attr::entries);
        let all = options.get(key).ok().map_or(&[][..], Attr::entries);
        if !own.is_empty() || !all.is_empty() {
            let entries = all.iter().chain(own).cloned().collect();
            metadata.push(item(key, map(entries, origin.clone())));
        }
    }
    let mut items = vec![
        item("apiVersion", word("v1")),
        item("kind", word(kind)),
        item("metadata", map(metadata, origin.clone())),
    ];
    if !data.entries().is_empty() || kind == "Secret" {
        items.push(item("data", data));
    }
    if kind == "Secret" {
        let kind = spec
            .get("type")
            .ok()
            .cloned()
            .unwrap_or_else(|| word("Opaque"));
        items.push(item("type", kind));
    }
    let is_true = |path: &str| {
        let own = spec.at(&format!("options.{path}")).ok();
        own.or_else(|| options.get(path).ok())
            .is_some_and(|it| it.is_true().is_yes())
    };
    if is_true("immutable") {
        let yes = Attr::new(Value::Bool(true), origin.clone());
        items.push(item("immutable", yes));
    }
    let mut object = Object::new(map(items, origin.clone()));
    object.is_hashed = !is_true("disableNameSuffixHash");
    object
}

fn file(path: &str, named: &Attr, read: &mut dyn FnMut(&str) -> Option<Attr>) -> Attr {
    read(path).unwrap_or_else(|| Attr::unknown(format!("{path} is not read"), named.origin.clone()))
}

/// What Kustomize puts behind the name: ten characters of the digest of what is in the object. None
/// where that is not known.
pub(super) fn hash(object: &Object) -> Option<String> {
    let mut fields = vec![format!("\"kind\":{}", quoted(object.kind()))];
    let data = match object.body.get("data").ok() {
        None => "\"\"".to_owned(),
        Some(data) => {
            let mut entries: Vec<(String, String)> = Vec::new();
            for entry in data.entries() {
                entries.push((entry.key.to_string(), entry.value.text().ok()?));
            }
            entries.sort();
            let pairs = entries
                .iter()
                .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    };
    fields.insert(0, format!("\"data\":{data}"));
    // It looks for a name where none is: the name has no part in it.
    fields.push("\"name\":\"\"".to_owned());
    if object.kind() == "Secret" {
        fields.push(format!("\"type\":{}", quoted(text(&object.body, "type"))));
    }
    let digest = Sha256::digest(format!("{{{}}}", fields.join(",")));
    let digits: String = digest
        .iter()
        .take(5)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Nothing that could spell a word.
    let letter = |c: char| match c {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        c => c,
    };
    Some(digits.chars().map(letter).collect())
}

/// Text as Go's JSON has it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') || (c as u32) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out + "\""
}
