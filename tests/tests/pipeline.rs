//! The four tools in one pipe, from nothing to proof and back: an AWS emulator on one side, a real Valkey with TLS and a
//! user on the other. Then one thing breaks, and the document names that one thing.

use ec_tests::{
    Certs, Counting, Ministack, MinistackOptions, Outcome, Scene, Valkey, ValkeyOptions, elements, need, sh,
};
use serde_json::Value;

const PASSWORD: &str = "a-password-of-the-tests";

/// Everything that the pipe needs beside itself.
struct Setting {
    certs: Certs,
    valkey: Valkey,
    _ministack: Ministack,
    counting: Counting,
    scene: Scene,
}

impl Setting {
    fn new() -> Self {
        let certs = Certs::new();
        let users = vec![format!("app on >{PASSWORD} ~* &* +@all"), "default off".to_owned()];
        let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() });
        let cache = Some(("localhost".to_owned(), valkey.port()));
        let ministack = Ministack::start(&MinistackOptions { cache, ..MinistackOptions::default() });
        let counting = Counting::before(&ministack.url());
        let scene = Scene::set(&counting.url(), "orders");
        counting.calls().clear();
        Self { certs, valkey, _ministack: ministack, counting, scene }
    }

    /// The pipe of the README, with `sg` in the place of `ec-sg apply` and `cli` in that of `ec-cli-install apply`.
    fn pipe_with(&self, sg: &str, cli: &str, password: &str) -> Outcome {
        let Scene { instance, role, .. } = &self.scene;
        self.run(
            &format!(
                "ec-sg find --cache orders --from {instance} | {sg} | ec-iam apply --principal role/{role} | {cli} | ec-probe"
            ),
            "",
            password,
        )
    }

    fn pipe(&self) -> Outcome {
        self.pipe_with("ec-sg apply", "ec-cli-install apply", PASSWORD)
    }

    fn run(&self, script: &str, stdin: &str, password: &str) -> Outcome {
        sh(script)
            .aws(&self.counting.url())
            .env("EC_USER", "app")
            .env("REDISCLI_AUTH", password)
            .env("EC_CAFILE", self.certs.ca())
            .stdin(stdin)
            .run()
    }

    /// The ports that the cache's group admits the client to.
    fn open_ports(&self) -> Vec<String> {
        let group = [("GroupId.1", self.scene.cache_group.as_str())];
        let group = self.scene.aws.call("ec2", "DescribeSecurityGroups", &group);
        let ingress = elements(&group, "ipPermissions").concat();
        elements(&ingress, "fromPort")
    }

    fn policies(&self) -> Vec<String> {
        let role = [("RoleName", self.scene.role.as_str())];
        elements(&self.scene.aws.call("iam", "ListRolePolicies", &role), "member")
    }

    fn has_service_linked_role(&self) -> bool {
        self.scene.aws.call("iam", "ListRoles", &[]).contains("AWSServiceRoleForElast")
    }
}

fn statuses(document: &Value) -> Vec<&str> {
    ["sg", "iam", "cli", "probe"].map(|key| document[key]["status"].as_str().unwrap_or("absent")).to_vec()
}

/// The sections that say no, unknown or error.
fn blamed(document: &Value) -> Vec<&str> {
    let sections = ["sg", "iam", "cli", "probe"].into_iter();
    sections.filter(|key| matches!(document[key]["status"].as_str(), Some("no" | "unknown" | "error"))).collect()
}

/// The codes of what a section found and of its error. That this machine is not the client is always found.
fn codes<'a>(document: &'a Value, key: &str) -> Vec<&'a str> {
    let section = &document[key];
    let findings = section["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codes = findings.iter().map(|finding| &finding["code"]).chain([&section["error"]["code"]]);
    codes.filter_map(Value::as_str).filter(|code| !["EC3065", "EC4005"].contains(code)).collect()
}

#[test]
fn the_pipe_opens_allows_installs_and_proves_and_a_second_run_writes_nothing() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();

    let first = setting.pipe().ok();
    let document = first.document();
    assert_eq!(document["ok"], true, "{}", first.told());
    assert_eq!(statuses(&document), ["changed", "changed", "unchanged", "ok"], "{}", first.told());
    assert_eq!(setting.open_ports(), [setting.valkey.port().to_string().as_str(), "6380"]);
    assert_eq!(setting.policies().len(), 1);
    assert!(setting.has_service_linked_role());
    let logged_in = setting.valkey.command(&["ACL", "LOG"]);
    assert!(logged_in.starts_with("*0") || logged_in.contains("NOPERM") || logged_in.contains("NOAUTH"), "{logged_in}");

    setting.counting.calls().clear();
    let second = setting.pipe().ok();
    assert_eq!(statuses(&second.document()), ["unchanged", "unchanged", "unchanged", "ok"], "{}", second.told());
    assert_eq!(setting.counting.calls().writes(), Vec::<String>::new(), "{}", second.told());
}

#[test]
fn revoke_takes_back_what_the_document_says_and_nothing_else() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    // A rule and a policy that were there before.
    let rule = [
        ("GroupId", setting.scene.cache_group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"),
    ];
    setting.scene.aws.call("ec2", "AuthorizeSecurityGroupIngress", &rule);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    let theirs = [("RoleName", setting.scene.role.as_str()), ("PolicyName", "theirs"), ("PolicyDocument", policy)];
    setting.scene.aws.call("iam", "PutRolePolicy", &theirs);

    let applied = setting.pipe().ok();
    assert_eq!(setting.open_ports().len(), 3);
    assert_eq!(setting.policies().len(), 2);

    let revoked = setting.run("ec-iam revoke | ec-sg revoke", &applied.stdout, PASSWORD).ok();
    assert_eq!(setting.open_ports(), ["22"], "{}", revoked.told());
    assert_eq!(setting.policies(), ["theirs"], "{}", revoked.told());
    assert!(!setting.has_service_linked_role(), "{}", revoked.told());

    setting.counting.calls().clear();
    setting.run("ec-iam revoke | ec-sg revoke", &revoked.stdout, PASSWORD).ok();
    assert_eq!(setting.counting.calls().writes(), Vec::<String>::new());
}

#[test]
fn a_rule_that_was_revoked_is_named() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    let document = setting.pipe().ok().document();
    let reads = &document["sg"]["changes"][1];
    assert_eq!(reads["after"]["tcp_port"], 6380, "{document:#}");
    let rule = [
        ("GroupId", setting.scene.cache_group.as_str()),
        ("SecurityGroupRuleId.1", reads["id"].as_str().expect("the rule's id")),
    ];
    setting.scene.aws.call("ec2", "RevokeSecurityGroupIngress", &rule);
    assert_eq!(setting.open_ports(), [setting.valkey.port().to_string()]);
    let outcome = setting.pipe_with("ec-sg check", "ec-cli-install apply", PASSWORD).exits(1);
    let document = outcome.document();
    assert_eq!(blamed(&document), ["sg"], "{}", outcome.told());
    assert_eq!(codes(&document, "sg"), ["EC1005"], "{}", outcome.told());
    assert_eq!(document["probe"]["status"], "ok", "this machine is not the client\n{}", outcome.told());
}

#[test]
fn a_wrong_password_is_named() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    let outcome = setting.pipe_with("ec-sg apply", "ec-cli-install apply", "not-the-password").exits(1);
    let document = outcome.document();
    assert_eq!(blamed(&document), ["probe"], "{}", outcome.told());
    let codes = codes(&document, "probe");
    assert_eq!(codes.len(), 1, "{}", outcome.told());
    let stages = document["probe"]["stages"].as_array().expect("stages");
    let last = stages.last().expect("a stage");
    assert_eq!((&last["stage"], &last["status"]), (&"auth".into(), &"no".into()), "{}", outcome.told());
    assert!(!outcome.told().contains("not-the-password"), "a password is never told");
}

#[test]
fn a_server_that_is_gone_is_named() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    setting.valkey.stop();
    let outcome = setting.pipe().exits(1);
    let document = outcome.document();
    assert_eq!(blamed(&document), ["probe"], "{}", outcome.told());
    let stages = document["probe"]["stages"].as_array().expect("stages");
    let last = stages.last().expect("a stage");
    assert_eq!((&last["stage"], &last["status"]), (&"tcp".into(), &"no".into()), "{}", outcome.told());
}

#[test]
fn a_damaged_tarball_is_named_and_what_comes_after_is_done_all_the_same() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    let cli = "head -c 100000 /dev/urandom > damaged.tar.gz; \
               ec-cli-install apply --method source --source-tarball damaged.tar.gz --prefix scratch";
    let outcome = setting.pipe_with("ec-sg apply", &format!("{{ {cli}; }}"), PASSWORD);
    assert_ne!(outcome.code, 0, "{}", outcome.told());
    let document = outcome.document();
    assert_eq!(blamed(&document), ["cli"], "{}", outcome.told());
    assert_eq!(codes(&document, "cli").len(), 1, "{}", outcome.told());
    assert!(document["cli"]["error"].to_string().contains("damaged.tar.gz"), "{}", outcome.told());
    assert_eq!(document["probe"]["status"], "ok", "{}", outcome.told());
    assert!(!outcome.home().join("scratch").exists(), "nothing is left half-way");
}

#[test]
fn a_first_stage_that_fails_is_named_by_the_last() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    let script = "ec-sg find --cache nowhere --from 10.0.0.0/24 | ec-sg apply | ec-iam apply --principal role/app | \
                  ec-cli-install apply | ec-probe";
    let outcome = setting.run(script, "", PASSWORD);
    assert_ne!(outcome.code, 0, "{}", outcome.told());
    let document = outcome.document();
    assert_eq!(document["ok"], false, "{}", outcome.told());
    assert!(document.to_string().contains("EC1001"), "{}", outcome.told());
    assert_eq!(setting.counting.calls().writes(), Vec::<String>::new(), "{}", outcome.told());
}

#[test]
fn a_loop_over_names_keeps_its_input() {
    need!("ministack");
    let ministack = Ministack::shared();
    let scene = Scene::alone(&ministack.url(), "orders");
    let script = format!("while read -r name; do ec-sg find --cache \"$name\" --from {}; done", scene.instance);
    let outcome = sh(&script).aws_as(&ministack.url(), &scene.account).stdin("orders\norders\norders\n").run().ok();
    assert_eq!(outcome.documents().len(), 3, "{}", outcome.told());
}

#[test]
fn the_installed_client_connects_with_the_user_that_the_probe_used() {
    need!("valkey-server", "valkey-cli", "ministack");
    let setting = Setting::new();
    let document = setting.pipe().ok().document();
    let client = document["cli"]["client"]["path"].as_str().expect("the client's path");
    let port = setting.valkey.port();
    let script =
        format!("{client} --tls --cacert \"$EC_CAFILE\" -h localhost -p {port} --user \"$EC_USER\" ACL WHOAMI");
    let outcome = setting.run(&script, "", PASSWORD).ok();
    assert_eq!(outcome.stdout.trim(), "app", "{}", outcome.told());
}
