//! What is read of a folder, and that what was saved reads the same again.

use serde_json::json;

use super::*;
use crate::fake::{answers, vpc};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn failure(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let failure = read(folder.path()).unwrap_err();
    assert_eq!(failure.code().id, "EC1030");
    failure.to_string().replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn every_json_file_below_the_folder_is_read_whatever_its_name_and_all_of_them_merge() {
    let folder = folder(&[
        ("a/one.json", r#"{"Subnets":[{"SubnetId":"subnet-1","VpcId":"vpc-1"}]}"#),
        ("a/b/two.JSON", "\u{feff}{\"Subnets\":[{\"SubnetId\":\"subnet-2\",\"VpcId\":\"vpc-1\"}]}"),
        ("pages.json", "{\"Vpcs\":[]}\n{\"SecurityGroups\":[{\"GroupId\":\"sg-1\"}]}"),
        ("notes.txt", "not JSON"),
    ]);
    let known = read(folder.path()).unwrap();
    let subnets: Vec<_> = known.subnets_of("vpc-1").unwrap().into_iter().map(|subnet| subnet.id.as_str()).collect();
    assert_eq!(subnets, ["subnet-1", "subnet-2"]);
    assert!(known.group("sg-1").unwrap().is_some());
    assert_eq!(known.group("sg-2"), Ok(None), "a list of groups is taken as whole");
}

#[test]
fn an_answer_that_does_not_name_its_subject_takes_it_from_the_file_name() {
    let folder = folder(&[
        ("routes-of-tgw-rtb-0abc.json", r#"{"Routes":[{"DestinationCidrBlock":"10.0.0.0/8","State":"blackhole"}]}"#),
        ("pl-0123.json", r#"{"Entries":[{"Cidr":"10.0.0.0/8"}]}"#),
        ("x.json", r#"{"PrefixListId":"pl-9","Entries":[{"Cidr":"10.9.0.0/16"}]}"#),
    ]);
    let known = read(folder.path()).unwrap();
    assert_eq!(known.transit_routes("tgw-rtb-0abc").unwrap().routes.len(), 1);
    assert_eq!(known.prefix_list("pl-0123").unwrap().len(), 1);
    assert_eq!(known.prefix_list("pl-9").unwrap()[0].to_string(), "10.9.0.0/16");
}

#[test]
fn what_cannot_be_read_is_named_with_its_file_and_place() {
    for (text, why) in [
        ("{\"Subnets\": [", "EOF while parsing a list at line 1 column 13"),
        ("{\"Subnets\":\n[{\"SubnetId\": 7}]}", "invalid type: integer `7`, expected a string at line 2 column 15"),
        (r#"{"Subnets":[{"VpcId":"vpc-1"}]}"#, "missing field `SubnetId` at line 1 column 29"),
        (r#"{"Subnets":[],"Subnets":[]}"#, "duplicate field `Subnets` at line 1 column 23"),
        (r#"{"Subnets":[{"SubnetId":"s","CidrBlock":"10.0.0.0/33"}]}"#, "`10.0.0.0/33` is no CIDR block"),
    ] {
        assert_eq!(failure(&[("a.json", text)]), format!("cannot take DIR/a.json for answers of AWS: {why}"));
    }
    assert_eq!(failure(&[]), "there is no answer of AWS below DIR");
    assert_eq!(failure(&[("a.json", r#"{"name":"package","version":1}"#)]), "there is no answer of AWS below DIR");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_reading() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(&folder.path().join("nope")).unwrap_err().code().id, "EC9021");
}

#[test]
fn what_is_saved_is_read_back_as_it_was_and_holds_nothing_empty() {
    let folder = tempfile::tempdir().unwrap();
    let routes = json!({"TransitGatewayRouteTableId": "tgw-rtb-1", "Routes": [{"DestinationCidrBlock": "10.0.0.0/8"}]});
    let saved = [answers(vpc()), answers(routes)];
    assert_eq!(write(folder.path(), &saved).unwrap(), 2);
    let text = fs::read_to_string(folder.path().join("001-Subnets.json")).unwrap();
    assert!(!text.contains("null"), "{text}");
    let known = read(folder.path()).unwrap();
    let subnet = known.subnet("subnet-c").unwrap().unwrap();
    assert_eq!(subnet.ranges, ["10.0.2.0/24".parse().unwrap()]);
    assert_eq!(known.acl(subnet).unwrap().entries.len(), 4, "the final entry is none of its own");
    assert_eq!(known.route_table(subnet).unwrap().id, "rtb-1");
    assert_eq!(known.dns_support("vpc-1"), Ok(true));
    assert_eq!(known.transit_routes("tgw-rtb-1").unwrap().routes.len(), 1);
}
