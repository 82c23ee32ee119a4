//! Fuzzes `sensor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::sensor::run(data));
