//! What `torch.save` has written since version 1.6: a zip with one folder, in it `data.pkl` and a
//! record for each storage. A folder `code` makes it TorchScript.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    io,
};

use casemate_container::{Contents, Member};
use casemate_core::{Reference, Rule, Severity};

use crate::{
    Verdict,
    examine::Examiner,
    formats::torchscript::{self, Script},
    notes::plain,
    pickle::{self, Persistence, storage::Storage},
    rules::{example, rule},
};

/// The folder of a zip that torch has written, with its slash; nothing for any other zip.
pub(crate) fn folder<'c>(contents: &'c Contents<'_>) -> Option<&'c str> {
    folder_of("data.pkl", contents)
}

/// The folder that a record is in.
pub(crate) fn folder_of<'c>(record: &str, contents: &'c Contents<'_>) -> Option<&'c str> {
    let names = contents.members.iter().map(|member| member.name.as_str());
    names
        .filter_map(|name| name.split_at_checked(name.len().checked_sub(record.len())?))
        .filter(|(_, last)| last.eq_ignore_ascii_case(record))
        .map(|(folder, _)| folder)
        .find(|folder| folder.is_empty() || folder.ends_with('/'))
}

/// The name of a record: torch looks records up in the archive's folder, which is that of the first
/// of them, and takes capital letters for small ones.
pub(crate) fn record(name: &str, folder: &str) -> String {
    let below = |name| str::split_once(name, '/').map(|(_, below)| below);
    let inside = name.strip_prefix(folder).or_else(|| below(name));
    inside.unwrap_or(name).to_ascii_lowercase()
}

/// Judges an opened zip, and gives its format.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    contents: &Contents<'_>,
    folder: &str,
    examiner: &mut Examiner<'_, '_>,
    depth: u8,
) -> io::Result<&'static str> {
    let mut storages: BTreeMap<String, Storage> = BTreeMap::new();
    let mut rest = Vec::new();
    let mut pickles = Vec::new();
    let mut script = Script::default();
    let mut is_script = false;
    let mut names: HashMap<String, &str> = HashMap::new();
    for member in files(contents) {
        let name = member.name.as_str();
        let inside = record(name, folder);
        if names
            .insert(inside.clone(), name)
            .is_some_and(|other| other != name)
        {
            let name = plain(name);
            let message = format!("torch may take the record {name} for another one");
            let notes = &mut examiner.notes;
            notes.observe(&RECORD, Verdict::Unknown, member.region(), name, message);
        }
        is_script |= inside.starts_with("code/") || inside == BYTECODE;
        if Script::is_code(&inside) {
            examiner.with_member(member, |examiner, source| {
                let spelled = name.get(name.len() - inside.len()..).unwrap_or_default();
                script.read(spelled, name, source, examiner, depth)
            })?;
        } else if inside.ends_with(".pkl") {
            // Whatever the folder: torch reads the records it finds, and others read other ones.
            pickles.push((inside, member));
        } else {
            rest.push((inside, member));
        }
    }
    script.conclude(examiner);
    let mut states = BTreeSet::new();
    let own = is_script.then(|| script.allowlist(examiner.allowlist));
    for (inside, member) in pickles {
        let allowlist = own.as_ref().unwrap_or(examiner.allowlist);
        let found = examiner.with_member(member, |examiner, source| {
            if inside == BYTECODE {
                torchscript::bytecode(source, examiner)?;
            }
            let extent = pickle::Extent::Everything;
            let notes = &mut examiner.notes;
            let torch = Persistence::Torch;
            let scanned = pickle::scan(source, 0, extent, torch, allowlist, notes, depth)?;
            Ok((scanned.storages, scanned.scripts))
        })?;
        let (storages_of, scripts) = found.unwrap_or_default();
        states.extend(scripts);
        // The storages of `a.pkl` stand under `a`.
        let records = inside.strip_suffix(".pkl").unwrap_or(&inside);
        for storage in storages_of {
            let record = format!("{records}/{}", storage.key).to_ascii_lowercase();
            // torch makes a storage as large as its first mention says; others take another one.
            match storages.entry(record) {
                Entry::Vacant(place) => _ = place.insert(storage),
                Entry::Occupied(mut place) => {
                    let known = place.get().bytes;
                    if known.is_some_and(|known| storage.bytes.is_none_or(|bytes| bytes > known)) {
                        place.insert(storage);
                    }
                }
            }
        }
    }
    script.note_references(&states, examiner);
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for (inside, member) in &rest {
        if let Some(size) = member.size {
            sizes.insert(inside, size);
        }
    }
    for (record, storage) in &storages {
        // Constants of TorchScript stand with the other tensors in some versions.
        let short = record.rsplit('/').next().unwrap_or(record);
        let size = sizes
            .get(record.as_str())
            .or_else(|| sizes.get(format!("tensors/{short}").as_str()));
        note_storage(record, storage, size.copied(), examiner);
    }
    for (inside, member) in rest {
        let inside = inside.as_str();
        if storages.contains_key(inside) {
            examiner.raw_member(member, depth)?;
            continue;
        }
        note_word(inside, member, examiner)?;
        let belongs = is_bookkeeping(inside) && member.size.is_some_and(|size| size <= 256);
        if !belongs && (inside.starts_with("data/") || inside.starts_with("tensors/")) {
            let name = plain(member.name.as_str());
            let message = format!("no tensor refers to the record {name}");
            let notes = &mut examiner.notes;
            notes.observe(&RECORD, Verdict::Unknown, member.region(), name, message);
        }
        examiner.member(member, depth)?;
    }
    Ok(if is_script {
        "torchscript"
    } else {
        "torch-zip"
    })
}

fn files<'c, 'a>(contents: &'c Contents<'a>) -> impl Iterator<Item = &'c Member<'a>> {
    let members = contents.members.iter();
    members.filter(|member| member.holds_bytes())
}

fn note_storage(
    record: &str,
    storage: &Storage,
    size: Option<u64>,
    examiner: &mut Examiner<'_, '_>,
) {
    let name = plain(record);
    let (verdict, message) = match (size, storage.bytes) {
        (None, _) => {
            let leads_out = record.split('/').any(|part| part == "..");
            let message = format!("a tensor refers to the record {name}, which is not in the file");
            match leads_out {
                true => (Verdict::Dangerous, message),
                false => (Verdict::Unknown, message),
            }
        }
        (Some(_), None) => {
            let message = format!("the record {name} is a storage of a type that is not known");
            (Verdict::Unknown, message)
        }
        // Of the inputs that a model was traced with, torch keeps the shapes.
        (Some(0), _) if record.starts_with("traced_inputs/") => return,
        (Some(size), Some(bytes)) if bytes > size => {
            let message =
                format!("a tensor takes {bytes} bytes of the record {name}, which has {size}");
            (Verdict::Dangerous, message)
        }
        _ => return,
    };
    let region = crate::notes::bytes(storage.at, 1);
    let notes = &mut examiner.notes;
    notes.observe(&STORAGE, verdict, region, name, message);
}

/// Notes a record that should hold a number or a word, and does not.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn note_word(
    inside: &str,
    member: &Member<'_>,
    examiner: &mut Examiner<'_, '_>,
) -> io::Result<()> {
    // Programs of old versions have two numbers.
    let is_number = |text: &[u8]| {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        !text.is_empty() && text.iter().all(is_digit)
    };
    let is_sound: fn(&[u8]) -> bool = match inside {
        "byteorder" => |text| matches!(text, b"little" | b"big"),
        "archive_format" => |text| text == b"pt2",
        _ if is_bookkeeping(inside) => is_number,
        _ => return Ok(()),
    };
    let text = examiner.with_member(member, |_, source| source.read_vec(0, LONGEST_WORD + 1))?;
    let text = text.unwrap_or_default();
    if text.len() > LONGEST_WORD || !is_sound(text.trim_ascii_end()) {
        let name = plain(member.name.as_str());
        let message = format!("the record {name} does not say what torch writes there");
        let notes = &mut examiner.notes;
        // Numbers of versions are others' too; there are two orders of bytes.
        let verdict = match inside {
            "byteorder" => Verdict::Dangerous,
            _ => Verdict::Unknown,
        };
        notes.observe(&WORD, verdict, member.region(), name, message);
    }
    Ok(())
}

/// Records that hold a number or a word.
fn is_bookkeeping(inside: &str) -> bool {
    matches!(
        inside,
        "version"
            | "byteorder"
            | ".format_version"
            | ".storage_alignment"
            | ".data/serialization_id"
            | ".data/version"
            | "archive_version"
    )
}

pub(crate) static STORAGE: Rule = rule(
    "CM-PTH-001",
    "A tensor's storage is not what the file says",
    Severity::Medium,
    "A tensor refers to a storage that is missing, or smaller than the tensor takes. Loaders have \
     been made to read and write memory that is not theirs this way.",
    "Save the model again with a current torch.",
    const {
        &[
            Reference::new("CWE-125"),
            Reference::new("CWE-787"),
            Reference::new("AML.T0076"),
            Reference::new("LLM03:2025"),
            Reference::new("CVE-2026-24747"),
        ]
    },
    example(
        "model.pt",
        include_bytes!("../../fixtures/storage-missing.pt"),
    ),
    example("model.pt", include_bytes!("../../fixtures/storage.pt")),
);

pub(crate) static RECORD: Rule = rule(
    "CM-PTH-002",
    "A record that no tensor refers to",
    Severity::Medium,
    "The archive has a record in the place of a tensor's bytes, and the pickle does not mention it. \
     torch ignores it; something else may not.",
    "Save the model again with a current torch.",
    const {
        &[
            Reference::new("CWE-436"),
            Reference::new("AML.T0074"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.pt",
        include_bytes!("../../fixtures/record-unused.pt"),
    ),
    example("model.pt", include_bytes!("../../fixtures/storage.pt")),
);

static WORD: Rule = rule(
    "CM-PTH-006",
    "The archive does not say how to read it",
    Severity::Medium,
    "A record in which torch writes one word or number, such as the order of bytes or the version, \
     holds something else. Readers disagree about what the tensors are, or refuse the file.",
    "Save the model again with a current torch.",
    const {
        &[
            Reference::new("CWE-436"),
            Reference::new("CWE-20"),
            Reference::new("AML.T0076"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.pt",
        include_bytes!("../../fixtures/order-unknown.pt"),
    ),
    example("model.pt", include_bytes!("../../fixtures/script.pt")),
);

pub(crate) static RULES: &[&Rule] = &[&STORAGE, &RECORD, &WORD];

/// The identifier of a serialisation has 40 digits.
const LONGEST_WORD: usize = 64;

const BYTECODE: &str = "bytecode.pkl";
