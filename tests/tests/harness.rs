//! The harness itself: what it starts answers, and what it says is so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use ec_tests::{
    Aws, Canned, Certs, Counting, Failing, Fault, Gate, Memcached, Ministack, Moto, Scene, Signal, Valkey,
    ValkeyOptions, command, element, need, sh,
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
fn canned_answers_stand_before_a_server_that_gives_the_rest() {
    let server = Canned::new().answer("ListUsers", "<a>server</a>").answer("ListRoles", "<a>server</a>").serve();
    let canned = Canned::new().answer("ListUsers", "<a>paper</a>").before(&server.url());
    let aws = Aws::at(&canned.url());
    assert_eq!(aws.call("iam", "ListUsers", &[]), "<a>paper</a>");
    assert_eq!(aws.call("iam", "ListRoles", &[]), "<a>server</a>");
    assert_eq!(server.calls().actions(), ["ListRoles"]);
}

#[test]
fn a_call_goes_wrong_as_often_as_it_is_to_and_only_what_is_carried_out_reaches_the_server() {
    let server = Canned::new().answer("DescribeVpcs", "<a>1</a>").serve();
    for (fault, status) in [(Fault::Throttled, 503), (Fault::Broken, 500)] {
        server.calls().clear();
        let failing = Failing::once(&server.url(), 1, 2, fault);
        let aws = Aws::at(&failing.url());
        let statuses = [0; 4].map(|_| aws.try_call("ec2", "DescribeVpcs", &[]).0);
        assert_eq!(statuses, [200, status, status, 200]);
        assert_eq!((failing.calls().actions().len(), server.calls().actions().len()), (4, 2));
    }
}

#[test]
fn an_answer_that_gets_lost_is_of_a_call_that_was_carried_out() {
    let server = Canned::new().answer("DescribeVpcs", "<a>1</a>").serve();
    let failing = Failing::once(&server.url(), 0, 1, Fault::AnswerLost);
    let aws = Aws::at(&failing.url());
    assert!(thread::spawn(move || aws.call("ec2", "DescribeVpcs", &[])).join().is_err(), "there is no answer");
    assert_eq!(server.calls().actions(), ["DescribeVpcs"]);
}

#[test]
fn a_call_at_a_gate_is_carried_out_once_it_opens() {
    let server = Canned::new().answer("DescribeVpcs", "<a>1</a>").serve();
    let gate = Gate::default();
    let held = gate.clone();
    let failing = Failing::before(&server.url(), move |_, _| Some(Fault::Held(held.clone())));
    let aws = Aws::at(&failing.url());
    let call = thread::spawn(move || aws.call("ec2", "DescribeVpcs", &[]));
    gate.wait_for(1);
    assert_eq!(server.calls().actions(), Vec::<String>::new());
    gate.open();
    assert_eq!(call.join().unwrap(), "<a>1</a>");
}

#[test]
fn a_program_that_is_signalled_and_one_that_nobody_reads_end_as_such() {
    let asleep = command("sleep").args(["60"]).start();
    asleep.signal(Signal::TERM);
    asleep.end().exits(143);
    let unread = command("yes").unread().run().exits(141);
    assert_eq!(unread.stdout, "");
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
