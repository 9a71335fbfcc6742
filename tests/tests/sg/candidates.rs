//! `find --candidates`: which instances could connect, and why the others could not.

use ec_tests::{Counting, Ministack, Moto, Scene, need, tool};

use super::{on_moto, section};

#[test]
fn every_instance_of_the_vpc_is_listed_with_its_verdict_and_the_reason() {
    need!("ministack");
    let url = Ministack::shared().url();
    let scene = Scene::set(&url, "sg-who");
    for port in [6379, 6380] {
        scene.aws.admit("Ingress", &scene.cache_group, port, ("Groups.1.GroupId", &scene.client_group));
    }
    let machine = [
        ("ImageId", "ami-12345678"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", scene.subnet.as_str()),
        ("SecurityGroupId.1", scene.cache_group.as_str()),
    ];
    let outsider = ec_tests::element(&scene.aws.call("ec2", "RunInstances", &machine), "instanceId");
    let counting = Counting::before(&url);
    let find = || tool("ec-sg").args(["find", "--candidates", "--cache", "sg-who"]).aws(&counting.url());
    let found = section(&find().run().ok());
    let candidates = found["candidates"].as_array().cloned().unwrap_or_default();
    let verdicts: Vec<_> = candidates.iter().map(|each| (&each["instance_id"], &each["verdict"])).collect();
    let expected = [(scene.instance.clone().into(), "yes".into()), (outsider.clone().into(), "no".into())];
    assert_eq!(verdicts, expected.iter().map(|(id, verdict)| (id, verdict)).collect::<Vec<_>>());
    assert_eq!(candidates[0]["name"], "app-1");
    assert_eq!(candidates[0].get("reasons"), None);
    let group = &scene.cache_group;
    let reason = format!("tcp 6379 and 6380: no rule of {group} admits {group}");
    assert_eq!(candidates[1]["reasons"], serde_json::json!([reason]));
    assert_eq!(counting.calls().writes(), Vec::<String>::new());

    let report = find().args(["-o", "text"]).run().ok().stdout;
    for line in [scene.instance.as_str(), outsider.as_str(), &reason, "1 of 2 instances could connect"] {
        assert!(report.contains(line), "{line}\n{report}");
    }
}

#[test]
fn candidates_for_something_that_is_no_cache_are_in_its_own_vpc() {
    need!("moto_server");
    let (ground, other) = (on_moto("sg-near"), on_moto("sg-far"));
    let (interface, _) = ground.interface(&ground.subnet, &ground.cache_group);
    ground.aws.admit("Ingress", &ground.cache_group, 6379, ("IpRanges.1.CidrIp", "10.0.0.0/8"));
    let find = ["find", "--candidates", "--to", &interface, "--port", "6379"];
    let found = section(&tool("ec-sg").args(find).aws(&Moto::shared().url()).run().ok());
    let text = found.to_string();
    assert!(text.contains(&ground.instance) && !text.contains(&other.instance), "{text}");
    assert_eq!(found["candidates"][0]["verdict"], "yes");
}
