//! Words of an action.

use std::ops::Range;

/// A word, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) span: Range<usize>,
    /// Whether white space stands before it: `$x .a` is two operands, `$x.a` one.
    pub(super) is_apart: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// A name: of a function, a keyword, a constant.
    Name(String),
    /// `$`, `$x`; the dollar is part of it.
    Variable(String),
    /// `.a`; the dot is not.
    Field(String),
    Dot,
    Integer(i64),
    Float(f64),
    Text(String),
    Open,
    Close,
    Pipe,
    Comma,
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
}

/// The words of `text` from `at` up to the delimiter that closes the action. Gives them, the end of
/// the action, and whether what follows it loses the white space at its beginning.
pub(super) fn action(text: &str, at: usize) -> Result<(Vec<Token>, usize, bool), (usize, String)> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = at;
    loop {
        let before = at;
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let is_apart = at > before;
        let rest = &text[at..];
        if rest.starts_with("}}") {
            return Ok((tokens, at + 2, false));
        }
        if is_apart && rest.starts_with("-}}") {
            return Ok((tokens, at + 3, true));
        }
        let Some(next) = rest.chars().next() else {
            return Err((before, "an action without its end".to_owned()));
        };
        let (word, length) = word(rest, next).map_err(|message| (at, message))?;
        tokens.push(Token {
            word,
            span: at..at + length,
            is_apart,
        });
        at += length;
    }
}

fn word(rest: &str, next: char) -> Result<(Word, usize), String> {
    let name = |from: usize| {
        let tail = &rest[from..];
        let length = tail.find(|c: char| !is_alphanumeric(c));
        &tail[..length.unwrap_or(tail.len())]
    };
    Ok(match next {
        '(' => (Word::Open, 1),
        ')' => (Word::Close, 1),
        '|' => (Word::Pipe, 1),
        ',' => (Word::Comma, 1),
        '=' => (Word::Assign, 1),
        ':' if rest.starts_with(":=") => (Word::Declare, 2),
        '"' => quoted(rest)?,
        '`' => match rest[1..].find('`') {
            Some(end) => (Word::Text(rest[1..=end].replace('\r', "")), end + 2),
            None => return Err("a raw string without its end".to_owned()),
        },
        '\'' => character(rest)?,
        '$' => {
            let name = name(1);
            (Word::Variable(format!("${name}")), 1 + name.len())
        }
        '.' => match rest[1..].chars().next() {
            Some(digit) if digit.is_ascii_digit() => number(rest)?,
            Some(letter) if is_alphanumeric(letter) => {
                let name = name(1);
                (Word::Field(name.to_owned()), 1 + name.len())
            }
            _ => (Word::Dot, 1),
        },
        '+' | '-' => number(rest)?,
        digit if digit.is_ascii_digit() => number(rest)?,
        letter if is_alphanumeric(letter) => {
            let name = name(0);
            (Word::Name(name.to_owned()), name.len())
        }
        other => return Err(format!("{other:?} in an action")),
    })
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn quoted(rest: &str) -> Result<(Word, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Word::Text(text), at + 1)),
            '\n' => break,
            '\\' => text.push(escape(&mut chars)?),
            c => text.push(c),
        }
    }
    Err("a string without its end".to_owned())
}

fn character(rest: &str) -> Result<(Word, usize), String> {
    let mut chars = rest.char_indices().skip(1);
    let c = match chars.next() {
        Some((_, '\\')) => escape(&mut chars)?,
        Some((_, c)) if c != '\'' && c != '\n' => c,
        _ => return Err("no character between its quotes".to_owned()),
    };
    match chars.next() {
        Some((at, '\'')) => Ok((Word::Integer(i64::from(u32::from(c))), at + 1)),
        _ => Err("a character without its end".to_owned()),
    }
}

/// What follows a backslash in a string of Go.
fn escape(chars: &mut impl Iterator<Item = (usize, char)>) -> Result<char, String> {
    let Some((_, c)) = chars.next() else {
        return Err("a backslash at the end".to_owned());
    };
    let mut code = |digits: usize, base: u32, first: Option<char>| {
        let mut value = first.and_then(|c| c.to_digit(base)).unwrap_or(0);
        for _ in 0..digits {
            let digit = chars.next().and_then(|(_, c)| c.to_digit(base));
            let digit = digit.ok_or("an escape that is cut off")?;
            value = value.saturating_mul(base).saturating_add(digit);
        }
        // One byte of a string need not be a character; those above ASCII are not kept apart here.
        char::from_u32(value).ok_or("an escape for no character")
    };
    Ok(match c {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '"' | '\'' => c,
        'x' => code(2, 16, None)?,
        'u' => code(4, 16, None)?,
        'U' => code(8, 16, None)?,
        '0'..='7' => code(2, 8, Some(c))?,
        other => return Err(format!("the escape \\{other}")),
    })
}

/// `1.8p3`: a fraction of base 16, and a power of two.
fn hexadecimal(minus: &str, digits: &str) -> Option<f64> {
    let (mantissa, power) = digits.split_once('p')?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = u32::from_str_radix(&format!("{whole}{part}"), 16).ok()?;
    let power: i32 = power.parse().ok()?;
    let shift = i32::try_from(part.len()).ok()?.checked_mul(4)?;
    let value = f64::from(digits) * 2f64.powi(power.checked_sub(shift)?);
    Some(if minus.is_empty() { value } else { -value })
}

fn number(rest: &str) -> Result<(Word, usize), String> {
    let sign = usize::from(rest.starts_with(['+', '-']));
    let is_hexadecimal = rest[sign..].starts_with("0x") || rest[sign..].starts_with("0X");
    let mut length = sign;
    let mut last = ' ';
    for c in rest[sign..].chars() {
        let exponents: &[char] = if is_hexadecimal {
            &['p', 'P']
        } else {
            &['e', 'E']
        };
        let is_sign = matches!(c, '+' | '-') && exponents.contains(&last);
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || is_sign) {
            break;
        }
        last = c;
        length += 1;
    }
    let written = &rest[..length];
    let plain = written.replace('_', "");
    let (minus, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = bases
        .iter()
        .find_map(|(prefix, base)| Some((lower.strip_prefix(prefix)?, *base)));
    let integer = match based {
        Some((digits, base)) => i64::from_str_radix(&format!("{minus}{digits}"), base).ok(),
        None if lower.len() > 1 && lower.starts_with('0') && !lower.contains(['.', 'e']) => {
            i64::from_str_radix(&format!("{minus}{lower}"), 8).ok()
        }
        None => plain.parse().ok(),
    };
    let word = match integer {
        Some(value) => Word::Integer(value),
        None if lower.starts_with("0x") => match hexadecimal(minus, &lower[2..]) {
            Some(value) => Word::Float(value),
            None => return Err(format!("{written} is no number")),
        },
        None => match plain.parse::<f64>() {
            Ok(value)
                if lower
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-')) =>
            {
                Word::Float(value)
            }
            _ => return Err(format!("{written} is no number")),
        },
    };
    Ok((word, length))
}
