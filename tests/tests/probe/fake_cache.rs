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

    /// A node of a cluster that lets everybody in, and puts what it has heard, with what clears a screen and turns text
    /// around, wherever a reply has room for text.
    pub(crate) fn hostile() -> Self {
        Self::answering(|heard| {
            let (name, args) = heard.last()?.split_first()?;
            let login = heard.iter().find(|words| words[0] == "AUTH");
            let secret = login.and_then(|words| words.last()).map_or("nothing", String::as_str);
            let odd = format!("\u{1b}[2J\u{9b}31m\u{202e}{secret}");
            let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
            let node = format!(
                "%5\r\n+id\r\n{}+port\r\n:6379\r\n+endpoint\r\n{}+role\r\n+master\r\n+health\r\n+online\r\n",
                bulk(&format!("id-{secret}")),
                bulk(&format!("host-{secret}"))
            );
            Some(match (name.as_str(), args) {
                ("AUTH", _) => "+OK\r\n".to_owned(),
                ("HELLO", _) => {
                    format!("%5\r\n+server\r\n{0}+version\r\n{0}+mode\r\n+cluster\r\n+role\r\n{0}{0}{0}", bulk(&odd))
                }
                ("PING", _) => format!("-NOPERM {}\r\n", odd.replace(['\r', '\n'], " ")),
                _ => format!("*1\r\n%2\r\n+slots\r\n*2\r\n:0\r\n:16383\r\n+nodes\r\n*1\r\n{node}"),
            })
        })
    }

    /// As [`hostile`](Self::hostile), but what it has heard is an error, cut off at every length in turn.
    pub(crate) fn cutting() -> Self {
        Self::answering(|heard| {
            let secret = heard.iter().find(|words| words[0] == "AUTH")?.last()?;
            let length = 8.min(secret.len()) + heard.len() % secret.len().saturating_sub(7).max(1);
            Some(format!("-ERR not {}\r\n", &secret[..length.min(secret.len())]))
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
