//! The contract of the pipe: every document fits the schema and a reader that knows nothing of our types; what is
//! generated and checked in is what the tools print.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod reader;

use std::fs;
use std::path::{Path, PathBuf};

use ec_tests::{
    AutoDiscovery, Certs, Cluster, ClusterOptions, Form, Memcached, Ministack, MinistackOptions, Scene, Valkey,
    ValkeyOptions, need, sh, tool,
};
use serde_json::Value;

const TOOLS: [&str; 4] = ["ec-sg", "ec-iam", "ec-probe", "ec-cli-install"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn checked_in(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}; run `make generated`"))
}

#[track_caller]
fn assert_fits(document: &Value, stage: &str) {
    let schema: Value = serde_json::from_str(&checked_in("schema/ec.connection.v1.json")).expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let faults: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "{stage}: {}\n{document:#}", faults.join("\n"));
    if let Err(why) = reader::Document::read(document) {
        panic!("{stage}: {why}\n{document:#}");
    }
}

/// Every stage of a pipe writes its document down before it passes it on.
fn kept(stages: &[&str]) -> String {
    let stages: Vec<String> =
        stages.iter().enumerate().map(|(index, stage)| format!("{stage} | tee {index}.json")).collect();
    stages.join(" | ")
}

#[test]
fn every_document_of_the_pipe_fits_the_schema_and_an_independent_reader() {
    need!("valkey-server", "valkey-cli", "ministack");
    let certs = Certs::new();
    let users = vec!["app on >a-password-of-the-tests ~* &* +@all".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { tls: Some(certs.server()), users, ..ValkeyOptions::default() });
    let cache = Some(("localhost".to_owned(), valkey.port()));
    let ministack = Ministack::start(&MinistackOptions { cache, ..MinistackOptions::default() });
    let scene = Scene::set(&ministack.url(), "orders");
    let (find, apply) = (
        format!("ec-sg find --cache orders --from {}", scene.instance),
        format!("ec-iam apply --principal role/{}", scene.role),
    );
    let plan = apply.replace("apply", "plan");
    let there =
        [&find, "ec-sg find --candidates", "ec-sg audit", "ec-sg check", "ec-sg plan", "ec-sg apply", &plan, &apply];
    let machine = ["ec-cli-install detect", "ec-cli-install plan", "ec-cli-install verify", "ec-cli-install apply"];
    let back = ["ec-probe", "ec-iam whoami", "ec-iam check", "ec-iam revoke", "ec-sg revoke", "ec-sg check"];
    let wrong = ["REDISCLI_AUTH=wrong ec-probe", "AWS_ENDPOINT_URL=http://127.0.0.1:1 ec-iam whoami --timeout 1s"];
    let stages = [&there[..], &machine, &back, &wrong].concat();
    let outcome = sh(&kept(&stages))
        .aws(&ministack.url())
        .env("EC_USER", "app")
        .env("REDISCLI_AUTH", "a-password-of-the-tests")
        .env("EC_CAFILE", certs.ca())
        .run();
    for (index, stage) in stages.iter().enumerate() {
        let text = fs::read_to_string(outcome.home().join(format!("{index}.json"))).expect("the stage's document");
        let document =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{stage}: {error}\n{}", outcome.told()));
        assert_fits(&document, stage);
    }
}

#[test]
fn the_document_of_a_cluster_with_a_dead_node_fits_and_so_does_memcacheds() {
    need!("valkey-server", "memcached");
    let cluster = Cluster::start(&ClusterOptions::default());
    cluster.node(1).stop();
    let probe = |endpoint: String| tool("ec-probe").args(["--no-tls", "--timeout", "10s", "--endpoint", &endpoint]);
    let dead = probe(cluster.node(0).endpoint()).run().exits(1).document();
    assert!(dead["probe"]["nodes"][2]["failed"].is_object(), "{dead:#}");
    assert_fits(&dead, "ec-probe");

    let node = Memcached::plain();
    let payload = format!("12\nlocalhost|127.0.0.1|{}\n", node.port());
    let discovery = AutoDiscovery::start(Form::Config, &payload, None);
    let endpoint = format!("127.0.0.1:{}", discovery.port());
    assert_fits(&probe(endpoint).args(["--engine", "memcached"]).run().ok().document(), "ec-probe");
}

#[test]
fn what_the_aws_cli_prints_becomes_documents_that_fit() {
    need!("ministack");
    let scene = Scene::alone(&Ministack::shared().url(), "orders");
    let saved = r#"{"ServerlessCaches":[{"ServerlessCacheName":"orders","Status":"available","Engine":"valkey",
        "Endpoint":{"Address":"127.0.0.1","Port":1},"SecurityGroupIds":["sg-1"],"SubnetIds":["subnet-1"]}]}"#;
    let outcome =
        sh("ec-probe --timeout 2s").aws_as(&Ministack::shared().url(), &scene.account).stdin(saved).run().exits(1);
    assert_fits(&outcome.document(), "ec-probe");
}

#[test]
fn the_schema_that_is_checked_in_is_what_every_tool_prints() {
    for name in TOOLS {
        let printed = tool(name).args(["schema"]).run().ok().stdout;
        assert!(printed == checked_in("schema/ec.connection.v1.json"), "schema/ has drifted; run `make generated`");
    }
}

#[test]
fn the_manual_pages_that_are_checked_in_are_what_the_tools_print() {
    for name in TOOLS {
        let printed = tool(name).args(["man"]).run().ok().stdout;
        assert!(printed == checked_in(&format!("man/{name}.1")), "man/{name}.1 has drifted; run `make generated`");
    }
}

#[test]
fn the_table_of_codes_that_is_checked_in_has_the_tools_own_words() {
    let pages = TOOLS.map(|name| tool(name).args(["explain"]).run().ok().stdout);
    let shared = tool("ec-sg").args(["explain", "shared"]).run().ok().stdout;
    let checked_in = checked_in("docs/codes.md");
    let head = checked_in.split("## ").next().unwrap_or_default();
    let printed = format!("{head}{}\n{shared}", pages.join("\n"));
    assert!(printed == checked_in, "docs/codes.md has drifted; run `make generated`");
}

#[test]
fn every_code_is_explained_by_the_tool_that_it_belongs_to() {
    for (name, thousands) in TOOLS.into_iter().zip(["EC1", "EC2", "EC3", "EC4"]) {
        let page = tool(name).args(["explain"]).run().ok().stdout;
        let codes: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_code(word)).collect();
        assert!(codes.iter().filter(|code| code.starts_with(thousands)).count() > 5, "{name} has its own codes");
        for code in codes {
            let explained = tool(name).args(["explain", code]).run();
            let ours = code.starts_with(thousands) || code.starts_with("EC9");
            assert!(!ours || explained.stdout.contains("fix:"), "{}", explained.told());
        }
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 6 && word.starts_with("EC") && word[2..].bytes().all(|byte| byte.is_ascii_digit())
}
