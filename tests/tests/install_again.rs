//! ec-cli-install where things go wrong, and again afterwards: loading, two runs at once, runs that are interrupted or
//! killed at any moment, and machines that lack something. The client that is there stays as it is until a better one is.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use ec_tests::installing::{Prefix, assert_proven, quick_source, refused};
use ec_tests::overlay::may_unshare;
use ec_tests::{Certs, Mirror, Run, Signal, command, need, sh, skip, tool, wait_until};
use serde_json::Value;
use tempfile::TempDir;

/// A prefix with an old client in it, a directory for temporary files, and a source that is quickly built.
struct Scene {
    prefix: Prefix,
    scratch: TempDir,
    source: TempDir,
}

impl Scene {
    /// Every build runs `script` first.
    fn new(script: &str) -> Self {
        let scene =
            Self { prefix: Prefix::new(), scratch: tempfile::tempdir().unwrap(), source: tempfile::tempdir().unwrap() };
        quick_source(scene.source.path(), script);
        scene
    }

    fn tarball(&self) -> PathBuf {
        self.source.path().join("quick.tar.gz")
    }

    fn apply(&self) -> Run {
        self.prefix.apply(&self.tarball()).env("TMPDIR", self.scratch.path())
    }

    /// `apply` of what the mirror has at `path`.
    fn load(&self, mirror: &Mirror, certs: &Certs, path: &str) -> Run {
        let sha256 = sh("sha256sum quick.tar.gz").directory(self.source.path()).run().ok().stdout;
        let run =
            tool("ec-cli-install").args(["apply", "-n", "--source-url", &mirror.url(path), "--sha256", &sha256[..64]]);
        run.args(["--prefix".as_ref(), self.prefix.path(), "--ca-bundle".as_ref(), &certs.ca()])
            .env("TMPDIR", self.scratch.path())
    }

    fn mirror(&self, certs: &Certs) -> Mirror {
        Mirror::new(&certs.server(), fs::read(self.tarball()).unwrap())
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        // Where the proof of the installed client is killed, two small files for it stay.
        let left = sh("find . -path './ec-cli-install*'").directory(self.scratch.path()).run().ok().stdout;
        assert!(left.is_empty(), "left in the directory for temporary files:\n{left}");
    }
}

fn status(document: &Value) -> &str {
    document["cli"]["status"].as_str().unwrap()
}

/// A PATH on which everything is but the programs named.
fn path_without(missing: &[&str]) -> TempDir {
    let bin = tempfile::tempdir().unwrap();
    for dir in ["/usr/bin", "/bin"] {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if !missing.iter().any(|missing| name == *missing) {
                let _ = symlink(entry.path(), bin.path().join(name));
            }
        }
    }
    bin
}

#[test]
fn a_client_is_built_of_what_a_mirror_has() {
    need!("make", "cc", "curl", "wget", "valkey-cli");
    let certs = Certs::new();
    for (path, missing) in
        [("/good", "wget"), ("/damaged-once", "wget"), ("/moved", "wget"), ("/far", "curl"), ("/moved", "curl")]
    {
        let scene = Scene::new("true");
        let mirror = scene.mirror(&certs);
        let run = scene.load(&mirror, &certs, path).env("PATH", path_without(&[missing]).path()).run().ok();
        let document = run.document();
        assert_eq!(status(&document), "changed", "{path}: {}", run.told());
        assert_proven(&document);
        scene.assert_nothing_is_left();
        let manifest = fs::read_to_string(scene.prefix.path().join("share/ec-cli-install/manifest.json")).unwrap();
        assert!(manifest.contains(&mirror.url(path)), "{manifest}");
    }
}

#[test]
fn what_a_mirror_has_damaged_or_elsewhere_is_not_built() {
    need!("make", "cc", "curl", "wget", "valkey-cli");
    let (certs, scene) = (Certs::new(), Scene::new("true"));
    let mirror = scene.mirror(&certs);
    for missing in ["wget", "curl"] {
        let bin = path_without(&[missing]);
        for (path, code, exit, times) in [
            ("/damaged", "EC4021", 4, 2),
            ("/short", "EC4030", 5, 2),
            ("/nowhere", "EC4030", 5, 2),
            ("/off-https", "EC4038", 4, 1),
        ] {
            let before = mirror.asked();
            refused(scene.load(&mirror, &certs, path).env("PATH", bin.path()).run(), code, exit);
            assert_eq!(mirror.asked() - before, times, "{path} without {missing}");
        }
        let unknown = scene.load(&mirror, &Certs::new(), "/good").env("PATH", bin.path()).run();
        refused(unknown, "EC4030", 5);
    }
    let neither = scene.load(&mirror, &certs, "/good").env("PATH", path_without(&["curl", "wget"]).path()).run();
    refused(neither.says("install curl"), "EC4036", 3);
    scene.prefix.assert_untouched();
    scene.assert_nothing_is_left();
}

#[test]
fn what_was_loaded_is_not_loaded_again_by_the_run_after_an_interrupted_one() {
    need!("make", "cc", "curl", "valkey-cli");
    let (certs, scene) = (Certs::new(), Scene::new("sleep 1"));
    let mirror = scene.mirror(&certs);
    let running = scene.load(&mirror, &certs, "/slow").start();
    wait_until("the mirror is asked", || mirror.asked() == 1);
    running.signal(Signal::INT);
    refused(running.end(), "EC9024", 130);
    scene.assert_nothing_is_left();

    let running = scene.load(&mirror, &certs, "/good").start();
    let builds = || sh("find . -name Makefile").directory(scene.scratch.path()).run().stdout.contains("Makefile");
    wait_until("the build begins", builds);
    running.signal(Signal::TERM);
    refused(running.end(), "EC9024", 143);
    scene.prefix.assert_untouched();

    let again = scene.load(&mirror, &certs, "/good").run().ok();
    assert_eq!(status(&again.document()), "changed", "{}", again.told());
    assert_eq!(mirror.asked(), 2, "the tarball was there as a whole");
    scene.assert_nothing_is_left();
}

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_a_whole_client_and_the_next_comes_to_the_end() {
    need!("make", "cc", "valkey-cli");
    let scene = Scene::new("sleep 0.1");
    let new = sh("cat \"$(command -v valkey-cli)\" | sha256sum").run().ok().stdout;
    let mut killed = 0;
    for pause in (0..).map(|step| Duration::from_millis(step * 60)).take(12) {
        for signal in [Signal::KILL, Signal::INT] {
            let running = scene.apply().start();
            sleep(pause);
            running.signal(signal);
            let code = running.end().code;
            killed += usize::from(code != 0);
            let client = sh("sha256sum < bin/valkey-cli").directory(scene.prefix.path()).run().ok().stdout;
            let is_old = fs::read(scene.prefix.client()).unwrap().starts_with(b"#!/bin/sh\necho valkey-cli 7.2.6");
            assert!(is_old || client == new, "after {pause:?}: neither the old client nor the new one");
        }
    }
    assert!(killed > 4, "only {killed} runs were stopped");
    let last = scene.apply().run().ok();
    assert!(["changed", "unchanged"].contains(&status(&last.document())), "{}", last.told());
    assert_proven(&last.document());
    let removed = tool("ec-cli-install").args(["remove", "-n", "--prefix"]).args([scene.prefix.path()]).run().ok();
    assert_eq!(status(&removed.document()), "changed", "{}", removed.told());
    assert!(!scene.prefix.client().exists());
    // A run that was killed before the last one may have left a file, but no other kind of thing.
    scene.apply().run().ok();
    scene.assert_nothing_is_left();
}

#[test]
fn of_two_runs_at_once_the_second_waits_and_finds_all_done() {
    need!("make", "cc", "valkey-cli");
    let (count, gate) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let (counted, closed) = (count.path().display(), gate.path().display());
    let scene = Scene::new(&format!("echo >> {counted}; while [ -e {closed} ]; do sleep 0.1; done"));
    let first = scene.apply().start();
    wait_until("the first begins to build", || fs::metadata(count.path()).unwrap().len() > 0);
    let late = scene.apply().args(["--timeout", "5s"]).run().says("another ec-cli-install (process ");
    let late = refused(late, "EC4039", 5);
    assert_eq!(late["cli"]["changes"][0]["state"], "failed");
    let second = scene.apply().start();
    gate.close().unwrap();
    assert_eq!(status(&first.end().ok().document()), "changed");
    let second = second.end().ok();
    assert_eq!(status(&second.document()), "unchanged", "{}", second.told());
    assert_eq!(fs::metadata(count.path()).unwrap().len(), 1, "it was built once");
    scene.assert_nothing_is_left();
}

#[test]
fn a_client_that_runs_goes_on_when_it_is_replaced() {
    need!("make", "cc", "valkey-cli");
    let scene = Scene::new("true");
    fs::remove_file(scene.prefix.client()).unwrap();
    // Not by this process: what it has open for writing while another test starts a program cannot be run.
    sh("cp /bin/sleep bin/valkey-cli").directory(scene.prefix.path()).run().ok();
    let old = command(scene.prefix.client().to_str().unwrap()).args(["5"]).start();
    let document = scene.apply().run().ok().document();
    assert_proven(&document);
    old.end().ok();
}

#[test]
fn what_a_build_lacks_is_named_with_the_line_that_installs_it() {
    need!("make", "cc", "valkey-cli");
    let scene = Scene::new("true");
    for (missing, word) in [(["make"].as_slice(), "make"), (&["cc", "gcc", "clang"], "a C compiler")] {
        let run = scene.apply().env("PATH", path_without(missing).path()).run().says(&format!("without {word} "));
        let hint = refused(run, "EC4031", 3)["cli"]["error"]["hint"].as_str().unwrap().to_owned();
        assert!(hint.contains("install"), "{hint}");
    }
    if !may_unshare() {
        return skip("this user may not mount, so the headers of OpenSSL are here");
    }
    let hidden = r#"mount -t tmpfs tmpfs /usr/include/openssl &&
        exec ec-cli-install apply -n --source-tarball "$2" --prefix "$1""#;
    let run =
        command("unshare").args(["-m", "sh", "-c", hidden, "sh"]).args([scene.prefix.path(), &scene.tarball()]).run();
    refused(run.says("without the headers of OpenSSL"), "EC4031", 3);
    scene.prefix.assert_untouched();
}

/// `apply` where `mounted`, the prefix or the directory for temporary files, is a file system of its own with this size.
fn with_little_room(scene: &Scene, mounted: &Path, size: &str) -> Run {
    let script = r#"set -eu
        old=$(cat "$4/bin/valkey-cli"); mount -t tmpfs -o "size=$2" tmpfs "$1"; mkdir -p "$4/bin"
        printf '%s\n' "$old" > "$4/bin/valkey-cli"; chmod 755 "$4/bin/valkey-cli"
        code=0; ec-cli-install apply -n --source-tarball "$3" --prefix "$4" || code=$?
        printf '%s\n' "$old" | cmp - "$4/bin/valkey-cli" && find "$4" -type f | grep -cv 'bin/valkey-cli$' >&2 || echo untouched >&2
        exit $code"#;
    command("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .args([mounted, Path::new(size), &scene.tarball(), scene.prefix.path()])
        .env("TMPDIR", scene.scratch.path())
}

#[test]
fn without_room_nothing_is_changed() {
    need!("make", "cc", "valkey-cli");
    if !may_unshare() {
        return skip("this user may not mount, so nothing is too small");
    }
    let scene = Scene::new("true");
    let scratch = with_little_room(&scene, scene.scratch.path(), "5m").run().says("untouched");
    refused(scratch.says(" MB are free"), "EC4042", 4);
    let prefix = with_little_room(&scene, scene.prefix.path(), "64k").run().says("untouched");
    refused(prefix.says("No space left on device"), "EC4034", 4);
    scene.prefix.assert_untouched();
}

#[test]
fn what_was_installed_is_removed_and_nothing_else() {
    need!("make", "cc", "valkey-cli");
    let (scene, home) = (Scene::new("true"), tempfile::tempdir().unwrap());
    let prefix = home.path().join("a/prefix");
    let apply = || {
        let run = tool("ec-cli-install").args(["apply", "-n", "--source-tarball"]).args([scene.tarball()]);
        run.args(["--prefix".as_ref(), prefix.as_path()]).run().ok()
    };
    let remove = |stdin: &str| {
        let run = tool("ec-cli-install").args(["remove", "--prefix"]).args([&prefix]);
        if stdin.is_empty() { run.args(["-n"]) } else { run.stdin(stdin) }.run()
    };
    // By the manifest alone.
    let applied = apply();
    let sha256 = applied.document()["cli"]["changes"][0]["after"]["sha256"].as_str().unwrap().to_owned();
    let manifest = fs::read_to_string(prefix.join("share/ec-cli-install/manifest.json")).unwrap();
    assert!(manifest.contains(&sha256), "{manifest}");
    let removed = remove("").ok().document();
    assert_eq!(status(&removed), "changed");
    assert_eq!(removed["cli"]["changes"][0]["id"], prefix.join("bin/valkey-cli").to_str().unwrap());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the directories that were made are gone, too");
    assert_eq!(status(&remove("").ok().document()), "unchanged");

    // By the document alone, beside what others have put there.
    let applied = apply().stdout;
    fs::remove_dir_all(prefix.join("share")).unwrap();
    fs::write(prefix.join("bin/other"), "").unwrap();
    let removed = remove(&applied).ok();
    assert_eq!(status(&removed.document()), "changed", "{}", removed.told());
    assert!(prefix.join("bin/other").exists() && !prefix.join("bin/valkey-cli").exists());
    let again = remove(&removed.stdout).ok();
    assert_eq!(status(&again.document()), "unchanged", "{}", again.told());

    // What was changed since is somebody's work.
    let applied = apply().stdout;
    fs::write(prefix.join("bin/valkey-cli"), "#!/bin/sh\n").unwrap();
    for stdin in ["", applied.as_str()] {
        let kept = refused(remove(stdin), "EC4040", 4);
        assert_eq!(kept["cli"]["changes"].as_array().unwrap().last().unwrap()["state"], "failed");
    }
    assert_eq!(fs::read_to_string(prefix.join("bin/valkey-cli")).unwrap(), "#!/bin/sh\n");
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_before_anything_is_changed() {
    need!("make", "cc", "valkey-cli");
    let scene = Scene::new("true");
    let dir = scene.prefix.path().join("share/ec-cli-install");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("manifest.json"), "{").unwrap();
    refused(scene.apply().run(), "EC4043", 4);
    let remove = tool("ec-cli-install").args(["remove", "-n", "--prefix"]).args([scene.prefix.path()]).run();
    refused(remove, "EC4043", 4);
    scene.prefix.assert_untouched();
    let mode = scene.prefix.client().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}
