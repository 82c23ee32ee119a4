//! Fuzzes `pkcs11_uri`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| casemate_fuzz::pkcs11_uri::run(data));
