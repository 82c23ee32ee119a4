//! Answering.

use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
};

use super::{Message, TIMEOUT};

/// What somebody asks.
pub(crate) struct Request {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// The path, as it was sent.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// What he is told.
pub(crate) struct Response {
    /// The status.
    pub(crate) status: u16,
    /// The type of the body.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: String,
}

impl Response {
    /// A status in words.
    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.to_owned(),
        }
    }
}

/// Answers one request after the other, each with a body of at most `limit` bytes, for ever. What goes
/// wrong with one connection ends that one.
pub(crate) fn serve(
    listener: &TcpListener,
    limit: usize,
    mut answer: impl FnMut(Request) -> Response,
) -> io::Error {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // Whoever went away does not wait for an answer.
                let _ = converse(stream, limit, &mut answer);
            }
            // Too many files are open, or the peer is gone already: the next may be well.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return error,
        }
    }
}

fn converse(
    mut stream: TcpStream,
    limit: usize,
    answer: &mut impl FnMut(Request) -> Response,
) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let response = match Message::read(&mut stream, limit, true) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Response::text(400, &format!("{error}\n"))
        }
        Err(error) => return Err(error),
        Ok(message) => {
            let words: Vec<&str> = message.first.split(' ').collect();
            match words[..] {
                [method, path, "HTTP/1.1" | "HTTP/1.0"] => answer(Request {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    body: message.body,
                }),
                _ => Response::text(400, "it is not HTTP/1.1\n"),
            }
        }
    };
    let Response {
        status,
        content_type,
        body,
    } = response;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}",
        phrase(status)
    )?;
    stream.flush()
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        422 => "Unprocessable Entity",
        _ => "Internal Server Error",
    }
}
