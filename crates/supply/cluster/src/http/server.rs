//! Where a server is.

use std::{fmt, net::IpAddr};

/// An address as a kubeconfig has it: `https://HOST:PORT/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) is_tls: bool,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What comes before every path, without a slash at its end.
    pub(crate) prefix: String,
}

impl Server {
    /// Reads `http://` and `https://`; a server without a scheme has the latter, as for `kubectl`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (is_tls, rest) = match url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            // Not said which: what stands before `://` may be a user and a password.
            Some(_) => return Err("its scheme is not spoken".to_owned()),
            None => (true, url),
        };
        if !rest.bytes().all(|byte| matches!(byte, b'!'..=b'~')) || rest.contains(['@', '?', '#']) {
            return Err("it is not https://HOST:PORT".to_owned());
        }
        let (authority, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']').ok_or("a bracket is not closed")?;
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| format!("{host} is no address of IPv6"))?;
                (
                    host,
                    port.strip_prefix(':').or(port.is_empty().then_some("")),
                )
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = match port.ok_or("something follows the bracket")? {
            "" => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            port => port.parse().map_err(|_| format!("{port} is no port"))?,
        };
        if host.is_empty() {
            return Err("it names no host".to_owned());
        }
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port,
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port, as `Host` and `CONNECT` have them.
    pub(crate) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether nobody else can be on the way there.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

/// A URL as it may be told: without the user and the password in it.
pub(crate) fn without_userinfo(url: &str) -> String {
    // The last @, since a password that nobody encoded may have slashes and others.
    let Some((before, after)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| scheme);
    match scheme.filter(|it| it.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        Some(scheme) => format!("{scheme}://…@{after}"),
        None => format!("…@{after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_without_who_asks() {
        for (url, told) in [
            ("http://h:1/p", "http://h:1/p"),
            ("http://u:p@h:1", "http://…@h:1"),
            ("https://u:p/@x@h", "https://…@h"),
            ("u:p@h", "…@h"),
            ("u:p@h://x", "…@h://x"),
        ] {
            assert_eq!(without_userinfo(url), told);
        }
        let error = Server::parse("u:p@h://x").expect_err("no scheme");
        assert!(!error.contains("u:p"), "{error}");
    }

    #[test]
    fn an_address_is_read_as_kubectl_reads_it() {
        for (url, told) in [
            ("https://a:6443", "https://a:6443"),
            ("https://a", "https://a:443"),
            ("a:1", "https://a:1"),
            ("http://[::1]:8001/", "http://[::1]:8001"),
            ("https://a/k8s/clusters/c/", "https://a:443/k8s/clusters/c"),
        ] {
            let server = Server::parse(url).map(|server| server.to_string());
            assert_eq!(server.as_deref(), Ok(told), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "https://",
            "ftp://a",
            "https://u@a",
            "https://a?b",
            "https://a:b",
            "https://[::1",
            "https://[a]:1",
            "https://[::1]x",
            "https://a:99999",
            "https://a b",
            "https://a\r\nX: y",
        ] {
            assert!(Server::parse(url).is_err(), "{url:?}");
        }
    }
}
