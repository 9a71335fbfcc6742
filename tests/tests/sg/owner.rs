//! Whoever owns the network: carries out what `sg.changes` plans and ec-sg leaves to others, by the numbers that stand in
//! `after` and nothing else.

use ec_tests::Aws;
use serde_json::Value;

use super::listed;

/// Carries out all planned changes that are not for `apply`; how many there were.
pub(crate) fn carries_out(aws: &Aws, section: &Value) -> usize {
    let mut peering = None;
    let changes: Vec<&Value> = listed(section, "changes").filter(|change| change.get("run").is_some()).collect();
    for change in &changes {
        carry_out(aws, change, &mut peering);
    }
    changes.len()
}

fn carry_out(aws: &Aws, change: &Value, new_peering: &mut Option<String>) {
    let after = &change["after"];
    let text = |member: &str| after[member].as_str().unwrap_or_default();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("there is no number in {change}"));
    let verb = match change["action"].as_str() {
        Some("create") => "Create",
        Some("replace") => "Replace",
        Some("delete") => "Delete",
        Some("accept") => "Accept",
        _ => panic!("nobody knows how to do {change}"),
    };
    match (text("network_acl_id"), text("route_table_id"), text("peer_vpc_id")) {
        (acl, "", "") if !acl.is_empty() => {
            let port = |end: usize| u16::try_from(number(&after["tcp_ports"][end])).expect("a port");
            let ports = Some((port(0), port(1)));
            aws.acl_entry(acl, text("direction"), number(&after["rule_number"]), "allow", text("cidr"), ports);
        }
        ("", table, "") if !table.is_empty() && verb == "Delete" => aws.drop_route(table, text("destination")),
        ("", table, "") if !table.is_empty() => {
            // What an earlier change of the same plan has made.
            let target = match (text("target"), &new_peering) {
                ("pcx-NEW", Some(made)) => made,
                (target, _) => target,
            };
            aws.route(verb, table, text("destination"), target);
        }
        ("", "", other) if !other.is_empty() => {
            let made = aws.ask_to_peer(text("vpc_id"), other);
            aws.accept_peering(&made);
            *new_peering = Some(made);
        }
        _ if verb == "Accept" => aws.accept_peering(text("vpc_peering_connection_id")),
        _ => panic!("nobody knows how to do {change}"),
    }
}
