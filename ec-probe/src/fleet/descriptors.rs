//! How many documents can be probed at a time with the open files that this process may have.

use std::fs;
use std::num::NonZeroUsize;

use ec_shared::output::Output;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many at a time, unless `--jobs` says otherwise: a thousand endpoints that all are silent take one time-out.
const JOBS: usize = 1024;
/// The open files of most probes: two endpoints, each with two addresses or a second connection.
const EACH: u64 = 4;
/// What a limit is raised to where it may be, whatever is needed: the nodes of a cluster are climbed at the same time.
const PLENTY: u64 = 65_536;
/// What is kept for resolvers, certificates and the like.
const RESERVE: u64 = 16;

/// How many documents are probed at a time. Where the soft limit of open files is too low for it, it is raised as far as
/// needed and as the hard limit allows.
pub(super) fn jobs(wanted: Option<NonZeroUsize>, output: &Output) -> usize {
    let open = fs::read_dir("/proc/self/fd").map_or(RESERVE, |entries| entries.count() as u64);
    let jobs = wanted.map_or(JOBS, usize::from);
    let needed = needed(jobs, open);
    let before = getrlimit(Resource::Nofile);
    let goal = raised(&before, needed.max(PLENTY));
    let limit = goal
        .filter(|raised| setrlimit(Resource::Nofile, *raised).is_ok())
        .map_or(before.current, |raised| raised.current);
    let possible = possible(jobs, open, limit);
    if let Some(limit) = limit.filter(|_| possible < jobs) {
        let lowered =
            format!("{possible} documents are probed at a time and not {jobs}: {limit} open files are allowed");
        // Nobody has asked for the default.
        if wanted.is_some() { output.warn(&lowered) } else { output.detail(&lowered) }
    }
    possible
}

fn needed(jobs: usize, open: u64) -> u64 {
    (jobs as u64).saturating_mul(EACH).saturating_add(open + RESERVE)
}

/// The limits to set so that as many files as needed, or as are possible, can be open; none if they can be already.
fn raised(limits: &Rlimit, needed: u64) -> Option<Rlimit> {
    let current = limits.current?;
    let goal = limits.maximum.map_or(needed, |maximum| maximum.min(needed));
    (current < goal).then_some(Rlimit { current: Some(goal), maximum: limits.maximum })
}

/// How many of `jobs` the limit leaves room for; at least one, whatever comes of it.
fn possible(jobs: usize, open: u64, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return jobs };
    let room = limit.saturating_sub(open + RESERVE) / EACH;
    jobs.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_as_far_as_needed_and_possible() {
        for (current, maximum, needed, expected) in [
            (Some(1024), Some(524_288), 4119, Some(4119)),
            (Some(1024), Some(2048), 4119, Some(2048)),
            (Some(1024), None, 4119, Some(4119)),
            (Some(8192), Some(524_288), 4119, None),
            (Some(64), Some(64), 4119, None),
            (None, None, 4119, None),
        ] {
            let raised = raised(&Rlimit { current, maximum }, needed);
            assert_eq!(raised.map(|limits| limits.current), expected.map(Some), "{current:?} {maximum:?}");
        }
    }

    #[test]
    fn as_many_are_probed_as_the_limit_leaves_room_for_and_at_least_one() {
        for (jobs, open, limit, expected) in [
            (1024, 8, Some(8192), 1024),
            (1024, 8, Some(1024), 250),
            (256, 8, Some(64), 10),
            (8, 8, Some(16), 1),
            (8, 8, None, 8),
        ] {
            assert_eq!(possible(jobs, open, limit), expected, "{jobs} of {limit:?}");
        }
        assert_eq!(possible(1024, 8, Some(needed(1024, 8))), 1024);
    }
}
