//! How a server is reached: directly, at the end of a tunnel, or through a relay that finds the server by itself. The name
//! in its certificate is verified all the same.

use std::fmt;
use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::relay::Endings;

/// How every server of a plan is reached.
#[derive(Clone, Debug, Default)]
pub enum Way {
    /// From this machine, at the server's own address.
    #[default]
    Direct,
    /// At this end of a tunnel, whose other end is one server.
    Elsewhere(Endpoint),
    /// Through somebody who is told the server's name.
    Relayed(Relay),
}

/// Who connects to a server in this machine's place, and resolves its name there.
#[derive(Clone, Debug)]
pub enum Relay {
    /// A SOCKS5 proxy.
    Socks5(Endpoint),
    /// A command whose standard input and output are the connection.
    Command(ProxyCommand),
}

impl Way {
    /// Where a connection to `endpoint` is asked for: at a tunnel's end there is one server only, whatever the endpoint.
    pub fn dials<'a>(&'a self, endpoint: &'a Endpoint) -> &'a Endpoint {
        match self {
            Self::Elsewhere(end) => end,
            Self::Direct | Self::Relayed(_) => endpoint,
        }
    }

    /// Whether this way leads to any server, and not to one alone.
    pub fn reaches_others(&self) -> bool {
        !matches!(self, Self::Elsewhere(_))
    }

    /// Whether the packets leave this machine for the server itself.
    pub fn is_direct(&self) -> bool {
        matches!(self, Self::Direct)
    }

    /// Who connects in this machine's place.
    pub fn relay(&self) -> Option<&Relay> {
        match self {
            Self::Relayed(relay) => Some(relay),
            Self::Direct | Self::Elsewhere(_) => None,
        }
    }

    /// What lies between, in a few words; nothing on the direct way.
    pub fn through(&self) -> Option<String> {
        match self {
            Self::Direct => None,
            Self::Elsewhere(end) => Some(end.to_string()),
            Self::Relayed(relay) => Some(relay.to_string()),
        }
    }

    /// Waits until every command that was started has ended, for a moment at most.
    pub async fn settle(&self) {
        if let Some(Relay::Command(command)) = self.relay() {
            command.endings.settle().await;
        }
    }
}

/// The text of a proxy command is not told: it may hold a secret.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socks5(proxy) => write!(f, "SOCKS5 {proxy}"),
            Self::Command(_) => f.write_str("the proxy command"),
        }
    }
}

/// A command as in ssh_config(5)'s `ProxyCommand`, with `%h`, `%p` and `%%`. Clones share the processes that they start.
#[derive(Clone)]
pub struct ProxyCommand {
    template: String,
    pub(crate) endings: Endings,
}

impl ProxyCommand {
    /// What the shell is to run for `endpoint`. The host of an endpoint is a name or an address, which no shell misreads;
    /// `exec` leaves no shell behind that would have to be ended, too.
    pub fn line(&self, endpoint: &Endpoint) -> String {
        let mut line = "exec ".to_owned();
        let mut rest = self.template.chars();
        while let Some(char) = rest.next() {
            match char {
                '%' => match rest.next() {
                    Some('h') => line.push_str(&endpoint.host()),
                    Some('p') => line.push_str(&endpoint.port().to_string()),
                    other => line.extend(other),
                },
                char => line.push(char),
            }
        }
        line
    }
}

impl FromStr for ProxyCommand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a proxy command is written such as 'ssh -W %h:%p BASTION'".to_owned());
        }
        let mut rest = text.chars();
        while let Some(char) = rest.next() {
            if char == '%' {
                match rest.next() {
                    Some('h' | 'p' | '%') => {}
                    Some(other) => {
                        return Err(format!("%{} stands for nothing: there are %h, %p and %%", other.escape_default()));
                    }
                    None => return Err("a percent sign is written %%".to_owned()),
                }
            }
        }
        Ok(Self { template: text.trim().to_owned(), endings: Endings::default() })
    }
}

impl fmt::Debug for ProxyCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyCommand").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    fn line(template: &str, to: &str) -> String {
        template.parse::<ProxyCommand>().unwrap().line(&endpoint(to))
    }

    #[test]
    fn host_port_and_percent_are_filled_in() {
        assert_eq!(line("ssh -W %h:%p bastion", "orders.example:6379"), "exec ssh -W orders.example:6379 bastion");
        assert_eq!(line("ssh -W [%h]:%p bastion", "[fd00::1]:6380"), "exec ssh -W [fd00::1]:6380 bastion");
        assert_eq!(line(" date +%%s; nc %h %p ", "a:1"), "exec date +%s; nc a 1");
        assert_eq!(line("echo %%h", "a:1"), "exec echo %h", "what a percent sign has written is not read again");
    }

    #[test]
    fn a_command_that_says_nothing_or_what_is_not_known_is_refused() {
        for (text, reason) in [
            ("", "is written such as"),
            ("  ", "is written such as"),
            ("ssh -W %h:%p %r@bastion", "%r stands for nothing"),
            ("ssh 100%", "a percent sign is written %%"),
        ] {
            let error = text.parse::<ProxyCommand>().unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn only_a_tunnel_leads_to_one_server_alone() {
        let (orders, tunnel) = (endpoint("orders.example:6379"), endpoint("127.0.0.1:6379"));
        let socks = Way::Relayed(Relay::Socks5(endpoint("127.0.0.1:1080")));
        let command = Way::Relayed(Relay::Command("ssh -W %h:%p bastion".parse().unwrap()));
        for way in [&Way::Direct, &socks, &command] {
            assert_eq!((way.reaches_others(), way.dials(&orders)), (true, &orders));
        }
        let elsewhere = Way::Elsewhere(tunnel.clone());
        assert_eq!((elsewhere.reaches_others(), elsewhere.dials(&orders)), (false, &tunnel));
    }

    #[test]
    fn what_a_proxy_command_says_is_shown_nowhere() {
        let way = Way::Relayed(Relay::Command("sshpass -p hunter2 ssh -W %h:%p bastion".parse().unwrap()));
        assert!(!format!("{way:?} {:?}", way.through()).contains("hunter2"));
    }
}
