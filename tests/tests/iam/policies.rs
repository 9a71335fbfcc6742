//! What `ec-iam policy` prints: taken by IAM, enough for the verb that it is for, and no more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ec_tests::{Aws, Ministack, MinistackOptions, Moto, Scene, element, need, tool};
use serde_json::Value;

/// The policy for a purpose, with everything that makes it narrow.
fn policy(purpose: &str, account: &str) -> Value {
    let arn = format!("arn:aws:elasticache:us-east-1:{account}:serverlesscache:orders");
    let args = ["policy", "--for", purpose, "--cache-arn", &arn, "--user", "app", "--principal", "role/app"];
    serde_json::from_str(&tool("ec-iam").args(args).run().ok().stdout).unwrap_or_default()
}

#[test]
fn iam_takes_every_policy_that_is_printed() {
    need!("moto_server");
    let aws = Aws::at(&Moto::shared().url());
    let listed = tool("ec-iam").args(["policy", "--for", "?"]).run().exits(2).stderr;
    let purposes: Vec<&str> = listed.trim().split_once("--for takes: ").unwrap().1.split(", ").collect();
    assert!(purposes.contains(&"setup") && purposes.contains(&"ec-sg apply"), "{purposes:?}");
    for (number, purpose) in purposes.into_iter().enumerate() {
        let (name, document) = (format!("printed-{number}"), policy(purpose, "123456789012").to_string());
        aws.call("iam", "CreatePolicy", &[("PolicyName", &name), ("PolicyDocument", &document)]);
    }
}

/// The calls that ec-sg's source names, against those that the policies for its verbs allow.
#[test]
fn the_policies_for_ec_sg_have_every_call_of_ec_sg_and_no_other() {
    let call = |rest: &str| {
        let mut words = rest.trim_start().strip_prefix('"')?.split('"');
        Some(format!("{}:{}", words.next()?, words.nth(1)?))
    };
    let mut calls = BTreeSet::new();
    for file in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../ec-sg/src/aws"))) {
        let source = std::fs::read_to_string(file).unwrap();
        calls.extend(source.split(".call(").skip(1).filter_map(call));
    }
    // No call of its own: what AWS asks for to create a rule with tags.
    calls.insert("ec2:CreateTags".to_owned());
    // No verb asks for a VPC: its subnets tell all that counts.
    assert!(calls.remove("ec2:DescribeVpcs"), "there is nothing to leave out any more");
    let mut allowed = BTreeSet::new();
    for verb in ["find", "check", "plan", "apply", "apply --attach-group", "revoke", "audit"] {
        for statement in policy(&format!("ec-sg {verb}"), "123456789012")["Statement"].as_array().unwrap() {
            allowed.extend(
                statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()),
            );
        }
    }
    assert_eq!(calls, allowed);
}

/// The sources of a module: `aws.rs`, and what is below `aws/`.
fn sources(module: &Path) -> Vec<PathBuf> {
    let mut files = vec![module.with_extension("rs")];
    for entry in std::fs::read_dir(module).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if !path.with_extension("").is_dir() {
            files.push(path);
        }
    }
    files
}

#[test]
fn our_own_policies_are_enough_for_every_verb_of_ec_sg() {
    need!("ministack");
    let ministack = Ministack::start(&MinistackOptions { enforce_iam: true, ..MinistackOptions::default() });
    let scene = Scene::set(&ministack.url(), "orders");
    scene.aws.call("iam", "CreateUser", &[("UserName", "operator")]);
    let key = scene.aws.call("iam", "CreateAccessKey", &[("UserName", "operator")]);
    let (id, secret) = (element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"));
    let account = element(&scene.aws.call("sts", "GetCallerIdentity", &[]), "Account");
    let run = |arguments: &[&str], document: &str| {
        let run = tool("ec-sg").args(arguments).aws(&ministack.url()).stdin(document);
        run.env("AWS_ACCESS_KEY_ID", &id).env("AWS_SECRET_ACCESS_KEY", &secret).run()
    };
    let allow = |verb: &str| {
        let text = policy(verb, &account).to_string();
        let put = [("UserName", "operator"), ("PolicyName", "needs"), ("PolicyDocument", text.as_str())];
        scene.aws.call("iam", "PutUserPolicy", &put);
    };
    let question = ["--cache", "orders", "--from", &scene.instance];
    let asking = |verb| [&[verb][..], &question].concat();

    run(&asking("find"), "").exits(4).says("allow the action ");
    allow("ec-sg find");
    let found = run(&asking("find"), "").ok();
    run(&["find", "--candidates", "--cache", "orders"], "").ok();
    run(&asking("apply"), "").exits(4).says("allow the action ec2:AuthorizeSecurityGroupIngress");
    allow("ec-sg check");
    let checked = run(&["check"], &found.stdout).exits(1);
    assert_eq!(checked.document()["sg"]["findings"].as_array().unwrap().len(), 2, "{}", checked.told());
    allow("ec-sg plan");
    let planned = run(&["plan"], &checked.stdout).ok();
    allow("ec-sg apply");
    let applied = run(&["apply"], &planned.stdout).ok();
    allow("ec-sg audit");
    let audited = run(&["audit", "--cache", "orders"], "");
    assert!(!audited.stdout.contains("AccessDenied") && !audited.stdout.contains("Unauthorized"), "{}", audited.told());
    run(&["revoke"], &applied.stdout).exits(4).says("allow the action ec2:RevokeSecurityGroupIngress");
    allow("ec-sg revoke");
    let revoked = run(&["revoke"], &applied.stdout).ok();
    assert_eq!(revoked.document()["sg"]["status"], "changed");
}
