//! Asks the ladder's questions: the only place where they meet the network.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};

use crate::answer::{Answer, DnsFault, Fault, Lookup, RelayFault, Unresolved};
use crate::cross::{self, Pace};
use crate::dns;
use crate::dns::servers::Asking;
use crate::endpoint::Endpoint;
use crate::harmless::harmless;
use crate::ladder::Stage;
use crate::relay::{Opened, Progress, Road, Running};
use crate::talk::Conversation;
use crate::tap::{Heard, Tap};
use crate::tcp::Dialling;
use crate::tls::{self, Witness};
use crate::trust::Trust;
use crate::verdict::Context;
use crate::way::Relay;
use crate::{discovery, memcached, resp};

/// How long a DNS server is waited for when an endpoint does not answer.
const SERVERS: Duration = Duration::from_millis(100);

/// One endpoint, and everything that is open and known about it. When the deadline cuts a question off, what was
/// learned so far is still here.
#[derive(Debug)]
pub struct Wire<'a> {
    context: Context<'a>,
    server_name: ServerName<'static>,
    trust: &'a Arc<Trust>,
    addresses: Vec<IpAddr>,
    asking: Option<Asking>,
    dialling: Dialling,
    progress: Progress,
    peer: Option<Peer<'a>>,
    witness: Option<Arc<Witness>>,
    conversation: Option<Conversation>,
    /// What Memcached has said, which decides how it is asked on.
    version: Option<String>,
    role: Role,
}

/// Whether ROLE is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Never,
    /// Together with the next PING.
    WithPing,
    /// It was, and the reply has not been taken.
    Asked,
}

/// The connected server.
#[derive(Debug)]
struct Peer<'a> {
    road: Road<'a>,
    pace: Pace,
    /// The bare connection, until the conversation takes it over.
    stream: Option<Tap>,
    heard: Heard,
    /// The command that carries the connection.
    command: Option<Running>,
}

impl<'a> Peer<'a> {
    fn new(road: Road<'a>, pace: Pace, opened: Opened) -> Self {
        let tap = Tap::new(opened.stream);
        Self { road, pace, heard: tap.heard(), stream: Some(tap), command: opened.command }
    }

    /// What the silence of a command's connection means.
    fn mute(&self) -> Option<Fault> {
        let command = self.command.as_ref().filter(|_| self.heard.nothing())?;
        Some(Fault::Relay(RelayFault::Mute { said: command.said() }))
    }
}

impl<'a> Wire<'a> {
    /// A wire to one of the plan's endpoints.
    pub fn new(context: Context<'a>, server_name: ServerName<'static>, trust: &'a Arc<Trust>) -> Self {
        Self {
            context,
            server_name,
            trust,
            addresses: context.plan.dialled(context.target).address().into_iter().collect(),
            asking: None,
            dialling: Dialling::default(),
            progress: Progress::default(),
            peer: None,
            witness: None,
            conversation: None,
            version: None,
            role: Role::Never,
        }
    }

    /// The same wire, which asks for the [`role`](Self::role) together with PING: that costs no time of its own. A
    /// cluster's node is not asked, for its topology tells more.
    #[must_use]
    pub fn with_role(mut self) -> Self {
        self.role = Role::WithPing;
        self
    }

    /// What surrounds the questions.
    pub fn context(&self) -> Context<'a> {
        self.context
    }

    /// The same wire, but to this address alone; nobody resolves the name again.
    #[must_use]
    pub fn to(mut self, address: IpAddr) -> Self {
        self.addresses = vec![address];
        self
    }

    /// The address that took the connection; none where a relay has found the server.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.peer.as_ref()?.road {
            Road::Address(address) => Some(address),
            Road::Relayed(..) => None,
        }
    }

    /// Who took the connection, as far as it is known here.
    pub fn place(&self) -> Option<String> {
        Some(match self.peer.as_ref()?.road {
            Road::Address(address) => address.to_string(),
            Road::Relayed(_, endpoint) => endpoint.to_string(),
        })
    }

    /// Asks one question. The answer is harmless: all that a server says comes in here.
    pub async fn ask(&mut self, stage: Stage) -> Answer {
        let answer = match (stage, self.context.plan.way.relay()) {
            (Stage::Dns, Some(_)) => Answer::ResolvedThere,
            (Stage::Tcp, Some(relay)) => self.relayed(relay).await,
            _ => self.ask_here(stage).await,
        };
        if let Answer::Reply(Err(Fault::TooLarge(_))) | Answer::Memcached(Err(Fault::TooLarge(_))) = answer {
            // What is still on its way there, nobody wants.
            self.conversation = None;
        }
        self.made_harmless(answer)
    }

    fn made_harmless(&self, answer: Answer) -> Answer {
        harmless(answer, self.context.credentials.map(|credentials| &credentials.secret))
    }

    /// As [`ask`](Self::ask), but for what a relay does.
    async fn ask_here(&mut self, stage: Stage) -> Answer {
        match stage {
            Stage::Dns => self.resolve().await,
            Stage::Tcp => {
                let port = self.dials().port();
                self.dialling.dial(self.addresses.iter().map(|&address| SocketAddr::new(address, port))).await;
                self.dialled()
            }
            Stage::Tls => self.handshake().await,
            Stage::Auth => {
                let credentials = self.context.credentials;
                let mut words: Vec<&[u8]> = vec![b"AUTH"];
                words.extend(credentials.and_then(|credentials| credentials.user.as_deref()).map(str::as_bytes));
                words.extend(credentials.map(|credentials| credentials.secret.expose().as_bytes()));
                Answer::Reply(self.resp(&words).await)
            }
            Stage::Hello => Answer::Reply(self.hello().await),
            Stage::Ping => Answer::Reply(self.ping().await),
            Stage::Cluster => Answer::Reply(self.topology().await),
            Stage::Clients => Answer::Reply(self.as_clients_do().await),
            Stage::Version => Answer::Memcached(self.version().await),
            Stage::Stats => Answer::Memcached(self.memcached("stats").await),
            Stage::Discovery => Answer::Memcached(self.discovery().await),
            Stage::Readonly => Answer::Reply(self.resp(&[b"READONLY"]).await),
            // No server is asked this: each node has a wire of its own.
            Stage::Nodes => Answer::Reply(Err(Fault::Closed)),
        }
    }

    /// The reply to ROLE, where it was asked.
    pub async fn role(&mut self) -> Option<Result<resp::Value, Fault>> {
        let conversation = self.conversation.as_mut().filter(|_| self.role == Role::Asked)?;
        self.role = Role::Never;
        let answer = Answer::Reply(conversation.resp_reply().await);
        if let Answer::Reply(reply) = self.made_harmless(answer) { Some(reply) } else { None }
    }

    /// The answer to a question that the deadline cut off.
    pub fn cut_off(&mut self, stage: Stage) -> Answer {
        let fault = self.conversation.as_ref().map_or(Fault::Silent, Conversation::cut_off);
        let fault = self.peer.as_ref().and_then(Peer::mute).unwrap_or(fault);
        let answer = match stage {
            Stage::Dns => self.unresolved(DnsFault::Resolver("no answer before the deadline".to_owned())),
            Stage::Tcp if self.context.plan.way.relay().is_some() => Answer::Relayed(Err(self.progress.cut_off())),
            Stage::Tcp => self.dialled(),
            Stage::Tls => self.handshake_failed(fault),
            Stage::Auth
            | Stage::Hello
            | Stage::Ping
            | Stage::Cluster
            | Stage::Clients
            | Stage::Readonly
            | Stage::Nodes => Answer::Reply(Err(fault)),
            Stage::Version | Stage::Stats | Stage::Discovery => Answer::Memcached(Err(fault)),
        };
        self.made_harmless(answer)
    }

    /// The name that was resolved, as the system does it and, as far as they have answered, as the servers do; none where
    /// there was no name to resolve.
    pub fn lookup(&mut self) -> Option<Lookup> {
        let (name, servers) = (self.dials().host(), self.asking.as_mut()?.heard());
        let mut lookup = Lookup { name, addresses: self.addresses.clone(), hosts_line: None, servers };
        if lookup.is_disputed() {
            lookup.hosts_line = dns::files::line_of(&lookup.name, &lookup.addresses);
        }
        Some(lookup)
    }

    /// Gives the DNS servers a little more time if none has answered: of an endpoint that does not answer, an old address
    /// may be why.
    pub async fn wait_for_servers(&mut self) {
        if let Some(asking) = &mut self.asking {
            let _ = timeout(SERVERS, asking.first()).await;
        }
    }

    /// The ladder goes on with what the system says, as soon as it does.
    async fn resolve(&mut self) -> Answer {
        let name = self.dials().host();
        let (asking, trust) = (&mut self.asking, self.trust);
        // The system's resolver is on its way, on a thread of its own, before the servers are asked.
        let (found, ()) = tokio::join!(dns::resolve(&name), async {
            if dns::is_for_servers(&name) {
                *asking = Asking::begin(&name, dns::files::nameservers(), || trust.random_u16());
            }
        });
        match found {
            Ok(addresses) => {
                self.addresses.clone_from(&addresses);
                Answer::Addresses(Ok(addresses))
            }
            Err(fault) => {
                if let Some(asking) = &mut self.asking {
                    asking.settle().await;
                }
                self.unresolved(fault)
            }
        }
    }

    fn unresolved(&mut self, fault: DnsFault) -> Answer {
        Answer::Addresses(Err(Unresolved {
            fault,
            servers: self.asking.as_mut().map(Asking::heard).unwrap_or_default(),
        }))
    }

    fn dials(&self) -> &'a Endpoint {
        self.context.plan.dialled(self.context.target)
    }

    fn dialled(&mut self) -> Answer {
        self.peer = self.dialling.take().map(|(stream, dial)| {
            Peer::new(Road::Address(dial.address), Pace::of(dial.took.unwrap_or_default()), Opened::tcp(stream))
        });
        Answer::Dials(self.dialling.dials().to_vec())
    }

    async fn relayed(&mut self, relay: &'a Relay) -> Answer {
        let endpoint = &self.context.target.endpoint;
        let begun = Instant::now();
        match relay.open(endpoint, &mut self.progress).await {
            Ok(opened) => {
                self.peer = Some(Peer::new(Road::Relayed(relay, endpoint), relay.pace(begun.elapsed()), opened));
                Answer::Relayed(Ok(()))
            }
            Err(fault) => Answer::Relayed(Err(fault)),
        }
    }

    async fn handshake(&mut self) -> Answer {
        let witness = Witness::new(self.trust);
        self.witness = Some(Arc::clone(&witness));
        let Some(peer) = &mut self.peer else { return self.handshake_failed(Fault::Closed) };
        let Some(tap) = peer.stream.take() else { return self.handshake_failed(Fault::Closed) };
        let (road, engine) = (peer.road, self.context.plan.engine);
        let plain = || cross::plain_answer(road, engine);
        let shake = tls::handshake(tap, self.server_name.clone(), &witness);
        let fault = match cross::examine(shake, &peer.heard, peer.pace, plain()).await {
            Ok(Ok(stream)) => {
                let session = tls::session(&stream);
                self.conversation = Some(Conversation::new(stream, Some(Arc::clone(&witness))));
                return Answer::Handshake(Ok(session), witness.certificate());
            }
            Ok(Err(error)) => match witness.fault(&error, &peer.heard.first()) {
                // Some plain servers hang up on bytes that they do not understand.
                Fault::Closed if peer.heard.nothing() => hung_up(peer.command.as_mut(), plain())
                    .await
                    .map_or_else(|fault| fault, |said| Fault::Plain { said }),
                fault => fault,
            },
            Err(said) => Fault::Plain { said },
        };
        self.handshake_failed(fault)
    }

    fn handshake_failed(&self, fault: Fault) -> Answer {
        let certificate = self.witness.as_ref().and_then(|witness| witness.certificate());
        Answer::Handshake(Err(fault), certificate)
    }

    async fn hello(&mut self) -> Result<resp::Value, Fault> {
        let greeting = self.resp(&[b"HELLO", b"3"]).await?;
        if greeting.field("mode").and_then(resp::Value::text).as_deref() == Some("cluster") {
            self.role = Role::Never;
        }
        Ok(greeting)
    }

    async fn ping(&mut self) -> Result<resp::Value, Fault> {
        if self.role().await.is_some() {
            // A PING before was answered with a state that passes. What ROLE said then does not matter any more.
            self.role = Role::WithPing;
        }
        if self.role != Role::WithPing {
            return self.resp(&[b"PING"]).await;
        }
        self.role = Role::Asked;
        self.talk(async |conversation: &mut Conversation| conversation.resp_together(&[b"PING"], &[b"ROLE"]).await)
            .await
    }

    async fn version(&mut self) -> Result<memcached::Reply, Fault> {
        let reply = self.memcached("version").await?;
        if let memcached::Reply::Version(version) = &reply {
            self.version = Some(version.clone());
        }
        Ok(reply)
    }

    async fn discovery(&mut self) -> Result<memcached::Reply, Fault> {
        let (first, next) = discovery::questions(self.version.as_deref());
        match (self.memcached(first).await?, next) {
            (memcached::Reply::Error(_), Some(next)) => self.memcached(next).await,
            (reply, _) => Ok(reply),
        }
    }

    /// CLUSTER SHARDS came with 7.0, and a user may be allowed only the older CLUSTER SLOTS.
    async fn topology(&mut self) -> Result<resp::Value, Fault> {
        match self.resp(&[b"CLUSTER", b"SHARDS"]).await? {
            resp::Value::Error(_) => self.resp(&[b"CLUSTER", b"SLOTS"]).await,
            reply => Ok(reply),
        }
    }

    /// What client libraries ask when they connect. Neither changes data; the name that SETINFO gives is the connection's.
    async fn as_clients_do(&mut self) -> Result<resp::Value, Fault> {
        let info = self.resp(&[b"INFO", b"server"]).await?;
        let name = self.resp(&[b"CLIENT", b"SETINFO", b"LIB-NAME", b"ec-probe"]).await?;
        Ok(resp::Value::List(vec![info, name]))
    }

    async fn resp(&mut self, words: &[&[u8]]) -> Result<resp::Value, Fault> {
        self.talk(async |conversation: &mut Conversation| conversation.resp(words).await).await
    }

    async fn memcached(&mut self, command: &str) -> Result<memcached::Reply, Fault> {
        self.talk(async |conversation: &mut Conversation| conversation.memcached(command).await).await
    }

    /// Asks the server something. The first question in plain text may meet a server that wants TLS; it is then silent,
    /// or hangs up.
    async fn talk<T>(&mut self, ask: impl AsyncFnOnce(&mut Conversation) -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(conversation) = &mut self.conversation {
            return ask(conversation).await;
        }
        let peer = self.peer.as_mut().ok_or(Fault::Closed)?;
        let tap = peer.stream.take().ok_or(Fault::Closed)?;
        let conversation = self.conversation.insert(Conversation::new(tap, None));
        let road = peer.road;
        let tls = || cross::answers_tls(road, self.server_name.clone(), Witness::new(self.trust));
        match cross::examine(ask(conversation), &peer.heard, peer.pace, tls()).await {
            Ok(Err(Fault::Closed)) if peer.heard.nothing() => {
                Err(hung_up(peer.command.as_mut(), tls()).await.map_or_else(|fault| fault, |()| Fault::WantsTls))
            }
            Ok(result) => result,
            Err(()) => Err(Fault::WantsTls),
        }
    }
}

/// The connection has ended without a word: what `other` says about the server, if the command that carries the connection
/// has not failed.
///
/// # Errors
/// Whose fault it is.
async fn hung_up<U>(command: Option<&mut Running>, other: impl Future<Output = Option<U>>) -> Result<U, Fault> {
    let Some(command) = command else { return cross::second_chance(other).await.ok_or(Fault::Closed) };
    let status = command.ended().await;
    if status.is_none_or(|status| status.success())
        && let Some(said) = cross::second_chance(other).await
    {
        return Ok(said);
    }
    Err(status.map_or(Fault::Closed, |status| Fault::Relay(RelayFault::Ended { status, said: command.said() })))
}
