//! What is denied where the kernel takes no programs that say no, or takes them: the same.

use std::{fs, process::Output};

use crate::kit::{Rig, category, text};

fn is_denied(output: &Output) -> bool {
    let error = String::from_utf8_lossy(&output.stderr);
    !output.status.success() && error.contains("not permitted")
}

#[test]
fn only_an_allowed_program_opens_weights_whatever_leads_there() {
    let mut rig = Rig::new("mode = 'enforce'", true);
    let at = |name: &str| rig.path(name).to_str().expect("UTF-8").to_owned();
    let weights = at("models/weights.gguf");
    fs::copy(at("server"), at("copy")).expect("copied");
    std::os::unix::fs::symlink(&weights, at("symlink")).expect("linked");

    assert!(is_denied(&rig.run("/bin/cat", &[&weights])));
    assert!(is_denied(
        &rig.run("python3", &["-c", &format!("open({weights:?})")])
    ));
    assert!(is_denied(&rig.run("/bin/cat", &[&at("symlink")])));
    assert!(is_denied(&rig.run(at("copy"), &[&weights])));
    let read = rig.run(at("server"), &[&weights]);
    assert_eq!(read.stdout.len(), 4 << 20);
    let denied = rig.seen(|it| category(it) == "file_access" && text(it, "Action") == "denied");
    assert_eq!(text(&denied, "Protect"), "weights");
    rig.stop();
}

#[test]
fn what_only_tells_denies_nothing() {
    let mut rig = Rig::new("mode = 'audit'", true);
    let weights = rig.path("models/weights.gguf");
    let read = rig.run("/bin/cat", &[weights.to_str().expect("UTF-8")]);
    assert_eq!(read.stdout.len(), 4 << 20);
    let told = rig.seen(|it| category(it) == "file_access" && text(it, "Image").ends_with("/cat"));
    assert_eq!(text(&told, "Action"), "audited");
    rig.stop();
}

#[test]
fn an_allowed_program_opens_only_what_is_signed_where_that_is_asked() {
    let mut rig = Rig::new("mode = 'enforce'\nsigned = '/trust.toml'", true);
    let at = |name: &str| rig.path(name).to_str().expect("UTF-8").to_owned();
    let signed = rig.run(at("server"), &[&at("models/weights.gguf")]);
    assert_eq!(signed.stdout.len(), 4 << 20);
    assert!(is_denied(
        &rig.run(at("server"), &[&at("models/other.gguf")])
    ));
    let name = at("models/other.gguf");
    let denied =
        rig.seen(|it| text(it, "Action") == "denied" && text(it, "TargetFilename") == name);
    assert_eq!(text(&denied, "IsSigned"), "unsigned");
    // Whoever has it open may change it, and then it is not what was verified.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(rig.path("models/weights.gguf"), mode).expect("changed");
    assert!(is_denied(&rig.run(
        rig.path("server"),
        &[rig.path("models/weights.gguf").to_str().expect("UTF-8")]
    )));
    rig.seen(|it| text(it, "IsSigned") == "changed");
    rig.stop();
}
