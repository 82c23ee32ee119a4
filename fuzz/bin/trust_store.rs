//! Fuzzes `trust_store`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::trust_store::run(data));
