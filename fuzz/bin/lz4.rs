//! Fuzzes `lz4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::lz4::run(data));
