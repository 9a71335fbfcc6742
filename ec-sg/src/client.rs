//! Who wants to connect, and to what: as a person names them.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ec_shared::Failure;
use ec_shared::document::Client;
use ipnet::IpNet;

use crate::codes;
use crate::rule::GroupRef;

/// The ports that Linux lets connections start from.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html>
pub const LINUX: RangeInclusive<u16> = 32768..=60999;
/// The ports that Windows lets connections start from.
pub const WINDOWS: RangeInclusive<u16> = 49152..=65535;
/// The ports that a Lambda function's or a NAT gateway's connections start from.
pub const REMAPPED: RangeInclusive<u16> = 1024..=65535;
/// Where the client's system is not known: the ports of Linux and Windows.
pub const EPHEMERAL: RangeInclusive<u16> = 32768..=65535;

/// A client as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `i-…`
    Instance(String),
    /// `eni-…`
    Interface(String),
    /// `sg-…`, or `123456789012/sg-…` of another account.
    Group(GroupRef),
    /// An address range without host bits.
    Range(IpNet),
    /// `pl-…`
    PrefixList(String),
    /// `self`: whatever carries the cache's own security groups.
    Own,
}

impl Source {
    /// Reads a client.
    ///
    /// # Errors
    /// `EC1011` for an id of the wrong form, and for a range that has host bits.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text == "self" {
            return Ok(Self::Own);
        }
        if let Ok(group) = text.parse::<GroupRef>() {
            return Ok(Self::Group(group));
        }
        let wrap = [("i-", Self::Instance as fn(String) -> Self), ("eni-", Self::Interface), ("pl-", Self::PrefixList)];
        for (prefix, kind) in wrap {
            if text.starts_with(prefix) {
                return if has_form(text, prefix) { Ok(kind(text.to_owned())) } else { Err(no_id(text, prefix)) };
            }
        }
        if text.starts_with("sg-") {
            return Err(no_id(text, "sg-"));
        }
        if text.parse::<IpAddr>().is_err() && text.parse::<IpNet>().is_err() {
            return Err(bad(text).hint(
                "give i-…, eni-…, sg-…, ACCOUNT/sg-…, pl-…, self, or a CIDR such as 10.0.1.0/24 or 2001:db8:1::/64",
            ));
        }
        range(text).map(Self::Range)
    }

    /// The source that a document's client was given as, for the command line that repeats the question.
    pub fn of(client: &Client) -> Option<String> {
        let group = || client.security_group_ids.first();
        let own = [&client.instance_id, &client.network_interface_id, &client.cidr, &client.prefix_list_id];
        own.into_iter().find_map(Option::as_ref).or_else(group).cloned()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) | Self::Interface(id) | Self::PrefixList(id) => f.write_str(id),
            Self::Group(group) => write!(f, "{group}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Own => f.write_str("self"),
        }
    }
}

/// What is to be reached, where it is no cache: a self-hosted server, or a service that ec-sg knows no API of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `i-…`
    Instance(String),
    /// `eni-…`
    Interface(String),
    /// A private address.
    Address(IpAddr),
}

impl Destination {
    /// Reads a destination.
    ///
    /// # Errors
    /// `EC1011` for anything else than an id or an address.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if has_form(text, "i-") {
            Ok(Self::Instance(text.to_owned()))
        } else if has_form(text, "eni-") {
            Ok(Self::Interface(text.to_owned()))
        } else if let Ok(address) = text.parse() {
            Ok(Self::Address(address))
        } else {
            let what = format!("cannot take `{}` for something to reach", text.escape_debug());
            Err(Failure::new(&codes::BAD_CLIENT, what)
                .hint("give i-…, eni-… or an address; a cache is named with --cache"))
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) | Self::Interface(id) => f.write_str(id),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// Reads an address range.
///
/// # Errors
/// `EC1011`; where it can be told which range is meant, the hint says it.
pub fn range(text: &str) -> Result<IpNet, Failure> {
    let bad =
        || Failure::new(&codes::BAD_CLIENT, format!("cannot take `{}` for an address range", text.escape_debug()));
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err(bad().hint(format!("one address is a range, too: {}", IpNet::from(address))));
    }
    let net: IpNet = text.parse().map_err(|_| bad().hint("a range is written 10.0.1.0/24 or 2001:db8:1::/64"))?;
    if let IpNet::V6(mapped) = net
        && let Some(address) = mapped.addr().to_ipv4_mapped()
    {
        let hint = match mapped.prefix_len().checked_sub(96) {
            Some(length) => format!("write IPv4 as IPv4: {address}/{length}"),
            None => "write IPv4 as IPv4".to_owned(),
        };
        return Err(bad().because("it is an IPv4 range in IPv6 clothing").hint(hint));
    }
    if net != net.trunc() {
        return Err(bad().because("it has host bits").hint(format!("the range is {}", net.trunc())));
    }
    Ok(net)
}

/// Whether `text` has the form of an id of this kind, `sg-` or `sgr-` …
pub fn has_form(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(is_id)
}

fn is_id(digits: &str) -> bool {
    (1..=17).contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn no_id(text: &str, prefix: &str) -> Failure {
    bad(text).hint(format!("an id is `{prefix}` and up to 17 digits and letters a to f"))
}

fn bad(text: &str) -> Failure {
    Failure::new(&codes::BAD_CLIENT, format!("cannot take `{}` for a client", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_for_what_it_is() {
        assert_eq!(Source::parse("i-0abc").unwrap(), Source::Instance("i-0abc".into()));
        assert_eq!(Source::parse("eni-0123456789abcdef0").unwrap(), Source::Interface("eni-0123456789abcdef0".into()));
        assert_eq!(Source::parse("sg-0abc").unwrap(), Source::Group(GroupRef::of("sg-0abc")));
        let foreign = Source::parse("123456789012/sg-0abc").unwrap();
        assert_eq!(foreign.to_string(), "123456789012/sg-0abc");
        assert_eq!(Source::parse("pl-0abc").unwrap(), Source::PrefixList("pl-0abc".into()));
        assert_eq!(Source::parse("self").unwrap(), Source::Own);
        assert_eq!(Source::parse("10.0.1.0/24").unwrap(), Source::Range("10.0.1.0/24".parse().unwrap()));
        assert_eq!(Source::parse("2001:db8::/32").unwrap(), Source::Range("2001:db8::/32".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_refused_with_what_was_meant() {
        for (wrong, hint) in [
            ("10.0.0.5/8", "the range is 10.0.0.0/8"),
            ("10.0.0.5", "one address is a range, too: 10.0.0.5/32"),
            ("::ffff:10.0.0.0/104", "write IPv4 as IPv4: 10.0.0.0/8"),
            ("2001:db8::1/32", "the range is 2001:db8::/32"),
            ("sg-xyz", "an id is `sg-` and up to 17 digits and letters a to f"),
            ("i-", "an id is `i-` and up to 17 digits and letters a to f"),
        ] {
            let failure = Source::parse(wrong).unwrap_err();
            assert_eq!((failure.code().id, failure.hint_text()), ("EC1011", Some(hint)), "{wrong}");
        }
        for wrong in ["", "orders", "1234/sg-0abc", "123456789012/i-0abc", "I-0abc", "10.0.0.0/33", "i-0abc\n;rm"] {
            assert_eq!(Source::parse(wrong).unwrap_err().code().id, "EC1011", "{wrong}");
        }
    }
}
