//! What Helm gives templates beside values: files, versions, and what can be asked of them.

use std::{collections::BTreeMap, rc::Rc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{text, truth};
use crate::read::helm::template::{Data, Engine, Fail, Object, Text, Value};

/// The version of Kubernetes that charts are rendered for: that of Helm 4.3's client library.
pub(in crate::read::helm) const KUBERNETES: &str = "v1.36.0";

/// What `name` of `object` is, as a field or as a method.
pub(in crate::read::helm) fn method(
    engine: &mut Engine,
    object: &Object,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Fail> {
    match (object, name, arguments) {
        (Object::Files(files), _, _) => of_files(engine, files, name, arguments),
        (Object::ApiVersions, "Has", [version]) => {
            let version = text(version)?;
            Ok(truth(API_VERSIONS.contains(&version)))
        }
        (Object::KubeVersion, "Version" | "GitVersion" | "String", []) => engine.text(KUBERNETES),
        (Object::KubeVersion, "Major", []) => engine.text("1"),
        (Object::KubeVersion, "Minor", []) => {
            engine.text(KUBERNETES.split('.').nth(1).unwrap_or_default())
        }
        (Object::Version(version), _, _) => version.method(engine, name, arguments),
        _ => Err(format!("{name} of something without").into()),
    }
}

/// What `range` goes over in `object`.
pub(in crate::read::helm) fn items(object: &Object) -> Option<Vec<(Value, Value)>> {
    match object {
        Object::Files(files) => {
            let file = |(name, text): (&Rc<str>, &Rc<Text>)| {
                (Value::text(&**name), Value::new(Data::Text(text.clone())))
            };
            Some(files.iter().map(file).collect())
        }
        Object::ApiVersions => {
            let versions = API_VERSIONS.iter().map(|version| Value::text(*version));
            Some(versions.map(|version| (Value::NIL, version)).collect())
        }
        _ => None,
    }
}

fn of_files(
    engine: &mut Engine,
    files: &BTreeMap<Rc<str>, Rc<Text>>,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Fail> {
    if let Some(argument) = arguments
        .iter()
        .find(|it| matches!(it.data, Data::Unknown(_)))
    {
        return Ok(argument.clone());
    }
    match (name, arguments) {
        ("Get" | "GetBytes", [path]) => {
            let path = text(path)?;
            let Some(file) = files.get(path).cloned() else {
                // One that is not there is empty; one that is no text may be there.
                return Ok(match crate::read::aside::is_setting(path) {
                    true => Value::text(""),
                    false => Value::unknown(format!("{path} is not read")),
                });
            };
            engine.write(file.len())?;
            Ok(Value::new(Data::Text(file)))
        }
        ("Glob", [pattern]) => {
            let glob = glob(text(pattern)?)?;
            engine.work(files.len())?;
            let matching = files.iter().filter(|(name, _)| glob.is_match(name));
            let matching = matching.map(|(name, text)| (name.clone(), text.clone()));
            Ok(Value::new(Data::Object(Rc::new(Object::Files(
                matching.collect(),
            )))))
        }
        ("AsConfig", []) => by_name(engine, files, |text| {
            Ok(Value::new(Data::Text(text.clone())))
        }),
        ("AsSecrets", []) => by_name(engine, files, |text| {
            Ok(Value::text(STANDARD.encode(text.as_str())))
        }),
        ("Lines", [path]) => {
            let file = files
                .get(text(path)?)
                .map(|it| it.as_str())
                .unwrap_or_default();
            let lines = file.strip_suffix('\n').unwrap_or(file).split('\n');
            let lines = lines.filter(|_| !file.is_empty()).map(Value::text);
            engine.strings(lines.collect())
        }
        (_, []) => {
            let file = files.get(name).cloned();
            Ok(file.map_or(Value::NIL, |text| Value::new(Data::Text(text))))
        }
        _ => Err(format!("files have no {name}").into()),
    }
}

/// The files under their names without folders, as YAML.
fn by_name(
    engine: &mut Engine,
    files: &BTreeMap<Rc<str>, Rc<Text>>,
    value: impl Fn(&Rc<Text>) -> Result<Value, Fail>,
) -> Result<Value, Fail> {
    let mut entries = Vec::new();
    for (name, text) in files {
        engine.write(text.len())?;
        let base = name.rsplit('/').next().unwrap_or_default();
        entries.push((base.into(), value(text)?));
    }
    let map = engine.map_of(entries)?;
    super::yaml::to_yaml(engine, &map)
}

/// As `gobwas/glob` with `/` between parts: `*` does not pass one, `**` does.
fn glob(pattern: &str) -> Result<regex::Regex, Fail> {
    let mut out = String::from("^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0usize;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                out.push_str("(?s:.*)");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'!') {
                    chars.next();
                    out.push('^');
                }
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '\\' => {
                let next = chars.next().unwrap_or('\\');
                out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            }
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    regex::Regex::new(&out).map_err(|_| format!("the pattern {pattern:?}").into())
}

/// What Helm takes every cluster to serve when it cannot ask one: the groups of its client library.
const API_VERSIONS: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
    "apiextensions.k8s.io/v1beta1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "autoscaling/v2beta1",
    "autoscaling/v2beta2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1alpha1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "internal.apiserver.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1",
    "rbac.authorization.k8s.io/v1beta1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1alpha3",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1",
    "scheduling.k8s.io/v1alpha1",
    "scheduling.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storage.k8s.io/v1beta1",
    "storagemigration.k8s.io/v1beta1",
];
