//! What an inventory says, above all when things go wrong.

mod tree;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use casemate_core::{
    AssetId, AssetKind, Check, Class, Classify, Coverage, Digest, Outcome, PathText, Population,
    Reading, Rule, Source, Status, Subject, Survey, aggregate,
};
use casemate_inventory::{
    Entry, Given, Inventory, InventoryError, Judges, Options, Progress, RULES, Tally, Unreadable,
    each_file,
};

use tree::{Tree, threads};

/// A check made of a closure that gets the path and the bytes.
struct Told<F>(F);

impl<F: Fn(&str, &dyn Source) -> Option<Status> + Send + Sync> Check for Told<F> {
    fn name(&self) -> &'static str {
        "told"
    }

    fn version(&self) -> &str {
        "7"
    }

    fn rules(&self) -> &[Rule] {
        &[]
    }

    fn check(&self, subject: &Subject, source: &dyn Source) -> Option<Outcome> {
        let result = (self.0)(subject.path.as_str(), source)?;
        Some(Outcome {
            check: "told".into(),
            version: "7".into(),
            subject: subject.asset.id.clone(),
            name: subject.asset.name.clone(),
            input: Some(subject.digest),
            result,
            coverage: Coverage::Complete,
            reason: None,
            facts: BTreeMap::new(),
            findings: Vec::new(),
        })
    }
}

fn assessed(tree: &Tree, checks: &[&dyn Check]) -> Inventory {
    let one = &threads()[0];
    assess(tree.root(), one, &[], checks, &()).expect("the root is there")
}

fn assess(
    root: &Path,
    options: &Options,
    classifiers: &[&dyn Classify],
    checks: &[&dyn Check],
    progress: &dyn Progress,
) -> Result<Inventory, InventoryError> {
    let judges = Judges {
        classifiers,
        checks,
        surveys: &[],
    };
    casemate_inventory::assess(root, options, &judges, progress)
}

/// The outcomes by path from the root, check and result, with the rules that they report.
fn told(tree: &Tree, inventory: &Inventory) -> Vec<String> {
    let root = format!("{}/", tree.root().display());
    let outcomes = inventory.outcomes.iter().map(|outcome| {
        let rules = outcome.findings.iter().map(|finding| finding.rule.as_str());
        let rules: Vec<&str> = rules.collect();
        let name = outcome.name.strip_prefix(&root).unwrap_or("/");
        let (result, coverage) = (outcome.result.as_str(), outcome.coverage.as_str());
        format!("{name}: {} {result} {coverage} {rules:?}", outcome.check)
    });
    outcomes.collect()
}

/// Calls its closure when the walk first finds something: between listing and opening.
struct WhenFound<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Progress for WhenFound<F> {
    fn found(&self, _: u64, _: u64) {
        if let Some(act) = self.0.lock().expect("one at a time").take() {
            act();
        }
    }

    fn done(&self, _: u64, _: u64) {}
}

fn assess_when_found(tree: &Tree, act: impl FnOnce() + Send) -> Inventory {
    let progress = WhenFound(Mutex::new(Some(act)));
    assess(tree.root(), &threads()[0], &[], &[], &progress).expect("the root is there")
}

#[test]
fn each_rule_is_reported_in_its_situation_and_not_otherwise() {
    for rule in RULES {
        let tree = Tree::new();
        tree.write("a/file", b"x");
        let path = tree.root().join("a/file");
        let quiet = assessed(
            &tree,
            &[&Told(|_: &str, _: &dyn Source| Some(Status::Pass))],
        );
        assert!(quiet.outcomes.is_empty(), "{:?}", quiet.outcomes);
        let inventory = match rule.id.as_str() {
            "CM-INV-001" => {
                tree.write("a/before", b"x");
                let remove = Told(|_: &str, _: &dyn Source| {
                    let _ = fs::remove_file(&path);
                    None
                });
                assessed(&tree, &[&remove])
            }
            "CM-INV-002" => assess_when_found(&tree, || {
                fs::remove_dir_all(tree.root().join("a")).expect("removes");
            }),
            "CM-INV-003" => {
                let grow = Told(|_: &str, _: &dyn Source| {
                    let mut file = fs::OpenOptions::new()
                        .append(true)
                        .open(&path)
                        .expect("opens");
                    file.write_all(b"more").expect("writes");
                    Some(Status::Pass)
                });
                assessed(&tree, &[&grow])
            }
            "CM-INV-004" => {
                let fall = Told(|_: &str, _: &dyn Source| panic!("as a check should not"));
                assessed(&tree, &[&fall])
            }
            other => panic!("no situation for {other}"),
        };
        let findings = inventory
            .outcomes
            .iter()
            .flat_map(|outcome| &outcome.findings);
        let reported: Vec<&str> = findings.map(|finding| finding.rule.as_str()).collect();
        assert_eq!(reported, [rule.id.as_str()]);
        assert!(!inventory.assets.is_empty(), "what is unwell is listed");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_passes_nothing() {
    let tree = Tree::new();
    tree.write("grows", b"first");
    tree.write("still", b"first");
    let path = tree.root().join("grows");
    let grow = Told(|name: &str, _: &dyn Source| {
        if name == "grows" {
            let mut file = fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .expect("opens");
            file.write_all(b"second").expect("writes");
        }
        Some(Status::Pass)
    });
    let inventory = assessed(&tree, &[&grow]);
    assert_eq!(
        told(&tree, &inventory),
        [
            "grows: inventory undetermined partial [\"CM-INV-003\"]",
            "grows: told undetermined partial []",
        ]
    );
    assert!(
        inventory
            .outcomes
            .iter()
            .all(|outcome| outcome.input.is_none())
    );
}

#[test]
fn a_file_that_grows_between_listing_and_opening_is_read_whole() {
    let tree = Tree::new();
    tree.write("file", b"first");
    let inventory = assess_when_found(&tree, || tree.write("file", b"first and second"));
    assert_eq!(told(&tree, &inventory), [""; 0]);
    let digest = Digest::of(b"first and second").hex();
    assert_eq!(inventory.assets[0].labels["sha256"], digest);
}

#[test]
fn a_file_swapped_for_a_link_is_not_followed() {
    let outside = Tree::new();
    outside.write("secret", b"import os\n");
    let tree = Tree::new();
    tree.write("file", b"x");
    let inventory = assess_when_found(&tree, || {
        fs::remove_file(tree.root().join("file")).expect("removes");
        symlink(outside.root().join("secret"), tree.root().join("file")).expect("links");
    });
    assert_eq!(
        told(&tree, &inventory),
        ["file: inventory error partial [\"CM-INV-001\"]"]
    );
    let reason = inventory.outcomes[0].reason.as_deref();
    assert_eq!(reason, Some(&*Unreadable::Replaced.to_string()));
}

#[test]
fn a_file_swapped_for_a_pipe_does_not_block() {
    let tree = Tree::new();
    tree.write("file", b"x");
    let inventory = assess_when_found(&tree, || {
        fs::remove_file(tree.root().join("file")).expect("removes");
        tree.fifo("file");
    });
    assert_eq!(
        told(&tree, &inventory),
        ["file: inventory error partial [\"CM-INV-001\"]"]
    );
}

#[test]
fn a_directory_swapped_for_a_link_does_not_lead_out() {
    let outside = Tree::new();
    outside.write("secret", b"x");
    let tree = Tree::new();
    tree.write("d/file", b"x");
    let inventory = assess_when_found(&tree, || {
        fs::remove_dir_all(tree.root().join("d")).expect("removes");
        symlink(outside.root(), tree.root().join("d")).expect("links");
    });
    assert_eq!(
        told(&tree, &inventory),
        ["d: inventory error partial [\"CM-INV-002\"]"]
    );
}

#[test]
fn pipes_sockets_and_links_are_counted_and_not_applicable() {
    let tree = Tree::new();
    tree.fifo("pipe");
    let _listener = UnixListener::bind(tree.root().join("socket")).expect("binds");
    symlink("pipe", tree.root().join("link")).expect("links");
    let inventory = assessed(&tree, &[]);
    assert_eq!(
        told(&tree, &inventory),
        [
            "link: inventory not-applicable complete []",
            "pipe: inventory not-applicable complete []",
            "socket: inventory not-applicable complete []",
        ]
    );
    assert_eq!(inventory.populations[0].count, 3);
    assert_eq!((inventory.files, inventory.kinds.len()), (0, 0));
}

#[test]
fn a_check_that_panics_costs_one_judgement() {
    let tree = Tree::new();
    tree.write("a", b"x");
    tree.write("b", b"x");
    let fall = Told(|name: &str, _: &dyn Source| {
        assert_ne!(name, "a", "as a check should not");
        Some(Status::Fail)
    });
    assert_eq!(
        told(&tree, &assessed(&tree, &[&fall])),
        [
            "a: told error partial [\"CM-INV-004\"]",
            "b: told fail complete []",
        ]
    );
}

struct Falls;

impl Classify for Falls {
    fn classify(&self, path: &PathText, _: &dyn Source) -> Option<Class> {
        assert_ne!(path.as_str(), "a.py", "as a classifier should not");
        None
    }
}

#[test]
fn a_classifier_that_panics_leaves_the_file_to_the_next_and_is_reported() {
    let tree = Tree::new();
    tree.write("a.py", b"print(1)\n");
    tree.write("b.py", b"print(1)\n");
    let inventory =
        assess(tree.root(), &threads()[0], &[&Falls], &[], &()).expect("the root is there");
    assert_eq!(
        told(&tree, &inventory),
        ["a.py: inventory error partial [\"CM-INV-004\"]"]
    );
    let kinds: Vec<AssetKind> = inventory.assets.iter().map(|asset| asset.kind).collect();
    assert_eq!(kinds, [AssetKind::SourceCode, AssetKind::SourceCode]);
}

/// Says of every file that it is a model.
struct Models;

impl Classify for Models {
    fn classify(&self, _: &PathText, _: &dyn Source) -> Option<Class> {
        Some(Class {
            kind: AssetKind::Model,
            format: "weights",
        })
    }
}

#[test]
fn a_model_is_its_digest_and_any_other_file_its_path() {
    let tree = Tree::new();
    tree.write("deep/model.bin", b"weights");
    let options = Options {
        repository: "shop".into(),
        ..Options::default()
    };
    let model = assess(tree.root(), &options, &[&Models], &[], &()).expect("the root is there");
    let digest = Digest::of(b"weights");
    assert_eq!(model.assets[0].id, AssetId::Artifact { digest });
    assert_eq!(
        model.outcomes[0].input,
        Some(digest),
        "a model's passes are kept"
    );
    let file = assess(tree.root(), &options, &[], &[], &()).expect("the root is there");
    assert_eq!(
        file.assets[0].id.to_string(),
        "urn:casemate:file:shop:deep/model.bin"
    );
    let name = tree.root().join("deep/model.bin");
    assert_eq!(Some(&*file.assets[0].name), name.to_str());
    assert_eq!(file.assets[0].labels["size"], "7");
}

#[test]
fn the_digest_does_not_depend_on_how_a_file_is_read() {
    let tree = Tree::new();
    let text: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
    tree.write("long.txt", text.as_bytes());
    let hole = fs::File::create(tree.root().join("sparse.txt")).expect("creates");
    hole.set_len(8 << 20).expect("makes a hole");
    let digests = |buffer| {
        let options = Options {
            buffer,
            hash: true,
            ..Options::default()
        };
        let length = |_: &Entry, source: &dyn Source| (source.len(), source.as_slice().is_some());
        let seen = each_file(&[tree.root().into()], &options, length, &()).expect("is there");
        let seen = seen
            .into_iter()
            .map(|(entry, result)| (entry.digest, result.expect("reads")));
        seen.collect::<Vec<_>>()
    };
    let (in_memory, by_position) = (digests(64 << 20), digests(1 << 10));
    let zeros = Digest::of(&vec![0; 8 << 20]);
    for (seen, memory) in [(&in_memory, true), (&by_position, false)] {
        let len = text.len() as u64;
        assert_eq!(seen[0], (Some(Digest::of(text.as_bytes())), (len, memory)));
        assert_eq!(seen[1], (Some(zeros), (8 << 20, memory)));
    }
}

#[test]
fn a_long_git_pack_is_digested_only_if_asked_for_or_a_model() {
    let tree = Tree::new();
    let pack = [b"PACK\0\0\0\x02\0\0\0\x01", &[0x95; 500_000][..]].concat();
    tree.write(".git/objects/pack/p.pack", &pack);
    let told = |hash, classifiers: &[&dyn Classify]| {
        let options = Options {
            hash,
            buffer: 1 << 10,
            ..Options::default()
        };
        let pass = Told(|_: &str, _: &dyn Source| Some(Status::Fail));
        let inventory = assess(tree.root(), &options, classifiers, &[&pass], &());
        let outcomes = inventory.expect("is there").outcomes.into_iter();
        outcomes
            .map(|outcome| (outcome.result.as_str(), outcome.input))
            .collect::<Vec<_>>()
    };
    let digest = Some(Digest::of(&pack));
    assert_eq!(told(false, &[]), [("not-applicable", None), ("fail", None)]);
    assert_eq!(told(true, &[]), [("fail", digest)]);
    assert_eq!(
        told(false, &[&Models]),
        [("pass", digest), ("fail", digest)]
    );
}

/// A tree with something of everything, and what is said of it.
fn everything() -> (Tree, impl Check) {
    let tree = Tree::new();
    for n in 0..300 {
        let content = format!("import torch\nx = {n}\n");
        tree.write(&format!("src/{}/{n}.py", n % 7), content.as_bytes());
    }
    tree.write("big.csv", "a,b\n1,2\n".repeat(200_000).as_bytes());
    tree.fifo("pipe");
    let check = Told(|name: &str, source: &dyn Source| match source.len() % 3 {
        0 => Some(Status::Pass),
        1 => Some(Status::Fail),
        _ if name.ends_with("7.py") => panic!("as a check should not"),
        _ => None,
    });
    (tree, check)
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let (tree, check) = everything();
    let [one, eight] = threads().map(|options| {
        let options = Options {
            buffer: 1 << 20,
            ..options
        };
        assess(tree.root(), &options, &[], &[&check], &()).expect("the root is there")
    });
    assert!(!one.outcomes.is_empty());
    assert_eq!(one.outcomes, eight.outcomes);
    assert_eq!(one.assets, eight.assets);
    assert_eq!(one.populations, eight.populations);
    assert_eq!(one.kinds, eight.kinds);
}

#[test]
fn the_populations_are_those_of_all_outcomes_in_order() {
    let (tree, check) = everything();
    let inventory = assessed(&tree, &[&check]);
    // As models, no outcome is left to the populations alone.
    let all = assess(tree.root(), &threads()[1], &[&Models], &[&check], &()).expect("is there");
    assert_eq!(all.populations, aggregate(&all.outcomes));
    let counts = |inventory: &Inventory| -> Vec<u64> {
        let populations = inventory.populations.iter();
        populations.map(|population| population.count).collect()
    };
    assert_eq!(counts(&inventory), counts(&all));
    assert!(inventory.outcomes.len() < all.outcomes.len());
    assert!(all.outcomes.is_sorted_by_key(|outcome| &outcome.name));
}

#[derive(Default)]
struct Sums {
    found: [AtomicU64; 2],
    done: [AtomicU64; 2],
}

impl Progress for Sums {
    fn found(&self, files: u64, bytes: u64) {
        self.found[0].fetch_add(files, Ordering::Relaxed);
        self.found[1].fetch_add(bytes, Ordering::Relaxed);
    }

    fn done(&self, files: u64, bytes: u64) {
        self.done[0].fetch_add(files, Ordering::Relaxed);
        self.done[1].fetch_add(bytes, Ordering::Relaxed);
    }
}

#[test]
fn progress_ends_where_the_inventory_does() {
    let (tree, check) = everything();
    let sums = Sums::default();
    let options = Options {
        buffer: 1 << 20,
        ..Options::default()
    };
    let inventory = assess(tree.root(), &options, &[], &[&check], &sums).expect("is there");
    let whole = [inventory.files, inventory.bytes];
    assert_eq!(sums.found.map(AtomicU64::into_inner), whole);
    assert_eq!(sums.done.map(AtomicU64::into_inner), whole);
    let tallies = inventory.kinds.values();
    let sum = tallies.fold(Tally::default(), |sum, tally| Tally {
        files: sum.files + tally.files,
        bytes: sum.bytes + tally.bytes,
    });
    assert_eq!([sum.files, sum.bytes], whole);
}

#[test]
fn each_file_is_visited_once_in_order_and_fenced() {
    let tree = Tree::new();
    for name in ["c", "a", "b/x", "b/y"] {
        tree.write(name, name.as_bytes());
    }
    tree.fifo("pipe");
    symlink("a", tree.root().join("link")).expect("links");
    for options in threads() {
        let visit = |entry: &Entry, source: &dyn Source| {
            assert_ne!(entry.path.as_str(), "b/x", "as a visitor should not");
            source.read_vec(0, 9).expect("reads")
        };
        let roots: Vec<PathBuf> = vec![tree.root().into(), tree.root().join("pipe")];
        let seen = each_file(&roots, &options, visit, &()).expect("is there");
        let seen: Vec<(&str, _)> = seen
            .iter()
            .map(|(entry, result)| (entry.path.as_str(), result.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", Ok(&b"a"[..])),
                ("b/x", Err(&Unreadable::Panicked)),
                ("b/y", Ok(b"b/y")),
                ("c", Ok(b"c")),
            ]
        );
        let alone = each_file(&[tree.root().join("pipe")], &options, visit, &()).expect("is there");
        assert_eq!(
            alone.len(),
            1,
            "what is named is never passed over in silence"
        );
        assert!(matches!(alone[0].1, Err(Unreadable::Special(_))));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_with_more_bytes_than_it_has_is_not_vouched_for() {
    // What the kernel makes up has a length of zero, and content.
    let status: PathBuf = "/proc/self/status".into();
    let seen = each_file(&[status], &threads()[0], |_, _| (), &()).expect("is there");
    assert_eq!(seen[0].1, Err(Unreadable::Changed));
}

#[test]
fn a_deep_tree_is_assessed_with_few_descriptors() {
    let mut tree = Tree::new();
    tree.deep(600, "d");
    let inventory = assess(tree.root(), &threads()[1], &[], &[], &()).expect("is there");
    let documents = inventory.kinds.values().map(|tally| tally.files);
    assert_eq!(documents.sum::<u64>(), 600);
    assert_eq!(inventory.outcomes, []);
}

#[test]
fn an_inventory_reads_as_its_snapshot_says() {
    let tree = Tree::new();
    tree.write("train.py", b"import torch\nloss.backward()\n");
    tree.write(
        "infra/main.tf",
        b"resource \"aws_s3_bucket\" \"models\" {\n}\n",
    );
    tree.write("notes.txt", b"hello\n");
    symlink("notes.txt", tree.root().join("link")).expect("links");
    let inventory = assessed(&tree, &[]);
    let root = tree.root().display().to_string();
    let text = format!(
        "{:#?}\n{:#?}\n{:#?}",
        inventory.assets, inventory.outcomes, inventory.kinds
    );
    insta::assert_snapshot!(text.replace(&root, "ROOT"));
}

/// Says of each text which other texts there are.
struct Together;

impl Survey for Together {
    fn name(&self) -> &'static str {
        "together"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn rules(&self) -> &[Rule] {
        &[]
    }

    fn read(&self, subject: &Subject, source: &dyn Source) -> Option<Reading> {
        let is_text = subject.path.as_str().ends_with(".txt");
        assert!(!source.is_empty(), "falls over what is empty");
        is_text.then(|| Box::new(subject.clone()) as Reading)
    }

    fn judge(&self, readings: Vec<Reading>) -> Vec<Option<Outcome>> {
        let subjects: Vec<Subject> = readings
            .into_iter()
            .map(|reading| *reading.downcast().expect("its own"))
            .collect();
        let paths: Vec<&str> = subjects.iter().map(|it| it.path.as_str()).collect();
        assert!(!paths.contains(&"b/fall.txt"), "falls over a name");
        let outcome = |subject: &Subject| {
            let outcome = Outcome {
                result: Status::Undetermined,
                reason: Some(paths.join(" ")),
                ..outcome_of(self, subject)
            };
            (subject.path.as_str() != "b/aside.txt").then_some(outcome)
        };
        subjects.iter().map(outcome).collect()
    }
}

#[test]
fn what_is_given_is_judged_like_a_file_and_apart_from_the_tree() {
    let tree = Tree::new();
    tree.write("a.txt", b"text");
    let object = |name: &str| {
        let mut subject = Subject::of_file("local", name.into(), name.into(), Digest::of(b"text"));
        subject.asset.id = AssetId::Kubernetes {
            cluster: "prod".to_owned(),
            namespace: "ml".to_owned(),
            kind: "pod".to_owned(),
            name: name.to_owned(),
        };
        Given {
            subject,
            bytes: b"text".to_vec(),
        }
    };
    let given = [object("clusters/y.txt"), object("clusters/x.txt")];
    let check = Told(|_: &str, _: &dyn Source| Some(Status::Pass));
    let judges = Judges {
        checks: &[&check],
        surveys: &[&Together],
        ..Judges::default()
    };
    for options in &threads() {
        let of = |root| casemate_inventory::assess_with(root, &given, options, &judges, &());
        let both = of(Some(tree.root())).expect("is there");
        assert_eq!((both.files, both.bytes), (3, 12));
        let reasons = both.outcomes.iter().filter_map(|it| it.reason.as_deref());
        let apart = "clusters/y.txt clusters/x.txt";
        assert_eq!(reasons.collect::<Vec<_>>(), ["a.txt", apart, apart]);
        let checked = both.populations.iter().filter(|it| it.key.check == "told");
        assert_eq!(checked.map(|it| it.count).sum::<u64>(), 3);
        let alone = of(None).expect("no tree");
        assert_eq!((alone.files, alone.outcomes.len()), (2, 2));
        assert_eq!(alone.outcomes[0].subject, given[0].subject.asset.id);
    }
}

/// Reads nothing, and counts how often it is asked to judge.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Survey for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn rules(&self) -> &[Rule] {
        &[]
    }

    fn read(&self, _: &Subject, _: &dyn Source) -> Option<Reading> {
        None
    }

    fn judge(&self, _: Vec<Reading>) -> Vec<Option<Outcome>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    }
}

#[test]
fn surveys_judge_a_tree_once() {
    let tree = Tree::new();
    tree.write("a.txt", b"text");
    let counting = Counting::default();
    let judges = Judges {
        surveys: &[&counting],
        ..Judges::default()
    };
    let inventory = casemate_inventory::assess(tree.root(), &threads()[0], &judges, &());
    assert_eq!(inventory.expect("is there").files, 1);
    assert_eq!(counting.0.load(Ordering::Relaxed), 1);
}

fn outcome_of(survey: &dyn Survey, subject: &Subject) -> Outcome {
    Outcome {
        check: survey.name().to_owned(),
        version: survey.version().to_owned(),
        subject: subject.asset.id.clone(),
        name: subject.asset.name.clone(),
        input: Some(subject.digest),
        result: Status::Pass,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings: Vec::new(),
    }
}

#[test]
fn a_survey_judges_files_together_in_the_order_of_their_paths() {
    let tree = Tree::new();
    for name in ["c.txt", "a.txt", "b/aside.txt", "b/d.txt", "z.py"] {
        tree.write(name, b"text");
    }
    let judges = Judges {
        surveys: &[&Together],
        ..Judges::default()
    };
    let told = |inventory: &Inventory| -> Vec<String> {
        let said = inventory.outcomes.iter().map(|outcome| {
            format!(
                "{} {} {:?}",
                outcome.check,
                outcome.result.as_str(),
                outcome.reason
            )
        });
        said.collect()
    };
    for options in &threads() {
        let inventory = casemate_inventory::assess(tree.root(), options, &judges, &());
        let inventory = inventory.expect("is there");
        let expected = "together undetermined Some(\"a.txt b/aside.txt b/d.txt c.txt\")";
        assert_eq!(told(&inventory), [expected; 3]);
        let is_told = |population: &&Population| population.key.check == "together";
        assert_eq!(inventory.populations.iter().filter(is_told).count(), 1);
    }

    // What falls over one file, or over all, is an error of those files and not of the run.
    tree.write("empty.txt", b"");
    tree.write("b/fall.txt", b"text");
    let inventory = casemate_inventory::assess(tree.root(), &threads()[0], &judges, &());
    let inventory = inventory.expect("is there");
    assert_eq!(inventory.outcomes.len(), 6);
    assert!(inventory.outcomes.iter().all(|outcome| {
        outcome.result == Status::Error && outcome.findings[0].rule.as_str() == "CM-INV-004"
    }));
}
