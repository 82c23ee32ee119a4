//! Sets of IP addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{Intervals, Number};

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

impl Addresses {
    /// Every address.
    pub(crate) fn all() -> Self {
        Self::all_v4().union(&Self::all_v6())
    }

    /// Every address of IPv4.
    pub fn all_v4() -> Self {
        Self {
            v4: Intervals::range(0, u32::MAX),
            ..Self::default()
        }
    }

    /// Every address of IPv6.
    pub fn all_v6() -> Self {
        Self {
            v6: Intervals::range(0, u128::MAX),
            ..Self::default()
        }
    }

    /// The addresses of a block in the notation of RFC 4632 and RFC 4291: `10.0.0.0/8`. Bits behind the
    /// prefix are not looked at, as Kubernetes does not.
    pub fn of_block(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| digits)?;
        Some(match address.parse().ok()? {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(length).unwrap_or(0);
                let first = u32::from(address) & !rest;
                (length <= 32).then(|| Self {
                    v4: Intervals::range(first, first | rest),
                    ..Self::default()
                })?
            }
            IpAddr::V6(address) => {
                let rest = u128::MAX.checked_shr(length).unwrap_or(0);
                let first = u128::from(address) & !rest;
                (length <= 128).then(|| Self {
                    v6: Intervals::range(first, first | rest),
                    ..Self::default()
                })?
            }
        })
    }

    /// One address.
    pub fn of_address(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::of_ip)
    }

    /// A block, or one address.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::of_block(text).or_else(|| Self::of_address(text))
    }

    /// One address.
    pub(crate) fn of_ip(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self {
                v4: Intervals::range(address.into(), address.into()),
                ..Self::default()
            },
            IpAddr::V6(address) => Self {
                v6: Intervals::range(address.into(), address.into()),
                ..Self::default()
            },
        }
    }

    /// Those of blocks and addresses that are written here; what is neither is left out.
    pub(crate) fn of_texts(texts: &[&str]) -> Self {
        let all: Vec<Self> = texts.iter().filter_map(|it| Self::read(it)).collect();
        Self::union_of(&all)
    }

    /// The fewest blocks that have them all: `10.0.0.0/8`.
    pub fn blocks(&self) -> Vec<String> {
        let v4 = self.v4.ranges().iter().flat_map(|(first, last)| {
            let blocks = blocks(u128::from(*first), u128::from(*last), 32).into_iter();
            // They are of 32 bits because both ends are.
            blocks.map(|(first, length)| (u32::try_from(first).unwrap_or_default(), length))
        });
        let v4 = v4.map(|(first, length)| format!("{}/{length}", Ipv4Addr::from(first)));
        let v6 = self
            .v6
            .ranges()
            .iter()
            .flat_map(|(first, last)| blocks(*first, *last, 128));
        let v6 = v6.map(|(first, length)| format!("{}/{length}", Ipv6Addr::from(first)));
        v4.chain(v6).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether some are of IPv6.
    pub fn has_v6(&self) -> bool {
        !self.v6.is_empty()
    }

    /// Whether all of `other` are among them.
    pub fn includes(&self, other: &Self) -> bool {
        self.v4.includes(&other.v4) && self.v6.includes(&other.v6)
    }

    /// Those in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.union(&other.v4),
            v6: self.v6.union(&other.v6),
        }
    }

    /// Those in one of several.
    pub(crate) fn union_of<'a>(all: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let v4 = all.clone().into_iter().flat_map(|it| it.v4.ranges());
        let v6 = all.into_iter().flat_map(|it| it.v6.ranges());
        Self {
            v4: Intervals::of(v4.copied()),
            v6: Intervals::of(v6.copied()),
        }
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.intersection(&other.v4),
            v6: self.v6.intersection(&other.v6),
        }
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.difference(&other.v4),
            v6: self.v6.difference(&other.v6),
        }
    }

    /// Its ranges, first to last.
    pub fn ranges(&self) -> Vec<(IpAddr, IpAddr)> {
        let v4 = self.v4.ranges().iter();
        let v4 = v4.map(|(a, b)| (Ipv4Addr::from(*a).into(), Ipv4Addr::from(*b).into()));
        let v6 = self.v6.ranges().iter();
        let v6 = v6.map(|(a, b)| (Ipv6Addr::from(*a).into(), Ipv6Addr::from(*b).into()));
        v4.chain(v6).collect()
    }
}

/// `10.0.0.0-10.255.255.255,192.0.2.1`.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges().into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// The blocks of a range, each with its first address and the length of its prefix, out of `bits`.
fn blocks(first: u128, last: u128, bits: u32) -> Vec<(u128, u32)> {
    let mut blocks = Vec::new();
    let mut next = Some(first);
    while let Some(first) = next.filter(|first| *first <= last) {
        let mut free = first.trailing_zeros().min(bits);
        let end = |free: u32| first | 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        while end(free) > last {
            free -= 1;
        }
        blocks.push((first, bits - free));
        next = end(free).checked_add(1);
    }
    blocks
}

/// Where clouds tell a machine, and whoever runs on it, who it is, credentials included; the first is that of
/// most of them.
pub(crate) const METADATA: [&str; 6] = [
    // AWS, Azure, Google Cloud and OpenStack.
    "169.254.169.254",
    // AWS (EC2 User Guide, "Retrieve instance metadata").
    "fd00:ec2::254",
    // EKS Pod Identity Agent (EKS User Guide, "Learn how EKS Pod Identity grants pods access").
    "169.254.170.23",
    "fd00:ec2::23",
    // ECS (Developer Guide, "Task IAM role": the address of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`).
    "169.254.170.2",
    // Alibaba Cloud (ECS, "Instance metadata").
    "100.100.100.200",
];

/// The addresses of [`METADATA`].
pub(crate) fn metadata() -> Addresses {
    Addresses::of_texts(&METADATA)
}

/// Cuts `whole` so that each of `blocks` is a union of parts of it: what no block tells apart is one part. In the order of their
/// first addresses.
pub(crate) fn parts(whole: &Addresses, blocks: &[Addresses]) -> Vec<Addresses> {
    let v4: Vec<_> = blocks.iter().map(|it| &it.v4).collect();
    let v6: Vec<_> = blocks.iter().map(|it| &it.v6).collect();
    let of_v4 = cut(&whole.v4, &v4).into_iter().map(|v4| Addresses {
        v4,
        ..Addresses::default()
    });
    let of_v6 = cut(&whole.v6, &v6).into_iter().map(|v6| Addresses {
        v6,
        ..Addresses::default()
    });
    of_v4.chain(of_v6).collect()
}

/// What is alike of `whole`: from one end of a range to the next nothing changes, and what is in the same of `sets` is one.
fn cut<N: Number>(whole: &Intervals<N>, sets: &[&Intervals<N>]) -> Vec<Intervals<N>> {
    let mut edges: BTreeMap<N, Vec<(usize, bool)>> = BTreeMap::new();
    let all = sets.iter().copied().chain([whole]).enumerate();
    for (at, set) in all {
        for (first, last) in set.ranges() {
            edges.entry(*first).or_default().push((at, true));
            if let Some(behind) = last.next() {
                edges.entry(behind).or_default().push((at, false));
            }
        }
    }
    let ends = edges.keys().skip(1).map(|it| it.previous());
    let ends: Vec<Option<N>> = ends.chain([None]).collect();
    let mut inside = BTreeSet::new();
    let mut places: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut parts: Vec<Vec<(N, Option<N>)>> = Vec::new();
    for ((first, changes), last) in edges.into_iter().zip(ends) {
        for (at, is_in) in changes {
            if is_in {
                inside.insert(at);
            } else {
                inside.remove(&at);
            }
        }
        if inside.contains(&sets.len()) {
            let place = *places
                .entry(inside.iter().copied().collect())
                .or_insert_with(|| {
                    parts.push(Vec::new());
                    parts.len() - 1
                });
            parts[place].push((first, last));
        }
    }
    // Behind the last edge nothing is in `whole` but what goes to its end.
    let end = whole.ranges().last().map(|(_, last)| *last);
    let closed = |part: Vec<(N, Option<N>)>| {
        let ranges = part.into_iter();
        Intervals::of(ranges.filter_map(|(first, last)| Some((first, last.or(end)?))))
    };
    parts.into_iter().map(closed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_range() {
        let shown = |text: &str| Addresses::of_block(text).map(|it| it.to_string());
        let block = |text: &str| shown(text).unwrap_or_default();
        assert_eq!(block("10.0.0.0/8"), "10.0.0.0-10.255.255.255");
        assert_eq!(block("10.1.2.3/31"), "10.1.2.2-10.1.2.3");
        assert_eq!(block("0.0.0.0/0"), "0.0.0.0-255.255.255.255");
        assert_eq!(block("192.0.2.1/32"), "192.0.2.1");
        assert_eq!(block("2001:db8::/127"), "2001:db8::-2001:db8::1");
        assert_eq!(block("::/0"), Addresses::all_v6().to_string());
        for wrong in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "a/8",
            "1.2.3.4/+8",
            "/",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn they_are_the_fewest_blocks() {
        for blocks in [
            &["0.0.0.0/0", "::/0"][..],
            &["10.0.0.0/9", "192.0.2.1/32"],
            &["2001:db8::/32", "2001:db9::1/128"],
            &["255.255.255.254/31"],
        ] {
            let all = blocks.iter().filter_map(|it| Addresses::of_block(it));
            let all = all.fold(Addresses::default(), |all, it| all.union(&it));
            assert_eq!(all.blocks(), blocks);
        }
        let odd =
            Addresses::all_v4().difference(&Addresses::of_address("169.254.169.254").expect("one"));
        assert_eq!(odd.blocks().len(), 32);
    }

    #[test]
    fn blocks_cut_the_world_into_what_they_tell_apart() {
        let block = |text: &str| Addresses::of_block(text).expect("a block");
        let (wide, narrow) = (block("10.0.0.0/8"), block("10.9.0.0/16"));
        let parts = parts(&Addresses::all_v4(), &[wide.clone(), narrow.clone(), wide]);
        assert_eq!(parts.len(), 3);
        assert!(parts.contains(&narrow));
    }

    #[test]
    fn parts_are_what_cutting_by_one_block_after_the_other_leaves() {
        let blocks = |texts: &[&str]| {
            let blocks = texts.iter().map(|it| Addresses::of_block(it));
            blocks.collect::<Option<Vec<_>>>().expect("blocks")
        };
        let cut = blocks(&[
            "0.0.0.0/1",
            "10.0.0.0/8",
            "10.9.0.0/16",
            "255.0.0.0/8",
            "10.9.0.0/16",
            "192.0.2.7/32",
            "::/0",
            "fd00::/8",
            "ffff::/16",
        ]);
        let odd = cut[1].difference(&cut[2]).union(&cut[5]);
        let cut = [&cut[..], &[odd]].concat();
        for whole in [
            Addresses::all_v4(),
            Addresses::all_v6(),
            Addresses::all().difference(&cut[2]),
        ] {
            let mut slowly = vec![whole.clone()];
            for block in &cut {
                let halves = |part: Addresses| [part.intersection(block), part.difference(block)];
                slowly = slowly.into_iter().flat_map(halves).collect();
                slowly.retain(|part| !part.is_empty());
            }
            slowly.sort_by_key(|it| it.ranges()[0]);
            // What is of both families is cut into its two halves.
            let split = |it: Addresses| {
                [
                    it.intersection(&Addresses::all_v4()),
                    it.intersection(&Addresses::all_v6()),
                ]
            };
            let mut slowly: Vec<_> = slowly.into_iter().flat_map(split).collect();
            slowly.retain(|part| !part.is_empty());
            slowly.sort_by_key(|it| it.ranges()[0]);
            assert_eq!(parts(&whole, &cut), slowly);
        }
    }
}
