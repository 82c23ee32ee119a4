//! Fuzzes `witness`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::witness::run(data));
