//! Who in an account may do something: allowed on every resource that the action is about. To connect to a cache takes
//! the cache and the user, for AWS checks both.
//!
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>

use super::account::Holder;
use super::answer::{self, Reason};
use super::implied::implied;
use super::text;
use crate::arn::CacheArn;
use crate::evaluate::{Absent, Context, Decision, Explanation, Request, decide, explain};

pub(super) const CONNECT: &str = "elasticache:Connect";
const CREATE_ROLE: &str = "iam:CreateServiceLinkedRole";

/// Whether a principal may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Whatever the request's context.
    Yes,
    /// It depends on the context, or a policy could not be read.
    Unknown,
    /// Whatever the request's context.
    No,
}

impl Answer {
    /// `yes`, `unknown` or `no`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }
}

/// What is asked: an action, all resources that it is about, and what is known of the request.
#[derive(Clone, Debug)]
pub struct Question {
    action: String,
    resources: Vec<String>,
    context: Context,
}

/// The answer about one principal.
#[derive(Debug)]
pub struct Verdict<'a> {
    holder: &'a Holder,
    answer: Answer,
}

/// What the answer rests on, for one resource.
#[derive(Clone, Debug)]
pub struct Because {
    /// The resource.
    pub resource: String,
    /// The decision and the statements that it rests on.
    pub explanation: Explanation,
    /// What would have to allow and does not.
    pub reasons: Vec<Reason>,
}

impl Question {
    /// To connect to `cache` as `user`.
    pub fn new(cache: &CacheArn, user: &str) -> Self {
        Self::of(CONNECT, vec![cache.to_string(), cache.user(user)])
    }

    /// To create ElastiCache's service-linked role in an account. AWS's own policies, and ours, allow it for the
    /// exact role and under a condition on `iam:AWSServiceName`.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/using-service-linked-roles.html>
    pub fn service_linked_role(partition: &str, account: &str) -> Self {
        let role = "aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        Self::of(CREATE_ROLE, vec![format!("arn:{partition}:iam::{account}:role/{role}")])
    }

    /// To do `action` on all of `resources`.
    pub fn of(action: &str, resources: Vec<String>) -> Self {
        Self { action: action.to_owned(), resources, context: Context::default() }
    }

    /// The same question with more known of the request.
    #[must_use]
    pub fn knowing(mut self, entries: &[(String, Vec<String>)]) -> Self {
        for (key, values) in entries {
            self.context.set(key, values.clone());
        }
        self
    }

    /// The action.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The resources.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Whether the holder may do it.
    pub fn ask(&self, holder: &Holder) -> Answer {
        let contexts: Vec<Context> = self.resources.iter().map(|resource| self.context(holder, resource)).collect();
        let decided = |absent| {
            let decisions = self.resources.iter().zip(&contexts).map(|(resource, context)| {
                decide(&holder.authorization, &self.request(holder, resource, context, absent))
            });
            // The decision that restricts most.
            decisions.max().unwrap_or(Decision::ImplicitDeny)
        };
        match decided(Absent::AtBest) {
            // A policy that could not be read may allow, but cannot undo a deny.
            Decision::ExplicitDeny => Answer::No,
            _ if !holder.unread.is_empty() => Answer::Unknown,
            Decision::ImplicitDeny => Answer::No,
            Decision::Allowed if decided(Absent::AtWorst) == Decision::Allowed => Answer::Yes,
            Decision::Allowed => Answer::Unknown,
        }
    }

    /// What is known of the holder's request for one of the resources.
    pub(super) fn context(&self, holder: &Holder, resource: &str) -> Context {
        let mut context = holder.context.clone();
        context.extend(&self.context);
        let mut fields = resource.split(':').skip(1);
        let [partition, service, region, account] = std::array::from_fn(|_| fields.next().unwrap_or_default());
        // All requests to IAM go to this Region: `reference_policies_condition-keys.html` of the IAM User Guide.
        let is_in_virginia = service == "iam" && partition == "aws";
        let region = if is_in_virginia { "us-east-1" } else { region };
        for (key, value) in [("aws:RequestedRegion", region), ("aws:ResourceAccount", account)] {
            if !value.is_empty() {
                context.set_default(key, value);
            }
        }
        if let Some((key, value)) = self.assumed(resource) {
            context.set_default(key, value);
        }
        context
    }

    /// A key that the request has although nobody gave it, and its value.
    pub(super) fn assumed<'a>(&self, resource: &'a str) -> Option<(&'static str, &'a str)> {
        implied(&self.action, resource, &self.context)
    }

    fn request<'a>(&self, holder: &'a Holder, resource: &'a str, context: &'a Context, absent: Absent) -> Request<'a> {
        let mut request = Request::new(&self.action, resource, Some(&holder.caller), context);
        request.absent = absent;
        request
    }

    /// What the decisions about a holder rest on, one for each resource.
    pub(super) fn explain(&self, holder: &Holder, absent: Absent) -> Vec<Because> {
        let because = |resource: &String| {
            let context = self.context(holder, resource);
            let request = self.request(holder, resource, &context, absent);
            let explanation = explain(&holder.authorization, &request);
            let reasons = answer::reasons(&explanation, &request);
            Because { resource: resource.clone(), explanation, reasons }
        };
        self.resources.iter().map(because).collect()
    }
}

impl<'a> Verdict<'a> {
    /// The answer about a principal.
    pub fn new(question: &Question, holder: &'a Holder) -> Self {
        Self { holder, answer: question.ask(holder) }
    }

    /// Who it is about.
    pub fn holder(&self) -> &'a Holder {
        self.holder
    }

    /// Whether it may.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// What the answer rests on, one for each resource.
    pub fn because(&self, question: &Question) -> Vec<Because> {
        let absent = if self.answer == Answer::Yes { Absent::AtWorst } else { Absent::AtBest };
        question.explain(self.holder, absent)
    }

    /// The keys that the answer hangs on.
    pub fn missing_keys(&self, question: &Question) -> Vec<String> {
        if self.answer != Answer::Unknown {
            return Vec::new();
        }
        let keys = self.because(question).into_iter().flat_map(|because| because.explanation.missing_keys);
        let mut keys: Vec<String> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The answer in sentences: the statements that decide, or what is lacking, for each resource; then what is not known.
    pub fn sentences(&self, question: &Question) -> Vec<String> {
        let mut sentences = Vec::new();
        for Because { resource, explanation, reasons } in self.because(question) {
            let told = text::reasons(&explanation, &reasons);
            sentences.extend(told.into_iter().map(|sentence| format!("{resource}: {}", sentence.trim_start())));
        }
        sentences.extend(self.missing_keys(question).into_iter().map(|key| format!("not known: {key}")));
        sentences.extend(self.holder.unread.iter().map(|unread| format!("not known: {unread}")));
        sentences
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::account::read;
    use super::super::verdicts::{notes, verdicts};
    use super::*;

    const CACHE: &str = "arn:aws:elasticache:eu-west-1:123456789012:serverlesscache:orders";
    const USER: &str = "arn:aws:elasticache:eu-west-1:123456789012:user:app";

    /// The answer about a role of these members.
    fn ask(role: &Value, rest: &Value) -> Answer {
        let mut details = rest.clone();
        details["RoleDetailList"] = json!([role]);
        details["RoleDetailList"][0]["Arn"] = "arn:aws:iam::123456789012:role/team/app".into();
        let holders = read(&details.to_string()).unwrap();
        Question::new(&CacheArn::parse(CACHE).unwrap(), "app").ask(&holders[0])
    }

    fn allow(resource: &Value, condition: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "elasticache:Connect", "Resource": resource, "Condition": condition}})
    }

    fn inline(policy: &Value) -> Value {
        json!({"RolePolicyList": [{"PolicyName": "p", "PolicyDocument": policy}]})
    }

    #[test]
    fn connecting_takes_both_the_cache_and_the_user() {
        let cases = [
            (json!([CACHE, USER]), Answer::Yes),
            (json!("*"), Answer::Yes),
            (json!(CACHE), Answer::No),
            (json!(USER), Answer::No),
        ];
        for (resource, expected) in cases {
            assert_eq!(ask(&inline(&allow(&resource, &json!({}))), &json!({})), expected, "{resource}");
        }
    }

    #[test]
    fn what_rests_on_the_request_is_unknown_and_what_the_account_tells_is_not() {
        let cases = [
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), Answer::Unknown),
            (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), Answer::Unknown),
            (json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}), Answer::Unknown),
            (json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}), Answer::Yes),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "orders"}}), Answer::Yes),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "other"}}), Answer::No),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/team/*"}}), Answer::Yes),
            (json!({"StringEquals": {"aws:RequestedRegion": "eu-west-2", "aws:SourceVpc": "vpc-1"}}), Answer::No),
        ];
        for (condition, expected) in cases {
            let mut role = inline(&allow(&json!("*"), &condition));
            role["Tags"] = json!([{"Key": "team", "Value": "orders"}]);
            assert_eq!(ask(&role, &json!({})), expected, "{condition}");
        }
    }

    #[test]
    fn a_deny_that_rests_on_the_request_makes_a_yes_unknown() {
        let deny = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        let allow = json!({"Effect": "Allow", "Action": "elasticache:*", "Resource": "*"});
        assert_eq!(
            ask(&inline(&json!({"Version": "2012-10-17", "Statement": [allow, deny]})), &json!({})),
            Answer::Unknown
        );
    }

    #[test]
    fn managed_policies_count_in_their_default_version_and_what_is_not_there_is_unknown() {
        let all = allow(&json!("*"), &json!({}));
        let attached =
            json!({"AttachedManagedPolicies": [{"PolicyName": "m", "PolicyArn": "arn:aws:iam::aws:policy/m"}]});
        let version = |document: &Value, is_default| json!({"Document": document, "IsDefaultVersion": is_default});
        let policies = |versions: &[Value]| json!({"Policies": [{"Arn": "arn:aws:iam::aws:policy/m", "PolicyVersionList": versions}]});
        let none = json!({"Version": "2012-10-17", "Statement": []});
        assert_eq!(ask(&attached, &policies(&[version(&none, false), version(&all, true)])), Answer::Yes);
        assert_eq!(ask(&attached, &policies(&[version(&all, false), version(&none, true)])), Answer::No);
        assert_eq!(ask(&attached, &json!({})), Answer::Unknown);
        let encoded = Value::from(
            "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D",
        );
        assert_eq!(ask(&attached, &policies(&[version(&encoded, true)])), Answer::Yes);
        let mut bounded = inline(&all);
        bounded["PermissionsBoundary"] = json!({"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/m"});
        assert_eq!(ask(&bounded, &policies(&[version(&none, true)])), Answer::No);
        assert_eq!(ask(&bounded, &json!({})), Answer::Unknown);
    }

    #[test]
    fn users_have_the_policies_of_their_groups() {
        let details = json!({
            "UserDetailList": [
                {"Arn": "arn:aws:iam::123456789012:user/ann", "UserName": "ann", "GroupList": ["app"]},
                {"Arn": "arn:aws:iam::123456789012:user/bob", "UserName": "bob", "GroupList": []},
            ],
            "GroupDetailList": [{"Arn": "arn:aws:iam::123456789012:group/app", "GroupName": "app",
                "GroupPolicyList": [{"PolicyName": "p", "PolicyDocument": allow(&json!("*"), &json!({}))}]}],
        });
        let holders = read(&details.to_string()).unwrap();
        let question = Question::new(&CacheArn::parse(CACHE).unwrap(), "app");
        let answers: Vec<Answer> = holders.iter().map(|holder| question.ask(holder)).collect();
        assert_eq!(answers, [Answer::Yes, Answer::No]);
    }

    #[test]
    fn nobody_connects_to_the_cache_of_another_account() {
        let holder = json!({"Arn": "arn:aws:iam::210987654321:user/ann", "UserName": "ann",
            "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": allow(&json!("*"), &json!({}))}]});
        let holders = read(&json!({"UserDetailList": [holder]}).to_string()).unwrap();
        let question = Question::new(&CacheArn::parse(CACHE).unwrap(), "app");
        assert_eq!(question.ask(&holders[0]), Answer::No);
        let verdicts = verdicts(&question, &holders);
        let expected =
            "the cache belongs to account 123456789012, and ElastiCache has no policies that let another account in";
        assert_eq!(notes(&question, &verdicts)[0], expected);
    }

    #[test]
    fn creating_the_service_linked_role_hangs_on_the_role_and_on_the_name_of_the_service() {
        let exact =
            "arn:aws:iam::123456789012:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        let any = "arn:aws:iam::*:role/aws-service-role/elasticache.amazonaws.com/AWSServiceRoleForElastiCache";
        let name = |value: &str| json!({"StringLike": {"iam:AWSServiceName": value}});
        let cases = [
            (exact, name("elasticache.amazonaws.com"), Answer::Yes),
            (any, name("*.amazonaws.com"), Answer::Yes),
            ("*", json!({}), Answer::Yes),
            ("*", json!({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}), Answer::Yes),
            ("*", json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}), Answer::No),
            (any, name("rds.amazonaws.com"), Answer::No),
            ("arn:aws:iam::*:role/aws-service-role/rds.amazonaws.com/*", json!({}), Answer::No),
            (any, json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}), Answer::Unknown),
        ];
        let question = Question::service_linked_role("aws", "123456789012");
        for (resource, condition, expected) in cases {
            let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole", "Resource": resource, "Condition": condition}});
            let mut role = inline(&policy);
            role["Arn"] = "arn:aws:iam::123456789012:role/app".into();
            let holders = read(&json!({"RoleDetailList": [role]}).to_string()).unwrap();
            assert_eq!(question.ask(&holders[0]), expected, "{resource} {condition}");
        }
    }

    #[test]
    fn a_verdict_tells_in_sentences_what_it_rests_on() {
        let sentences = |policy: &Value| {
            let mut role = inline(policy);
            role["Arn"] = "arn:aws:iam::123456789012:role/app".into();
            let holders = read(&json!({"RoleDetailList": [role]}).to_string()).unwrap();
            let question = Question::service_linked_role("aws", "123456789012");
            let told = Verdict::new(&question, &holders[0]).sentences(&question);
            told.into_iter().map(|told| told.replace(&question.resources()[0], "ROLE")).collect::<Vec<_>>()
        };
        let by = "ROLE: by arn:aws:iam::123456789012:role/app/p statement 0";
        let statement = |condition: &Value| {
            json!({"Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Action": "iam:*", "Resource": "*", "Condition": condition}})
        };
        assert_eq!(sentences(&statement(&json!({}))), [by]);
        let mfa = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
        assert_eq!(sentences(&statement(&mfa)), [by, "not known: aws:MultiFactorAuthPresent"]);
        let other = json!({"StringEquals": {"iam:AWSServiceName": "rds.amazonaws.com"}});
        let expected = [
            "ROLE: identity: none of its statements that allow is about this request",
            "ROLE: arn:aws:iam::123456789012:role/app/p statement 0: Condition StringEquals iam:AWSServiceName \
             [rds.amazonaws.com] does not hold: the key is elasticache.amazonaws.com",
        ];
        assert_eq!(sentences(&statement(&other)), expected);
    }

    #[test]
    fn what_is_known_of_the_request_settles_what_was_unknown() {
        let vpc = json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}});
        let mut role = inline(&allow(&json!("*"), &vpc));
        role["Arn"] = "arn:aws:iam::123456789012:role/app".into();
        let holders = read(&json!({"RoleDetailList": [role]}).to_string()).unwrap();
        for (value, expected) in [("vpc-1", Answer::Yes), ("vpc-2", Answer::No)] {
            let known = [("aws:SourceVpc".to_owned(), vec![value.to_owned()])];
            let question = Question::new(&CacheArn::parse(CACHE).unwrap(), "app").knowing(&known);
            assert_eq!(question.ask(&holders[0]), expected, "{value}");
        }
    }

    #[test]
    fn output_that_is_cut_off_or_another_is_refused() {
        for text in [
            r#"{"UserDetailList": [], "IsTruncated": true}"#,
            r#"{"NextToken": "x"}"#,
            "{}",
            "[",
            r#"{"RoleDetailList": 1}"#,
        ] {
            assert_eq!(read(text).unwrap_err().code().id, "EC2032", "{text}");
        }
    }
}
