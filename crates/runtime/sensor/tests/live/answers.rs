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
