//! Models, as far as their first bytes tell. Whoever reads them whole is asked before.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let format = match head.magic {
        Magic::Pickle(_)
        | Magic::Safetensors
        | Magic::Gguf
        | Magic::GgmlLegacy
        | Magic::Hdf5
        | Magic::Tflite => head.magic.as_str(),
        Magic::Zip => zipped(&head.bytes)?,
        Magic::Binary if is_onnx(&head.bytes) => "onnx",
        Magic::Binary if is_saved_model(head) => "saved-model",
        _ => return None,
    };
    Some(class(AssetKind::Model, format))
}

/// What a zip holds whose first member is a model's.
fn zipped(bytes: &[u8]) -> Option<&'static str> {
    let name = first_member(bytes)?;
    let is_torch = [
        &b"/data.pkl"[..],
        b"/version",
        b"/.format_version",
        b"/byteorder",
    ]
    .iter()
    .any(|end| name.ends_with(end));
    if is_torch {
        return Some("torch");
    }
    (name == b"metadata.json").then_some("keras")
}

/// The name in a zip's first local header (APPNOTE 4.3.7).
pub(super) fn first_member(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_prefix(b"PK\x03\x04")?;
    let length = u16::from_le_bytes([*bytes.get(22)?, *bytes.get(23)?]);
    bytes.get(26..26 + usize::from(length))
}

/// A `ModelProto` of ONNX: fields of the right types, the version of the format first, and a graph
/// or a producer with a readable name.
fn is_onnx(bytes: &[u8]) -> bool {
    let mut fields = Fields { rest: bytes };
    let first = fields.next();
    if !matches!(
        first,
        Some(Field {
            number: 1,
            value: Value::Number(1..=99)
        })
    ) {
        return false;
    }
    let mut is_likely = false;
    for field in fields {
        match (field.number, field.value) {
            // producer_name, producer_version, domain, doc_string
            (2 | 3 | 4 | 6, Value::Bytes(text)) => {
                if std::str::from_utf8(text).is_err() {
                    return false;
                }
                is_likely |= field.number == 2 && !text.is_empty();
            }
            // graph, longer than what we see, as a rule
            (7, Value::Bytes(_) | Value::Cut) => return true,
            // model_version, opset_import, metadata_props, training_info, functions, configuration
            (5, Value::Number(_)) | (8 | 14 | 20 | 25 | 26, Value::Bytes(_)) => {}
            _ => return false,
        }
    }
    is_likely
}

/// TensorFlow's `SavedModel`: its schema's version, which is 1, and a long graph.
fn is_saved_model(head: &Head<'_>) -> bool {
    let mut fields = Fields { rest: &head.bytes };
    let is_version_1 = matches!(
        fields.next(),
        Some(Field {
            number: 1,
            value: Value::Number(1)
        })
    );
    let has_graph = matches!(
        fields.next(),
        Some(Field {
            number: 2,
            value: Value::Bytes(_) | Value::Cut
        })
    );
    head.name == "saved_model.pb" && is_version_1 && has_graph
}

/// The fields of a protocol buffer's message, one after the other, as long as they make sense.
struct Fields<'a> {
    rest: &'a [u8],
}

struct Field<'a> {
    number: u64,
    value: Value<'a>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Bytes that go on behind what we see.
    Cut,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                match self.rest.split_at_checked(length) {
                    Some((bytes, rest)) => {
                        self.rest = rest;
                        Value::Bytes(bytes)
                    }
                    None => {
                        self.rest = b"";
                        Value::Cut
                    }
                }
            }
            _ => return None,
        };
        Some(Field {
            number: key >> 3,
            value,
        })
    }
}

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
