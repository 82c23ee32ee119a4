//! Pickles put together by hand, and what is said of them.

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::MemorySource;

use Verdict::Known;

/// A stream of protocol 4 that ends with what `body` leaves.
pub(crate) fn stream(body: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04", &body.concat()[..], b"."].concat()
}

pub(crate) fn import(name: &str) -> Vec<u8> {
    let (module, path) = name.split_once('/').expect("module/path");
    format!("c{module}\n{path}\n").into_bytes()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short").to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

pub(crate) fn binary(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("short").to_le_bytes();
    [b"B", &len[..], bytes].concat()
}

pub(crate) fn tuple(items: &[&[u8]]) -> Vec<u8> {
    [b"(", &items.concat()[..], b"t"].concat()
}

pub(crate) fn call(function: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    [function, &tuple(arguments), b"R"].concat()
}

pub(crate) fn attribute(of: &[u8], name: &str) -> Vec<u8> {
    call(&import("builtins/getattr"), &[of, &text(name)])
}

pub(crate) fn verdict(bytes: Vec<u8>) -> Verdict {
    let allowlist = Allowlist::builtin();
    let limits = Limits::default();
    let seen = examine(&MemorySource(bytes.clone()), allowlist, &limits);
    let bare = examine(&MemorySource(bytes), &allowlist.without_gadgets(), &limits);
    let clean = |verdict| verdict <= Known;
    assert_eq!(clean(seen.verdict), clean(bare.verdict), "gadgets decide");
    seen.verdict
}

/// What is said of a stream, a sentence each.
pub(crate) fn told(body: &[&[u8]]) -> Vec<String> {
    let source = MemorySource(stream(body));
    let examination = examine(&source, Allowlist::builtin(), &Limits::default());
    (examination.findings.into_iter())
        .map(|found| found.message)
        .collect()
}

#[track_caller]
pub(crate) fn expect(expected: Verdict, body: &[&[u8]]) {
    assert_eq!(verdict(stream(body)), expected);
}
