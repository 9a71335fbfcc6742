//! Who wants to connect: an instance, a network interface, a security group or an address range.

use std::fmt;
use std::net::IpAddr;

use ec_shared::Failure;
use ec_shared::document::Client;
use ipnet::IpNet;

use crate::codes;

/// A client as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `i-…`
    Instance(String),
    /// `eni-…`
    Interface(String),
    /// `sg-…`
    Group(String),
    /// An address range without host bits.
    Range(IpNet),
}

impl Source {
    /// Reads a client.
    ///
    /// # Errors
    /// `EC1011` for an id of the wrong form, and for a range that has host bits.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let wrap = [("i-", Self::Instance as fn(String) -> Self), ("eni-", Self::Interface), ("sg-", Self::Group)];
        for (prefix, kind) in wrap {
            if let Some(digits) = text.strip_prefix(prefix) {
                return if is_id(digits) {
                    Ok(kind(text.to_owned()))
                } else {
                    Err(bad(text).hint(format!("an id is `{prefix}` and up to 17 digits and letters a to f")))
                };
            }
        }
        if text.parse::<IpAddr>().is_err() && text.parse::<IpNet>().is_err() {
            return Err(bad(text).hint("give i-…, eni-…, sg-…, or a CIDR such as 10.0.1.0/24 or 2001:db8:1::/64"));
        }
        range(text).map(Self::Range)
    }

    /// The source that a document's client was given as, for the command line that repeats the question.
    pub fn of(client: &Client) -> Option<String> {
        let group = || client.security_group_ids.first();
        let own = [&client.instance_id, &client.network_interface_id, &client.cidr];
        own.into_iter().find_map(Option::as_ref).or_else(group).cloned()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) | Self::Interface(id) | Self::Group(id) => f.write_str(id),
            Self::Range(range) => write!(f, "{range}"),
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
        assert_eq!(Source::parse("sg-0abc").unwrap(), Source::Group("sg-0abc".into()));
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
        for wrong in ["", "orders", "I-0abc", "10.0.0.0/33", "i-0abc\n;rm"] {
            assert_eq!(Source::parse(wrong).unwrap_err().code().id, "EC1011", "{wrong}");
        }
    }
}
