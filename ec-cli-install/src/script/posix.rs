//! A plan as one POSIX sh file. Pure.
//!
//! The functions that never change are files of their own, `functions.sh` and `build.sh`; here they meet the steps of the
//! recipe. Everything stands in one pair of braces, which a shell reads to its end before it runs any of it.

use std::fmt::Write as _;
use std::io::Write as _;

use ec_shared::{Code, Failure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::codes;
use crate::plan::{Plan, Todo};
use crate::platform::Platform;
use crate::recipe::{Act, Alternative, Manager, Recipe, Step, quoted};
use crate::source::{Tarball, sha256_of};

const FUNCTIONS: &str = include_str!("functions.sh");
const BUILD: &str = include_str!("build.sh");

/// A tarball that travels in the script, compressed with gzip, which is on every machine, as xz is not.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    /// Its path and SHA-256 on this machine, as the steps of the plan name them.
    here: (String, String),
    /// Its name and SHA-256 on the other.
    there: (&'static str, String),
    bytes: Vec<u8>,
}

impl Payload {
    /// Takes what is in `tarball`, and so what was checked.
    ///
    /// # Errors
    /// `EC9021` if it cannot be compressed.
    pub(super) fn of(tarball: &Tarball) -> Result<Self, Failure> {
        let path = tarball.path.display().to_string();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let bytes = gzip.write_all(tarball.plain()).and_then(|()| gzip.finish()).map_err(|error| {
            Failure::new(&ec_shared::codes::READ, format!("cannot compress {path} for the script")).because(error)
        })?;
        let there = ("valkey.tar.gz", sha256_of(&bytes));
        Ok(Self { here: (path, tarball.sha256.clone()), there, bytes })
    }

    /// A command of the plan as it is on the other machine.
    fn told_there(&self, command: &str) -> String {
        let ((path, sha256), (name, new_sha256)) = (&self.here, &self.there);
        // Inside quotes, too, where a quote is written as four characters.
        let within = path.replace('\'', r"'\''");
        command.replace(sha256, new_sha256).replace(&quoted(path), name).replace(&within, name)
    }

    fn step(&self) -> Action {
        let text = base64_simd::STANDARD.encode_to_string(&self.bytes);
        let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let body = format!("base64 -d >{} <<'END'\n{}\nEND", self.there.0, lines.join("\n"));
        Action { purpose: "take the source out of this script".to_owned(), body, blame: &codes::BAD_ARCHIVE }
    }
}

/// One step as the script takes it.
struct Action {
    purpose: String,
    /// What stands in its function.
    body: String,
    /// What its failure is called.
    blame: &'static Code,
}

/// The script that carries out `plan` on a machine with the system `platform`.
pub(super) fn script(platform: &Platform, plan: &Plan, payload: Option<&Payload>) -> String {
    let mut script = head(platform, plan);
    script.push_str(FUNCTIONS);
    match &plan.todo {
        Todo::Source { target, version, .. } => {
            script.push_str(BUILD);
            let _ = write!(
                script,
                "\ntarget={}\nversion={}\n",
                quoted(&target.display().to_string()),
                quoted(version.as_deref().unwrap_or_default())
            );
            build(&mut script, platform, &plan.recipe, payload, &target.display().to_string());
        }
        Todo::Package { manager, .. } => package(&mut script, *manager, &plan.recipe),
        // Of a machine that cannot be seen, no client is kept.
        Todo::Keep(_) | Todo::Image => {}
    }
    // Nobody may read the script instead of running it: `ssh HOST sh` reads it from stdin.
    script.push_str("\nmain \"$@\" </dev/null\n}\n");
    script
}

fn head(platform: &Platform, plan: &Plan) -> String {
    let what = match &plan.todo {
        Todo::Package { package, .. } => format!("the package {}", package.name),
        Todo::Source { target, .. } => format!("{}, built from source", target.display()),
        Todo::Keep(client) => client.title(),
        Todo::Image => String::new(),
    };
    let (id, version) = os_release(platform);
    let mut head = format!(
        "#!/bin/sh\n\
         {{ # Nothing runs before all of it is read: a script that was cut off is a syntax error.\n\n\
         # A client with TLS for Valkey and Redis OSS caches on {}: {}.\n\
         # Written by ec-cli-install {}. It changes nothing where there is one already.\n\
         # Exit status: 0 ok, 1 no, 2 another system, 3 cannot run here, 4 refused, 5 temporary, 7 input or output.\n",
        one_line(&platform.name),
        one_line(&what),
        env!("CARGO_PKG_VERSION")
    );
    for alternative in &plan.recipe.alternatives {
        let _ =
            writeln!(head, "# Or, when {}: {}", one_line(&alternative.when), one_line(&alternative.step.as_typed()));
    }
    let _ = write!(
        head,
        "set -eu\n\nsystem={}\nsystem_id={}\nsystem_version={}\n\n",
        quoted(&one_line(&platform.name)),
        quoted(&id),
        quoted(&version)
    );
    head
}

/// `ID` and `VERSION_ID` that the system has in its os-release; nothing where any system will do.
fn os_release(platform: &Platform) -> (String, String) {
    let id = serde_json::to_value(platform.id).ok().and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    let version = platform.version.clone().unwrap_or_default();
    match id.as_str() {
        "amazon-linux-2023" => ("amzn".to_owned(), "2023".to_owned()),
        "amazon-linux-2" => ("amzn".to_owned(), "2".to_owned()),
        "oracle-linux" => ("ol".to_owned(), version),
        "centos-stream" => ("centos".to_owned(), version),
        "other" | "linux" => (String::new(), String::new()),
        _ => (id, version),
    }
}

/// The steps of a package. Where the best package cannot be had, the next one is taken.
fn package(script: &mut String, manager: Manager, recipe: &Recipe) {
    let Some((last, before)) = recipe.steps.split_last() else { return };
    let mut main = String::from("main() {\n  begin\n  if ! find_client; then\n");
    if recipe.steps.iter().any(|step| step.sudo) {
        main.push_str("    need_root 'install a package'\n");
    }
    main.push_str("    enter_work\n");
    let mut steps = Steps { script, count: 0 };
    let fresh = steps.refresh(manager, recipe);
    for step in before {
        let step = of_manager(step);
        let _ = writeln!(main, "    {} || {}", steps.try_fresh(&step, fresh.as_deref()), step.stopped());
    }
    let last = of_manager(last);
    let mut choices = vec![steps.try_fresh(&last, fresh.as_deref())];
    // Not all of them install: who enables a repository of somebody else's decides so.
    let installs = |alternative: &&Alternative| alternative.step.act == Act::Packages;
    let others = recipe.alternatives.iter().filter(installs);
    choices.extend(others.map(|alternative| steps.try_once(&of_manager(&alternative.step))));
    let _ = write!(
        main,
        "    {} ||\n      {}\n    find_client || fail EC4001 1 'the package is installed, and no client with TLS is found'\n  fi\n  prove\n}}\n",
        choices.join(" ||\n      "),
        last.stopped()
    );
    let _ = write!(script, "\n{main}");
}

/// The steps of a build. What it needs is installed only where it is missing, and what it gives is looked at before it
/// takes the place of what was there.
fn build(script: &mut String, platform: &Platform, recipe: &Recipe, payload: Option<&Payload>, target: &str) {
    let is_source = |step: &Step| matches!(step.act, Act::Load | Act::Check);
    let first = recipe.steps.iter().position(is_source).unwrap_or_default();
    let (tools, source) = recipe.steps.split_at(first);
    let mut main = String::from("main() {\n  begin\n  if ! is_there; then\n    can_put\n");
    if tools.iter().any(|step| step.sudo) {
        main.push_str("    has_toolchain || need_root 'install what a build needs'\n");
    }
    main.push_str("    enter_work\n");
    let mut steps = Steps { script, count: 0 };
    if !tools.is_empty() {
        let fresh = Manager::of(platform).and_then(|manager| steps.refresh(manager, recipe));
        main.push_str("    if ! has_toolchain; then\n");
        for step in tools {
            let step = of_manager(step);
            let _ = writeln!(main, "      {} || {}", steps.try_fresh(&step, fresh.as_deref()), step.stopped());
        }
        main.push_str("    fi\n");
    }
    main.push_str(
        "    has_toolchain || fail EC4031 3 'cannot build without make, cc and the headers of OpenSSL' \\\n      \
         'install them with the package manager of this system'\n",
    );
    let sum = if source.iter().any(|step| step.command.contains("shasum ")) { "shasum" } else { "sha256sum" };
    let _ = writeln!(main, "    need tar gzip {sum}{}", if payload.is_some() { " base64" } else { "" });
    let mut is_built = false;
    for action in
        payload.map(Payload::step).into_iter().chain(source.iter().map(|step| of_source(step, payload, target)))
    {
        if is_built {
            main.push_str("    check_built\n");
        }
        is_built = *action.blame == codes::BUILD_FAILED;
        let _ = writeln!(main, "    {} || {}", steps.try_once(&action), action.stopped());
    }
    main.push_str("  fi\n  client=$target\n  prove\n}\n");
    let _ = write!(script, "\n{main}");
}

/// The functions of the steps, as they are declared one after the other.
struct Steps<'a> {
    script: &'a mut String,
    count: usize,
}

impl Steps<'_> {
    /// Declares a step, and gives the line that tries it.
    fn try_once(&mut self, action: &Action) -> String {
        self.count += 1;
        let name = format!("step_{}", self.count);
        let _ = write!(self.script, "\n{name}() {{\n  {}\n}}\n", action.body);
        format!("try {name} {}", quoted(&action.purpose))
    }

    /// Declares the step that loads the package lists, where the manager does not do so by itself. Lists that are there
    /// may do: nothing is loaded before an installation has failed.
    fn refresh(&mut self, manager: Manager, recipe: &Recipe) -> Option<String> {
        let words: Vec<String> = manager.refresh()?.into_iter().map(quoted).collect();
        let needs_root = recipe.steps.iter().any(|step| step.sudo);
        let body = if needs_root { format!("as_root {}", words.join(" ")) } else { words.join(" ") };
        Some(self.try_once(&Action {
            purpose: "load the package lists".to_owned(),
            body,
            blame: &codes::MANAGER_FAILED,
        }))
    }

    /// The same as [`try_once`](Self::try_once), and once more with fresh package lists.
    fn try_fresh(&mut self, action: &Action, refresh: Option<&str>) -> String {
        let once = self.try_once(action);
        match refresh {
            // One repository of many that cannot be reached is no reason to give up.
            Some(refresh) => format!("{once} ||\n      {{ {refresh} || :; {once}; }}"),
            None => once,
        }
    }
}

fn of_manager(step: &Step) -> Action {
    let body = if step.sudo { run_by("as_root", &step.command) } else { step.command.clone() };
    Action { purpose: step.purpose.clone(), body, blame: &codes::MANAGER_FAILED }
}

/// The command, run by a function of the script; several commands at once take a shell of their own.
fn run_by(function: &str, command: &str) -> String {
    if command.contains([';', '|', '&']) {
        format!("{function} sh -c {}", quoted(command))
    } else {
        format!("{function} {command}")
    }
}

/// A step that loads, checks, unpacks, builds or puts into place.
fn of_source(step: &Step, payload: Option<&Payload>, target: &str) -> Action {
    let mut body = payload.map_or_else(|| step.command.clone(), |payload| payload.told_there(&step.command));
    let blame = match step.act {
        Act::Load => {
            body = with_wget(&body, step);
            &codes::NOT_LOADED
        }
        Act::Check => &codes::CHECKSUM,
        Act::Unpack => &codes::BAD_ARCHIVE,
        Act::Build => &codes::BUILD_FAILED,
        Act::Packages | Act::Other => {
            body = if step.sudo { run_by("as_owner", &body) } else { body };
            body = if step.files.is_empty() { body } else { at_once(&body, target) };
            &codes::PREFIX
        }
    };
    Action { purpose: step.purpose.clone(), body, blame }
}

/// The command, or wget's where there is no curl.
fn with_wget(command: &str, step: &Step) -> String {
    let file = command.split(' ').skip_while(|word| !matches!(*word, "-o" | "-O")).nth(1);
    match (file, &step.download) {
        (Some(file), Some(download)) if command.starts_with("curl ") => {
            format!("if has curl; then {command}; else wget -O {file} {}; fi", quoted(&download.url))
        }
        _ => command.to_owned(),
    }
}

/// `install … TARGET`, so that whoever looks sees the old client or the new one, and two scripts at once do not mix theirs.
fn at_once(command: &str, target: &str) -> String {
    match command.strip_suffix(&quoted(target)) {
        Some(command) => format!(
            "if {command}\"$target.$$\" && as_owner mv -f \"$target.$$\" \"$target\"; then return 0; fi\n  \
             as_owner rm -f \"$target.$$\"\n  return 1"
        ),
        None => command.to_owned(),
    }
}

impl Action {
    fn stopped(&self) -> String {
        format!("stop {} {} {}", self.blame.id, self.blame.exit.number(), quoted(self.blame.fix))
    }
}

/// Text of a comment.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Download;

    fn step(command: &str) -> Step {
        Step {
            purpose: String::new(),
            command: command.to_owned(),
            sudo: true,
            download: None,
            files: Vec::new(),
            disk_mib: None,
            estimated_s: None,
            act: Act::Other,
        }
    }

    #[test]
    fn each_step_of_a_build_is_blamed_for_its_own_fault() {
        for (act, command, blame, body) in [
            (Act::Check, "echo 'ab  v.tgz' | sha256sum -c", "EC4021", "echo 'ab  v.tgz' | sha256sum -c"),
            (Act::Unpack, "mkdir b && tar xf v.tgz -C b", "EC4022", "mkdir b && tar xf v.tgz -C b"),
            (Act::Build, "make valkey-cli BUILD_TLS=yes", "EC4032", "make valkey-cli BUILD_TLS=yes"),
            (Act::Other, "mkdir -p /opt/bin", "EC4034", "as_owner mkdir -p /opt/bin"),
        ] {
            let action = of_source(&Step { act, ..step(command) }, None, "/opt/bin/valkey-cli");
            assert_eq!((action.blame.id, action.body.as_str()), (blame, body));
        }
        let install = Step { files: vec!["/opt/c".to_owned()], ..step("install -m 755 src/c /opt/c") };
        let action = of_source(&install, None, "/opt/c");
        let expected = r#"if as_owner install -m 755 src/c "$target.$$" && as_owner mv -f "$target.$$" "$target"; then return 0; fi
  as_owner rm -f "$target.$$"
  return 1"#;
        assert_eq!(action.body, expected);
    }

    #[test]
    fn root_runs_all_of_a_step_or_nothing_of_it() {
        assert_eq!(of_manager(&step("dnf install -y valkey")).body, "as_root dnf install -y valkey");
        assert_eq!(of_manager(&step("a && b")).body, "as_root sh -c 'a && b'");
    }

    #[test]
    fn wget_loads_where_there_is_no_curl() {
        let download = Download { url: "https://example.com/v".to_owned(), sha256: String::new() };
        let load =
            Step { download: Some(download), act: Act::Load, ..step("curl -fsSL -o v.tgz https://example.com/v") };
        assert_eq!(
            of_source(&load, None, "/c").body,
            "if has curl; then curl -fsSL -o v.tgz https://example.com/v; else wget -O v.tgz https://example.com/v; fi"
        );
    }

    #[test]
    fn a_tarball_that_travels_along_has_another_name_there() {
        let here = ("/home/it's/v.txz".to_owned(), "ab".to_owned());
        let payload = Payload { here, there: ("valkey.tar.gz", "cd".to_owned()), bytes: b"ab".to_vec() };
        for (command, there) in [
            (r"tar xf '/home/it'\''s/v.txz'", "tar xf valkey.tar.gz"),
            (r"echo 'ab  /home/it'\''s/v.txz' | sha256sum -c", "echo 'cd  valkey.tar.gz' | sha256sum -c"),
        ] {
            let step = Step { act: Act::Check, ..step(command) };
            assert_eq!(of_source(&step, Some(&payload), "/c").body, there);
        }
        assert_eq!(payload.step().body, "base64 -d >valkey.tar.gz <<'END'\nYWI=\nEND");
    }

    #[test]
    fn a_system_is_known_by_its_os_release() {
        for (os, id, version) in [
            ("amazon-linux-2023", "amzn", "2023"),
            ("amazon-linux-2", "amzn", "2"),
            ("debian-12", "debian", "12"),
            ("ubuntu", "ubuntu", ""),
        ] {
            assert_eq!(os_release(&Platform::of_id(os).unwrap()), (id.to_owned(), version.to_owned()));
        }
        assert_eq!(os_release(&Platform::of_os_release("ID=void\n")), (String::new(), String::new()));
    }
}
