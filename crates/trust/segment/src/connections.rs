//! What may pass between two: protocols and the ports of the destination.

use std::fmt;

use crate::Intervals;

/// A protocol that policies of Kubernetes know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// SCTP.
    Sctp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// All of them, by their names.
    pub const ALL: [Self; 3] = [Self::Sctp, Self::Tcp, Self::Udp];

    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Connections by their protocol and the port of their destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Connections([Intervals<u16>; 3]);

impl Connections {
    /// Every connection.
    pub fn all() -> Self {
        Self(Protocol::ALL.map(|_| all_ports()))
    }

    /// Those of one protocol to the ports from `first` to `last`.
    pub fn of(protocol: Protocol, first: u16, last: u16) -> Self {
        let ports = Intervals::range(first.max(1), last);
        Self(Protocol::ALL.map(|it| match it == protocol {
            true => ports.clone(),
            false => Intervals::default(),
        }))
    }

    /// Those of one protocol to any port.
    pub fn of_protocol(protocol: Protocol) -> Self {
        Self::of(protocol, 1, u16::MAX)
    }

    /// The ports of each protocol, by the protocols' names.
    pub fn ports(&self) -> impl Iterator<Item = (Protocol, &Intervals<u16>)> {
        Protocol::ALL.into_iter().zip(&self.0)
    }

    /// Its ranges of ports, each with its protocol: the first and the last.
    pub fn ranges(&self) -> impl Iterator<Item = (Protocol, u16, u16)> {
        let of_protocol = |(protocol, ports)| {
            let ranges = Intervals::<u16>::ranges(ports).iter();
            ranges.map(move |(first, last)| (protocol, *first, *last))
        };
        self.ports().flat_map(of_protocol)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Intervals::is_empty)
    }

    /// Whether every connection is among them.
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Whether all of `other` are among them.
    pub fn includes(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.includes(b))
    }

    /// Those in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.with(other, Intervals::union)
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.with(other, Intervals::intersection)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.with(other, Intervals::difference)
    }

    fn with(
        &self,
        other: &Self,
        f: impl Fn(&Intervals<u16>, &Intervals<u16>) -> Intervals<u16>,
    ) -> Self {
        let [a, b, c] = &self.0;
        let [x, y, z] = &other.0;
        Self([f(a, x), f(b, y), f(c, z)])
    }
}

fn all_ports() -> Intervals<u16> {
    Intervals::range(1, u16::MAX)
}

/// `All Connections`, `No Connections`, or `TCP 80,8000-8080,UDP 53`.
impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("All Connections");
        }
        let mut between = "";
        for (protocol, ports) in self.ports().filter(|(_, ports)| !ports.is_empty()) {
            write!(f, "{between}{} ", protocol.as_str())?;
            for (at, (first, last)) in ports.ranges().iter().enumerate() {
                let comma = if at == 0 { "" } else { "," };
                match first == last {
                    true => write!(f, "{comma}{first}")?,
                    false => write!(f, "{comma}{first}-{last}")?,
                }
            }
            between = ",";
        }
        match between {
            "" => f.write_str("No Connections"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_by_protocol() {
        let web = Connections::of(Protocol::Tcp, 80, 80);
        let more = Connections::of(Protocol::Tcp, 8000, 8080);
        let names = Connections::of(Protocol::Udp, 53, 53);
        let all = web.union(&more).union(&names);
        assert_eq!(all.to_string(), "TCP 80,8000-8080,UDP 53");
        assert_eq!(Connections::all().to_string(), "All Connections");
        assert_eq!(Connections::default().to_string(), "No Connections");
        let tcp = Connections::of_protocol(Protocol::Tcp);
        assert_eq!(tcp.difference(&web).to_string(), "TCP 1-79,81-65535");
    }

    #[test]
    fn there_is_no_port_zero() {
        assert!(Connections::of(Protocol::Tcp, 0, 0).is_empty());
        assert!(Connections::all().includes(&Connections::of(Protocol::Udp, 0, 9)));
    }
}
