//! Every `$` line of the README, run in order in one scene: an emulator with a cache `orders`, a client, a role `app`,
//! and a real TLS Valkey behind the cache's endpoint.
//!
//! Lines below a command are what it must print; `…` stands for any text within a line, or, alone, for any number of
//! lines. A command must succeed unless `# exit N` stands behind it.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ec_tests::{Certs, Ministack, MinistackOptions, Scene, Valkey, ValkeyOptions, environment, need, sh};

/// The client in the README, for which the scene's instance is put.
const CLIENT: &str = "i-0abc";

/// What `aws elasticache describe-serverless-caches` prints, from the emulator, by the SDK that the AWS CLI is made of.
const AWS: &str = r#"
import json, os, sys
import boto3
assert sys.argv[1:] == ["elasticache", "describe-serverless-caches"], sys.argv
answer = boto3.client("elasticache", region_name=os.environ["AWS_REGION"]).describe_serverless_caches()
del answer["ResponseMetadata"]
print(json.dumps(answer, default=str, indent=4))
"#;

#[test]
fn every_line_of_the_readme_does_what_the_readme_says() {
    need!("valkey-server", "valkey-cli", "ministack", "jq");
    let certs = Certs::new();
    let user = "app on >readme-password ~* &* +@all".to_owned();
    let valkey =
        Valkey::with(ValkeyOptions { tls: Some(certs.server()), users: vec![user], ..ValkeyOptions::default() });
    let endpoint = format!("localhost:{}", valkey.port());
    let ministack = Ministack::start(&MinistackOptions {
        cache: Some(("localhost".to_owned(), valkey.port())),
        ..MinistackOptions::default()
    });
    let scene = Scene::set(&ministack.url(), "orders");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    scene.aws.call("iam", "CreateRole", &[("RoleName", "app"), ("AssumeRolePolicyDocument", trust)]);
    let desk = tempfile::tempdir().expect("a scratch directory");
    put_aws_cli(desk.path());

    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("the README");
    let commands = commands(&readme);
    assert!(commands.len() > 15, "the README has lost its examples: {}", commands.len());
    for command in commands {
        let script = format!(
            "exec < /dev/null; PATH={}:$PATH; {}",
            desk.path().display(),
            command.line.replace(CLIENT, &scene.instance)
        );
        let outcome = sh(&script)
            .aws(&ministack.url())
            .env("ENDPOINT", &endpoint)
            .env("EC_USER", "app")
            .env("REDISCLI_AUTH", "readme-password")
            .env("EC_CAFILE", certs.ca())
            .directory(desk.path())
            .run()
            .exits(command.exit);
        let printed: Vec<&str> = outcome.stdout.lines().collect();
        assert!(
            command.output.is_empty() || matches(&command.output, &printed),
            "the README says\n{}\n\n{}",
            command.output.join("\n"),
            outcome.told()
        );
    }
}

/// Puts an `aws` on the desk that answers from the emulator.
fn put_aws_cli(desk: &Path) {
    let script = desk.join("aws");
    fs::write(&script, format!("#!{}/bin/python3\n{AWS}", environment().display())).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("an executable script");
}

struct Command {
    line: String,
    exit: i32,
    output: Vec<String>,
}

fn commands(readme: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let blocks = readme.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines) {
        if let Some(line) = line.strip_prefix("$ ") {
            let (line, exit) = line.split_once(" # exit ").unwrap_or((line, "0"));
            let exit = exit.parse().expect("`# exit` is followed by a number");
            commands.push(Command { line: line.to_owned(), exit, output: Vec::new() });
        } else if let Some(command) = commands.last_mut() {
            command.output.push(line.to_owned());
        }
    }
    commands
}

/// Whether what was printed is what the README shows.
fn matches(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any == "…" => (0..=printed.len()).any(|skip| matches(rest, &printed[skip..])),
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, others)| line_matches(line, first) && matches(rest, others))
        }
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((head, tail)) => printed.starts_with(head) && printed[head.len()..].ends_with(tail),
    }
}

#[test]
fn an_ellipsis_stands_for_text_in_a_line_or_for_lines() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&shown("a\n…\nz"), &["a", "b", "c", "z"]));
    assert!(matches(&shown("a … z"), &["a b c z"]));
    assert!(!matches(&shown("a\n…\nz"), &["a", "b"]));
    assert!(!matches(&shown("a"), &["a", "b"]));
}
