//! What `torch.export.save` writes: a zip with a graph in JSON, the tensors' bytes, pickles of what
//! is neither, and compiled libraries where it holds a package of AOTInductor.
//!
//! The names are those of `torch/csrc/export/pt2_archive_constants.h`. Archives before torch 2.7
//! have the graph in `serialized_exported_program.json`, and the rest in checkpoints beside it.

mod evaluated;
mod growth;
mod payload;

use std::{collections::BTreeMap, io};

use casemate_container::{Contents, Member};
use casemate_core::{Reference, Rule, Severity, Source};

use self::payload::Payload;
use crate::{
    Allowlist, Verdict,
    cursor::Cursor,
    examine::Examiner,
    formats::{
        torch_zip::{self, RECORD, STORAGE},
        torchscript::note_operator,
    },
    json::{Json, JsonError, Token},
    notes::{Notes, bytes, plain},
    operators::Operator,
    rules::{example, rule},
};

/// The folder of a zip that is an exported program, with its slash; nothing for any other zip.
pub(crate) fn folder<'c>(contents: &'c Contents<'_>) -> Option<&'c str> {
    let new = torch_zip::folder_of("archive_format", contents);
    new.or_else(|| torch_zip::folder_of(OLD_PROGRAM, contents))
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
    let mut payloads: BTreeMap<String, Payload> = BTreeMap::new();
    let mut rest = Vec::new();
    for member in contents
        .members
        .iter()
        .filter(|member| member.holds_bytes())
    {
        let name = member.name.as_str();
        let inside = torch_zip::record(name, folder);
        let is_graph = inside.starts_with("models/") || inside == OLD_PROGRAM;
        let place = PLACES.iter().find(|place| inside.starts_with(*place));
        let is_config = place.is_some() && inside.ends_with(".json");
        if !is_graph && !is_config {
            rest.push((inside, member, place.is_some()));
            continue;
        }
        let read = examiner.with_member(member, |examiner, source| {
            if is_graph {
                program(source, examiner)?;
                return examiner.look(source, depth).map(|_| BTreeMap::new());
            }
            examiner.look(source, depth)?;
            payload::read(source, &mut examiner.notes)
        })?;
        for (name, payload) in read.unwrap_or_default() {
            let record = format!("{}{name}", place.copied().unwrap_or_default());
            let record = record.to_ascii_lowercase();
            if !payload::add(&mut payloads, record, &payload) {
                examiner.notes.leave_out("pt2", None, payload::FULL);
            }
        }
    }
    for (inside, member, is_placed) in rest {
        let inside = inside.as_str();
        torch_zip::note_word(inside, member, examiner)?;
        match payloads.get(inside) {
            Some(payload) if !payload.is_pickled => {
                note_reach(inside, payload, member, examiner);
                examiner.raw_member(member, depth)?;
            }
            None if is_placed && !inside.ends_with(".pt") => {
                let name = plain(member.name.as_str());
                let message = format!("nothing in the archive refers to the record {name}");
                let notes = &mut examiner.notes;
                notes.observe(&RECORD, Verdict::Unknown, member.region(), name, message);
                examiner.member(member, depth)?;
            }
            _ => {
                examiner.member(member, depth)?;
            }
        }
    }
    Ok("pt2")
}

/// Notes a tensor that reaches beyond its record.
fn note_reach(
    inside: &str,
    payload: &Payload,
    member: &Member<'_>,
    examiner: &mut Examiner<'_, '_>,
) {
    let name = plain(inside);
    let (verdict, message) = match (payload.reach, member.size) {
        (Some(reach), Some(size)) if reach > size => (
            Verdict::Dangerous,
            format!("a tensor takes {reach} bytes of the record {name}, which has {size}"),
        ),
        (None, _) => (
            Verdict::Unknown,
            format!("the size of the tensor in the record {name} cannot be told"),
        ),
        _ => return,
    };
    let notes = &mut examiner.notes;
    notes.observe(&STORAGE, verdict, member.region(), name, message);
}

/// Judges a graph.
fn program(source: &dyn Source, examiner: &mut Examiner<'_, '_>) -> io::Result<()> {
    let allowlist = examiner.allowlist;
    let notes = &mut examiner.notes;
    notes.raise(Verdict::Known);
    let read = scalars(source, |path, text, at| {
        let key = path.iter().rev().find(|key| !key.is_empty());
        match key.map(String::as_str) {
            Some("target" | "as_operator") => target(text, at, allowlist, notes),
            Some("guards_code") => note_evaluated(evaluated::guard(text), text, at, notes),
            Some("expr_str") => note_evaluated(evaluated::expression(text), text, at, notes),
            Some("in_spec" | "out_spec") if !evaluated::is_plain_tree(text) => {
                let foreign = |module: &str| allowlist.is_stdlib(module);
                let verdict = match evaluated::modules(text).any(foreign) {
                    true => Verdict::Dangerous,
                    false => Verdict::Unknown,
                };
                let text = plain(text);
                let message = format!("loading the program may import what {text} names");
                notes.observe(&EVALUATED, verdict, bytes(at, 1), text, message);
            }
            _ => {}
        }
    });
    note_unread(read, "the graph", notes)
}

/// A node's target: `torch.ops.NAMESPACE.NAME.OVERLOAD`, or a function of Python on numbers.
fn target(text: &str, at: u64, allowlist: &Allowlist, notes: &mut Notes<'_>) {
    let gadget = text
        .rsplit_once('.')
        .and_then(|(module, name)| allowlist.gadget(module, name));
    if let Some(gadget) = gadget {
        note_operator(Operator::Dangerous(&gadget.what), text, at, notes);
        return;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let operator = match parts[..] {
        ["torch", "ops", namespace, name] | ["torch", "ops", namespace, name, _] => {
            Some((namespace, name))
        }
        [namespace @ ("_operator" | "math" | "torch"), name] => Some((namespace, name)),
        _ => None,
    };
    let Some((namespace, name)) = operator else {
        note_operator(Operator::Unheard, text, at, notes);
        return;
    };
    let operator = allowlist.operators().operator(namespace, name);
    note_operator(operator, &format!("{namespace}::{name}"), at, notes);
}

fn note_evaluated(told: Result<(), evaluated::Fault>, text: &str, at: u64, notes: &mut Notes<'_>) {
    let (verdict, what) = match told {
        Ok(()) => return,
        Err(evaluated::Fault::Dangerous) => (Verdict::Dangerous, "runs code"),
        Err(evaluated::Fault::Unknown) => (Verdict::Unknown, "is not only arithmetic"),
    };
    let text = plain(text);
    let message = format!("loading the program evaluates {text}, which {what}");
    notes.observe(&EVALUATED, verdict, bytes(at, 1), text, message);
}

/// Gives `take` every string and number of a JSON file, with the keys that lead to it, empty for the
/// places of an array, and where it ends.
fn scalars(
    source: &dyn Source,
    mut take: impl FnMut(&[String], &str, u64),
) -> Result<(), JsonError> {
    let mut input = Cursor::new(source, 0);
    let mut json = Json::new(&mut input, LONGEST_TEXT);
    let mut path: Vec<String> = Vec::new();
    while let Some(token) = json.next()? {
        match token {
            Token::ObjectBegins | Token::ArrayBegins => path.push(String::new()),
            Token::ObjectEnds | Token::ArrayEnds => {
                path.pop();
            }
            Token::Key => {
                if let Some(last) = path.last_mut() {
                    *last = String::from_utf8_lossy(json.text()).into_owned();
                }
            }
            Token::String | Token::Number if json.text().len() >= LONGEST_TEXT => {
                return Err(JsonError::Syntax(json.position()));
            }
            Token::String | Token::Number => {
                let text = String::from_utf8_lossy(json.text()).into_owned();
                take(&path, &text, json.position());
            }
            Token::True => take(&path, "true", json.position()),
            Token::False | Token::Null => {}
        }
    }
    // What follows the value belongs to nothing.
    loop {
        let window = input.window()?;
        if window.is_empty() {
            return Ok(());
        }
        if !window.iter().all(u8::is_ascii_whitespace) {
            return Err(JsonError::Syntax(input.position()));
        }
        let length = window.len() as u64;
        input.skip(length)?;
    }
}

fn note_unread(read: Result<(), JsonError>, what: &str, notes: &mut Notes<'_>) -> io::Result<()> {
    match read {
        Ok(()) => Ok(()),
        Err(JsonError::Read(crate::cursor::ReadError::Io(error))) => Err(error),
        Err(error) => {
            let reason = format!("{what} cannot be read: {error}");
            notes.leave_out("pt2", None, reason);
            Ok(())
        }
    }
}

static EVALUATED: Rule = rule(
    "CM-PTH-005",
    "Text in an exported program that is evaluated",
    Severity::High,
    "An exported program has guards and sizes as text, which torch gives to `exec` and to SymPy, and \
     names of classes in the description of its inputs, whose modules it imports. This text is not \
     one that torch writes.",
    "Do not load the program; export the model again.",
    const {
        &[
            Reference::new("CWE-95"),
            Reference::new("CWE-502"),
            Reference::new("AML.T0011.001"),
            Reference::new("LLM03:2025"),
        ]
    },
    example(
        "model.pt2",
        include_bytes!("../../fixtures/program-guard.pt2"),
    ),
    example("model.pt2", include_bytes!("../../fixtures/program.pt2")),
);

pub(crate) static RULES: &[&Rule] = &[&EVALUATED];

const OLD_PROGRAM: &str = "serialized_exported_program.json";
/// Where the tensors are.
const PLACES: [&str; 2] = ["data/weights/", "data/constants/"];
/// A text of a real program has some kilobytes.
const LONGEST_TEXT: usize = 1 << 20;
