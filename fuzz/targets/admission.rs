//! Requests for admission: whatever comes, it is refused in one line, or decided, the same way twice; and what is repaired of
//! it needs no more repairs.

use std::sync::LazyLock;

use casemate_admission::{Judge, NobodyVouches, Parts, Review, Settings, apply};
use casemate_core::Timestamp;
use casemate_policy::{Bundle, gatekeeper::Inventory};
use casemate_posture::{PostureSurvey, check::Persona};

use crate::policy::silence_what_is_fenced;

/// The body of a request.
pub fn run(data: &[u8]) {
    silence_what_is_fenced();
    let review = match Review::read(data) {
        Ok(review) => review,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
            return;
        }
    };
    let now = Timestamp::UNIX_EPOCH;
    let first = JUDGE.judge(&review, now);
    assert_eq!(first.response.uid, review.request.uid);
    assert_eq!(first.response.allowed, first.response.status.is_none());
    assert_eq!(
        first.response,
        JUDGE.judge(&review, now).response,
        "the same question, two answers"
    );
    let json = first.response.to_json().to_string();
    assert!(json.starts_with("{\"apiVersion\":\"admission.k8s.io/v1\""), "{json}");

    let repaired = JUDGE.mutate(&review, now).response;
    assert!(repaired.allowed, "a repair denies");
    if let Some(object) = review.object().filter(|_| !repaired.patch.is_empty()) {
        let changed = apply(object, &repaired.patch).expect("the patch applies");
        let mut document = review.document.clone();
        document["request"]["object"] = changed;
        let again = Review::of(document).expect("it is a request still");
        assert_eq!(JUDGE.mutate(&again, now).response.patch, [], "repaired twice");
    }
}

static JUDGE: LazyLock<Judge> = LazyLock::new(|| {
    let parts = Parts {
        survey: PostureSurvey::new(Persona::Auditor),
        bundle: Bundle::builtin(),
        constraints: None,
        inventory: Inventory::default(),
            vouch: Box::new(NobodyVouches),
        settings: Settings::default(),
    };
    Judge::new(parts).expect("the defaults are settings")
});
