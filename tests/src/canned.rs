//! AWS from paper: answers as AWS documents them, by action, for what no emulator knows; alone, or in front of an emulator
//! that knows the rest.

use std::collections::HashMap;
use std::io;

use crate::calls::{Call, Calls};
use crate::http::{self, Listener, REQUEST_ID, Request};

/// Answers under preparation, or served.
#[derive(Debug, Default)]
pub struct Canned {
    answers: HashMap<String, (u16, String)>,
    date: Option<String>,
    calls: Calls,
    listener: Option<Listener>,
}

impl Canned {
    /// No answers yet: every action is `InvalidAction`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `action` with an XML (or JSON) body and status 200.
    #[must_use]
    pub fn answer(mut self, action: &str, body: impl Into<String>) -> Self {
        self.answers.insert(action.to_owned(), (200, body.into()));
        self
    }

    /// Answers `action` with an error of the Query protocol.
    #[must_use]
    pub fn error(mut self, action: &str, status: u16, code: &str, message: &str) -> Self {
        self.answers.insert(action.to_owned(), (status, error(action, code, message)));
        self
    }

    /// Answers `action` with an error of the JSON protocol.
    #[must_use]
    pub fn json_error(mut self, action: &str, status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"__type": code, "message": message}).to_string();
        self.answers.insert(action.to_owned(), (status, body));
        self
    }

    /// Dates the answers: `Mon, 01 Jan 2024 00:00:00 GMT`.
    #[must_use]
    pub fn dated(mut self, date: &str) -> Self {
        self.date = Some(date.to_owned());
        self
    }

    /// Serves the answers on a free port of 127.0.0.1 until dropped.
    #[must_use]
    pub fn serve(self) -> Self {
        self.or_else(|call, _| {
            let body = error(&call.action, "InvalidAction", "no such answer on paper");
            Ok(http::answer("400 -", "text/xml", &body))
        })
    }

    /// Serves the answers, and has the server at `url` answer everything else.
    #[must_use]
    pub fn before(self, url: &str) -> Self {
        let to = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        self.or_else(move |_, request| http::exchange(&to, request))
    }

    fn or_else(mut self, other: impl Fn(&Call, &Request) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (answers, seen) = (std::mem::take(&mut self.answers), self.calls.clone());
        // A header more, behind the status line.
        let date = self.date.take().map(|date| format!("\r\nDate: {date}")).unwrap_or_default();
        self.listener = Some(Listener::http(move |request| {
            let call = Call::of(&request);
            seen.add(call.clone());
            let Some((status, body)) = answers.get(&call.action) else { return other(&call, &request) };
            let content_type = if body.starts_with('{') { "application/x-amz-json-1.1" } else { "text/xml" };
            Ok(http::answer(&format!("{status} -{date}"), content_type, body))
        }));
        self
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        let listener = self.listener.as_ref().expect("serve() or before() comes before url()");
        format!("http://{}", listener.address())
    }

    /// The calls so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}

/// EC2 words its errors otherwise than the other services of the Query protocol.
fn error(action: &str, code: &str, message: &str) -> String {
    let is_ec2 = [
        "Vpc",
        "Subnet",
        "SecurityGroup",
        "Instance",
        "NetworkInterface",
        "NetworkAcl",
        "RouteTable",
        "TransitGateway",
        "PrefixList",
    ]
    .iter()
    .any(|noun| action.contains(noun) && !action.contains("CacheSubnet"));
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    if is_ec2 {
        format!("<Response><Errors>{error}</Errors><RequestID>{REQUEST_ID}</RequestID></Response>")
    } else {
        let error = error.replace("<Error>", "<Error><Type>Sender</Type>");
        format!("<ErrorResponse>{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>")
    }
}
