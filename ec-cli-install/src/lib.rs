//! Finds, plans, installs and proves the command-line client for Valkey and Redis OSS caches on this machine.
//!
//! # Interface
//! Reads of a document: `cache` (engine, TLS, connection, endpoints), `client.instance_id`, and its own `cli`. Writes
//! `cli` and nothing else. Exits as `ec_shared::exit` says; codes are `EC4xxx`.
//!
//! # How it is put together
//! - Pure: [`platform`] (os-release → system), [`recipe`] (system → steps; packages and tools as data), [`plan`] (what there is × what is wanted →
//!   what to do), [`judge`] (what was proven × what the cache needs → findings).
//! - Each at one door: [`shell`] is the only file that starts programs, [`archive`] the only one that unpacks,
//!   [`place`] the only one that writes into the prefix, [`server`] the only one that listens, [`load`] the only one that
//!   is on the network.
//! - [`workplace`] is where a client is built, by one run at a time; [`lock`] tells who else uses the package manager.
//! - [`exchange`] lets the client ask the cache of the document.
//! - [`package`], [`source`] and [`proof`] put these together; [`apply`] walks a plan, and [`script`] writes it down for
//!   another machine.
//! - [`manifest`] is what was installed, [`undo`] what of a package can go, [`remove`] takes it away.

pub mod apply;
pub mod archive;
pub mod cli;
pub mod codes;
pub mod detect;
pub mod exchange;
pub mod judge;
pub mod load;
pub mod lock;
pub mod machine;
pub mod manifest;
pub mod package;
pub mod place;
pub mod plan;
pub mod platform;
pub mod progress;
pub mod proof;
pub mod recipe;
pub mod remove;
pub mod request;
pub mod script;
pub mod server;
pub mod shell;
pub mod source;
pub mod text;
pub mod undo;
pub mod verbs;
pub mod workplace;
