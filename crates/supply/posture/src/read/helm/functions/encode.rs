//! Codes, digests, paths and addresses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::Digest as _;

use super::{Function, of, text, truth};
use crate::read::{
    helm::template::{Data, Engine, Fail, Value},
    hex::hex,
};

pub(super) const FUNCTIONS: &[Function] = &[
    of("b64enc", 1, 1, |engine, it| {
        engine.text(STANDARD.encode(text(&it[0])?))
    }),
    of("b64dec", 1, 1, b64dec),
    of("sha1sum", 1, 1, |engine, it| {
        engine.text(hex(&sha1::Sha1::digest(text(&it[0])?)))
    }),
    of("sha256sum", 1, 1, |engine, it| {
        engine.text(hex(&sha2::Sha256::digest(text(&it[0])?)))
    }),
    of("sha512sum", 1, 1, |engine, it| {
        engine.text(hex(&sha2::Sha512::digest(text(&it[0])?)))
    }),
    of("adler32sum", 1, 1, adler32),
    of("base", 1, 1, base),
    of("osBase", 1, 1, base),
    of("dir", 1, 1, dir),
    of("osDir", 1, 1, dir),
    of("clean", 1, 1, |engine, it| {
        engine.text(clean(text(&it[0])?))
    }),
    of("osClean", 1, 1, |engine, it| {
        engine.text(clean(text(&it[0])?))
    }),
    of("ext", 1, 1, ext),
    of("osExt", 1, 1, ext),
    of("isAbs", 1, 1, |_, it| {
        Ok(truth(text(&it[0])?.starts_with('/')))
    }),
    of("osIsAbs", 1, 1, |_, it| {
        Ok(truth(text(&it[0])?.starts_with('/')))
    }),
    of("urlParse", 1, 1, url_parse),
    // No name is looked up, as in Helm unless somebody asks for it.
    of("getHostByName", 1, 1, |engine, _| engine.text("")),
];

fn b64dec(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let decoded = STANDARD.decode(text(&values[0])?);
    match decoded.map(String::from_utf8) {
        Ok(Ok(text)) => engine.text(text),
        Ok(Err(_)) => Ok(Value::unknown("it is no text once it is decoded")),
        // Sprig gives the mistake as text.
        Err(error) => engine.text(error.to_string()),
    }
}

fn adler32(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let bytes = text(&values[0])?.bytes();
    let (a, b) = bytes.fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    engine.text(((b << 16) | a).to_string())
}

fn base(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let path = text(&values[0])?;
    let trimmed = path.trim_end_matches('/');
    engine.text(match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        (_, path) => path.rsplit('/').next().unwrap_or(path),
    })
}

fn dir(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let path = text(&values[0])?;
    let end = path.rfind('/').map_or(0, |at| at + 1);
    engine.text(clean(&path[..end]))
}

fn ext(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let path = text(&values[0])?;
    let name = path.rsplit('/').next().unwrap_or_default();
    engine.text(name.rfind('.').map_or("", |at| &name[at..]))
}

/// As `path.Clean`.
fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The parts of an address with a scheme and a host; what is written otherwise is not taken apart.
fn url_parse(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let url = text(&values[0])?;
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !url.contains('%')) else {
        return Ok(Value::unknown("the address is not taken apart here"));
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hostname = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let scheme = scheme.to_ascii_lowercase();
    let parts = [
        ("scheme", scheme.as_str()),
        ("host", host),
        ("hostname", hostname),
        ("path", path),
        ("query", query),
        ("opaque", ""),
        ("fragment", fragment),
        ("userinfo", user),
    ];
    let source = values[0].source();
    let part = |(name, text): (&str, &str)| {
        let value = Value::text(text).from(source.as_ref());
        (name.into(), value)
    };
    let map = engine.map_of(parts.map(part))?;
    debug_assert!(matches!(map.data, Data::Map(_)));
    Ok(map)
}
