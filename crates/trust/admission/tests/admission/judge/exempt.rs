//! Exemptions, and other settings that mean less or more than they say.

use serde_json::json;

use super::{EXEMPTION, message};
use crate::kit::{Kit, now, pod, privileged, review};

#[test]
fn an_exemption_holds_until_its_day_is_over_and_its_end_is_told() {
    let kit = Kit {
        settings: EXEMPTION,
        ..Kit::default()
    };
    let bad = || json!({"object": pod(privileged())});
    let judged = kit.asked(bad());
    assert!(judged.response.allowed);
    assert!(
        judged
            .record
            .exempt
            .expect("an exemption")
            .contains("the old scheduler")
    );
    for other in [
        json!({"namespace": "web"}),
        json!({"userInfo": {"username": "bob"}}),
    ] {
        let mut request = bad();
        for (key, value) in other.as_object().expect("an object") {
            request[key] = value.clone();
        }
        assert!(!kit.asked(request).response.allowed);
    }
    let judge = kit.judge();
    let later = "2026-09-02T00:00:00Z".parse().expect("a time");
    assert_eq!(judge.ended(now()).count(), 0);
    assert_eq!(judge.ended(later).count(), 1);
    let judged = judge.judge(&review(bad()), later);
    assert!(!judged.response.allowed && judged.had_exemption);
    let warning = judged.response.warnings.last().expect("a warning");
    assert!(
        warning.starts_with("an exemption has ended: ml-platform@example.org"),
        "{warning}"
    );
}

#[test]
fn an_exemption_of_rules_leaves_the_others_standing() {
    let settings = EXEMPTION.replace("users =", "rules = [\"CM-POD-001\"]\nusers =");
    let kit = Kit {
        settings: &settings,
        ..Kit::default()
    };
    let judged = kit.asked(json!({"object": pod(privileged())}));
    assert!(judged.response.allowed);
    let told = "ml-platform@example.org answers for it until 2026-09-01: the old scheduler";
    assert_eq!(judged.response.annotations["exempt"], told);
    assert_eq!(judged.record.exempt.as_deref(), Some(told));
    assert!(judged.record.decision.is_some(), "it was judged");
    let mut worse = pod(privileged());
    worse["spec"]["hostPID"] = true.into();
    let judged = kit.asked(json!({"object": worse}));
    assert!(!message(&judged).contains("CM-POD-001") && message(&judged).contains("CM-POD-002"));
    assert_eq!(judged.record.exempt.as_deref(), Some(told));
    let judged = kit.asked(json!({"object": pod(json!({}))}));
    assert_eq!(judged.record.exempt, None, "nothing had to be exempt");
}

#[test]
fn settings_that_would_mean_too_much_are_refused() {
    for (settings, expected) in [
        (
            "[[exemption]]\nreason = \"r\"\nowner = \"o\"\nexpires = \"2027-01-01\"",
            "for everything",
        ),
        (
            "[[exemption]]\nnames = [\"*\"]\nusers = [\"a\", \"**\"]\nreason = \"r\"\nowner = \"o\"\nexpires = \"2027-01-01\"",
            "for everything",
        ),
        (
            "[limits]\ndeadline-seconds = 0",
            "`limits.deadline-seconds` is 0",
        ),
        (
            "[limits]\nread-seconds = 18446744073709551615",
            "`limits.read-seconds` is",
        ),
        (
            "mutations = [\"drop-al\"]",
            "there is no mutation `drop-al`",
        ),
    ] {
        let kit = Kit {
            settings,
            ..Kit::default()
        };
        let error = kit.built().err().expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
