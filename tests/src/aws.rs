//! Seeds an emulator through AWS's Query API, with no SDK between: what the tools are tested against must not come
//! from the code that the tools are made of.

use std::fmt::Write;

use serde_json::Value;

use crate::http::{self, Request};

/// An emulator's API.
#[derive(Clone, Debug)]
pub struct Aws {
    address: String,
    key: String,
}

impl Aws {
    /// The API at `http://127.0.0.1:PORT`, with the key `test`.
    pub fn at(url: &str) -> Self {
        Self::of_account(url, "test")
    }

    /// The API as one account sees it; ministack takes twelve digits as the key of an account.
    pub fn of_account(url: &str, account: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, key: account.to_owned() }
    }

    /// Makes a call and gives the XML of its answer.
    ///
    /// # Panics
    /// If the call fails.
    #[track_caller]
    pub fn call(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let (status, body) = self.try_call(service, action, parameters);
        assert!(status == 200, "{service} {action} {parameters:?}: HTTP {status}\n{body}");
        body
    }

    /// Makes a call and gives the HTTP status and the XML of its answer.
    ///
    /// # Panics
    /// If nobody answers.
    #[track_caller]
    pub fn try_call(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        let version = match service {
            "ec2" => "2016-11-15",
            "elasticache" => "2015-02-02",
            "iam" => "2010-05-08",
            _ => "2011-06-15",
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            let _ = write!(body, "&{name}={}", percent_encoded(value));
        }
        let kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        self.post(service, action, &[kind], body)
    }

    /// Makes a call of the JSON protocol and gives its answer. The target is `AWSIdentityStore.CreateUser`, and the
    /// service the name that calls are signed for: `identitystore`, `sso`.
    ///
    /// # Panics
    /// If the call fails.
    #[track_caller]
    pub fn json(&self, service: &str, target: &str, parameters: &Value) -> Value {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let (status, body) = self.post(service, target, &headers, parameters.to_string());
        assert!(status == 200, "{target} {parameters}: HTTP {status}\n{body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    #[track_caller]
    fn post(&self, service: &str, action: &str, headers: &[(&str, &str)], body: String) -> (u16, String) {
        let scope = format!("Credential={}/20260101/us-east-1/{service}/aws4_request", self.key);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut all = vec![
            header("host", self.address.clone()),
            header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0")),
            header("content-length", body.len().to_string()),
        ];
        all.extend(headers.iter().map(|(name, value)| header(name, (*value).to_owned())));
        let request = Request { line: "POST / HTTP/1.1".to_owned(), headers: all, body: body.into_bytes() };
        let answer = http::exchange(&self.address, &request);
        let answer = answer.unwrap_or_else(|error| panic!("{service} {action}: {error}"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        (status.unwrap_or_else(|| panic!("{service} {action}: not HTTP: {head}")), body.to_owned())
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A text whose bytes are percent-encoded, as in calls and in the policies that IAM tells.
pub fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        bytes.extend_from_slice(&part.as_bytes()[if code.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text of the first element of that name.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn element(xml: &str, name: &str) -> String {
    elements(xml, name).into_iter().next().unwrap_or_else(|| panic!("there is no <{name}> in {xml}"))
}

/// The texts of all elements of that name, in order.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).map(str::to_owned).collect()
}
