//! Fuzzes `cluster`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::cluster::run(data));
