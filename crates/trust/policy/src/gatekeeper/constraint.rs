//! Constraints: what objects a template is for, under which parameters, and what comes of a violation.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    field::{Field, Place, Wrong},
    matching::Match,
    reading::{fields, items, text, unknown},
    resource::{Faults, Resource},
    selector::is_subdomain,
    template::{Template, group},
};

/// A constraint, read.
pub(crate) struct Constraint {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) matching: Match,
    pub(crate) parameters: regorus::Value,
    enforcement: Enforcement,
}

/// What comes of a violation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is told of.
    Dryrun,
    /// The one who asks is warned.
    Warn,
    /// The object is denied.
    Deny,
}

/// Where a constraint is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before an object is applied: `gator.gatekeeper.sh`.
    Shift,
    /// When a cluster is asked to take it: `validation.gatekeeper.sh`.
    Admission,
    /// In a cluster, over and over: `audit.gatekeeper.sh`.
    Audit,
}

#[derive(Clone, Debug)]
enum Enforcement {
    Everywhere(Action),
    Scoped(Vec<(Action, Vec<String>)>),
}

impl Action {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "deny" => Self::Deny,
            "warn" => Self::Warn,
            "dryrun" => Self::Dryrun,
            _ => return None,
        })
    }
}

impl Point {
    fn name(self) -> &'static str {
        match self {
            Self::Shift => "gator.gatekeeper.sh",
            Self::Admission => "validation.gatekeeper.sh",
            Self::Audit => "audit.gatekeeper.sh",
        }
    }
}

impl Constraint {
    /// Whether an object is meant to be one.
    pub(crate) fn is_meant(value: &Value) -> bool {
        group(value) == Some("constraints.gatekeeper.sh")
    }

    /// Reads a constraint of `template`.
    pub(crate) fn load(resource: &Resource, template: &Template) -> Result<Self, Faults> {
        let mut wrong = Vec::new();
        let read = read(&resource.value, template, &mut wrong);
        match read {
            Some(mut constraint) if wrong.is_empty() => {
                constraint.place = resource.place();
                Ok(constraint)
            }
            _ => Err(Faults(resource.faults(wrong))),
        }
    }

    /// What comes of a violation at `point`: the most that is asked for. Nothing, where the constraint
    /// is not enforced.
    pub(crate) fn action(&self, point: Point) -> Option<Action> {
        match &self.enforcement {
            Enforcement::Everywhere(action) => Some(*action),
            Enforcement::Scoped(scopes) => {
                let is_at = |name: &String| name == "*" || name == point.name();
                let at = scopes.iter().filter(|(_, names)| names.iter().any(is_at));
                at.map(|(action, _)| *action).max()
            }
        }
    }
}

fn read(value: &Value, template: &Template, wrong: &mut Vec<Wrong>) -> Option<Constraint> {
    let object = fields(value, &Field::default(), wrong)?;
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    unknown(object, &Field::default(), &known, wrong);
    let version = object.get("apiVersion").and_then(Value::as_str);
    if !matches!(version, Some(V1BETA1 | V1ALPHA1)) {
        let message = "is neither version v1beta1 nor v1alpha1 of constraints";
        wrong.push(Wrong::other(Field::of(&["apiVersion"]), message));
    }
    let name = name(object, wrong)?;
    let empty = Map::new();
    let spec = match object.get("spec") {
        None => &empty,
        Some(spec) => fields(spec, &Field::of(&["spec"]), wrong)?,
    };
    let known = [
        "enforcementAction",
        "match",
        "parameters",
        "scopedEnforcementActions",
    ];
    unknown(spec, &Field::of(&["spec"]), &known, wrong);
    let matching = match spec.get("match") {
        None => Match::default(),
        Some(value) => Match::read(value, &Field::of(&["spec", "match"]), wrong),
    };
    let enforcement = enforcement(spec, wrong)?;
    let parameters = parameters(spec, template, wrong);
    Some(Constraint {
        kind: template.kind.clone(),
        name,
        place: Place {
            file: String::new(),
            line: 0,
        },
        matching,
        parameters: regorus::Value::from(parameters),
        enforcement,
    })
}

fn name(object: &Map<String, Value>, wrong: &mut Vec<Wrong>) -> Option<String> {
    let at = Field::of(&["metadata", "name"]);
    let name = object
        .get("metadata")
        .and_then(|metadata| metadata.get("name"));
    let name = text(name.unwrap_or(&Value::Null), &at, wrong)?;
    if name.len() > 63 {
        wrong.push(Wrong::schema(at.clone(), "has more than 63 characters"));
    }
    if !is_subdomain(&name) {
        wrong.push(Wrong::other(at, "is no name of an object"));
    }
    Some(name)
}

fn enforcement(spec: &Map<String, Value>, wrong: &mut Vec<Wrong>) -> Option<Enforcement> {
    let at = Field::of(&["spec", "enforcementAction"]);
    let action = match spec.get("enforcementAction") {
        None => String::new(),
        Some(action) => text(action, &at, wrong)?,
    };
    match action.as_str() {
        "" => Some(Enforcement::Everywhere(Action::Deny)),
        "scoped" => scoped(spec, wrong).map(Enforcement::Scoped),
        action => match Action::of(action) {
            Some(action) => Some(Enforcement::Everywhere(action)),
            None => {
                let message = "is none of deny, warn, dryrun and scoped";
                wrong.push(Wrong::other(at, message));
                None
            }
        },
    }
}

fn scoped(spec: &Map<String, Value>, wrong: &mut Vec<Wrong>) -> Option<Vec<(Action, Vec<String>)>> {
    let at = Field::of(&["spec", "scopedEnforcementActions"]);
    let list = items(
        spec.get("scopedEnforcementActions").unwrap_or(&Value::Null),
        &at,
        wrong,
    )?;
    let mut scopes = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let at = at.with(index);
        let item = fields(item, &at, wrong)?;
        unknown(item, &at, &["action", "enforcementPoints"], wrong);
        let action = item.get("action").unwrap_or(&Value::Null);
        let action = text(action, &at.with("action"), wrong)?;
        let Some(action) = Action::of(&action) else {
            let message = "is none of deny, warn and dryrun";
            wrong.push(Wrong::other(at.with("action"), message));
            continue;
        };
        let at = at.with("enforcementPoints");
        let points = item.get("enforcementPoints").unwrap_or(&Value::Null);
        let mut names = Vec::new();
        for (index, point) in items(points, &at, wrong)?.iter().enumerate() {
            let at = at.with(index);
            let point = fields(point, &at, wrong)?;
            unknown(point, &at, &["name"], wrong);
            let at = at.with("name");
            let name = text(point.get("name").unwrap_or(&Value::Null), &at, wrong)?;
            if !POINTS.contains(&name.as_str()) {
                let message = format!("is none of {}", POINTS.join(", "));
                wrong.push(Wrong::other(at, message));
            }
            names.push(name);
        }
        if names.is_empty() {
            wrong.push(Wrong::other(at, "is empty: nothing would be enforced"));
        }
        scopes.push((action, names));
    }
    Some(scopes)
}

/// The parameters with their defaults. What Rego reads where there are none is an empty object.
fn parameters(spec: &Map<String, Value>, template: &Template, wrong: &mut Vec<Wrong>) -> Value {
    let at = Field::of(&["spec", "parameters"]);
    let given = spec.get("parameters");
    let Some(schema) = &template.schema else {
        if given.is_some() {
            let message = format!("is no field of this: {} takes no parameters", template.kind);
            wrong.push(Wrong::other(at, message));
        }
        return json!({});
    };
    let mut parameters = match given.or(schema.preset()) {
        None => return json!({}),
        Some(given) => given.clone(),
    };
    let mut found = schema.check(&parameters);
    if found.is_empty() {
        found = schema.unknown(&parameters);
    }
    wrong.extend(found.into_iter().map(|mut what| {
        what.field = what.field.below(&at);
        what
    }));
    schema.fill(&mut parameters);
    if parameters.is_null() {
        parameters = json!({});
    }
    parameters
}

const V1BETA1: &str = "constraints.gatekeeper.sh/v1beta1";

const V1ALPHA1: &str = "constraints.gatekeeper.sh/v1alpha1";

/// The points that Gatekeeper knows, those that are not ours included.
const POINTS: [&str; 5] = [
    "*",
    "audit.gatekeeper.sh",
    "gator.gatekeeper.sh",
    "validation.gatekeeper.sh",
    "vap.k8s.io",
];
