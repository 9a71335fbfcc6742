//! The flags that every tool takes, and the verbs that every tool has.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::output::{Color, ErrorFormat, Format, Output};

/// Flags about output and time.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// What stdout carries [default: json in a pipe, text at a terminal]
    #[arg(short, long, global = true, value_name = "FORMAT", env = "EC_OUTPUT")]
    pub output: Option<Format>,
    /// Says nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Says more on stderr: every call and command
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// How errors are written to stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", env = "EC_ERROR_FORMAT")]
    pub error_format: ErrorFormat,
    /// Starts from an empty document instead of reading stdin
    #[arg(short = 'n', long, global = true)]
    pub null_input: bool,
    /// Bound of a probe or an installation, or of each call to AWS: 500ms, 10s, 2m
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, env = "EC_TIMEOUT")]
    pub timeout: Option<Duration>,
}

impl Common {
    /// The voices that these flags ask for.
    pub fn output(&self, tool: &'static str) -> Output {
        Output::new(tool, self.output, self.error_format, self.color).loudness(self.quiet, self.verbose)
    }
}

/// Flags about AWS. Each comes before its environment variable, and that before the profile.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS options")]
pub struct AwsFlags {
    /// Profile in the AWS configuration files [env: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS Region [env: AWS_REGION, AWS_DEFAULT_REGION]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// Address of the AWS API, for emulators and private endpoints [env: AWS_ENDPOINT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Certificates of authorities to trust beside the system's [env: AWS_CA_BUNDLE]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_bundle: Option<std::path::PathBuf>,
}

/// The flag that keeps a verb out of every account but one.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS options")]
pub struct AccountFlag {
    /// Refuses to work in any other account
    #[arg(long, global = true, value_name = "ID", value_parser = account, env = "EC_EXPECT_ACCOUNT")]
    pub expect_account: Option<String>,
}

/// The verbs that every tool has.
#[derive(Clone, Debug, Subcommand)]
pub enum Meta {
    /// Tells what a code means, how to see it and how to fix it; without a code, the tool's table as Markdown
    Explain {
        /// A code, such as EC9001, or `shared` for the table that all tools share
        code: Option<String>,
    },
    /// Prints the JSON Schema of the document
    Schema,
    /// Prints a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page
    Man,
}

/// Reads a duration: `500ms`, `10s`, `2m`, or seconds as a plain number.
///
/// # Errors
/// A sentence for clap to show.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a duration is written 500ms, 10s or 2m".to_owned()),
    };
    let seconds = number.parse::<f64>().map_err(|_| "a duration begins with a number".to_owned())? * factor;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && seconds <= 86_400.0 => Ok(duration),
        _ => Err("a duration lies between 1ms and 24 hours".to_owned()),
    }
}

/// Reads an account as AWS writes it: 12 digits. An empty variable is refused, too: it comes of a script that lacks a
/// value, and must not open every account.
fn account(text: &str) -> Result<String, String> {
    if is_account(text) {
        Ok(text.to_owned())
    } else {
        Err("an account is 12 digits, as `aws sts get-caller-identity` prints it".to_owned())
    }
}

/// Whether a text has the form of an account id: 12 digits.
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "0", "s", "5h", "1e99", "-1"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_account_is_twelve_digits() {
        #[derive(Parser)]
        struct Flags {
            #[command(flatten)]
            account: AccountFlag,
        }
        let read = |id: &str| Flags::try_parse_from(["tool", "--expect-account", id]).map(|flags| flags.account);
        assert_eq!(read("000123456789").unwrap().expect_account.as_deref(), Some("000123456789"));
        for wrong in ["", "12345678901", "1234567890123", "1234-5678-9012", "12345678901x", "١٢٣٤٥٦"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
