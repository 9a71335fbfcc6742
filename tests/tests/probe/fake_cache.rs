//! A server that understands commands and answers in ways that a real one would not, or not on request.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use ec_tests::resp;
use ec_tests::rude::Rude;

/// The server; it ends when dropped.
#[derive(Debug)]
pub(crate) struct FakeCache {
    server: Rude,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl FakeCache {
    /// A cache with IAM: a command before AUTH ends the connection, as public endpoints do; any token is good.
    pub(crate) fn start() -> Self {
        Self::answering(|heard| match heard.last().map(Vec::as_slice) {
            Some([auth, _, _]) if auth == "AUTH" && heard.len() == 1 => Some("+OK\r\n".to_owned()),
            Some([hello, _]) if hello == "HELLO" && heard.len() > 1 => {
                Some("%2\r\n+server\r\n+valkey\r\n+version\r\n+9.0.0\r\n".to_owned())
            }
            Some([ping]) if ping == "PING" && heard.len() > 1 => Some("+PONG\r\n".to_owned()),
            _ => None,
        })
    }

    /// A cache that has less and less to say: `answer` makes of the number of a PING, from 1, what it is answered;
    /// without an answer it hangs up, and an empty one is silence.
    pub(crate) fn pinged(answer: impl Fn(usize) -> Option<&'static str> + Send + Sync + 'static) -> Self {
        Self::answering(move |heard| match heard.last().map(Vec::as_slice) {
            Some([ping]) if ping == "PING" => {
                answer(heard.iter().filter(|words| words[0] == "PING").count()).map(str::to_owned)
            }
            _ => Some("-ERR unknown command\r\n".to_owned()),
        })
    }

    /// Sends back every word that it hears, as text that is no protocol.
    pub(crate) fn echo() -> Self {
        Self::answering(|heard| Some(format!("you said {}\r\n", heard.last().map(|words| words.join(" "))?)))
    }

    /// A server whose AUTH has been renamed: its error repeats the arguments.
    pub(crate) fn renamed_auth() -> Self {
        Self::answering(|heard| {
            let (name, args) = heard.last()?.split_first()?;
            let args: Vec<String> = args.iter().map(|arg| format!("'{arg}' ")).collect();
            Some(format!("-ERR unknown command '{name}', with args beginning with: {}\r\n", args.concat()))
        })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The commands, in order.
    pub(crate) fn heard(&self) -> Vec<Vec<String>> {
        self.heard.lock().expect("nobody panics with the lock").clone()
    }

    fn answering(answer: impl Fn(&[Vec<String>]) -> Option<String> + Send + Sync + 'static) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        let server = Rude::new(move |mut stream: TcpStream| {
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            while let Ok(Some(words)) = resp::command(&mut reader) {
                let reply = {
                    let mut heard = shared.lock().expect("nobody panics with the lock");
                    heard.push(words);
                    answer(&heard)
                };
                match reply {
                    Some(reply) if stream.write_all(reply.as_bytes()).is_ok() => {}
                    _ => return,
                }
            }
        });
        Self { server, heard }
    }
}
