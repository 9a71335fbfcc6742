//! Can this client reach this cache? Finds the facts, answers hop by hop, and opens and closes exactly the
//! security-group rules it takes.
//!
//! # Interface
//! Reads `cache`, `client` and `sg` of a document; `find` writes all three, every other verb only `sg`. Facts of its
//! own in `sg`: `path`, the hops with their verdicts; `candidates`, the instances that could connect; `rules`, how many
//! there are. `ports` prints its own kind of answer.
//!
//! # Decisions
//! - The question is whether *every* port of the cache can be reached from the client, and answered: security groups,
//!   network ACLs both ways, routes both ways, and what joins two VPCs. A missing rule for the second port (6380; 11212
//!   for Memcached) is a warning by weight, and the answer is no all the same.
//! - A client given as a security group is admitted by a rule that names the group, or by one that admits everybody:
//!   which addresses its members have, and will have, nobody knows.
//! - New rules name one group on each side, so that one rule per port is enough. See [`path`] and `plan.rs`.
//! - What could not be determined is `unknown`, never a guess, and names the call that would tell; `apply` adds the
//!   narrow rule that makes it certain where a rule can.
//! - `apply` changes security groups only. What has to be changed about the network is for whoever owns it: `sg.changes`
//!   carries the change, the owner and the command.
//!
//! # Parts
//! Facts: [`need`] names one, `answers.rs` has AWS's shapes, [`snapshot`] what is known, `cloud.rs` the trait that
//! whoever answers fulfils, `aws.rs` the one that knows the SDK, `answers/files.rs` the one that reads a folder.
//! Decisions, pure: [`path`] walks, `plan.rs` mends, `findings.rs` tells, `audit.rs` looks at the groups alone; they stand
//! on [`segments`], [`rule`] and [`network`]. Verbs: `check`, `apply`, `revoke`, `candidates`; `work.rs` runs them.

mod answers;
mod apply;
mod attach;
pub mod audit;
mod aws;
mod candidates;
mod check;
pub mod cli;
pub mod client;
mod cloud;
mod clouds;
pub mod codes;
pub mod facts;
#[cfg(test)]
mod fake;
mod findings;
mod list;
pub mod need;
pub mod network;
pub mod path;
mod plan;
pub mod ports;
pub mod public;
pub mod quota;
mod revoke;
pub mod rule;
pub mod segments;
pub mod snapshot;
mod text;
mod wait;
mod work;
