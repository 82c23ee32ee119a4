//! Regular expressions of RE2, which Rego's are (github.com/google/re2/wiki/Syntax, and Go's `regexp/syntax`), as the `regex` crate spells
//! them: to it `\w` is a letter of any alphabet, `[a[b]]` a set in a set, and `{` without a number an error.

use std::{iter::Peekable, str::Chars};

/// The same expression for `regex`, or nothing where RE2 has none that is written so.
pub(super) fn spelled(pattern: &str) -> Option<String> {
    let mut speller = Speller {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len()),
    };
    speller.all()?;
    Some(speller.out)
}

struct Speller<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

/// What can be said before a repetition.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Something that can be repeated.
    Item,
    /// A repetition, which cannot be.
    Repeated,
    /// Whatever the library says.
    Other,
}

impl Speller<'_> {
    fn all(&mut self) -> Option<()> {
        let mut before = Before::Other;
        while let Some(next) = self.rest.next() {
            before = match next {
                '\\' => self.escape()?,
                '[' => self.class().map(|()| Before::Item)?,
                '(' => self.open()?,
                '*' | '+' | '?' => self.repeated(before, &next.to_string())?,
                '{' => match self.counted() {
                    Some(counted) => self.repeated(before, &counted?)?,
                    None => {
                        self.out.push_str(r"\{");
                        Before::Item
                    }
                },
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
        Some(())
    }

    /// A repetition with what makes it lazy.
    fn repeated(&mut self, before: Before, repetition: &str) -> Option<Before> {
        if before == Before::Repeated {
            return None;
        }
        self.out.push_str(repetition);
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Some(Before::Repeated)
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
        if self.rest.peek() == Some(&'P') || self.rest.peek() == Some(&'<') {
            return Some(Before::Other);
        }
        loop {
            let next = self.rest.next()?;
            self.out.push(next);
            match next {
                ':' | ')' => return Some(Before::Other),
                'i' | 'm' | 's' | 'U' | '-' => {}
                _ => return None,
            }
        }
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
        // What `regex` also knows, and RE2 does not: `p{sc=Greek}`, `p{Letter}`.
        let is_known = name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '^');
        self.out.push_str(&format!("\\{kind}{{{name}}}"));
        is_known.then_some(())
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
        let rest: String = self.rest.clone().skip(1).collect();
        let Some((name, _)) = rest.split_once(":]") else {
            return Some(false);
        };
        if !NAMES.contains(&name.trim_start_matches('^')) {
            return None;
        }
        for _ in 0..name.chars().count() + 3 {
            self.rest.next();
        }
        self.out.push_str(&format!("[:{name}:]"));
        Some(true)
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
