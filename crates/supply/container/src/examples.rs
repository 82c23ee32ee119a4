//! The rules' examples: each bad one is reported, each good one is not, and each is what it says.

use std::{collections::BTreeMap, io::Write};

use crate::{
    rules,
    testing::{Entry, SevenZip, Zip, pax, small_budget, survey, tar, tar_entry, tar_entry_of_size},
};

#[test]
fn every_rule_reports_its_bad_example_and_passes_its_good_one() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let reports = |content: &[u8]| {
            let found = survey(content, &small_budget());
            found.iter().any(|anomaly| anomaly.rule.id == rule.id)
        };
        let bad = rule.bad.as_ref().expect("an example");
        let good = rule.good.as_ref().expect("an example");
        if !reports(&bad.content) {
            wrong.push(format!("{} is not reported", bad.name));
        }
        if reports(&good.content) {
            wrong.push(format!("{} is reported", good.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn good_examples_break_no_rule() {
    for rule in rules() {
        let good = rule.good.as_ref().expect("an example");
        let found = survey(&good.content, &small_budget());
        let ids: Vec<_> = found.iter().map(|anomaly| &anomaly.rule.id).collect();
        assert!(ids.is_empty(), "{}: {ids:?}", good.name);
    }
}

#[test]
fn rules_are_numbered_without_holes_and_say_what_to_do() {
    let mut last = BTreeMap::new();
    for rule in rules() {
        let number: u32 = rule.id.as_str()[rule.id.as_str().len() - 3..]
            .parse()
            .expect("digits");
        let before = last.insert(rule.id.family().to_owned(), number);
        assert_eq!(number, before.unwrap_or(0) + 1, "{}", rule.id);
        assert!(rule.remediation.ends_with('.') && !rule.remediation.contains('\n'));
        assert!(
            rule.references.iter().all(|r| r.url().is_some()),
            "{}",
            rule.id
        );
    }
}

/// `CASEMATE_WRITE_EXAMPLES=1` writes them.
#[test]
fn example_files_are_what_their_builders_make() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let built = built();
    if std::env::var_os("CASEMATE_WRITE_EXAMPLES").is_some() {
        for (name, content) in &built {
            std::fs::write(folder.join(name), content).expect("a writable checkout");
        }
    }
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder of examples")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, built.keys().copied().collect::<Vec<_>>());
    for rule in rules() {
        for example in [&rule.bad, &rule.good].into_iter().flatten() {
            let made = &built[example.name.as_ref()];
            assert!(
                made.as_slice() == example.content.as_ref(),
                "{}",
                example.name
            );
        }
    }
}

fn built() -> BTreeMap<&'static str, Vec<u8>> {
    let mut files = BTreeMap::from([
        ("CM-ZIP-000.good", plain().build()),
        ("CM-TAR-000.good", tar(&tar_plain())),
        ("CM-GZIP-000.good", gzip(b"weights\n")),
        ("CM-SVZ-000.good", seven_zip_plain().build()),
    ]);
    files.extend(zips().map(|(name, zip)| (name, zip.build())));
    files.extend(archives());
    files.extend(tars());
    files.extend(streams());
    files.extend(seven_zips());
    files
}

/// What a torch archive looks like.
fn plain() -> Zip {
    Zip::of([
        Entry::torch("model/data.pkl", b"\x80\x02}q\x00."),
        Entry::torch("model/data/0", &[0x3f; 16]),
        Entry::deflated("model/version", b"3\n"),
    ])
}

fn zips() -> [(&'static str, Zip); 18] {
    let payload = b"cos\nsystem\n(S'id'\ntR.";
    let extra = || Entry::stored("model/extra.pkl", payload);
    let with = |entry: Entry| plain().with(|zip| zip.entries.push(entry));
    let plain_entry = || Entry::stored("model/data.pkl", b"\x80\x02}q\x00.");
    let rename = |entry: &mut Entry| entry.local.name = b"model/extra.txt".to_vec();
    let flag = |fields: &mut crate::testing::Fields| fields.flags |= 1;
    let overlap = Zip::of([
        Entry::stored("a", &Zip::of([Entry::stored("b", b"shared")]).build()),
        Entry::stored("b", b"shared").with(|entry| {
            entry.written = false;
            entry.offset = Some(31);
        }),
    ]);
    let nowhere = extra().with(|entry| {
        entry.written = false;
        entry.offset = Some(7);
    });
    let encrypted = Entry::stored("model/extra.pkl", b"0123456789abcypher").both(|fields| {
        fields.flags |= 1;
        fields.size = 6;
    });
    let two = |zip: &mut Zip| {
        zip.entries.push(extra().with(|entry| entry.listed = false));
        zip.after = other_end(zip);
    };
    [
        (
            "CM-ZIP-001.bad",
            with(extra().with(|entry| entry.listed = false)),
        ),
        ("CM-ZIP-002.bad", with(extra().with(rename))),
        (
            "CM-ZIP-003.bad",
            with(extra().with(|entry| entry.local.method = 8)),
        ),
        ("CM-ZIP-004.bad", with(extra().both(flag))),
        ("CM-ZIP-005.bad", with(encrypted)),
        ("CM-ZIP-006.bad", with(plain_entry())),
        ("CM-ZIP-007.bad", overlap),
        ("CM-ZIP-008.bad", with(nowhere)),
        (
            "CM-ZIP-009.bad",
            plain().with(|zip| zip.no_directory = true),
        ),
        ("CM-ZIP-010.bad", plain().with(two)),
        ("CM-ZIP-011.bad", plain().with(|zip| zip.count = Some(2))),
        (
            "CM-ZIP-012.bad",
            plain().with(|zip| zip.before = payload.to_vec()),
        ),
        (
            "CM-ZIP-013.bad",
            plain().with(|zip| zip.after = payload.to_vec()),
        ),
        (
            "CM-ZIP-014.bad",
            plain().with(|zip| zip.between = payload.to_vec()),
        ),
        (
            "CM-ZIP-015.bad",
            with(extra().both(|fields| fields.method = 98)),
        ),
        (
            "CM-ZIP-016.bad",
            with(extra().both(|fields| fields.crc ^= 1)),
        ),
        (
            "CM-ZIP-017.bad",
            with(Entry::deflated("model/extra.pkl", payload).with(|entry| {
                entry.body.extend(payload);
                let packed = crate::testing::len32(&entry.body);
                (entry.local.packed, entry.central.packed) = (packed, packed);
            })),
        ),
        (
            "CM-ZIP-018.bad",
            with(extra().with(|entry| entry.mode = 0o120_777)),
        ),
    ]
}

/// A second directory for the bytes of `zip`, which lists the first member only.
fn other_end(zip: &Zip) -> Vec<u8> {
    let whole = zip.build();
    let mut first = zip.entries[0].clone();
    first.written = false;
    first.offset = Some(0);
    let mut end = Zip::of([first]).build();
    // The directory stands where the first archive ends.
    let at = end.len() - 6;
    end[at..at + 4].copy_from_slice(&crate::testing::len32(&whole).to_le_bytes());
    end
}

fn archives() -> Vec<(&'static str, Vec<u8>)> {
    let with = |entry| plain().with(|zip| zip.entries.push(entry)).build();
    let mut deep = plain().build();
    for _ in 0..3 {
        deep = Zip::of([Entry::stored("inner.zip", &deep)]).build();
    }
    let link = |target: &str| tar(&[tar_entry("model/latest", b'2', target, b"")]);
    vec![
        ("CM-ARC-001.bad", with(Entry::stored("../.bashrc", b"curl"))),
        ("CM-ARC-002.bad", link("../../etc/passwd")),
        ("CM-ARC-002.good", link("../checkpoints/7")),
        ("CM-ARC-003.bad", link("/etc/passwd")),
        (
            "CM-ARC-004.bad",
            with(Entry::deflated("zeros.npy", &[0; 16 << 10])),
        ),
        ("CM-ARC-005.bad", deep),
        (
            "CM-ARC-006.bad",
            Zip::of((0..9).map(|n| Entry::stored(&n.to_string(), b""))).build(),
        ),
        (
            "CM-ARC-007.bad",
            with(Entry::stored("data.pkl\0.txt", b"x")),
        ),
        (
            "CM-ARC-008.bad",
            tar(&[tar_entry("model/pipe", b'6', "", b"")]),
        ),
    ]
}

fn tar_plain() -> Vec<Vec<u8>> {
    vec![
        tar_entry("model/", b'5', "", b""),
        tar_entry("model/data.pkl", b'0', "", b"\x80\x02}q\x00."),
        tar_entry("model/readme", b'0', "", b"A model.\n"),
    ]
}

fn tars() -> Vec<(&'static str, Vec<u8>)> {
    let payload = b"cos\nsystem\n(S'id'\ntR.";
    let with = |entry: Vec<u8>| tar(&[tar_plain(), vec![entry]].concat());
    let mut broken = tar_plain();
    broken[1][0] ^= 1;
    let inner = tar_entry("hidden.pkl", b'0', "", payload);
    let sizes = [
        tar_entry("pax", b'x', "", &pax("size", &inner.len().to_string())),
        tar_entry_of_size("model/extra", b'0', "", &inner, b"00000000000\0"),
    ];
    vec![
        ("CM-TAR-001.bad", tar(&broken)),
        ("CM-TAR-002.bad", tar_plain().concat()),
        ("CM-TAR-003.bad", with(sizes.concat())),
        (
            "CM-TAR-004.bad",
            tar(&[tar(&tar_plain()), tar_entry("late", b'0', "", payload)]),
        ),
        ("CM-TAR-005.bad", with(tar_entry("holes", b'S', "", b""))),
        (
            "CM-TAR-006.bad",
            with(tar_entry("model/readme", b'0', "", b"Another.\n")),
        ),
        (
            "CM-TAR-007.bad",
            [tar(&tar_plain()), payload.to_vec()].concat(),
        ),
    ]
}

fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let good = gzip(b"weights\n");
    let mut wrong = good.clone();
    let at = wrong.len() - 8;
    wrong[at] ^= 1;
    vec![
        (
            "CM-GZIP-001.bad",
            [good, b"cos\nsystem\n".to_vec()].concat(),
        ),
        ("CM-GZIP-002.bad", wrong),
    ]
}

fn seven_zip_plain() -> SevenZip {
    SevenZip::of([
        ("model/data.pkl", b"\x80\x02}q\x00.".as_slice()),
        ("model/version", b"3\n".as_slice()),
    ])
}

fn seven_zips() -> Vec<(&'static str, Vec<u8>)> {
    let with = |change: fn(&mut SevenZip)| {
        let mut archive = seven_zip_plain();
        change(&mut archive);
        archive.build()
    };
    vec![
        (
            "CM-SVZ-001.bad",
            with(|archive| archive.method = vec![6, 0xf1, 7, 1]),
        ),
        (
            "CM-SVZ-002.bad",
            with(|archive| archive.method = vec![3, 4, 1]),
        ),
        (
            "CM-SVZ-003.bad",
            with(|archive| archive.members[1].0 = "model/data.pkl".to_owned()),
        ),
        ("CM-SVZ-004.bad", with(|archive| archive.crc ^= 1)),
        (
            "CM-SVZ-005.bad",
            with(|archive| archive.gap = b"cos\nsystem\n".to_vec()),
        ),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new()
        .filename("weights.txt")
        .write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
