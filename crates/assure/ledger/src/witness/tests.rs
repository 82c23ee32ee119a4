use casemate_attest::{KeyAlgorithm, SigningKey};

use super::*;
use crate::{
    merkle::{MemoryTree, consistency, root},
    note::Scheme,
};

struct Log {
    key: SigningKey,
    leaves: MemoryTree,
}

impl Log {
    fn new(count: u64) -> Self {
        Self::with((0..count).map(|n| Hash::leaf(&n.to_be_bytes())).collect())
    }

    fn with(leaves: MemoryTree) -> Self {
        Self {
            key: SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness"),
            leaves,
        }
    }

    fn vkey(&self) -> VerifierKey {
        let signer = Signer::new("log.example", Scheme::Ed25519, &self.key).expect("a signer");
        signer.verifier().clone()
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let Ok(root) = root(&mut &self.leaves, size);
        Checkpoint::new("log.example", size, root).expect("a checkpoint")
    }

    fn request(&self, old: u64, size: u64) -> AddCheckpoint {
        let signer = Signer::new("log.example", Scheme::Ed25519, &self.key).expect("a signer");
        let mut note = Note::new(self.checkpoint(size).to_string()).expect("a text");
        note.push(signer.sign(note.text(), 0));
        let Ok(proof) = consistency(&mut &self.leaves, old, size);
        AddCheckpoint { old, proof, note }
    }
}

/// Asks a witness that knows `log`, and cosigned its checkpoint of `last` entries before.
fn ask(log: &Log, last: Option<u64>, body: &str) -> Answer {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let witness = Witness {
        signer: Signer::new("w.example", Scheme::Cosignature, &key).expect("a signer"),
        logs: vec![("log.example".into(), log.vkey())],
    };
    let latest = last.map(|size| log.checkpoint(size));
    match witness.admit(body.as_bytes()) {
        Err(answer) => answer,
        Ok(admitted) => {
            let answer = witness.answer(admitted, latest.as_ref(), 1_700_000_000);
            if let Answer::Cosigned { latest, lines } = &answer {
                let keys = [log.vkey(), witness.signer.verifier().clone()];
                assert_eq!(latest.verify(&keys).expect("signed").len(), 2);
                assert!(latest.to_string().ends_with(lines));
            }
            answer
        }
    }
}

#[test]
fn cosigns_what_continues_what_it_cosigned_last() {
    let log = Log::new(40);
    for (last, size) in [
        (None, 0),
        (None, 7),
        (Some(0), 7),
        (Some(7), 40),
        (Some(40), 40),
    ] {
        let request = log.request(last.unwrap_or(0), size).to_string();
        assert_eq!(ask(&log, last, &request).status(), 200, "{last:?} {size}");
    }
}

#[test]
fn tells_the_size_it_knows_to_whoever_begins_elsewhere() {
    let log = Log::new(40);
    assert_eq!(
        ask(&log, Some(7), &log.request(5, 40).to_string()),
        Answer::Stale(7)
    );
    assert_eq!(
        ask(&log, None, &log.request(5, 40).to_string()),
        Answer::Stale(0)
    );
    assert_eq!(Answer::Stale(7).body(), ("text/x.tlog.size", "7\n".into()));
}

#[test]
fn refuses_a_fork_though_the_log_signed_it() {
    let log = Log::new(40);
    let mut fork = Log::with(
        (0_u64..40)
            .map(|n| Hash::leaf(&n.max(1).to_be_bytes()))
            .collect(),
    );
    fork.key =
        SigningKey::read(log.key.to_pem(None).expect("encodes").as_bytes(), None).expect("reads");
    assert_eq!(
        ask(&log, Some(7), &fork.request(7, 40).to_string()),
        Answer::Inconsistent
    );
    assert_eq!(
        ask(&log, Some(40), &fork.request(40, 40).to_string()),
        Answer::Inconsistent
    );
}

#[test]
fn refuses_proofs_that_are_not_asked_for_and_trees_without_leaves_that_have_a_root() {
    let log = Log::new(40);
    let mut request = log.request(0, 40);
    request.proof.push(Hash::empty());
    assert_eq!(ask(&log, None, &request.to_string()), Answer::Inconsistent);
    let signer = Signer::new("log.example", Scheme::Ed25519, &log.key).expect("a signer");
    let empty = Checkpoint::new("log.example", 0, Hash::leaf(b"")).expect("a checkpoint");
    let mut note = Note::new(empty.to_string()).expect("a text");
    note.push(signer.sign(note.text(), 0));
    let request = AddCheckpoint {
        old: 0,
        proof: Vec::new(),
        note,
    };
    assert_eq!(ask(&log, None, &request.to_string()), Answer::Inconsistent);
}

#[test]
fn refuses_who_is_not_known_and_what_is_not_signed() {
    let (log, stranger) = (Log::new(8), Log::new(8));
    assert_eq!(
        ask(&log, None, &stranger.request(0, 8).to_string()),
        Answer::NotByTheLog
    );
    let renamed = log
        .request(0, 8)
        .to_string()
        .replace("log.example\n8", "other.example\n8");
    assert_eq!(ask(&log, None, &renamed), Answer::UnknownLog);
    let forged = log
        .request(0, 8)
        .to_string()
        .replace("log.example\n8", "log.example\n9");
    assert_eq!(ask(&log, None, &forged), Answer::NotByTheLog);
}

#[test]
fn refuses_what_is_not_of_the_form() {
    let log = Log::new(8);
    let mut backwards = log.request(0, 7);
    backwards.old = 8;
    let good = log.request(0, 8).to_string();
    for body in [
        String::new(),
        backwards.to_string(),
        good.replacen("old 0", "old 00", 1),
        good.replacen("old 0", "old -1", 1),
        good.replacen("old 0\n\n", "old 0\n", 1),
        good.replacen("old 0\n", &format!("old 0\n{}", "x\n"), 1),
        good.replacen(
            "old 0\n",
            &format!("old 0\n{}", format!("{}\n", Hash::empty()).repeat(64)),
            1,
        ),
    ] {
        assert_eq!(ask(&log, None, &body), Answer::Malformed, "{body}");
    }
}
