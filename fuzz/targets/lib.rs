//! A fuzz target for every parser of hostile input.
//!
//! Each module has one function, `run`, that takes bytes and asserts what must hold of them. The
//! programs under `bin/` give it to libFuzzer; a test replays the corpus through it on a stable
//! toolchain, whenever the tests run.
#![forbid(unsafe_code)]

mod boxes;

use std::path::PathBuf;

/// Declares the modules and the list of them.
macro_rules! targets {
    ($($name:ident: $about:literal,)*) => {
        $(#[doc = $about] pub mod $name;)*

        /// Every target: its name, and what it runs.
        pub const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run),)*];
    };
}

targets! {
    admission: "Requests for admission.",
    bzip2: "bzip2 streams.",
    certificate: "X.509 certificates and paths.",
    chart: "Charts of Helm and kustomizations.",
    checkpoint: "Checkpoints of transparency logs.",
    classify: "What kind of asset a file is.",
    cluster: "Kubeconfigs, answers of an API server, and the pages of a cluster.",
    convert: "Conversion to safetensors.",
    dockerfile: "Dockerfiles, and the scripts in them.",
    document: "YAML and JSON.",
    examine: "The judgement of a file of any format.",
    explain: "The explanation of a file of any format.",
    expression: "Expressions of GitHub Actions.",
    falco: "Rules of Falco.",
    gatekeeper: "Templates, constraints and suites of Gatekeeper.",
    gguf: "GGUF headers.",
    gzip: "gzip and zlib streams.",
    imports: "Reports of other tools.",
    index: "The index of a checkpoint in several files.",
    key: "Public and private keys.",
    lz4: "LZ4 frames.",
    manifest: "What a model signature signs.",
    note: "Signed notes, signature lines and verifier keys.",
    pickle: "The pickle interpreter.",
    pipelines: "Pipelines and containers, from their text to what is wrong with them.",
    pkcs11_uri: "URIs of keys in tokens.",
    policy: "Rego and the gate's input.",
    pt2: "The graph of an exported program.",
    safetensors: "safetensors headers.",
    secrets: "Secret detectors.",
    segment: "Reachability, from manifests to answers.",
    sensor: "Recordings of the sensor, with records of a kernel, and policies.",
    sevenz: "7z archives.",
    sigma: "Rules and correlations of Sigma.",
    signature: "Bundles of model signatures.",
    sniff: "What content is.",
    statement: "Statements of any kind, and the lines of a claims file.",
    tar: "tar archives.",
    terraform: "Terraform, plans and CloudFormation.",
    tile: "Tiles, bundles of entries, and their paths.",
    timestamp: "RFC 3161 tokens.",
    tlog_proof: "Proofs of entries of transparency logs.",
    torch_tar: "The records of torch before 0.1.10.",
    torchscript: "The code of TorchScript.",
    trust_store: "Trust stores.",
    witness: "Requests to witnesses.",
    xz: "xz and .lzma streams.",
    zip: "zip archives.",
    zones: "Declarations of zones and flows, and what was seen.",
    zstd: "Zstandard frames.",
}

/// The folder of a target's corpus; of all of them for the empty name.
pub fn corpus(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(name)
}
