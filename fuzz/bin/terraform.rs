//! Fuzzes `terraform`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::terraform::run(data));
