//! Hostile text made harmless to look at, and numbers made pleasant.
//!
//! File names, member names and messages come from what is judged. Whatever shows them to a person
//! passes them through [`sanitise`] first; JSON and SARIF keep them as they are.

use std::{borrow::Cow, fmt::Write as _};

use casemate_core::Timestamp;

/// `text` with every character that does not show itself written as an escape: control characters
/// (a terminal obeys them), bidirectional controls (they reorder what is read), and characters
/// without a glyph (they hide differences). The result is one line.
///
/// A backslash stays as it is, so this is for reading and cannot be undone.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_unseen(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// [`sanitise`], and no more than `most` characters of it, with a note of how many are missing.
pub(crate) fn sanitise_short(text: &str, most: usize) -> Cow<'_, str> {
    let clean = sanitise(text);
    let Some((cut, _)) = clean.char_indices().nth(most) else {
        return clean;
    };
    let missing = clean[cut..].chars().count();
    Cow::Owned(format!(
        "{}… ({})",
        &clean[..cut],
        counted(missing as u64, "more character")
    ))
}

/// A message cut at its backticks: the parts, and whether each one stood between two of them. Text
/// with an odd number of backticks is one part.
pub(crate) fn code_spans(text: &str) -> Vec<(bool, &str)> {
    if !text.matches('`').count().is_multiple_of(2) {
        return vec![(false, text)];
    }
    let parts = text.split('`').enumerate();
    (parts.map(|(n, part)| (n % 2 == 1, part)))
        .filter(|(_, part)| !part.is_empty())
        .collect()
}

/// `1 file`, `2 files`, `12,345 files`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(n))
}

/// `12,345`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size in decimal units with one decimal: `999 B`, `2.1 MB`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 1;
    let mut scale: u64 = 1000;
    // Tenths are cut and not rounded, so that the number never says more than there is.
    while unit < UNITS.len() - 1 && bytes / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    let tenth = bytes % scale / (scale / 10);
    format!("{}.{tenth} {}", bytes / scale, UNITS[unit])
}

/// A moment for people: `2026-06-30`, or `2026-06-30 09:30 UTC` when it is not midnight.
pub(crate) fn moment(time: Timestamp) -> String {
    let text = time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    match text.strip_suffix(" 00:00 UTC") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

/// Until when something is accepted: `, until 2026-06-30`; nothing where it has no end.
pub(crate) fn until(end: Option<Timestamp>) -> String {
    end.map_or_else(String::new, |end| format!(", until {}", moment(end)))
}

/// `a, b and c`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Control characters, separators of lines, and the code points that Unicode calls
/// `Default_Ignorable_Code_Point` (DerivedCoreProperties, version 16), bidirectional controls among
/// them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_an_eye_misses_is_written_out() {
        for (text, shown) in [
            ("models/a.pkl", "models/a.pkl"),
            ("modèle 模型", "modèle 模型"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}lkp.exe", "a\\u{202e}lkp.exe"),
            ("os\u{200b}.system", "os\\u{200b}.system"),
            ("\u{e0041}tag", "\\u{e0041}tag"),
            ("one\ntwo\r\tthree\0", "one\\ntwo\\r\\tthree\\u{0}"),
        ] {
            assert_eq!(sanitise(text), shown);
        }
    }

    #[test]
    fn long_text_says_how_much_is_missing() {
        assert_eq!(sanitise_short("abcdef", 6), "abcdef");
        assert_eq!(sanitise_short("abcdef", 5), "abcde… (1 more character)");
        assert_eq!(sanitise_short("éé\n", 1), "é… (3 more characters)");
    }

    #[test]
    fn backticks_that_do_not_pair_mean_nothing() {
        assert_eq!(
            code_spans("calls `os.system` now"),
            [(false, "calls "), (true, "os.system"), (false, " now")]
        );
        assert_eq!(code_spans("a ` b"), [(false, "a ` b")]);
        assert_eq!(code_spans(""), []);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(0, "file"), "0 files");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(2_190_000), "2.1 MB");
        assert_eq!(size(999_999), "999.9 kB");
        assert_eq!(size(u64::MAX), "18.4 EB");
        let time = |text: &str| moment(text.parse().expect("a time"));
        assert_eq!(time("2026-06-30T00:00:00Z"), "2026-06-30");
        assert_eq!(time("2026-06-30T09:30:59Z"), "2026-06-30 09:30 UTC");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }

    proptest! {
        #[test]
        fn nothing_unseen_is_left_and_what_is_seen_stays(text in any::<String>()) {
            let shown = sanitise(&text);
            prop_assert!(!shown.contains(is_unseen));
            if !text.contains(is_unseen) {
                prop_assert_eq!(&shown, &text);
            }
            prop_assert_eq!(sanitise(&shown), shown.clone());
        }

        #[test]
        fn code_spans_lose_nothing_but_the_backticks(text in "[a`]{0,12}") {
            let joined: String = code_spans(&text).iter().map(|(_, part)| *part).collect();
            let kept = if text.matches('`').count() % 2 == 0 { text.replace('`', "") } else { text };
            prop_assert_eq!(joined, kept);
        }
    }
}
