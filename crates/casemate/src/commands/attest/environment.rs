//! What of the surroundings of a run is recorded: never more than a list says, since the rest holds
//! secrets.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

/// The variables that matter to training, and those that the caller names, where they are set.
pub(super) fn variables(named: &[String]) -> Result<BTreeMap<String, String>> {
    let mut recorded = BTreeMap::new();
    let listed = RECORDED.iter().copied();
    for name in listed.chain(named.iter().map(String::as_str)) {
        if name == PASSPHRASE {
            bail!("{PASSPHRASE} is a secret, and is not recorded");
        }
        match std::env::var(name) {
            Ok(value) => {
                recorded.insert(name.to_owned(), value);
            }
            Err(std::env::VarError::NotPresent) => {}
            Err(error) => bail!("the variable {name} cannot be recorded: {error}"),
        }
    }
    Ok(recorded)
}

/// The version of a Python, by its own word; nothing, of a program that is not called like one, or says
/// something else.
pub(super) fn python(program: &str) -> Option<String> {
    let name = Path::new(program).file_name()?.to_str()?;
    let version = name.strip_prefix("python")?;
    if !version.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let mut child = Command::new(program)
        .arg("--version")
        .env_remove(PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut told = String::new();
    let out = child.stdout.take()?;
    let read = out.take(LONGEST).read_to_string(&mut told);
    // Whatever it ended with, it has said what it had to say.
    let _ = child.wait();
    read.ok()?;
    let told = told.trim_end().strip_prefix("Python ")?;
    let is_version = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
    told.chars().all(is_version).then(|| told.to_owned())
}

/// What the pass phrase of a private key may be given in; no other program needs it.
pub(super) const PASSPHRASE: &str = "CASEMATE_PASSPHRASE";
/// Which devices, how many processes and threads, and what makes a run repeatable.
const RECORDED: [&str; 18] = [
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "RANK",
    "ROCR_VISIBLE_DEVICES",
    "SOURCE_DATE_EPOCH",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TZ",
    "WORLD_SIZE",
];
const LONGEST: u64 = 100;
