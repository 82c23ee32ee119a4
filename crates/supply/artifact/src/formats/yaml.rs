//! YAML's tags that name Python, however they are spelled.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What the tags of a text ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tags {
    /// Nothing of Python's, or nothing at all.
    #[default]
    Plain,
    /// Python's types of data, or handles of their own: only a loader that may run code, or one
    /// that was taught them, reads the file.
    Python,
    /// A call of what they name, or something that hides what it is.
    Construct,
}

/// The worst of the tags in `text`.
pub(super) fn tags(text: &[u8]) -> Tags {
    let spelled = NAMES.iter().flat_map(|name| {
        let len = name.needle().len();
        name.find_iter(text).map(move |at| kind(&text[at + len..]))
    });
    let handles = HANDLE.find_iter(text).filter_map(|at| {
        let begins = at == 0 || matches!(text[at - 1], b'\n' | b'\r');
        let line = begins.then(|| text[at + 4..].split(|byte| b"\r\n".contains(byte)).next());
        handle(line??)
    });
    let escapes = memchr::memchr_iter(b'%', text).filter(|&at| is_escape_in_tag(text, at));
    let escapes = escapes.map(|_| Tags::Construct);
    let mut worst = Tags::Plain;
    for tag in spelled.chain(handles).chain(escapes) {
        worst = worst.max(tag);
        if worst == Tags::Construct {
            break;
        }
    }
    worst
}

/// What a tag asks for, by what follows `python`.
fn kind(rest: &[u8]) -> Tags {
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphabetic());
    let (name, after) = rest.split_at(name.count());
    let ends = after
        .first()
        .is_none_or(|&byte| byte.is_ascii_whitespace() || b">,]}`'\"".contains(&byte));
    match ends && DATA.contains(&name) {
        true => Tags::Python,
        false => Tags::Construct,
    }
}

/// What the rest of a line `%TAG` declares: `!x! tag:example.org,2000:`.
fn handle(line: &[u8]) -> Option<Tags> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let blank = line.first().is_some_and(u8::is_ascii_whitespace);
    let handle = words.next().filter(|handle| handle.starts_with(b"!"));
    let (true, Some(_), Some(prefix)) = (blank, handle, words.next()) else {
        return None;
    };
    let hides =
        PREFIX.starts_with(prefix) || prefix.starts_with(STANDARD) || prefix.contains(&b'%');
    Some(if hides { Tags::Construct } else { Tags::Python })
}

/// Whether `%` at `at` escapes a character of a tag. There is no honest reason for that.
fn is_escape_in_tag(text: &[u8], at: usize) -> bool {
    let escapes = matches!(
        text.get(at + 1..at + 3),
        Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
    );
    if !escapes {
        return false;
    }
    let from = at.saturating_sub(LONGEST);
    let before = &text[from..at];
    let begin = before
        .iter()
        .rposition(|byte| byte.is_ascii_whitespace() || b"[]{}\"'`()".contains(byte));
    let word = &before[begin.map_or(0, |begin| begin + 1)..];
    let mark = word.iter().position(|&byte| byte == b'!');
    mark.is_some_and(|mark| {
        let stands = mark == 0 || b",:-".contains(&word[mark - 1]);
        let follows = word.get(mark + 1).copied().unwrap_or(b'%');
        stands && (b"!<%".contains(&follows) || follows.is_ascii_alphanumeric())
    })
}

static NAMES: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["!!python/", "yaml.org,2002:python"].map(Finder::new));
static HANDLE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("%TAG"));

/// Tags of values that cannot run anything.
const DATA: [&[u8]; 12] = [
    b"tuple", b"none", b"bool", b"str", b"unicode", b"int", b"long", b"float", b"complex", b"list",
    b"dict", b"bytes",
];
const STANDARD: &[u8] = b"tag:yaml.org,2002:";
const PREFIX: &[u8] = b"tag:yaml.org,2002:python/";
/// More than a tag has before its first escape.
const LONGEST: usize = 64;
