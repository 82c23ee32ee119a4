//! Connections that somebody saw, by what they are written down as.
//!
//! To add a format, copy `conntrack.rs`: it reads one line into the flow that it tells of.

mod aws;
mod conntrack;
mod gcp;
mod hubble;
mod otel;

use std::{collections::BTreeMap, fmt, net::IpAddr};

use crate::{Connections, Protocol};

/// One end of a connection that was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A pod of a namespace, with its labels.
    Pod {
        /// The namespace.
        namespace: String,
        /// The labels that Kubernetes knows of.
        labels: BTreeMap<String, String>,
    },
    /// What makes pods, by its name.
    Workload {
        /// The namespace.
        namespace: String,
        /// The name of the Deployment, the StatefulSet or whatever it is.
        name: String,
    },
    /// A host, as somebody in a namespace calls it.
    Host {
        /// The name of the host.
        host: String,
        /// Where it was called.
        namespace: String,
    },
    /// An address outside of the cluster.
    Address(IpAddr),
    /// An address of which nobody says where it is.
    Somewhere(IpAddr),
    /// Neither, by the name that whoever saw it has for it: `reserved:host`.
    Other(String),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { namespace, labels } => {
                let labels: Vec<String> = labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                write!(f, "a pod of {namespace} ({})", labels.join(", "))
            }
            Self::Workload { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Host { host, namespace } => write!(f, "{host}, as {namespace} calls it,"),
            Self::Address(address) | Self::Somewhere(address) => address.fmt(f),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// A connection that was seen, by whom it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who opened it.
    pub from: Party,
    /// Who took it.
    pub to: Party,
    /// What it was.
    pub connections: Connections,
}

/// What was read of flows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The connections, each once.
    pub seen: Vec<Seen>,
    /// How many records say nothing of who may call whom: replies, refused ones, other layers.
    pub passed_over: usize,
    /// What is not understood: the line, from 1, and why. Of many, the first.
    pub gaps: Vec<(usize, String)>,
    /// How many more there are.
    pub more_gaps: usize,
}

/// What connections are written down as, one record a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Flows of Cilium, as `hubble observe -o json` writes them.
    Hubble,
    /// The connections that a Linux kernel keeps track of, as `conntrack -L` and `/proc/net/nf_conntrack` have them.
    Conntrack,
    /// VPC flow logs of AWS, as text.
    Aws,
    /// VPC flow logs of Google Cloud, as JSON.
    Gcp,
    /// Spans and network metrics of OpenTelemetry, as the Collector's file exporter writes them.
    Otel,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Hubble,
        Self::Conntrack,
        Self::Aws,
        Self::Gcp,
        Self::Otel,
    ];

    /// What a text seems to be, by the first line that seems to be something.
    pub fn of(text: &str) -> Option<Self> {
        let lines = text.lines().take(MAX_LOOKED_AT);
        lines.into_iter().find_map(|line| {
            let is = |it: &Self| match it {
                Self::Hubble => hubble::is_one(line),
                Self::Conntrack => conntrack::is_one(line),
                Self::Aws => aws::is_one(line),
                Self::Gcp => gcp::is_one(line),
                Self::Otel => otel::is_one(line),
            };
            Self::ALL.into_iter().find(is)
        })
    }

    /// Whose records they are.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hubble => "Hubble",
            Self::Conntrack => "conntrack",
            Self::Aws => "AWS's VPC flow logs",
            Self::Gcp => "Google Cloud's VPC flow logs",
            Self::Otel => "OpenTelemetry",
        }
    }

    /// Reads records of it.
    pub fn read(self, text: &str) -> Observed {
        match self {
            Self::Hubble => collect(text, |line| hubble::line(line).transpose()),
            Self::Conntrack => collect(text, |line| conntrack::line(line).transpose()),
            Self::Aws => {
                let mut reader = aws::Reader::default();
                collect(text, |line| reader.line(line).transpose())
            }
            Self::Gcp => collect(text, |line| gcp::line(line).transpose()),
            Self::Otel => collect(text, otel::line),
        }
    }
}

/// A connection that one record tells of: who opened it, to whom, and what it was.
type Flow = (Party, Party, Connections);

/// What a record tells: nothing where it does not say who may call whom.
type Told = Result<Option<Flow>, String>;

fn collect<R>(text: &str, mut read: impl FnMut(&str) -> R) -> Observed
where
    R: IntoIterator<Item = Result<Flow, String>>,
{
    let mut observed = Observed::default();
    let mut seen: BTreeMap<(Party, Party), Connections> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let mut is_passed_over = true;
        for flow in read(line) {
            is_passed_over = false;
            match flow {
                Ok((from, to, connections)) => {
                    let here = seen.entry((from, to)).or_default();
                    *here = here.union(&connections);
                }
                Err(why) if observed.gaps.len() < MAX_GAPS => observed.gaps.push((at + 1, why)),
                Err(_) => observed.more_gaps += 1,
            }
        }
        observed.passed_over += usize::from(is_passed_over);
    }
    let seen = seen.into_iter();
    observed.seen = seen
        .map(|((from, to), connections)| Seen {
            from,
            to,
            connections,
        })
        .collect();
    observed
}

fn address(text: &str) -> Result<IpAddr, String> {
    let address = text.parse::<IpAddr>();
    let address = address.map_err(|_| format!("{text:?} is no address"))?;
    Ok(address.to_canonical())
}

/// The protocol of a number (IANA protocol numbers), where policies know it.
fn protocol(number: u64) -> Option<Protocol> {
    match number {
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        132 => Some(Protocol::Sctp),
        _ => None,
    }
}

/// Who called, of two that speak with each other, by their ports: the one whose port its system chose.
fn is_call(from: u16, to: u16) -> Result<bool, String> {
    let is_chosen = |port: u16| port >= FIRST_CHOSEN;
    let is_of_system = |port: u16| port < FIRST_OF_USERS;
    match (is_chosen(from), is_chosen(to)) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        _ => match (is_of_system(from), is_of_system(to)) {
            (false, true) => Ok(true),
            (true, false) => Ok(false),
            _ => Err(format!(
                "the ports {from} and {to} do not show who called whom"
            )),
        },
    }
}

/// What Linux gives to those who call, where nobody configures it (`ip_local_port_range`).
const FIRST_CHOSEN: u16 = 32_768;
/// Below it, nobody but the system listens.
const FIRST_OF_USERS: u16 = 1_024;
/// More of them say nothing new.
const MAX_GAPS: usize = 20;
/// In lines.
const MAX_LOOKED_AT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_first_record() {
        let texts = [
            (
                "\n{\"flow\":{\"verdict\":\"FORWARDED\"}}",
                Some(Format::Hubble),
            ),
            ("{\"verdict\":\"DROPPED\",\"IP\":{}}", Some(Format::Hubble)),
            (
                "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\ntcp 6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
                Some(Format::Conntrack),
            ),
            (
                "version account-id interface-id srcaddr dstaddr",
                Some(Format::Aws),
            ),
            (
                "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
                Some(Format::Aws),
            ),
            (
                "{\"jsonPayload\":{\"connection\":{\"src_ip\":\"::1\",\"dest_ip\":\"::2\",\"protocol\":6}}}",
                Some(Format::Gcp),
            ),
            ("{\"resourceSpans\":[]}", Some(Format::Otel)),
            ("{\"resourceMetrics\":[]}", Some(Format::Otel)),
            ("{}\nhello", None),
        ];
        for (text, format) in texts {
            assert_eq!(Format::of(text), format, "{text}");
        }
    }

    #[test]
    fn who_called_is_whose_port_was_chosen_for_it() {
        assert_eq!(is_call(40_000, 5_000), Ok(true));
        assert_eq!(is_call(443, 50_000), Ok(false));
        assert_eq!(is_call(8_080, 53), Ok(true));
        assert!(is_call(40_000, 50_051).is_err());
        assert!(is_call(8_080, 9_090).is_err());
    }
}
