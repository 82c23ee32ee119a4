//! What Rego source must keep to before the parser sees it.
//!
//! The parser of `regorus` takes twice the time for each level of `[` and `{` (it tries a literal
//! and a comprehension), and a chain of operators becomes a tree as deep as it is long. Both are
//! counted here, in one pass over the bytes, and refused before they hurt.

use crate::{EngineError, engine::Message, rewrite::end_of_string};

/// Refuses a file that is larger than the library reads.
pub(crate) fn check_size(name: &str, source: &str) -> Result<(), EngineError> {
    if source.len() <= MAX_BYTES {
        return Ok(());
    }
    let text = format!("{name}:1: the file is larger than 1 MiB");
    Err(EngineError::Refuse(Message::new(&text)))
}

/// Refuses `source`, called `name`, where parsing it would cost too much time or stack. Says whether
/// it can only be Rego v1: whether it uses the words that v0 has to import, and imports none.
pub(crate) fn check(name: &str, source: &str) -> Result<Dialect, EngineError> {
    let refuse = |line: usize, what: &str| {
        let text = format!("{name}:{line}: {what}");
        Err(EngineError::Refuse(Message::new(&text)))
    };
    check_size(name, source)?;
    let bytes = source.as_bytes();
    let (mut at, mut line, mut depth, mut cost, mut chain) = (0, 1, 0_u32, 0_u64, 0_usize);
    let (mut has_keywords, mut imports_keywords) = (false, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\n' => line += 1,
            b'#' => at = end(bytes, at, |b| b == b'\n'),
            b'"' => {
                at = end_of_string(bytes, at);
            }
            b'`' => {
                let close = end(bytes, at, |b| b == b'`');
                line += bytes[at..close].iter().filter(|&&b| b == b'\n').count();
                at = close.saturating_add(1);
            }
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return refuse(line, "brackets stand more than 16 deep in each other");
                }
                cost += 1 << depth;
                chain = if byte == b'[' { chain + 1 } else { 0 };
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' | b';' => chain = 0,
            b':' if bytes.get(at) == Some(&b'=') => {
                at += 1;
                chain = 0;
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'=' | b'<' | b'>' | b'!' | b'.' => {
                chain += 1;
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                let start = at - 1;
                at = end(bytes, at, |b| !b.is_ascii_alphanumeric() && b != b'_');
                let word = &bytes[start..at];
                has_keywords |= matches!(word, b"if" | b"in" | b"every");
                imports_keywords |= word == b"future";
                match word {
                    b"in" | b"not" => chain += 1,
                    b"some" | b"every" | b"if" | b"else" | b"with" | b"import" | b"package"
                    | b"default" => chain = 0,
                    _ => {}
                }
            }
            _ => {}
        }
        if chain > MAX_CHAIN {
            return refuse(line, "one expression has more than 4,096 operators");
        }
        if cost > MAX_COST {
            return refuse(
                line,
                "the file nests too many brackets to be parsed in good time",
            );
        }
    }
    Ok(if has_keywords && !imports_keywords {
        Dialect::V1
    } else {
        Dialect::Either
    })
}

/// Which Rego a source can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Rego v1 alone.
    V1,
    /// Rego v1 or v0.
    Either,
}

fn end(bytes: &[u8], from: usize, stops: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|&b| stops(b)).unwrap_or(rest.len())
}

/// The library's own limit for one file.
pub(crate) const MAX_BYTES: usize = 1 << 20;

const MAX_DEPTH: u32 = 16;

/// In the parser's tries, each of which costs it one to nine microseconds: two seconds at most. Of 1,957
/// modules of four public libraries the dearest needs 139,256.
const MAX_COST: u64 = 1 << 18;

const MAX_CHAIN: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_passes() {
        let source = r#"package a
# [[[[[[[[[[[[[[[[[[[[[[
text := "[[[[[[[[[[[[[[[[[[[[[[[\" {"
raw := `{{{{{{{{{{{{{{{{{{{{{{
{`
deny contains msg if { some x in input.a[0].b; msg := sprintf("%d", [x]) }
"#;
        assert_eq!(check("a.rego", source), Ok(Dialect::V1));
        let old = "package a\nimport future.keywords.in\ndeny[x] { x in [1] }\n";
        assert_eq!(check("a.rego", old), Ok(Dialect::Either));
        let older = "package a\ndeny[x] { contains(\"if\", x) }\n";
        assert_eq!(check("a.rego", older), Ok(Dialect::Either));
    }

    #[test]
    fn what_the_parser_would_choke_on_is_refused_with_its_line() {
        let deep = format!("package a\nx := {}", "[".repeat(17));
        let chain = format!("package a\nx := 1{}", "+1".repeat(5_000));
        let many = format!(
            "package a\n{}",
            "x := [[[[[[[[[[[[1]]]]]]]]]]]]\n".repeat(300)
        );
        let unclosed = format!("package a\n`\n`x := {}", "{".repeat(17));
        for (source, expected) in [
            (deep, "a.rego:2: brackets"),
            (chain, "a.rego:2: one expression"),
            (many, "a.rego:34: the file nests"),
            (unclosed, "a.rego:3: brackets"),
            (" ".repeat(MAX_BYTES + 1), "a.rego:1: the file is larger"),
        ] {
            let error = check("a.rego", &source).expect_err(expected).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
