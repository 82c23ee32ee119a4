//! Arrow's files and Parquet: data, but for one extension type whose metadata old versions of
//! pyarrow unpickle.

use std::io;

use casemate_container::Magic;
use casemate_core::{Reference, Rule, Severity, Source};
use memchr::memmem::Finder;

use crate::{
    Verdict,
    notes::{Notes, bytes},
    rules::{example, rule},
};

/// Judges the schema of a file of Arrow's or of Parquet's; says whether anything in it is
/// unpickled.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    magic: Magic,
    notes: &mut Notes<'_>,
) -> io::Result<bool> {
    let from = match magic {
        // The schema stands at the beginning and again in the footer, which only offsets within
        // the file tell apart from what lies between.
        Magic::ArrowIpc => Some(0),
        Magic::Parquet => footer(source)?,
        _ => return Ok(false),
    };
    let Some(from) = from else {
        let reason = "this Parquet file has no footer that can be read";
        notes.leave_out("footer", None, reason);
        return Ok(false);
    };
    let Some(at) = extension(source, from)? else {
        return Ok(false);
    };
    let message = "a column has the extension type whose metadata pyarrow before 14.0.1 unpickles";
    let region = bytes(at, 0);
    notes.observe(&UNPICKLED, Verdict::Unknown, region, "extension", message);
    Ok(true)
}

/// Where the footer of a Parquet file begins; nowhere where it has none in the clear.
fn footer(source: &dyn Source) -> io::Result<Option<u64>> {
    let Some(end) = source.len().checked_sub(TAIL) else {
        return Ok(None);
    };
    let tail = source.read_vec(end, 8)?;
    let [a, b, c, d, magic @ ..] = &tail[..] else {
        return Ok(None);
    };
    let len = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    Ok(end.checked_sub(len).filter(|_| magic == b"PAR1"))
}

/// The first place behind `from` that names the extension type, in the clear or in base64.
fn extension(source: &dyn Source, from: u64) -> io::Result<Option<u64>> {
    // Parquet keeps Arrow's schema in base64, where a name has three spellings.
    let spellings = [
        NAME.to_vec(),
        in_base64(NAME, 0),
        in_base64(NAME, 1),
        in_base64(NAME, 2),
    ];
    let finders = spellings.each_ref().map(Finder::new);
    let mut at = from;
    while at < source.len() {
        let window = source.read_vec(at, WINDOW)?;
        let found = finders.iter().filter_map(|finder| finder.find(&window));
        if let Some(found) = found.min() {
            return Ok(Some(at + found as u64));
        }
        if window.len() <= OVERLAP {
            break;
        }
        at += (window.len() - OVERLAP) as u64;
    }
    Ok(None)
}

/// What of the base64 of `name` does not depend on its neighbours, where it stands `before` bytes
/// behind a multiple of three.
fn in_base64(name: &[u8], before: usize) -> Vec<u8> {
    let bits = (before * 8).next_multiple_of(6)..(before + name.len()) * 8 / 6 * 6;
    let bit = |at: usize| u8::from(name[at / 8 - before] << (at % 8) & 0x80 != 0);
    let six = |from: usize| (from..from + 6).fold(0, |value, at| value << 1 | bit(at));
    bits.step_by(6)
        .map(|from| ALPHABET[usize::from(six(from))])
        .collect()
}

pub(crate) static UNPICKLED: Rule = rule(
    "CM-ARW-001",
    "A column whose type is unpickled",
    Severity::High,
    "The schema has a column of the type `arrow.py_extension_type`. pyarrow before 14.0.1 unpickles \
     the metadata of such a column when it reads the file, which runs what the pickle says.",
    "Read the file with pyarrow 14.0.1 or later only, and write it again without the type.",
    const {
        &[
            Reference::new("CWE-502"),
            Reference::new("AML.T0010.002"),
            Reference::new("AML.T0011.000"),
            Reference::new("LLM03:2025"),
            Reference::new("CVE-2023-47248"),
        ]
    },
    example(
        "data.arrow",
        b"ARROW1\0\0\xff\xff\xff\xffARROW:extension:name\0arrow.py_extension_type\0ARROW1",
    ),
    example(
        "data.arrow",
        b"ARROW1\0\0\xff\xff\xff\xffARROW:extension:name\0arrow.uuid\0ARROW1",
    ),
);

pub(crate) static RULES: &[&Rule] = &[&UNPICKLED];

const NAME: &[u8] = b"arrow.py_extension_type";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The length of the footer, and the magic.
const TAIL: u64 = 8;
const WINDOW: usize = 256 * 1024;
/// Longer than any spelling of the name.
const OVERLAP: usize = 64;

#[cfg(test)]
mod tests {
    use casemate_core::{Coverage, MemorySource};

    use super::*;
    use crate::{Allowlist, Examination, Limits};

    fn judge(bytes: Vec<u8>) -> Examination {
        crate::examine(
            &MemorySource(bytes),
            Allowlist::builtin(),
            &Limits::default(),
        )
    }

    fn parquet(columns: &[u8], footer: &[u8]) -> Vec<u8> {
        let len = u32::try_from(footer.len()).expect("small").to_le_bytes();
        [b"PAR1", columns, footer, &len, b"PAR1"].concat()
    }

    #[test]
    fn base64_is_spelled_as_it_is_written() {
        assert_eq!(in_base64(b"light work.", 0), b"bGlnaHQgd29yay");
        assert_eq!(in_base64(b"ight work.", 1), b"lnaHQgd29yay");
        assert_eq!(in_base64(b"ght work.", 2), b"naHQgd29yay");
    }

    #[test]
    fn the_type_is_found_wherever_base64_puts_it() {
        // "x", "xx" and "xxx" before the name.
        for schema in [
            "eGFycm93LnB5X2V4dGVuc2lvbl90eXBl",
            "eHhhcnJvdy5weV9leHRlbnNpb25fdHlwZQ==",
            "eHh4YXJyb3cucHlfZXh0ZW5zaW9uX3R5cGU=",
        ] {
            let judged = judge(parquet(b"data", format!("ARROW:schema{schema}").as_bytes()));
            assert_eq!(
                judged.findings[0].rule.id.as_str(),
                "CM-ARW-001",
                "{schema}"
            );
            assert_eq!(judged.verdict, Verdict::Unknown);
        }
    }

    #[test]
    fn what_columns_hold_is_data() {
        let judged = judge(parquet(NAME, b"schema"));
        assert_eq!(
            (judged.verdict, judged.coverage),
            (Verdict::Inert, Coverage::Complete)
        );
    }

    #[test]
    fn a_footer_that_is_not_there_is_not_clean() {
        let mut lies = parquet(b"", b"schema");
        let at = lies.len() - 5;
        lies[at] = 0xff;
        for bytes in [b"PAR1".to_vec(), b"PAR1\x15\x04data".to_vec(), lies] {
            assert_eq!(judge(bytes).coverage, Coverage::Partial);
        }
    }

    #[test]
    fn a_pickle_in_the_schema_is_judged() {
        let file = |payload: &[u8]| {
            let fill = vec![b' '; WINDOW];
            [b"ARROW1\0\0", &fill[..], NAME, payload, b"ARROW1"].concat()
        };
        assert_eq!(judge(file(b"")).verdict, Verdict::Unknown);
        let call = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.";
        assert_eq!(judge(file(call)).verdict, Verdict::Dangerous);
    }
}
