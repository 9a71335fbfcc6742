//! ec-cli-install script for real: in three shells, over ssh, in a Debian of its own, and as what AWS and cloud-init take.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ec_tests::installing::valkey_source as tarball;
use ec_tests::{Debian, Moto, Outcome, Run, Sshd, aws_cli, command, environment, is_installed, need, sh, skip, tool};
use serde_json::{Value, json};

/// Long enough for a build on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// The shells that a script may meet.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

fn script(args: &[&str]) -> String {
    tool("ec-cli-install").args(["script"]).args(args).run().ok().stdout
}

/// Every value of --os, as the tool itself names them.
fn systems() -> Vec<String> {
    let told = tool("ec-cli-install").args(["script", "--os", "?"]).run().exits(2).stderr;
    let known = told.split("known are ").nth(1).unwrap().split([';', '\n']).next().unwrap();
    known.split(", ").map(|id| id.trim().split('[').next().unwrap().to_owned()).collect()
}

/// A directory with a client in it that does what a good one does when it is looked at.
fn good_client() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let client = dir.path().join("valkey-cli");
    fs::write(&client, "#!/bin/sh\necho valkey-cli 9.1.0\necho '  --tls   secure'\n").unwrap();
    fs::set_permissions(client, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

/// Runs a script from stdin, as `ssh HOST sh` does.
fn piped(shell: &[&str], script: &str) -> Run {
    command(shell[0]).args(&shell[1..]).stdin(script)
}

#[test]
fn the_script_of_every_system_is_clean_for_shellcheck() {
    need!("shellcheck");
    let systems = systems();
    assert!(systems.len() >= 4, "{systems:?}");
    for os in systems {
        for method in ["package", "source"] {
            let run = tool("ec-cli-install").args(["script", "--os", &os, "--method", method]).run();
            // Some have no package, and some no shell.
            if run.code == 0 {
                command("shellcheck").args(["--severity=style", "-"]).stdin(run.stdout).run().ok();
            } else {
                assert!(["EC4011", "EC4050"].iter().any(|code| run.stderr.contains(code)), "{}", run.told());
            }
        }
    }
}

#[test]
fn a_good_client_is_left_alone_in_every_shell() {
    need!("bash", "dash", "busybox");
    let dir = good_client();
    let script = script(&["--method", "package"]);
    for shell in SHELLS {
        let run = piped(shell, &script).env("PATH", format!("{}:/usr/bin:/bin", dir.path().display())).run().ok();
        assert_eq!(run.stdout, format!("{}/valkey-cli 9.1.0\n", dir.path().display()), "{}", run.told());
        assert_eq!(run.stderr, "", "{}", run.told());
    }
}

#[test]
fn a_script_that_is_cut_off_anywhere_runs_nothing_and_says_no() {
    need!("bash", "dash", "busybox");
    let dir = good_client();
    let script = script(&["--method", "package"]);
    for shell in SHELLS {
        // From the first character that is no comment of the shell's own, to the last brace.
        for end in (13..script.len() - 2).step_by(97).chain([script.len() - 2]) {
            let run = piped(shell, &script[..end]).env("PATH", format!("{}:/usr/bin:/bin", dir.path().display())).run();
            assert_eq!(run.stdout, "", "cut after {end} bytes\n{}", run.told());
            assert_ne!(run.code, 0, "cut after {end} bytes\n{}", run.told());
        }
    }
}

#[test]
fn a_script_for_another_system_says_so_and_changes_nothing() {
    let (dir, release) = (good_client(), tempfile::NamedTempFile::new().unwrap());
    for (os, here, is_taken) in [
        ("amazon-linux-2023", "ID=amzn\nVERSION_ID=\"2023\"\nID_LIKE=fedora\n", true),
        ("amazon-linux-2023", "ID=amzn\nVERSION_ID=2\n", false),
        ("debian-12", "ID=debian\nVERSION_ID=\"12\"\n", true),
        ("debian-12", "ID=debian\nVERSION_ID=12.5\n", true),
        ("debian-12", "ID=debian\nVERSION_ID=13\nPRETTY_NAME='Debian 13'\n", false),
        ("debian", "ID=debian\n", true),
        ("ubuntu-24.04", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=22\n", true),
        ("debian", "ID=alpine\n", false),
    ] {
        fs::write(release.path(), here).unwrap();
        let script = script(&["--os", os]).replace("/etc/os-release", release.path().to_str().unwrap());
        let run = piped(&["sh"], &script).env("PATH", format!("{}:/usr/bin:/bin", dir.path().display())).run();
        if is_taken {
            run.ok();
        } else {
            run.exits(2).says("(EC4013)");
        }
    }
}

#[test]
fn ssm_takes_the_document_and_gives_it_back() {
    need!("moto_server");
    let moto = Moto::shared();
    for os in ["amazon-linux-2023", "amazon-linux-2", "debian-12"] {
        let content = script(&["--os", os, "--format", "ssm"]);
        // Names that begin with amazon are AWS's own.
        let name = format!("client-on-{os}");
        let create = json!({"Content": content, "Name": name, "DocumentType": "Command"});
        let made: Value = serde_json::from_str(&aws_cli(&moto.url(), "ssm", "create_document", &create)).unwrap();
        assert_eq!(made["DocumentDescription"]["SchemaVersion"], "2.2", "{made}");
        assert_eq!(made["DocumentDescription"]["Parameters"][0]["Name"], "executionTimeout", "{made}");
        let got = aws_cli(&moto.url(), "ssm", "get_document", &json!({"Name": name}));
        let got: Value = serde_json::from_str(&got).unwrap();
        let document: Value = serde_json::from_str(got["Content"].as_str().unwrap()).unwrap();
        assert_well_formed(&document);
    }
}

/// The shape of a Command document with schema 2.2, as
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html> has it.
#[track_caller]
fn assert_well_formed(document: &Value) {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let set = |names: [&str; 4]| BTreeSet::from(names.map(str::to_owned));
    assert_eq!(keys(document), set(["schemaVersion", "description", "parameters", "mainSteps"]));
    assert_eq!(document["schemaVersion"], "2.2");
    let step = &document["mainSteps"][0];
    assert_eq!(keys(step), set(["action", "name", "precondition", "inputs"]));
    assert_eq!(step["action"], "aws:runShellScript");
    assert_eq!(step["precondition"], json!({"StringEquals": ["platformType", "Linux"]}));
    assert!(step["name"].as_str().unwrap().chars().all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(step["inputs"]["timeoutSeconds"], "{{ executionTimeout }}");
    assert!(step["inputs"]["runCommand"].as_array().unwrap().iter().all(Value::is_string));
    let timeout = &document["parameters"]["executionTimeout"];
    assert!(timeout["allowedPattern"].is_string() && timeout["default"].is_string(), "{timeout}");
}

#[test]
fn cloud_init_reads_the_very_script() {
    need!("python3");
    let python = environment().join("bin/python3");
    if !python.exists() {
        return skip("the tests have no Python environment; tests/setup makes it");
    }
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    for os in ["amazon-linux-2023", "amazon-linux-2", "debian-12"] {
        let text = script(&["--os", os, "--format", "cloud-init"]);
        assert!(text.starts_with("#cloud-config\n"));
        let data = command(python.to_str().unwrap()).args(["-c", read]).stdin(text).run().ok().document();
        let file = &data["write_files"][0];
        assert_eq!(file["content"], script(&["--os", os]).as_str());
        assert_eq!(file["permissions"], "0700");
        assert_eq!(data["runcmd"], json!([["sh", file["path"]]]));
    }
}

#[test]
fn in_a_debian_cloud_init_itself_finds_the_user_data_valid() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let text = script(&["--os", "amazon-linux-2023", "--format", "cloud-init"]);
    let outcome = debian.run(
        "cat > user-data; { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends cloud-init; } \
         >/dev/null 2>&1 || exit 5; cloud-init schema --config-file user-data",
        &text,
    );
    if outcome.code == 5 {
        return skip("apt could not load packages");
    }
    assert!(outcome.ok().stdout.contains("Valid"));
}

/// A build that travels over ssh into a prefix of the user's own, on a machine that can load nothing.
struct Travelling {
    sshd: Sshd,
    script: PathBuf,
    prefix: tempfile::TempDir,
}

impl Travelling {
    fn with(tarball: &Path) -> Self {
        let prefix = tempfile::tempdir().unwrap();
        let args = ["--source-tarball", tarball.to_str().unwrap(), "--prefix", prefix.path().to_str().unwrap()];
        let path = prefix.path().join("script");
        fs::write(&path, script(&args)).unwrap();
        Self { sshd: Sshd::start(), script: path, prefix }
    }

    fn client(&self) -> PathBuf {
        self.prefix.path().join("bin/valkey-cli")
    }

    /// `WRITE | ssh HOST sh`, where `write` writes the script `$1`.
    fn pipe(&self, write: &str) -> Outcome {
        let ssh = self.sshd.ssh();
        let pipe = format!("script={}; {write} | {ssh} bastion sh", self.script.display());
        sh(&pipe).timeout(LONG).run()
    }

    fn put_client(&self, text: &str) {
        fs::create_dir_all(self.prefix.path().join("bin")).unwrap();
        fs::write(self.client(), text).unwrap();
        fs::set_permissions(self.client(), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn over_ssh_a_client_is_built_proven_and_not_built_again() {
    need!("sshd", "ssh", "make", "cc", "xz", "busybox");
    let Some(tarball) = tarball() else { return };
    let there = Travelling::with(tarball);
    let old = "#!/bin/sh\necho valkey-cli 7.2.6\n";
    there.put_client(old);

    let cut = there.pipe("head -c 1000000 $script");
    assert_ne!(cut.code, 0, "{}", cut.told());
    assert_eq!(fs::read_to_string(there.client()).unwrap(), old, "a pipe that was interrupted installs nothing");

    // One character of the tarball in the middle of the script.
    let damaged = there.pipe("sed '20000s/./@/' $script");
    assert_ne!(damaged.code, 0, "{}", damaged.told());
    assert!(damaged.stderr.contains("(EC4021)") || damaged.stderr.contains("(EC4022)"), "{}", damaged.told());
    assert_eq!(fs::read_to_string(there.client()).unwrap(), old, "a damaged tarball installs nothing");

    let built = there.pipe("cat $script").ok().says("build the client");
    let version = built.stdout.trim().strip_prefix(&format!("{} ", there.client().display())).unwrap().to_owned();
    assert!(tarball.to_string_lossy().contains(&version), "{}", built.told());
    assert!(!built.stderr.contains("cc -"), "what make says is not shown\n{}", built.told());
    assert_eq!(fs::metadata(there.client()).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_dir(there.prefix.path().join("bin")).unwrap().count(), 1, "nothing else is in the prefix");

    let before = fs::metadata(there.client()).unwrap().modified().unwrap();
    let again = there.pipe("cat $script").ok();
    assert_eq!(again.stdout, built.stdout);
    assert!(!again.stderr.contains("build"), "{}", again.told());
    assert_eq!(fs::metadata(there.client()).unwrap().modified().unwrap(), before);

    let verify = tool("ec-cli-install").args(["verify", "-n", "--prefix"]).args([there.prefix.path()]).run().ok();
    assert_eq!(verify.document()["cli"]["client"]["tls"]["tls13"], true, "{}", verify.told());
}

#[test]
fn a_prefix_that_cannot_be_written_is_told_before_the_build() {
    let script = script(&["--method", "source", "--prefix", "/proc/valkey"]);
    let run = if is_installed("setpriv") && sh("test $(id -u) = 0").run().code == 0 {
        command("setpriv").args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh"]).stdin(script)
    } else {
        piped(&["sh"], &script)
    };
    let run = run.env("PATH", "/usr/bin:/bin").directory(Path::new("/")).run();
    assert!(run.stderr.contains("(EC4015)") && run.stderr.contains("--prefix DIR"), "{}", run.told());
    run.exits(3);
}

#[test]
fn in_a_debian_the_package_is_installed_once() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let script = script(&["--method", "package"]);
    let outcome = debian.run(
        "cat > script; sh script; dpkg --get-selections > first; sh script; dpkg --get-selections | cmp - first; \
         ls -d /tmp/ec-cli-install* 2>/dev/null || echo nothing is left",
        &script,
    );
    if outcome.stderr.contains("(EC4017)") {
        return skip("apt could not load packages");
    }
    let outcome = outcome.ok().says("load the package lists");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0].starts_with("/usr/bin/") && lines[0].contains("-cli "), "{}", outcome.told());
    assert_eq!(lines[1..], [lines[0], "nothing is left"], "{}", outcome.told());
    assert_eq!(outcome.stderr.matches("install ").count(), 2, "the second run installs nothing\n{}", outcome.told());
}

#[test]
fn in_a_debian_without_a_compiler_the_source_that_travels_along_is_built() {
    need!("debootstrap", "unshare", "chroot", "xz");
    let (Some(debian), Some(tarball)) = (Debian::here(), tarball()) else { return };
    let script = script(&["--source-tarball", tarball.to_str().unwrap()]);
    let outcome = debian.run("sh; valkey-cli --version; ls /usr/local/bin", &script);
    if outcome.stderr.contains("(EC4017)") {
        return skip("apt could not load packages");
    }
    let outcome = outcome.ok().says("install what a build needs");
    assert!(outcome.stdout.starts_with("/usr/local/bin/valkey-cli "), "{}", outcome.told());
    assert!(outcome.stdout.ends_with("\nvalkey-cli\n"), "nothing else is in the prefix\n{}", outcome.told());
}

#[test]
fn in_a_debian_who_is_not_root_is_told_so() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let script = script(&["--method", "package"]);
    debian.run("exec setpriv --reuid=65534 --regid=65534 --clear-groups sh", &script).exits(3).says("(EC4015)");
}

#[test]
fn in_a_debian_a_user_with_sudo_installs_and_leaves_nothing_of_roots() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let script = script(&["--method", "package"]);
    let outcome = debian.run(
        "cat > /script; { apt-get -qq update && apt-get -qq install -y sudo; } >/dev/null 2>&1 || exit 5; \
         useradd app; echo 'app ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/app; \
         setpriv --reuid=app --regid=app --clear-groups sh /script; ls /tmp",
        &script,
    );
    if outcome.code == 5 {
        return skip("apt could not load packages");
    }
    let outcome = outcome.ok();
    assert!(outcome.stdout.starts_with("/usr/bin/") && outcome.stdout.lines().count() == 1, "{}", outcome.told());
}

#[test]
fn in_a_debian_without_a_network_the_end_is_temporary() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let script = script(&["--method", "package"]);
    debian.run("exec unshare -n sh", &script).exits(5).says("(EC4017)");
}

#[test]
fn in_a_debian_a_lock_of_another_process_is_waited_for() {
    need!("debootstrap", "unshare", "chroot");
    let Some(debian) = Debian::here() else { return };
    let script = script(&["--method", "package"]);
    // perl is a part of every Debian. The lock is a record of struct flock, as apt itself takes it.
    let hold = r#"cat > script
        perl -e 'open(F, ">", "/var/lib/dpkg/lock-frontend"); $lock = pack("ssx4qqlx4", 1, 0, 0, 0, 0);
          fcntl(F, 6, $lock) or die; sleep 8' &
        sleep 1; sh script"#;
    let outcome = debian.run(hold, &script);
    if outcome.code == 5 {
        return skip("apt could not load packages");
    }
    outcome.ok().says("another process uses the package manager");
}
