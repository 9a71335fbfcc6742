//! How much a server may say. Nobody vouches for a server until it has proven its name, and even then it is software of
//! somebody else: whatever it sends, a probe ends in time, and its memory stays what it was.
//!
//! The time is bounded by the one deadline of the work ([`climb`](crate::climb)), the size by these.

/// The longest reply, in bytes; out-of-band data before its end count.
pub const REPLY_BYTES: usize = 1 << 20;
/// The deepest nesting of a reply of Valkey or Redis OSS.
pub const REPLY_LEVELS: usize = 32;
/// The most elements of such a reply, in all of its lists together. A header that promises more is enough.
pub const REPLY_ELEMENTS: usize = 1_000_000;
/// The longest line of Memcached, in bytes.
pub const LINE_BYTES: usize = 2 << 10;
/// The most lines of one reply of Memcached.
pub const LINES: usize = 1000;
/// The longest item of Memcached, in bytes; auto discovery of the largest cluster needs a fraction of it.
pub const ITEM_BYTES: usize = 128 << 10;
/// How much is shown of what is no reply at all, in bytes.
pub const STRANGER_BYTES: usize = 64;
/// How much is shown of an error, in letters.
pub const ERROR_LETTERS: usize = 200;
