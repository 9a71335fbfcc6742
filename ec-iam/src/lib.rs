//! `ec-iam`: who am I, may I connect, make it so.
//!
//! Reads `cache` and its own section of an `ec.connection` document, and writes the section `iam`.
//!
//! - [`cli`]: flags and verbs; [`codes`]: the codes `EC2xxx`.
//! - Pure: [`arn`], [`principal`] and [`identity`] read names; [`policy`] makes and compares policies; [`needs`] is the
//!   table of actions that our verbs need; [`trust`] and [`permission`] are the policies that ec-iam gives, [`login`] and
//!   [`user`] what an IAM login takes on the side of the cache.
//! - [`thing`] is what can be made and taken away, [`request`] what is asked, `wanted` the steps that lead there, and
//!   [`plan`] the changes.
//! - [`evaluate`] is the IAM decision itself, offline; the verb `simulate` asks it; [`lint`]
//!   tells what a policy says in vain.
//! - [`access_string`] reads the rules of a user of a cache, and tells which commands they deny.
//! - [`lint_token`] tells what can be seen to be wrong with a token, for the verb of that name.
//! - [`posture`] checks the account itself: root user, old keys, MFA, IAM Identity Center; [`connection`] checks whether
//!   a principal may log in to a cache. Both are lists of [`checks`].
//! - [`lookup`], [`survey`], [`apply`], [`revoke`] and [`wait`] carry it out through [`cloud`], the calls that ec-iam makes;
//!   [`whoami`] and [`token`] make the answers of the verbs of that name.
//! - [`aws`] and what is below it alone name the SDK, [`clouds`] opens one connection for each Region; [`text`] is what a
//!   person sees of documents, [`print`] prints policies and tokens.

pub mod access_string;
pub mod apply;
pub mod arn;
pub mod aws;
mod check;
pub mod checks;
pub mod cli;
pub mod cloud;
pub mod clouds;
pub mod codes;
pub mod connection;
pub mod evaluate;
pub mod identity;
pub mod lint;
pub mod lint_token;
pub mod login;
pub mod lookup;
pub mod needs;
pub mod permission;
pub mod plan;
pub mod policy;
pub mod posture;
pub mod principal;
mod print;
pub mod request;
pub mod revoke;
#[cfg(test)]
mod round_trip;
pub mod simulate;
pub mod survey;
pub mod text;
pub mod thing;
pub mod token;
pub mod trust;
pub mod user;
pub mod wait;
mod wanted;
mod who;
pub mod whoami;
