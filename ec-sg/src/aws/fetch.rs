//! Needs become batches, batches calls, and what is not there an answer.

mod lists;
mod networks;

use std::pin::Pin;
use std::task::Poll;

use ec_shared::document::Deployment;
use ec_shared::{Failure, codes};

use super::AwsCloud;
use super::batch::{Batch, Scope, narrow};
use crate::answers::Answers;
use crate::cloud::Told;
use crate::need::Need;

impl AwsCloud {
    /// Asks for all of them at the same time.
    pub(super) async fn tell(&self, needs: Vec<Need>) -> Vec<Told> {
        let batches = self.asked.borrow_mut().batches(needs);
        all(batches.into_iter().map(|batch| self.batch(batch))).await.into_iter().flatten().collect()
    }

    async fn batch(&self, batch: Batch) -> Vec<Told> {
        match batch.scope {
            Scope::Narrow => self.by_name(batch.needs).await,
            Scope::Whole => self.whole(batch.needs).await,
            Scope::Known => vec![Told { needs: batch.needs, answers: Ok(Answers::default()), is_whole: false }],
        }
    }

    /// AWS tells of none if there is no such thing as one: then each is asked alone.
    async fn by_name(&self, needs: Vec<Need>) -> Vec<Told> {
        let alone = async |needs: Vec<Need>| {
            let answers = found(&needs, self.ask(&needs, Scope::Narrow).await);
            Told { needs, answers, is_whole: false }
        };
        if needs.len() == 1 {
            return vec![alone(needs).await];
        }
        match self.ask(&needs, Scope::Narrow).await {
            Err(failure) if is_no_such(&needs, &failure) => all(needs.into_iter().map(|need| alone(vec![need]))).await,
            answers => vec![Told { needs, answers, is_whole: false }],
        }
    }

    /// Who may see some caches only is denied all of them: then each is asked for by its name.
    async fn whole(&self, needs: Vec<Need>) -> Vec<Told> {
        let answers = found(&needs, self.ask(&needs, Scope::Whole).await);
        if answers.as_ref().is_err_and(|failure| failure.code() == &codes::ACCESS_DENIED) {
            let told = all(narrow(&needs).into_iter().map(|batch| self.by_name(batch.needs))).await;
            return told.into_iter().flatten().collect();
        }
        // The snapshot does not tell the deployments of caches apart: what is whole of one is remembered here.
        let cache = needs.first().filter(|need| matches!(need, Need::Cache(..)));
        if let (Some(cache), true) = (cache, answers.is_ok()) {
            self.asked.borrow_mut().listed(cache);
        }
        vec![Told { is_whole: cache.is_none() && answers.is_ok(), needs, answers }]
    }

    /// Asks for needs of one kind in one go.
    async fn ask(&self, needs: &[Need], scope: Scope) -> Result<Answers, Failure> {
        let what = what(needs);
        match needs {
            [Need::StaleRules(vpc)] => self.stale_rules(&what, vpc).await,
            [Need::DnsSupport(vpc)] => self.dns_support(&what, vpc).await,
            [Need::DnsHostnames(vpc)] => self.dns_hostnames(&what, vpc).await,
            [Need::Peerings(one, other)] => self.peerings(&what, one, other).await,
            [Need::TransitGateway(id)] => self.transit_gateway(&what, id).await,
            [Need::TransitGatewayRoutes(table)] => self.transit_gateway_routes(&what, table).await,
            [Need::PrefixList(id)] => self.prefix_list(&what, id).await,
            [Need::PrefixListSize(id)] => self.prefix_list_size(&what, id).await,
            _ => self.list(&what, needs, scope).await,
        }
    }
}

/// What is tried, for sentences.
fn what(needs: &[Need]) -> String {
    const NAMED: usize = 3;
    let named: Vec<_> = needs.iter().take(NAMED).map(Need::to_string).collect();
    let more = needs.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("cannot look up {}{more}", named.join(", "))
}

/// Turns "there is no such thing" into an answer that holds nothing.
fn found(needs: &[Need], answers: Result<Answers, Failure>) -> Result<Answers, Failure> {
    match answers {
        Err(failure) if is_no_such(needs, &failure) => Ok(Answers::default()),
        answers => answers,
    }
}

/// Ids of a length that AWS does not make are malformed to it; they do not exist any more than others. A partition
/// without serverless caches does not know the action.
fn is_no_such(needs: &[Need], failure: &Failure) -> bool {
    let is_serverless = matches!(needs, [Need::Cache(Deployment::Serverless, _), ..]);
    let is = |code: &str| code.ends_with(".Malformed") || is_serverless && code == "InvalidAction";
    failure.code() == &codes::NOT_FOUND || failure.aws_code().is_some_and(is)
}

/// Drops what adds to an answer and may not be asked, or cannot.
fn if_allowed<T>(addition: Result<Vec<T>, Failure>) -> Result<Option<Vec<T>>, Failure> {
    match addition {
        Err(failure) if *failure.code() == codes::ACCESS_DENIED => Ok(None),
        addition => if_known(addition),
    }
}

/// Drops what cannot be asked: emulators do not know every action.
fn if_known<T>(addition: Result<Vec<T>, Failure>) -> Result<Option<Vec<T>>, Failure> {
    match addition {
        Err(failure) if *failure.code() == codes::REFUSED => Ok(None),
        addition => addition.map(Some),
    }
}

/// Waits for all of them at the same time; their outputs in their order. Few enough to look at each whenever one
/// gets further.
async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
