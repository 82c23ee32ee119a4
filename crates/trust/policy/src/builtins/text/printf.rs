//! `sprintf`, as Go's `fmt.Sprintf` has it of what OPA hands to it: integers, floats and strings,
//! everything else as Rego. It always gives a text: where verbs and arguments do not go together, the
//! text says so, as in Go (`%!d(string=a)`, `%!v(MISSING)`), and a message is never lost over it.

use regorus::Value;

use super::{MAX_TEXT, shown};
use crate::builtins::Fault;

pub(super) fn sprintf(format: &str, arguments: &[Value]) -> Result<String, Fault> {
    let mut printer = Printer {
        rest: format,
        arguments,
        next: 0,
        is_reordered: false,
        text: String::new(),
    };
    while let Some((before, behind)) = printer.rest.split_once('%') {
        printer.text.push_str(before);
        printer.rest = behind;
        printer.verb()?;
        if printer.text.len() > MAX_TEXT {
            return Err(Fault::refuse("would make more than 16 MiB"));
        }
    }
    printer.text.push_str(printer.rest);
    printer.extra();
    Ok(printer.text)
}

struct Printer<'a> {
    /// What of the format is not written yet.
    rest: &'a str,
    arguments: &'a [Value],
    next: usize,
    is_reordered: bool,
    text: String,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// An argument, as Go sees it.
enum Argument {
    Int(i128),
    /// An integer beyond 64 bits, in decimal.
    Big(String),
    Float(f64),
    Text(String),
}

impl Printer<'_> {
    /// Writes what stands behind a `%`.
    fn verb(&mut self) -> Result<(), Fault> {
        let mut flags = Flags::default();
        loop {
            match self.rest.bytes().next() {
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b'#') => flags.sharp = true,
                Some(b' ') => flags.space = true,
                Some(b'0') => flags.zero = true,
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        let mut is_indexed = self.index();
        flags.width = self.count(is_indexed)?;
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            let is_given = self.index();
            is_indexed = is_indexed.and(is_given);
            flags.precision = Some(self.count(is_given)?.unwrap_or(0));
        }
        is_indexed = is_indexed.and(self.index());
        let Some(verb) = self.rest.chars().next() else {
            self.text.push_str("%!(NOVERB)");
            return Ok(());
        };
        self.rest = &self.rest[verb.len_utf8()..];
        if verb == '%' {
            self.text.push('%');
        } else if is_indexed.is_err() {
            self.text.push_str(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            self.text
                .push_str(&Argument::of(argument).shown(verb, flags));
        } else {
            self.text.push_str(&format!("%!{verb}(MISSING)"));
        }
        Ok(())
    }

    /// Reads `[2]`, which names the next argument. An error where there is none of that number.
    fn index(&mut self) -> Result<(), ()> {
        let Some((number, rest)) = self
            .rest
            .strip_prefix('[')
            .and_then(|it| it.split_once(']'))
        else {
            return Ok(());
        };
        self.is_reordered = true;
        self.rest = rest;
        match number.parse::<usize>() {
            Ok(number) if (1..=self.arguments.len()).contains(&number) => {
                self.next = number - 1;
                Ok(())
            }
            _ => Err(()),
        }
    }

    /// Reads a width or a precision: digits, or `*` for the next argument.
    fn count(&mut self, is_indexed: Result<(), ()>) -> Result<Option<usize>, Fault> {
        if let Some(rest) = self.rest.strip_prefix('*') {
            self.rest = rest;
            let argument = self.arguments.get(self.next).filter(|_| is_indexed.is_ok());
            self.next += 1;
            return match argument.map(Argument::of) {
                Some(Argument::Int(count)) => match usize::try_from(count) {
                    Ok(count) if count <= MAX_COUNT => Ok(Some(count)),
                    _ => Err(wide()),
                },
                _ => {
                    self.text.push_str("%!(BADWIDTH)");
                    Ok(None)
                }
            };
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match number {
            "" => Ok(None),
            number => match number.parse() {
                Ok(count) if count <= MAX_COUNT => Ok(Some(count)),
                _ => Err(wide()),
            },
        }
    }

    /// Tells of arguments that no verb asked for.
    fn extra(&mut self) {
        if self.is_reordered || self.next >= self.arguments.len() {
            return;
        }
        let extra = self.arguments[self.next..].iter().map(|argument| {
            let argument = Argument::of(argument);
            format!("{}={}", argument.kind(), argument.plain())
        });
        let extra: Vec<String> = extra.collect();
        self.text
            .push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
}

impl Argument {
    fn of(value: &Value) -> Self {
        let Value::Number(number) = value else {
            return Self::Text(shown(value));
        };
        match (number.as_i64(), number.as_f64()) {
            (Some(int), _) if number.is_integer() => Self::Int(int.into()),
            _ if number.is_integer() => Self::Big(number.format_decimal()),
            (_, Some(float)) => Self::Float(float),
            _ => Self::Text(number.format_decimal()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "int",
            Self::Big(_) => "*big.Int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Int(int) => int.to_string(),
            Self::Big(text) | Self::Text(text) => text.clone(),
            Self::Float(float) => general(*float, None, 21, false),
        }
    }

    fn shown(&self, verb: char, flags: Flags) -> String {
        let shown = match (self, verb) {
            (_, 'T') => Some(flags.padded(self.kind().to_owned())),
            (Self::Int(int), _) => integer(*int, verb, flags),
            (Self::Big(text), 'v' | 'd' | 's') => flags.signed(text),
            (Self::Big(text), _) => text.parse().ok().and_then(|int| integer(int, verb, flags)),
            (Self::Float(float), _) => decimal(*float, verb, flags),
            (Self::Text(text), _) => words(text, verb, flags),
        };
        shown.unwrap_or_else(|| format!("%!{verb}({}={})", self.kind(), self.plain()))
    }
}

fn integer(int: i128, verb: char, flags: Flags) -> Option<String> {
    let (sign, size) = (if int < 0 { "-" } else { "" }, int.unsigned_abs());
    let prefix = |prefix: &'static str| if flags.sharp { prefix } else { "" };
    let digits = match verb {
        'v' | 'd' => size.to_string(),
        'b' => format!("{}{size:b}", prefix("0b")),
        'o' => format!("{}{size:o}", prefix("0")),
        'O' => format!("0o{size:o}"),
        'x' => format!("{}{size:x}", prefix("0x")),
        'X' => format!("{}{size:X}", prefix("0X")),
        'c' | 'q' => {
            let letter = u32::try_from(int).ok().and_then(char::from_u32);
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            let quoted = match letter {
                letter if verb == 'c' => letter.to_string(),
                '\'' => "'\\''".to_owned(),
                '"' => "'\"'".to_owned(),
                letter => format!("'{}'", letter.escape_debug()),
            };
            return Some(flags.padded(quoted));
        }
        'U' => return Some(flags.padded(format!("U+{size:04X}"))),
        _ => return None,
    };
    let missing = flags.precision.unwrap_or(0).saturating_sub(digits.len());
    let digits = format!("{sign}{}{digits}", "0".repeat(missing));
    flags.signed(&digits)
}

fn decimal(float: f64, verb: char, flags: Flags) -> Option<String> {
    let text = match verb {
        'v' => general(float, flags.precision, 21, false),
        'g' | 'G' => general(float, flags.precision, 21, verb == 'G'),
        'f' | 'F' => format!("{float:.*}", flags.precision.unwrap_or(6)),
        'e' | 'E' => scientific(float, Some(flags.precision.unwrap_or(6)), verb == 'E'),
        _ => return None,
    };
    flags.signed(&text)
}

/// The shorter of both ways, or what `precision` digits allow.
fn general(float: f64, precision: Option<usize>, most: i32, is_upper: bool) -> String {
    if float == 0.0 || !float.is_finite() {
        return format!("{float}");
    }
    let digits = precision.map(|precision| precision.max(1));
    let text = scientific(float, digits.map(|digits| digits - 1), is_upper);
    let exponent: i32 = text
        .rsplit(['e', 'E'])
        .next()
        .and_then(|exponent| exponent.parse().ok())
        .unwrap_or(0);
    let most = digits.map_or(most, |digits| i32::try_from(digits).unwrap_or(most));
    if exponent < -4 || exponent >= most {
        return match text.split_once(['e', 'E']) {
            Some((number, behind)) if number.contains('.') => {
                let number = number.trim_end_matches('0').trim_end_matches('.');
                format!("{number}{}{behind}", if is_upper { 'E' } else { 'e' })
            }
            _ => text,
        };
    }
    let text = match digits {
        None => return float.to_string(),
        Some(digits) => {
            let digits = i32::try_from(digits).unwrap_or(i32::MAX);
            let places = usize::try_from(digits - 1 - exponent).unwrap_or(0);
            format!("{float:.places$}")
        }
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `1.5e+07`: Go writes the sign and two digits of an exponent.
fn scientific(float: f64, precision: Option<usize>, is_upper: bool) -> String {
    let text = match precision {
        Some(precision) => format!("{float:.precision$e}"),
        None => format!("{float:e}"),
    };
    let Some((number, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let letter = if is_upper { 'E' } else { 'e' };
    format!("{number}{letter}{sign}{digits:0>2}")
}

fn words(text: &str, verb: char, flags: Flags) -> Option<String> {
    let cut = |text: &str| match flags.precision {
        Some(count) => text.chars().take(count).collect(),
        None => text.to_owned(),
    };
    let text = match verb {
        'v' if flags.sharp => quoted(text),
        'v' | 's' => cut(text),
        'q' => quoted(&cut(text)),
        'x' | 'X' => {
            let bytes = text.bytes().take(flags.precision.unwrap_or(usize::MAX));
            let byte = |byte| match verb {
                'x' => format!("{byte:02x}"),
                _ => format!("{byte:02X}"),
            };
            bytes.map(byte).collect()
        }
        _ => return None,
    };
    Some(flags.padded(text))
}

/// As Go quotes a text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Flags {
    /// A number in its width, with the sign that is asked for.
    fn signed(self, number: &str) -> Option<String> {
        let sign = match number {
            number if number.starts_with('-') => "",
            _ if self.plus => "+",
            _ if self.space => " ",
            _ => "",
        };
        let number = format!("{sign}{number}");
        let width = self.width.unwrap_or(0);
        if !self.zero || self.minus || number.len() >= width || self.precision_of_int(&number) {
            return Some(self.padded(number));
        }
        let at = usize::from(number.starts_with(['-', '+', ' ']));
        let zeros = "0".repeat(width - number.len());
        Some(format!("{}{zeros}{}", &number[..at], &number[at..]))
    }

    /// Whether zeros are what the precision of an integer asks for, and not the width.
    fn precision_of_int(self, number: &str) -> bool {
        self.precision.is_some() && !number.contains('.')
    }

    fn padded(self, text: String) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        let space = " ".repeat(missing);
        match self.minus {
            true => text + &space,
            false => space + &text,
        }
    }
}

fn wide() -> Fault {
    Fault::refuse("has a width of more than three digits")
}

const MAX_COUNT: usize = 999;

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: &str, arguments: &str) -> String {
        let arguments = Value::from_json_str(arguments).expect("JSON");
        sprintf(format, &arguments.as_array().expect("an array").to_vec()).expect("a text")
    }

    // What Go 1.22 prints (`fmt.Sprintf` of int, float64 and string), by its documentation.
    #[test]
    fn verbs_and_flags_are_gos() {
        for (format, arguments, expected) in [
            (
                "%v %s %d%%",
                r#"[{"a": [1]}, "x", 7]"#,
                r#"{"a": [1]} x 7%"#,
            ),
            (
                "%5d|%-5d|%05d|%+d|% d",
                "[1, 2, -3, 4, 5]",
                "    1|2    |-0003|+4| 5",
            ),
            (
                "%x %X %#x %o %O %b %c %U",
                "[255, 255, 255, 8, 8, 5, 65, 65]",
                "ff FF 0xff 10 0o10 101 A U+0041",
            ),
            ("%6.2f|%f|%.0f", "[3.14159, 1.5, 2.5]", "  3.14|1.500000|2"),
            (
                "%e %E %g %g",
                "[1500000.5, 0.00015, 0.00001, 1.5]",
                "1.500000e+06 1.500000E-04 1e-05 1.5",
            ),
            (
                "%q %x %X",
                r#"["a\"\n", "hi", "hi"]"#,
                r#""a\"\n" 6869 6869"#,
            ),
            (
                "%5s|%-5s|%.2s|%3v",
                r#"["a", "b", "cdef", true]"#,
                "    a|b    |cd|true",
            ),
            ("%*d|%[2]d %[1]d", "[3, 7]", "  7|7 3"),
            ("%T %T %T", "[1, 1.5, null]", "int float64 string"),
            ("%d", "[12345678901234567890]", "12345678901234567890"),
        ] {
            assert_eq!(printed(format, arguments), expected, "{format}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_said_in_the_text() {
        for (format, arguments, expected) in [
            ("%v %v", "[1]", "1 %!v(MISSING)"),
            ("a", r#"[1, "b"]"#, "a%!(EXTRA int=1, string=b)"),
            (
                "%d %s %t",
                r#"["a", 1, true]"#,
                "%!d(string=a) %!s(int=1) %!t(string=true)",
            ),
            ("%z", "[1]", "%!z(int=1)"),
            ("100%", "[]", "100%!(NOVERB)"),
            ("%[3]d", "[1]", "%!d(BADINDEX)"),
            ("%*d", r#"["a", 1]"#, "%!(BADWIDTH)1"),
        ] {
            assert_eq!(printed(format, arguments), expected, "{format}");
        }
    }

    #[test]
    fn widths_that_nobody_needs_are_refused() {
        let one = [Value::from(1_000_000_000_u64), Value::from(1_u64)];
        for format in ["%1000d", "%.1000f", "%*d"] {
            assert_eq!(sprintf(format, &one), Err(wide()), "{format}");
        }
    }
}
