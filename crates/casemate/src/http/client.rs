//! Asking.

use std::{
    io::{self, Write},
    net::{TcpStream, ToSocketAddrs},
    str::FromStr,
};

use anyhow::{Context, Result, bail};

use super::{Message, TIMEOUT};

/// An `http:` URL: host, port and path.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    /// With the port.
    authority: String,
    /// Without a slash at its end.
    path: String,
}

impl FromStr for Url {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("http://") else {
            bail!(
                "{text}: only http: is spoken; put a proxy before a witness that is reached by https:"
            );
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '?' | '#');
        if authority.is_empty() || rest.contains(unfit) {
            bail!("{text} is not of the form http://host:port/prefix");
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        Ok(Self {
            authority: format!("{authority}{port}"),
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

/// Posts `body` to `path` below `url`; gives the status and at most `limit` bytes.
pub(crate) fn post(url: &Url, path: &str, body: &[u8], limit: usize) -> Result<(u16, Vec<u8>)> {
    let Url {
        authority,
        path: prefix,
    } = url;
    let exchange = || -> io::Result<Message> {
        let mut failed = io::ErrorKind::NotFound.into();
        for address in authority.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Err(error) => failed = error,
                Ok(mut stream) => {
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    let length = body.len();
                    write!(
                        stream,
                        "POST {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: text/plain\r\n\
                         Content-Length: {length}\r\nConnection: close\r\n\r\n"
                    )?;
                    stream.write_all(body)?;
                    return Message::read(&mut stream, limit, false);
                }
            }
        }
        Err(failed)
    };
    let message = exchange().with_context(|| format!("http://{authority}{prefix}"))?;
    let mut words = message.first.split(' ');
    let status = match (words.next(), words.next().map(str::parse)) {
        (Some("HTTP/1.1" | "HTTP/1.0"), Some(Ok(status))) => status,
        _ => bail!("http://{authority}{prefix} does not answer in HTTP/1.1"),
    };
    Ok((status, message.body))
}
