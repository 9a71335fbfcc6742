//! A server that answered only after a while: the states that pass are told, however it ended.

use std::time::Duration;

use ec_shared::document::{Finding, Severity};

use super::{Context, Judgement};
use crate::codes;
use crate::ladder::{Outcome, Stage};

/// A server that was asked again and again, because it was in a state that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    /// What it said at first.
    pub(crate) said: String,
    /// How often it was asked.
    pub(crate) tries: u32,
    /// From its first answer to the last.
    pub(crate) waited: Duration,
}

impl Judgement {
    /// Says that the answer came only after a while; or, that it is still the same.
    #[must_use]
    pub(crate) fn late(mut self, late: Option<&Late>, stage: Stage, context: &Context<'_>) -> Self {
        let Some(late) = late else { return self };
        let waited = (late.waited.as_secs_f64() * 10.0).round() / 10.0;
        let word = late.said.split(' ').next().unwrap_or_default();
        let evidence = |finding: Finding| {
            finding.evidence("waited_s", waited).evidence("tries", late.tries).evidence("said_first", &late.said)
        };
        match self.finding.take() {
            Some(finding) => self.finding = Some(evidence(finding)),
            None if self.outcome == Outcome::Ok => {
                self.summary = format!("{}, after {waited} s of {word}", self.summary);
                let summary = format!("the server said {word} for {waited} s before it answered");
                let finding = Finding::new(&codes::LATE, Severity::Info, summary)
                    .evidence("endpoint", context.target.endpoint.to_string())
                    .evidence("stage", stage)
                    .fix(codes::LATE.fix);
                self.finding = Some(evidence(finding));
            }
            None => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Engine;
    use ec_shared::ran_on::RanOn;

    use super::*;
    use crate::plan::Plan;
    use crate::verdict::finding;

    fn told(judge: impl Fn(&Context<'_>) -> Judgement) -> Judgement {
        let plan = Plan::for_tests(Engine::Valkey, true);
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let context = Context { plan: &plan, target: &plan.targets[0], credentials: None, machine: &machine, now };
        let late = Late { said: "LOADING Valkey is loading".into(), tries: 4, waited: Duration::from_millis(1234) };
        judge(&context).late(Some(&late), Stage::Ping, &context)
    }

    #[test]
    fn an_answer_that_came_late_is_ok_with_a_remark() {
        let judgement = told(|_| Judgement::ok("PONG"));
        assert_eq!(judgement.summary, "PONG, after 1.2 s of LOADING");
        let finding = judgement.finding.unwrap();
        assert_eq!((finding.code.as_str(), finding.severity), ("EC3058", Severity::Info));
        assert_eq!(finding.summary, "the server said LOADING for 1.2 s before it answered");
    }

    #[test]
    fn a_state_that_did_not_pass_keeps_its_code_and_says_how_long_it_was_waited_for() {
        let loading = |context: &Context<'_>| {
            Judgement::no("LOADING", finding(&codes::LOADING, codes::LOADING.title, Stage::Ping, context))
        };
        let finding = told(loading).finding.unwrap();
        assert_eq!(finding.code, "EC3050");
        assert_eq!((&finding.evidence["tries"], &finding.evidence["waited_s"]), (&4.into(), &1.2.into()));
    }

    #[test]
    fn what_is_skipped_stays_so() {
        assert!(told(|_| Judgement::skipped("NOPERM; not needed")).finding.is_none());
    }
}
