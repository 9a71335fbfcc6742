//! ec-cli-install on Debian, for real: packages that come and go by way of apt, its lock, and sudo. All of it on a copy of
//! this machine that lies in memory and is forgotten.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use ec_tests::installing::{assert_proven, on_a_copy, quick_source};
use ec_tests::overlay::may_unshare;
use ec_tests::{Outcome, need, skip};
use serde_json::Value;

/// The outcome on a copy, unless there can be none.
fn copied(script: &str) -> Option<Outcome> {
    if !may_unshare() {
        skip("this user may not install packages on a copy of this machine");
        return None;
    }
    let outcome = on_a_copy(script);
    if outcome.stderr.contains("Failed to fetch") {
        skip("apt could not load packages");
        return None;
    }
    Some(outcome)
}

fn statuses(outcome: &Outcome) -> Vec<String> {
    let status = |document: &Value| document["cli"]["status"].as_str().unwrap().to_owned();
    outcome.documents().iter().map(status).collect()
}

fn last_change(document: &Value) -> &Value {
    document["cli"]["changes"].as_array().unwrap().last().unwrap()
}

#[test]
fn the_packages_that_came_are_removed_and_no_others() {
    need!("apt-get", "dpkg", "unshare");
    // What is installed and what is below /usr/local is the same before and after; first by the manifest, then by the
    // document, then where something else needs the client, or somebody has asked for one of the packages since.
    let script = r#"
        state() { dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Abbrev}\n' | grep ' ii '; find /usr/local | sort; }
        for package in $(apt-cache depends --installed redis-tools valkey-tools 2>/dev/null | sed -n 's/.*Depends: \(lib[jl].*\)/\1/p' | sort -u); do
          dpkg --purge --force-depends $package >/dev/null 2>&1 || :
        done
        state > /tmp/before
        ec-cli-install apply -n; ec-cli-install remove -n; ec-cli-install remove -n
        state > /tmp/after; diff /tmp/before /tmp/after >&2
        ec-cli-install apply -n > /tmp/applied; cat /tmp/applied
        rm -r /usr/local/share/ec-cli-install
        ec-cli-install remove < /tmp/applied > /tmp/removed; cat /tmp/removed; ec-cli-install remove < /tmp/removed
        state > /tmp/after; diff /tmp/before /tmp/after >&2
        ec-cli-install apply -n > /tmp/applied; cat /tmp/applied
        mkdir -p /tmp/needs/DEBIAN
        printf 'Package: needs-it\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\nDepends: %s\n' \
          "$(sed 's/.*"resource":"package \([^"]*\)".*/\1/' /tmp/applied)" > /tmp/needs/DEBIAN/control
        dpkg-deb --build /tmp/needs /tmp/needs.deb >&2; dpkg -i /tmp/needs.deb >&2
        ec-cli-install remove -n || [ $? = 4 ]
        dpkg --purge needs-it >&2
        own=$(sed 's/.*"packages":\["\([^"]*\)".*/\1/' /tmp/applied); apt-mark manual "$own" >&2
        ec-cli-install remove -n
        dpkg-query -W -f '${db:Status-Status}\n' "$own" >&2
    "#;
    let Some(outcome) = copied(script) else { return };
    let outcome = outcome.ok();
    let expected =
        ["changed", "changed", "unchanged", "changed", "changed", "unchanged", "changed", "error", "changed"];
    assert_eq!(statuses(&outcome), expected, "{}", outcome.told());
    let documents = outcome.documents();
    assert_proven(&documents[0]);
    let came = last_change(&documents[0])["after"]["packages"].clone();
    assert!(came.as_array().unwrap().len() > 1, "the client brings a library: {}", outcome.told());
    assert_eq!(last_change(&documents[1])["before"]["packages"], came);
    assert_eq!(documents[7]["cli"]["error"]["code"], "EC4041");
    assert_eq!(documents[7]["cli"]["error"]["causes"][0], "something else needs it: needs-it");
    let kept = last_change(&documents[8])["reason"].as_str().unwrap();
    assert!(kept.contains(came[0].as_str().unwrap()), "{kept}");
    assert!(outcome.stderr.ends_with("installed\n"), "{}", outcome.told());
}

#[test]
fn the_lock_of_apt_is_waited_for_and_its_holder_named() {
    need!("apt-get", "dpkg", "unshare", "python3");
    let script = r#"
        hold() { python3 -c "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/tmp/held', 'w'); time.sleep($1)" & }
        hold 60; holder=$!; until [ -e /tmp/held ]; do sleep 0.1; done
        ec-cli-install apply -n --timeout 2s || echo "apply ended with $?, holder is $holder" >&2
        kill $holder; rm /tmp/held
        hold 3; until [ -e /tmp/held ]; do sleep 0.1; done
        ec-cli-install apply -n -v
    "#;
    let Some(outcome) = copied(script) else { return };
    let outcome = outcome.ok();
    assert_eq!(statuses(&outcome), ["error", "changed"], "{}", outcome.told());
    let documents = outcome.documents();
    let error = &documents[0]["cli"]["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&"EC4017".into(), &true.into()), "{error}");
    let holder = outcome.stderr.split("holder is ").nth(1).unwrap().split_whitespace().next().unwrap();
    let cause = error["causes"][0].as_str().unwrap();
    assert!(cause.starts_with(&format!("python3 (process {holder}) has held /var/lib/dpkg/lock-frontend")), "{cause}");
    assert!(outcome.stderr.contains("waiting for python3 (process "), "{}", outcome.told());
    assert_proven(&documents[1]);
}

#[test]
fn a_signal_while_apt_is_at_work_loses_nothing_of_what_it_did() {
    need!("apt-get", "dpkg", "unshare");
    let script = r#"
        echo 'DPkg::Pre-Invoke { "touch /tmp/begun; sleep 2"; };' > /etc/apt/apt.conf.d/99slow
        ec-cli-install apply -n > /tmp/applied & apply=$!
        until [ -e /tmp/begun ]; do kill -0 $apply; sleep 0.1; done
        # SIGINT is ignored by what a script starts in the background.
        kill -TERM $apply; code=0; wait $apply || code=$?
        cat /tmp/applied; echo "ended with $code" >&2
        ec-cli-install remove -n > /tmp/removed; cat /tmp/removed
        [ ! -e /usr/bin/valkey-cli ] && [ ! -e /usr/bin/redis-cli ]
    "#;
    let Some(outcome) = copied(script) else { return };
    let outcome = outcome.ok().says("ended with 143");
    assert_eq!(statuses(&outcome), ["error", "changed"], "{}", outcome.told());
    let documents = outcome.documents();
    assert_eq!(documents[0]["cli"]["interrupted"], true);
    let applied = last_change(&documents[0]);
    assert_eq!(applied["state"], "done");
    assert_eq!(last_change(&documents[1])["before"]["packages"], applied["after"]["packages"]);
}

#[test]
fn sudo_is_used_for_the_last_step_alone_and_never_asks() {
    need!("apt-get", "dpkg", "unshare", "setpriv", "make", "cc", "valkey-cli");
    let source = tempfile::tempdir().unwrap();
    let tarball = quick_source(source.path(), "id -u > /tmp/built-by");
    // The copy has no client any more: the one to build from is kept where the build finds it.
    let script = r#"
        apt-get -qq install -y --no-install-recommends sudo >/dev/null 2>&1 || { echo Failed to fetch >&2; exit 0; }
        mkdir -p /tmp/home && chown 65534 /tmp/home && chmod 755 TARBALL_DIR
        cp TARBALL_DIR/valkey-cli /usr/local/sbin/
        as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp/home TMPDIR=/tmp/home "$@"; }
        install="ec-cli-install apply -n --source-tarball TARBALL --prefix /opt/client"
        as_nobody $install || echo "without: $?" >&2
        as_nobody setsid $install --sudo </dev/null || echo "asks: $?" >&2
        [ ! -e /opt/client ]
        echo 'nobody ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/nobody
        as_nobody $install --sudo
        echo "built by $(cat /tmp/built-by), owned by $(stat -c '%u %a' /opt/client/bin/valkey-cli)" >&2
        as_nobody ec-cli-install remove -n --prefix /opt/client --sudo
        [ ! -e /opt/client ]
        as_nobody sudo -n env HOME=/tmp/home $install
        echo "left in the home: $(find /tmp/home -mindepth 1 | wc -l)" >&2
    "#;
    ec_tests::sh("cp \"$(command -v valkey-cli)\" valkey-cli").directory(source.path()).run().ok();
    let script = script.replace("TARBALL_DIR", source.path().to_str().unwrap());
    let script = script.replace("TARBALL", tarball.to_str().unwrap());
    let Some(outcome) = copied(&script) else { return };
    let outcome = outcome.ok().says("without: 4").says("asks: 3").says("sudo: a password is required");
    let outcome = outcome.says("built by 65534, owned by 0 755").says("left in the home: 0");
    assert_eq!(statuses(&outcome), ["error", "error", "changed", "changed", "changed"], "{}", outcome.told());
    let documents = outcome.documents();
    let codes: Vec<_> =
        documents[..2].iter().map(|document| document["cli"]["error"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["EC4034", "EC4015"]);
    assert_proven(&documents[2]);
}
