//! Repairs.

use casemate_admission::{Mutation, Operation, apply};
use casemate_posture::check::Persona;
use serde_json::{Value, json};

use crate::kit::{Kit, now, pod, review};

#[test]
fn what_is_created_is_repaired_once_and_then_breaks_fewer_rules() {
    let kit = Kit {
        persona: Persona::Auditor,
        ..Kit::default()
    };
    let judge = kit.judge();
    let pod = pod(json!({}));
    let judged = judge.mutate(&review(json!({"object": pod})), now());
    let response = &judged.response;
    assert!(response.allowed);
    assert_eq!(
        response.annotations["repaired"],
        "CM-POD-031,CM-POD-034,CM-POD-035"
    );
    let of_rules = Mutation::builtin().iter().filter_map(|it| it.rule.as_ref());
    assert_eq!(of_rules.count(), 4);
    let changed = apply(&pod, &response.patch).expect("applies");
    let again = judge.mutate(&review(json!({"object": changed})), now());
    assert_eq!(again.response.patch, []);
    for operation in [Operation::Update, Operation::Delete] {
        let mut request = json!({"operation": operation.as_str(), "oldObject": pod, "object": pod});
        if operation == Operation::Delete {
            request["object"] = Value::Null;
        }
        let judged = judge.mutate(&review(request), now());
        assert_eq!(judged.response.patch, [], "{operation:?}");
    }
}

#[test]
fn audit_repairs_nothing_and_says_what_it_would() {
    let kit = Kit {
        settings: "mode = \"audit\"",
        ..Kit::default()
    };
    let judged = kit.judge().mutate(&review(json!({})), now());
    assert_eq!(judged.response.patch, []);
    assert!(judged.response.warnings[0].starts_with("audit: would be added: /spec/"));
}

#[test]
fn a_repair_that_breaks_a_rule_is_not_made() {
    let settings = "mutations = [\"open\"]
[[mutation]]
name = \"open\"
at = \"pod\"
path = \"hostPID\"
value = true
";
    let kit = Kit {
        settings,
        ..Kit::default()
    };
    let judged = kit.judge().mutate(&review(json!({})), now());
    assert_eq!(judged.response.patch, []);
    assert_eq!(
        judged.response.warnings,
        ["nothing was repaired: it would break CM-POD-002"]
    );
}
