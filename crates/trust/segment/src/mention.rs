//! Whom a workload's own configuration names: hosts in its variables and arguments.

use casemate_posture::Pod;

/// A host that a workload is told of, and the port where one is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mention {
    /// A name or an address, as it is written.
    pub host: String,
    /// The port; of a URL without one, that of its scheme.
    pub port: Option<u16>,
}

/// The hosts that the containers of a pod are told of, each once.
pub(crate) fn of(pod: &Pod<'_>) -> Vec<Mention> {
    let mut mentions = Vec::new();
    for container in pod.containers() {
        for place in ["env[].value", "args[]", "command[]"] {
            for value in container.cursor().walk(place) {
                if let Some(text) = value.text().ok() {
                    text.split([' ', ',', ';', '\n', '\t', '"', '\'', '='])
                        .for_each(|word| mentions.extend(read(word)));
                }
            }
        }
    }
    mentions.sort_unstable();
    mentions.dedup();
    mentions.truncate(MAX_MENTIONS);
    mentions
}

/// `http://models.registry:5000/x`, `registry.models.svc:5000`, `10.0.0.1:80`.
fn read(word: &str) -> Option<Mention> {
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, word),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|it| *it > 0)?)),
        None => (authority, None),
    };
    let usual = scheme.and_then(|it| {
        SCHEMES
            .iter()
            .find(|(name, _)| it.eq_ignore_ascii_case(name))
    });
    let port = port.or(usual.map(|(_, port)| *port));
    let is_name = |it: &str| {
        !it.is_empty()
            && it
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'-')
    };
    let is_host = host.len() <= 253
        && host.split('.').all(is_name)
        && !host.bytes().all(|it| it.is_ascii_digit());
    // A word alone, or with dots in it, may be anything.
    let is_meant = scheme.is_some() || port.is_some() || host.contains(".svc");
    (is_host && is_meant).then(|| Mention {
        host: host.to_ascii_lowercase(),
        port,
    })
}

const SCHEMES: &[(&str, u16)] = &[
    ("http", 80),
    ("https", 443),
    ("grpc", 443),
    ("redis", 6379),
    ("rediss", 6379),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("amqps", 5671),
    ("nats", 4222),
    ("ray", 10001),
    ("s3", 443),
    ("gs", 443),
    ("hf", 443),
];

/// Nobody is told of more whom it calls.
const MAX_MENTIONS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_where_something_says_that_they_are_some() {
        let host = |word: &str| read(word).map(|it| (it.host, it.port));
        let of = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(
            host("http://registry.models:5000/v1"),
            of("registry.models", Some(5000))
        );
        assert_eq!(
            host("https://user:secret@Hub.example/x"),
            of("hub.example", Some(443))
        );
        assert_eq!(host("redis:6379"), of("redis", Some(6379)));
        assert_eq!(
            host("weaviate.vectors.svc.cluster.local"),
            of("weaviate.vectors.svc.cluster.local", None)
        );
        assert_eq!(host("10.0.0.1:80"), of("10.0.0.1", Some(80)));
        assert_eq!(host("sqlite:///x"), None);
        for word in [
            "registry", "a.b", "8080", "12:30", ":80", "a:b", "http://", "a_b:80", "x:70000",
        ] {
            assert_eq!(host(word), None, "{word}");
        }
    }
}
