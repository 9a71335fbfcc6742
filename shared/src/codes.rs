//! Finding and error codes: what each means, how to see it, how to mend it.
//!
//! `EC1xxx` belong to ec-sg, `EC2xxx` to ec-iam, `EC3xxx` to ec-probe, `EC4xxx` to ec-cli-install and `EC9xxx` to all.
//! Every tool keeps one table; `explain` prints an entry, `docs/codes.md` all of them. A code never changes its meaning.

use std::fmt::Write;

use crate::exit::Exit;

/// One entry of a table of codes.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `EC1004`.
    pub id: &'static str,
    /// The exit code of a run that ends with this; `No` for findings.
    pub exit: Exit,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What brings it about.
    pub cause: &'static str,
    /// How to see it with one's own eyes, without this tool.
    pub see: &'static str,
    /// How to mend it.
    pub fix: &'static str,
}

impl Code {
    /// The page that `explain` prints.
    pub fn page(&self) -> String {
        format!(
            "{}: {}\n\ncause:  {}\nsee it: {}\nfix:    {}\nexit:   {} ({})\n",
            self.id,
            self.title,
            self.cause,
            self.see,
            self.fix,
            self.exit.number(),
            self.exit.name()
        )
    }
}

/// A table of codes as a Markdown section.
pub fn markdown(tool: &str, table: &[&Code]) -> String {
    let mut text = format!("## {tool}\n\n| code | what | cause | see it | fix | exit |\n|---|---|---|---|---|---|\n");
    for code in table {
        let cell = |text: &str| text.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            code.id,
            cell(code.title),
            cell(code.cause),
            cell(code.see),
            cell(code.fix),
            code.exit.number()
        );
    }
    text
}

/// Declares a table of codes: one constant per code, and `TABLE` with all of them.
#[macro_export]
macro_rules! codes {
    ($($name:ident = $id:literal $exit:ident $title:literal { cause: $cause:literal, see: $see:literal, fix: $fix:literal })*) => {
        $(
            #[doc = concat!($id, ": ", $title, ".")]
            pub static $name: $crate::Code = $crate::Code {
                id: $id, exit: $crate::Exit::$exit, title: $title, cause: $cause, see: $see, fix: $fix,
            };
        )*
        /// All codes of this table, in order.
        pub static TABLE: &[&$crate::Code] = &[$(&$name),*];
    };
}

codes! {
    SYNTAX = "EC9001" Usage "the input is not JSON" {
        cause: "A byte on stdin cannot stand there in JSON. Everything before it was read; nothing after it can be.",
        see: "jq . < input",
        fix: "Look at the line and column named, and at what the command before the pipe printed."
    }
    TRUNCATED = "EC9002" Usage "the input ends in the middle of a document" {
        cause: "The command before the pipe stopped early, often with an error of its own.",
        see: "Run that command alone, and echo $?",
        fix: "Mend the command before the pipe."
    }
    NO_INPUT = "EC9003" Usage "there is no document on stdin" {
        cause: "The command before the pipe printed nothing, or stdin is a terminal.",
        see: "Run the command before the pipe alone.",
        fix: "Name the cache or the endpoint with flags, pipe a document in, or start from an empty one with -n."
    }
    NOT_A_DOCUMENT = "EC9004" Usage "a record on stdin is not a document" {
        cause: "The record is JSON, but neither an ec.connection document nor AWS CLI output that this tool knows.",
        see: "jq -c 'type, keys?' < input",
        fix: "Pipe in what ec-sg find prints, or aws elasticache describe-serverless-caches, describe-replication-groups or describe-cache-clusters."
    }
    VERSION = "EC9005" Usage "the document is of a later format" {
        cause: "Its format_version has another major number than 1.",
        see: "jq .format_version < input",
        fix: "Use the version of the tools that wrote it."
    }
    DUPLICATE_NAME = "EC9006" Usage "an object names the same key twice" {
        cause: "Programs disagree on which of two equal names counts, so neither is taken.",
        see: "Search the input for the name that the error shows.",
        fix: "Remove one of the two."
    }
    TOO_LARGE = "EC9007" Usage "one document is larger than 64 MiB" {
        cause: "A document is held in memory while it is worked on; a stream of any length is not.",
        see: "wc -c < input",
        fix: "Split it into one document a line."
    }
    FLAGS = "EC9008" Usage "the command line is not understood" {
        cause: "An unknown flag, a missing value, or flags that exclude each other.",
        see: "--help shows what there is.",
        fix: "Correct the command line."
    }
    FIELD = "EC9009" Usage "a document lacks a field, or it has the wrong type" {
        cause: "A stage before this one did not write what this one needs, or the document was edited.",
        see: "The error names the path of the field.",
        fix: "Start from ec-sg find, or give the fact with a flag."
    }
    NOT_UTF8 = "EC9010" Usage "the input is not UTF-8" {
        cause: "PowerShell and some editors write UTF-16; JSON on a pipe is UTF-8.",
        see: "file input",
        fix: "iconv -f UTF-16 -t UTF-8"
    }
    READ = "EC9021" Io "a file or stdin could not be read" {
        cause: "The operating system refused the read.",
        see: "The error names the file and the reason.",
        fix: "Check the name and its permissions."
    }
    WRITE = "EC9022" Io "stdout or a file could not be written" {
        cause: "The disk is full, or the device refuses writes.",
        see: "df -h; the error names the reason",
        fix: "Make room, then run the same command again: every verb can be repeated."
    }
    SECRET_FILE = "EC9023" Config "a secret's file is open to others" {
        cause: "The file can be read by its group or by everybody.",
        see: "ls -l FILE",
        fix: "chmod 600 FILE"
    }
    INTERRUPTED = "EC9024" Interrupted "a signal stopped the run" {
        cause: "SIGINT (exit 130), SIGTERM (143) or SIGHUP (129) came. What was begun is finished; changes that stand as planned were not begun.",
        see: "jq '.[] | objects | select(.interrupted) | .changes' < output",
        fix: "Run the same command again to do the rest, or revoke to take back what the document says was done."
    }
    BUG = "EC9099" Refused "the tool itself has failed" {
        cause: "A mistake in the program. What it had done until then is not known to be complete.",
        see: "The error names the place in the source.",
        fix: "Run the same command again: every verb can be repeated. Please report it with the place."
    }
    NO_REGION = "EC9101" Config "no AWS Region is set" {
        cause: "Neither --region, AWS_REGION, AWS_DEFAULT_REGION, the profile nor the instance names a Region.",
        see: "aws configure list",
        fix: "Give --region, or set AWS_REGION."
    }
    NO_CREDENTIALS = "EC9102" Config "no AWS credentials were found" {
        cause: "Environment, profile, IAM Identity Center, container and instance role were tried; none has credentials.",
        see: "aws sts get-caller-identity",
        fix: "aws sso login, or aws login, or set AWS_PROFILE; on EC2 attach an instance profile."
    }
    EXPIRED_CREDENTIALS = "EC9103" Config "the AWS credentials have expired" {
        cause: "Temporary credentials have an end, and it has passed.",
        see: "aws sts get-caller-identity",
        fix: "aws sso login, or renew the exported AWS_SESSION_TOKEN."
    }
    BAD_CREDENTIALS = "EC9104" Config "AWS does not accept these credentials" {
        cause: "The access key is unknown or disabled, the secret is wrong, or the clock of this machine is off.",
        see: "aws sts get-caller-identity; date -u",
        fix: "Check the key, and set the clock."
    }
    ACCESS_DENIED = "EC9105" Refused "AWS denied the call" {
        cause: "No policy allows the action, or one denies it.",
        see: "aws iam simulate-principal-policy",
        fix: "Allow the action that the error names; ec-iam policy prints a statement."
    }
    NOT_FOUND = "EC9106" Refused "AWS has no such resource" {
        cause: "The name is wrong, or the resource is in another Region or account.",
        see: "aws elasticache describe-serverless-caches; aws ec2 describe-instances",
        fix: "Check name, Region and account (ec-iam whoami)."
    }
    REFUSED = "EC9107" Refused "AWS refused the request" {
        cause: "A value is invalid, a quota is used up, or the resource is in a state that forbids it.",
        see: "The error carries AWS's code and message.",
        fix: "AWS's message says what to change."
    }
    THROTTLED = "EC9108" Temporary "AWS throttled the calls" {
        cause: "Too many calls for this account and Region, also after the retries.",
        see: "The error carries the number of attempts.",
        fix: "Wait, then run the same command again."
    }
    TIMEOUT = "EC9109" Temporary "AWS did not answer in time" {
        cause: "The endpoint accepted the connection and stayed silent, or the network lost the answer.",
        see: "curl -v ENDPOINT",
        fix: "Check proxy and endpoint URL, then run the same command again."
    }
    UNREACHABLE = "EC9110" Temporary "the AWS endpoint cannot be reached" {
        cause: "DNS, the route, a proxy or TLS to the endpoint failed.",
        see: "curl -v ENDPOINT",
        fix: "Check the network, HTTPS_PROXY, AWS_ENDPOINT_URL and AWS_CA_BUNDLE."
    }
    SERVER_ERROR = "EC9111" Temporary "AWS failed inside" {
        cause: "The service answered with a server error, also after the retries.",
        see: "The error carries AWS's request id.",
        fix: "Run the same command again; give AWS the request id if it stays."
    }
    BAD_NAME = "EC9112" Usage "a name is not of AWS's form" {
        cause: "A cache name, user id or identifier has characters or a form that AWS does not allow.",
        see: "The error shows which.",
        fix: "Give the name as the console shows it, not an endpoint and not an ARN of another kind."
    }
}
