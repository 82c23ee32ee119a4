//! VPC flow logs of AWS, as text: the default format, or one of one's own whose first line names its fields, as files in S3
//! have it (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html).
//!
//! Both directions are records of their own, and neither says who called: `tcp-flags` shows it, or else the ports.

use super::{Party, Told, address, is_call, protocol};
use crate::Connections;

/// Reads lines of one file.
pub(super) struct Reader {
    fields: Vec<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            fields: DEFAULT.iter().map(ToString::to_string).collect(),
        }
    }
}

pub(super) fn is_one(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let is_record = || {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words.len() == DEFAULT.len()
            && ["OK", "NODATA", "SKIPDATA"].contains(&words[DEFAULT.len() - 1])
    };
    words.any(|it| it == "srcaddr" || it == "pkt-srcaddr") || is_record()
}

impl Reader {
    pub(super) fn line(&mut self, line: &str) -> Told {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.iter().any(|it| it.ends_with("srcaddr")) {
            self.fields = words.iter().map(ToString::to_string).collect();
            return Ok(None);
        }
        if words.len() != self.fields.len() {
            return Err(format!(
                "it has {} fields, and {} are expected",
                words.len(),
                self.fields.len()
            ));
        }
        // What is not there is a dash.
        let get = |name: &str| {
            let at = self.fields.iter().position(|it| it == name)?;
            Some(words[at]).filter(|it| *it != "-")
        };
        match get("log-status") {
            Some("NODATA") => return Ok(None),
            Some("SKIPDATA") => return Err("some flows of its time were not recorded".to_owned()),
            _ => {}
        }
        match get("action") {
            Some("ACCEPT") => {}
            Some("REJECT") => return Ok(None),
            _ => return Err("it does not say whether it was accepted".to_owned()),
        }
        let number = |name: &str| {
            let text = get(name).ok_or_else(|| format!("it has no {name}"))?;
            let number = text.parse::<u64>();
            number.map_err(|_| format!("{text:?} is no {name}"))
        };
        let Some(protocol) = protocol(number("protocol")?) else {
            return Ok(None);
        };
        let port = |name: &str| {
            let port = u16::try_from(number(name)?).ok().filter(|it| *it > 0);
            port.ok_or_else(|| format!("its {name} is no port"))
        };
        let (source, destination) = (port("srcport")?, port("dstport")?);
        let flags = number("tcp-flags").ok().filter(|it| it & SYN != 0);
        let is_call = match flags {
            Some(flags) => flags & ACK == 0,
            None => is_call(source, destination)?,
        };
        if !is_call {
            return Ok(None);
        }
        // Of the packet itself, where something forwards it.
        let end = |own: &str, name: &str| {
            let text = get(own).or_else(|| get(name));
            address(text.ok_or_else(|| format!("it has no {name}"))?)
        };
        Ok(Some((
            Party::Somewhere(end("pkt-srcaddr", "srcaddr")?),
            Party::Somewhere(end("pkt-dstaddr", "dstaddr")?),
            Connections::of(protocol, destination, destination),
        )))
    }
}

const DEFAULT: [&str; 14] = [
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
];

/// Who calls sends it, and who answers with the other one.
const SYN: u64 = 2;
const ACK: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Vec<String> {
        let mut reader = Reader::default();
        let told = |line: &&str| match reader.line(line) {
            Ok(flows) => flows
                .iter()
                .map(|(from, to, what)| format!("{from} {to} {what}"))
                .collect::<Vec<_>>()
                .join("; "),
            Err(why) => why,
        };
        lines.iter().map(told).collect()
    }

    #[test]
    fn the_default_format_is_read_by_ports() {
        let record = |ports: &str, action: &str| {
            format!(
                "2 123456789010 eni-1 10.0.0.5 10.0.1.7 {ports} 20 4249 1418530010 1418530070 {action} OK"
            )
        };
        let lines = [
            record("40000 5000 6", "ACCEPT"),
            record("5000 40000 6", "ACCEPT"),
            record("40000 53 17", "ACCEPT"),
            record("40000 5000 6", "REJECT"),
            record("0 0 1", "ACCEPT"),
            record("40000 50051 6", "ACCEPT"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(
            told(&lines),
            [
                "10.0.0.5 10.0.1.7 TCP 5000",
                "",
                "10.0.0.5 10.0.1.7 UDP 53",
                "",
                "",
                "the ports 40000 and 50051 do not show who called whom"
            ]
        );
        let none = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA";
        let left_out = none.replace("NODATA", "SKIPDATA");
        assert_eq!(
            told(&[none, &left_out, "2 x"]),
            [
                "",
                "some flows of its time were not recorded",
                "it has 2 fields, and 14 are expected"
            ]
        );
    }

    #[test]
    fn a_format_of_ones_own_is_read_by_its_first_line() {
        let lines = [
            "srcaddr pkt-srcaddr dstaddr pkt-dstaddr srcport dstport protocol tcp-flags action",
            "10.0.9.9 10.0.0.5 10.0.9.9 10.0.1.7 40000 50051 6 3 ACCEPT",
            "10.0.9.9 10.0.1.7 10.0.9.9 10.0.0.5 50051 40000 6 19 ACCEPT",
            "10.0.9.9 - 10.0.1.7 - 40000 5000 6 0 ACCEPT",
        ];
        assert_eq!(
            told(&lines),
            [
                "",
                "10.0.0.5 10.0.1.7 TCP 50051",
                "",
                "10.0.9.9 10.0.1.7 TCP 5000"
            ]
        );
    }
}
