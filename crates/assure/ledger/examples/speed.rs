//! How fast records are appended in one batch and audited offline: `cargo run --release -p casemate-ledger
//! --example speed`. Prints JSON with seconds of wall time.
#![allow(clippy::print_stdout)]

use std::{error::Error, time::Instant};

use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_core::{AssetId, Claim, Coverage, Digest, Producer, Record, Status, Timestamp};
use casemate_ledger::{
    Signer,
    audit::audit,
    checkpoint::Trust,
    disk::Folder,
    log::{Log, Writer},
    note::Scheme,
};

fn main() -> Result<(), Box<dyn Error>> {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519)?;
    let signer = Signer::new("bench.example", Scheme::Ed25519, &key)?;
    for count in [10_000_u64, 100_000] {
        let entries: Vec<Vec<u8>> = (0..count).map(record).collect();
        let dir = tempfile::tempdir()?;
        Writer::create(Folder::locked(dir.path())?, &signer)?;
        let start = Instant::now();
        let mut writer = Writer::open(Folder::locked(dir.path())?)?;
        entries.iter().try_for_each(|entry| writer.push(entry))?;
        writer.commit(&signer)?;
        let append = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let log = Log::open(Folder::new(dir.path()))?;
        let trust = Trust::in_log(signer.verifier().clone());
        trust.verify(log.note().to_string().as_bytes())?;
        let audited = audit(&log, &trust, &[])?;
        let verify = start.elapsed().as_secs_f64();
        assert!(audited.faults.is_empty() && audited.records == count);
        println!("{{\"records\": {count}, \"append_s\": {append:.3}, \"verify_s\": {verify:.3}}}");
    }
    Ok(())
}

fn record(n: u64) -> Vec<u8> {
    let digest = Digest::of(&n.to_be_bytes());
    let producer = Producer {
        name: "bench".into(),
        version: "1".into(),
    };
    let claim = Claim::Outcome {
        check: "artifact".into(),
        version: "1".into(),
        result: Status::Pass,
        coverage: Coverage::Complete,
        findings: 0,
        digest,
    };
    let mut record = Record::new(
        Timestamp::UNIX_EPOCH,
        producer,
        AssetId::Artifact { digest },
        claim,
    );
    record.inputs.push(digest);
    record.to_json()
}
