//! The commands that matter to whoever writes an access string, with their ACL categories.
//!
//! Source: the command table of Valkey 8, <https://github.com/valkey-io/valkey/tree/8.0/src/commands>. Redis OSS 7 agrees
//! about these commands; others have changed their categories between versions.

/// A command, or a subcommand such as `client|setinfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name in lower case.
    pub name: &'static str,
    /// Its ACL categories, without `@`.
    pub categories: &'static [&'static str],
}

/// The categories of Valkey, and those of the modules that ElastiCache has.
pub(super) const CATEGORIES: [&str; 24] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    "json",
    "bloom",
    "search",
];

/// Commands that ElastiCache keeps to itself, and does not take in access strings.
/// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ClientConfig.RestrictedCommands.html>
pub(super) const RESTRICTED: [&str; 10] =
    ["bgrewriteaof", "bgsave", "config", "debug", "migrate", "replicaof", "save", "shutdown", "slaveof", "sync"];

impl Command {
    /// The command of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name.eq_ignore_ascii_case(name))
    }

    /// The command whose subcommand this is.
    pub fn parent(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(parent, _)| parent)
    }

    /// Whether everybody may run it: one logs in with it, or leaves.
    pub fn needs_no_permission(&self) -> bool {
        matches!(self.name, "auth" | "hello" | "quit" | "reset")
    }

    /// Whether ElastiCache keeps it to itself.
    pub(super) fn is_restricted(&self) -> bool {
        RESTRICTED.contains(&self.parent().unwrap_or(self.name))
    }
}

const fn command(name: &'static str, categories: &'static [&'static str]) -> Command {
    Command { name, categories }
}

/// The table, by name.
pub const COMMANDS: [Command; 58] = [
    command("acl|list", &["admin", "dangerous", "slow"]),
    command("acl|setuser", &["admin", "dangerous", "slow"]),
    command("acl|whoami", &["slow"]),
    command("auth", &["connection", "fast"]),
    command("client|id", &["connection", "slow"]),
    command("client|info", &["connection", "slow"]),
    command("client|kill", &["admin", "connection", "dangerous", "slow"]),
    command("client|list", &["admin", "connection", "dangerous", "slow"]),
    command("client|setinfo", &["connection", "slow"]),
    command("client|setname", &["connection", "slow"]),
    command("client|tracking", &["connection", "slow"]),
    command("cluster|info", &["slow"]),
    command("cluster|keyslot", &["slow"]),
    command("cluster|myid", &["slow"]),
    command("cluster|nodes", &["slow"]),
    command("cluster|shards", &["slow"]),
    command("cluster|slots", &["slow"]),
    command("command", &["connection", "slow"]),
    command("command|docs", &["connection", "slow"]),
    command("config|get", &["admin", "dangerous", "slow"]),
    command("dbsize", &["fast", "keyspace", "read"]),
    command("del", &["keyspace", "slow", "write"]),
    command("echo", &["connection", "fast"]),
    command("eval", &["scripting", "slow"]),
    command("exec", &["slow", "transaction"]),
    command("expire", &["fast", "keyspace", "write"]),
    command("fcall", &["scripting", "slow"]),
    command("flushall", &["dangerous", "keyspace", "slow", "write"]),
    command("flushdb", &["dangerous", "keyspace", "slow", "write"]),
    command("function|load", &["scripting", "slow", "write"]),
    command("get", &["fast", "read", "string"]),
    command("hello", &["connection", "fast"]),
    command("info", &["dangerous", "slow"]),
    command("keys", &["dangerous", "keyspace", "read", "slow"]),
    command("latency|doctor", &["admin", "dangerous", "slow"]),
    command("memory|usage", &["read", "slow"]),
    command("mget", &["fast", "read", "string"]),
    command("monitor", &["admin", "dangerous", "slow"]),
    command("multi", &["fast", "transaction"]),
    command("ping", &["connection", "fast"]),
    command("psubscribe", &["pubsub", "slow"]),
    command("publish", &["fast", "pubsub"]),
    command("quit", &["connection", "fast"]),
    command("readonly", &["connection", "fast"]),
    command("readwrite", &["connection", "fast"]),
    command("reset", &["connection", "fast"]),
    command("scan", &["keyspace", "read", "slow"]),
    command("script|load", &["scripting", "slow"]),
    command("select", &["connection", "fast"]),
    command("set", &["slow", "string", "write"]),
    command("slowlog|get", &["admin", "dangerous", "slow"]),
    command("sort", &["dangerous", "list", "set", "slow", "sortedset", "write"]),
    command("spublish", &["fast", "pubsub"]),
    command("ssubscribe", &["pubsub", "slow"]),
    command("subscribe", &["pubsub", "slow"]),
    command("swapdb", &["dangerous", "fast", "keyspace", "write"]),
    command("unsubscribe", &["pubsub", "slow"]),
    command("watch", &["fast", "transaction"]),
];
