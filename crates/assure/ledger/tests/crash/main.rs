//! Whenever the power goes, the log that is there afterwards is consistent, and has everything that
//! was acknowledged.

mod disk;

use casemate_attest::{KeyAlgorithm, SigningKey};
use casemate_ledger::{
    Signer,
    audit::audit,
    checkpoint::Trust,
    log::{Log, LogError, Writer},
    note::Scheme,
};

use crate::disk::{CrashDisk, Random};

/// What the log must have.
#[derive(Default)]
struct Promise {
    /// Every entry that was ever handed over, in order.
    entries: Vec<Vec<u8>>,
    /// How many of them a commit has acknowledged.
    committed: usize,
    /// How many are acknowledged, pending ones included.
    staged: usize,
}

#[test]
fn a_log_that_is_cut_off_anywhere_reopens_with_what_it_acknowledged() {
    let rounds =
        std::env::var("CASEMATE_CRASH_ROUNDS").map_or(20, |n| n.parse().expect("a number"));
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let signer = Signer::new("log.example", Scheme::Ed25519, &key).expect("a signer");
    let (mut crashes, mut entries, mut torn) = (0, 0, 0);
    for seed in 0..rounds {
        let (cuts, logged, lost) = life(seed, &signer);
        (crashes, entries, torn) = (crashes + cuts, entries + logged, torn + lost);
    }
    // `bench/ledger/crash` keeps it.
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{{\"rounds\": {rounds}, \"crashes\": {crashes}, \"entries\": {entries}, \"operations_undone\": {torn}}}"
        );
    }
    assert!(crashes >= rounds, "{crashes} crashes in {rounds} rounds");
}

/// One log that is written and cut off again and again. Returns how often, how many entries it has in
/// the end, and how many operations were undone by the cuts.
fn life(seed: u64, signer: &Signer<'_>) -> (u64, u64, u64) {
    let mut random = Random::new(seed);
    let mut promise = Promise::default();
    let mut disk = CrashDisk::default();
    let (mut crashes, mut undone) = (0, 0);
    for _ in 0..4 {
        // Most work fits in a few hundred operations; some cuts come while the last cut is repaired.
        let most = [12, 300, 300][random.below(3)];
        let life = 1 + random.below(most);
        disk.cut_after(life);
        while work(&disk, signer, &mut promise, &mut random).is_ok() {}
        crashes += 1;
        let survivor;
        (survivor, undone) = (disk.survivor(&mut random), undone + disk.undone());
        disk = survivor;
        reopens(&disk, signer, &mut promise);
    }
    (crashes, promise.committed as u64, undone)
}

/// Some entries more, committed or pending.
fn work(
    disk: &CrashDisk,
    signer: &Signer<'_>,
    promise: &mut Promise,
    random: &mut Random,
) -> Result<(), LogError> {
    let mut writer = match Log::open(disk) {
        Err(LogError::Absent) => Writer::create(disk, signer)?,
        _ => Writer::open(disk)?,
    };
    let count = match random.below(4) {
        0 => 1,
        1 => random.below(20),
        2 => random.below(300),
        _ => random.below(700),
    };
    let batch: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let length = random.below(60);
            (0..length)
                .map(|_| random.below(256).to_le_bytes()[0])
                .collect()
        })
        .collect();
    promise.entries.truncate(promise.staged);
    promise.entries.extend(batch.iter().cloned());
    if random.below(3) == 0 {
        let range = writer.stage(&batch)?;
        assert_eq!(range.end, promise.entries.len() as u64);
        promise.staged = promise.entries.len();
        return Ok(());
    }
    batch.iter().try_for_each(|entry| writer.push(entry))?;
    let committed = writer.commit(signer)?;
    assert_eq!(committed.range.end, promise.entries.len() as u64);
    (promise.committed, promise.staged) = (promise.entries.len(), promise.entries.len());
    Ok(())
}

/// What is there afterwards: a consistent log, as a reader sees it and as a writer does.
fn reopens(disk: &CrashDisk, signer: &Signer<'_>, promise: &mut Promise) {
    let trust = Trust::in_log(signer.verifier().clone());
    let log = match Log::open(disk) {
        Err(LogError::Absent) if promise.staged == 0 => {
            promise.entries.clear();
            return;
        }
        log => log.expect("a log"),
    };
    let size = usize::try_from(log.checkpoint().size()).expect("a size in memory");
    assert!(size >= promise.committed, "{size} of {}", promise.committed);
    trust
        .verify(log.note().to_string().as_bytes())
        .expect("a signed head");
    let audited = audit(&log, &trust, &[]).expect("an audit");
    assert_eq!(audited.faults, []);
    let mut entries = Vec::new();
    let read = log.entries(0..size as u64, |_, entry| -> Result<(), LogError> {
        entries.push(entry.to_vec());
        Ok(())
    });
    read.expect("entries");
    assert_eq!(entries, promise.entries[..size]);

    let writer = Writer::open(disk).expect("a writer");
    let next = usize::try_from(writer.next()).expect("a size in memory");
    assert!(next >= promise.staged, "{next} of {}", promise.staged);
    drop(writer);
    // What is left on disk is what belongs to this head, and nothing else.
    for path in disk.files() {
        let is_ours = match path.parse::<casemate_ledger::tile::Tile>() {
            Ok(tile) => tile.is_within(size as u64),
            Err(_) => path == "checkpoint" || path == "pending" || path.starts_with("history/"),
        };
        assert!(is_ours, "{path} is left in a log of {size}");
    }
    (promise.committed, promise.staged) = (size, next);
    promise.entries.truncate(next);
}
