//! What a walk finds, and what it does not let itself be led into.

mod tree;

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    path::PathBuf,
};

use casemate_inventory::{
    Entry, EntryKind, InventoryError, Listing, Options, Unreadable, files, walk,
};

use tree::{Tree, threads};

fn listed(tree: &Tree) -> Listing {
    walk(tree.root(), &Options::default(), &()).expect("the root is there")
}

fn paths(listing: &Listing) -> Vec<String> {
    listing
        .entries()
        .map(|entry| entry.path.as_str().to_owned())
        .collect()
}

#[test]
fn entries_are_sorted_by_the_text_of_their_paths() {
    let tree = Tree::new();
    for path in ["a/z", "a.b", "a-/c", "a/b/c", "B", "%41", "a b"] {
        tree.write(path, b"");
    }
    tree.write_bytes(b"\xff", b"");
    tree.write_bytes(b"a\xfe/x", b"");
    let found = paths(&listed(&tree));
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found, sorted);
    assert_eq!(found.len(), 9);
}

#[test]
fn names_that_are_not_utf8_are_kept_byte_for_byte() {
    let tree = Tree::new();
    let name = b"mod\xe8le \xff\n\x1b[31m.pkl";
    tree.write_bytes(name, b"");
    let entries: Vec<Entry> = listed(&tree).entries().collect();
    assert_eq!(entries[0].path.to_bytes(), name);
    let whole = [tree.root().as_os_str().as_bytes(), b"/", name].concat();
    assert_eq!(entries[0].file.to_bytes(), whole);
}

#[test]
fn links_are_recorded_and_not_followed() {
    let tree = Tree::new();
    tree.write("d/file", b"x");
    symlink("..", tree.root().join("d/loop")).expect("links");
    symlink("loop", tree.root().join("loop")).expect("links");
    symlink("/etc", tree.root().join("etc")).expect("links");
    symlink("d/file", tree.root().join("to-file")).expect("links");
    let listing = listed(&tree);
    assert_eq!(
        paths(&listing),
        ["d/file", "d/loop", "etc", "loop", "to-file"]
    );
    let links = listing
        .entries()
        .filter(|entry| entry.kind == EntryKind::Symlink);
    assert_eq!((links.count(), listing.files()), (4, 1));
}

#[test]
fn a_link_that_the_caller_names_is_followed() {
    let tree = Tree::new();
    tree.write("real/file", b"x");
    let link = tree.root().join("link");
    symlink("real", &link).expect("links");
    let listing = walk(&link, &Options::default(), &()).expect("the root is there");
    assert_eq!(paths(&listing), ["file"]);
    let to_file = tree.root().join("to-file");
    symlink("real/file", &to_file).expect("links");
    let listing = walk(&to_file, &Options::default(), &()).expect("the root is there");
    let entries: Vec<Entry> = listing.entries().collect();
    assert_eq!((entries.len(), entries[0].kind), (1, EntryKind::File));
    assert_eq!(entries[0].path.as_str(), "to-file");
}

#[test]
fn pipes_sockets_and_devices_are_named_for_what_they_are() {
    let tree = Tree::new();
    tree.fifo("pipe");
    let _listener = UnixListener::bind(tree.root().join("socket")).expect("binds");
    let kinds: Vec<EntryKind> = listed(&tree).entries().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Fifo, EntryKind::Socket]);
    let null = walk("/dev/null".as_ref(), &Options::default(), &()).expect("is there");
    let kinds: Vec<EntryKind> = null.entries().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Device]);
}

#[test]
fn a_missing_root_is_an_error_that_names_it() {
    let error = walk("/nowhere/at all".as_ref(), &Options::default(), &()).expect_err("is missing");
    assert!(matches!(error, InventoryError::Root { .. }));
    assert!(error.to_string().contains("/nowhere/at all"), "{error}");
}

#[test]
fn a_sparse_file_of_ten_gigabytes_is_listed_with_its_length() {
    let tree = Tree::new();
    let file = fs::File::create(tree.root().join("weights.bin")).expect("creates");
    file.set_len(10 << 30).expect("makes a hole");
    let listing = listed(&tree);
    assert_eq!((listing.files(), listing.bytes()), (1, 10 << 30));
}

#[test]
fn twenty_thousand_files_in_one_directory_are_all_found() {
    let tree = Tree::new();
    for n in 0..20_000 {
        fs::File::create(tree.root().join(format!("{n:05}"))).expect("creates");
    }
    let found = paths(&listed(&tree));
    let expected: Vec<String> = (0..20_000).map(|n| format!("{n:05}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_tree_deeper_than_any_path_may_be_long_is_walked_to_its_end() {
    let mut tree = Tree::new();
    tree.deep(5_000, "d");
    for threads in threads() {
        let listing = walk(tree.root(), &threads, &()).expect("the root is there");
        let deepest = listing.entries().next().expect("has files");
        assert_eq!(listing.files(), 5_000);
        assert_eq!(deepest.path.as_str().len(), "d/".len() * 5_000 + 1);
    }
}

#[test]
fn a_tree_with_absurdly_long_paths_is_cut_and_says_so() {
    let mut tree = Tree::new();
    tree.deep(330, &"n".repeat(200));
    let listing = listed(&tree);
    let faults: Vec<Option<&Unreadable>> = (0..listing.len()).map(|at| listing.fault(at)).collect();
    // 326 names of 200 bytes and the slashes between them are the first above 65536.
    assert_eq!(faults.iter().flatten().count(), 1);
    assert!(faults.contains(&Some(&Unreadable::TooDeep)));
    assert_eq!(listing.files(), 326);
}

#[test]
fn what_is_to_be_skipped_is_left_out_and_reported() {
    let tree = Tree::new();
    tree.write("report/index.html", b"x");
    tree.write("a/report.json", b"x");
    tree.write("a/kept", b"x");
    tree.write("report/kept", b"x");
    let options = Options {
        skip: vec![
            tree.root().join("report/../report"),
            tree.root().join("report/../report/index.html"),
            tree.root().join("a/report.json"),
            tree.root().join("not there"),
        ],
        ..Options::default()
    };
    let listing = walk(tree.root(), &options, &()).expect("the root is there");
    assert_eq!(paths(&listing), ["a/kept", "report/kept"]);
    let skipped: Vec<&str> = listing
        .skipped()
        .iter()
        .map(|path| path.file_name())
        .collect();
    assert_eq!(skipped, ["report.json", "index.html"]);
}

#[test]
fn a_hard_link_to_what_is_skipped_is_not_skipped() {
    let tree = Tree::new();
    tree.write("report/index.html", b"x");
    let report = tree.root().join("report/index.html");
    fs::hard_link(&report, tree.root().join("model.pkl")).expect("a link");
    let options = Options {
        skip: vec![report],
        ..Options::default()
    };
    let listing = walk(tree.root(), &options, &()).expect("the root is there");
    assert_eq!(paths(&listing), ["model.pkl"]);
}

#[test]
fn each_file_is_found_once_however_often_it_is_named() {
    let tree = Tree::new();
    tree.write("a/x", b"x");
    tree.write("b/y", b"y");
    fs::hard_link(tree.root().join("b/y"), tree.root().join("b/z")).expect("links");
    let named = |names: &[&str]| -> Vec<PathBuf> {
        names.iter().map(|name| tree.root().join(name)).collect()
    };
    let roots = named(&["b/y", "a", "a/x", "b", "a/../a", "a"]);
    let listing = files(&roots, &Options::default(), &()).expect("all are there");
    assert_eq!(paths(&listing), ["x", "y", "z"]);
    let names: Vec<PathBuf> = named(&["b/z", "b/y"]);
    let listing = files(&names, &Options::default(), &()).expect("all are there");
    assert_eq!(paths(&listing), ["z", "y"]);
}
