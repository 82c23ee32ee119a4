//! Fuzzes `pt2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::pt2::run(data));
