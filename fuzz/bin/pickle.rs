//! Fuzzes `pickle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::pickle::run(data));
