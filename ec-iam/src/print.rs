//! The verbs that print an answer of their own kind instead of documents: `policy`, `trust` and `token`.

use std::io::{self, IsTerminal, Read};
use std::time::SystemTime;

use ec_shared::document::records::Records;
use ec_shared::document::{Document, Section};
use ec_shared::flags::Common;
use ec_shared::output::{Format, Output};
use ec_shared::run::Input;
use ec_shared::token::{Kind, environment_credentials};
use ec_shared::{Exit, Failure, aws::partition, codes as shared};
use serde_json::Value;

use crate::arn::CacheArn;
use crate::cli::{KEY, PolicyFlags, TokenFlags, TrustPolicyFlags};
use crate::cloud::Cloud;
use crate::clouds::Clouds;
use crate::identity::Caller;
use crate::lookup;
use crate::needs::{self, Scope};
use crate::principal::Principal;
use crate::token::{Target, Token, TokenFormat};
use crate::who::{checked_account, checked_user};

/// Prints a policy, or one for each document where the policy is about the document's cache.
///
/// # Errors
/// What ends the run.
pub(crate) fn policies(
    flags: &PolicyFlags,
    clouds: &mut Clouds,
    common: &Common,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let user = checked_user(flags.user.as_deref())?;
    let cache = match (&flags.cache_arn, &flags.cache) {
        (Some(arn), _) => Some(CacheArn::parse(arn)?),
        (None, Some(name)) => Some(CacheArn::of(&lookup::by_name(clouds.at(None, output)?, name)?)?),
        (None, None) => None,
    };
    if cache.is_some() || !needs::is_login(&flags.purpose) {
        return policy(flags, clouds, cache, user, output).map(|()| Exit::Ok);
    }
    each_document(Input::choose(common, None, false)?, |document| {
        let cache = document.cache()?.as_ref().map(CacheArn::of).transpose()?;
        let user = user.clone().map_or_else(|| user_of(document), |user| Ok(Some(user)))?;
        policy(flags, clouds, cache, user, output)
    })
}

fn policy(
    flags: &PolicyFlags,
    clouds: &Clouds,
    cache: Option<CacheArn>,
    user: Option<String>,
    output: &mut Output,
) -> Result<(), Failure> {
    let region = clouds.flags().region.clone().or_else(|| cache.as_ref().map(|arn| arn.region().to_owned()));
    let partition = match (&cache, &region) {
        (Some(arn), _) => arn.partition(),
        (None, Some(region)) => partition(region),
        (None, None) => "aws",
    };
    let principal = flags.principal.as_deref().map(Principal::parse).transpose()?;
    let account = cache
        .as_ref()
        .map(|arn| arn.account().to_owned())
        .or_else(|| principal.as_ref().and_then(|principal| principal.account.clone()));
    // An ARN of IAM may have a path, which a principal's name does not tell.
    let given = flags.principal.as_ref().filter(|text| text.contains(":iam:"));
    let principal = principal.as_ref().map(|principal| match given {
        Some(arn) => arn.clone(),
        None => format!("arn:{partition}:iam::{}:{principal}", account.as_deref().unwrap_or("*")),
    });
    let scope = Scope { partition: partition.to_owned(), account, region, connect: cache.zip(user), principal };
    print(&needs::policy(&flags.purpose, &scope)?, output);
    Ok(())
}

fn print(policy: &Value, output: &mut Output) {
    output.answer(serde_json::to_string_pretty(policy).unwrap_or_default().as_bytes());
    output.answer(b"\n");
}

/// Prints a trust policy. AWS is asked whose credentials these are only where the account is not known.
///
/// # Errors
/// `EC2092`, and what keeps AWS from answering.
pub(crate) fn trust(flags: TrustPolicyFlags, clouds: &mut Clouds, output: &mut Output) -> Result<Exit, Failure> {
    let asked = flags.conditions.of(flags.who);
    let (partition, account) = match flags.account {
        Some(account) => {
            let region = clouds.flags().region.clone().or_else(region_of_environment);
            (region.as_deref().map_or("aws", partition).to_owned(), checked_account(&account)?)
        }
        None if asked.is_relative() => {
            let identity = clouds.at(None, output)?.identity()?;
            (Caller::of(&identity.arn).partition, identity.account)
        }
        None => Default::default(),
    };
    print(&asked.trust(&partition, &account)?.policy(), output);
    Ok(Exit::Ok)
}

/// Prints a token, or one for each document.
///
/// # Errors
/// What ends the run.
pub(crate) fn tokens(
    flags: &TokenFlags,
    clouds: &mut Clouds,
    common: &Common,
    output: &mut Output,
) -> Result<Exit, Failure> {
    if io::stdout().is_terminal() {
        output.warn("the token is a secret: whoever sees it can log in for the next 15 minutes");
    }
    if let Some(cache) = &flags.cache {
        let kind = if flags.memorydb { Kind::MemoryDb } else { Kind::of_cache(flags.serverless) };
        let target = Target::of_flags(cache, flags.user.as_deref(), kind)?;
        return token(target, None, flags.format, clouds, common, output).map(|()| Exit::Ok);
    }
    each_document(Input::choose(common, None, false)?, |document| {
        let cache = document.cache()?.ok_or_else(|| {
            Failure::new(&shared::FIELD, "cannot sign a token: the document names no cache")
                .hint("--cache NAME, or pipe in what `ec-sg find` prints")
        })?;
        let user = flags.user.clone().map_or_else(|| user_of(document), |user| Ok(Some(user)))?;
        let target = Target::of_cache(&cache, user.as_deref(), flags.serverless)?;
        token(target, cache.region, flags.format, clouds, common, output)
    })
}

/// With credentials and Region at hand nothing is loaded, and no runtime started: that takes a millisecond.
fn token(
    target: Target,
    region: Option<String>,
    format: Option<TokenFormat>,
    clouds: &mut Clouds,
    common: &Common,
    output: &mut Output,
) -> Result<(), Failure> {
    let credentials = if clouds.flags().profile.is_none() { environment_credentials() } else { None };
    let region = clouds.flags().region.clone().or(region).or_else(region_of_environment);
    let now = SystemTime::now();
    let token = match (region, credentials) {
        (Some(region), Some(credentials)) => Token::sign(target, &region, &credentials, now)?,
        (region, credentials) => {
            let cloud = clouds.at(region, output)?;
            let credentials = credentials.map_or_else(|| cloud.credentials(), Ok)?;
            Token::sign(target, cloud.region(), &credentials, now)?
        }
    };
    // Unlike documents, a token is bare in a pipe, too: that is what programs take.
    let by_output = if common.output == Some(Format::Json) { TokenFormat::Json } else { TokenFormat::Line };
    output.answer(token.printed(format.unwrap_or(by_output)).as_bytes());
    Ok(())
}

fn region_of_environment() -> Option<String> {
    ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|region| !region.is_empty()))
}

/// The user that an earlier verb chose.
///
/// # Errors
/// `EC9009` if our section is no section.
pub(crate) fn user_of(document: &Document) -> Result<Option<String>, Failure> {
    let section: Option<Section> = document.read(KEY)?;
    Ok(section.and_then(|section| section.facts.get("user")?.as_str().map(str::to_owned)))
}

/// Does some work for every document.
///
/// # Errors
/// What the work fails with, and input that cannot be read.
pub(crate) fn each_document(
    input: Input,
    mut work: impl FnMut(&Document) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    match input {
        Input::Some(documents) => documents.iter().try_for_each(work)?,
        Input::Stdin => {
            let mut records = Records::new(io::stdin().lock());
            let mut count = 0_u64;
            loop {
                count += buffered(&mut records, &mut work)?;
                if !records.fill()? {
                    break;
                }
            }
            count += buffered(&mut records, &mut work)?;
            if count == 0 {
                return Err(Failure::new(&shared::NO_INPUT, "there is no document on stdin")
                    .hint("did the command before the pipe fail? run it alone and look at its exit code"));
            }
        }
    }
    Ok(Exit::Ok)
}

fn buffered<R: Read>(
    records: &mut Records<R>,
    work: &mut impl FnMut(&Document) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut count = 0;
    while let Some(record) = records.take()? {
        for document in record.documents()? {
            work(&document)?;
        }
        count += 1;
    }
    Ok(count)
}
