//! A proxy in front of an emulator that lets single calls go wrong, the way AWS and networks do.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::calls::{Call, Calls};
use crate::http::{self, Listener, Request};

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// AWS throttles it.
    Throttled,
    /// AWS fails with it.
    Broken,
    /// The caller is not allowed to make it.
    Denied,
    /// The part of AWS that is asked has not heard of a group that was made a moment ago.
    GroupNotThereYet,
    /// It is carried out, and the answer gets lost.
    AnswerLost,
    /// It is carried out once the gate opens.
    Held(Gate),
    /// It is carried out at once, and the answer waits until the gate opens.
    AnswerHeld(Gate),
}

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct Failing {
    listener: Listener,
    calls: Calls,
}

impl Failing {
    /// A proxy to the server at `url`. `fault` is asked with each call, and with how many came before it; a retry is a
    /// call, too.
    pub fn before(url: &str, fault: impl Fn(usize, &Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let to = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let calls = Calls::default();
        let seen = calls.clone();
        let listener = Listener::http(move |request| {
            let call = Call::of(&request);
            let before = seen.add(call.clone());
            deal(fault(before, &call), &call, &to, &request)
        });
        Self { listener, calls }
    }

    /// A proxy with which the call that comes after `before` others goes wrong, and as many of its retries that it does
    /// so `times` times.
    pub fn once(url: &str, before: usize, times: usize, fault: Fault) -> Self {
        let chosen: Mutex<(Option<String>, usize)> = Mutex::new((None, times));
        Self::before(url, move |came, call| {
            let mut chosen = chosen.lock().expect("nobody panics with the lock");
            if came == before {
                chosen.0 = Some(call.body.clone());
            }
            // A retry repeats the body.
            let goes_wrong = chosen.1 > 0 && chosen.0.as_ref() == Some(&call.body);
            chosen.1 -= usize::from(goes_wrong);
            goes_wrong.then(|| fault.clone())
        })
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

fn deal(fault: Option<Fault>, call: &Call, to: &str, request: &Request) -> io::Result<Vec<u8>> {
    let refusal = |status: &str, code: &str| {
        let id = http::REQUEST_ID;
        let error = format!("<Error><Code>{code}</Code><Message>for this test</Message></Error>");
        // Three protocols, three forms.
        let (kind, body) = if request.header("x-amz-target").is_some() {
            ("application/x-amz-json-1.1", format!(r#"{{"__type": "{code}", "message": "for this test"}}"#))
        } else if call.service == "ec2" {
            ("text/xml", format!("<Response><Errors>{error}</Errors><RequestID>{id}</RequestID></Response>"))
        } else {
            ("text/xml", format!("<ErrorResponse>{error}<RequestId>{id}</RequestId></ErrorResponse>"))
        };
        Ok(http::answer(status, kind, &body))
    };
    match fault {
        None => http::exchange(to, request),
        Some(Fault::Throttled) => refusal("503 Service Unavailable", "RequestLimitExceeded"),
        Some(Fault::Broken) => refusal("500 Internal Server Error", "InternalError"),
        Some(Fault::Denied) => refusal("403 Forbidden", "AccessDenied"),
        Some(Fault::GroupNotThereYet) => refusal("400 Bad Request", "InvalidGroup.NotFound"),
        Some(Fault::AnswerLost) => {
            http::exchange(to, request)?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Some(Fault::Held(gate)) => {
            gate.pass();
            // One after the other: emulators do not make a request that holds several rules whole or not at all.
            let _turn = gate.0.turn.lock().expect("nobody panics with the lock");
            http::exchange(to, request)
        }
        Some(Fault::AnswerHeld(gate)) => {
            let answer = http::exchange(to, request);
            gate.pass();
            answer
        }
    }
}

/// A gate that calls stand before until it opens.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Post>);

#[derive(Debug, Default)]
struct Post {
    standing: Mutex<Standing>,
    changed: Condvar,
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Standing {
    came: usize,
    is_open: bool,
}

impl Gate {
    /// Waits until so many calls have come to the gate.
    ///
    /// # Panics
    /// If they do not come within a minute.
    #[track_caller]
    pub fn wait_for(&self, calls: usize) {
        let Post { standing, changed, .. } = &*self.0;
        let standing = standing.lock().expect("nobody panics with the lock");
        let patience = Duration::from_secs(60);
        let waited = changed.wait_timeout_while(standing, patience, |standing| standing.came < calls);
        let (standing, _) = waited.expect("nobody panics with the lock");
        assert!(standing.came >= calls, "{} of {calls} calls came to the gate", standing.came);
    }

    /// Lets all through that have come, and all that come later.
    pub fn open(&self) {
        let Post { standing, changed, .. } = &*self.0;
        standing.lock().expect("nobody panics with the lock").is_open = true;
        changed.notify_all();
    }

    fn pass(&self) {
        let Post { standing, changed, .. } = &*self.0;
        let mut standing = standing.lock().expect("nobody panics with the lock");
        standing.came += 1;
        changed.notify_all();
        drop(changed.wait_while(standing, |standing| !standing.is_open));
    }
}
