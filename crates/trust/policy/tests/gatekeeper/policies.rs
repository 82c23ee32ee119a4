//! What a policy may be, and what comes of it.

use std::time::Duration;

use casemate_policy::{
    Limits, TestResult,
    gatekeeper::{
        Action, ConstraintReport, Constraints, Inventory, Point, Resource, Review, Source, Suite,
        Violation,
    },
};

use crate::now;

/// A template of this kind, with that Rego and schema.
pub(crate) fn template(kind: &str, rego: &str, schema: &str) -> String {
    let name = kind.to_lowercase();
    let rego = rego.replace('\n', "\n        ");
    let schema = match schema {
        "" => String::new(),
        schema => format!("\n      validation: {{openAPIV3Schema: {schema}}}"),
    };
    format!(
        "---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: {name}}}
spec:
  crd:
    spec:
      names: {{kind: {kind}}}{schema}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        {rego}
"
    )
}

pub(crate) fn constraint(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: {kind}
metadata: {{name: {name}}}
spec: {spec}
"
    )
}

pub(crate) fn load(policy: &str) -> Result<Constraints, String> {
    let resources = Resource::read("p.yaml", policy.as_bytes()).map_err(|it| it.to_string())?;
    Constraints::load(&resources, Limits::default()).map_err(|it| it.to_string())
}

pub(crate) fn object(text: &str) -> Resource {
    let mut all = Resource::read("o.yaml", text.as_bytes()).expect("YAML");
    all.remove(0)
}

fn violations(policy: &str, text: &str) -> Vec<Violation> {
    let review = Review::of_object(&object(text).value).expect("an object");
    let constraints = load(policy).expect("loads");
    constraints.review(&review, &Inventory::default(), Point::Shift, now())
}

fn messages(policy: &str, text: &str) -> Vec<String> {
    let violations = violations(policy, text).into_iter();
    violations.map(|violation| violation.message).collect()
}

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: a}}";

const ALWAYS: &str = "package a\nviolation[{\"msg\": \"always\"}] { true }";

#[test]
fn templates_do_not_see_each_other_whatever_they_are_called() {
    let mut policy = String::new();
    for (kind, word) in [("First", "one"), ("Second", "two")] {
        let rego = format!(
            "package same\nword = \"{word}\"\nviolation[{{\"msg\": word}}] {{ true }}\n\
             violation[{{\"msg\": w}}] {{ w := word; w != \"{word}\" }}"
        );
        policy += &template(kind, &rego, "");
        policy += &constraint(kind, "a", "{}");
    }
    assert_eq!(messages(&policy, POD), ["one", "two"]);
    let other = "package b\nviolation[{\"msg\": \"x\"}] { data.same.word }";
    let error = load(&template("Third", other, "")).err();
    assert_eq!(
        error.as_deref(),
        Some(
            "p.yaml:13: spec.targets[0].rego (rego): of `data`, only `data.lib` and \
             `data.inventory` can be named"
        )
    );
}

#[test]
fn one_question_leaves_nothing_to_the_next() {
    let rego = "package a\nviolation[{\"msg\": input.review.object.metadata.name}] { true }";
    let policy = template("Named", rego, "") + &constraint("Named", "a", "{}");
    let constraints = load(&policy).expect("loads");
    for name in ["one", "two", "one"] {
        let object = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}");
        let review = Review::of_object(&self::object(&object).value).expect("an object");
        let found = constraints.review(&review, &Inventory::default(), Point::Shift, now());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, name);
    }
}

#[test]
fn rego_is_of_version_0_but_where_its_source_says_otherwise() {
    let newer = "package a\nviolation contains {\"msg\": \"x\"} if { true }";
    let error = load(&template("Newer", newer, "")).err().expect("refused");
    assert!(
        error.contains("p.yaml:13: spec.targets[0].rego (rego): "),
        "{error}"
    );
    assert!(
        error.contains("Rego v0 has this keyword only where"),
        "{error}"
    );
    let imported = format!(
        "{}\n",
        newer.replacen('\n', "\nimport future.keywords\n", 1)
    );
    let policy = template("Newer", &imported, "") + &constraint("Newer", "a", "{}");
    assert_eq!(messages(&policy, POD), ["x"]);
    // `in` is a field, and `contains` a function.
    let older =
        "package a\nviolation[{\"msg\": m}] { m := input.review.object.in\n contains(m, \"p\") }";
    let policy = template("Older", older, "") + &constraint("Older", "a", "{}");
    assert_eq!(
        messages(&policy, "{apiVersion: v1, kind: Pod, in: path}"),
        ["path"]
    );
}

#[test]
fn what_cannot_be_evaluated_is_a_violation_that_says_where() {
    for (rego, expected) in [
        ("{ http.send({\"url\": \"x\"}) }", "a policy sees its input"),
        (
            "{ external_data({\"provider\": \"p\", \"keys\": []}) }",
            "`external_data` asks a provider",
        ),
        (
            "{ no_such_function(1) }",
            "could not find function no_such_function",
        ),
    ] {
        let rego = format!("package a\nviolation[{{\"msg\": \"x\"}}] {rego}");
        let policy = template("Broken", &rego, "") + &constraint("Broken", "a", "{}");
        let found = violations(&policy, POD);
        let [violation] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(violation.action, Action::Deny);
        assert!(
            violation.message.starts_with("not evaluated: "),
            "{}",
            violation.message
        );
        assert!(
            violation.message.contains(expected),
            "{}",
            violation.message
        );
        assert_eq!(violation.template.to_string(), "p.yaml:13");
    }
    for shape in ["\"text\"", "{\"message\": \"x\"}", "{\"msg\": 1}"] {
        let rego = format!("package a\nviolation[{shape}] {{ true }}");
        let policy = template("Shape", &rego, "") + &constraint("Shape", "a", "{}");
        let found = messages(&policy, POD);
        assert_eq!(
            found,
            ["not evaluated: `violation` gives something else than objects with a text as `msg`"]
        );
    }
}

#[test]
fn a_template_that_takes_too_long_denies_and_the_others_are_heard() {
    let slow = "package a\nviolation[{\"msg\": \"x\"}] { n := numbers.range(1, 3000)\n \
                count([1 | n[_] > n[_] + 5000]) == 1 }";
    let policy = template("Slow", slow, "")
        + &constraint("Slow", "a", "{}")
        + &template("Zealous", ALWAYS, "")
        + &constraint("Zealous", "a", "{}");
    let resources = Resource::read("p.yaml", policy.as_bytes()).expect("YAML");
    let limits = Limits {
        time: Duration::from_millis(50),
        memory: 512 << 20,
    };
    let constraints = Constraints::load(&resources, limits).expect("loads");
    let review = Review::of_object(&object(POD).value).expect("an object");
    let found = constraints.review(&review, &Inventory::default(), Point::Shift, now());
    let found: Vec<_> = found.into_iter().map(|it| it.message).collect();
    assert_eq!(
        found,
        [
            "not evaluated: the policy took longer than its time limit",
            "always"
        ]
    );
}

#[test]
fn a_template_without_rego_is_told_of_and_never_passes() {
    let native = "---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: native}
spec:
  crd: {spec: {names: {kind: Native}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code: [{engine: K8sNativeValidation, source: {}}]
";
    let policy = format!(
        "{native}{}",
        constraint("Native", "a", "{match: {kinds: [{kinds: [Pod]}]}}")
    );
    assert_eq!(
        messages(&policy, POD),
        ["not evaluated: it has no Rego, only K8sNativeValidation"]
    );
    assert_eq!(
        messages(&policy, "{apiVersion: v1, kind: Secret}"),
        Vec::<String>::new(),
        "no constraint is for it"
    );
    let constraints = load(&policy).expect("loads");
    assert_eq!(constraints.not_evaluated()[0].name, "native");
    let schema = "{type: object, properties: {a: {type: string, x-kubernetes-validations: []}}}";
    let constraints = load(&template("Ruled", ALWAYS, schema)).expect("loads");
    let told = &constraints.not_evaluated()[0];
    assert_eq!(told.name, "ruled");
    assert_eq!(
        told.reason,
        "the rules in CEL of its parameters are not asked"
    );
}

#[test]
fn a_suite_of_a_template_without_rego_is_an_error_whatever_it_expects() {
    let files = "---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: native}
spec:
  crd: {spec: {names: {kind: Native}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code: [{engine: K8sNativeValidation, source: {}}]
";
    let suite = "apiVersion: test.gatekeeper.sh/v1alpha1
kind: Suite
tests:
  - {name: a, template: t.yaml, constraint: c.yaml, cases: [{object: o.yaml, assertions: [{violations: yes}]}]}
  - {name: b, template: t.yaml, constraint: c.yaml, expansion: e.yaml, cases: []}
";
    let resource = &Resource::read("s.yaml", suite.as_bytes()).expect("YAML")[0];
    let suite = Suite::read(resource).expect("a suite");
    let constraint = constraint("Native", "a", "{}");
    let read = |name: &str| match name {
        "t.yaml" => Ok(files.as_bytes().to_vec()),
        "c.yaml" => Ok(constraint.as_bytes().to_vec()),
        "o.yaml" => Ok(POD.as_bytes().to_vec()),
        name => Err(name.to_owned()),
    };
    let cases = suite.run(&read, Limits::default(), now());
    let told: Vec<_> = cases
        .iter()
        .map(|case| (case.result, case.message.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            (
                TestResult::Error,
                "t.yaml:2 is not evaluated: it has no Rego, only K8sNativeValidation"
            ),
            (TestResult::Error, "expansions are not evaluated"),
        ]
    );
}

#[test]
fn what_is_wrong_with_a_suite_is_told_by_file_line_and_field() {
    for (tests, expected) in [
        ("7", "s.yaml:3: tests expects an array, not a number"),
        (
            "[{template: t, constraints: c}]",
            "s.yaml:3: tests[0].constraints is not a field of this",
        ),
        (
            "[{template: t}]",
            "s.yaml:3: tests[0].constraint is required, and missing",
        ),
        (
            "[{template: t, constraint: c, cases: [{object: o}]}]",
            "s.yaml:3: tests[0].cases[0].assertions is empty: nothing would be tested",
        ),
        (
            "[{template: t, constraint: c, cases: [{object: o, assertions: [{violations: -1}]}]}]",
            "s.yaml:3: tests[0].cases[0].assertions[0].violations is neither yes, no nor a count",
        ),
        (
            "[{template: t, constraint: c, cases: [{object: o, assertions: [{message: '('}]}]}]",
            "s.yaml:3: tests[0].cases[0].assertions[0].message is no regular expression",
        ),
        (
            "[{template: t, constraint: c, invalid: true, cases: [{object: o, assertions: [{}]}]}]",
            "s.yaml:3: tests[0].cases cannot stand beside `invalid`",
        ),
    ] {
        let suite =
            format!("apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: {tests}\n");
        let resource = &Resource::read("s.yaml", suite.as_bytes()).expect("YAML")[0];
        let error = Suite::read(resource).expect_err(tests).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_template_is_told_by_file_line_and_field() {
    let good = template("Good", ALWAYS, "");
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        load(&good.replace(from, to)).err().unwrap_or_default()
    };
    for (from, to, expected) in [
        (
            "/v1\n",
            "/v2\n",
            "p.yaml:2: apiVersion is none of the versions v1, v1beta1 and v1alpha1",
        ),
        (
            "name: good",
            "name: bad",
            "p.yaml:4: metadata.name is not the kind in lower case, good",
        ),
        (
            "kind: Good",
            "kind: 7",
            "p.yaml:8: spec.crd.spec.names.kind expects a string, not a number",
        ),
        (
            "admission.k8s",
            "admission",
            "p.yaml:10: spec.targets[0].target is not admission.k8s",
        ),
        (
            "rego: |",
            "text: |",
            "p.yaml:10: spec.targets[0] has neither `rego` nor `code`",
        ),
        (
            "violation",
            "violations",
            "p.yaml:12: spec.targets[0].rego (rego): there is no rule",
        ),
        (
            "{ true }",
            "{ true",
            "p.yaml:14: spec.targets[0].rego (rego): ",
        ),
        (
            "package a",
            "import data.b",
            "p.yaml:12: spec.targets[0].rego (rego): only `data.lib`",
        ),
    ] {
        let error = change(from, to);
        assert!(error.starts_with(expected), "{error}");
    }
    for (schema, expected) in [
        ("[]", "openAPIV3Schema expects a schema, not an array"),
        ("{properties: {}}", "openAPIV3Schema.type is missing"),
        (
            "{type: text}",
            "openAPIV3Schema.type is none of array, boolean, integer",
        ),
        (
            "{type: object, properties: {a: {type: array}}}",
            "properties.a.items is missing",
        ),
        (
            "{type: string, pattern: '('}",
            "openAPIV3Schema.pattern is no regular expression",
        ),
        (
            "{type: integer, default: a}",
            "openAPIV3Schema.default the default is refused",
        ),
        (
            "{$ref: x, type: object}",
            "references are not allowed in schemas",
        ),
    ] {
        let error = load(&template("Good", ALWAYS, schema)).err().expect(schema);
        assert!(error.contains(expected), "{error}");
    }
    let twice = format!("{good}{good}");
    let error = load(&twice).err().expect("twice");
    assert_eq!(error, "p.yaml:15: Good has a template already, p.yaml:2");
}

#[test]
fn what_is_wrong_with_a_constraint_is_told_by_file_line_and_field() {
    let schema = "{type: object, required: [num], properties: {num: {type: integer, maximum: 9}, \
                  of: {type: object, additionalProperties: {type: string, format: cidr}}}}";
    let good = template("Good", ALWAYS, schema);
    let line = good.lines().count() + 5;
    for (spec, expected) in [
        (
            "{parameters: {num: ten}}",
            "spec.parameters.num expects an integer, not a string",
        ),
        ("{parameters: {num: 10}}", "spec.parameters.num is above 9"),
        (
            "{parameters: {}}",
            "spec.parameters.num is required, and missing",
        ),
        (
            "{parameters: {num: 1, more: 2}}",
            "spec.parameters.more is not a field of this",
        ),
        (
            "{parameters: {num: 1, of: {a: b}}}",
            "spec.parameters.of.a is not of the format cidr",
        ),
        (
            "{parameters: []}",
            "spec.parameters expects an object, not an array",
        ),
        (
            "{enforcementAction: maybe}",
            "spec.enforcementAction is none of deny, warn, dryrun",
        ),
        (
            "{enforcementAction: scoped}",
            "spec.scopedEnforcementActions expects an array, not null",
        ),
        (
            "{enforcementAction: scoped, scopedEnforcementActions: [{action: deny, \
             enforcementPoints: [{name: webhook}]}]}",
            "spec.scopedEnforcementActions[0].enforcementPoints[0].name is none of *, audit",
        ),
        ("{matches: {}}", "spec.matches is not a field of this"),
        (
            "{match: {kind: [Pod]}}",
            "spec.match.kind is not a field of this",
        ),
        (
            "{match: {kinds: Pod}}",
            "spec.match.kinds expects an array, not a string",
        ),
        (
            "{match: {namespaces: [a*b]}}",
            "spec.match.namespaces[0] is no name with `*`",
        ),
        (
            "{match: {scope: cluster}}",
            "spec.match.scope is none of *, Cluster and Namespaced",
        ),
        (
            "{match: {source: Other}}",
            "spec.match.source is none of All, Original",
        ),
        ("[]", "spec expects an object, not an array"),
    ] {
        let error = load(&format!("{good}{}", constraint("Good", "a", spec)));
        let error = error.err().expect(spec);
        assert!(
            error.starts_with(&format!("p.yaml:{line}: {expected}")),
            "{error}"
        );
    }
    let fine = constraint("Good", "a", "{parameters: {num: 1}}");
    let error = load(&format!("{good}{fine}{fine}")).err().expect("twice");
    assert!(error.contains("`a` stands at p.yaml:"), "{error}");
    let error = load(&constraint("Other", "a", "{}")).err().expect("none");
    assert_eq!(error, "p.yaml:2: there is no template of kind `Other`");
}

#[test]
fn defaults_are_put_in_and_older_versions_take_any_parameters() {
    let rego = "package a\nviolation[{\"msg\": json.marshal(input.parameters)}] { true }";
    let schema = "{type: object, properties: {a: {type: integer, default: 1}, b: {type: object, \
                  properties: {c: {type: string, default: x}}}}}";
    let good = template("Good", rego, schema);
    for (spec, expected) in [
        ("{}", "{}"),
        ("{parameters: {}}", r#"{"a":1}"#),
        ("{parameters: {a: 2, b: {}}}", r#"{"a":2,"b":{"c":"x"}}"#),
    ] {
        let policy = format!("{good}{}", constraint("Good", "a", spec));
        assert_eq!(messages(&policy, POD), [expected]);
    }
    let spec = "{parameters: {any: [thing]}}";
    let older = template("Good", rego, "").replace("sh/v1\n", "sh/v1beta1\n");
    let policy = format!("{older}{}", constraint("Good", "a", spec));
    assert_eq!(messages(&policy, POD), [r#"{"any":["thing"]}"#]);
}

#[test]
fn a_builtin_without_an_answer_is_undefined_as_in_gatekeeper() {
    let rego = "package a\nviolation[{\"msg\": \"no number\"}] { not to_number(\"x\") }\n\
                violation[{\"msg\": \"a number\"}] { to_number(\"x\") }";
    let policy = template("Lenient", rego, "") + &constraint("Lenient", "a", "{}");
    assert_eq!(messages(&policy, POD), ["no number"]);
}

#[test]
fn the_inventory_is_there_however_a_template_looks_at_its_input() {
    let direct = "count(data.inventory.cluster) == 1";
    let replaced = "count(data.inventory.cluster) == 1 with input as {}";
    let whole = "count(data.inventory.cluster) == 1\n count(object.keys(input)) == 2";
    for condition in [direct, replaced, whole] {
        let rego = format!("package a\nviolation[{{\"msg\": \"x\"}}] {{ {condition} }}");
        let policy = template("Refers", &rego, "") + &constraint("Refers", "a", "{}");
        let constraints = load(&policy).expect("loads");
        let mut inventory = Inventory::default();
        inventory.insert(&object(POD).value).expect("an object");
        let review = Review::of_object(&object(POD).value).expect("an object");
        let found = constraints.review(&review, &inventory, Point::Shift, now());
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
    }
}

#[test]
fn operations_count_at_admission_and_actions_at_their_points() {
    let rego = template("Good", ALWAYS, "").replace(
        "    - target: admission.k8s.gatekeeper.sh\n",
        "    - target: admission.k8s.gatekeeper.sh\n      operations: [CREATE]\n",
    );
    let scoped = "{enforcementAction: scoped, scopedEnforcementActions: [\
                  {action: warn, enforcementPoints: [{name: '*'}]}, \
                  {action: deny, enforcementPoints: [{name: validation.gatekeeper.sh}]}]}";
    let constraints = load(&(rego + &constraint("Good", "a", scoped))).expect("loads");
    let at = |point, operation: &str| {
        let request = serde_json::json!({"operation": operation, "object": object(POD).value});
        let review = Review::of_request(&request).expect("a request");
        let found = constraints.review(&review, &Inventory::default(), point, now());
        found.first().map(|violation| violation.action)
    };
    assert_eq!(at(Point::Admission, "CREATE"), Some(Action::Deny));
    assert_eq!(at(Point::Admission, "UPDATE"), None);
    assert_eq!(at(Point::Shift, ""), Some(Action::Warn));
    assert_eq!(at(Point::Audit, ""), Some(Action::Warn));
}

#[test]
fn generated_objects_are_apart_from_original_ones() {
    let policy =
        template("Good", ALWAYS, "") + &constraint("Good", "a", "{match: {source: Generated}}");
    let constraints = load(&policy).expect("loads");
    for (source, expected) in [(Source::Original, 0), (Source::Generated, 1)] {
        let review = Review::of_object(&object(POD).value).expect("an object");
        let review = review.from_source(source);
        let found = constraints.review(&review, &Inventory::default(), Point::Shift, now());
        assert_eq!(found.len(), expected);
    }
}

#[test]
fn a_report_tells_of_every_document() {
    let policy = template("Zealous", ALWAYS, "")
        + &constraint("Zealous", "denies", "{match: {kinds: [{kinds: [Pod]}]}}")
        + &constraint(
            "Zealous",
            "warns",
            "{enforcementAction: warn, match: {scope: Cluster}}",
        )
        + &constraint(
            "Zealous",
            "tells",
            "{enforcementAction: dryrun, match: {namespaceSelector: \
            {matchLabels: {kubernetes.io/metadata.name: default}}}}",
        )
        + "---\n{apiVersion: mutations.gatekeeper.sh/v1, kind: Assign, metadata: {name: m}}\n";
    let manifests = "\
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ops}}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {generateName: job-, namespace: ops}}
---
replicas: 3
---
{apiVersion: v1, kind: Pod, metadata: {name: [a]}}
";
    let constraints = load(&policy).expect("loads");
    let manifests = Resource::read("m.yaml", manifests.as_bytes()).expect("YAML");
    let report = ConstraintReport::of(&constraints, &manifests, Inventory::default(), now());
    assert!(!report.is_success());
    insta::assert_snapshot!(report);
    insta::assert_json_snapshot!(report);
}
