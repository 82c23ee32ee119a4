//! The framing of an answer (RFC 9112): its head, and a body that is as long as it says.

use std::{
    io::{BufRead, Read},
    time::Duration,
};

use super::{Answer, broken};
use crate::RequestError;

/// Reads one answer with a body of at most `limit` bytes.
pub(crate) fn read(reader: &mut impl BufRead, limit: u64) -> Result<Answer, RequestError> {
    let bytes = head(reader)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let code = code(&mut parsed, &bytes)?;
    let all = |name: &str| {
        let named = parsed.headers.iter();
        let named = named.filter(|header| header.name.eq_ignore_ascii_case(name));
        named
            .map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
            .collect::<Vec<_>>()
    };
    let length = match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        _ if code == 204 || code == 304 => Length::Exactly(0),
        ([], []) => Length::ToTheEnd,
        ([length], []) => Length::Exactly(
            length
                .parse()
                .map_err(|_| malformed("its length is no number"))?,
        ),
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Length::InChunks,
        _ => {
            return Err(malformed(
                "it says its length in several ways, or in an unknown one",
            ));
        }
    };
    if !all("content-encoding").is_empty() {
        return Err(malformed("it is compressed, which was not asked for"));
    }
    let seconds = all("retry-after").first().and_then(|it| it.parse().ok());
    Ok(Answer {
        code,
        retry_after: seconds.map(Duration::from_secs),
        location: all("location").into_iter().next(),
        body: body(reader, length, limit)?,
    })
}

/// Reads a head byte by byte, so that nothing that follows it is taken, and gives its status.
pub(crate) fn head_alone(reader: &mut impl Read) -> Result<u16, RequestError> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte).map_err(broken)?;
        bytes.push(byte[0]);
        if bytes.len() > MAX_HEAD {
            return Err(malformed("its head is too long"));
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    code(&mut httparse::Response::new(&mut headers), &bytes)
}

fn code<'b>(
    response: &mut httparse::Response<'_, 'b>,
    bytes: &'b [u8],
) -> Result<u16, RequestError> {
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Err(malformed("it is not HTTP/1.1")),
    }
    match response.code {
        // Nothing was announced that would ask for them.
        Some(code) if code >= 200 => Ok(code),
        _ => Err(malformed("its status is none that ends a request")),
    }
}

/// Everything up to the empty line.
fn head(reader: &mut impl BufRead) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        line(reader, &mut bytes, MAX_HEAD)?;
        if matches!(&bytes[before..], b"\r\n" | b"\n") && before > 0 {
            return Ok(bytes);
        }
    }
}

/// One more line, with its end; all lines together are at most `limit` long.
fn line(reader: &mut impl BufRead, bytes: &mut Vec<u8>, limit: usize) -> Result<(), RequestError> {
    let left = (limit + 1).saturating_sub(bytes.len()) as u64;
    let read = reader.take(left).read_until(b'\n', bytes).map_err(broken)?;
    match bytes.last() {
        _ if bytes.len() > limit => Err(malformed("its head is too long")),
        // The end of the line before is none of this one.
        Some(b'\n') if read > 0 => Ok(()),
        _ => Err(RequestError::Truncated),
    }
}

#[derive(Clone, Copy)]
enum Length {
    Exactly(u64),
    InChunks,
    ToTheEnd,
}

fn body(reader: &mut impl BufRead, length: Length, limit: u64) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    match length {
        Length::Exactly(length) => part(reader, length, limit, &mut body)?,
        Length::ToTheEnd => {
            let more = limit.saturating_add(1);
            reader.take(more).read_to_end(&mut body).map_err(broken)?;
            if body.len() as u64 > limit {
                return Err(RequestError::TooLong(limit));
            }
        }
        Length::InChunks => loop {
            let mut text = Vec::new();
            line(reader, &mut text, MAX_CHUNK_LINE)?;
            let size = chunk_size(&text)?;
            if size == 0 {
                // Trailers, which say nothing that is asked for.
                head_of_trailers(reader)?;
                break;
            }
            part(reader, size, limit, &mut body)?;
            let mut end = Vec::new();
            line(reader, &mut end, 2)?;
            if end != b"\r\n" {
                return Err(malformed("a chunk is longer than it says"));
            }
        },
    }
    Ok(body)
}

fn part(
    reader: &mut impl BufRead,
    length: u64,
    limit: u64,
    body: &mut Vec<u8>,
) -> Result<(), RequestError> {
    let before = body.len() as u64;
    if before.checked_add(length).is_none_or(|all| all > limit) {
        return Err(RequestError::TooLong(limit));
    }
    reader.take(length).read_to_end(body).map_err(broken)?;
    match body.len() as u64 == before + length {
        true => Ok(()),
        false => Err(RequestError::Truncated),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, RequestError> {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let digits = text
        .split([';', '\r', '\n'])
        .next()
        .unwrap_or_default()
        .trim();
    // `from_str_radix` takes a sign.
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = u64::from_str_radix(digits, 16).ok().filter(|_| is_hex);
    size.ok_or_else(|| malformed("the length of a chunk is no number"))
}

fn head_of_trailers(reader: &mut impl BufRead) -> Result<(), RequestError> {
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        line(reader, &mut bytes, MAX_HEAD)?;
        if matches!(&bytes[before..], b"\r\n" | b"\n") {
            return Ok(());
        }
    }
}

fn malformed(why: &str) -> RequestError {
    RequestError::Malformed(why.to_owned())
}

const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
const MAX_CHUNK_LINE: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(head: &str, body: &str) -> Result<String, RequestError> {
        let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
        let answer = read(&mut text.as_bytes(), 8)?;
        Ok(String::from_utf8(answer.body).expect("UTF-8"))
    }

    #[test]
    fn a_body_is_as_long_as_it_says() {
        let chunked = "Transfer-Encoding: chunked\r\n";
        for (head, text, read) in [
            ("Content-Length: 3\r\n", "abc", "abc"),
            ("Content-Length: 3\r\n", "abcd", "abc"),
            ("", "abc", "abc"),
            (chunked, "2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc"),
            (chunked, "A\r\n", "!TooLong(8)"),
            (chunked, "0\r\nTrailer: x\r\n\r\n", ""),
            ("Content-Length: 9\r\n", "", "!TooLong(8)"),
            ("", "abcdefghi", "!TooLong(8)"),
            ("Content-Length: 3\r\n", "ab", "!Truncated"),
            (chunked, "3\r\nab", "!Truncated"),
            (chunked, "3\r\nabc\r\n", "!Truncated"),
            (chunked, "3\r\nabcd\r\n", "!Malformed"),
            (chunked, "+3\r\nabc\r\n", "!Malformed"),
            (chunked, "-1\r\n", "!Malformed"),
            (chunked, "ffffffffffffffffff\r\n", "!Malformed"),
            ("Content-Length: -1\r\n", "", "!Malformed"),
            (
                "Content-Length: 1\r\nContent-Length: 2\r\n",
                "ab",
                "!Malformed",
            ),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                "a",
                "!Malformed",
            ),
            ("Transfer-Encoding: gzip, chunked\r\n", "", "!Malformed"),
            ("Content-Encoding: gzip\r\n", "", "!Malformed"),
        ] {
            let said = match body(head, text) {
                Ok(body) => body,
                Err(error) => format!("!{error:?}"),
            };
            let is_expected = match read.starts_with('!') {
                true => said.starts_with(read),
                false => said == read,
            };
            assert!(is_expected, "{head:?} {text:?}: {said}");
        }
    }

    #[test]
    fn a_head_has_an_end() {
        for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b"] {
            let error = read(&mut text.as_bytes(), 8).expect_err("no end");
            assert_eq!(error, RequestError::Truncated, "{text:?}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(100_000));
        for text in [
            endless.as_str(),
            "HTTP/1.1 100 Continue\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            let error = read(&mut text.as_bytes(), 8).expect_err("no head");
            assert!(matches!(error, RequestError::Malformed(_)), "{error:?}");
        }
    }
}
