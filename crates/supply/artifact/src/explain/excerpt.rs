//! The text that a finding speaks of, in files that hold no pickle: templates, and names of code.

use casemate_core::{Region, Source};

use super::{Block, Bounds, Excerpt, Explanation};
use crate::{
    cursor::Cursor,
    formats::code,
    json::{Json, Token},
};

/// The texts of the findings that stand at no statement and in no member.
pub(super) fn excerpts(
    source: &dyn Source,
    explanation: &Explanation,
    bounds: &Bounds,
) -> Vec<Excerpt> {
    let findings = explanation.unplaced.iter();
    let findings = findings.map(|&index| &explanation.examination.findings[index]);
    let mut excerpts = Vec::new();
    for found in findings.filter(|found| found.members.is_empty()) {
        let Some(Region::Bytes { start, length }) = found.region else {
            continue;
        };
        let is_text = code::RULES.iter().any(|rule| rule.id == found.rule.id);
        if !is_text || excerpts.len() >= MOST {
            continue;
        }
        let block = match explanation.examination.format {
            "gguf" => counted(source, start, length, bounds.block),
            "chat-template" | "configuration-with-code" | "notebook" => {
                quoted(source, start, bounds.block).or_else(|| lines(source, start, bounds.block))
            }
            _ => lines(source, start, bounds.block),
        };
        excerpts.extend(block.map(|block| Excerpt {
            members: Vec::new(),
            at: start,
            rule: found.rule.id.as_str().to_owned(),
            block,
        }));
    }
    excerpts
}

/// The beginning of a member that is a program, such as TorchScript.
pub(super) fn program(source: &dyn Source, members: Vec<String>, most: usize) -> Option<Excerpt> {
    let text = source.read_vec(0, most).ok()?;
    Some(Excerpt {
        members,
        at: 0,
        rule: code::PYTHON.id.as_str().to_owned(),
        block: block(&text, source.len())?,
    })
}

/// A string after its length, in four bytes or eight.
fn counted(source: &dyn Source, at: u64, length: u64, most: usize) -> Option<Block> {
    let head = source.read_vec(at, 8).ok()?;
    let wide = head[..].try_into().map(u64::from_le_bytes).ok();
    let prefix = if wide == length.checked_sub(8) { 8 } else { 4 };
    let length = length.checked_sub(prefix)?;
    let len = usize::try_from(length).unwrap_or(most).min(most);
    let text = source.read_vec(at + prefix, len).ok()?;
    block(&text, length)
}

/// The JSON string that is the next value.
fn quoted(source: &dyn Source, at: u64, most: usize) -> Option<Block> {
    let head = source.read_vec(at, 64).ok()?;
    let skip = head.iter().position(|byte| !b" \t\r\n:,".contains(byte))?;
    let mut input = Cursor::new(source, at + skip as u64);
    let mut json = Json::new(&mut input, most);
    let token = json.next().ok()?;
    match token {
        Some(Token::String) => {
            let text = json.text().to_vec();
            let left_out = match text.len() < most {
                true => text.len() as u64,
                // How much there is, only reading on would tell.
                false => text.len() as u64 + 1,
            };
            block(&text, left_out)
        }
        _ => lines(source, at + skip as u64, most),
    }
}

/// Text from `at` on, a few lines of it.
fn lines(source: &dyn Source, at: u64, most: usize) -> Option<Block> {
    let text = source.read_vec(at, most.min(SHORT)).ok()?;
    let end = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = end.map(|(index, _)| index).nth(LINES).unwrap_or(text.len());
    block(&text[..end], source.len().saturating_sub(at))
}

fn block(text: &[u8], length: u64) -> Option<Block> {
    let shown = String::from_utf8_lossy(text).into_owned();
    (!shown.trim().is_empty()).then(|| Block {
        what: "the text".to_owned(),
        left_out: length.saturating_sub(text.len() as u64),
        text: shown,
    })
}

const MOST: usize = 8;
const LINES: usize = 12;
const SHORT: usize = 2 << 10;
