//! The object that is loaded is what its text says.

use std::{fs, path::Path, process::Command};

#[test]
#[allow(clippy::disallowed_methods, reason = "it was written here")]
fn the_object_is_what_is_compiled_from_its_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let object = folder.path().join("sensor.bpf.o");
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf/build");
    let status = Command::new(build)
        .arg(&object)
        .status()
        .expect("it starts");
    assert!(
        status.success(),
        "clang-14, llvm-14 and libbpf-dev of Debian 12 are needed"
    );
    let compiled = fs::read(object).expect("it is there");
    assert!(
        compiled == casemate_sensor::OBJECT,
        "run crates/runtime/sensor/bpf/build, and keep what it writes"
    );
}
