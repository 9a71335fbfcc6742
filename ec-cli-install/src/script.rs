//! The plan as a script for another machine: one POSIX shell file that needs nothing of ours there, or that file wrapped up
//! for cloud-init or for SSM. It is made of flags alone: a script is for a machine, whatever cache it will connect to.

mod posix;
mod wrap;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ec_shared::document::Document;
use ec_shared::output::Output;
use ec_shared::{Exit, Failure};

use crate::codes;
use crate::machine::Machine;
use crate::platform::Platform;
use crate::request::{Method, Request, sha256};
use crate::verbs::{Asked, Work};

use posix::Payload;

/// Flags of `script`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
On the other machine nothing is needed but a shell, and root, or sudo that asks for no password:
  ec-cli-install script --os amazon-linux-2023 | ssh HOST sh
  ec-cli-install script --os amazon-linux-2023 --format ssm |
    aws ssm create-document --name install-valkey-cli --document-type Command --content file:///dev/stdin
  aws ec2 run-instances --user-data \"$(ec-cli-install script --os amazon-linux-2023 --format cloud-init)\" ...")]
pub struct ScriptFlags {
    /// The system that it is for [default: this machine's]
    #[arg(long, value_name = "ID", value_parser = Platform::of_id)]
    os: Option<Platform>,
    /// How to install [default: package where the system has one]
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
    /// Where a built client goes on that machine: DIR/bin [default: /usr/local]
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Tarball of Valkey's source that travels in the script, for a machine that can load nothing
    #[arg(long, value_name = "FILE", group = "from")]
    source_tarball: Option<PathBuf>,
    /// Address that the machine loads the source from, such as a mirror's [default: the release on GitHub]
    #[arg(long, value_name = "URL", group = "from")]
    source_url: Option<String>,
    /// SHA-256 that the source must have [default for --source-url: the known release's]
    #[arg(long, value_name = "HEX", requires = "from", value_parser = sha256)]
    sha256: Option<String>,
    /// What the script is wrapped in
    #[arg(long, value_name = "FORMAT", default_value = "sh")]
    format: Format,
}

/// What the script is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Nothing: a shell script, which is also user data of its own
    Sh,
    /// User data for cloud-init, which can be merged with other user data
    CloudInit,
    /// An SSM Command document
    Ssm,
}

/// Prints the script.
///
/// # Errors
/// `EC4050` if there can be none, and as [`Work::decide`].
pub fn run(flags: ScriptFlags, output: &mut Output) -> Result<Exit, Failure> {
    output.answer(text(flags)?.as_bytes());
    Ok(Exit::Ok)
}

fn text(flags: ScriptFlags) -> Result<String, Failure> {
    let mut machine = Machine::here();
    let platform = flags.os.unwrap_or_else(|| machine.platform.clone());
    if let Some(prefix) = flags.prefix.as_ref().filter(|prefix| !prefix.is_absolute()) {
        return Err(no_script(&format!("--prefix {} is a relative path", prefix.display()))
            .hint("name the directory as that machine knows it, from / on"));
    }
    let request = Request {
        method: flags.method,
        source_tarball: flags.source_tarball,
        source_url: flags.source_url,
        sha256: flags.sha256,
        prefix: flags.prefix,
        ..Request::default()
    };
    // With a system named, the plan is one for another machine, of which nothing else is known.
    let asked = Asked { request, os: Some(platform.clone()), ..Asked::default() };
    let (plan, tarball) = Work::begin(&mut machine, &asked, "plan", &Document::empty())?.decide(None)?;
    if plan.recipe.steps.is_empty() {
        return Err(no_script(&format!("nothing can be installed on {}", platform.name))
            .hint("ec-cli-install plan --os ID shows how the client gets there"));
    }
    let payload = tarball.as_ref().map(Payload::of).transpose()?;
    let script = posix::script(&platform, &plan, payload.as_ref());
    match flags.format {
        Format::Sh => Ok(script),
        Format::CloudInit => wrap::cloud_init(&script),
        Format::Ssm => wrap::ssm(&script, &platform),
    }
}

fn no_script(why: &str) -> Failure {
    Failure::new(&codes::NO_SCRIPT, "cannot write the script").because(why)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn flags(os: &str) -> ScriptFlags {
        ScriptFlags {
            os: Some(Platform::of_id(os).unwrap()),
            method: None,
            prefix: None,
            source_tarball: None,
            source_url: None,
            sha256: None,
            format: Format::Sh,
        }
    }

    /// The lines of the script, each without its indentation.
    fn lines(flags: ScriptFlags) -> Vec<String> {
        text(flags).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn where_the_best_package_cannot_be_had_the_next_one_is_taken() {
        let script = text(flags("amazon-linux-2023")).unwrap();
        let order = [
            "as_root dnf install -y valkey\n",
            "as_root dnf install -y --releasever=latest valkey\n",
            "as_root dnf install -y redis6\n",
            "try step_1 'install valkey, which holds valkey-cli' ||\n",
            "try step_2 'install valkey of the latest repository' ||\n",
            "try step_3 'install redis6, which holds redis6-cli' ||\n      stop EC4016 4 ",
        ];
        let places: Vec<_> = order.iter().map(|text| script.find(text).expect(text)).collect();
        assert!(places.is_sorted(), "{script}");
    }

    #[test]
    fn a_system_with_a_compiler_installs_none_and_a_prefix_of_ones_own_takes_no_root() {
        let script = lines(ScriptFlags { prefix: Some("/home/app/it's".into()), ..flags("amazon-linux-2") });
        for line in [
            r"target='/home/app/it'\''s/bin/valkey-cli'",
            "has_toolchain || need_root 'install what a build needs'",
            "if ! has_toolchain; then",
            "can_put",
            "check_built",
        ] {
            assert!(script.iter().any(|of_script| of_script == line), "{line}");
        }
        let put = script.iter().find(|line| line.starts_with("if as_owner install")).unwrap();
        assert!(put.ends_with(r#" "$target.$$" && as_owner mv -f "$target.$$" "$target"; then return 0; fi"#), "{put}");
    }

    #[test]
    fn the_source_is_checked_before_it_is_unpacked_and_the_client_before_it_is_put_into_place() {
        let script = text(flags("amazon-linux-2")).unwrap();
        let main = &script[script.rfind("main() {").unwrap()..];
        let order =
            ["'load the source", "'check that", "'unpack it", "'build the client", "check_built", "'install it'"];
        let places: Vec<_> = order.iter().map(|text| main.find(text).expect(text)).collect();
        assert!(places.is_sorted(), "{main}");
    }

    #[test]
    fn what_the_script_says_has_codes_of_ours_with_their_exit_status() {
        let said: BTreeSet<(String, String)> = ["amazon-linux-2023", "amazon-linux-2", "debian"]
            .into_iter()
            .flat_map(|os| lines(flags(os)))
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let at = words.iter().position(|word| *word == "fail" || *word == "stop")?;
                let (code, exit) = (words.get(at + 1)?, words.get(at + 2)?);
                code.starts_with("EC").then(|| ((*code).to_owned(), (*exit).to_owned()))
            })
            .collect();
        assert!(said.len() > 10, "{said:?}");
        for (id, exit) in said {
            let code = codes::TABLE.iter().chain(ec_shared::codes::TABLE).find(|code| code.id == id);
            assert_eq!(code.map(|code| code.exit.number().to_string()), Some(exit), "{id}");
        }
    }

    #[test]
    fn a_relative_prefix_means_nothing_on_another_machine() {
        let failure = text(ScriptFlags { prefix: Some("local".into()), ..flags("debian") }).unwrap_err();
        assert_eq!(failure.code().id, "EC4050");
    }

    #[test]
    fn an_ssm_document_runs_the_very_script_and_has_no_other_parameter_in_it() {
        let script = text(flags("amazon-linux-2023")).unwrap();
        assert!(!script.contains("{{"));
        let document = text(ScriptFlags { format: Format::Ssm, ..flags("amazon-linux-2023") }).unwrap();
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        let run = document["mainSteps"][0]["inputs"]["runCommand"].as_array().unwrap();
        let run: Vec<&str> = run.iter().filter_map(serde_json::Value::as_str).collect();
        assert_eq!(run.join("\n") + "\n", script);
    }
}
