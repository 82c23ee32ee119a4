//! What other implementations make of our logs, and we of theirs: the notes of `signed_note` and the
//! tiles of `tlog_tiles`, both by Cloudflare, and the proofs of `ct-merkle`.

use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_ledger::{
    Hash, Note, Signer, VerifierKey,
    disk::Folder,
    log::{Log, Writer},
    merkle::{verify_consistency, verify_inclusion},
    note::Scheme,
    tile::{self, Kind},
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use signed_note::Signer as _;
use tlog_tiles::{
    Checkpoint, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record,
    prove_tree,
};

type Theirs = MemoryBackedTree<Sha256, Vec<u8>>;

fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
}

/// A log of ours.
fn log(count: u64, key: &SigningKey) -> (tempfile::TempDir, Log<Folder>) {
    let dir = tempfile::tempdir().expect("a directory");
    let signer = Signer::new("log.example", Scheme::Ed25519, key).expect("a signer");
    let folder = Folder::locked(dir.path()).expect("a folder");
    let mut writer = Writer::create(folder, &signer).expect("a log");
    for entry in entries(count) {
        writer.push(&entry).expect("an entry");
    }
    writer.commit(&signer).expect("a commit");
    drop(writer);
    let log = Log::open(Folder::new(dir.path())).expect("a log");
    (dir, log)
}

fn key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness")
}

#[test]
fn they_verify_our_checkpoint() {
    let key = key();
    let (_dir, log) = log(5, &key);
    let bytes = log.note().to_string().into_bytes();
    let note = signed_note::Note::from_bytes(&bytes).expect("a note");
    let signer = Signer::new("log.example", Scheme::Ed25519, &key).expect("a signer");
    let vkey = signer.verifier().to_string();
    let verifier = signed_note::StandardVerifier::new(&vkey).expect("a key");
    let known = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let (verified, _) = note.verify(&known).expect("verified");
    assert_eq!(verified.len(), 1);
    let checkpoint = Checkpoint::from_bytes(note.text()).expect("a checkpoint");
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("log.example", 5));
    assert_eq!(checkpoint.hash().0, log.checkpoint().root().0);
}

#[test]
fn we_verify_their_note() {
    // Their form of a private key: a seed of 32 bytes behind its type.
    let public = SigningKey::read(
        b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
          -----END PRIVATE KEY-----\n",
        None,
    )
    .expect("a key");
    let ours = Signer::new("log.example", Scheme::Ed25519, &public).expect("a signer");
    let id = ours.verifier().id();
    let seed = casemate_attest::Base64([&[1_u8][..], &[7; 32]].concat());
    let seed = serde_json::to_string(&seed).expect("serialises");
    let skey = format!("PRIVATE+KEY+log.example+{id}+{}", seed.trim_matches('"'));
    let theirs = signed_note::StandardSigner::new(&skey).expect("a signer");
    assert_eq!(theirs.name(), "log.example");
    let mut note = signed_note::Note::new(b"text\n", &[]).expect("a note");
    note.add_sigs(&[&theirs]).expect("signed");
    let read = Note::parse(&note.to_bytes()).expect("a note");
    let vkey: VerifierKey = ours.verifier().clone();
    assert_eq!(read.verify(&[vkey]).expect("verified").len(), 1);
    let mut same = Note::new("text\n".into()).expect("a text");
    same.push(ours.sign("text\n", 0));
    assert_eq!(same.to_string().into_bytes(), note.to_bytes());
}

/// Our files, as they read tiles.
struct Files<'a>(&'a std::path::Path);

impl TileReader for Files<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            let width = tile.width().try_into().expect("at most 256");
            let ours = tile::Tile {
                kind: Kind::Hashes(tile.level()),
                index: tile.level_index(),
                width,
            };
            let mut bytes = Vec::new();
            let mut file = std::fs::File::open(self.0.join(ours.to_string())).expect("a tile");
            std::io::Read::read_to_end(&mut file, &mut bytes).expect("read");
            bytes
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn they_prove_from_our_tiles_and_each_verifies_the_other_s_proofs() {
    let key = key();
    for size in [1, 2, 255, 256, 257, 600] {
        let (dir, log) = log(size, &key);
        let root = log.checkpoint().root();
        let theirs = tlog_tiles::Hash(root.0);
        let files = Files(dir.path());
        let reader = TileHashReader::new(size, theirs, &files);
        for index in [0, size / 2, size - 1] {
            let entry = Hash::leaf(&index.to_be_bytes());
            let proof = prove_record(size, index, &reader).expect("proven");
            let hashes: Vec<Hash> = proof.iter().map(|hash| Hash(hash.0)).collect();
            assert_eq!(verify_inclusion(entry, index, size, &hashes, root), Ok(()));
            let ours = log.prove(index).expect("proven");
            assert_eq!(ours.hashes, hashes);
            let ours = ours
                .hashes
                .iter()
                .map(|hash| tlog_tiles::Hash(hash.0))
                .collect();
            let leaf = tlog_tiles::record_hash(&index.to_be_bytes());
            check_record(&ours, size, theirs, index, leaf).expect("verified");
        }
        for old in [1, size / 2, size].into_iter().filter(|old| *old > 0) {
            let tree: Theirs = of(&entries(old));
            let begins = Hash(
                tree.root()
                    .as_bytes()
                    .as_slice()
                    .try_into()
                    .expect("32 bytes"),
            );
            let proof = prove_tree(size, old, &reader).expect("proven");
            let hashes: Vec<Hash> = proof.iter().map(|hash| Hash(hash.0)).collect();
            assert_eq!(
                verify_consistency((old, begins), (size, root), &hashes),
                Ok(())
            );
            let ours = log.prove_consistency(old).expect("proven");
            let ours = ours.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect();
            check_tree(&ours, size, theirs, old, tlog_tiles::Hash(begins.0)).expect("verified");
        }
    }
}

fn of(entries: &[Vec<u8>]) -> Theirs {
    let mut tree = Theirs::new();
    entries.iter().for_each(|entry| tree.push(entry.clone()));
    tree
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let hash = |chunk: &[u8]| Hash(chunk.try_into().expect("32 bytes"));
    bytes.chunks(32).map(hash).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_third_tree_has_our_roots_and_our_proofs(count in 1_usize..600, pick in any::<usize>()) {
        let size = count as u64;
        let all = entries(size);
        let theirs = of(&all);
        let root = Hash(theirs.root().as_bytes().as_slice().try_into().expect("32 bytes"));
        let ours: casemate_ledger::merkle::MemoryTree = all.iter().map(|entry| Hash::leaf(entry)).collect();
        let Ok(computed) = casemate_ledger::merkle::root(&mut &ours, size);
        prop_assert_eq!(computed, root);
        let index = pick % count;
        let proof = hashes(theirs.prove_inclusion(index).as_bytes());
        let leaf = Hash::leaf(&all[index]);
        prop_assert_eq!(verify_inclusion(leaf, index as u64, size, &proof, root), Ok(()));
        let old = 1 + pick % count;
        if old < count {
            let begins = Hash(of(&all[..old]).root().as_bytes().as_slice().try_into().expect("32 bytes"));
            let proof = hashes(theirs.prove_consistency(count - old).as_bytes());
            prop_assert_eq!(verify_consistency((old as u64, begins), (size, root), &proof), Ok(()));
            let Ok(ours) = casemate_ledger::merkle::consistency(&mut &ours, old as u64, size);
            prop_assert_eq!(ours, proof);
        }
    }
}
