//! Fuzzes `secrets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::secrets::run(data));
