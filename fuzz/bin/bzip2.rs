//! Fuzzes `bzip2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::bzip2::run(data));
