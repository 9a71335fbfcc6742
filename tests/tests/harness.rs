//! The harness itself: what it starts answers, and what it says is so.

use std::io::{Read, Write};
use std::net::TcpStream;

use ec_tests::{
    Aws, Canned, Certs, Counting, Memcached, Ministack, Moto, Scene, Valkey, ValkeyOptions, element, need, sh,
};

#[test]
fn a_valkey_with_users_answers_and_its_port_refuses_after_stop() {
    need!("valkey-server");
    let users = vec!["app on >app-password-of-16 ~* +@all".to_owned()];
    let valkey = Valkey::with(ValkeyOptions { users, password: Some("s".into()), ..ValkeyOptions::default() });
    assert_eq!(valkey.command(&["ACL", "WHOAMI"]), "default");
    assert!(valkey.command(&["ACL", "GETUSER", "app"]).starts_with('*'));
    valkey.stop();
    assert!(TcpStream::connect(valkey.endpoint()).is_err());
}

#[test]
fn a_valkey_with_tls_answers_only_tls() {
    need!("valkey-server");
    let certs = Certs::new();
    let valkey = Valkey::tls(&certs);
    let mut stream = TcpStream::connect(valkey.endpoint()).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"+PONG"));
}

#[test]
fn redis_answers() {
    need!("redis-server");
    assert_eq!(Valkey::redis().command(&["PING"]), "+PONG");
}

#[test]
fn memcached_answers_plain_and_with_tls() {
    need!("memcached");
    let plain = Memcached::plain();
    assert!(TcpStream::connect(plain.endpoint()).is_ok());
    Memcached::tls(&Certs::new());
}

#[test]
fn the_calls_that_pass_the_counting_proxy_are_known_by_service_and_action() {
    need!("ministack");
    let counting = Counting::before(&Ministack::shared().url());
    let scene = Scene::set(&counting.url(), "harness");
    let caches = scene.aws.call("elasticache", "DescribeServerlessCaches", &[("ServerlessCacheName", "harness")]);
    assert_eq!(element(&caches, "SecurityGroupId"), scene.cache_group);
    let calls = counting.calls();
    assert_eq!(calls.all()[0].service, "ec2");
    assert_eq!(calls.writes().len() + 1, calls.actions().len());
}

#[test]
fn moto_answers() {
    need!("moto_server");
    let identity = Aws::at(&Moto::shared().url()).call("sts", "GetCallerIdentity", &[]);
    assert_eq!(element(&identity, "Account"), "123456789012");
}

#[test]
fn canned_answers_are_served_and_counted_and_the_rest_is_an_error() {
    let canned = Canned::new().answer("ListUsers", "<a>1</a>").error("GetRole", 404, "NoSuchEntity", "none").serve();
    let aws = Aws::at(&canned.url());
    assert_eq!(aws.call("iam", "ListUsers", &[]), "<a>1</a>");
    let (status, body) = aws.try_call("iam", "GetRole", &[("RoleName", "app")]);
    assert_eq!((status, element(&body, "Code")), (404, "NoSuchEntity".to_owned()));
    assert_eq!(aws.try_call("iam", "CreateRole", &[]).0, 400);
    assert_eq!(canned.calls().actions(), ["ListUsers", "GetRole", "CreateRole"]);
    assert_eq!(canned.calls().writes(), ["CreateRole"]);
}

#[test]
fn a_script_runs_with_nothing_inherited() {
    let outcome = sh("cat; env | cut -d= -f1 | sort | tr '\\n' ' '; exit 3").stdin("in\n").run().exits(3);
    assert_eq!(outcome.stdout, "in\nAWS_EC2_METADATA_DISABLED HOME LC_ALL PATH PWD TZ ");
}

#[test]
#[should_panic(expected = "not at its end after")]
fn a_run_that_hangs_is_ended() {
    sh("sleep 60 | cat").timeout(std::time::Duration::from_millis(200)).run();
}
