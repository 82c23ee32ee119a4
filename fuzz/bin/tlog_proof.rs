//! Fuzzes `tlog_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::tlog_proof::run(data));
