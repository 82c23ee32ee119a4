//! Checks that users write in Rego, over the same model.
//!
//! A check is a package below `casemate.checks` with a `rule`, which says what it is, and a `deny`, a set
//! of objects: the `resource` (its address), the `path` of an attribute in it, and a `message`. What a
//! check reads is `input.resources`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use casemate_core::{Confidence, Reference, Rule, RuleId, Severity, Timestamp};
use casemate_document::Lines;
use casemate_policy::{Bundle, Engine as _, EngineError, Question};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Report, report::Attribute};
use crate::{Attr, File, Origin, Resource, Truth, Value, World};

/// Checks of a policy.
#[derive(Clone)]
pub struct UserChecks {
    bundle: Bundle,
    now: Timestamp,
    checks: Vec<UserCheck>,
}

#[derive(Clone)]
struct UserCheck {
    /// The package's path: `data.casemate.checks.gpu_quota`.
    package: String,
    rule: Rule,
    /// The kinds of resources that it is for; all, where it names none.
    kinds: Vec<String>,
    /// The attributes that it reads: where one is not known, neither is its answer.
    reads: Vec<String>,
}

/// What a check says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    id: RuleId,
    title: String,
    severity: Severity,
    description: String,
    remediation: String,
    #[serde(default = "high")]
    confidence: Confidence,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    reads: Vec<String>,
}

/// What a check found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Denied {
    resource: String,
    #[serde(default)]
    path: String,
    message: String,
}

/// Why packages below `casemate.checks` are no checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserCheckError {
    /// The package does not say what it is.
    #[error("{0} has no rule `rule`, which says what the check is")]
    Undescribed(String),
    /// It says so in other words than are understood.
    #[error("{0}.rule: {1}")]
    Description(String, String),
    /// It finds nothing.
    #[error("{0} has no rule `deny`")]
    Idle(String),
    /// The policy cannot be evaluated.
    #[error("{0}: {1}")]
    Engine(String, EngineError),
}

impl UserChecks {
    /// The checks in `bundle`; `now` is what they take for the time.
    ///
    /// # Errors
    ///
    /// [`UserCheckError`] for a package below `casemate.checks` that is no check.
    pub fn of(bundle: &Bundle, now: Timestamp) -> Result<Self, UserCheckError> {
        let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for site in bundle.rules() {
            let Some((package, rule)) = site.rule.rsplit_once('.') else {
                continue;
            };
            if package.starts_with(PREFIX) && !package.ends_with("_test") {
                packages
                    .entry(package.to_owned())
                    .or_default()
                    .push(rule.to_owned());
            }
        }
        let check = |(package, rules): (String, Vec<String>)| {
            let has = |name: &str| rules.iter().any(|rule| rule == name);
            if !has("rule") {
                return Err(UserCheckError::Undescribed(package));
            }
            if !has("deny") {
                return Err(UserCheckError::Idle(package));
            }
            described(bundle, package, now)
        };
        Ok(Self {
            checks: packages.into_iter().map(check).collect::<Result<_, _>>()?,
            bundle: bundle.clone(),
            now,
        })
    }

    /// The rules that they report.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.checks.iter().map(|check| &check.rule)
    }

    /// What they take for the time, unless they are asked at another one.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Looks at everything, and reports.
    pub(crate) fn judge(&self, world: &World, now: Timestamp, report: &mut Report) {
        let mut shown = Shown::default();
        for check in &self.checks {
            let is_for = |resource: &&Resource| {
                check.kinds.is_empty() || check.kinds.iter().any(|kind| **kind == *resource.kind)
            };
            let resources: Vec<&Resource> = world.resources().iter().filter(is_for).collect();
            if resources.is_empty() {
                continue;
            }
            let all: Json = resources.iter().map(|it| shown.resource(it)).collect();
            match self.denied(check, &json!({ "resources": all }), now) {
                Ok(denied) => check.tell(&denied, &resources, report),
                // What fails has looked at nothing.
                Err(error) => check.fail(&resources, &error, report),
            }
        }
    }

    fn denied(
        &self,
        check: &UserCheck,
        input: &Json,
        now: Timestamp,
    ) -> Result<Vec<Denied>, String> {
        let rule = format!("{}.deny", check.package);
        let question = Question { input, now };
        let values = self
            .bundle
            .eval(&[&rule], &question)
            .map_err(|error| error.to_string())?;
        let value = values
            .into_iter()
            .next()
            .flatten()
            .unwrap_or_else(|| json!([]));
        serde_json::from_value(value).map_err(|error| format!("{rule}: {error}"))
    }
}

impl UserCheck {
    fn tell(&self, denied: &[Denied], resources: &[&Resource], report: &mut Report) {
        let mut by_address: HashMap<&str, Vec<&Resource>> = HashMap::new();
        for &resource in resources {
            let same = by_address.entry(&resource.address).or_default();
            same.push(resource);
        }
        let is_lost = |found: &&Denied| !by_address.contains_key(&*found.resource);
        if let Some(Denied { resource, .. }) = denied.iter().find(is_lost) {
            // Somebody is denied, and nobody knows who.
            let why = format!("it denies `{resource}`, which is no address here");
            self.fail(resources, &why, report);
        }
        for found in denied {
            for resource in by_address.get(&*found.resource).into_iter().flatten() {
                let cursor = resource.find(&found.path);
                report.found(&self.rule, Attribute::of(&cursor), &found.message);
            }
        }
        let named: HashSet<&str> = denied.iter().map(|found| &*found.resource).collect();
        for resource in resources.iter().filter(|it| !named.contains(&*it.address)) {
            for path in &self.reads {
                let cursor = resource.find(path);
                if let Truth::Unknown(why) = cursor.is_absent() {
                    report.open(&self.rule, Attribute::of(&cursor), &why);
                }
            }
        }
    }

    fn fail(&self, resources: &[&Resource], why: &str, report: &mut Report) {
        for resource in resources {
            report.failed(&self.rule, Attribute::of(&resource.cursor()), why);
        }
    }
}

fn described(
    bundle: &Bundle,
    package: String,
    now: Timestamp,
) -> Result<UserCheck, UserCheckError> {
    let question = Question {
        input: &Json::Null,
        now,
    };
    let rule = format!("{package}.rule");
    let values = bundle.eval(&[&rule], &question);
    let values = values.map_err(|error| UserCheckError::Engine(package.clone(), error))?;
    let value = values.into_iter().next().flatten().unwrap_or_default();
    let described: Described = serde_json::from_value(value)
        .map_err(|error| UserCheckError::Description(package.clone(), error.to_string()))?;
    if let Some(tool) = described.id.tool() {
        let what = format!("{} would be a rule of the tool {tool}", described.id);
        return Err(UserCheckError::Description(package, what));
    }
    Ok(UserCheck {
        package,
        rule: Rule {
            id: described.id,
            title: Cow::Owned(described.title),
            severity: described.severity,
            confidence: described.confidence,
            description: Cow::Owned(described.description),
            remediation: Cow::Owned(described.remediation),
            references: Cow::Owned(described.references),
            bad: None,
            good: None,
        },
        kinds: described.kinds,
        reads: described.reads,
    })
}

/// Resources as policies see them, each made once for all checks.
#[derive(Default)]
struct Shown<'a> {
    resources: HashMap<*const Resource, Json>,
    lines: HashMap<*const File, Lines<'a>>,
}

impl<'a> Shown<'a> {
    /// A resource: its `language`, `kind`, `address`, `file` and `line`, its `body` without what is not
    /// known, and that as `unknown`, from the path to the reason.
    fn resource(&mut self, resource: &'a Resource) -> Json {
        if let Some(known) = self.resources.get(&std::ptr::from_ref(resource)) {
            return known.clone();
        }
        let mut unknown = BTreeMap::new();
        let body = body(&resource.body, &mut Vec::new(), &mut unknown);
        let Origin { file, span, .. } = &resource.body.origin;
        let lines = self.lines.entry(Arc::as_ptr(file));
        let place = lines
            .or_insert_with(|| Lines::of(&file.text))
            .place(span.start as usize);
        let shown = json!({
            "language": resource.language.as_str(),
            "kind": &*resource.kind,
            "address": &*resource.address,
            "file": file.subject.file.as_str(),
            "line": place.line,
            "body": body.unwrap_or_default(),
            "unknown": unknown,
        });
        self.resources
            .insert(std::ptr::from_ref(resource), shown.clone());
        shown
    }
}

/// The nesting of attributes is bounded by those who read them. `way` is the way there.
fn body<'a>(
    attr: &'a Attr,
    way: &mut Vec<Step<'a>>,
    unknown: &mut BTreeMap<String, String>,
) -> Option<Json> {
    if attr.is_sensitive {
        return Some("(sensitive)".into());
    }
    Some(match &attr.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(text) => (**text).into(),
        Value::List(items) => {
            let mut all = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                way.push(Step::Item(at));
                all.push(body(item, way, unknown).unwrap_or_default());
                way.pop();
            }
            all.into()
        }
        Value::Map(map) => {
            let mut fields = serde_json::Map::new();
            for item in map.items() {
                way.push(Step::Key(&item.key));
                let field = body(&item.value, way, unknown);
                way.pop();
                fields.extend(field.map(|field| ((*item.key).to_owned(), field)));
            }
            fields.into()
        }
        Value::Unknown(why) => {
            unknown.insert(path(way), (**why).to_owned());
            return None;
        }
    })
}

/// A step into a value.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

fn path(way: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in way {
        match step {
            Step::Item(at) => path.push_str(&format!("[{at}]")),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => path.push_str(&format!(".{key}")),
        }
    }
    path
}

fn high() -> Confidence {
    Confidence::High
}

const PREFIX: &str = "data.casemate.checks.";

#[cfg(test)]
mod tests;
