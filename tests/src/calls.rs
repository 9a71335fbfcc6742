//! The calls that a tool made to AWS, as a server on the way saw them.

use std::sync::{Arc, Mutex};

use crate::http::Request;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `ec2`, `elasticache`, `iam`, `sts`: from the credential scope of the signature.
    pub service: String,
    /// `DescribeSecurityGroups`.
    pub action: String,
    /// The body as it was sent.
    pub body: String,
}

impl Call {
    /// Reads the call from a request of the Query or the JSON protocol.
    pub(crate) fn of(request: &Request) -> Self {
        let scope = request.header("authorization").and_then(|header| header.split("Credential=").nth(1));
        let service = scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or_default();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let action = target.or_else(|| body.split('&').find_map(|pair| pair.strip_prefix("Action=")));
        Self { service: service.to_owned(), action: action.unwrap_or_default().to_owned(), body: body.clone() }
    }

    /// Whether the call could change something.
    pub fn is_write(&self) -> bool {
        !["Describe", "Get", "List", "Search", "Simulate"].iter().any(|verb| self.action.starts_with(verb))
    }
}

/// A growing list of calls.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Adds a call; how many came before it.
    pub(crate) fn add(&self, call: Call) -> usize {
        let mut calls = self.0.lock().expect("nobody panics with the lock");
        calls.push(call);
        calls.len() - 1
    }

    /// All calls so far.
    pub fn all(&self) -> Vec<Call> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }

    /// The actions of all calls so far.
    pub fn actions(&self) -> Vec<String> {
        self.all().into_iter().map(|call| call.action).collect()
    }

    /// The actions of the calls that could have changed something.
    pub fn writes(&self) -> Vec<String> {
        self.all().into_iter().filter(Call::is_write).map(|call| call.action).collect()
    }

    /// Forgets the calls so far.
    pub fn clear(&self) {
        self.0.lock().expect("nobody panics with the lock").clear();
    }
}
