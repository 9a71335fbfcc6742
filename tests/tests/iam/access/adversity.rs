//! Whatever call of `apply` goes wrong, and however: the next run ends the work, and `revoke` leaves nothing behind.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use ec_tests::{Call, Counting, Failing, Fault, Moto, PaperElastiCache, need};

use super::identity_center::{center, newcomer};
use super::{Account, users};
use crate::statuses;

/// As many at a time as the emulator bears.
const AT_A_TIME: usize = 3;

/// What is to go wrong, and with which call: writes in every manner, reads in one. A read that is repeated before the next
/// write counts once, and so does one that only another thing is asked about as long as nothing is written.
fn faults(calls: &[Call]) -> Vec<(usize, Fault)> {
    let (mut writes, mut reads) = (0, BTreeSet::new());
    let mut faults = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        let about = if writes == 0 { "" } else { &call.body };
        if call.is_write() {
            writes += 1;
            faults.extend([Fault::Denied, Fault::AnswerLost, Fault::Throttled].map(|fault| (number, fault)));
        } else if reads.insert((writes, &call.action, about)) {
            faults.push((number, if number % 2 == 0 { Fault::Denied } else { Fault::Throttled }));
        }
    }
    faults
}

/// Has every call of a way go wrong once, each behind an API of its own that `api` starts, in front of the moto at `moto`.
fn every_call_may_fail<A>(
    moto: &str,
    args: &[&str],
    document: &str,
    api: impl Fn() -> A + Sync,
    url: impl Fn(&A) -> String + Sync,
    state: impl Fn(&Account, &A) -> String + Sync,
) {
    let apply = [&["apply"], args].concat();
    let furnished = || {
        let account = Account::at(moto);
        newcomer(&account, "ben");
        account
    };
    let faults = {
        let (account, api) = (furnished(), api());
        let counting = Counting::before(&url(&api));
        account.run(&counting.url(), &apply, document).ok();
        faults(&counting.calls().all())
    };
    let todo = Mutex::new(faults.into_iter());
    let survive = || {
        let next = || todo.lock().ok().and_then(|mut todo| todo.next());
        // Every round leaves the account as it was.
        let account = furnished();
        while let Some((number, fault)) = next() {
            let api = api();
            let before = state(&account, &api);
            let failing = Failing::once(&url(&api), number, 1, fault.clone());
            let first = account.run(&failing.url(), &apply, document);
            let at = || format!("{fault:?} at {:?}\n{}", failing.calls().actions().get(number), first.told());
            let again = account.run(&url(&api), &apply, &first.stdout);
            assert!(again.code == 0, "{}\n{}", at(), again.told());
            let settled = Counting::before(&url(&api));
            let settled_run = account.run(&settled.url(), &apply, &again.stdout).ok();
            assert_eq!(statuses(&settled_run).0, "unchanged", "{}\n{}", at(), settled_run.told());
            assert_eq!(settled.calls().writes(), Vec::<String>::new(), "{}", at());
            let revoked = account.run(&url(&api), &["revoke"], &settled_run.stdout);
            assert!(revoked.code == 0, "{}\n{}", at(), revoked.told());
            assert_eq!(state(&account, &api), before, "{}\n{}", at(), revoked.told());
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(survive);
        }
    });
}

#[test]
fn a_permission_set_for_a_group() {
    need!("moto_server");
    let args =
        ["--principal", "permission-set/Sets", "--policy", "setup", "--assign-to", "group/devs", "--member", "ben"];
    // An emulator of its own: this way has the most calls.
    let moto = Moto::start();
    let state = |account: &Account, (): &()| account.iam() + &center(account).to_string();
    every_call_may_fail(&moto.url(), &args, "", || (), |()| moto.url(), state);
}

#[test]
fn users_their_group_and_its_attachment() {
    need!("moto_server");
    let api = || PaperElastiCache::before(&Moto::shared().url(), 1, &[users::serverless("valkey", "8")]);
    let state = |account: &Account, paper: &PaperElastiCache| account.iam() + &paper.told().join("\n");
    every_call_may_fail(&Moto::shared().url(), &users::ARGS, users::ORDERS, api, PaperElastiCache::url, state);
}
