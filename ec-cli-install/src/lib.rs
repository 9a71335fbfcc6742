//! Finds, plans, installs and proves the command-line client for Valkey and Redis OSS caches on this machine.
//!
//! # Interface
//! Reads of a document: `cache` (engine, TLS, connection), `client.instance_id`, and its own `cli`. Writes `cli` and
//! nothing else. Exits as `ec_shared::exit` says; codes are `EC4xxx`.
//!
//! # How it is put together
//! - Pure: [`platform`] (os-release → system), [`recipe`] (system → steps), [`plan`] (what there is × what is wanted →
//!   what to do), [`judge`] (what was proven × what the cache needs → findings).
//! - Each at one door: [`shell`] is the only file that starts programs, [`archive`] the only one that unpacks,
//!   [`place`] the only one that writes into the prefix, [`server`] the only one that listens.
//! - [`package`], [`source`] and [`proof`] put these together; [`apply`] walks a plan, and [`script`] writes it down for
//!   another machine.

pub mod apply;
pub mod archive;
pub mod cli;
pub mod codes;
pub mod detect;
pub mod judge;
pub mod machine;
pub mod package;
pub mod place;
pub mod plan;
pub mod platform;
pub mod proof;
pub mod recipe;
pub mod request;
pub mod script;
pub mod server;
pub mod shell;
pub mod source;
pub mod text;
pub mod verbs;
