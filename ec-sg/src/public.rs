//! How much public address space a set of ranges holds, and when that is too much to open without a word.
//!
//! Judged by address space and not by string: 0.0.0.0/1 and 128.0.0.0/1 together are the whole Internet.

use std::collections::BTreeSet;

use ec_shared::Failure;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::codes;
use crate::segments::Family;

/// The public addresses that are opened without `--allow-public`: those of a /24, and of a /48.
const V4_LIMIT: u64 = 1 << (32 - 24);
const V6_LIMIT: u128 = 1 << (128 - 48);

/// IPv4 space that is not routed on the Internet (RFC 6890 and RFC 1112).
const NOT_PUBLIC: [(u32, u8); 9] = [
    (0x0000_0000, 8),
    (0x0A00_0000, 8),
    (0x6440_0000, 10),
    (0x7F00_0000, 8),
    (0xA9FE_0000, 16),
    (0xAC10_0000, 12),
    (0xC0A8_0000, 16),
    (0xE000_0000, 4),
    (0xF000_0000, 4),
];
/// All public IPv6 space: 2000::/3.
const PUBLIC_V6: (u128, u8) = (0x2000 << 112, 3);

/// Refuses ranges that hold more public space than the limits, unless each public one of them is in `allowed`.
///
/// # Errors
/// `EC1010`, with the flag that allows it.
pub fn judge(ranges: &[IpNet], allowed: &[IpNet]) -> Result<(), Failure> {
    // One range is asked for once for each port.
    let asked: BTreeSet<IpNet> = ranges.iter().copied().filter(|range| !allowed.contains(range)).collect();
    let space = Space::of(&asked);
    if ![Family::V4, Family::V6].into_iter().any(|family| space.is_wide(family)) {
        return Ok(());
    }
    let names: Vec<String> = asked.iter().map(ToString::to_string).collect();
    let flags: Vec<String> = names.iter().map(|name| format!("--allow-public {name}")).collect();
    Err(Failure::new(&codes::PUBLIC_SOURCE, format!("will not open a cache to {}", names.join(", ")))
        .because("that is public address space, wider than a /24 (IPv4) or a /48 (IPv6)")
        .hint(format!("name an instance or a security group with --from; or, if it is meant, add {}", flags.join(" "))))
}

/// How many public addresses ranges hold together; one that several hold counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    v4: u64,
    v6: u128,
}

impl Space {
    /// The public addresses in `ranges`.
    pub fn of<'r>(ranges: impl IntoIterator<Item = &'r IpNet>) -> Self {
        let ranges: Vec<IpNet> = ranges.into_iter().copied().collect();
        let mut space = Self::default();
        for range in IpNet::aggregate(&ranges) {
            match range {
                IpNet::V4(range) => space.v4 += public_v4(range),
                IpNet::V6(range) => space.v6 += public_v6(range),
            }
        }
        space
    }

    /// Whether it is more than is opened without a word: more than a /24, or a /48, holds.
    pub fn is_wide(self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4 > V4_LIMIT,
            Family::V6 => self.v6 > V6_LIMIT,
        }
    }

    /// Whether it is the whole Internet.
    pub fn is_everything(self, family: Family) -> bool {
        match family {
            Family::V4 => self.v4 == public_v4(Ipv4Net::default()),
            Family::V6 => self.v6 == public_v6(Ipv6Net::default()),
        }
    }
}

/// The public addresses in `range`. Neither list has two ranges that overlap, so that their sizes can be summed.
fn public_v4(range: Ipv4Net) -> u64 {
    let size = |range: Ipv4Net| 1_u64 << (32 - range.prefix_len());
    let hidden: u64 = NOT_PUBLIC
        .iter()
        .filter_map(|(address, length)| Ipv4Net::new((*address).into(), *length).ok())
        .map(|block| {
            if block.contains(&range) {
                size(range)
            } else if range.contains(&block) {
                size(block)
            } else {
                0
            }
        })
        .sum();
    size(range) - hidden
}

fn public_v6(range: Ipv6Net) -> u128 {
    let size = |range: Ipv6Net| 1_u128.checked_shl(128 - u32::from(range.prefix_len())).unwrap_or(u128::MAX);
    match Ipv6Net::new(PUBLIC_V6.0.into(), PUBLIC_V6.1) {
        Ok(public) if public.contains(&range) => size(range),
        Ok(public) if range.contains(&public) => size(public),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn private_space_and_a_little_public_space_pass() {
        for fine in [
            &["10.0.0.0/8"][..],
            &["172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
            &["fc00::/7"],
            &["203.0.113.0/24"],
            &["203.0.113.7/32", "198.51.100.0/25"],
            &["2001:db8:1::/48"],
        ] {
            assert!(judge(&nets(fine), &[]).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn public_space_is_summed_whatever_the_string() {
        for wide in [
            &["0.0.0.0/0"][..],
            &["::/0"],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &["8.0.0.0/7"],
            &["203.0.112.0/23"],
            &["203.0.113.0/24", "198.51.100.1/32"],
            &["2000::/3"],
            &["2001:db8::/47"],
            &["172.0.0.0/8"],
        ] {
            assert_eq!(judge(&nets(wide), &[]).unwrap_err().code().id, "EC1010", "{wide:?}");
        }
    }

    #[test]
    fn the_internet_is_all_public_space_of_a_family_however_it_is_written() {
        for (ranges, v4, v6) in [
            (&["0.0.0.0/0"][..], true, false),
            (&["0.0.0.0/1", "128.0.0.0/1"], true, false),
            (&["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"], true, false),
            (&["0.0.0.0/1"], false, false),
            (&["2000::/3"], false, true),
            (&["::/0", "10.0.0.0/8"], false, true),
            (&["fc00::/7"], false, false),
        ] {
            let space = Space::of(&nets(ranges));
            assert_eq!((space.is_everything(Family::V4), space.is_everything(Family::V6)), (v4, v6), "{ranges:?}");
        }
    }

    #[test]
    fn a_public_range_passes_where_it_is_repeated() {
        let all = nets(&["0.0.0.0/0"]);
        assert!(judge(&all, &all).is_ok());
        assert!(judge(&all, &nets(&["0.0.0.0/1"])).is_err());
        let failure = judge(&[all[0], all[0]], &[]).unwrap_err();
        assert!(failure.to_string().starts_with("will not open a cache to 0.0.0.0/0: "), "{failure}");
        assert!(failure.hint_text().unwrap().ends_with("add --allow-public 0.0.0.0/0"), "{failure}");
    }
}
