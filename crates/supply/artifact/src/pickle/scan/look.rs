//! First looks at bytes that may or may not be a pickle.
//!
//! Much text begins like one: a line that begins with `c` and the next are an import, and a line
//! that begins with a full stop ends the stream. Where the bytes stop being a pickle and are text
//! is drawn here.

use std::io;

use casemate_core::Source;

use super::SURVEY_OPCODES;
use crate::{
    Allowlist,
    cursor::Cursor,
    pickle::{
        machine::{Fault, Halt, Machine, Surroundings},
        survey::Survey,
        symbol::Symbols,
    },
};

/// Whether the bytes at `start` are believable as a pickle, wherever they stand.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn is_believable(
    source: &dyn Source,
    start: u64,
    allowlist: &Allowlist,
    opcodes: &mut u64,
) -> io::Result<bool> {
    let (active, stopped) = look(source, start, allowlist, opcodes)?;
    Ok(active || stopped)
}

/// The same for bytes that are text: to name something and to come to an end is not enough there.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn is_active(
    source: &dyn Source,
    start: u64,
    allowlist: &Allowlist,
    opcodes: &mut u64,
) -> io::Result<bool> {
    look(source, start, allowlist, opcodes).map(|(active, _)| active)
}

/// Whether a stream acts on what it imports, or imports what there is; and whether it imports
/// something and stops.
fn look(
    source: &dyn Source,
    start: u64,
    allowlist: &Allowlist,
    opcodes: &mut u64,
) -> io::Result<(bool, bool)> {
    let mut allowance = (*opcodes).min(SURVEY_OPCODES);
    let before = allowance;
    let (survey, halt, _) = survey(source, start, allowlist, &mut allowance)?;
    *opcodes -= before - allowance;
    if survey.odd && survey.imports == 0 {
        return Ok((false, false));
    }
    // So many opcodes in a row are no accident.
    let endless = before == SURVEY_OPCODES && matches!(halt, Halt::Broken(Fault::Opcodes));
    let active = survey.actions > 0 || survey.real || endless;
    Ok((active, matches!(halt, Halt::Stop) && survey.imports > 0))
}

/// Whether all of `source` from `start` on is one stream, but for blanks after it.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn is_one_stream(
    source: &dyn Source,
    start: u64,
    allowlist: &Allowlist,
    opcodes: &mut u64,
) -> io::Result<bool> {
    match survey(source, start, allowlist, opcodes)? {
        (_, Halt::Stop, end) => is_blank(source, end, BLANK),
        _ => Ok(false),
    }
}

/// Whether a reader that begins at `start` gets to the end of a stream, and asks the loading
/// program for something on the way. What follows the stream does not matter to such a reader.
///
/// Two kinds of text come that far and are none of it. Ignore lists, of which the first import
/// already must fail: nobody gives a module or an attribute a name with `*`, `~`, a slash or a
/// blank in it (a dash is common, so a dash saves nothing). And lists of words in which one happens
/// to begin with a full stop, and which go on for lines after that; they may only name something,
/// not call it.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn is_loadable(
    source: &dyn Source,
    start: u64,
    allowlist: &Allowlist,
    opcodes: &mut u64,
) -> io::Result<bool> {
    let (survey, halt, end) = survey(source, start, allowlist, opcodes)?;
    if !survey.asks || !matches!(halt, Halt::Stop) {
        return Ok(false);
    }
    Ok(survey.acts || survey.real || !is_list(source, start, end)?)
}

/// Whether all bytes from `at` on are zero or white space. More than `limit` are not looked at,
/// and are then not blank.
pub(super) fn is_blank(source: &dyn Source, mut at: u64, limit: u64) -> io::Result<bool> {
    if source.len() - at.min(source.len()) > limit {
        return Ok(false);
    }
    while at < source.len() {
        let window = source.read_vec(at, WINDOW)?;
        if !window
            .iter()
            .all(|&byte| byte == 0 || byte.is_ascii_whitespace())
        {
            return Ok(false);
        }
        if window.is_empty() {
            return Ok(true);
        }
        at += window.len() as u64;
    }
    Ok(true)
}

/// What a stream does, how it ends, and where.
fn survey<'a>(
    source: &dyn Source,
    start: u64,
    allowlist: &'a Allowlist,
    opcodes: &mut u64,
) -> io::Result<(Survey<'a>, Halt, u64)> {
    let mut survey = Survey::new(allowlist);
    let mut symbols = Symbols::default();
    let mut input = Cursor::new(source, start);
    let halt = Machine::new(start).run(&mut Surroundings {
        input: &mut input,
        symbols: &mut symbols,
        effects: &mut survey,
        opcodes,
    });
    match halt {
        Halt::Broken(Fault::Io(error)) => Err(error),
        halt => Ok((survey, halt, input.position())),
    }
}

/// Whether the stream from `start` to `end` stands at the beginning of a list of words, one to a
/// line, that goes on in the middle of a line and for some lines more.
fn is_list(source: &dyn Source, start: u64, end: u64) -> io::Result<bool> {
    let Ok(length) = usize::try_from(end.saturating_sub(start)) else {
        return Ok(false);
    };
    if length > LONGEST_LIST {
        return Ok(false);
    }
    let before = source.read_vec(start, length)?;
    let after = source.read_vec(end, LONGEST_LIST)?;
    let is_text = |bytes: &[u8]| {
        let control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
        !bytes.iter().any(|byte| control(byte) || !byte.is_ascii())
    };
    let in_a_line = after
        .first()
        .is_some_and(|byte| !byte.is_ascii_whitespace());
    let lines = after.split(|&byte| byte == b'\n').skip(1);
    let lines = lines.filter(|line| !line.trim_ascii().is_empty()).count();
    Ok(in_a_line && lines >= FEWEST_LINES && is_text(&before) && is_text(&after))
}

const WINDOW: usize = 64 * 1024;
const BLANK: u64 = 1 << 20;
const LONGEST_LIST: usize = 4096;
/// How many lines after the one with the full stop make a list.
const FEWEST_LINES: usize = 3;
