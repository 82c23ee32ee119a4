//! What loading a file would do, as pseudo-Python that nobody runs.
//!
//! ```text
//!              examine ───────────────────────────────► Examination
//!                 │ each stream, each thing noted              │
//!                 ▼                                            ▼
//!               Scribe ──► Tree ──► Draft ──► Stream ───► Explanation
//! ```
//!
//! The streams and the marks on their lines come from the examination itself, so that an
//! explanation cannot speak of other bytes than the verdict does. What is written is bounded: every
//! name and string is cut and escaped, every list has an end, and nothing is followed to a depth
//! that the file chooses.

mod block;
mod closure;
mod draft;
mod excerpt;
pub(crate) mod literal;
mod names;
mod scribe;
mod step;
#[cfg(test)]
mod tests;
mod uses;
mod value;

use std::io;

use casemate_core::Source;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Allowlist, Examination, Limits, Verdict,
    examine::examine_into,
    notes::Notes,
    witness::{Attendance, Origin},
};

/// Says what loading a file would do.
///
/// # Errors
///
/// What the medium says, where it fails before anything is found.
pub fn explain(
    source: &dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
    detail: Detail,
) -> io::Result<Explanation> {
    explain_within(source, allowlist, limits, Bounds::of(detail))
}

fn explain_within(
    source: &dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
    bounds: Bounds,
) -> io::Result<Explanation> {
    let mut scribe = scribe::Scribe::new(bounds);
    let notes = Notes::attended(limits, Attendance::new(&mut scribe));
    let examination = examine_into(source, allowlist, notes)?;
    let explanation = scribe.conclude(examination);
    let mut excerpts = excerpt::excerpts(source, &explanation, &bounds);
    excerpts.extend(explanation.excerpts);
    Ok(Explanation {
        excerpts,
        ..explanation
    })
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What a person reads: two hundred statements of a stream, and all that have a finding.
    Brief,
    /// Everything, up to bounds that only a hostile file reaches.
    Full,
}

/// What loading a file would do.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What [`examine`](crate::examine) says of the file.
    pub examination: Examination,
    /// The pickle streams in it, those of containers and those in other pickles among them.
    pub streams: Vec<Stream>,
    /// How many streams more there are, in which nothing was found.
    pub more_streams: u64,
    /// The findings that stand at no statement, by their place in the examination.
    pub unplaced: Vec<usize>,
    /// The text that those of them speak of, where it is a template or a program.
    pub excerpts: Vec<Excerpt>,
}

/// Text of a file or a member that holds no pickle.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Excerpt {
    /// The way into nested containers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Where it begins.
    pub at: u64,
    /// The rule of the finding.
    pub rule: String,
    /// The text.
    pub block: Block,
}

/// What one pickle stream does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Stream {
    /// The way into nested containers, outermost first.
    pub members: Vec<String>,
    /// Where the byte strings begin that are pickles around this one, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<u64>,
    /// How a reader comes upon it.
    pub origin: Origin,
    /// Where it begins, in its member or byte string.
    pub start: u64,
    /// How many bytes it has.
    pub length: u64,
    /// The protocol that it says it is written in. Protocols 0 and 1 do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// The worst of its statements.
    pub verdict: Verdict,
    /// What it does, in order.
    pub statements: Vec<Statement>,
    /// How many effects are not among the statements.
    pub left_out: u64,
}

/// One thing that loading does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statement {
    /// Where its opcode stands.
    pub at: u64,
    /// What it is.
    pub effect: Effect,
    /// It as a line of pseudo-Python, escaped.
    pub text: String,
    /// What is made of it.
    pub verdict: Verdict,
    /// The findings at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Text in it that deserves a look of its own: code, commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// How many effects between the statement before and this one are not told.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out_before: u64,
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A module is imported, and a name looked up in it.
    Import,
    /// Something is called.
    Call,
    /// An object is given a state.
    State,
    /// Something is put into an object.
    Put,
    /// The loading program is asked for an object.
    Ask,
    /// An array is read from between the opcodes.
    Array,
    /// A container that is referred to more than once gets a name. Nothing happens.
    Name,
    /// The stream ends and gives its object.
    Return,
    /// The stream cannot go on.
    Break,
    /// A finding that belongs to no other statement.
    Remark,
}

/// A finding at a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mark {
    /// The rule.
    pub rule: String,
    /// The verdict it stands for.
    pub verdict: Verdict,
    /// One sentence; nothing where the statement repeats what has a finding elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Text of a statement, as it stands in the file: not escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Block {
    /// What it is.
    pub what: String,
    /// The text.
    pub text: String,
    /// How many bytes of it are not here.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How much is written of what.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    streams: usize,
    statements: usize,
    /// Statements beyond those, for the sake of a finding.
    forced: usize,
    /// Bytes of a line.
    line: usize,
    /// Bytes of a line that has a finding.
    marked_line: usize,
    string: usize,
    marked_string: usize,
    items: usize,
    depth: u8,
    /// Bytes of a block.
    block: usize,
    /// Bytes of the blocks of all streams.
    blocks: usize,
    /// Bytes of the lines of all streams, after which lines are short.
    lines: usize,
}

impl Bounds {
    /// The same number of lines, each no longer than a person reads.
    fn with_short_lines(self) -> Self {
        Self {
            streams: self.streams,
            statements: self.statements,
            forced: self.forced,
            block: self.block,
            blocks: self.blocks,
            ..Self::of(Detail::Brief)
        }
    }

    const fn of(detail: Detail) -> Self {
        match detail {
            Detail::Brief => Self {
                streams: 50,
                statements: 200,
                forced: 1000,
                line: 400,
                marked_line: 1000,
                string: 72,
                marked_string: 240,
                items: 12,
                depth: 6,
                block: 4 << 10,
                blocks: 1 << 20,
                lines: 16 << 20,
            },
            Detail::Full => Self {
                streams: 10_000,
                statements: 100_000,
                forced: 100_000,
                line: 16 << 10,
                marked_line: 16 << 10,
                string: 4 << 10,
                marked_string: 4 << 10,
                items: 2000,
                depth: 24,
                block: 256 << 10,
                blocks: 16 << 20,
                lines: 64 << 20,
            },
        }
    }
}
