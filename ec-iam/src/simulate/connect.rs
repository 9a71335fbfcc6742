//! Who in an account may connect to a cache as a user: allowed on both ARNs, for AWS checks both.
//!
//! Source: <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>

use std::collections::BTreeSet;

use ec_shared::Exit;
use ec_shared::report::{Mark, Report};
use serde_json::{Map, Value, json};

use super::account::Holder;
use super::answer::statement;
use crate::arn::CacheArn;
use crate::evaluate::{Absent, Context, Decision, Explanation, Request, decide, explain};

const CONNECT: &str = "elasticache:Connect";
/// What the authorization details of an account do not tell.
const NOTE: &str =
    "policies of the organization, of sessions and of endpoints are not in the input, and not considered";

/// Whether a principal may connect.
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
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }
}

/// What is asked: the cache's ARN and the user's.
#[derive(Clone, Debug)]
pub struct Question {
    resources: [String; 2],
    region: String,
    account: String,
}

/// The answer about one principal.
#[derive(Debug)]
pub struct Verdict<'a> {
    holder: &'a Holder,
    answer: Answer,
}

impl Question {
    /// To connect to `cache` as `user`.
    pub fn new(cache: &CacheArn, user: &str) -> Self {
        let resources = [cache.to_string(), cache.user(user)];
        Self { resources, region: cache.region().to_owned(), account: cache.account().to_owned() }
    }

    /// Whether the holder may connect.
    pub fn ask(&self, holder: &Holder) -> Answer {
        let context = self.context(holder);
        match self.decide(holder, &context, Absent::AtBest) {
            // A policy that could not be read may allow, but cannot undo a deny.
            Decision::ExplicitDeny => Answer::No,
            _ if !holder.unread.is_empty() => Answer::Unknown,
            Decision::ImplicitDeny => Answer::No,
            Decision::Allowed if self.decide(holder, &context, Absent::AtWorst) == Decision::Allowed => Answer::Yes,
            Decision::Allowed => Answer::Unknown,
        }
    }

    fn context(&self, holder: &Holder) -> Context {
        let mut context = holder.context.clone();
        context.set_default("aws:RequestedRegion", &self.region);
        context.set_default("aws:ResourceAccount", &self.account);
        context
    }

    /// The decision that restricts most.
    fn decide(&self, holder: &Holder, context: &Context, absent: Absent) -> Decision {
        let requests = self.resources.iter().map(|resource| Self::request(holder, resource, context, absent));
        requests.map(|request| decide(&holder.authorization, &request)).max().unwrap_or(Decision::ImplicitDeny)
    }

    fn request<'a>(holder: &'a Holder, resource: &'a str, context: &'a Context, absent: Absent) -> Request<'a> {
        let mut request = Request::new(CONNECT, resource, Some(&holder.caller), context);
        request.absent = absent;
        request
    }

    /// What the answer about a holder rests on, for the cache and for the user.
    fn explain(&self, verdict: &Verdict<'_>) -> Vec<(&str, Explanation, Vec<Value>)> {
        let Verdict { holder, answer } = verdict;
        let absent = if *answer == Answer::Yes { Absent::AtWorst } else { Absent::AtBest };
        let context = self.context(holder);
        let explain = |resource: &'_ String| {
            let request = Self::request(holder, resource, &context, absent);
            let explanation = explain(&holder.authorization, &request);
            let candidates = explanation.missed.iter().map(|missed| {
                let mut candidate = statement(&missed.found);
                candidate["Reason"] = missed.reason(&request).into();
                candidate
            });
            let candidates = candidates.collect();
            (explanation, candidates)
        };
        let pairs = self.resources.iter().map(|resource| (resource, explain(resource)));
        pairs.map(|(resource, (explanation, candidates))| (resource.as_str(), explanation, candidates)).collect()
    }
}

/// Asks about all holders.
pub(super) fn verdicts<'a>(question: &Question, holders: impl IntoIterator<Item = &'a Holder>) -> Vec<Verdict<'a>> {
    holders.into_iter().map(|holder| Verdict { holder, answer: question.ask(holder) }).collect()
}

/// Yes if anybody may connect for sure.
pub(crate) fn exit(verdicts: &[Verdict<'_>]) -> Exit {
    if verdicts.iter().any(|verdict| verdict.answer == Answer::Yes) { Exit::Ok } else { Exit::No }
}

/// The answer as one line, without its line end: the principals that may connect or for which it is not known, and with
/// `all` the others, too.
pub(crate) fn json(question: &Question, verdicts: &[Verdict<'_>], all: bool) -> String {
    let count = |answer| verdicts.iter().filter(|verdict| verdict.answer == answer).count();
    let told = verdicts.iter().filter(|verdict| all || verdict.answer != Answer::No);
    let principals: Vec<Value> = told.map(|verdict| principal(question, verdict)).collect();
    json!({
        "Action": CONNECT,
        "Resources": question.resources,
        "Principals": principals,
        "Counts": {"yes": count(Answer::Yes), "unknown": count(Answer::Unknown), "no": count(Answer::No)},
        "Notes": notes(question, verdicts),
    })
    .to_string()
}

/// What the answer does not consider, and why nobody may connect who seems to be allowed.
fn notes(question: &Question, verdicts: &[Verdict<'_>]) -> Vec<String> {
    let is_foreign = verdicts.iter().any(|verdict| verdict.holder.caller.account() != question.account);
    let foreign = is_foreign.then(|| {
        let account = &question.account;
        format!("the cache belongs to account {account}, and ElastiCache has no policies that let another account in")
    });
    foreign.into_iter().chain([NOTE.to_owned()]).collect()
}

fn principal(question: &Question, verdict: &Verdict<'_>) -> Value {
    let explained = question.explain(verdict);
    let mut keys = BTreeSet::new();
    let results = explained.into_iter().map(|(resource, explanation, candidates)| {
        if verdict.answer == Answer::Unknown {
            keys.extend(explanation.missing_keys);
        }
        json!({
            "EvalResourceName": resource,
            "MatchedStatements": explanation.matched.iter().map(statement).collect::<Vec<_>>(),
            "Candidates": candidates,
        })
    });
    let results: Vec<Value> = results.collect();
    let mut answer = Map::new();
    answer.insert("Arn".to_owned(), verdict.holder.caller.arn().into());
    answer.insert("CanConnect".to_owned(), verdict.answer.word().into());
    answer.insert("MissingContextValues".to_owned(), keys.into_iter().collect::<Vec<_>>().into());
    answer.insert("ResourceSpecificResults".to_owned(), results.into());
    if !verdict.holder.unread.is_empty() {
        answer.insert("Notes".to_owned(), verdict.holder.unread.as_slice().into());
    }
    Value::Object(answer)
}

/// The report for people.
pub(crate) fn report(question: &Question, verdicts: &[Verdict<'_>], all: bool) -> String {
    let mut report = Report::default();
    report.title(format!("who may connect: {} as {}", question.resources[0], question.resources[1]));
    for verdict in verdicts.iter().filter(|verdict| all || verdict.answer != Answer::No) {
        let keys: BTreeSet<String> = match verdict.answer {
            Answer::Unknown => {
                question.explain(verdict).into_iter().flat_map(|(_, told, _)| told.missing_keys).collect()
            }
            Answer::Yes | Answer::No => BTreeSet::new(),
        };
        let mark = match verdict.answer {
            Answer::Yes => Mark::Yes,
            Answer::Unknown => Mark::Unknown,
            Answer::No => Mark::No,
        };
        let why = keys.into_iter().chain(verdict.holder.unread.iter().cloned()).collect::<Vec<_>>().join(", ");
        let columns = [verdict.holder.caller.arn(), verdict.answer.word(), &why];
        report.row(mark, columns.into_iter().filter(|column| !column.is_empty()));
    }
    for note in notes(question, verdicts) {
        report.row(Mark::Info, [note]);
    }
    let count = |answer| verdicts.iter().filter(|verdict| verdict.answer == answer).count();
    let (yes, unknown, all) = (count(Answer::Yes), count(Answer::Unknown), verdicts.len());
    let mark = if yes > 0 { Mark::Yes } else { Mark::No };
    let of_others = if unknown > 0 { format!(", of {unknown} it is not known") } else { String::new() };
    report.verdict(mark, format!("{yes} of {all} may connect{of_others}"));
    report.render()
}

#[cfg(test)]
mod tests {
    use super::super::account::read;
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
        let answers: Vec<Answer> = verdicts(&question, &holders).iter().map(|verdict| verdict.answer).collect();
        assert_eq!(answers, [Answer::Yes, Answer::No]);
    }

    #[test]
    fn nobody_connects_to_the_cache_of_another_account() {
        let holder = json!({"Arn": "arn:aws:iam::210987654321:user/ann", "UserName": "ann",
            "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": allow(&json!("*"), &json!({}))}]});
        let holders = read(&json!({"UserDetailList": [holder]}).to_string()).unwrap();
        let question = Question::new(&CacheArn::parse(CACHE).unwrap(), "app");
        let verdicts = verdicts(&question, &holders);
        assert_eq!(verdicts[0].answer, Answer::No);
        let expected =
            "the cache belongs to account 123456789012, and ElastiCache has no policies that let another account in";
        assert_eq!(notes(&question, &verdicts)[0], expected);
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
