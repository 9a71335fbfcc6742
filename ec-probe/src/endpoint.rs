//! Where to dial: `HOST:PORT`, and what an AWS host name hints at.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    Address(IpAddr),
}

impl Endpoint {
    /// An endpoint of a host and a port that are given apart.
    ///
    /// # Errors
    /// A sentence about what is wrong with the host or the port.
    pub fn new(host: &str, port: u16) -> Result<Self, String> {
        if port == 0 {
            return Err("port 0 cannot be dialled".to_owned());
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(Self { host: Host::Address(address), port });
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                // No host name begins with a hyphen (RFC 952), and a command would take it for an option.
                && !label.starts_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let name = host.strip_suffix('.').unwrap_or(host);
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(format!("`{}` is neither a host name nor an address", host.escape_default()));
        }
        Ok(Self { host: Host::Name(name.to_ascii_lowercase()), port })
    }

    /// The host, without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }

    /// The host, if it is an address that needs no resolver.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Name(_) => None,
            Host::Address(address) => Some(address),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host(), self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "an endpoint is written HOST:PORT, or [ADDRESS]:PORT for IPv6";
        if text.contains("://") {
            return Err(format!("{FORM}, without a scheme"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("the port is missing; {FORM}"))?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(FORM.to_owned());
        }
        let port = port.parse().map_err(|_| format!("`{}` is no port; {FORM}", port.escape_default()))?;
        Self::new(host, port)
    }
}

/// What the host name of an ElastiCache endpoint with TLS says of its cache. AWS promises no form of these names, so
/// this is a hint for where nothing better is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsName {
    /// The serverless cache's name or the replication group's id.
    pub cache: String,
    /// The Region, where its short form is known.
    pub region: Option<String>,
    /// Whether the cache is serverless.
    pub serverless: bool,
}

impl AwsName {
    /// Reads `NAME-HASH[.public].serverless.REGION.cache.amazonaws.com` and `ROLE.GROUP.HASH.REGION.cache.amazonaws.com`.
    pub fn read(host: &str) -> Option<Self> {
        let host = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".cache.amazonaws.com")?;
        let labels: Vec<&str> = host.split('.').collect();
        let (cache, region, serverless) = match labels[..] {
            [cache, "serverless", region] | [cache, "public", "serverless", region] => {
                (cache.rsplit_once('-')?.0, region, true)
            }
            // Without TLS there is a node number or `cfg` where the hash of six characters stands here.
            [_, group, hash, region] if hash.len() == 6 => (group, region, false),
            _ => return None,
        };
        Some(Self { cache: cache.to_owned(), region: region_of(region), serverless })
    }

    /// Whether `host` is an endpoint of ElastiCache.
    pub fn is_endpoint(host: &str) -> bool {
        host.strip_suffix(".cn").unwrap_or(host).ends_with(".cache.amazonaws.com")
    }

    /// Whether `host` is an endpoint on the internet, which speaks TLS 1.3 alone.
    /// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/connecting-public-endpoint.html>
    pub fn is_public(host: &str) -> bool {
        Self::is_endpoint(host) && host.contains(".public.serverless.")
    }
}

/// The Region that AWS shortens to `short` in host names: `use1` is us-east-1, `apne1` or `apn1` ap-northeast-1.
fn region_of(short: &str) -> Option<String> {
    let area =
        short.get(..2).filter(|area| ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"].contains(area))?;
    let number = short.chars().last().filter(char::is_ascii_digit)?;
    let side = match short.get(2..short.len() - 1)? {
        "n" if area == "ap" => "northeast",
        "n" => "north",
        "e" => "east",
        "s" => "south",
        "w" => "west",
        "c" => "central",
        "ne" => "northeast",
        "nw" => "northwest",
        "se" => "southeast",
        "sw" => "southwest",
        _ => return None,
    };
    Some(format!("{area}-{side}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_written_as_they_are_read() {
        for text in ["orders.example:6379", "10.0.0.1:6380", "[::1]:6379", "localhost:11211"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("Orders.Example.:6379".parse::<Endpoint>().unwrap().to_string(), "orders.example:6379");
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_a_reason() {
        for (text, reason) in [
            ("orders", "the port is missing"),
            ("orders:0", "port 0"),
            ("orders:70000", "`70000` is no port"),
            ("::1:6379", "[ADDRESS]:PORT"),
            ("rediss://orders:6379", "without a scheme"),
            ("or ders:6379", "neither a host name nor an address"),
            ("orders\r\nFLUSHALL:6379", "neither a host name nor an address"),
            (":6379", "neither a host name nor an address"),
            ("-oProxy:6379", "neither a host name nor an address"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_aws_host_name_hints_at_cache_and_region() {
        let read = |host: &str| AwsName::read(host).map(|name| (name.cache, name.region, name.serverless));
        let is = |cache: &str, region: &str, serverless| Some((cache.to_owned(), Some(region.to_owned()), serverless));
        assert_eq!(read("my-orders-x1y2z3.serverless.use1.cache.amazonaws.com"), is("my-orders", "us-east-1", true));
        assert_eq!(
            read("orders-x2e9hv.public.serverless.apse2.cache.amazonaws.com"),
            is("orders", "ap-southeast-2", true)
        );
        assert_eq!(read("master.orders.x1y2z3.apn1.cache.amazonaws.com"), is("orders", "ap-northeast-1", false));
        assert_eq!(read("clustercfg.orders.x1y2z3.cnn1.cache.amazonaws.com.cn"), is("orders", "cn-north-1", false));
    }

    #[test]
    fn public_endpoints_are_told_from_those_of_a_vpc_and_from_other_names() {
        let public = "orders-x1.public.serverless.use1.cache.amazonaws.com";
        assert!(AwsName::is_public(public) && AwsName::is_endpoint(public));
        let of_vpc = "orders-x1.serverless.cnn1.cache.amazonaws.com.cn";
        assert!(!AwsName::is_public(of_vpc) && AwsName::is_endpoint(of_vpc));
        let other = "orders-x1.public.serverless.use1.cache.amazonaws.com.evil.example";
        assert!(!AwsName::is_public(other) && !AwsName::is_endpoint(other));
    }

    #[test]
    fn names_without_tls_and_names_of_others_hint_at_nothing() {
        for host in [
            "orders.x1y2z3.ng.0001.use1.cache.amazonaws.com",
            "orders.x1y2z3.0001.use1.cache.amazonaws.com",
            "orders.x1y2z3.clustercfg.use1.cache.amazonaws.com",
            "localhost",
            "serverless.use1.cache.amazonaws.com.evil.example",
        ] {
            assert_eq!(AwsName::read(host), None, "{host}");
        }
    }
}
