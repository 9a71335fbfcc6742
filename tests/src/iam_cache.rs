//! A cache that logs in with IAM: it speaks TLS, judges tokens as the service does, and has a real Valkey behind it.
//!
//! What the emulators of AWS lack is the data plane, so no log-in with a token could be tried against one.

mod token;

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use token::Refusal;

use crate::certs::Certs;
use crate::http::Listener;
use crate::resp;
use crate::valkey::{Valkey, ValkeyOptions};
use token::Expected;

/// The password of all users of the Valkey behind. No client knows it.
const BEHIND: &str = "known-to-no-client";
const WRONGPASS: &[u8] = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const NOAUTH: &[u8] = b"-NOAUTH Authentication required.\r\n";

/// How a cache is to be. Without anything: `orders`, serverless, in eu-west-1, with the user `app` who may do everything.
#[derive(Clone, Debug)]
pub struct IamCacheOptions {
    /// The cache's name.
    pub name: String,
    /// Its Region.
    pub region: String,
    /// Whether it is serverless.
    pub serverless: bool,
    /// The users of its user group with their access strings: `("app", "on ~* +@all")`.
    pub users: Vec<(String, String)>,
    /// How far the service's clock is ahead of this machine's.
    pub ahead: Duration,
}

impl Default for IamCacheOptions {
    fn default() -> Self {
        Self {
            name: "orders".to_owned(),
            region: "eu-west-1".to_owned(),
            serverless: true,
            users: vec![("app".to_owned(), "on ~* +@all".to_owned())],
            ahead: Duration::ZERO,
        }
    }
}

/// The cache; it ends when dropped.
#[derive(Debug)]
pub struct IamCache {
    listener: Listener,
    door: Arc<Door>,
}

/// What every connection shares.
#[derive(Debug)]
struct Door {
    options: IamCacheOptions,
    users: Vec<String>,
    credentials: Credentials,
    tls: Arc<ServerConfig>,
    valkey: Valkey,
    refusals: Mutex<Vec<Refusal>>,
}

impl IamCache {
    /// The access key that may connect.
    pub const ACCESS_KEY_ID: &'static str = "AKIAIOSFODNN7EXAMPLE";
    /// Its secret.
    pub const SECRET_ACCESS_KEY: &'static str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    /// A cache with the good certificate for `localhost` and `127.0.0.1`.
    pub fn start(certs: &Certs, options: IamCacheOptions) -> Self {
        let user = |(name, access): &(String, String)| format!("{name} >{BEHIND} {access}");
        let valkey = ValkeyOptions { users: options.users.iter().map(user).collect(), ..ValkeyOptions::default() };
        let door = Arc::new(Door {
            users: options.users.iter().map(|(name, _)| name.clone()).collect(),
            credentials: Credentials::new(Self::ACCESS_KEY_ID, Self::SECRET_ACCESS_KEY, None, None, "tests"),
            tls: Arc::new(certs.server().server_config()),
            valkey: Valkey::with(valkey),
            refusals: Mutex::default(),
            options,
        });
        let shared = Arc::clone(&door);
        // A client that leaves in the middle of something is the client's business.
        let listener = Listener::start(move |stream| drop(shared.serve(stream)));
        Self { listener, door }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    /// Why log-ins were refused, in order. The clients have only heard `WRONGPASS`.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.door.refusals.lock().expect("nobody panics with the lock").clone()
    }
}

impl Door {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut client = BufReader::new(StreamOwned::new(connection, stream));
        let mut behind = BufReader::new(TcpStream::connect(self.valkey.endpoint())?);
        let mut is_in = false;
        while let Some(mut words) = resp::command(&mut client)? {
            let login = login(&words);
            let reply = match login {
                Some(user) if !self.admits(&words[user], &words[user + 1]) => WRONGPASS.to_vec(),
                None if !is_in => NOAUTH.to_vec(),
                _ => {
                    if let Some(user) = login {
                        BEHIND.clone_into(&mut words[user + 1]);
                    }
                    behind.get_mut().write_all(&resp::encoded(&words))?;
                    let mut reply = Vec::new();
                    resp::copy_reply(&mut behind, &mut reply)?;
                    is_in |= login.is_some() && !reply.starts_with(b"-");
                    reply
                }
            };
            client.get_mut().write_all(&reply)?;
        }
        Ok(())
    }

    fn admits(&self, user: &str, token: &str) -> bool {
        let expected = Expected {
            name: &self.options.name,
            region: &self.options.region,
            serverless: self.options.serverless,
            users: &self.users,
            credentials: &self.credentials,
            now: SystemTime::now() + self.options.ahead,
        };
        let judged = expected.judge(user, token);
        self.refusals.lock().expect("nobody panics with the lock").extend(judged.err());
        judged.is_ok()
    }
}

/// Where the user of a log-in stands among the words of a command; the token comes next.
fn login(words: &[String]) -> Option<usize> {
    let is = |place: usize, name: &str| words.get(place).is_some_and(|word| word.eq_ignore_ascii_case(name));
    match words.len() {
        3 if is(0, "AUTH") => Some(1),
        5.. if is(0, "HELLO") && is(2, "AUTH") => Some(3),
        _ => None,
    }
}
