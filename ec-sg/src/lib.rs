//! Can this client reach this cache, as far as security groups decide? Finds the facts, answers hop by hop, and opens
//! and closes exactly the rules it takes.
//!
//! # Interface
//! Reads `cache`, `client` and `sg` of a document; `find` writes all three, every other verb only `sg`. Facts of its
//! own in `sg`: `path`, the hops with their verdicts. `ports` prints its own kind of answer.
//!
//! # Decisions
//! - The question is whether *every* port of the cache can be reached. A missing rule for the second port (6380; 11212
//!   for Memcached) is a warning by weight, and the answer is no all the same.
//! - A client given as a security group is admitted by a rule that names the group, or by one that admits everybody:
//!   which addresses its members have, nobody knows.
//! - New rules name one group on each side, so that one rule per port is enough: not the VPC's `default` group where
//!   there is another, then the one that rules for this cache use already, then the first by id. See [`plan`].
//! - What could not be determined is `unknown`, never a guess; `apply` then adds the narrow rule that makes it certain.
//!
//! # Parts
//! Pure: [`client`], [`ports`], [`public`], [`rule`], [`path`], [`plan`]. Asking and doing, through the trait in
//! `cloud.rs`: `facts`, `check`, `apply`, `revoke`. `aws.rs` alone knows the SDK.

mod apply;
mod aws;
mod check;
pub mod cli;
pub mod client;
mod cloud;
pub mod codes;
mod facts;
#[cfg(test)]
mod fake;
mod list;
pub mod path;
pub mod plan;
pub mod ports;
pub mod public;
mod revoke;
pub mod rule;
mod text;
mod wait;
