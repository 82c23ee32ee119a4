//! The connections that a Linux kernel keeps track of: what `conntrack -L`, `-E` and `-o extended` write (conntrack-tools),
//! and `/proc/net/nf_conntrack`.
//!
//! A record has both directions. The reply comes from who really answered, whatever the address was that was called: a
//! Service's address is behind it.

use super::{Party, Told, address};
use crate::{Connections, Protocol};

pub(super) fn is_one(line: &str) -> bool {
    let has = |key: &str| line.split_ascii_whitespace().any(|it| it.starts_with(key));
    has("src=") && has("dst=")
}

pub(super) fn line(line: &str) -> Told {
    // What `conntrack` says of itself.
    if line.starts_with("conntrack v") {
        return Ok(None);
    }
    if !is_one(line) {
        return Err("it has no addresses".to_owned());
    }
    let words = || line.split_ascii_whitespace();
    let named = words().find_map(|it| Protocol::of(&it.to_ascii_uppercase()));
    // Nobody answered yet, or ever.
    let is_unanswered =
        words().any(|it| matches!(it, "[UNREPLIED]" | "SYN_SENT" | "SYN_SENT2" | "[NEW]"));
    let Some(protocol) = named.filter(|_| !is_unanswered) else {
        return Ok(None);
    };
    let values = |key: &'static str| words().filter_map(move |it| it.strip_prefix(key));
    let mut sources = values("src=");
    let (from, answers) = (sources.next(), sources.next());
    let to = answers.or_else(|| values("dst=").next());
    let port = match answers {
        Some(_) => values("sport=").nth(1),
        None => values("dport=").next(),
    };
    let port = port
        .and_then(|it| it.parse::<u16>().ok())
        .filter(|it| *it > 0);
    let port = port.ok_or("it has no port of the destination")?;
    let [from, to] = [from, to].map(|it| address(it.unwrap_or_default()));
    Ok(Some((
        Party::Somewhere(from?),
        Party::Somewhere(to?),
        Connections::of(protocol, port, port),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answered_is_who_was_called() {
        let service = "tcp      6 431999 ESTABLISHED src=10.0.0.5 dst=10.96.0.10 sport=40000 dport=80 src=10.0.1.7 dst=10.0.0.5 sport=8080 dport=40000 [ASSURED] mark=0 use=1";
        let told = |text: &str| {
            line(text).map(|it| {
                it.iter()
                    .map(|(from, to, what)| format!("{from} {to} {what}"))
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(told(service).expect("one"), ["10.0.0.5 10.0.1.7 TCP 8080"]);
        let extended = format!("ipv4     2 {service}");
        assert_eq!(told(&extended), told(service));
        let events = "[DESTROY] udp      17 src=10.0.0.5 dst=10.96.0.10 sport=40000 dport=53 packets=1 bytes=63 src=10.0.1.9 dst=10.0.0.5 sport=5353 dport=40000 packets=1 bytes=120";
        assert_eq!(told(events).expect("one"), ["10.0.0.5 10.0.1.9 UDP 5353"]);
        let v6 = "tcp 6 9 TIME_WAIT src=fd00::5 dst=fd00::6 sport=40000 dport=443 src=fd00::6 dst=fd00::5 sport=443 dport=40000";
        assert_eq!(told(v6).expect("one"), ["fd00::5 fd00::6 TCP 443"]);
    }

    #[test]
    fn what_nobody_answered_says_nothing() {
        for text in [
            "tcp 6 119 SYN_SENT src=10.0.0.5 dst=10.0.1.7 sport=40000 dport=80 [UNREPLIED] src=10.0.1.7 dst=10.0.0.5 sport=80 dport=40000",
            "udp 17 29 src=10.0.0.5 dst=10.0.1.7 sport=40000 dport=53 [UNREPLIED] src=10.0.1.7 dst=10.0.0.5 sport=53 dport=40000",
            "icmp 1 29 src=10.0.0.5 dst=10.0.1.7 type=8 code=0 id=1 src=10.0.1.7 dst=10.0.0.5 type=0 code=0 id=1",
            "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.",
        ] {
            assert_eq!(line(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_record_is_told() {
        for (text, why) in [
            ("hello", "no addresses"),
            ("tcp 6 9 ESTABLISHED src=10.0.0.5 dst=10.0.1.7", "no port"),
            (
                "tcp 6 9 ESTABLISHED src=x dst=10.0.1.7 sport=4 dport=80",
                "\"x\" is no address",
            ),
            (
                "tcp 6 9 ESTABLISHED src=10.0.0.5 dst=10.0.1.7 sport=4 dport=70000",
                "no port",
            ),
        ] {
            assert!(line(text).is_err_and(|it| it.contains(why)), "{text}");
        }
    }
}
