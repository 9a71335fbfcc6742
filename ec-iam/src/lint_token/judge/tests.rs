use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::lint_token::answer;

/// Tokens of botocore's `SigV4QueryAuth`, signed at 2024-01-01T00:00:00Z with the secret key [`SECRET`].
const GROUP: &str = "my-rg-01/?Action=connect&User=iam-user-01&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=b7c70a8a1a3bc251f9c2fe571af1fbe5fccd5d0d2ff7f233ba742807606fe7f3";
const SERVERLESS: &str = "cache-01/?Action=connect&User=iam-user-01&ResourceType=ServerlessCache&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=783b93c450cb4315052241f5a79a2ade7d69e5d5ab71c0e5a9cb9199b7237b31";
const SESSION: &str = "cache-01/?Action=connect&User=iam-user-01&ResourceType=ServerlessCache&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20240101%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20240101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJHMEUCIQD%2B%2F%3D%3D&X-Amz-Signature=68b20413b53aaa10da1e8e64c7a5882e5a0003aad09b55b6162a1eb446c53cb8";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// One minute after the tokens were signed.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_260)
}

fn serverless() -> Expected {
    Expected {
        cache: Some("cache-01".into()),
        user: Some("iam-user-01".into()),
        serverless: Some(true),
        region: Some("us-east-1".into()),
    }
}

fn group() -> Expected {
    Expected { cache: Some("my-rg-01".into()), serverless: Some(false), ..serverless() }
}

fn told(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict.remarks.iter().map(|(_, finding)| (finding.code.as_str(), finding.summary.as_str())).collect()
}

#[test]
fn nothing_is_said_of_tokens_that_aws_accepts() {
    for (token, expected) in [
        (GROUP, group()),
        (SERVERLESS, serverless()),
        (SESSION, serverless()),
        (GROUP, Expected::default()),
        (SESSION, Expected::default()),
    ] {
        let verdict = lint(token, &expected, now(), None);
        assert_eq!(told(&verdict), [], "{expected:?}");
        assert_eq!(verdict.signature, Signature::NotChecked);
    }
}

#[test]
fn the_place_of_parameters_is_free() {
    let (head, signature) = SESSION.split_once("&X-Amz-Security-Token").unwrap();
    let (session, signature) = signature.split_once("&X-Amz-Signature").unwrap();
    let token = format!("{head}&X-Amz-Signature{signature}&X-Amz-Security-Token{session}");
    assert_eq!(told(&lint(&token, &serverless(), now(), None)), []);
}

/// What is wrong, with which token, what of it is replaced by what, and what is said.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: [Case; 40] = [
    (
        "an endpoint",
        SERVERLESS,
        "cache-01/",
        "cache-01-x1y2z3.serverless.use1.cache.amazonaws.com/",
        "EC2068",
        "it is for an endpoint, and must be for the cache's name, cache-01",
    ),
    (
        "an endpoint with its port",
        SERVERLESS,
        "cache-01/",
        "master.cache-01.x1y2z3.use1.cache.amazonaws.com:6379/",
        "EC2068",
        "it is for an endpoint, and must be for the cache's name, cache-01",
    ),
    (
        "a tunnel",
        SERVERLESS,
        "cache-01/",
        "127.0.0.1:6379/",
        "EC2068",
        "it is for a DNS name or an address, and must be for the cache's name",
    ),
    ("a port", SERVERLESS, "cache-01/", "cache-01:6379/", "EC2071", "a port stands behind the cache's name"),
    ("another cache", SERVERLESS, "cache-01/", "cache-02/", "EC2071", "it is for cache cache-02, and not for cache-01"),
    ("no name at all", SERVERLESS, "cache-01/", "/", "EC2071", "no cache is named in front of the /?"),
    (
        "a name that is none",
        SERVERLESS,
        "cache-01/",
        "cache_01/",
        "EC2071",
        "what stands in front of the /? is no name of a cache",
    ),
    ("upper case in the name", SERVERLESS, "cache-01/", "Cache-01/", "EC2070", "the cache's name has upper case"),
    ("upper case in the user", SERVERLESS, "User=iam", "User=IAM", "EC2070", "the user's id has upper case"),
    ("a scheme", SERVERLESS, "cache-01/", "https://cache-01/", "EC2069", "https:// stands in front"),
    ("no slash", SERVERLESS, "/?", "?", "EC2072", "there is no / between the name and the ?"),
    ("another path", SERVERLESS, "/?", "/0?", "EC2072", "the path is not /"),
    ("no action", SERVERLESS, "Action=connect&", "", "EC2074", "there is no Action=connect"),
    ("another action", SERVERLESS, "=connect", "=Connect", "EC2074", "Action is Connect, and must be connect"),
    ("no user", SERVERLESS, "&User=iam-user-01", "", "EC2073", "there is no User"),
    ("another user", SERVERLESS, "iam-user-01", "app", "EC2073", "it is for user app, and not for iam-user-01"),
    ("a user that is none", SERVERLESS, "iam-user-01", "a%20b", "EC2073", "User is no id of an ElastiCache user"),
    (
        "no resource type",
        SERVERLESS,
        "&ResourceType=ServerlessCache",
        "",
        "EC2075",
        "the cache is serverless, and there is no ResourceType=ServerlessCache",
    ),
    (
        "a wrong resource type",
        SERVERLESS,
        "=ServerlessCache",
        "=Serverless",
        "EC2075",
        "ResourceType is Serverless, and can only be ServerlessCache",
    ),
    (
        "MemoryDB",
        SERVERLESS,
        "elasticache",
        "memorydb",
        "EC2076",
        "it is signed for the service memorydb, and not for elasticache",
    ),
    (
        "another Region",
        SERVERLESS,
        "us-east-1",
        "eu-west-1",
        "EC2077",
        "it is signed for eu-west-1, and the cache is in us-east-1",
    ),
    (
        "another algorithm",
        SERVERLESS,
        "AWS4-HMAC-SHA256",
        "AWS4-ECDSA-P256-SHA256",
        "EC2078",
        "X-Amz-Algorithm is AWS4-ECDSA-P256-SHA256, not AWS4-HMAC-SHA256",
    ),
    (
        "more headers",
        SERVERLESS,
        "=host",
        "=host%3Bx-amz-date",
        "EC2078",
        "X-Amz-SignedHeaders is host;x-amz-date, not host",
    ),
    ("longer", SERVERLESS, "=900", "=3600", "EC2078", "X-Amz-Expires is 3600, not 900"),
    (
        "shorter",
        SERVERLESS,
        "=900",
        "=600",
        "EC2078",
        "X-Amz-Expires is less than the 900 that AWS documents; whether it is taken is not known",
    ),
    ("no end", SERVERLESS, "&X-Amz-Expires=900", "", "EC2078", "there is no X-Amz-Expires=900"),
    (
        "a date of another form",
        SERVERLESS,
        "20240101T000000Z",
        "2024-01-01",
        "EC2078",
        "X-Amz-Date is not of the form 20240101T000000Z",
    ),
    (
        "another day",
        SERVERLESS,
        "%2F20240101%2F",
        "%2F20231231%2F",
        "EC2078",
        "X-Amz-Credential is of another day than X-Amz-Date",
    ),
    (
        "a scope of another form",
        SERVERLESS,
        "%2Felasticache%2F",
        "%2F",
        "EC2078",
        "X-Amz-Credential is not KEY/DATE/REGION/elasticache/aws4_request",
    ),
    (
        "a signature in upper case",
        SERVERLESS,
        "Signature=783b",
        "Signature=783B",
        "EC2078",
        "X-Amz-Signature is not 64 hexadecimal digits in lower case",
    ),
    (
        "no session token",
        SERVERLESS,
        "AKIDEXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "EC2082",
        "the key is temporary, and its session token is missing",
    ),
    (
        "a session token of others",
        SESSION,
        "ASIA",
        "AKIA",
        "EC2082",
        "the key is a long-term one, and carries the session token of other credentials",
    ),
    ("encoded twice", SERVERLESS, "%2F", "%252F", "EC2083", "X-Amz-Credential is percent-encoded twice"),
    (
        "a plus",
        SESSION,
        "%2B",
        "+",
        "EC2083",
        "X-Amz-Security-Token has a +, which some read as a space: it is written %2B, and a space %20",
    ),
    (
        "bare slashes",
        SERVERLESS,
        "%2F",
        "/",
        "EC2083",
        "X-Amz-Credential has characters that are signed percent-encoded and stand as they are",
    ),
    (
        "one parameter twice",
        SERVERLESS,
        "&X-Amz-Date",
        "&X-Amz-Expires=900&X-Amz-Date",
        "EC2084",
        "X-Amz-Expires stands more than once",
    ),
    ("lower case of a name", SERVERLESS, "User=", "user=", "EC2084", "AWS compares case, and writes User"),
    (
        "one more",
        SERVERLESS,
        "&X-Amz-Date",
        "&X-Amz-User-Agent=x&X-Amz-Date",
        "EC2084",
        "parameter 6 of 10 is none that tokens have; whether ElastiCache takes it is not known",
    ),
    ("HTML", SERVERLESS, "&", "&amp;", "EC2083", "the finished token was escaped once more: as in HTML"),
    ("a quote", SERVERLESS, "cache-01/", "'cache-01/", "EC2066", "the token is not bare: quotes"),
];

#[test]
fn every_way_of_being_wrong_is_told_by_its_own_sentence() {
    for (what, token, from, to, code, summary) in CASES {
        let wrong = token.replace(from, to);
        assert_ne!(wrong, token, "{what}");
        let verdict = lint(&wrong, &serverless(), now(), None);
        assert_eq!(told(&verdict), [(code, summary)], "{what}");
        assert!(verdict.remarks.iter().all(|(_, finding)| finding.fix.is_some()), "{what}");
    }
    let wrong = GROUP.replace("&X-Amz-Algorithm", "&ResourceType=ServerlessCache&X-Amz-Algorithm");
    assert_eq!(
        told(&lint(&wrong, &group(), now(), None)),
        [("EC2075", "the cache is a replication group, and there is ResourceType=ServerlessCache")]
    );
}

#[test]
fn of_a_token_for_another_service_nothing_else_is_said() {
    let token = SESSION
        .replace("cache-01/", "db.x1y2z3.eu-west-1.rds.amazonaws.com:5432/")
        .replace("&User=", "&DBUser=")
        .replace("elasticache", "rds-db");
    let verdict = lint(&token, &serverless(), now(), None);
    assert_eq!(told(&verdict), [("EC2076", "it is a token for Amazon RDS or Aurora, which ElastiCache does not take")]);
    assert_eq!(verdict.not_checked, Vec::<&str>::new());
}

#[test]
fn the_fix_signs_what_is_wanted() {
    let fix = |token: &str, expected: &Expected| lint(token, expected, now(), None).remarks[0].1.fix.clone().unwrap();
    let endpoint = SERVERLESS.replace("cache-01/", "orders-x1y2z3.serverless.use1.cache.amazonaws.com/");
    assert_eq!(
        fix(&endpoint, &Expected::default()),
        "sign a new one: ec-iam token --cache orders --user iam-user-01 --serverless --region us-east-1"
    );
    assert_eq!(
        fix(&GROUP.replace("my-rg-01", "Other"), &serverless()),
        "sign a new one: ec-iam token --cache cache-01 --user iam-user-01 --serverless --region us-east-1"
    );
    assert_eq!(
        fix("hunter2hunter2hunter2", &serverless()),
        "sign a token: ec-iam token --cache cache-01 --user iam-user-01 --serverless --region us-east-1"
    );
}

#[test]
fn a_token_that_is_cut_lacks_its_end_and_nothing_else() {
    for length in 40..SESSION.len() - 1 {
        let verdict = lint(&SESSION[..length], &serverless(), now(), None);
        let codes: Vec<&str> = told(&verdict).iter().map(|(code, _)| *code).collect();
        let is_early = !SESSION[..length].contains("X-Amz-");
        assert_eq!(codes, [if is_early { "EC2065" } else { "EC2067" }], "{}", &SESSION[..length]);
    }
    for start in 30..SESSION.len() - 80 {
        let verdict = lint(&SESSION[start..], &serverless(), now(), None);
        assert_eq!(told(&verdict)[0].0, "EC2067", "{start}");
    }
}

#[test]
fn the_clock_decides_to_the_second() {
    let signed = 1_704_067_200;
    let at = |seconds: u64| {
        let verdict = lint(SERVERLESS, &serverless(), SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), None);
        verdict.remarks.first().map(|(_, finding)| (finding.code.clone(), finding.severity, finding.summary.clone()))
    };
    assert_eq!(at(signed), None);
    assert_eq!(at(signed + 899), None);
    let expired = |summary: &str| Some(("EC2080".to_owned(), Severity::Error, summary.to_owned()));
    assert_eq!(at(signed + 900), expired("it ended 0 s ago"));
    assert_eq!(at(signed + 900 + 7200), expired("it ended 2 h ago"));
    let early = |severity, summary: &str| Some(("EC2081".to_owned(), severity, summary.to_owned()));
    let tolerated = "it is dated 300 s in the future; AWS mostly lets clocks differ by 5 minutes";
    assert_eq!(at(signed - 300), early(Severity::Warning, &tolerated.replace("300 s", "5 min")));
    assert_eq!(at(signed - 301), early(Severity::Error, "it is dated 5 min in the future"));
}

#[test]
fn the_signature_is_compared_where_the_credentials_are_at_hand() {
    let with = |key: &str, secret: &str| Credentials::new(key, secret, None, None, "test");
    let signature = |token: &str, credentials: &Credentials| {
        let verdict = lint(token, &Expected::default(), now(), Some(credentials));
        (verdict.signature, verdict.errors())
    };
    let right = with("AKIDEXAMPLE", SECRET);
    assert_eq!(signature(GROUP, &right), (Signature::Matches, 0));
    assert_eq!(signature(SERVERLESS, &right), (Signature::Matches, 0));
    assert_eq!(signature(SESSION, &with("ASIAIOSFODNN7EXAMPLE", SECRET)), (Signature::Matches, 0));
    assert_eq!(signature(GROUP, &with("AKIDEXAMPLE", "another")), (Signature::Differs, 1));
    assert_eq!(signature(GROUP, &with("AKIDOTHER", SECRET)), (Signature::NotChecked, 0));
    assert_eq!(signature(&GROUP.replace("my-rg-01", "my-rg-02"), &right), (Signature::Differs, 1));
    assert_eq!(signature(&GROUP.replace("my-rg-01", "My-RG-01"), &right), (Signature::NotChecked, 1));
    assert_eq!(signature(&GROUP.replace("=connect", "=login"), &right), (Signature::NotChecked, 1));
}

#[test]
fn what_is_no_token_is_told_by_its_form_and_never_shown() {
    for (text, expected) in [
        ("hunter2hunter2hunter2", "it is no IAM authentication token: it is perhaps a password or an AUTH token"),
        ("AKIAIOSFODNN7EXAMPLE", "it is no IAM authentication token: it is an access key id"),
        ("orders/?Action=connect&User=app", "it is no IAM authentication token: it is a token without its signature"),
    ] {
        let verdict = lint(text, &Expected::default(), now(), None);
        assert_eq!(told(&verdict), [("EC2065", expected)]);
        assert!(!answer::json(&verdict, None).contains(text), "{text}");
    }
}

/// Every piece of a secret that is long enough to be of use.
fn pieces(secret: &str) -> impl Iterator<Item = &str> {
    (0..=secret.len() - 17).map(move |start| &secret[start..start + 17])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However a token was mutilated, no answer shows a piece of its signature or of its session token.
    #[test]
    fn no_answer_shows_a_secret(
        cuts in proptest::collection::vec((0..600_usize, 0..400_usize), 0..4),
        put in "[ '\"&=?/%+a-zA-Z0-9\\\\]{0,6}",
        at in 0..600_usize,
        has_expectations: bool,
    ) {
        let mut token = SESSION.to_owned();
        for (start, length) in cuts {
            let start = start.min(token.len());
            let end = (start + length).min(token.len());
            token.replace_range(start..end, "");
        }
        token.insert_str(at.min(token.len()), &put);
        let expected = if has_expectations { serverless() } else { Expected::default() };
        let credentials = Credentials::new("ASIAIOSFODNN7EXAMPLE", SECRET, None, None, "test");
        let verdict = lint(&token, &expected, now(), Some(&credentials));
        let answers = answer::json(&verdict, Some(1)) + &answer::report(&verdict);
        let signature = "68b20413b53aaa10da1e8e64c7a5882e5a0003aad09b55b6162a1eb446c53cb8";
        let session = "IQoJb3JpZ2luX2VjEXAMPLE%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJHMEUCIQD%2B%2F%3D%3D";
        let decoded = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+/==";
        for piece in [signature, session, decoded, SECRET].into_iter().flat_map(pieces) {
            prop_assert!(!answers.contains(piece), "{piece} in {answers}");
        }
    }
}
