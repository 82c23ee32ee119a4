//! As much HTTP/1.1 as a witness needs: one request on a connection, bounded, over std's sockets.

mod client;
mod server;

use std::{
    io::{self, Read},
    time::Duration,
};

pub(crate) use self::{
    client::{Url, post},
    server::{Request, Response, serve},
};

/// The first line and the headers, and the body as long as `Content-Length` says; without one, to the end
/// for a response, and none for a request.
struct Message {
    first: String,
    body: Vec<u8>,
}

impl Message {
    fn read(stream: &mut impl Read, limit: usize, is_request: bool) -> io::Result<Self> {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if bytes.len() > MAX_HEAD {
                return Err(malformed("the headers are too long"));
            }
            match stream.read(&mut chunk)? {
                0 => return Err(malformed("it ends within its headers")),
                read => bytes.extend_from_slice(&chunk[..read]),
            }
        };
        let mut body = bytes.split_off(head + 4);
        let head = std::str::from_utf8(&bytes[..head]).map_err(|_| malformed("it is not text"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let header = |name: &str| {
            let mut headers = lines.clone().filter_map(|line| line.split_once(':'));
            let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        if header("transfer-encoding").is_some() {
            return Err(malformed("it comes in chunks, which are not read"));
        }
        let length = match header("content-length") {
            Some(length) => length
                .parse()
                .map_err(|_| malformed("its length is no number"))?,
            None if is_request => 0,
            None => limit + 1,
        };
        let is_open = !is_request && header("content-length").is_none();
        if length > limit && !is_open || body.len() > length {
            return Err(malformed("its body is longer than it may be"));
        }
        let rest = (length - body.len()) as u64;
        stream.take(rest).read_to_end(&mut body)?;
        let is_whole = if is_open {
            body.len() <= limit
        } else {
            body.len() == length
        };
        match is_whole {
            true => Ok(Self { first, body }),
            false => Err(malformed("its body has another length than it says")),
        }
    }
}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

const MAX_HEAD: usize = 16 << 10;
/// How long the other side may be silent.
const TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_request: bool) -> io::Result<Vec<u8>> {
        Message::read(&mut text.as_bytes(), 8, is_request).map(|message| message.body)
    }

    #[test]
    fn a_body_is_as_long_as_it_says() {
        let of = |length: &str, body: &str| {
            format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        assert_eq!(read(&of("3", "abc"), true).expect("whole"), b"abc");
        for (length, body) in [
            ("3", "ab"),
            ("3", "abcd"),
            ("9", "abcdefghi"),
            ("x", ""),
            ("-1", ""),
        ] {
            assert!(read(&of(length, body), true).is_err(), "{length} {body}");
        }
        assert_eq!(
            read("HTTP/1.1 200 OK\r\n\r\nabc", false).expect("to the end"),
            b"abc"
        );
        assert!(read("HTTP/1.1 200 OK\r\n\r\nabcdefghi", false).is_err());
        assert_eq!(read("GET / HTTP/1.1\r\n\r\n", true).expect("no body"), b"");
    }

    #[test]
    fn what_is_cut_chunked_or_without_end_is_refused() {
        assert!(read("GET / HTTP/1.1\r\n", true).is_err());
        assert!(
            read(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                true
            )
            .is_err()
        );
        let endless = format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(10_000));
        assert!(read(&endless, true).is_err());
    }
}
