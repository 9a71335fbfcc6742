//! The flags that say who is to be given what, and the request that they make with a document.

use clap::{Args, ValueEnum};
use ec_shared::document::{Cache, Document, Section};
use ec_shared::flags::{Common, is_account};
use ec_shared::output::Output;
use ec_shared::run::Input;
use ec_shared::token::{cache_name, user_id};
use ec_shared::{Failure, codes as shared};
use serde_json::Value;

use crate::aws::AwsCloud;
use crate::cli::KEY;
use crate::clouds::Clouds;
use crate::login;
use crate::lookup;
use crate::permission::Permission;
use crate::principal::Principal;
use crate::request::{Request, Seat, newcomer};
use crate::thing::Person;
use crate::trust::Asked;

/// Who is to connect, to what, as whom.
#[derive(Debug, Args)]
pub(crate) struct Whom {
    /// Who has or gets the permission: role/NAME, user/NAME, group/NAME, permission-set/NAME or an ARN [default: what the
    /// document says]
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,
    /// Name of the cache; without it, the cache of the document on stdin
    #[arg(long, value_name = "NAME")]
    cache: Option<String>,
    /// ElastiCache user to connect as [default: what the document says, else the cache's IAM user]
    #[arg(long, value_name = "ID", env = "EC_USER")]
    user: Option<String>,
}

impl Whom {
    /// A document about the cache that is named, if one is.
    pub(crate) fn document(&self) -> Result<Option<Document>, Failure> {
        let cache = self.cache.as_deref().map(cache_name).transpose()?;
        Ok(cache.map(|name| Document::about(&Cache { name, ..Cache::default() })))
    }

    /// The user that is named.
    pub(crate) fn user(&self) -> Result<Option<String>, Failure> {
        checked_user(self.user.as_deref())
    }
}

/// Who is to be given what.
#[derive(Debug, Args)]
pub(crate) struct Who {
    #[command(flatten)]
    whom: Whom,
    /// What the principal is allowed [default: connect, or what the document says]
    #[arg(long, value_name = "POLICY")]
    policy: Option<Permission>,
    /// ARN of the policy that is to be the principal's permissions boundary
    #[arg(long, value_name = "ARN")]
    permissions_boundary: Option<String>,
    #[command(flatten)]
    login: Login,
    #[command(flatten)]
    trust: TrustFlags,
    #[command(flatten)]
    seat: SeatFlags,
}

/// How the cache lets its users in.
#[derive(Debug, Args)]
#[command(next_help_heading = "The cache's users")]
struct Login {
    /// Makes the ElastiCache user, its user group and the group's attachment to the cache where they are missing
    #[arg(long, value_name = "KIND")]
    auth: Option<Auth>,
    /// What a user may do that is made [default: on ~* &* +@all -@dangerous +info]
    #[arg(long, value_name = "RULES", requires = "auth")]
    access_string: Option<String>,
}

/// How users log in.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    /// With a token that IAM credentials sign
    Iam,
}

/// Who may use a role.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Roles")]
pub(crate) struct TrustFlags {
    /// Who may use the role, which is created if it is missing: saml/NAME, oidc/ISSUER, user/NAME, role/NAME or an ARN
    #[arg(long, value_name = "WHO")]
    trust: Option<String>,
    #[command(flatten)]
    conditions: Conditions,
}

/// The conditions of a trust policy.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Conditions {
    /// Audience of an OpenID Connect token [default: sts.amazonaws.com]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// Subject of an OpenID Connect token; * and ? are wildcards
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// A user must have signed in with MFA
    #[arg(long)]
    require_mfa: bool,
}

/// Who has a permission set of IAM Identity Center.
#[derive(Debug, Args)]
#[command(next_help_heading = "Permission sets of IAM Identity Center")]
struct SeatFlags {
    /// Who has the permission set, both created if they are missing: group/NAME or user/NAME
    #[arg(long, value_name = "WHO")]
    assign_to: Option<String>,
    /// User who is to be in the group; may be given several times
    #[arg(long, value_name = "USER", requires = "assign_to")]
    member: Vec<String>,
    /// Address of the user of --assign-to, who is created with it if missing
    #[arg(long, value_name = "ADDRESS", requires = "full_name")]
    email: Option<String>,
    /// Given and family name of that user
    #[arg(long, value_name = "NAME", requires = "email")]
    full_name: Option<String>,
    /// Account where the permission set is to be had [default: that of the credentials]
    #[arg(long, value_name = "ACCOUNT", requires = "assign_to")]
    account: Option<String>,
    /// How long its sessions are, from PT1H to PT12H [default: PT1H]
    #[arg(long, value_name = "DURATION")]
    session_duration: Option<String>,
}

impl Who {
    /// Checks the flags, and tells where the documents come from.
    pub(crate) fn read(self, common: &Common) -> Result<(Input, Wanted), Failure> {
        let named = self.whom.document()?;
        let is_named = named.is_some();
        let permission = self.policy;
        let request = self.request()?;
        Ok((Input::choose(common, named, true)?, Wanted { request, permission, is_named }))
    }

    fn request(self) -> Result<Request, Failure> {
        let seat = self.seat.seat()?;
        let session = self.seat.session_duration.map(|text| session(&text)).transpose()?;
        let request = Request {
            principal: self.whom.principal.as_deref().map(Principal::parse).transpose()?,
            user: self.whom.user()?,
            permission: self.policy.unwrap_or_default(),
            trust: self.trust.asked(),
            boundary: self.permissions_boundary.map(|arn| boundary(&arn)).transpose()?,
            session,
            seat,
            account: self.seat.account.map(|account| checked_account(&account)).transpose()?,
            makes_users: self.login.auth.is_some(),
            access_string: self.login.access_string.map(access_string).transpose()?,
        };
        request.checked()
    }
}

impl TrustFlags {
    /// The trust policy that the flags ask for.
    pub(crate) fn asked(self) -> Option<Asked> {
        let conditions = self.conditions;
        self.trust.map(|who| conditions.of(who))
    }
}

impl Conditions {
    /// The trust policy for somebody under these conditions.
    pub(crate) fn of(self, who: String) -> Asked {
        Asked { who, audience: self.audience, subject: self.subject, mfa: self.require_mfa }
    }
}

impl SeatFlags {
    fn seat(&self) -> Result<Option<Seat>, Failure> {
        let Some(text) = &self.assign_to else { return Ok(None) };
        let refused = || {
            Failure::new(&shared::FLAGS, format!("cannot assign to `{text}`"))
                .hint("--assign-to group/NAME, or user/NAME, as IAM Identity Center names them, without a slash")
        };
        let to = Person::parse(text).ok_or_else(refused)?;
        if let Some(member) = self.member.iter().find(|user| Person::parse(&format!("user/{user}")).is_none()) {
            return Err(Failure::new(&shared::FLAGS, format!("cannot take `{member}` for a user's name"))
                .hint("--member NAME, as IAM Identity Center has it"));
        }
        let newcomer = match (&to, &self.full_name, &self.email) {
            (Person::User(user), Some(name), Some(email)) => Some(newcomer(user, name, email)?),
            (Person::Group(_), Some(_), _) => {
                return Err(Failure::new(&shared::FLAGS, "cannot take --full-name")
                    .because("a group has none")
                    .hint("create the user with --assign-to user/NAME, or leave it away"));
            }
            _ => None,
        };
        Ok(Some(Seat { to, members: self.member.clone(), newcomer }))
    }
}

/// ISO 8601, from one hour to twelve, as Identity Center takes it.
fn session(text: &str) -> Result<String, Failure> {
    let minutes = || {
        let rest = text.strip_prefix("PT")?;
        let (hours, rest) = rest.split_once('H').unwrap_or(("0", rest));
        let minutes = if rest.is_empty() { "0" } else { rest.strip_suffix('M')? };
        hours.parse::<u32>().ok()?.checked_mul(60)?.checked_add(minutes.parse().ok()?)
    };
    match minutes() {
        Some(60..=720) => Ok(text.to_owned()),
        _ => Err(Failure::new(&shared::FLAGS, format!("cannot take `{text}` for the length of a session"))
            .hint("--session-duration PT1H to PT12H")),
    }
}

fn boundary(text: &str) -> Result<String, Failure> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, policy]
            if (*account == "aws" || is_account(account)) && policy.starts_with("policy/") =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Failure::new(&shared::FLAGS, format!("cannot take `{text}` for the ARN of a policy"))
            .hint("--permissions-boundary arn:aws:iam::ACCOUNT:policy/NAME")),
    }
}

/// Nobody's password gets any further than here: it would end in documents.
fn access_string(text: String) -> Result<String, Failure> {
    match login::fault(&text) {
        None => Ok(text),
        Some(fault) => Err(Failure::new(&shared::FLAGS, "cannot take --access-string")
            .because(fault.summary)
            .hint(fault.fix.unwrap_or_default())),
    }
}

/// An account's number.
pub(crate) fn checked_account(text: &str) -> Result<String, Failure> {
    if is_account(text) {
        return Ok(text.to_owned());
    }
    Err(Failure::new(&shared::FLAGS, format!("cannot take `{text}` for an account"))
        .hint("an account has twelve digits"))
}

/// A user id as AWS stores it. An environment variable that is empty names nobody.
pub(crate) fn checked_user(user: Option<&str>) -> Result<Option<String>, Failure> {
    user.filter(|user| !user.is_empty()).map(user_id).transpose()
}

/// What the flags ask for.
#[derive(Debug)]
pub(crate) struct Wanted {
    request: Request,
    /// The permission, if a flag says it.
    permission: Option<Permission>,
    is_named: bool,
}

impl Wanted {
    /// What is asked for one document: what a flag does not say, an earlier section of ours may.
    pub(crate) fn prepare<'a>(
        &self,
        document: &mut Document,
        clouds: &'a mut Clouds,
        output: &Output,
    ) -> Result<(&'a AwsCloud, Request, Option<Cache>), Failure> {
        let mut request = self.request.clone();
        if let Some(before) = document.read::<Section>(KEY)? {
            let fact = |name: &str| before.facts.get(name).and_then(Value::as_str);
            if request.principal.is_none() {
                request.principal = fact("principal").map(Principal::parse).transpose()?;
            }
            if request.user.is_none() {
                request.user = checked_user(fact("user"))?;
            }
            if self.permission.is_none() {
                // Nobody becomes an administrator because a document says so.
                let known = fact("policy").and_then(|word| Permission::from_str(word, false).ok());
                request.permission = known.filter(|known| *known != Permission::Administrator).unwrap_or_default();
            }
        }
        let cloud = clouds.at(document.cache()?.and_then(|cache| cache.region), output)?;
        let is_asked = self.is_named || (request.principal.is_some() && request.needs_cache());
        let cache = if is_asked { lookup::complete(cloud, document)? } else { None };
        Ok((cloud, request, cache))
    }
}
