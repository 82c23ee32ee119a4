//! Fuzzes `torch_tar`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::torch_tar::run(data));
