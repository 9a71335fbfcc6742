//! The facts of a certificate, read from its bytes.

use std::net::IpAddr;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;

use crate::answer::CertificateFault;

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The distinguished name of its subject.
    pub subject: String,
    /// The distinguished name of its issuer.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// The subjects of the certificates that the server showed with it, as a rule of those who vouch for it.
    pub above: Vec<String>,
    /// Whether it may vouch for others.
    pub is_authority: bool,
    /// When its time begins.
    pub not_before: Timestamp,
    /// When its time ends.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads a certificate; `None` if the bytes are none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten().map(|extension| {
            extension.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
                _ => None,
            })
        });
        let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.into_iter().flatten().collect(),
            above: Vec::new(),
            is_authority: certificate.is_ca(),
            not_before: time(certificate.validity().not_before)?,
            not_after: time(certificate.validity().not_after)?,
        })
    }

    /// Whole days until it expires; negative when it has.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        self.not_after.duration_since(now).as_secs().div_euclid(86_400)
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The fault as people call it. The verifier found: nobody to vouch for a certificate that names itself as its issuer,
    /// so it is self-signed; an authority's certificate where a server's should be, for which it has no word of its own;
    /// or no name, and the one that was dialled, `name`, stands where it no longer counts.
    pub fn name_fault(&self, fault: CertificateFault, name: &str) -> CertificateFault {
        match fault {
            CertificateFault::Other(_) if self.is_authority => CertificateFault::OfAuthority,
            // Systems have certificates of localhost and the like in store, whose name says nothing.
            CertificateFault::UnknownAuthority | CertificateFault::Signature | CertificateFault::Other(_)
                if self.is_self_issued() =>
            {
                CertificateFault::SelfSigned
            }
            CertificateFault::Name if self.names.is_empty() && self.common_name_is(name) => {
                CertificateFault::CommonName
            }
            fault => fault,
        }
    }

    fn common_name_is(&self, name: &str) -> bool {
        let common_names = self.subject.split(", ").filter_map(|part| part.strip_prefix("CN="));
        common_names.into_iter().any(|common_name| common_name.eq_ignore_ascii_case(name))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 1);
        let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        Certificate::read(der.der()).unwrap()
    }

    #[test]
    fn names_and_times_are_read() {
        let certificate = made(&["*.orders.example", "10.0.0.1", "::1"]);
        assert_eq!(certificate.names, ["*.orders.example", "10.0.0.1", "::1"]);
        assert_eq!(certificate.not_before.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(certificate.not_after.to_string(), "2026-03-01T00:00:00Z");
    }

    #[test]
    fn days_left_count_whole_days_and_go_below_zero() {
        let certificate = made(&["a"]);
        let days = |now: &str| certificate.days_left(now.parse().unwrap());
        assert_eq!(days("2026-02-27T12:00:00Z"), 1);
        assert_eq!(days("2026-02-28T12:00:00Z"), 0);
        assert_eq!(days("2026-03-01T00:00:01Z"), -1);
    }

    #[test]
    fn the_verifiers_fault_gets_the_name_that_people_give_it() {
        use CertificateFault as Fault;
        let other = || Fault::Other("CaUsedAsEndEntity".to_owned());
        let plain = Certificate { issuer: "CN=authority".into(), ..made(&["a"]) };
        let self_signed = made(&["a"]);
        let authority = Certificate { is_authority: true, ..made(&["a"]) };
        let named_of_old = Certificate { subject: "O=x, CN=Orders.example".into(), names: vec![], ..made(&["a"]) };
        let named_too = Certificate { names: vec!["b".into()], ..named_of_old.clone() };
        for (certificate, given, expected) in [
            (&plain, Fault::UnknownAuthority, Fault::UnknownAuthority),
            (&plain, other(), other()),
            (&self_signed, Fault::UnknownAuthority, Fault::SelfSigned),
            (&self_signed, Fault::Signature, Fault::SelfSigned),
            (&self_signed, Fault::Algorithm, Fault::Algorithm),
            (&self_signed, Fault::Expired, Fault::Expired),
            (&plain, Fault::Signature, Fault::Signature),
            (&authority, other(), Fault::OfAuthority),
            (&authority, Fault::UnknownAuthority, Fault::SelfSigned),
            (&named_of_old, Fault::Name, Fault::CommonName),
            (&named_too, Fault::Name, Fault::Name),
            (&plain, Fault::Name, Fault::Name),
        ] {
            assert_eq!(certificate.name_fault(given.clone(), "orders.example"), expected, "{given:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_are_none() {
        assert_eq!(Certificate::read(b"\x30\x03\x02\x01\x05"), None);
    }
}
