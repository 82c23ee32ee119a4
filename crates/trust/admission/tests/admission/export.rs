//! What is exported says what the rules say: each expression is asked about every example of every rule, and so are the rules.

use std::collections::BTreeSet;

use casemate_admission::{Action, Cel, Policy, Resources};
use casemate_core::{Digest, Rule, Subject};
use casemate_policy::gatekeeper::Resource;
use casemate_posture::{
    PostureSurvey,
    check::{FAMILIES, Persona},
};
use cel::{Context, Program};
use serde_json::{Value, json};

use crate::kit::now;

#[test]
fn expressions_and_rules_agree_on_every_example() {
    let survey = PostureSurvey::new(Persona::Auditor);
    let objects = examples()
        .into_iter()
        .map(|object| (broken(&survey, &object), object));
    let objects: Vec<(BTreeSet<String>, Value)> = objects.collect();
    assert!(objects.len() > 100, "{}", objects.len());
    let (mut asked, mut apart) = (0, Vec::new());
    for (policy, on) in Cel::builtin().policies() {
        let expression = Expression::new(policy, on);
        let mut answers = BTreeSet::new();
        let is_asked = |object: &Value| on.kinds.iter().any(|kind| object["kind"] == kind.as_str());
        for (broken, object) in objects.iter().filter(|(_, object)| is_asked(object)) {
            let is_valid = expression.is_valid(object);
            let is_broken = policy
                .rules
                .iter()
                .any(|rule| broken.contains(rule.as_str()));
            if is_valid == is_broken {
                apart.push(format!("{:?} is {is_valid} of {object}", policy.rules));
            }
            answers.insert(is_valid);
            asked += 1;
        }
        // An expression that says the same of everything says nothing.
        assert_eq!(answers.len(), 2, "{:?}", policy.rules);
    }
    assert!(asked > 1_000, "{asked}");
    assert!(
        apart.is_empty(),
        "{} of {asked}:\n{}",
        apart.len(),
        apart.join("\n")
    );
}

#[test]
fn every_rule_about_kubernetes_is_exported_or_has_a_reason() {
    let families = ["POD", "NS", "NET", "RBAC", "KSEC", "IMG", "AI"];
    let said: Vec<_> = Cel::builtin().said(rules()).collect();
    for rule in rules().filter(|rule| families.contains(&rule.id.family())) {
        let one = said.iter().find(|it| it.rule == rule.id);
        let one = one.unwrap_or_else(|| panic!("{} is neither said nor told", rule.id));
        assert!(one.policy.is_some() != one.why_not.is_some(), "{one:?}");
    }
}

#[test]
fn a_policy_comes_with_its_binding_and_names_its_rules() {
    let wanted = ["CM-POD-001".parse().expect("a rule")];
    let all: Vec<&Rule> = rules().collect();
    let list = Cel::builtin().export(&wanted, Action::Warn, &all);
    let items = list["items"].as_array().expect("a list");
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["metadata"]["name"], "casemate-cm-pod-001");
    assert_eq!(
        items[0]["spec"]["validations"][0]["message"],
        "CM-POD-001: A container is privileged"
    );
    assert_eq!(
        items[1]["spec"],
        json!({"policyName": "casemate-cm-pod-001", "validationActions": ["Warn"],
        "matchResources": {"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn",
                "values": ["kube-system", "kube-public", "kube-node-lease"]},
        ]}}})
    );
    let conditions = items[0]["spec"]["matchConditions"].as_array();
    let conditions: Vec<&str> = conditions
        .expect("a list")
        .iter()
        .filter_map(|it| it["expression"].as_str())
        .collect();
    assert!(conditions.contains(&"request.userInfo.username != 'system:apiserver'"));
    let every = Cel::builtin().export(&[], Action::Deny, &all);
    let names = every["items"].as_array().expect("a list").iter();
    let names: Vec<String> = names
        .map(|it| format!("{} {}", it["kind"], it["metadata"]["name"]))
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn what_goes_is_let_go_as_it_was_and_not_otherwise() {
    let on = |kind: &str| {
        let mut policies = Cel::builtin().policies();
        let found = policies.find(|(_, on)| on.kinds.iter().any(|it| it == kind));
        found.expect("a policy").1
    };
    let is_asked = |kind: &str, object: &Value, old: &Value| {
        let program = Program::compile(&on(kind).stays()).expect("CEL");
        let mut context = Context::default();
        context.add_variable("object", object).expect("a value");
        context.add_variable("oldObject", old).expect("a value");
        let value = program.execute(&context).expect("a value");
        value.json().expect("JSON").as_bool().expect("a boolean")
    };
    let goes = Some("2026-09-01T00:00:00Z");
    for (kind, one, two) in [
        ("Pod", json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}})),
        ("ClusterRole", json!({"rules": []}), json!({})),
        (
            "RoleBinding",
            json!({"roleRef": {}, "subjects": [1]}),
            json!({"roleRef": {}, "subjects": [1, 2]}),
        ),
        (
            "Namespace",
            json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
            json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}),
        ),
        (
            "Service",
            json!({"spec": {}, "metadata": {"annotations": {"a": "b"}}}),
            json!({"spec": {}}),
        ),
        (
            "Ingress",
            json!({"spec": {}}),
            json!({"spec": {}, "metadata": {"annotations": {"a": "b"}}}),
        ),
    ] {
        let with = |of: &Value, ends: Option<&str>| {
            let mut of = of.clone();
            let fields = ends.iter().map(|it| ("deletionTimestamp", json!(it)));
            for (key, value) in [("name", json!("a"))].into_iter().chain(fields) {
                of["metadata"][key] = value;
            }
            of
        };
        let stays = with(&one, None);
        assert!(is_asked(kind, &stays, &Value::Null), "{kind}: created");
        assert!(is_asked(kind, &stays, &stays), "{kind}: updated");
        let (one, two) = (with(&one, goes), with(&two, goes));
        assert!(!is_asked(kind, &one, &one), "{kind}: goes");
        assert!(is_asked(kind, &two, &one), "{kind}: goes as another");
    }
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    FAMILIES
        .iter()
        .flat_map(|family| family.rules)
        .map(|(rule, _)| *rule)
}

/// Every object in an example.
fn examples() -> Vec<Value> {
    let mut objects = Vec::new();
    for example in rules().flat_map(|rule| rule.bad.iter().chain(&rule.good)) {
        let Ok(read) = Resource::read("object.yaml", &example.content) else {
            continue;
        };
        for value in read.into_iter().map(|it| it.value) {
            if value["kind"].is_string()
                && value["apiVersion"].is_string()
                && !objects.contains(&value)
            {
                objects.push(value);
            }
        }
    }
    objects
}

/// An expression with what it is made of, compiled.
struct Expression {
    variables: Vec<(String, Program)>,
    valid: Program,
}

impl Expression {
    fn new(policy: &Policy, on: &Resources) -> Self {
        let compiled =
            |text: &str| Program::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let variables = on
            .variables
            .iter()
            .map(|it| (it.name.clone(), compiled(&it.expression)));
        Self {
            variables: variables.collect(),
            valid: compiled(&policy.valid),
        }
    }

    fn is_valid(&self, object: &Value) -> bool {
        let mut context = Context::default();
        context.add_variable("object", object).expect("a value");
        let mut variables = serde_json::Map::new();
        context
            .add_variable("variables", &variables)
            .expect("a value");
        for (name, program) in &self.variables {
            let value = program
                .execute(&context)
                .unwrap_or_else(|error| panic!("{name} of {object}: {error}"));
            variables.insert(name.clone(), value.json().expect("JSON"));
            context
                .add_variable("variables", &variables)
                .expect("a value");
        }
        let value = self
            .valid
            .execute(&context)
            .unwrap_or_else(|error| panic!("{object}: {error}"));
        let value = value.json().expect("JSON");
        value
            .as_bool()
            .unwrap_or_else(|| panic!("{value} of {object}"))
    }
}

/// The rules that an object breaks.
fn broken(survey: &PostureSurvey, object: &Value) -> BTreeSet<String> {
    let text = object.to_string();
    let digest = Digest::of(text.as_bytes());
    let subject = Subject::of_file("local", "object.json".into(), "object.json".into(), digest);
    let outcome = survey.judge_object(&subject, &text, now());
    outcome
        .findings
        .iter()
        .map(|it| it.rule.to_string())
        .collect()
}
