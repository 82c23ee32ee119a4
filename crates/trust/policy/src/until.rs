//! The time by which whoever asks has to have all answers.
//!
//! [`Limits::time`](crate::Limits) is for one rule, and who waits for a decision waits for all of them together. Nothing that the
//! library is asked after that time has an answer, and what it evaluates then ends.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Runs `work`. What it asks of policies on this thread gives no answer after `end`, which is
/// [`EngineError::Time`](crate::EngineError::Time).
pub fn until<T>(end: Instant, work: impl FnOnce() -> T) -> T {
    within(Some(end), work)
}

/// As [`until`], on a thread that works for one with this end.
pub(crate) fn within<T>(end: Option<Instant>, work: impl FnOnce() -> T) -> T {
    let _before = Before(END.replace(end));
    work()
}

pub(crate) fn end() -> Option<Instant> {
    END.get()
}

/// What is left of `time`.
pub(crate) fn left(time: Duration) -> Duration {
    match END.get() {
        Some(end) => time.min(end.saturating_duration_since(Instant::now())),
        None => time,
    }
}

struct Before(Option<Instant>);

impl Drop for Before {
    fn drop(&mut self) {
        END.set(self.0);
    }
}

thread_local! {
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Engine as _, EngineError, Limits, Question, rego::Rego, testkit::now};

    #[test]
    fn what_is_asked_too_late_has_no_answer() {
        let policy = "package p\nimport rego.v1\ndeny contains 1 if count(input.a) > 0\n";
        let rego = Rego::load(&[("p.rego", policy)], &[], Limits::default()).expect("loads");
        let question = Question {
            input: &json!({"a": [1]}),
            now: now(),
        };
        let ask = || rego.eval(&["data.p.deny"], &question);
        let late = until(Instant::now(), ask);
        assert_eq!(late, Err(EngineError::Time));
        assert_eq!(ask(), Ok(vec![Some(json!([1]))]));
        let far = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(until(far, ask), Ok(vec![Some(json!([1]))]));
    }

    #[test]
    fn what_goes_on_ends_with_the_time_of_whoever_asked() {
        let policy = "package p\nimport rego.v1\ndeny contains 1 if {\n some i in numbers.range(1, 100000)\n \
            some j in numbers.range(1, 100000)\n i * j < 0\n}\n";
        let limits = Limits {
            time: Duration::from_secs(3_600),
            ..Limits::default()
        };
        let rego = Rego::load(&[("p.rego", policy)], &[], limits).expect("loads");
        let question = Question {
            input: &json!({}),
            now: now(),
        };
        let soon = Instant::now() + Duration::from_millis(200);
        let answer = until(soon, || rego.eval(&["data.p.deny"], &question));
        assert_eq!(answer, Err(EngineError::Time));
    }
}
