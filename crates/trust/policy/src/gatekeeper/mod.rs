//! Gatekeeper: constraint templates and constraints, evaluated on objects of Kubernetes.
//!
//! ```text
//!   YAML ──► Resource ─┬─► Template (schema, Rego) ─┐
//!                      ├─► Constraint (match, ──────┴─► Constraints ──┐
//!                      │   parameters, action)                        ├─► Violations
//!                      ├─► Inventory (what else there is) ────────────┤
//!                      └─► Review (the object in question) ───────────┘
//! ```
//!
//! [`Constraints`] is loaded once and asked many times; nothing that one question leaves behind
//! reaches the next. Templates are apart from each other. Everything but a proper answer is a violation
//! of the constraint that was asked about: an error, a panic, a time limit, an answer of another
//! shape, a namespace that is selected by its labels and not known, a template without Rego.
//!
//! What it means is what Gatekeeper 3.23 and the constraint framework of that time make of it;
//! where this differs, the book says so (`docs/src/commands/policy-gatekeeper.md`).

mod constraint;
mod field;
mod inventory;
mod matching;
mod object;
mod program;
mod reading;
mod report;
mod resource;
mod review;
mod schema;
mod selector;
mod suite;
mod template;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use casemate_core::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use constraint::{Action, Point};
pub use field::{Field, Place};
pub use inventory::Inventory;
pub use matching::Source;
pub use report::{ConstraintReport, Malformed, ObjectName, ObjectViolation};
pub use resource::{Fault, Faults, Resource};
pub use review::{Review, ReviewError};
pub use suite::{ReadFile, Suite, SuiteCase};

use crate::{EngineError, Limits, engine::Message, fence, rego::LAST_STEP};
use constraint::Constraint;
use matching::Namespace;
use template::Template;

/// Templates and the constraints made of them, ready to be asked.
pub struct Constraints {
    /// By the kind of their constraints.
    templates: BTreeMap<String, Arc<Template>>,
    /// By template, and in the order of their names.
    constraints: BTreeMap<String, Vec<Arc<Constraint>>>,
    not_evaluated: Vec<NotEvaluated>,
    limits: Limits,
}

/// Something that is about policy and has no part in the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotEvaluated {
    /// What it is: `ConstraintTemplate`, `AssignMetadata`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// Why it has no part.
    pub reason: String,
}

/// What a constraint has against an object.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Violation {
    /// The constraint's kind.
    pub kind: String,
    /// The constraint's name.
    pub name: String,
    /// What comes of it.
    pub action: Action,
    /// What the template says, or why it could not be asked.
    pub message: String,
    /// What else the template says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Where the template stands; of an error in it, the line that it happened on.
    pub template: Place,
    /// Where the constraint stands.
    pub constraint: Place,
}

impl Constraints {
    /// The templates and constraints among `resources`; what is neither is left out, and what is of
    /// Gatekeeper and not evaluated is told of by [`Self::not_evaluated`].
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them. A policy is whole, or none.
    pub fn load(resources: &[Resource], limits: Limits) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut loaded = Self {
            templates: BTreeMap::new(),
            constraints: BTreeMap::new(),
            not_evaluated: Vec::new(),
            limits,
        };
        let mut broken = Vec::new();
        for resource in resources {
            if Template::is_meant(&resource.value) {
                match Template::load(resource, limits) {
                    Ok(template) => faults.extend(loaded.add_template(template, resource)),
                    Err(Faults(found)) => {
                        broken.extend(kind_of_template(&resource.value));
                        faults.extend(found);
                    }
                }
            }
        }
        for resource in resources {
            if Constraint::is_meant(&resource.value) {
                faults.extend(loaded.add_constraint(resource, &broken));
            } else {
                loaded.not_evaluated.extend(not_evaluated(resource));
            }
        }
        if !faults.is_empty() {
            faults.truncate(schema::MAX_WRONG);
            return Err(Faults(faults));
        }
        for list in loaded.constraints.values_mut() {
            list.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(loaded)
    }

    /// Whether there is nothing to ask and nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty() && self.constraints.is_empty() && self.not_evaluated.is_empty()
    }

    /// How many templates there are.
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    /// How many constraints there are.
    pub fn constraints(&self) -> usize {
        self.constraints.values().map(Vec::len).sum()
    }

    /// What has no part in an answer, by name.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        &self.not_evaluated
    }

    /// What the constraints have against an object, in the order of their kinds and names. `now` is
    /// what `time.now_ns()` answers.
    pub fn review(
        &self,
        review: &Review,
        inventory: &Inventory,
        point: Point,
        now: Timestamp,
    ) -> Vec<Violation> {
        let mut asked = Asked::of(self, review, inventory, point);
        let questions: usize = asked.iter().map(|one| one.constraints.len()).sum();
        if questions > 0 {
            let (value, known) = (review.value(), inventory.value().clone());
            let mut work = asked;
            let ran = fence::run(self.patience(questions), self.limits.memory, move || {
                for one in &mut work {
                    one.evaluate(&value, &known, now);
                }
                Ok(work)
            });
            asked = ran.unwrap_or_else(|error| {
                // No thread, no end, or a mistake of ours: what was to be asked is violated.
                let mut asked = Asked::of(self, review, inventory, point);
                asked.iter_mut().for_each(|one| one.refuse_rest(&error));
                asked
            });
        }
        let violations = asked.into_iter().flat_map(|one| one.violations);
        let mut violations: Vec<Violation> = violations.collect();
        violations.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        violations
    }

    /// The library looks at its clock between steps; the last one it began may take longer.
    fn patience(&self, questions: usize) -> Duration {
        let questions = u32::try_from(questions).unwrap_or(u32::MAX);
        let time = self.limits.time.saturating_mul(questions);
        time.saturating_add(LAST_STEP)
    }

    /// A template that has no Rego, and why that is.
    pub(crate) fn without_rego(&self) -> Option<(&Place, String)> {
        let mut templates = self.templates.values();
        let template = templates.find(|template| template.program.is_none())?;
        Some((&template.place, template::why_not(template)))
    }

    fn add_template(&mut self, template: Template, resource: &Resource) -> Option<Fault> {
        if let Some(first) = self.templates.get(&template.kind) {
            let message = format!("{} has a template already, {}", template.kind, first.place);
            return Some(fault(resource, message));
        }
        let mut tell = |reason: String| {
            self.not_evaluated.push(NotEvaluated {
                kind: "ConstraintTemplate".to_owned(),
                name: template.kind.to_ascii_lowercase(),
                place: template.place.clone(),
                reason,
            });
        };
        if template.program.is_none() {
            tell(template::why_not(&template));
        }
        if template
            .schema
            .as_ref()
            .is_some_and(|schema| schema.has_rules)
        {
            tell("the rules in CEL of its parameters are not asked".to_owned());
        }
        self.templates
            .insert(template.kind.clone(), Arc::new(template));
        None
    }

    /// `broken` are the kinds whose templates could not be loaded, which was told already.
    fn add_constraint(&mut self, resource: &Resource, broken: &[String]) -> Vec<Fault> {
        let kind = resource
            .value
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(template) = self.templates.get(kind) else {
            if broken.iter().any(|known| known == kind) {
                return Vec::new();
            }
            let kind = Message::new(kind);
            let message = format!("there is no template of kind `{kind}`");
            return vec![fault(resource, message)];
        };
        let constraint = match Constraint::load(resource, template) {
            Ok(constraint) => constraint,
            Err(Faults(faults)) => return faults,
        };
        let list = self.constraints.entry(constraint.kind.clone()).or_default();
        if let Some(first) = list.iter().find(|first| first.name == constraint.name) {
            let message = format!("`{}` stands at {} already", first.name, first.place);
            return vec![fault(resource, message)];
        }
        list.push(Arc::new(constraint));
        Vec::new()
    }
}

/// What one template is asked about one object.
struct Asked {
    template: Arc<Template>,
    /// Those that are for the object and not asked yet, with what comes of a violation.
    constraints: Vec<(Arc<Constraint>, Action)>,
    violations: Vec<Violation>,
}

impl Asked {
    fn of(all: &Constraints, review: &Review, inventory: &Inventory, point: Point) -> Vec<Self> {
        let named = review
            .namespace_name()
            .and_then(|name| inventory.labelled(name));
        let namespace = review.namespace().or(named);
        let mut asked = Vec::new();
        for (kind, constraints) in &all.constraints {
            let Some(template) = all.templates.get(kind) else {
                continue;
            };
            if point == Point::Admission && !template.is_for(&review.operation) {
                continue;
            }
            let mut one = Self {
                template: Arc::clone(template),
                constraints: Vec::new(),
                violations: Vec::new(),
            };
            for constraint in constraints {
                let Some(action) = constraint.action(point) else {
                    continue;
                };
                match matches(constraint, review, namespace) {
                    Ok(true) if template.program.is_some() => {
                        one.constraints.push((Arc::clone(constraint), action));
                    }
                    Ok(true) => {
                        let why = format!("not evaluated: {}", template::why_not(template));
                        one.violate(constraint, action, why);
                    }
                    Ok(false) => {}
                    Err(why) => one.violate(constraint, action, why),
                }
            }
            asked.push(one);
        }
        asked
    }

    /// Asks what is left. Runs behind the fence.
    fn evaluate(&mut self, review: &regorus::Value, inventory: &regorus::Value, now: Timestamp) {
        let template = Arc::clone(&self.template);
        let Some(program) = &template.program else {
            return;
        };
        let mut kept = None;
        while let Some((constraint, action)) = self.constraints.pop() {
            let answer = program::fenced(|| {
                // What an error leaves behind is not asked again.
                let mut run = match kept.take() {
                    Some(run) => run,
                    None => program.start(inventory, now)?,
                };
                let reasons = run.ask(review, &constraint.parameters, inventory)?;
                kept = Some(run);
                Ok(reasons)
            });
            match answer {
                Ok(reasons) => {
                    for reason in reasons {
                        self.violations.push(Violation {
                            details: reason.details,
                            ..self.violation(&constraint, action, reason.message)
                        });
                    }
                }
                Err(error) => self.refuse(&constraint, action, &error),
            }
        }
    }

    fn refuse_rest(&mut self, error: &EngineError) {
        for (constraint, action) in std::mem::take(&mut self.constraints) {
            self.refuse(&constraint, action, error);
        }
    }

    fn refuse(&mut self, constraint: &Constraint, action: Action, error: &EngineError) {
        let (place, message) = self.template.placed(error);
        self.violations.push(Violation {
            template: place,
            ..self.violation(constraint, action, format!("not evaluated: {message}"))
        });
    }

    fn violate(&mut self, constraint: &Constraint, action: Action, message: String) {
        let violation = self.violation(constraint, action, message);
        self.violations.push(violation);
    }

    fn violation(&self, constraint: &Constraint, action: Action, message: String) -> Violation {
        Violation {
            kind: constraint.kind.clone(),
            name: constraint.name.clone(),
            action,
            message,
            details: None,
            template: self.template.place.clone(),
            constraint: constraint.place.clone(),
        }
    }
}

/// Whether a constraint is for the object, or for what it was before.
fn matches(
    constraint: &Constraint,
    review: &Review,
    namespace: Option<&Namespace>,
) -> Result<bool, String> {
    for meta in review.objects() {
        if constraint
            .matching
            .matches(meta, namespace, review.source)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn kind_of_template(value: &Value) -> Option<String> {
    let kind = value.pointer("/spec/crd/spec/names/kind")?.as_str()?;
    Some(kind.to_owned())
}

/// What is of Gatekeeper, and neither a template nor a constraint nor a suite of tests.
fn not_evaluated(resource: &Resource) -> Option<NotEvaluated> {
    let value = &resource.value;
    let group = template::group(value)?;
    let reason = match group {
        "mutations.gatekeeper.sh" => "objects are judged as they are written",
        "expansion.gatekeeper.sh" => "objects that others would make are not made up",
        "externaldata.gatekeeper.sh" => "no provider is asked; a template that does so denies",
        "config.gatekeeper.sh" | "syncset.gatekeeper.sh" => {
            "all objects are judged, and all that are given are the inventory"
        }
        "templates.gatekeeper.sh" if !Template::is_meant(value) => "it is no ConstraintTemplate",
        _ => return None,
    };
    let text = |value: Option<&Value>| {
        Message::new(value.and_then(Value::as_str).unwrap_or_default()).to_string()
    };
    Some(NotEvaluated {
        kind: text(value.get("kind")),
        name: text(
            value
                .get("metadata")
                .and_then(|metadata| metadata.get("name")),
        ),
        place: resource.place(),
        reason: reason.to_owned(),
    })
}

fn fault(resource: &Resource, message: String) -> Fault {
    Fault {
        place: resource.place(),
        field: Field::default(),
        message,
        is_schema: false,
    }
}
