//! What is read of a cluster, and what is told of what is not.

mod connection;
mod reading;
mod recorded;

use std::{fs, path::PathBuf, time::Duration};

use casemate_cluster::{Access, AccessError, Patience};

/// Short pauses: nobody waits here.
const QUICK: Patience = Patience {
    whole: Duration::from_secs(600),
    answer: Duration::from_secs(20),
    tries: 3,
    pause: Duration::from_millis(1),
    longest: Duration::from_millis(50),
};

/// The way that a kubeconfig with this text gives.
fn access(text: &str, allow_exec: bool) -> Result<Access, AccessError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config");
    fs::write(&path, text).expect("a file");
    Access::from_kubeconfig(&path, None, allow_exec)
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}
