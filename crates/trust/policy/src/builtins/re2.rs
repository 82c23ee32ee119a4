//! Regular expressions of RE2, which Rego's are (github.com/google/re2/wiki/Syntax, and Go's `regexp/syntax`), as the `regex` crate spells
//! them: to it `\w` is a letter of any alphabet, `[a[b]]` a set in a set, and `{` without a number an error.

use std::{iter::Peekable, mem, str::Chars};

/// The same expression for `regex`, or nothing where RE2 has none that is written so.
pub(super) fn spelled(pattern: &str) -> Option<String> {
    let mut speller = Speller {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len()),
        flags: String::new(),
        has_no_names: false,
    };
    speller.all()?;
    Some(speller.out)
}

struct Speller<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
    /// Flags for what comes next. A repetition behind them is one of what stands before them.
    flags: String,
    /// Nothing ends a name of a set any more, which is looked for once.
    has_no_names: bool,
}

/// What can be said before a repetition.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Something that can be repeated.
    Item,
    /// A repetition, which cannot be.
    Repetition,
    /// A repetition with flags behind it, which can.
    Repeated,
    /// Whatever the library says.
    Other,
}

impl Speller<'_> {
    fn all(&mut self) -> Option<()> {
        let mut before = Before::Other;
        while let Some(next) = self.rest.next() {
            let counted = (next == '{').then(|| self.counted()).flatten();
            let repetition = match next {
                '*' | '+' | '?' => Some(next.to_string()),
                _ => match counted {
                    Some(counted) => Some(counted?),
                    None => None,
                },
            };
            if let Some(repetition) = repetition {
                before = self.repeated(before, &repetition)?;
                continue;
            }
            if next == '(' && self.flagged()? {
                if before == Before::Repetition {
                    before = Before::Repeated;
                }
                continue;
            }
            let flags = mem::take(&mut self.flags);
            self.out.push_str(&flags);
            before = match next {
                '\\' => self.escape()?,
                '[' => self.class().map(|()| Before::Item)?,
                '(' => self.open()?,
                '{' => {
                    self.out.push_str(r"\{");
                    Before::Item
                }
                '|' | '^' => {
                    self.out.push(next);
                    Before::Other
                }
                _ => {
                    self.out.push(next);
                    Before::Item
                }
            };
        }
        self.out.push_str(&self.flags);
        Some(())
    }

    /// A repetition with what makes it lazy.
    fn repeated(&mut self, before: Before, repetition: &str) -> Option<Before> {
        match (before, repetition) {
            (Before::Repetition, _) => return None,
            // Right behind a repetition it would make that lazy.
            (Before::Repeated, "?") => self.out.push_str("{0,1}"),
            _ => self.out.push_str(repetition),
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Some(Before::Repetition)
    }

    /// Reads `?i)`, if what an opening bracket begins is nothing but flags.
    fn flagged(&mut self) -> Option<bool> {
        let mut ahead = self.rest.clone();
        let is_of_flags = ahead.next() == Some('?')
            && ahead.find(|it| !matches!(it, 'i' | 'm' | 's' | 'U' | '-')) == Some(')');
        if is_of_flags {
            self.rest.next();
            let (flags, _) = self.flags()?;
            // Without a flag it says nothing.
            if !flags.is_empty() {
                self.flags.push_str(&format!("(?{flags})"));
            }
        }
        Some(is_of_flags)
    }

    /// The rest of `{2}`, `{2,}` or `{2,5}`: nothing where it is no repetition, and no answer where RE2 has none so large.
    fn counted(&mut self) -> Option<Option<String>> {
        let mut ahead = self.rest.clone();
        let first = number(&mut ahead)?;
        let last = match ahead.next_if_eq(&',') {
            Some(_) if ahead.peek() == Some(&'}') => None,
            Some(_) => Some(number(&mut ahead)?),
            None => Some(first),
        };
        ahead.next_if_eq(&'}')?;
        self.rest = ahead;
        if first > MAX_COUNT || last.is_some_and(|last| last > MAX_COUNT || last < first) {
            return Some(None);
        }
        let last = last.map(|it| it.to_string()).unwrap_or_default();
        Some(Some(format!("{{{first},{last}}}")))
    }

    /// What stands behind an opening bracket and says what it opens.
    fn open(&mut self) -> Option<Before> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Some(Before::Other);
        }
        self.out.push('?');
        if self.rest.next_if_eq(&'P').is_some() {
            self.out.push('P');
            return self.name();
        }
        if self.rest.peek() == Some(&'<') {
            return self.name();
        }
        let (flags, end) = self.flags()?;
        self.out.push_str(&flags);
        self.out.push(end);
        Some(Before::Other)
    }

    /// Flags, and what ends them: a colon or a bracket.
    fn flags(&mut self) -> Option<(String, char)> {
        let (mut flags, mut is_off) = (String::new(), false);
        loop {
            let next = self.rest.next()?;
            match next {
                // A minus without a flag is none.
                ':' | ')' if flags.ends_with('-') => return None,
                ':' | ')' => return Some((flags, next)),
                '-' if !is_off => {
                    is_off = true;
                    flags.push(next);
                }
                'i' | 'm' | 's' | 'U' => {
                    // The last that is said of a flag holds, and `regex` takes each once.
                    flags.retain(|it| it != next);
                    flags.push(next);
                }
                _ => return None,
            }
        }
    }

    /// The name of a group: word characters of ASCII.
    fn name(&mut self) -> Option<Before> {
        self.rest.next_if_eq(&'<')?;
        let mut name = String::new();
        while let Some(next) = self
            .rest
            .next_if(|it| it.is_ascii_alphanumeric() || *it == '_')
        {
            name.push(next);
        }
        self.rest.next_if_eq(&'>')?;
        self.out.push_str(&format!("<{name}>"));
        (!name.is_empty()).then_some(Before::Other)
    }

    fn escape(&mut self) -> Option<Before> {
        let next = self.rest.next()?;
        match next {
            'Q' => return Some(self.quoted()),
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(next);
                return Some(Before::Other);
            }
            'b' | 'B' => {
                self.out.push_str(r"(?-u:\");
                self.out.push(next);
                self.out.push(')');
                return Some(Before::Other);
            }
            'p' | 'P' => self.property(next)?,
            _ => match letters(next) {
                Some(class) => self.out.push_str(class),
                None => {
                    let literal = self.character(next)?;
                    push(&mut self.out, literal);
                }
            },
        }
        Some(Before::Item)
    }

    /// What stands between `\Q` and `\E`.
    fn quoted(&mut self) -> Before {
        let mut before = Before::Other;
        while let Some(next) = self.rest.next() {
            if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            push(&mut self.out, next);
            before = Before::Item;
        }
        before
    }

    /// `pL` or `p{Greek}`.
    fn property(&mut self, kind: char) -> Option<()> {
        let mut name = String::new();
        match self.rest.next()? {
            '{' => loop {
                match self.rest.next()? {
                    '}' => break,
                    next => name.push(next),
                }
            },
            next => name.push(next),
        }
        let (is_other, name) = match name.strip_prefix('^') {
            Some(name) => (true, name),
            None => (false, &*name),
        };
        // What `regex` also knows, and RE2 does not: `p{sc=Greek}`.
        let is_name = name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_');
        let kind = if (kind == 'P') == is_other { 'p' } else { 'P' };
        self.out.push_str(&format!("\\{kind}{{{name}}}"));
        is_name.then_some(())
    }

    /// The character that an escape is.
    fn character(&mut self, next: char) -> Option<char> {
        let number = match next {
            'a' => 0x07,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            'x' => self.hexadecimal()?,
            '0'..='7' => {
                // One digit that is not zero refers to a group, which RE2 has not.
                let is_more = self.rest.peek().is_some_and(|it| ('0'..='7').contains(it));
                if next != '0' && !is_more {
                    return None;
                }
                let mut number = next.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(|it| ('0'..='7').contains(it)) else {
                        break;
                    };
                    number = number * 8 + digit.to_digit(8)?;
                }
                number
            }
            _ => return (next.is_ascii() && !next.is_ascii_alphanumeric()).then_some(next),
        };
        char::from_u32(number)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digit = |it: Option<char>| it?.to_digit(16);
        match self.rest.next()? {
            '{' => {
                let mut number = digit(self.rest.next())?;
                loop {
                    match self.rest.next()? {
                        '}' => return Some(number),
                        next => number = number.checked_mul(16)?.checked_add(digit(Some(next))?)?,
                    }
                }
            }
            first => Some(digit(Some(first))? * 16 + digit(self.rest.next())?),
        }
    }

    /// A set of characters, behind its bracket.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let next = self.rest.next()?;
            match next {
                ']' if !is_first => break,
                '[' if self.rest.peek() == Some(&':') && self.named()? => {}
                '\\' if self.set()? => {}
                _ => self.range(next)?,
            }
            is_first = false;
        }
        self.out.push(']');
        Some(())
    }

    /// `[:alpha:]`, if it is such behind its bracket.
    fn named(&mut self) -> Option<bool> {
        if self.has_no_names {
            return Some(false);
        }
        let mut rest = self.rest.clone().skip(1).peekable();
        let mut name = String::new();
        while let Some(next) = rest.next() {
            if next == ':' && rest.peek() == Some(&']') {
                let bare = name.strip_prefix('^').unwrap_or(&name);
                if !NAMES.contains(&bare) {
                    return None;
                }
                for _ in 0..name.len() + 3 {
                    self.rest.next();
                }
                self.out.push_str(&format!("[:{name}:]"));
                return Some(true);
            }
            name.push(next);
        }
        self.has_no_names = true;
        Some(false)
    }

    /// An escape that is a set itself, if it is one behind its backslash.
    fn set(&mut self) -> Option<bool> {
        let next = *self.rest.peek()?;
        if matches!(next, 'p' | 'P') {
            self.rest.next();
            return self.property(next).map(|()| true);
        }
        let class = letters(next);
        if let Some(class) = class {
            self.rest.next();
            self.out.push_str(class);
        }
        Some(class.is_some())
    }

    /// One character of a set, or those from one to another.
    fn range(&mut self, first: char) -> Option<()> {
        let first = self.member(first)?;
        push(&mut self.out, first);
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('-') && ahead.peek().is_some_and(|it| *it != ']') {
            let next = ahead.next()?;
            self.rest = ahead;
            let last = self.member(next)?;
            if last < first {
                return None;
            }
            self.out.push('-');
            push(&mut self.out, last);
        }
        Some(())
    }

    fn member(&mut self, next: char) -> Option<char> {
        match next {
            '\\' => {
                let escaped = self.rest.next()?;
                self.character(escaped)
            }
            _ => Some(next),
        }
    }
}

/// Digits without a zero before them.
fn number(text: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let first = text.next_if(char::is_ascii_digit)?;
    let mut number = first.to_digit(10)?;
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if number == 0 {
            return None;
        }
        number = number
            .saturating_mul(10)
            .saturating_add(digit.to_digit(10)?);
    }
    Some(number)
}

/// Writes a character so that it is nothing else.
fn push(out: &mut String, character: char) {
    match character.is_ascii_alphanumeric() {
        true => out.push(character),
        false => out.push_str(&format!("\\x{{{:X}}}", u32::from(character))),
    }
}

/// The sets that have a letter: of ASCII alone.
fn letters(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        _ => return None,
    })
}

const NAMES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

const MAX_COUNT: u32 = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn letters_and_sets_are_those_of_ascii() {
        for (pattern, text, is_match) in [
            (r"^\w+$", "é", false),
            (r"^\W$", "é", true),
            (r"\d", "٣", false),
            (r"\bb\b", "éb", true),
            (r"^[\w-]+$", "a-1", true),
            (r"^[^\W_]$", "_", false),
            ("^[a[b]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[a&&b]$", "&", true),
            ("a{,3}", "a{,3}", true),
            (r"\Qa]b\E", "a]b", true),
            (r"\<", "<", true),
            (r"\012", "\n", true),
            ("[[:alpha:]]", "é", false),
            ("(?ii)A", "a", true),
            ("(?i-i)A", "a", false),
            ("(?P<n>a)", "a", true),
            ("^a(?i)*B$", "aaab", true),
            ("^ab(?i)*$", "aBB", false),
            ("^a{2}(?i){2}$", "aaaa", true),
            ("^a+(?i)?$", "aa", true),
            ("^(?:a|b(?i))*$", "ab", true),
        ] {
            let regex = Regex::new(&spelled(pattern).expect(pattern)).expect(pattern);
            assert_eq!(regex.is_match(text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn what_re2_does_not_have_is_none() {
        for pattern in [
            r"\1",
            r"\Z",
            r"\u0041",
            r"\C",
            "(?x)a",
            "a**",
            "a(?i)**",
            "a*+",
            "a{1001}",
            "a{3,2}",
            "[z-a]",
            "[[:foo:]]",
            r"[\b]",
            r"[a-\d]",
            r"\p{sc=Greek}",
            "[a",
            "\\",
        ] {
            assert_eq!(spelled(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn flags_with_nothing_before_them_cannot_be_repeated() {
        for pattern in ["(?i)*", "a|(?i)*", "((?i)*)", "(?i)(?s)+"] {
            let spelled = spelled(pattern).expect(pattern);
            assert!(Regex::new(&spelled).is_err(), "{pattern}: {spelled}");
        }
    }

    #[test]
    fn names_that_do_not_end_are_looked_for_once() {
        let pattern = format!("[{}", "[:".repeat(200_000));
        assert_eq!(spelled(&pattern), None);
        let closed = format!("{pattern}a]");
        assert!(spelled(&closed).is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_spelled_in_what_is_bounded(text in r"[\\\[\](){}^$|*+?.:\-a-cbdwsQExp0-9é&]{0,24}") {
            if let Some(spelled) = spelled(&text) {
                prop_assert!(spelled.len() <= 24 * (text.len() + 1), "{}", spelled);
            }
        }
    }
}
