//! A reader of the document that shares no line with the tools: what a program of somebody else, who knows only
//! version 1.0 of the format, would write. It refuses every name that it does not know.
#![expect(dead_code, reason = "fields are read to be checked")]
#![expect(clippy::struct_field_names, reason = "the format chose the names")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    kind: Kind,
    format_version: String,
    id: Option<String>,
    cache: Option<Cache>,
    client: Option<Client>,
    sg: Option<Sg>,
    iam: Option<Iam>,
    cli: Option<Cli>,
    probe: Option<Probe>,
    ok: Option<bool>,
}

impl Document {
    /// Reads a document, and holds it against what the types alone do not say.
    pub(crate) fn read(json: &Value) -> Result<Self, String> {
        let document: Self = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        if document.format_version != "1.0" {
            return Err(format!("format_version is {}", document.format_version));
        }
        let sections = ["sg", "iam", "cli", "probe"].map(|key| &json[key]["status"]);
        let is_ok = !sections.iter().any(|status| ["no", "unknown", "error"].iter().any(|word| *status == word));
        if document.ok != Some(is_ok) {
            return Err(format!("ok is {:?}, and the sections say {is_ok}", document.ok));
        }
        no_null(json, "").and(times(json)).map(|()| document)
    }
}

/// Absent, not null.
fn no_null(json: &Value, path: &str) -> Result<(), String> {
    match json {
        Value::Null => Err(format!("{path} is null")),
        Value::Object(map) => map.iter().try_for_each(|(name, value)| no_null(value, &format!("{path}.{name}"))),
        Value::Array(list) => list.iter().try_for_each(|value| no_null(value, &format!("{path}[]"))),
        _ => Ok(()),
    }
}

/// Times are RFC 3339 in UTC, to the second.
fn times(json: &Value) -> Result<(), String> {
    match json {
        Value::Object(map) => map.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(text)
                if ["_at", "not_before", "not_after"].iter().any(|end| name.ends_with(end)) && !is_time(text) =>
            {
                Err(format!("{name} is {text}"))
            }
            _ => times(value),
        }),
        Value::Array(list) => list.iter().try_for_each(times),
        _ => Ok(()),
    }
}

fn is_time(text: &str) -> bool {
    let pattern = "0000-00-00T00:00:00Z";
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "ec.connection")]
    Connection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache {
    name: String,
    arn: Option<String>,
    account: Option<String>,
    region: Option<String>,
    partition: Option<String>,
    deployment: Option<Deployment>,
    engine: Option<Engine>,
    engine_version: Option<String>,
    status: Option<String>,
    connection: Option<Connection>,
    cluster_mode: Option<bool>,
    tls: Option<Tls>,
    auth: Option<Auth>,
    endpoints: Vec<Endpoint>,
    network: Option<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deployment {
    Serverless,
    ReplicationGroup,
    Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    Valkey,
    Redis,
    Memcached,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Connection {
    Vpc,
    Public,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tls {
    Required,
    Preferred,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    kind: AuthKind,
    #[serde(default)]
    user_group_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AuthKind {
    None,
    Token,
    Rbac,
    Iam,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    role: Role,
    host: String,
    port: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Primary,
    Reader,
    Configuration,
    Node,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    vpc_id: Option<String>,
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
    network_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    instance_id: Option<String>,
    name: Option<String>,
    network_interface_id: Option<String>,
    cidr: Option<String>,
    vpc_id: Option<String>,
    subnet_id: Option<String>,
    private_ips: Vec<String>,
    security_group_ids: Vec<String>,
    prefix_list_id: Option<String>,
    ephemeral_ports: Option<[u16; 2]>,
}

/// A section: what all have, and the facts of one tool.
macro_rules! section {
    ($name:ident { $($fact:ident: $type:ty,)* }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            command: String,
            status: Status,
            reason: Option<String>,
            #[serde(default)]
            findings: Vec<Finding>,
            #[serde(default)]
            changes: Vec<Change>,
            error: Option<Failure>,
            interrupted: Option<bool>,
            $($fact: Option<$type>,)*
        }
    };
}

section!(Sg {
    path: Vec<Hop>,
    candidates: Vec<Candidate>,
    rules: BTreeMap<String, BTreeMap<String, BTreeMap<String, u32>>>,
    endpoint_url: String,
});
section!(Iam {
    principal: String,
    user: String,
    account: String,
    partition: String,
    region: String,
    arn: String,
    kind: String,
    credentials: String,
    identity: String,
    session: String,
    permission_set: String,
    expires_at: String,
    endpoint_url: String,
    checks: Vec<Check>,
    credential_report_at: String,
    sign_in_url: String,
    portal_url: String,
    configure_sso: BTreeMap<String, String>,
});
section!(Cli {
    ran_on: Value,
    platform: Platform,
    request: BTreeMap<String, String>,
    method: String,
    client: Program,
    clients: Vec<Program>,
    steps: Vec<Step>,
    alternatives: Vec<Alternative>,
    tools: Vec<Program>,
    estimates: String,
    reasons: Vec<String>,
    dockerfile: Vec<String>,
    line_to_try: String,
    exchange: Exchange,
});
section!(Probe {
    ran_on: Value,
    endpoint: String,
    role: Role,
    answers: bool,
    stages: Vec<Stage>,
    addresses: Vec<Address>,
    tls: Session,
    server: Server,
    topology: Topology,
    discovery: Discovery,
    nodes: Vec<Node>,
    replication: Replication,
    client_mode: ClientMode,
    total_ms: f64,
    others: Vec<Value>,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    check: Topic,
    verdict: Answer,
    detail: String,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Topic {
    Caller,
    RootMfa,
    RootKeys,
    RootUse,
    AccessKeys,
    UserMfa,
    IdentityCenter,
    Administrator,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Yes,
    No,
    Unknown,
    NotApplicable,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    No,
    Unknown,
    Planned,
    Changed,
    Unchanged,
    Skipped,
    Error,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    code: String,
    severity: Severity,
    summary: String,
    #[serde(default)]
    evidence: BTreeMap<String, Value>,
    fix: Option<String>,
    aws_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Error,
    Warning,
    Info,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    action: String,
    resource: String,
    id: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
    reason: Option<String>,
    by: Option<String>,
    run: Option<String>,
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Planned,
    Done,
    Unchanged,
    Failed,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    code: String,
    exit: u8,
    message: String,
    #[serde(default)]
    causes: Vec<String>,
    hint: Option<String>,
    retryable: bool,
    at: Option<BTreeMap<String, usize>>,
    aws: Option<AwsError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AwsError {
    service: String,
    operation: String,
    code: Option<String>,
    request_id: Option<String>,
    attempts: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hop {
    hop: String,
    #[serde(default)]
    tcp_ports: Vec<u16>,
    #[serde(default)]
    families: Vec<String>,
    #[serde(default)]
    client_subnet_ids: Vec<String>,
    #[serde(default)]
    cache_subnet_ids: Vec<String>,
    verdict: String,
    detail: String,
    #[serde(default)]
    decided_by: Vec<Evidence>,
    aws_code: Option<String>,
    missing: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Evidence {
    security_group_rule_id: Option<String>,
    security_group_id: Option<String>,
    network_acl_id: Option<String>,
    rule_number: Option<u16>,
    route_table_id: Option<String>,
    transit_gateway_route_table_id: Option<String>,
    destination: Option<String>,
    target: Option<String>,
    vpc_peering_connection_id: Option<String>,
    transit_gateway_id: Option<String>,
    transit_gateway_attachment_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
    instance_id: String,
    name: Option<String>,
    #[serde(default)]
    private_ips: Vec<String>,
    verdict: String,
    #[serde(default)]
    reasons: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    id: String,
    version: Option<String>,
    name: String,
    arch: Option<String>,
    container: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    path: String,
    name: String,
    version: Option<String>,
    tls: BTreeMap<String, bool>,
    on_path: bool,
    problem: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    knows: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    endpoint: String,
    tls: bool,
    answer: Option<String>,
    verifies_ca: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    purpose: String,
    command: String,
    sudo: bool,
    download: Option<BTreeMap<String, String>>,
    #[serde(default)]
    files: Vec<String>,
    disk_mib: Option<u32>,
    estimated_s: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alternative {
    when: String,
    step: Step,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stage {
    stage: String,
    status: String,
    start_ms: f64,
    ms: f64,
    summary: String,
    code: Option<String>,
    #[serde(default)]
    evidence: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    address: String,
    status: String,
    connect_ms: Option<f64>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    version: Option<String>,
    cipher: Option<String>,
    server_name: String,
    names: Vec<String>,
    subject: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    chain: Vec<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    days_left: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    engine: String,
    version: String,
    mode: Option<String>,
    role: Option<String>,
    #[serde(default)]
    serverless: bool,
    #[serde(default)]
    stats: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topology {
    shards: u64,
    nodes: u64,
    covered: u64,
    list: Vec<Shard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shard {
    slots: Vec<(u16, u16)>,
    nodes: Vec<Member>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    id: Option<String>,
    host: String,
    port: u16,
    role: NodeRole,
    health: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NodeRole {
    Primary,
    Replica,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Discovery {
    version: u64,
    nodes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    endpoint: String,
    shard: Option<u64>,
    role: Option<NodeRole>,
    says: Option<NodeRole>,
    ip: Option<String>,
    answers: Option<bool>,
    credentials_withheld: Option<bool>,
    #[serde(default)]
    stages_ms: BTreeMap<String, f64>,
    failed: Option<Failed>,
    total_ms: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    stage: String,
    summary: String,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
enum Replication {
    Primary { count: u64, replicas: Vec<String> },
    Replica { primary: String, link: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientMode {
    mode: String,
    command: Option<String>,
    note: Option<String>,
}
