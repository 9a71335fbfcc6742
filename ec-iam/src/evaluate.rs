//! The IAM decision, offline: policies and a request in, a decision with its reasons out.
//!
//! - [`policy`](Policy) is read once into patterns and conditions; what is wrong is told with its place.
//! - [`decide`] is fast, [`explain`] tells which statements decided and why others did not match. Both are the same walk.
//! - [`Context`] and [`Caller`] are what is known about a request beside action and resource.

mod caller;
mod condition;
mod context;
mod decide;
mod explain;
mod json;
mod operator;
mod pattern;
mod policy;

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Grant};
pub use context::Context;
pub use decide::{Absent, Authorization, Decision, Layer, Mismatch, Request, decide};
pub use explain::{Explanation, Found, Missed, explain};
pub use json::Position;
pub(crate) use json::{Fault, Node, offset};
pub(crate) use pattern::{Pattern, Wildcards};
pub use policy::{Kind, Policy, PolicyError, Statement};
