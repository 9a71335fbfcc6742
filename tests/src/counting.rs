//! A proxy in front of an emulator that writes down every call.

use crate::calls::{Call, Calls};
use crate::http::{self, Listener};

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct Counting {
    listener: Listener,
    calls: Calls,
}

impl Counting {
    /// A proxy to the server at `url`, `http://127.0.0.1:PORT`.
    pub fn before(url: &str) -> Self {
        let to = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let calls = Calls::default();
        let seen = calls.clone();
        let listener = Listener::http(move |request| {
            seen.add(Call::of(&request));
            http::exchange(&to, &request)
        });
        Self { listener, calls }
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// The calls so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}
