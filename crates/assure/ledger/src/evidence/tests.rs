use casemate_attest::{KeyAlgorithm, LogTrust, SigningKey};
use casemate_core::{Producer, Record, Secret, Timestamp};

use super::*;
use crate::{
    Checkpoint, Note, Signer,
    disk::Folder,
    log::Writer,
    merkle::{MemoryTree, inclusion, root},
    note::Scheme,
};

/// A log of some entries, and witnesses of it.
struct Place {
    log: SigningKey,
    witnesses: Vec<SigningKey>,
}

impl Place {
    fn new() -> Self {
        let key = || SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        Self {
            log: key(),
            witnesses: (0..3).map(|_| key()).collect(),
        }
    }

    fn signer(&self) -> Signer<'_> {
        Signer::new("log.example", Scheme::Ed25519, &self.log).expect("a signer")
    }

    fn witness(&self, number: usize) -> Signer<'_> {
        let name = format!("w{number}");
        Signer::new(&name, Scheme::Cosignature, &self.witnesses[number]).expect("a witness")
    }

    /// Trust in the log, and in so many of the witnesses.
    fn trust(&self, quorum: usize) -> LogTrust {
        let mut trust = LogTrust {
            logs: vec![self.signer().verifier().to_string()],
            quorum: Some(quorum),
            ..LogTrust::default()
        };
        for number in 0..self.witnesses.len() {
            trust.add_witness(self.witness(number).verifier().to_string());
        }
        trust
    }

    fn evidence(&self, quorum: usize) -> Evidence {
        Evidence::new(Rules::new(&self.trust(quorum), time(NOW)).expect("rules"))
    }

    /// The head over `entries`, cosigned by the witnesses at these times.
    fn head(&self, entries: &[Vec<u8>], seen: &[(usize, u64)]) -> Note {
        let tree: MemoryTree = entries.iter().map(|entry| Hash::leaf(entry)).collect();
        let Ok(root) = root(&mut &tree, entries.len() as u64);
        let head = Checkpoint::new("log.example", entries.len() as u64, root).expect("a head");
        let mut note = Note::new(head.to_string()).expect("a text");
        note.push(self.signer().sign(note.text(), 0));
        for (number, time) in seen {
            note.push(self.witness(*number).sign(note.text(), *time));
        }
        note
    }

    /// The proof of the last of `entries`.
    fn proof(&self, entries: &[Vec<u8>], seen: &[(usize, u64)]) -> TlogProof {
        let tree: MemoryTree = entries.iter().map(|entry| Hash::leaf(entry)).collect();
        let (index, size) = (entries.len() as u64 - 1, entries.len() as u64);
        let Ok(hashes) = inclusion(&mut &tree, index, size);
        TlogProof {
            extra: entries.last().cloned(),
            index,
            hashes,
            checkpoint: self.head(entries, seen).to_string(),
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn record(bundles: &[&[u8]]) -> Record {
    let statements = bundles.iter().map(|bundle| SignedStatement {
        predicate_type: "https://example.org/claim".into(),
        bundle: Digest::of(bundle),
    });
    let producer = Producer {
        name: "casemate".into(),
        version: "1".into(),
    };
    let (model, time) = (Digest::of(b"model"), Timestamp::UNIX_EPOCH);
    Record::of_statements(model, statements.collect(), time, producer)
}

/// Something else, and then the record of two bundles.
fn entries() -> Vec<Vec<u8>> {
    vec![b"other".to_vec(), record(&[b"one", b"two"]).to_json()]
}

fn add(evidence: &mut Evidence, name: &str, proof: &TlogProof) {
    evidence.add_proof(name.into(), Ok(proof.to_string().as_bytes()));
}

const NOW: &str = "2030-01-01T00:00:00Z";

#[test]
fn a_record_was_there_when_as_many_witnesses_as_are_needed_had_seen_it() {
    let place = Place::new();
    let proof = place.proof(&entries(), &[(0, 300), (1, 100), (2, 200)]);
    for (quorum, seen, by) in [
        (0, None, &[][..]),
        // All of them are named, so that somebody else may ask for more.
        (1, Some(100), &["w1", "w2", "w0"]),
        (2, Some(200), &["w1", "w2", "w0"]),
        (3, Some(300), &["w1", "w2", "w0"]),
    ] {
        let mut evidence = place.evidence(quorum);
        add(&mut evidence, "p", &proof);
        for bundle in [&b"one"[..], b"two"] {
            let found = evidence.find(&Digest::of(bundle)).expect("is logged");
            assert_eq!(found.len(), 1);
            let logged = &found[0];
            assert_eq!(
                (&*logged.log, logged.index, logged.size),
                ("log.example", 1, 2)
            );
            assert_eq!(logged.predicate_type, "https://example.org/claim");
            let told = logged.seen.as_ref();
            assert_eq!(
                told.map(|it| it.time.as_second()),
                seen,
                "{quorum} witnesses"
            );
            assert_eq!(told.map_or(&[][..], |it| &it.by), by);
        }
        assert_eq!(evidence.equivocations(), [""; 0]);
    }
}

#[test]
fn what_does_not_count_says_why() {
    let place = Place::new();
    let stranger = Place::new();
    let good = place.proof(&entries(), &[(0, 100), (1, 200)]);
    let of = |last: Vec<u8>| place.proof(&[b"other".to_vec(), last], &[(0, 100), (1, 200)]);
    let secret = Secret::new(vec![7; 16]).expect("a secret");
    let other_origin = TlogProof {
        checkpoint: good
            .checkpoint
            .replace("log.example\n2", "another.example\n2"),
        ..good.clone()
    };
    let moved = TlogProof {
        index: 0,
        ..good.clone()
    };
    let changed = TlogProof {
        extra: Some(record(&[b"one"]).to_json()),
        ..good.clone()
    };
    let bare = TlogProof {
        extra: None,
        ..good.clone()
    };
    let mut forged = Note::parse(good.checkpoint.as_bytes()).expect("a note");
    let mut line = stranger.witness(0).sign(forged.text(), 100);
    line.id = place.witness(0).verifier().id();
    forged.push(line);
    let forged = TlogProof {
        checkpoint: forged.to_string(),
        ..good.clone()
    };
    let late = place.proof(&entries(), &[(0, 100), (1, 4_000_000_000)]);
    let proofs = [
        ("c2sp.org/tlog-proof@v1\n".to_owned(), "it is malformed"),
        (bare.to_string(), "no extra line"),
        (
            other_origin.to_string(),
            "the log `another.example`, which is not trusted",
        ),
        (
            stranger.proof(&entries(), &[]).to_string(),
            "its head is not trusted: no known key signed it",
        ),
        (forged.to_string(), "in the name of `w0` is not by that key"),
        (
            place.proof(&entries(), &[(0, 100)]).to_string(),
            "1 witnesses that count cosigned its head, and 2 must",
        ),
        (
            late.to_string(),
            "`w1` says 2096-10-02T07:06:40Z, which has not come",
        ),
        (moved.to_string(), "do not lead to the head"),
        (changed.to_string(), "do not lead to the head"),
        (of(b"{}".to_vec()).to_string(), "no record"),
        (
            of(record(&[b"three"]).to_json()).to_string(),
            "of another signature",
        ),
        (
            of(record(&[b"one"]).sealed(&secret).to_json()).to_string(),
            "sealed",
        ),
    ];
    for (proof, why) in proofs {
        let mut evidence = place.evidence(2);
        evidence.add_proof("p".into(), Ok(proof.as_bytes()));
        let told = evidence.find(&Digest::of(b"one")).expect_err(why);
        assert!(
            told.starts_with("p: ") && told.contains(why),
            "{why}: {told}"
        );
        // One that counts is enough.
        add(&mut evidence, "q", &good);
        assert!(evidence.find(&Digest::of(b"one")).is_ok());
    }
    let mut evidence = place.evidence(2);
    evidence.add_proof("p".into(), Err("it is not there".into()));
    let told = evidence.find(&Digest::of(b"one")).expect_err("no proof");
    assert_eq!(told, "p: it is not there");
    let told = place.evidence(2).find(&Digest::of(b"one"));
    assert_eq!(told.expect_err("no proof"), "no proof was given");
}

#[test]
fn two_heads_of_one_size_and_two_roots_are_told_whatever_they_prove() {
    let place = Place::new();
    let fork = vec![b"another".to_vec(), entries().remove(1)];
    let mut evidence = place.evidence(1);
    add(&mut evidence, "a", &place.proof(&entries(), &[(0, 100)]));
    // No witness saw it, and its record is of something else.
    let mut other = place.proof(&fork, &[]);
    other.extra = None;
    add(&mut evidence, "b", &other);
    let told = evidence.equivocations();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("`log.example` has two histories: its 2 entries")
            && told[0].contains("in b"),
        "{told:?}"
    );
    assert!(
        evidence.find(&Digest::of(b"one")).is_ok(),
        "it is logged all the same"
    );

    let mut evidence = place.evidence(1);
    add(&mut evidence, "a", &place.proof(&entries(), &[(0, 100)]));
    let longer = [entries(), vec![b"more".to_vec()]].concat();
    let same = place.head(&entries(), &[(1, 100)]).to_string();
    for head in [same, place.head(&longer, &[]).to_string()] {
        evidence
            .add_checkpoint("c".into(), head.as_bytes())
            .expect("a head");
        assert_eq!(evidence.equivocations(), [""; 0]);
    }
    let forked = place.head(&fork, &[]).to_string();
    evidence
        .add_checkpoint("d".into(), forked.as_bytes())
        .expect("a head");
    assert_eq!(evidence.equivocations().len(), 1);
    let theirs = Place::new().head(&fork, &[]).to_string();
    assert!(
        evidence
            .add_checkpoint("e".into(), theirs.as_bytes())
            .is_err()
    );
}

#[test]
fn a_copy_of_the_log_tells_a_fork_of_another_size() {
    let place = Place::new();
    let dir = tempfile::tempdir().expect("a directory");
    let signer = place.signer();
    let mut writer = Writer::create(Folder::new(dir.path()), &signer).expect("a log");
    let all = [entries(), vec![b"more".to_vec(), b"yet more".to_vec()]].concat();
    for entry in &all {
        writer.push(entry).expect("pushed");
    }
    writer.commit(&signer).expect("committed");
    let copy = Log::open(Folder::new(dir.path())).expect("a log");
    let fork = vec![b"another".to_vec(), entries().remove(1)];
    let beyond = [all.clone(), vec![b"the future".to_vec()]].concat();
    for (entries, forks, unknown) in [
        (&entries(), 0, 0),
        (&all, 0, 0),
        (&fork, 1, 0),
        (&beyond, 0, 1),
    ] {
        let mut evidence = place.evidence(0);
        add(&mut evidence, "p", &place.proof(entries, &[]));
        let told = evidence.compare("copy", &copy).expect("a copy");
        assert_eq!(
            (evidence.equivocations().len(), told.len()),
            (forks, unknown)
        );
    }
    // A copy that does not fit its own head says nothing of anybody.
    let tile = dir.path().join("tile/0/000.p/4");
    let mut bytes = read(&tile);
    bytes[0] ^= 1;
    std::fs::write(&tile, bytes).expect("written");
    let copy = Log::open(Folder::new(dir.path())).expect("a log");
    let mut evidence = place.evidence(0);
    add(&mut evidence, "p", &place.proof(&fork, &[]));
    assert!(matches!(
        evidence.compare("copy", &copy),
        Err(BadCopy::Log(_))
    ));
    assert_eq!(evidence.equivocations(), [""; 0]);
    let theirs = Place::new();
    assert!(matches!(
        theirs.evidence(0).compare("copy", &copy),
        Err(BadCopy::Head(_))
    ));
}

fn read(path: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).expect("a tile");
    std::io::Read::read_to_end(&mut file, &mut bytes).expect("readable");
    bytes
}

#[test]
fn nobody_is_counted_twice_or_for_what_they_cannot_do() {
    let place = Place::new();
    let rules = |trust: &LogTrust| Rules::new(trust, time(NOW));
    let own = Signer::new("itself", Scheme::Cosignature, &place.log).expect("a witness");
    let again = Signer::new("w9", Scheme::Cosignature, &place.witnesses[0]).expect("a witness");
    for (vkey, why) in [
        (
            own.verifier().to_string(),
            "`log.example` and `itself` have one key",
        ),
        (again.verifier().to_string(), "`w0` and `w9` have one key"),
        ("w+0+x".into(), "a verifier key is"),
    ] {
        let mut trust = place.trust(1);
        trust.add_witness(vkey);
        let told = rules(&trust).expect_err(why).to_string();
        assert!(told.contains(why), "{told}");
    }
    let mut trust = place.trust(0);
    trust.add_witness(trust.logs[0].clone());
    assert_eq!(
        rules(&trust).expect_err("a log"),
        BadRules::NoWitness("log.example".into())
    );
    assert_eq!(
        rules(&place.trust(4)).expect_err("too many"),
        BadRules::Quorum(4, 3)
    );
    assert_eq!(
        rules(&LogTrust::default()).expect_err("no log"),
        BadRules::NoLog
    );

    // A witness with a new key and its old one is one witness.
    let mut trust = place.trust(2);
    let next = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let next = Signer::new("w0", Scheme::Cosignature, &next).expect("a witness");
    trust.add_witness(next.verifier().to_string());
    let mut proof = place.proof(&entries(), &[(0, 100)]);
    let mut note = Note::parse(proof.checkpoint.as_bytes()).expect("a note");
    note.push(next.sign(note.text(), 50));
    proof.checkpoint = note.to_string();
    let mut evidence = Evidence::new(rules(&trust).expect("rules"));
    add(&mut evidence, "p", &proof);
    let told = evidence.find(&Digest::of(b"one")).expect_err("one witness");
    assert!(told.contains("1 witnesses that count"), "{told}");
}
