//! Seeds an emulator through AWS's Query API, with no SDK between: what the tools are tested against must not come
//! from the code that the tools are made of.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::http::{self, Request};

/// An emulator's API.
#[derive(Clone, Debug)]
pub struct Aws {
    address: String,
    key: String,
}

impl Aws {
    /// The API at `http://127.0.0.1:PORT`, with the key `test`.
    pub fn at(url: &str) -> Self {
        Self::of_account(url, "test")
    }

    /// The API as one account sees it; ministack takes twelve digits as the key of an account.
    pub fn of_account(url: &str, account: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, key: account.to_owned() }
    }

    /// Makes a call and gives the XML of its answer.
    ///
    /// # Panics
    /// If the call fails.
    #[track_caller]
    pub fn call(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
        let (status, body) = self.try_call(service, action, parameters);
        assert!(status == 200, "{service} {action} {parameters:?}: HTTP {status}\n{body}");
        body
    }

    /// Makes a call and gives the HTTP status and the XML of its answer.
    ///
    /// # Panics
    /// If nobody answers.
    #[track_caller]
    pub fn try_call(&self, service: &str, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        let version = match service {
            "ec2" => "2016-11-15",
            "elasticache" => "2015-02-02",
            "iam" => "2010-05-08",
            _ => "2011-06-15",
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            let _ = write!(body, "&{name}={}", percent_encoded(value));
        }
        let scope = format!("Credential={}/20260101/us-east-1/{service}/aws4_request", self.key);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let request = Request {
            line: "POST / HTTP/1.1".to_owned(),
            headers: vec![
                header("host", self.address.clone()),
                header("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
                header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0")),
                header("content-length", body.len().to_string()),
            ],
            body: body.into_bytes(),
        };
        let answer = http::exchange(&self.address, &request);
        let answer = answer.unwrap_or_else(|error| panic!("{service} {action}: {error}"));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        (status.unwrap_or_else(|| panic!("{service} {action}: not HTTP: {head}")), body.to_owned())
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// The text of the first element of that name.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn element(xml: &str, name: &str) -> String {
    elements(xml, name).into_iter().next().unwrap_or_else(|| panic!("there is no <{name}> in {xml}"))
}

/// The texts of all elements of that name, in order.
pub fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).map(str::to_owned).collect()
}

/// A VPC with a client machine and a security group for a cache. Every emulator can have one.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The API that it was made with.
    pub aws: Aws,
    /// The VPC, 10.0.0.0/16.
    pub vpc: String,
    /// The subnet, 10.0.1.0/24.
    pub subnet: String,
    /// The client's security group.
    pub client_group: String,
    /// The group for a cache.
    pub cache_group: String,
    /// The client, an instance with the tag Name=app-1.
    pub instance: String,
}

impl Ground {
    /// Makes it; the names of the groups begin with `name`.
    pub fn lay(aws: Aws, name: &str) -> Self {
        let vpc = element(&aws.call("ec2", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]), "vpcId");
        let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
        let subnet = element(&aws.call("ec2", "CreateSubnet", &subnet), "subnetId");
        let group = |role: &str| {
            let group = format!("{name}-{role}");
            let parameters = [("GroupName", group.as_str()), ("GroupDescription", role), ("VpcId", vpc.as_str())];
            element(&aws.call("ec2", "CreateSecurityGroup", &parameters), "groupId")
        };
        let (client_group, cache_group) = (group("client"), group("cache"));
        let instance = [
            ("ImageId", "ami-12345678"),
            ("InstanceType", "t3.micro"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", subnet.as_str()),
            ("SecurityGroupId.1", client_group.as_str()),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", "app-1"),
        ];
        let instance = element(&aws.call("ec2", "RunInstances", &instance), "instanceId");
        Self { aws, vpc, subnet, client_group, cache_group, instance }
    }
}

/// A VPC with a client machine and a serverless Valkey cache in it, and no rule that lets one reach the other. The cache
/// has a user group with one user, `app`, that logs in with IAM.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The API that it was made with.
    pub aws: Aws,
    /// The VPC, 10.0.0.0/16.
    pub vpc: String,
    /// The subnet, 10.0.1.0/24.
    pub subnet: String,
    /// The client's security group.
    pub client_group: String,
    /// The cache's security group.
    pub cache_group: String,
    /// The client, an instance with the tag Name=app-1.
    pub instance: String,
    /// The cache's name.
    pub cache: String,
    /// The access key that stands for the account.
    pub account: String,
    /// A role for the client's program, with no policy.
    pub role: String,
}

impl Scene {
    /// Sets the scene around a new cache `name`; the names of group and role derive from it.
    pub fn set(url: &str, name: &str) -> Self {
        Self::around(Aws::at(url), "test", name)
    }

    /// Sets the scene in an account of its own, so that what belongs to the whole account, such as the service-linked
    /// role, is this test's alone. For ministack; run the tools with `aws_as(url, &scene.account)`.
    pub fn alone(url: &str, name: &str) -> Self {
        static ACCOUNTS: AtomicU64 = AtomicU64::new(111_100_000_000);
        let account = ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string();
        Self::around(Aws::of_account(url, &account), &account, name)
    }

    fn around(aws: Aws, account: &str, name: &str) -> Self {
        let Ground { aws, vpc, subnet, client_group, cache_group, instance } = Ground::lay(aws, name);
        // The user belongs to the account, so that another scene in it may have made it.
        let user = [("UserId", "app"), ("UserName", "app"), ("Engine", "valkey"), ("AccessString", "on ~* +@all")];
        aws.try_call("elasticache", "CreateUser", &[&user[..], &[("AuthenticationMode.Type", "iam")]].concat());
        let users = format!("{name}-users");
        let members = [("UserGroupId", users.as_str()), ("Engine", "valkey"), ("UserIds.member.1", "app")];
        aws.call("elasticache", "CreateUserGroup", &members);
        let cache = [
            ("ServerlessCacheName", name),
            ("Engine", "valkey"),
            ("UserGroupId", users.as_str()),
            ("SubnetIds.SubnetId.1", subnet.as_str()),
            ("SecurityGroupIds.SecurityGroupId.1", cache_group.as_str()),
        ];
        aws.call("elasticache", "CreateServerlessCache", &cache);
        let role = format!("{name}-app");
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        aws.call("iam", "CreateRole", &[("RoleName", &role), ("AssumeRolePolicyDocument", trust)]);
        Self {
            aws,
            vpc,
            subnet,
            client_group,
            cache_group,
            instance,
            cache: name.to_owned(),
            role,
            account: account.to_owned(),
        }
    }
}
