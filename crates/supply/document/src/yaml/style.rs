//! How a text is written: plain, between quotes, or as lines of its own.
//!
//! The choice is that of Go's `sigs.k8s.io/yaml`, which Helm and OPA write with: charts and policies
//! take digests of it.

use super::Schema;
use crate::Value;

/// `text` as a scalar that YAML 1.1 and 1.2 read as that text, where it begins at `column`. Its
/// further lines stand `indent` spaces in.
pub fn scalar(text: &str, indent: usize, column: usize) -> String {
    if is_literal(text) {
        return literal(text, indent);
    }
    let (written, is_quoted) = on_one_line(text);
    folded(written, indent, column, is_quoted)
}

/// `text` as the key of an entry, which is on one line however long it is.
pub fn key(text: &str) -> String {
    on_one_line(text).0
}

/// The text on one line, and whether it stands between quotes.
fn on_one_line(text: &str) -> (String, bool) {
    if text.chars().any(is_escaped) || means_more(text) {
        (double_quoted(text), true)
    } else if is_plain(text) {
        (text.to_owned(), false)
    } else {
        (format!("'{}'", text.replace('\'', "''")), true)
    }
}

/// Characters that only stand between double quotes: what is not printed, what ends a line
/// somewhere, and all that is beyond Unicode's first plane.
fn is_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..)
}

/// Whether a reader would take it for something else than text.
fn means_more(text: &str) -> bool {
    let resolves = |schema: Schema| !matches!(schema.resolve(text), Value::String(_));
    text == "<<"
        || resolves(Schema::Yaml11)
        || resolves(Schema::Core)
        || is_base_60(text)
        || is_date(text)
}

/// `1:30:00.5`, which is a number in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (text, part) = text.split_once('.').unwrap_or((text, ""));
    let all = |text: &str| text.bytes().all(|it| it.is_ascii_digit() || it == b'_');
    let Some((first, rest)) = text.split_once(':') else {
        return false;
    };
    let is_below_60 = |it: &str| it.len() <= 2 && it.parse::<u8>().is_ok_and(|it| it < 60);
    first.starts_with(|c: char| c.is_ascii_digit())
        && all(first)
        && all(part)
        && rest.split(':').all(is_below_60)
}

/// `2026-11-27`, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(end);
    let is_number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit())
    };
    let is_time = time.is_empty()
        || (time.len() > 4
            && time[1..].starts_with(|c: char| c.is_ascii_digit())
            && time.contains(':'));
    let mut parts = date.split('-');
    let parts = [(); 4].map(|()| parts.next());
    is_time
        && matches!(parts, [Some(year), Some(month), Some(day), None]
            if is_number(year, 4..=4) && is_number(month, 1..=2) && is_number(day, 1..=2))
}

/// Whether no character in it means something without quotes.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let is_indicator = match chars.next() {
        None => false,
        Some('-' | '?' | ':') => chars.next().is_none_or(char::is_whitespace),
        Some(first) => "#,[]{}&*!|>'\"%@`".contains(first),
    };
    !(is_indicator
        || text.starts_with("---")
        || text.starts_with("...")
        || text.trim() != text
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':'))
}

/// Several lines that can stand as they are.
fn is_literal(text: &str) -> bool {
    let is_text = |c: char| matches!(c, '\n' | '\t') || !is_escaped(c);
    text.contains('\n')
        && text.contains(|c| c != '\n')
        && !text.ends_with(' ')
        && !text.contains(" \n")
        && text.chars().all(is_text)
}

fn literal(text: &str, indent: usize) -> String {
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    let chomp = match ends {
        0 => "-",
        1 => "",
        _ => "+",
    };
    // Where the first line begins with a space, nothing else says how far the text is indented.
    let hint = match text.starts_with([' ', '\n']) {
        true => "2",
        false => "",
    };
    let spaces = " ".repeat(indent.max(2));
    let mut out = format!("|{hint}{chomp}");
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&spaces);
        }
        out.push_str(line);
    }
    out.extend(std::iter::repeat_n('\n', ends.saturating_sub(1)));
    out
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let short = ESCAPES.iter().find(|(of, _)| *of == c);
        match (short, u32::from(c)) {
            (Some((_, short)), _) => out.extend(['\\', *short]),
            (None, code) if !is_escaped(c) => out.extend(char::from_u32(code)),
            (None, code @ ..=0xff) => out.push_str(&format!("\\x{code:02X}")),
            (None, code @ ..=0xffff) => out.push_str(&format!("\\u{code:04X}")),
            (None, code) => out.push_str(&format!("\\U{code:08X}")),
        }
    }
    out.push('"');
    out
}

/// Breaks a scalar at single spaces behind the column that the library takes for the end of a line.
fn folded(written: String, indent: usize, column: usize, is_quoted: bool) -> String {
    let count = written.chars().count();
    if column.saturating_add(count) <= WIDTH {
        return written;
    }
    let mut out = String::with_capacity(written.len() + 16);
    let mut column = column;
    let mut chars = written.chars().enumerate().peekable();
    let mut after_space = false;
    while let Some((at, c)) = chars.next() {
        // The space next to a quote stays.
        let is_inside = !is_quoted || (at > 1 && at + 2 < count);
        let next_is_space = chars.peek().is_some_and(|(_, c)| *c == ' ');
        if c == ' ' && !after_space && column > WIDTH && is_inside && !next_is_space {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(c);
            column += 1;
        }
        after_space = c == ' ';
    }
    out
}

const WIDTH: usize = 80;

/// Characters with an escape of one letter (YAML 1.1, 5.6), those of the library.
const ESCAPES: &[(char, char)] = &[
    ('\0', '0'),
    ('\u{7}', 'a'),
    ('\u{8}', 'b'),
    ('\t', 't'),
    ('\n', 'n'),
    ('\u{b}', 'v'),
    ('\u{c}', 'f'),
    ('\r', 'r'),
    ('\u{1b}', 'e'),
    ('"', '"'),
    ('\\', '\\'),
    ('\u{85}', 'N'),
    ('\u{2028}', 'L'),
    ('\u{2029}', 'P'),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Limits,
        yaml::{Dialect, read},
    };

    #[test]
    fn a_text_is_written_as_go_writes_it() {
        for (text, expected) in [
            ("a b", "a b"),
            ("", "\"\""),
            ("yes", "\"yes\""),
            ("0x1f", "\"0x1f\""),
            ("<<", "\"<<\""),
            ("1:30", "\"1:30\""),
            ("1:61", "1:61"),
            ("2026-11-27", "\"2026-11-27\""),
            ("2026-11-27T10:00:00Z", "\"2026-11-27T10:00:00Z\""),
            ("2026-11", "2026-11"),
            ("- a", "'- a'"),
            ("a: b", "'a: b'"),
            ("it's #1", "'it''s #1'"),
            (" a", "' a'"),
            ("a\tb", "\"a\\tb\""),
            ("\u{1b}\u{1}", "\"\\e\\x01\""),
            ("\u{1f680}", "\"\\U0001F680\""),
            ("a\nb", "|-\n  a\n  b"),
            ("a\n\n", "|+\n  a\n"),
            (" a\nb\n", "|2\n   a\n  b"),
            ("a \nb", "\"a \\nb\""),
            ("\n", "\"\\n\""),
        ] {
            assert_eq!(scalar(text, 0, 0), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_long_is_broken_at_a_space_and_a_key_is_not() {
        let text = "word ".repeat(40).trim_end().to_owned();
        assert_eq!(scalar(&text, 2, 3).lines().count(), 3);
        assert_eq!(key(&text), text);
        assert_eq!(key("a\nb"), "\"a\\nb\"");
    }

    proptest! {
        #[test]
        fn a_text_is_read_back(
            text in "([a-z0-9é \u{2028}\u{1f680}\u{85}:#,'\"&*!|>%@`{}\\[\\]~=?.\n\t\\\\-]{0,12}|([a-z'#:]{1,9} {1,2}){0,40})",
        ) {
            let key = key(&text);
            let before = format!("{key}:\n  - ");
            let written = format!("{before}{}\n", scalar(&text, 4, 4));
            for dialect in [Dialect::KUBERNETES, Dialect::CORE] {
                let stream = read(&written, dialect, &Limits::default());
                prop_assert_eq!(&stream.error, &None, "{}", written);
                let entry = &stream.documents[0].root.as_map().expect("a map").entries()[0];
                prop_assert_eq!(&*entry.key, &*text, "{}", written);
                prop_assert_eq!(entry.value.items()[0].as_str(), Some(&*text), "{}", written);
            }
        }
    }
}
