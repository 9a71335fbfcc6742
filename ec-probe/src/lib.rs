//! `ec-probe`: DNS, TCP, TLS, AUTH, PING: proof that a cache answers, or the one thing that is wrong.
//!
//! # Interface
//!
//! Reads `cache`, `client`, and for causes `sg` and `iam` of a document, or `--endpoint`. Writes the key `probe`: the
//! stages with their times, every address with what came of it, the certificate, the server, its nodes, and a finding for
//! whatever is wrong. Exit code 0 when the cache answers, 1 when it does not: silence is an answer, too.
//!
//! # How it is put together
//!
//! - Decisions, without I/O: [`plan`] (what to probe, and how), [`way`] (how a server is reached), [`ladder`] (which question comes next), [`verdict`]
//!   (what an answer means), [`upstream`] (what the sections of the stages before say about it), [`endpoint`], [`certificate`], [`dialect`], and the protocols [`resp`] and [`memcached`].
//! - Questions, one a file: [`dns`], [`tcp`], [`tls`], [`talk`], [`cross`]; [`relay`] opens connections through somebody else,
//!   [`wire`] asks, [`climb`] climbs the ladder under its one deadline.
//! - [`survey`] asks an endpoint that was climbed what only its kind can tell: [`topology`] reads and judges what a cluster
//!   tells of its shards, [`discovery`] what Memcached tells of its nodes, [`replication`] what a server tells of its replicas.
//! - [`nodes`] climbs the ladder at each of the nodes that were told; [`domain`] says whose credentials may go there.
//! - [`redirect`] follows a server that sends its clients elsewhere.
//! - [`client_mode`] says how a client is to be set up.
//! - [`latency`] asks some of them again and again, and sums up how long the answers took.
//! - [`watch`] asks one of them at every tick, climbs anew when it fails, and tells outages.
//! - [`fleet`] takes thousands of documents up side by side; [`merge`] joins what many runs have written.
//! - What a server says is bounded by [`limits`], and goes through [`harmless`] before anybody looks at it.
//! - `self_test` climbs the ladder to servers in its own process.
//! - [`answer`] is what passes between the two halves; [`reach`] is what the document and the report get to see.

pub mod answer;
pub mod certificate;
pub mod cli;
pub mod client_mode;
pub mod climb;
pub mod codes;
pub mod cross;
pub mod dialect;
pub mod discovery;
pub mod dns;
pub mod domain;
pub mod endpoint;
mod flags;
pub mod fleet;
#[cfg(test)]
mod fuzz;
pub mod harmless;
pub mod ladder;
pub mod latency;
pub mod limits;
pub mod login;
pub mod memcached;
pub mod merge;
pub mod nodes;
pub mod plan;
pub mod reach;
pub mod redirect;
pub mod relay;
pub mod replication;
pub mod resp;
mod self_test;
pub mod survey;
pub mod talk;
pub mod tap;
pub mod tcp;
pub mod text;
pub mod tls;
pub mod token;
pub mod topology;
pub mod trust;
pub mod upstream;
pub mod verdict;
pub mod watch;
pub mod way;
pub mod wire;
