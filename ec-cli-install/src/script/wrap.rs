//! The script, wrapped up for cloud-init and for SSM. Pure.

use std::fmt::Write;

use ec_shared::Failure;
use serde_json::json;

use super::no_script;
use crate::platform::Platform;

/// The most that user data may be, before it is encoded:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>.
const USER_DATA: usize = 16 << 10;
/// The most that a document may be: <https://docs.aws.amazon.com/general/latest/gr/ssm.html>.
const DOCUMENT: usize = 64 << 10;
/// Where cloud-init puts the script: gone with the next boot, and root's alone.
const PLACE: &str = "/run/ec-cli-install.sh";

/// The script as `#cloud-config`. The bare script is user data, too; this can be merged with other user data, whose
/// files and commands stay. cloud-init runs it once for each instance, whatever is booted after that.
///
/// # Errors
/// `EC4050` if it is longer than user data may be.
pub(super) fn cloud_init(script: &str) -> Result<String, Failure> {
    let mut text = format!(
        "#cloud-config\n\
         merge_how:\n  - name: list\n    settings: [append]\n  - name: dict\n    settings: [no_replace, recurse_list]\n\
         write_files:\n  - path: {PLACE}\n    permissions: '0700'\n    content: |\n"
    );
    for line in script.lines() {
        let _ = writeln!(text, "{}{line}", if line.is_empty() { "" } else { "      " });
    }
    let _ = write!(text, "runcmd:\n  - [sh, {PLACE}]\n");
    fits(text, USER_DATA, "user data")
}

/// The script as the content of a document of type Command, in the form that `AWS-RunShellScript` has:
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-schemas-features.html>.
///
/// # Errors
/// `EC4050` if it is longer than a document may be.
pub(super) fn ssm(script: &str, platform: &Platform) -> Result<String, Failure> {
    let system = serde_json::to_value(platform.id).unwrap_or_default();
    let kind = if system == "macos" { "MacOS" } else { "Linux" };
    let document = json!({
        "schemaVersion": "2.2",
        "description": format!("Installs a client with TLS for Valkey and Redis OSS caches on {}.", platform.name),
        "parameters": {
            "executionTimeout": {
                "type": "String",
                "description": "(Optional) Seconds after which the installation is ended, 1 to 172800.",
                "default": "3600",
                "allowedPattern":
                    "^([1-9][0-9]{0,4}|1[0-6][0-9]{4}|17[0-1][0-9]{3}|172[0-7][0-9]{2}|172800)$",
            },
        },
        "mainSteps": [{
            "action": "aws:runShellScript",
            "name": "installClient",
            "precondition": {"StringEquals": ["platformType", kind]},
            "inputs": {
                "timeoutSeconds": "{{ executionTimeout }}",
                "runCommand": script.lines().collect::<Vec<_>>(),
            },
        }],
    });
    fits(format!("{document:#}\n"), DOCUMENT, "an SSM document")
}

fn fits(text: String, most: usize, what: &str) -> Result<String, Failure> {
    if text.len() <= most {
        return Ok(text);
    }
    Err(no_script(&format!("it has {} bytes, and {what} may have {most}", text.len()))
        .hint("leave --source-tarball out, so that the machine loads the source itself; or use --format sh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_init_gets_the_script_as_a_block_and_a_command_that_runs_it() {
        let text = cloud_init("#!/bin/sh\n\n  true\n").unwrap();
        assert!(text.starts_with("#cloud-config\n"), "{text}");
        let end = "    content: |\n      #!/bin/sh\n\n        true\nruncmd:\n  - [sh, /run/ec-cli-install.sh]\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn what_is_longer_than_it_may_be_is_refused() {
        let platform = Platform::of_id("debian").unwrap();
        let script = |length: usize| "x".repeat(length);
        assert!(cloud_init(&script(15 << 10)).is_ok());
        assert_eq!(cloud_init(&script(16 << 10)).unwrap_err().code().id, "EC4050");
        assert!(ssm(&script(60 << 10), &platform).is_ok());
        assert_eq!(ssm(&script(64 << 10), &platform).unwrap_err().code().id, "EC4050");
    }
}
