//! `ConstraintTemplate`: a kind of constraint, the schema of its parameters, and its Rego.

use serde_json::{Map, Value};

use super::{
    field::{Field, Place, Wrong},
    program::{Program, Version},
    reading::{fields, items, strings, text},
    resource::{Fault, Faults, Resource},
    schema::{Schema, Strictness},
};
use crate::{EngineError, Limits, engine::Message, fence, rego::PATIENCE_TO_LOAD};

/// A template, loaded.
pub(crate) struct Template {
    /// The kind of its constraints.
    pub(crate) kind: String,
    pub(crate) place: Place,
    /// Nothing where constraints have no parameters.
    pub(crate) schema: Option<Schema>,
    /// The operations it is asked about at admission; any, where none is named.
    operations: Vec<String>,
    /// Nothing where it has no Rego.
    pub(crate) program: Option<Program>,
    /// The engines that its code is for.
    pub(crate) engines: Vec<String>,
    /// Where the texts of its modules begin in the file.
    blocks: Vec<(String, Option<Place>, Place)>,
}

/// The Rego of a template.
struct Code {
    version: Version,
    entry: (Field, String),
    libs: Vec<(Field, String)>,
}

impl Template {
    /// Whether an object is meant to be one.
    pub(crate) fn is_meant(value: &Value) -> bool {
        group(value) == Some("templates.gatekeeper.sh")
            && value.get("kind").and_then(Value::as_str) == Some("ConstraintTemplate")
    }

    pub(crate) fn load(resource: &Resource, limits: Limits) -> Result<Self, Faults> {
        let mut wrong = Vec::new();
        let read = read(&resource.value, &mut wrong);
        let (mut template, code) = match read {
            Some(read) if wrong.is_empty() => read,
            _ => return Err(Faults(resource.faults(wrong))),
        };
        template.place = resource.place();
        let Some(code) = code else {
            return Ok(template);
        };
        let name = |at: usize| match at {
            0 => "rego".to_owned(),
            at => format!("libs[{}]", at - 1),
        };
        let modules = std::iter::once(&code.entry).chain(&code.libs);
        for (at, (field, _)) in modules.enumerate() {
            let (block, place) = (resource.block(field), resource.place_of(field));
            template.blocks.push((name(at), block, place));
        }
        let libs: Vec<String> = code.libs.into_iter().map(|(_, text)| text).collect();
        let (version, entry) = (code.version, code.entry.1);
        let load = move || Program::load(version, &entry, &libs, limits);
        match fence::run(PATIENCE_TO_LOAD, limits.memory, load) {
            Ok(program) => template.program = Some(program),
            Err(error) => {
                let (place, message) = template.placed(&error);
                let fault = Fault {
                    place,
                    field: code.entry.0,
                    message,
                    is_schema: false,
                };
                return Err(Faults(vec![fault]));
            }
        }
        Ok(template)
    }

    /// Whether it is asked about an operation at admission.
    pub(crate) fn is_for(&self, operation: &str) -> bool {
        let mut operations = self.operations.iter();
        self.operations.is_empty() || operations.any(|named| named == "*" || named == operation)
    }

    /// Where in the file an error is, and the rest of its text.
    pub(crate) fn placed(&self, error: &EngineError) -> (Place, String) {
        let text = error.to_string();
        for (name, block, place) in &self.blocks {
            let Some(rest) = text.strip_prefix(name).and_then(|it| it.strip_prefix(':')) else {
                continue;
            };
            let (line, message) = rest.split_once(':').unwrap_or((rest, ""));
            let Some(offset) = line
                .parse::<u32>()
                .ok()
                .and_then(|line| line.checked_sub(1))
            else {
                continue;
            };
            // The column is one of the text, which stands further to the right in the file.
            let column = message.split_once(':');
            let message = match column {
                Some((column, message)) if column.parse::<u32>().is_ok() => message,
                _ => message,
            };
            let message = message.trim_start();
            return match block {
                Some(block) => {
                    let line = block.line.saturating_add(offset);
                    let file = block.file.clone();
                    (Place { file, line }, format!("({name}): {message}"))
                }
                None => {
                    let line = offset.saturating_add(1);
                    (place.clone(), format!("({name}, line {line}): {message}"))
                }
            };
        }
        (self.place.clone(), text)
    }
}

/// The group of an object: `templates.gatekeeper.sh`.
pub(crate) fn group(value: &Value) -> Option<&str> {
    let (group, _) = value.get("apiVersion")?.as_str()?.split_once('/')?;
    Some(group)
}

fn read(value: &Value, wrong: &mut Vec<Wrong>) -> Option<(Template, Option<Code>)> {
    let object = fields(value, &Field::default(), wrong)?;
    let version = object.get("apiVersion").and_then(Value::as_str);
    let is_legacy = match version.and_then(|version| version.strip_prefix(GROUP)) {
        Some("v1") => false,
        Some("v1beta1" | "v1alpha1") => true,
        _ => {
            let message = "is none of the versions v1, v1beta1 and v1alpha1 of templates";
            wrong.push(Wrong::other(Field::of(&["apiVersion"]), message));
            return None;
        }
    };
    let spec = map(object, &["spec"], wrong)?;
    let crd = map(spec, &["spec", "crd"], wrong)?;
    let crd = map(crd, &["spec", "crd", "spec"], wrong)?;
    let names = map(crd, &["spec", "crd", "spec", "names"], wrong)?;
    let at = Field::of(&["spec", "crd", "spec", "names", "kind"]);
    let kind = text(names.get("kind").unwrap_or(&Value::Null), &at, wrong)?;
    let is_name = kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name || !kind.starts_with(|first: char| first.is_ascii_alphabetic()) || kind.len() > 63 {
        wrong.push(Wrong::other(at, "is no name of a kind"));
    }
    let name = object
        .get("metadata")
        .and_then(|metadata| metadata.get("name"));
    if name.and_then(Value::as_str) != Some(&kind.to_ascii_lowercase()) {
        let message = format!(
            "is not the kind in lower case, {}",
            kind.to_ascii_lowercase()
        );
        wrong.push(Wrong::other(Field::of(&["metadata", "name"]), message));
    }
    let schema = schema(crd, is_legacy, wrong);
    let target = target(spec, wrong)?;
    let at = Field::of(&["spec", "targets"]).with(0);
    let operations = match target.get("operations") {
        None | Some(Value::Null) => Vec::new(),
        Some(operations) => strings(operations, &at.with("operations"), wrong)?,
    };
    let (code, engines) = code(target, &at, wrong)?;
    let template = Template {
        kind,
        place: Place {
            file: String::new(),
            line: 0,
        },
        schema,
        operations,
        program: None,
        engines,
        blocks: Vec::new(),
    };
    Some((template, code))
}

/// The object that the last of `names` is in `parent`.
fn map<'a>(
    parent: &'a Map<String, Value>,
    names: &[&str],
    wrong: &mut Vec<Wrong>,
) -> Option<&'a Map<String, Value>> {
    let value = names.last().and_then(|name| parent.get(*name));
    match value {
        None | Some(Value::Null) => {
            wrong.push(Wrong::other(Field::of(names), "is required, and missing"));
            None
        }
        Some(value) => fields(value, &Field::of(names), wrong),
    }
}

fn schema(crd: &Map<String, Value>, is_legacy: bool, wrong: &mut Vec<Wrong>) -> Option<Schema> {
    let names = ["spec", "crd", "spec", "validation"];
    let validation = match crd.get("validation") {
        // Without one, the older versions take any parameters, and the newer one none.
        None | Some(Value::Null) => return is_legacy.then(Schema::any),
        Some(validation) => fields(validation, &Field::of(&names), wrong)?,
    };
    let at = Field::of(&names).with("legacySchema");
    let is_legacy = match validation.get("legacySchema") {
        None | Some(Value::Null) => is_legacy,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            wrong.push(Wrong::other(at, "expects true or false"));
            return None;
        }
    };
    let at = Field::of(&names).with("openAPIV3Schema");
    let strictness = if is_legacy {
        Strictness::Legacy
    } else {
        Strictness::Structural
    };
    match validation.get("openAPIV3Schema") {
        None | Some(Value::Null) => is_legacy.then(Schema::any),
        Some(schema) => match Schema::read(schema, &at, strictness) {
            Ok(schema) => Some(schema),
            Err(found) => {
                wrong.extend(found);
                None
            }
        },
    }
}

/// The one target that a template has.
fn target<'a>(
    spec: &'a Map<String, Value>,
    wrong: &mut Vec<Wrong>,
) -> Option<&'a Map<String, Value>> {
    let at = Field::of(&["spec", "targets"]);
    let targets = items(spec.get("targets").unwrap_or(&Value::Null), &at, wrong)?;
    let [target] = targets else {
        let message = format!("has {} targets, and a template has one", targets.len());
        wrong.push(Wrong::other(at, message));
        return None;
    };
    let at = at.with(0);
    let target = fields(target, &at, wrong)?;
    if target.get("target").and_then(Value::as_str) != Some(TARGET) {
        let message = format!("is not {TARGET}, the one target that there is");
        wrong.push(Wrong::other(at.with("target"), message));
    }
    Some(target)
}

/// The Rego of a target, where it has some, and the engines that its code is for.
fn code(
    target: &Map<String, Value>,
    field: &Field,
    wrong: &mut Vec<Wrong>,
) -> Option<(Option<Code>, Vec<String>)> {
    let mut engines = Vec::new();
    let mut rego = None;
    let list = match target.get("code") {
        None | Some(Value::Null) => &[],
        Some(list) => items(list, &field.with("code"), wrong)?,
    };
    for (index, item) in list.iter().enumerate() {
        let at = field.with("code").with(index);
        let item = fields(item, &at, wrong)?;
        let engine = item.get("engine").unwrap_or(&Value::Null);
        let engine = text(engine, &at.with("engine"), wrong)?;
        if engine == "Rego" && rego.is_none() {
            let at = at.with("source");
            let source = item.get("source").unwrap_or(&Value::Null);
            rego = Some(source_of(fields(source, &at, wrong)?, &at, wrong)?);
        }
        engines.push(engine);
    }
    // As in Gatekeeper the older fields win.
    if target
        .get("rego")
        .is_some_and(|rego| rego.as_str() != Some(""))
    {
        rego = Some(source_of(target, field, wrong)?);
        engines.push("Rego".to_owned());
    }
    if engines.is_empty() {
        wrong.push(Wrong::other(field.clone(), "has neither `rego` nor `code`"));
        return None;
    }
    Some((rego, engines))
}

fn source_of(source: &Map<String, Value>, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Code> {
    let at = field.with("rego");
    let entry = text(source.get("rego").unwrap_or(&Value::Null), &at, wrong)?;
    let at_libs = field.with("libs");
    let libs = match source.get("libs") {
        None | Some(Value::Null) => Vec::new(),
        Some(libs) => strings(libs, &at_libs, wrong)?,
    };
    if libs.len() > MAX_LIBS {
        let message = format!("has more than {MAX_LIBS} modules");
        wrong.push(Wrong::other(at_libs, message));
        return None;
    }
    let is_v1 = source.get("version").and_then(Value::as_str) == Some("v1");
    let libs = libs.into_iter().enumerate();
    Some(Code {
        version: if is_v1 { Version::V1 } else { Version::V0 },
        entry: (at, entry),
        libs: libs
            .map(|(index, text)| (at_libs.with(index), text))
            .collect(),
    })
}

/// What is told of a template that is not evaluated.
pub(crate) fn why_not(template: &Template) -> String {
    let engines = template.engines.join(", ");
    Message::new(&format!("it has no Rego, only {engines}")).to_string()
}

const GROUP: &str = "templates.gatekeeper.sh/";

const TARGET: &str = "admission.k8s.gatekeeper.sh";

const MAX_LIBS: usize = 100;
