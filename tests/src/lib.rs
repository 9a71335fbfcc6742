//! What the tests that cross tools share: the real binaries, the real servers, and servers with bad manners.
//!
//! Nothing here knows what a tool does. A harness that cannot do its work ends the test with a sentence that says why.
//!
//! - [`tool`], [`sh`]: run a binary, or a pipe of them, in a cleared environment; [`Outcome`] is how it ended.
//! - [`need!`]: skip a test, visibly, where a server is not installed.
//! - [`Valkey`], [`Memcached`], [`Ministack`], [`Moto`]: servers on loopback that end with the test.
//! - [`Sshd`]: a bastion, and the files of who may log in there.
//! - [`Debian`]: a small Debian of the test's own, for what installs packages.
//! - [`overlay`]: a root of the test's own, which is forgotten in the end.
//! - [`Cluster`]: six nodes of Valkey, three of them replicas.
//! - [`AutoDiscovery`]: the configuration endpoint of a Memcached cluster.
//! - [`openssl`], [`s_server`]: what only OpenSSL still does: old versions of TLS, old signatures.
//! - [`Certs`]: a certificate authority and what it signed, good and bad.
//! - [`PrivateNetwork`], [`Nameserver`]: a network of the test's own, and a DNS server in it.
//! - [`IamCache`]: a Valkey behind a door that checks IAM tokens as the service does.
//! - [`installing`], [`Mirror`]: what ec-cli-install builds from, a server that has it, and a copy of this machine.
//! - [`rude`]: servers that stay silent, hang up, or answer nonsense.
//! - [`Canned`], [`Counting`], [`Failing`]: AWS answers from paper, a count of the calls that reach an emulator, and calls
//!   that go wrong on the way there.
//! - [`Enforced`]: an emulator that decides by policies, and a user with exactly one.
//! - [`PaperElastiCache`]: the users and user groups of ElastiCache, which no emulator has whole.
//! - [`Aws`], [`Ground`], [`Scene`]: seeds an emulator with what a test needs.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod auto_discovery;
mod aws;
mod aws_cli;
mod binaries;
mod calls;
mod canned;
mod certs;
mod cluster;
mod counting;
mod debian;
mod emulator;
mod enforced;
mod failing;
mod ground;
mod http;
mod iam_cache;
pub mod installing;
mod memcached;
mod mirror;
mod nameserver;
mod need;
mod network;
mod openssl;
mod outcome;
pub mod overlay;
mod paper_elasticache;
mod private_network;
pub mod resp;
pub mod rude;
mod server;
mod sshd;
mod tool;
mod valkey;

pub use auto_discovery::{AutoDiscovery, Form};
pub use aws::{Aws, element, elements, percent_decoded};
pub use aws_cli::aws_cli;
pub use binaries::directory as binaries;
pub use calls::{Call, Calls};
pub use canned::Canned;
pub use certs::{Certs, Identity};
pub use cluster::{Cluster, ClusterOptions};
pub use counting::Counting;
pub use debian::Debian;
pub use emulator::{Ministack, MinistackOptions, Moto, environment};
pub use enforced::{Enforced, actions};
pub use failing::{Failing, Fault, Gate};
pub use ground::{DualStack, Ground, Scene};
pub use iam_cache::{IamCache, IamCacheOptions, Refusal};
pub use memcached::Memcached;
pub use mirror::Mirror;
pub use nameserver::{Manner, Nameserver, Zone};
pub use need::{is_installed, skip};
pub use openssl::{openssl, s_server};
pub use outcome::Outcome;
pub use paper_elasticache::{PaperCache, PaperElastiCache};
pub use private_network::PrivateNetwork;
pub use server::{Server, free_port, wait_until};
pub use sshd::Sshd;
pub use tool::{Run, Running, Signal, TOOLS, command, sh, tool};
pub use valkey::{Valkey, ValkeyOptions};
