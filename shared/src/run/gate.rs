//! The gate at the entrance of a run: how much may have entered and not left.

use std::sync::{Condvar, Mutex, PoisonError};

/// How many bytes of documents may be inside at a time; one that is larger enters alone.
const BYTES: usize = 64 << 20;

/// Lets records in while there is room. What enters waits for whatever is before it, so without a gate a first document
/// that takes its time would let all of the input into memory.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    inside: Mutex<Inside>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    records: usize,
    bytes: usize,
}

impl Gate {
    /// A gate for so many records.
    pub(super) fn new(most: usize) -> Self {
        Self { most, inside: Mutex::default(), room: Condvar::new() }
    }

    /// Waits until there is room for a record of so many bytes, and takes it.
    pub(super) fn enter(&self, bytes: usize) {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |inside: &mut Inside| !inside.has_room(self.most, bytes);
        let mut inside = self.room.wait_while(inside, is_full).unwrap_or_else(PoisonError::into_inner);
        inside.records += 1;
        inside.bytes += bytes;
    }

    /// A record of so many bytes has left.
    pub(super) fn leave(&self, bytes: usize) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.records -= 1;
        inside.bytes -= bytes;
        drop(inside);
        self.room.notify_one();
    }
}

impl Inside {
    /// Whether one more record, of so many bytes, may enter where `most` may be.
    fn has_room(&self, most: usize, bytes: usize) -> bool {
        self.records == 0 || self.records < most && self.bytes.saturating_add(bytes) <= BYTES
    }
}

// `tests/stage/abreast.rs` has records wait at a real gate.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_enter_until_their_number_or_their_bytes_fill_the_room_and_a_large_one_enters_alone() {
        for (records, bytes, more, has_room) in [
            (0, 0, 10, true),
            (1, 10, 10, true),
            (2, 20, 10, false),
            (1, BYTES / 2, BYTES / 2, true),
            (1, BYTES / 2, BYTES, false),
            (0, 0, 2 * BYTES, true),
            (1, 1, 2 * BYTES, false),
            (1, 2 * BYTES, 1, false),
        ] {
            let inside = Inside { records, bytes };
            assert_eq!(inside.has_room(2, more), has_room, "{inside:?} and {more}");
        }
    }
}
