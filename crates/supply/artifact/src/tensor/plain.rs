//! Values without a tensor in them, as JSON.

use std::fmt::Write;

use super::{Dtype, Refusal, numpy, torch, walk};
use crate::pickle::{
    tree::{Id, Node, Tree},
    value::Shape,
};

/// A value as JSON; nothing where it has anything but plain values in it, an error where it is too
/// long. What it costs is taken from `budget`, so that a list that stands in a file a million times
/// is not written a million times.
///
/// Tuples and sets become arrays; `torch.float32` and devices become text. Numbers that JSON has no
/// word for are written as Python's `json` writes them.
pub(crate) fn json(tree: &Tree<'_>, id: Id, budget: &mut usize) -> Option<Result<String, Refusal>> {
    let mut text = String::new();
    if *budget == 0 {
        return Some(Err(Refusal::Metadata));
    }
    let written = write(tree, id, &mut text, DEEPEST);
    *budget = budget.saturating_sub(text.len());
    match written {
        Ok(()) => Some(Ok(text)),
        Err(Stop::Long) => Some(Err(Refusal::Long(text.len() as u64))),
        Err(Stop::NotPlain) => None,
    }
}

/// A string as JSON writes it.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

enum Stop {
    NotPlain,
    Long,
}

fn write(tree: &Tree<'_>, id: Id, out: &mut String, depth: u8) -> Result<(), Stop> {
    let depth = depth.checked_sub(1).ok_or(Stop::NotPlain)?;
    if out.len() > LONGEST {
        return Err(Stop::Long);
    }
    match tree.node(id) {
        Node::None => out.push_str("null"),
        Node::Bool(true) => out.push_str("true"),
        Node::Bool(false) => out.push_str("false"),
        Node::Int(number) => out.push_str(&number.to_string()),
        Node::Float(number) => float(*number, out),
        Node::Text { extent, .. } => {
            if extent.len > LONGEST as u64 {
                return Err(Stop::Long);
            }
            let text = tree.text_within(id, LONGEST).ok_or(Stop::NotPlain)?;
            quote(&text, out);
        }
        Node::Container {
            shape: Shape::Dict, ..
        } => {
            let pairs = walk::pairs(tree, id).ok_or(Stop::NotPlain)?;
            object(tree, &pairs, out, depth)?;
        }
        Node::Container { items, .. } => array(tree, items, out, depth)?,
        Node::Global(symbol) => {
            let symbol = tree.symbol(*symbol);
            let is_dtype = &*symbol.module == "torch" && Dtype::of_torch(&symbol.path).is_some();
            if !is_dtype {
                return Err(Stop::NotPlain);
            }
            quote(&symbol.dotted(), out);
        }
        Node::Called(_) => called(tree, id, out, depth)?,
        _ => return Err(Stop::NotPlain),
    }
    Ok(())
}

fn called(tree: &Tree<'_>, id: Id, out: &mut String, depth: u8) -> Result<(), Stop> {
    if let Some((dtype, big_endian, bytes)) = numpy::scalar(tree, id) {
        return number(dtype, big_endian, &bytes, out).ok_or(Stop::NotPlain);
    }
    if let Some(pairs) = walk::pairs(tree, id) {
        return object(tree, &pairs, out, depth);
    }
    if let Some(members) = walk::members(tree, id) {
        return array(tree, members, out, depth);
    }
    if let Some(size) = torch::numbers(tree, id) {
        let size: Vec<String> = size.iter().map(u64::to_string).collect();
        let _ = write!(out, "[{}]", size.join(","));
        return Ok(());
    }
    let device = torch::device(tree, id).ok_or(Stop::NotPlain)?;
    quote(&device, out);
    Ok(())
}

fn array(tree: &Tree<'_>, items: &[Id], out: &mut String, depth: u8) -> Result<(), Stop> {
    out.push('[');
    for (at, &item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(tree, item, out, depth)?;
    }
    out.push(']');
    Ok(())
}

fn object(tree: &Tree<'_>, pairs: &[(Id, Id)], out: &mut String, depth: u8) -> Result<(), Stop> {
    out.push('{');
    for (at, &(key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match tree.node(key) {
            Node::Text { .. } => write(tree, key, out, depth)?,
            Node::Int(number) => quote(&number.to_string(), out),
            _ => return Err(Stop::NotPlain),
        }
        out.push(':');
        write(tree, value, out, depth)?;
    }
    out.push('}');
    Ok(())
}

fn float(number: f64, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match number {
        number if number.is_nan() => write!(out, "NaN"),
        f64::INFINITY => write!(out, "Infinity"),
        f64::NEG_INFINITY => write!(out, "-Infinity"),
        number => write!(out, "{number:?}"),
    };
}

/// A number of NumPy's.
fn number(dtype: Dtype, big_endian: bool, bytes: &[u8], out: &mut String) -> Option<()> {
    let mut little = bytes.to_vec();
    if big_endian {
        little.reverse();
    }
    let mut wide = [0; 8];
    let signed = matches!(dtype, Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64);
    if signed && little.last()? & 0x80 != 0 {
        wide = [0xff; 8];
    }
    wide.get_mut(..little.len())?.copy_from_slice(&little);
    match dtype {
        Dtype::Bool => out.push_str(if wide[0] == 0 { "false" } else { "true" }),
        Dtype::F64 => float(f64::from_le_bytes(wide), out),
        Dtype::F32 => {
            let number = f32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]);
            float(number.into(), out);
        }
        Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => {
            out.push_str(&u64::from_le_bytes(wide).to_string());
        }
        _ if signed => out.push_str(&i64::from_le_bytes(wide).to_string()),
        _ => return None,
    }
    Some(())
}

/// How deep plain values may be nested in each other.
const DEEPEST: u8 = 24;
/// How long one value may be; the metadata of a checkpoint are some kilobytes.
const LONGEST: usize = 1 << 20;
