//! Rego policies, decisions and explanations.
//!
//! ```text
//!   files ──► Bundle ────────────► Engine (regorus, fenced) ──► Decision
//!   (from the caller:  rewritten,    ▲   fresh for each question,   allow, warn or deny, reasons,
//!    Rego, JSON, TOML) checked,      │   on its own stack,          digests of policy and input
//!                      parsed once   │   within its time
//!   Outcomes ──► apply(Exceptions) ──► GateInput
//! ```
//!
//! A [`Bundle`] is the built-in gate (`content/policies/`), with what the caller lays over it. A gate
//! puts a [`GateInput`] to it and gets a [`Decision`](casemate_core::Decision) from [`decide`]; the
//! same bundle and input always give the same one. [`explain`] says which rule on which line gave
//! each reason, and [`test()`] runs the tests that a policy brings along. [`apply`] marks findings that
//! somebody accepted before the gate sees them.
//!
//! What the definitions of a set ask first, `input.request.kind.kind == "Pod"`, is answered over the input itself (`lead`), and
//! the library evaluates those that are left: of many rules hardly any is about one question.
//!
//! Rego means here what it means to OPA. Where the library knows less, its builtins are added and
//! source is put into words that it knows (`rewrite`); OPA's own cases and OPA itself are asked in
//! `tests/opa`. [`query()`] asks a policy what no rule was written for, and [`check()`] holds files
//! against rules in the habit of conftest. [`gatekeeper`] evaluates constraint templates and constraints,
//! each template apart from all else.
//!
//! # What keeps a policy from letting something pass by accident
//!
//! Everything but a proper answer is a denial that says why: an error, a panic, a time limit, a gate
//! that is not defined, an answer that is not a set of reasons. `regorus` is kept from ending or
//! holding up the process:
//!
//! | what | how |
//! |---|---|
//! | panics | each evaluation runs on a thread of its own and its panic becomes an [`EngineError`]; the two builtins known to panic are replaced |
//! | a stack that overflows (recursive functions, long chains of rules and operators) | counted in the source and in the call graph before anything is evaluated, and refused |
//! | a parser that takes exponential time for nested brackets | nesting is counted first, and refused |
//! | evaluation without end | [`Limits::time`], and [`until()`] for all that is asked together |
//! | results that nothing bounds (`numbers.range`, `sprintf`, `net.cidr_expand`) | replaced by builtins that refuse; refusing is an error where `not` stands before it, too |
//! | two answers to one question (`time.now_ns`, `rand.intn`) | the time is the input's; the rest is refused |
//!
//! What is *not* bounded is memory that a policy takes step by step: comprehensions in comprehensions, or a
//! number that is squared forty times. A policy comes from the caller, who could do worse. And a library cannot keep Rust's
//! panic hook from writing to standard error; see [`is_fenced`].
#![forbid(unsafe_code)]

mod archive;
mod builtins;
mod bundle;
mod calls;
mod check;
mod decide;
mod engine;
mod exception;
mod explain;
mod fence;
mod gate;
pub mod gatekeeper;
mod glob;
mod keep;
mod layer;
mod lead;
mod library;
mod memory;
mod obligation;
mod outlook;
mod query;
mod record;
mod rego;
mod replay;
mod rewrite;
mod rules;
mod settings;
mod signed;
mod size;
mod source;
mod sources;
mod suppress;
mod syntax;
mod testing;
#[cfg(test)]
mod testkit;
mod until;

pub use bundle::{Bundle, BundleError};
pub use check::{CheckReport, FileCheck, NoRules, Reason, check, namespaces};
pub use decide::{AnswerError, answer, decide, decide_with, keeping, keeping_with};
pub use engine::{Engine, EngineError, Limits, Message, Question};
pub use exception::{Exception, ExceptionError, Expiry, RulePattern, Scope};
pub use explain::{
    ExplainedReason, ExplainedSource, Explanation, ReadValue, explain, explain_record,
};
pub use fence::is_fenced;
pub use gate::{GateAnswer, GateInput, GateOutcome, GateReason, GateSchema, ShapeError, is_clean};
pub use glob::{PathPattern, PathPatternError};
pub use keep::{Approved, Asked, Keeper, KeepsNothing, Masked, approve, expire};
pub use layer::{Layer, ManifestError};
pub use obligation::{Duty, DutyError, NoSpan, Span, Term};
pub use outlook::{Kind, Outlook, outlook};
pub use query::{Bindings, Errors, query};
pub use record::{
    DecisionRecord, DecisionSchema, OtherInput, PolicyIdentity, RecordedObligation, RecordedReason,
    Void, record, record_briefly,
};
pub use replay::{Change, Told};
pub use rules::RULES;
pub use signed::{SignedError, SignedFiles, verify_signed};
pub use suppress::{Setting, apply};
pub use syntax::RuleSite;
pub use testing::{FileCoverage, TestCase, TestReport, TestResult, test};
pub use until::until;
