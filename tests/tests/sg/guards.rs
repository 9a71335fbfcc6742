//! What is refused, and what is asked for before anything is written.

use ec_tests::{Counting, Ministack, Moto, Scene, need, tool};

use super::{cache_in, ec_sg, ingress, on_moto, section, states};

#[test]
fn the_whole_internet_is_not_opened_without_being_named_twice() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-public");
    let flags = ["apply", "--cache", "sg-public", "--from", "0.0.0.0/0"];
    let refused = tool("ec-sg").args(flags).aws(&url).run().exits(4).says("EC1010").says("--allow-public 0.0.0.0/0");
    assert_eq!(section(&refused)["error"]["code"], "EC1010");
    assert_eq!(ingress(&scene.aws, &scene.cache_group), Vec::<String>::new());
    let meant = tool("ec-sg").args(flags).args(["--allow-public", "0.0.0.0/0"]).aws(&url).run().ok();
    assert_eq!(ingress(&scene.aws, &scene.cache_group).len(), 2);
    ec_sg(&url, &["revoke"], &meant.stdout).ok();
}

#[test]
fn what_does_not_exist_is_named_with_exit_4() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-unknown");
    for (cache, client, code) in [
        ("nope", scene.instance.as_str(), "EC1001"),
        ("sg-unknown", "i-00000000000000001", "EC1002"),
        ("sg-unknown", "eni-00000000000000001", "EC1002"),
        ("sg-unknown", "sg-00000000000000001", "EC1002"),
    ] {
        let run = tool("ec-sg").args(["check", "--cache", cache, "--from", client]).aws(&url).run().exits(4).says(code);
        assert_eq!(run.document()["id"], format!("{cache}<-{client}"));
    }
}

/// moto honours `DryRun`. ministack ignores it and adds the rules, so that this cannot be tested there.
#[test]
fn a_plan_that_asks_ec2_writes_nothing() {
    need!("moto_server");
    let ground = on_moto("sg-dry");
    ground.aws.narrow_egress(&ground.client_group);
    let counting = Counting::before(&Moto::shared().url());
    let document = cache_in(&ground, &[&ground.subnet]);
    let plan = ["plan", "--from", &ground.instance, "--dry-run"];
    let planned = ec_sg(&counting.url(), &plan, &document).ok();
    assert_eq!(states(&section(&planned)), vec!["create planned"; 4]);
    let asked: Vec<_> = counting.calls().all().into_iter().filter(ec_tests::Call::is_write).collect();
    let actions: Vec<&str> = asked.iter().map(|call| call.action.as_str()).collect();
    assert_eq!(actions, ["AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"], "one for each group");
    assert!(asked.iter().all(|call| call.body.contains("DryRun=true")), "{asked:?}");
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());

    // The plan can be carried out as it is.
    let applied = ec_sg(&counting.url(), &["apply"], &planned.stdout).ok();
    assert_eq!(states(&section(&applied)), vec!["create done"; 4]);
    let planned = ec_sg(&counting.url(), &[&plan[..], &["--detailed-exitcode"]].concat(), &document).ok();
    assert_eq!(section(&planned)["status"], "unchanged");
}

#[test]
fn a_plan_says_with_its_exit_code_whether_there_is_anything_to_do() {
    need!("moto_server");
    let ground = on_moto("sg-exit");
    let url = Moto::shared().url();
    let document = cache_in(&ground, &[&ground.subnet]);
    let plan = ["plan", "--from", &ground.instance, "--detailed-exitcode"];
    ec_sg(&url, &plan, &document).exits(1);
    ec_sg(&url, &["apply", "--from", &ground.instance], &document).ok();
    ec_sg(&url, &plan, &document).ok();
}

#[test]
fn nothing_is_done_outside_of_the_account_that_is_expected() {
    need!("moto_server");
    let ground = on_moto("sg-account");
    let counting = Counting::before(&Moto::shared().url());
    let (interface, _) = ground.interface(&ground.subnet, &ground.cache_group);
    let document = cache_in(&ground, &[&ground.subnet]);
    let to = ["--to", &interface, "--port", "6379", "--from", &ground.instance];
    let by_document = ["--from", &ground.instance];
    for question in [&to[..], &by_document] {
        for verb in ["check", "plan", "apply"] {
            let run = |account: &str| {
                let expect = [&[verb][..], question, &["--expect-account", account]].concat();
                ec_sg(&counting.url(), &expect, &document)
            };
            let refused = run("210987654321").exits(4).says("EC1031").says("belongs to 123456789012");
            assert_eq!(section(&refused)["error"]["code"], "EC1031", "{verb}");
        }
    }
    assert_eq!(counting.calls().writes(), Vec::<String>::new());
    let applied = [&["apply"][..], &to, &["--expect-account", "123456789012"]].concat();
    let applied = ec_sg(&counting.url(), &applied, "").ok();
    ec_sg(&counting.url(), &["revoke", "--expect-account", "210987654321"], &applied.stdout).exits(4).says("EC1031");
    assert_eq!(ingress(&ground.aws, &ground.cache_group).len(), 1);
    ec_sg(&counting.url(), &["revoke", "--expect-account", "123456789012"], &applied.stdout).ok();
    assert_eq!(ingress(&ground.aws, &ground.cache_group), Vec::<String>::new());
}

#[test]
fn a_plan_for_another_path_is_not_carried_out() {
    need!("moto_server");
    let ground = on_moto("sg-stale");
    let url = Moto::shared().url();
    let document = cache_in(&ground, &[&ground.subnet]);
    let planned = ec_sg(&url, &["plan", "--from", &ground.instance], &document).ok();
    let other = ground.group("sg-stale-other");
    // Somebody has put another group into the plan, or the cache has got other groups since.
    let edited = planned.stdout.replace(
        &format!(r#""security_group_id":"{}""#, ground.cache_group),
        &format!(r#""security_group_id":"{other}""#),
    );
    let applied = ec_sg(&url, &["apply"], &edited).exits(4).says("EC1015");
    assert_eq!(section(&applied)["status"], "error");
    assert_eq!((ingress(&ground.aws, &other), ingress(&ground.aws, &ground.cache_group)), (Vec::new(), Vec::new()));
}
