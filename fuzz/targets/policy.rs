//! Rego and its input through the fence: whatever the policy, the gate decides, the same way twice,
//! and nothing but an answer of the policy lets anything pass.

use std::{panic, sync::Once, time::Duration};

use casemate_core::{AssetId, Decision, Effect, Timestamp, Verdict};
use casemate_policy::{
    Bundle, Exception, GateInput, Limits, PathPattern, TestResult, answer, decide, explain,
    is_fenced, test,
};

/// The first byte says whether the policy replaces the built-in gate or adds to it; then comes the
/// policy, and after a line of three dashes the input.
pub fn run(data: &[u8]) {
    silence_what_is_fenced();
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let (source, input) = text.split_once("\n---\n").unwrap_or((&text, ""));
    texts(input);

    let name = if choice % 2 == 0 {
        "gate.rego"
    } else {
        "user.rego"
    };
    let mut files = vec![(name.into(), source.as_bytes().to_vec())];
    if choice % 2 == 0 {
        files.push((
            "gate_test.rego".into(),
            b"package casemate.gate_test\n".to_vec(),
        ));
    }
    let Ok(bundle) = Bundle::overlay(files) else {
        return;
    };
    let bundle = bundle.limited(Limits {
        time: Duration::from_millis(200),
        memory: 512 << 20,
    });
    let input = serde_json::from_str(input).unwrap_or_else(|_| nothing());
    decides(&bundle, &input);
}

fn decides(bundle: &Bundle, input: &GateInput) {
    let decision = decide(bundle, input);
    let answered = answer(bundle, input);
    let explanation = explain(bundle, input);
    let report = test(bundle, input.now);
    let failed = report.count(TestResult::Fail) + report.count(TestResult::Error);
    assert_eq!(report.is_success(), failed == 0);
    let explained = explanation.reasons.iter().map(|reason| &reason.message);
    if is_late(&decision) || explained.into_iter().any(|it| it.contains("time limit")) {
        return;
    }
    assert_eq!(decision.input, explanation.input);
    // The explanation takes obligations as kept, and here nobody keeps any.
    if explanation.outcome == Verdict::Deny {
        assert_eq!(decision.outcome, Verdict::Deny, "the same question, two decisions");
    }
    assert_eq!(decision.policy, bundle.digest());
    assert!(decision.reasons.is_sorted_by_key(|reason| reason.effect));
    let expected = match decision.reasons.first().map(|reason| reason.effect) {
        Some(Effect::Deny) => Verdict::Deny,
        Some(Effect::Warn) => Verdict::Warn,
        None => Verdict::Allow,
    };
    assert_eq!(decision.outcome, expected);
    // One of two runs may take too long on a machine with other work to do.
    if answered.is_err_and(|error| !error.to_string().contains("time limit")) {
        assert_eq!(decision.outcome, Verdict::Deny, "no answer, and it passes");
    }
    for reason in &decision.reasons {
        assert!(
            !reason.message.contains(char::is_control),
            "{:?}",
            reason.message
        );
    }
}

/// The small parsers beside it: exceptions and path patterns.
fn texts(text: &str) {
    if let Ok(exception) = serde_json::from_str::<Exception>(text) {
        let json = serde_json::to_string(&exception).expect("serialises");
        assert_eq!(
            serde_json::from_str::<Exception>(&json).expect("parses"),
            exception
        );
    }
    if let Some((pattern, path)) = text.split_once('\n')
        && let Ok(pattern) = pattern.parse::<PathPattern>()
    {
        let _ = pattern.matches(path);
    }
}

fn is_late(decision: &Decision) -> bool {
    decision
        .reasons
        .iter()
        .any(|reason| reason.message.contains("time limit"))
}

fn nothing() -> GateInput {
    let subject = AssetId::File {
        repository: "local".into(),
        path: "".into(),
    };
    GateInput::new("assess", subject, Timestamp::UNIX_EPOCH)
}

/// A panic inside the fence is an answer; the fuzzer's own hook would call it a crash.
pub(crate) fn silence_what_is_fenced() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !is_fenced() {
                others(panic);
            }
        }));
    });
}
