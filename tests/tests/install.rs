//! ec-cli-install for real: the Debian package by way of apt, the client built from the source that Debian has, and
//! everything that must leave the client that is there as it is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use ec_tests::installing::{Prefix, assert_proven, on_a_copy, refused, valkey_source as tarball};
use ec_tests::overlay::may_unshare;
use ec_tests::{Certs, Signal, Valkey, ValkeyOptions, command, need, sh, skip, tool, wait_until};

#[test]
fn a_client_is_built_from_source_proven_and_not_built_again() {
    need!("make", "cc", "xz", "valkey-server");
    let Some(tarball) = tarball() else { return };
    let (prefix, scratch) = (Prefix::new(), tempfile::tempdir().unwrap());

    let built = prefix.apply(tarball).env("TMPDIR", scratch.path()).run().ok();
    let document = built.document();
    assert_eq!(document["cli"]["status"], "changed", "{}", built.told());
    assert_eq!(document["cli"]["changes"][0]["before"]["version"], "7.2.6");
    assert_eq!(document["cli"]["changes"][0]["state"], "done");
    assert_eq!(document["cli"]["changes"][0]["after"]["version"], document["cli"]["client"]["version"]);
    assert_proven(&document);
    assert_eq!(prefix.client().metadata().unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_dir(prefix.path().join("bin")).unwrap().count(), 1, "nothing is left in the prefix");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "nothing is left of the build");
    assert!(!built.stderr.contains("valkey-cli BUILD_TLS"), "what make says is not shown\n{}", built.told());

    let before = fs::metadata(prefix.client()).unwrap().modified().unwrap();
    let again = prefix.apply(tarball).run().ok();
    assert_eq!(again.document()["cli"]["status"], "unchanged", "{}", again.told());
    assert_proven(&again.document());
    assert_eq!(fs::metadata(prefix.client()).unwrap().modified().unwrap(), before);

    let args = ["verify", "-n", "--prefix"];
    let verified = tool("ec-cli-install").args(args).args([prefix.path()]).run().ok();
    assert_eq!(verified.document()["cli"]["client"]["path"], prefix.client().to_str().unwrap());
    assert_proven(&verified.document());

    let certs = Certs::new();
    let users = vec!["app on >app-password-of-16 ~* +@all".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() });
    let port = valkey.port().to_string();
    let client = command(prefix.client().to_str().unwrap())
        .args(["--tls", "-h", "localhost", "-p", &port, "--user", "app", "--cacert"])
        .args([certs.ca()])
        .args(["ACL", "WHOAMI"])
        .env("REDISCLI_AUTH", "app-password-of-16")
        .run()
        .ok();
    assert_eq!(client.stdout, "app\n", "{}", client.told());
}

#[test]
fn a_damaged_tarball_is_refused_and_the_client_that_is_there_stays() {
    need!("xz");
    let Some(tarball) = tarball() else { return };
    let prefix = Prefix::new();
    let whole = fs::read(tarball).unwrap();
    let damaged = prefix.path().join("damaged.tar.xz");
    let cut = &whole[..whole.len() / 2];
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [cut, &flipped, b"", b"oops"] {
        fs::write(&damaged, bytes).unwrap();
        refused(prefix.apply(&damaged).run(), "EC4022", 4);
    }
    refused(prefix.apply(tarball).args(["--sha256", &"0".repeat(64)]).run(), "EC4021", 4);
    refused(prefix.apply(Path::new("/nonexistent.tar.gz")).run(), "EC9021", 7);
    prefix.assert_untouched();
}

#[test]
fn a_tarball_that_changed_since_it_was_planned_with_is_refused() {
    need!("xz");
    let Some(tarball) = tarball() else { return };
    let prefix = Prefix::new();
    let copy = prefix.path().join("copy.tar.xz");
    fs::copy(tarball, &copy).unwrap();
    let plan = tool("ec-cli-install").args(["plan", "-n", "--source-tarball"]).args([&copy]);
    let planned = plan.args(["--prefix".as_ref(), prefix.path()]).run().ok();
    let document = planned.document();
    assert_eq!(document["cli"]["status"], "planned");
    assert_eq!(document["cli"]["changes"][0]["state"], "planned");
    let mut bytes = fs::read(&copy).unwrap();
    bytes.push(b'\n');
    fs::write(&copy, bytes).unwrap();
    refused(tool("ec-cli-install").args(["apply"]).stdin(planned.stdout).run(), "EC4021", 4);
    prefix.assert_untouched();
}

#[test]
fn a_tarball_that_would_write_elsewhere_is_refused_as_a_whole() {
    need!("tar");
    let prefix = Prefix::new();
    let outcome = sh(r#"
        mkdir -p v/src && echo '#define VALKEY_VERSION "9.9.9"' > v/src/version.h && echo evil > evil
        ln -s /etc/passwd v/passwd && cp evil v/setuid && chmod 4755 v/setuid && mkfifo v/pipe
        tar czf good.tgz v/src
        tar czPf climbs.tgz --transform 's,^evil,v/../../evil,' v/src evil
        tar czPf absolute.tgz --transform 's,^evil,/tmp/evil,' v/src evil
        for name in passwd setuid pipe; do tar czf $name.tgz v/src v/$name; done
    "#)
    .directory(prefix.path())
    .run()
    .ok();
    for name in ["climbs", "absolute", "passwd", "setuid", "pipe"] {
        let run = prefix.apply(&prefix.path().join(format!("{name}.tgz"))).run();
        refused(run, "EC4023", 4);
    }
    // The same without the entry gets as far as the build, which has nothing to build.
    refused(prefix.apply(&prefix.path().join("good.tgz")).run(), "EC4032", 4);
    prefix.assert_untouched();
    drop(outcome);
}

#[test]
fn without_a_compiler_the_line_to_run_is_told() {
    need!("xz", "make");
    let Some(tarball) = tarball() else { return };
    let prefix = Prefix::new();
    let bin = tempfile::tempdir().unwrap();
    for program in ["xz", "make"] {
        symlink(Path::new("/usr/bin").join(program), bin.path().join(program)).unwrap();
    }
    let outcome = prefix.apply(tarball).env("PATH", bin.path()).run().says("a C compiler");
    let document = refused(outcome, "EC4031", 3);
    let hint = document["cli"]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("install"), "{hint}");
    prefix.assert_untouched();
}

#[test]
fn a_build_that_takes_too_long_is_ended_and_leaves_nothing() {
    need!("make", "cc", "xz");
    let Some(tarball) = tarball() else { return };
    let (prefix, scratch) = (Prefix::new(), tempfile::tempdir().unwrap());
    let outcome = prefix.apply(tarball).args(["--timeout", "3s"]).env("TMPDIR", scratch.path()).run();
    assert!(outcome.elapsed < Duration::from_secs(10), "{}", outcome.told());
    refused(outcome, "EC4035", 5);
    prefix.assert_untouched();
    let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left of the build: {left:?}");
}

#[test]
fn a_build_that_is_interrupted_ends_with_all_that_it_has_started_and_leaves_nothing() {
    need!("make", "cc", "xz");
    let Some(tarball) = tarball() else { return };
    let (prefix, scratch) = (Prefix::new(), tempfile::tempdir().unwrap());
    let entries = || fs::read_dir(scratch.path()).unwrap().count();
    let running = prefix.apply(tarball).env("TMPDIR", scratch.path()).start();
    wait_until("the build begins", || entries() > 0);
    running.signal(Signal::INT);
    let document = refused(running.end(), "EC9024", 130);
    assert_eq!(document["cli"]["interrupted"], true);
    prefix.assert_untouched();
    assert_eq!(entries(), 0, "nothing is left of the build");
}

#[test]
fn a_read_only_prefix_is_told_before_the_build() {
    need!("xz");
    let Some(tarball) = tarball() else { return };
    if !may_unshare() {
        return skip("this user may not mount, so nothing is read-only to it");
    }
    let prefix = Prefix::new();
    let mounted = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
        exec ec-cli-install apply -n --source-tarball "$2" --prefix "$1""#;
    let run = command("unshare").args(["-m", "sh", "-c", mounted, "sh"]).args([prefix.path(), tarball]).run();
    let outcome = run.says("Read-only file system");
    assert!(outcome.elapsed < Duration::from_secs(10), "{}", outcome.told());
    refused(outcome, "EC4034", 4);
    prefix.assert_untouched();
}

#[test]
fn on_debian_the_package_is_installed_proven_and_not_installed_again() {
    need!("apt-get", "dpkg", "unshare");
    if !may_unshare() {
        return skip("this user may not install packages on a copy of this machine");
    }
    let outcome = on_a_copy(
        "ec-cli-install detect -n || echo detect $? >&2; ec-cli-install plan -n; ec-cli-install plan -n | ec-cli-install apply; \
         ec-cli-install apply -n -v; ec-cli-install verify -n",
    );
    if outcome.stderr.contains("EC4017") {
        return skip("apt could not load packages");
    }
    let outcome = outcome.ok().says("detect 1");
    let documents = outcome.documents();
    let statuses: Vec<_> = documents.iter().map(|document| document["cli"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["no", "planned", "changed", "unchanged", "ok"], "{}", outcome.told());
    assert_eq!(documents[0]["cli"]["findings"][0]["code"], "EC4001");
    assert_eq!(documents[1]["cli"]["changes"][0]["resource"], documents[2]["cli"]["changes"][0]["resource"]);
    assert_eq!(documents[2]["cli"]["changes"].as_array().unwrap().len(), 1, "{}", outcome.told());
    documents[2..].iter().for_each(assert_proven);
    assert!(!outcome.stderr.contains("Unpacking"), "what apt says is not shown\n{}", outcome.told());
}

#[test]
fn without_root_a_package_is_refused_with_the_line_to_run() {
    need!("apt-get", "setpriv", "unshare");
    if !may_unshare() {
        return skip("this user may not install packages on a copy of this machine");
    }
    let outcome = on_a_copy("exec setpriv --reuid=65534 --regid=65534 --clear-groups ec-cli-install apply -n");
    let hint = refused(outcome, "EC4015", 3)["cli"]["error"]["hint"].as_str().unwrap().to_owned();
    assert!(hint.starts_with("run `sudo env DEBIAN_FRONTEND=noninteractive apt-get "), "{hint}");
}

#[test]
fn a_client_without_tls_is_found_out_whatever_it_says() {
    let prefix = Prefix::new();
    // By its help it knows TLS, and it prints what a server would answer; but it never talks to one.
    let liar = "#!/bin/sh\ncase $1 in --version) echo valkey-cli 9.0.0;; --help) echo ' --tls';; *) echo PONG;; esac\n";
    fs::write(prefix.client(), liar).unwrap();
    let verify = tool("ec-cli-install").args(["verify", "-n", "--prefix"]).args([prefix.path()]).run().exits(1);
    let document = verify.document();
    assert_eq!(document["cli"]["findings"][0]["code"], "EC4002", "{}", verify.told());
    assert_eq!(document["cli"]["client"]["tls"]["listed"], true);
    assert_eq!(document["cli"]["client"]["tls"]["tls13"], false);
}
