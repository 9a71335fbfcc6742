use ec_shared::failure::AwsError;

use super::*;

/// A failure that carries AWS's code.
fn failure(code: &'static codes::Code, said: &str) -> Failure {
    Failure::new(code, "cannot look it up").aws(AwsError {
        service: "ec2".into(),
        operation: "DescribeIt".into(),
        code: Some(said.into()),
        request_id: None,
        attempts: 1,
    })
}

#[tokio::test]
async fn all_are_under_way_at_the_same_time_and_answer_in_their_order() {
    let meeting = tokio::sync::Barrier::new(3);
    let outputs = all([1, 2, 3].map(|number| {
        let meeting = &meeting;
        // One after the other, they would wait for ever.
        async move {
            meeting.wait().await;
            number
        }
    }));
    assert_eq!(outputs.await, [1, 2, 3]);
}

#[test]
fn what_does_not_exist_is_an_answer_and_a_refusal_is_none() {
    let group = [Need::Group("sg-1".into())];
    let serverless = [Need::Cache(Deployment::Serverless, "orders".into())];
    for (needs, code, said, expected) in [
        (&group, &codes::NOT_FOUND, "InvalidGroup.NotFound", true),
        (&group, &codes::REFUSED, "InvalidGroupId.Malformed", true),
        (&group, &codes::REFUSED, "InvalidAction", false),
        (&group, &codes::ACCESS_DENIED, "UnauthorizedOperation", false),
        (&serverless, &codes::NOT_FOUND, "ServerlessCacheNotFoundFault", true),
        (&serverless, &codes::REFUSED, "InvalidAction", true),
        (&serverless, &codes::THROTTLED, "Throttling", false),
    ] {
        assert_eq!(found(needs, Err(failure(code, said))).is_ok(), expected, "{needs:?} {said}");
    }
}

#[test]
fn an_addition_that_is_denied_is_left_out_and_one_that_fails_for_now_is_not() {
    let addition = |code, said| if_allowed::<()>(Err(failure(code, said)));
    assert_eq!(addition(&codes::ACCESS_DENIED, "UnauthorizedOperation"), Ok(None));
    assert_eq!(addition(&codes::REFUSED, "InvalidAction"), Ok(None));
    assert!(addition(&codes::THROTTLED, "RequestLimitExceeded").is_err());
    assert_eq!(if_allowed(Ok(vec![1])), Ok(Some(vec![1])));
    let denied = failure(&codes::ACCESS_DENIED, "UnauthorizedOperation");
    assert_eq!(if_known::<()>(Err(denied.clone())), Err(denied));
    assert_eq!(if_known::<()>(Err(failure(&codes::REFUSED, "InvalidAction"))), Ok(None));
}

#[test]
fn a_sentence_names_a_few_and_counts_the_rest() {
    let groups = |count: usize| (1..=count).map(|each| Need::Group(format!("sg-{each}"))).collect::<Vec<_>>();
    assert_eq!(what(&groups(2)), "cannot look up security group sg-1, security group sg-2");
    assert_eq!(
        what(&groups(5)),
        "cannot look up security group sg-1, security group sg-2, security group sg-3 and 2 more"
    );
}
