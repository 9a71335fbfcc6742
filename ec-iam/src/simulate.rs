//! The verb `simulate`: what policies allow, decided here.
//!
//! - Requests of `aws iam simulate-custom-policy` in, its answers out: one line for each request, in input order; a
//!   request that cannot be read is answered with its error. Flags make such a request, too.
//! - Who in an account may do something, from saved authorization details or from IAM itself.
//! - Beside our answer that of AWS's own simulator.

mod account;
mod answer;
mod compare;
mod files;
mod implied;
mod like;
mod live;
mod question;
mod request;
mod text;
mod verdicts;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use ec_shared::document::records::{Record, Records};
use ec_shared::output::{Format, Output, Written};
use ec_shared::token::user_id;
use ec_shared::{Exit, Failure, codes as shared};

use crate::arn::CacheArn;
use crate::clouds::Clouds;
use crate::evaluate::{Authorization, Decision};
use crate::principal::Principal;
use files::PolicyFiles;
use like::Model;

pub use account::Holder;
pub use answer::{ActionResult, Reason, ResourceResult, results};
pub use live::{Asked, Iam, Page, Policies, Said, SaidStatement, holder};
pub use question::{Answer, Because, Question, Verdict};
pub use request::Simulation;

/// How many bytes of answers are held back while there is more to read.
const FLUSH_AT: usize = 64 << 10;

/// Flags of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateFlags {
    /// File with one request or a stream of them; with --cache-arn or --action, what `aws iam
    /// get-account-authorization-details` prints [default: stdin]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Asks about connecting to this cache: allowed on the cache and on the user
    #[arg(long, value_name = "ARN", requires = "user", group = "question")]
    cache_arn: Option<String>,
    /// ElastiCache user to connect as
    #[arg(long, value_name = "ID", env = "EC_USER")]
    user: Option<String>,
    /// Asks about this action, such as iam:CreateServiceLinkedRole; may be repeated
    #[arg(long, value_name = "ACTION", group = "question", value_parser = request::action)]
    action: Vec<String>,
    /// Resource of the action; may be repeated [default: *, and for iam:CreateServiceLinkedRole that of ElastiCache]
    #[arg(long, value_name = "ARN", requires = "action", value_parser = request::resource)]
    resource: Vec<String>,
    /// Asks about everything that this policy allows, and answers what is lacking: the ARN of a managed policy such as
    /// arn:aws:iam::aws:policy/AmazonElastiCacheFullAccess, for which IAM is asked, or a file
    #[arg(
        long,
        value_name = "POLICY",
        requires = "comparable",
        conflicts_with_all = ["compare", "context"],
        group = "question"
    )]
    like: Option<String>,
    /// What is known of the request; may be repeated, also for further values of a key
    #[arg(long, value_name = "KEY=VALUE", requires = "question", value_parser = files::context_entry)]
    context: Vec<(String, String)>,
    /// Asks about this principal alone: role/NAME, user/NAME or an ARN
    #[arg(long, value_name = "PRINCIPAL", requires = "question", group = "comparable")]
    principal: Option<String>,
    /// Asks IAM for the policies, instead of reading them
    #[arg(long, requires = "question", conflicts_with = "file")]
    live: bool,
    /// Asks AWS's own simulator the same, and shows both answers; ends with 1 where they differ, and with 0 where they
    /// agree, whatever they are. AWS's simulator knows neither session policies, resource control policies nor trust
    /// policies, and service control policies only in part
    #[arg(long, requires = "comparable")]
    compare: bool,
    #[command(flatten)]
    files: PolicyFiles,
}

/// Answers everything that is asked.
///
/// # Errors
/// What ends the run: an input that is no JSON, or none; policies that cannot be read; a call to AWS that fails.
pub(crate) fn run(flags: &SimulateFlags, clouds: &mut Clouds, output: &mut Output) -> Result<Exit, Failure> {
    if !flags.files.is_empty() {
        return of_files(flags, clouds, output);
    }
    if flags.cache_arn.is_some() || flags.like.is_some() || !flags.action.is_empty() {
        return of_principals(flags, clouds, output);
    }
    answer_all(source(flags, "the input of `aws iam simulate-custom-policy`")?, output)
}

/// Where the input comes from; `what` it is.
fn source(flags: &SimulateFlags, what: &str) -> Result<Box<dyn Read>, Failure> {
    match &flags.file {
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::new(&shared::READ, format!("cannot read {}", path.display())).because(error)
            })?;
            Ok(Box::new(file))
        }
        None if io::stdin().is_terminal() => {
            Err(Failure::new(&shared::NO_INPUT, "there is no request: stdin is a terminal")
                .hint(format!("name a file, or pipe in {what}")))
        }
        None => Ok(Box::new(io::stdin().lock())),
    }
}

/// Answers what flags ask about the policies of files.
fn of_files(flags: &SimulateFlags, clouds: &mut Clouds, output: &mut Output) -> Result<Exit, Failure> {
    let context = files::context_entries(&flags.context);
    let (actions, resources) = match connection(flags)? {
        Some(question) => (vec![question.action().to_owned()], question.resources().to_vec()),
        None => (flags.action.clone(), flags.resource.clone()),
    };
    let caller = flags.files.caller().filter(|_| resources.is_empty());
    let resource = caller.and_then(|caller| default_resource(&actions, caller.arn()));
    let resources = resource.map_or(resources, |resource| vec![resource]);
    let (simulation, policies) = flags.files.simulation(actions, resources, &context)?;
    if let Some(name) = &flags.like {
        let model = Model::read(name, || region(flags, clouds, output))?;
        return Ok(model.tell(&simulation.authorization, simulation.caller.as_ref(), output));
    }
    if flags.compare {
        let comparison = compare::of_policies(region(flags, clouds, output)?, &simulation, &policies)?;
        return Ok(comparison.tell(output));
    }
    Ok(tell(&simulation, output))
}

/// Answers who may.
fn of_principals(flags: &SimulateFlags, clouds: &mut Clouds, output: &mut Output) -> Result<Exit, Failure> {
    let wanted = flags.principal.as_deref().map(Principal::any).transpose()?;
    let mut holders = match &wanted {
        None if flags.live => account::read(&live::account(region(flags, clouds, output)?)?.to_string())?,
        None => account::read(&saved(flags)?)?,
        Some(principal) if flags.live => vec![holder(region(flags, clouds, output)?, principal)?],
        Some(principal) => vec![account::named(principal, account::read(&saved(flags)?)?)?],
    };
    let mut limits = Authorization::default();
    flags.files.limit(&mut limits, &mut Vec::new())?;
    for holder in &mut holders {
        holder.authorization.session.clone_from(&limits.session);
        holder.authorization.service_control.clone_from(&limits.service_control);
    }
    if let (Some(name), [holder]) = (&flags.like, holders.as_slice()) {
        let model = Model::read(name, || region(flags, clouds, output))?.noting(&holder.unread);
        return Ok(model.tell(&holder.authorization, Some(&holder.caller), output));
    }
    let questions = questions(flags, &holders)?;
    if let (true, [holder]) = (flags.compare, holders.as_slice()) {
        let comparison = compare::of_principal(region(flags, clouds, output)?, holder, &questions)?;
        return Ok(comparison.tell(output));
    }
    let all = wanted.is_some();
    let mut exit: Option<Exit> = None;
    for question in &questions {
        let verdicts = verdicts::verdicts(question, &holders);
        match output.format() {
            Format::Json => output.answer((verdicts::json(question, &verdicts, all) + "\n").as_bytes()),
            Format::Text => output.answer(verdicts::report(question, &verdicts, all).as_bytes()),
        }
        let ended = verdicts::exit(&verdicts);
        exit = Some(exit.map_or(ended, |exit| exit.and(ended)));
    }
    Ok(exit.unwrap_or(Exit::No))
}

/// The authorization details that somebody has saved.
fn saved(flags: &SimulateFlags) -> Result<String, Failure> {
    let mut text = String::new();
    source(flags, "what `aws iam get-account-authorization-details` prints, or give --live")?
        .read_to_string(&mut text)
        .map_err(|error| {
            Failure::new(&shared::READ, "cannot read the authorization details of the account").because(error)
        })?;
    Ok(text)
}

/// The connection to the Region of what is asked about: IAM is the same in all Regions of a partition.
fn region<'a>(
    flags: &SimulateFlags,
    clouds: &'a mut Clouds,
    output: &Output,
) -> Result<&'a crate::aws::AwsCloud, Failure> {
    let arns = flags.cache_arn.iter().chain(&flags.resource);
    let region = arns.filter_map(|arn| arn.split(':').nth(3)).find(|region| !region.is_empty());
    clouds.at(region.map(str::to_owned), output)
}

/// What flags ask about principals, all of one account.
fn questions(flags: &SimulateFlags, holders: &[Holder]) -> Result<Vec<Question>, Failure> {
    let context = files::context_entries(&flags.context);
    let mut questions: Vec<Question> = connection(flags)?.into_iter().collect();
    for action in &flags.action {
        let mut resources = flags.resource.clone();
        if resources.is_empty() {
            let holder = holders.first().map(|holder| holder.caller.arn());
            let known = holder.and_then(|arn| default_resource(std::slice::from_ref(action), arn));
            resources.push(known.unwrap_or_else(|| "*".to_owned()));
        }
        questions.push(Question::of(action, resources));
    }
    Ok(questions.into_iter().map(|question| question.knowing(&context)).collect())
}

/// The question about connecting, if that is asked.
fn connection(flags: &SimulateFlags) -> Result<Option<Question>, Failure> {
    match (&flags.cache_arn, &flags.user) {
        (Some(cache), Some(user)) => Ok(Some(Question::new(&CacheArn::parse(cache)?, &user_id(user)?))),
        _ => Ok(None),
    }
}

/// The resource that is meant where none is named: ElastiCache's service-linked role in the caller's account, if
/// nothing is asked but whether it may be created.
fn default_resource(actions: &[String], caller: &str) -> Option<String> {
    let [action] = actions else { return None };
    let mut fields = caller.split(':').skip(1);
    let [partition, _, _, account] = std::array::from_fn(|_| fields.next().unwrap_or_default());
    let question = Question::service_linked_role(partition, account);
    question.action().eq_ignore_ascii_case(action).then(|| question.resources()[0].clone())
}

fn answer_all(source: impl Read, output: &mut Output) -> Result<Exit, Failure> {
    let mut records = Records::new(source);
    let mut exit = None;
    loop {
        let more = records.fill()?;
        while let Some(record) = records.take()? {
            let ended = answer_one(&record, output);
            exit = Some(exit.map_or(ended, |exit: Exit| exit.and(ended)));
            if output.pending() >= FLUSH_AT && output.flush()? == Written::ReaderGone {
                return Ok(exit.unwrap_or(Exit::Ok));
            }
        }
        if !more {
            break;
        }
        // Whoever waits for this answer may be the one who writes the next request.
        if output.flush()? == Written::ReaderGone {
            return Ok(exit.unwrap_or(Exit::Ok));
        }
    }
    exit.ok_or_else(|| {
        Failure::new(&shared::NO_INPUT, "there is no request on stdin")
            .hint("did the command before the pipe fail? run it alone and look at its exit code")
    })
}

fn answer_one(record: &Record, output: &mut Output) -> Exit {
    match Simulation::read(record.bytes(), record.place()) {
        Ok(simulation) => tell(&simulation, output),
        Err(failure) => {
            output.complain(&failure);
            if output.format() == Format::Json {
                output.answer(answer::refused(&failure).as_bytes());
                output.answer(b"\n");
            }
            failure.exit()
        }
    }
}

/// Decides everything that a request asks, and answers.
fn tell(simulation: &Simulation, output: &mut Output) -> Exit {
    let results = results(simulation);
    match output.format() {
        Format::Json => output.answer((answer::json(simulation, &results) + "\n").as_bytes()),
        Format::Text => output.answer(text::report(simulation, &results).as_bytes()),
    }
    let is_allowed = results.iter().all(|result| result.decision == Decision::Allowed);
    if is_allowed { Exit::Ok } else { Exit::No }
}
