//! What a value decides besides the attribute that is repaired.

use std::{collections::HashSet, sync::Arc};

use casemate_document::{Entry, Limits, Node, Span, Value as Written, json};

use crate::{
    Attr, File, Origin, Resource, Value, World,
    read::terraform::{self, Body},
};

/// Why nobody can say what else a value decides in a tree, whatever the value: nothing, or a clause that says it.
pub(super) fn unknown(world: &World) -> Option<&'static str> {
    if world.files().values().any(has_unread_blocks) {
        return Some("what provisioners and checks make of it is not known");
    }
    let is_counted_here = |it: &Resource| !it.address.contains(UNCOUNTED);
    if !world.resources().iter().all(is_counted_here) {
        return Some("how many there are of some is not known");
    }
    None
}

/// What a change of a value changes besides the attributes at the places that are `repaired`: nothing, or
/// a clause that says what.
pub(super) fn other<'a>(
    before: &World,
    after: &World,
    repaired: impl Iterator<Item = &'a Origin>,
) -> Option<String> {
    let repaired = Repaired(repaired.map(place).collect());
    let counted = |world: &World| world.resources().iter().filter(is_counted).count();
    let pairs = || {
        let before = before.resources().iter().filter(is_counted);
        before.zip(after.resources().iter().filter(is_counted))
    };
    let is_same = |(a, b): (&Resource, &Resource)| a.address == b.address && a.kind == b.kind;
    if counted(before) != counted(after) || !pairs().all(is_same) {
        return Some("what else there is as well".to_owned());
    }
    let mut others = pairs().filter(|(a, b)| repaired.differs(&a.body, &b.body));
    let (other, _) = others.next()?;
    Some(format!("{} has it too", other.address))
}

/// Whether it is what is made, and not what hands a value on.
fn is_counted(resource: &&Resource) -> bool {
    !matches!(&*resource.kind, "variable" | "module")
}

fn place(origin: &Origin) -> (*const File, Span) {
    (Arc::as_ptr(&origin.file), origin.span)
}

/// Whether a file of Terraform has blocks with expressions that nothing here evaluates.
fn has_unread_blocks(file: &Arc<File>) -> bool {
    let path = file.subject.path.as_str();
    if [".tf.json", ".tofu.json"]
        .iter()
        .any(|end| path.ends_with(end))
    {
        return has_key(&file.text);
    }
    let is_native = [".tf", ".tofu"].iter().any(|end| path.ends_with(end));
    // Most files have not even the words.
    is_native
        && UNREAD.iter().any(|kind| file.text.contains(kind))
        && has_block(&terraform::parse(file).0)
}

fn has_block(body: &Body) -> bool {
    let mut blocks = body.blocks.iter();
    blocks.any(|it| UNREAD.contains(&&*it.kind) || has_block(&it.body))
}

/// The same of one in JSON. What cannot be read may have anything.
fn has_key(text: &str) -> bool {
    let Ok((root, _)) = json::read(text, &Limits::default()) else {
        return true;
    };
    let has = |entry: &Entry, key: &str| &*entry.key == key;
    let resources = entries(&root).filter(|it| has(it, "resource"));
    let by_name = resources.flat_map(|it| entries(&it.value));
    let bodies = by_name.flat_map(|it| entries(&it.value));
    let mut arguments = bodies.flat_map(|it| entries(&it.value));
    entries(&root).any(|it| has(it, "check") || has(it, "import"))
        || arguments.any(|it| has(it, "provisioner"))
}

/// What is in an object, or in all of a list of them: Terraform takes either for a block.
fn entries(node: &Node) -> impl Iterator<Item = &Entry> {
    let bodies = match &node.value {
        Written::List(items) => items,
        _ => std::slice::from_ref(node),
    };
    bodies.iter().flat_map(Node::entries)
}

const UNREAD: &[&str] = &["check", "import", "provisioner"];

/// In the address of a resource of which nobody knows how many there are.
const UNCOUNTED: &str = "[?]";

/// Whether a value that is not known is computed from names, of which the changed one may be one: then it
/// may be another one without being known.
fn asks_for_names(origin: &Origin) -> bool {
    let ways = origin.steps().map(|step| &step.origin).chain([origin]);
    let texts = ways.map(Origin::text);
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut words = texts.flat_map(|text| text.split(|c| !is_word(c)));
    words.any(|word| NAMES.contains(&word))
}

const NAMES: &[&str] = &["var", "local", "module", "each", "count"];

/// The places of attributes that may be others.
struct Repaired(HashSet<(*const File, Span)>);

impl Repaired {
    /// Values are bounded in depth where they are read.
    fn differs(&self, before: &Attr, after: &Attr) -> bool {
        let is_other = match (&before.value, &after.value) {
            (Value::List(a), Value::List(b)) => {
                a.len() != b.len() || a.iter().zip(&**b).any(|(a, b)| self.differs(a, b))
            }
            (Value::Map(a), Value::Map(b)) => {
                let (a, b) = (a.items(), b.items());
                a.len() != b.len()
                    || a.iter()
                        .zip(b)
                        .any(|(a, b)| a.key != b.key || self.differs(&a.value, &b.value))
            }
            (Value::Null, Value::Null) => false,
            (Value::Bool(a), Value::Bool(b)) => a != b,
            (Value::Integer(a), Value::Integer(b)) => a != b,
            (Value::Float(a), Value::Float(b)) => a.total_cmp(b).is_ne(),
            (Value::String(a), Value::String(b)) => a != b,
            (Value::Unknown(a), Value::Unknown(b)) => a != b || asks_for_names(&before.origin),
            _ => true,
        };
        is_other && !self.0.contains(&place(&before.origin))
    }
}
