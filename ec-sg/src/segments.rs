//! Address space in segments, each with what was last put there.
//!
//! One rule carries three AWS concepts. Of the rules of a security group any may cover an address: order does not
//! matter. Of the entries of a network ACL the one with the lowest number decides: they are put in from the highest down.
//! Of the routes of a table the longest prefix decides: they are put in from the shortest up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use rangemap::RangeInclusiveMap;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of a range.
    pub fn of(range: &IpNet) -> Self {
        match range {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// All addresses of the family.
    pub fn everything(self) -> IpNet {
        match self {
            Self::V4 => IpNet::V4(ipnet::Ipv4Net::default()),
            Self::V6 => IpNet::V6(ipnet::Ipv6Net::default()),
        }
    }

    /// The word in the document.
    pub fn word(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

/// What was last put where.
#[derive(Clone, Debug)]
pub struct Segments<T: Clone + Eq> {
    v4: RangeInclusiveMap<u32, T>,
    v6: RangeInclusiveMap<u128, T>,
}

impl<T: Clone + Eq> Default for Segments<T> {
    fn default() -> Self {
        Self { v4: RangeInclusiveMap::new(), v6: RangeInclusiveMap::new() }
    }
}

impl<T: Clone + Eq> Segments<T> {
    /// Puts `value` on all addresses of `range`, over what was there.
    pub fn put(&mut self, range: IpNet, value: T) {
        match ends(range) {
            Ends::V4(ends) => self.v4.insert(ends, value),
            Ends::V6(ends) => self.v6.insert(ends, value),
        }
    }

    /// Whether nothing was put anywhere.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The values that stand somewhere in `range`, in the order of addresses.
    pub fn values(&self, range: IpNet) -> impl Iterator<Item = &T> {
        let (v4, v6) = match ends(range) {
            Ends::V4(ends) => (Some(self.v4.overlapping(ends).map(|(_, value)| value)), None),
            Ends::V6(ends) => (None, Some(self.v6.overlapping(ends).map(|(_, value)| value))),
        };
        v4.into_iter().flatten().chain(v6.into_iter().flatten())
    }

    /// The first addresses of `range` from which on one and the same thing stands, or nothing.
    pub fn turns(&self, range: IpNet) -> Vec<IpAddr> {
        match ends(range) {
            Ends::V4(ends) => {
                let filled = self.v4.overlapping(ends.clone()).map(|(each, _)| *each.start().max(ends.start()));
                filled
                    .chain(self.v4.gaps(&ends).map(|gap| *gap.start()))
                    .map(|bits| Ipv4Addr::from_bits(bits).into())
                    .collect()
            }
            Ends::V6(ends) => {
                let filled = self.v6.overlapping(ends.clone()).map(|(each, _)| *each.start().max(ends.start()));
                filled
                    .chain(self.v6.gaps(&ends).map(|gap| *gap.start()))
                    .map(|bits| Ipv6Addr::from_bits(bits).into())
                    .collect()
            }
        }
    }

    /// What stands on every address of a family, where that is one value.
    pub fn everywhere(&self, family: Family) -> Option<&T> {
        let whole = family.everything();
        let value = self.values(whole).next()?;
        (self.values(whole).nth(1).is_none() && self.cover(whole)).then_some(value)
    }

    /// Whether something stands on every address of `range`.
    pub fn cover(&self, range: IpNet) -> bool {
        match ends(range) {
            Ends::V4(ends) => self.v4.gaps(&ends).next().is_none(),
            Ends::V6(ends) => self.v6.gaps(&ends).next().is_none(),
        }
    }
}

enum Ends {
    V4(RangeInclusive<u32>),
    V6(RangeInclusive<u128>),
}

fn ends(range: IpNet) -> Ends {
    match range {
        IpNet::V4(range) => Ends::V4(range.network().to_bits()..=range.broadcast().to_bits()),
        IpNet::V6(range) => Ends::V6(range.network().to_bits()..=range.broadcast().to_bits()),
    }
}

/// Whether two ranges have an address in common: CIDR blocks do only if one holds the other.
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// One address as a range.
pub fn host(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(puts: &[(&str, u8)]) -> Segments<u8> {
        let mut segments = Segments::default();
        for (range, value) in puts {
            segments.put(range.parse().unwrap(), *value);
        }
        segments
    }

    fn values(segments: &Segments<u8>, range: &str) -> Vec<u8> {
        segments.values(range.parse().unwrap()).copied().collect()
    }

    #[test]
    fn the_last_that_was_put_somewhere_stands_there() {
        let segments = segments(&[("10.0.0.0/8", 1), ("10.0.2.0/24", 2), ("::/0", 6)]);
        assert_eq!(values(&segments, "10.0.1.0/24"), [1]);
        assert_eq!(values(&segments, "10.0.2.7/32"), [2]);
        assert_eq!(values(&segments, "10.0.0.0/16"), [1, 2, 1]);
        assert_eq!(values(&segments, "192.168.0.0/16"), [0_u8; 0]);
        assert_eq!(values(&segments, "2001:db8::/32"), [6]);
    }

    #[test]
    fn one_value_everywhere_is_known_as_such() {
        let segments = segments(&[("0.0.0.0/0", 1), ("::/0", 2), ("2001:db8::/32", 3)]);
        assert_eq!((segments.everywhere(Family::V4), segments.everywhere(Family::V6)), (Some(&1), None));
    }

    #[test]
    fn what_stands_changes_at_its_turns() {
        let segments = segments(&[("10.0.0.0/8", 1), ("10.0.2.0/24", 2), ("2001:db8::/32", 3)]);
        let turns = |range: &str| {
            let mut turns = segments.turns(range.parse().unwrap());
            turns.sort_unstable();
            turns.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(turns("10.0.0.0/16"), ["10.0.0.0", "10.0.2.0", "10.0.3.0"]);
        assert_eq!(turns("10.0.2.8/29"), ["10.0.2.8"]);
        assert_eq!(turns("8.0.0.0/6"), ["8.0.0.0", "10.0.0.0", "10.0.2.0", "10.0.3.0", "11.0.0.0"]);
        assert_eq!(turns("2001:db8::/31"), ["2001:db8::", "2001:db9::"]);
    }

    #[test]
    fn a_range_is_covered_when_no_address_of_it_is_left_out() {
        let halves = segments(&[("0.0.0.0/1", 1), ("128.0.0.0/1", 2)]);
        for (range, covered) in [("0.0.0.0/0", true), ("10.0.0.0/8", true), ("::/0", false)] {
            assert_eq!(halves.cover(range.parse().unwrap()), covered, "{range}");
        }
        assert!(!segments(&[("10.0.2.0/25", 1)]).cover("10.0.2.0/24".parse().unwrap()));
        assert!(segments(&[("::/0", 1)]).cover("::/0".parse().unwrap()));
    }
}
