//! From flags and a document to what is to be probed, and how. Pure: nothing is read and nobody is asked.

use ec_shared::document::{AuthKind, Cache, Client, Deployment, Document, EndpointRole, Engine, Tls};
use ec_shared::secret::Secret;
use ec_shared::{Failure, token};

use crate::codes;
use crate::domain::HostSuffix;
use crate::endpoint::{AwsName, Endpoint};
use crate::token::Expected;
use crate::upstream::Upstream;
use crate::way::Way;

/// What the command line and the environment ask for.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The one endpoint; the document's are not looked at.
    pub endpoint: Option<Endpoint>,
    /// The engine.
    pub engine: Option<Engine>,
    /// TLS, or expressly none.
    pub tls: Option<bool>,
    /// How servers are reached.
    pub way: Way,
    /// What the environment shows of where this runs.
    pub surroundings: Surroundings,
    /// The name that the certificate must have.
    pub server_name: Option<String>,
    /// The kind of log-in.
    pub auth: Option<AuthWish>,
    /// The user.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The Region to sign an IAM token for.
    pub region: Option<String>,
    /// Further hosts that may hear the credentials.
    pub allowed_hosts: Vec<HostSuffix>,
}

/// The kind of log-in that `--auth` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthWish {
    /// Send no credentials
    None,
    /// Send a password, with or without a user
    Password,
    /// Sign an IAM token with the AWS credentials of this machine
    Iam,
}

/// What the environment shows of where this runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surroundings {
    /// Nothing.
    #[default]
    Unknown,
    /// A container, function or shell that may be inside a VPC without being an EC2 instance.
    Container,
}

/// What is to be probed, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The endpoints; the first is the one that matters most.
    pub targets: Vec<Target>,
    /// The engine, which decides the protocol.
    pub engine: Engine,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Whether the cache is known to take plain text beside TLS.
    pub tls_preferred: bool,
    /// How servers are reached.
    pub way: Way,
    /// What the environment shows of where this runs.
    pub surroundings: Surroundings,
    /// The name that the certificate must have, where it is not the endpoint's host.
    pub server_name: Option<String>,
    /// How to log in.
    pub login: Login,
    /// The cache's name, where the document has it.
    pub cache: Option<String>,
    /// Its Region, where it is known.
    pub region: Option<String>,
    /// Whether clients must speak cluster mode, where the document says so.
    pub cluster_mode: Option<bool>,
    /// The document's client.
    pub client: Option<Client>,
    /// What the stages before have found out.
    pub upstream: Upstream,
    /// Whether the cache is serverless: by the document, else by the first endpoint's name.
    pub serverless: bool,
    /// Further hosts that may hear the credentials.
    pub allowed_hosts: Vec<HostSuffix>,
    /// What an IAM token for this connection must say.
    pub tokens: Vec<Expected>,
}

/// One endpoint to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is for, where the document says so.
    pub role: Option<EndpointRole>,
    /// Where it is.
    pub endpoint: Endpoint,
}

/// How to log in.
#[derive(Clone, Debug)]
pub enum Login {
    /// Not at all.
    None,
    /// With a password; without a user it is the default user's.
    Password {
        /// The user.
        user: Option<String>,
        /// The password.
        password: Secret,
    },
    /// With an IAM token.
    Iam {
        /// The user's id, which is also the name.
        user: String,
        /// The cache that the token is for.
        cache: String,
        /// The cache's Region, where it is known.
        region: Option<String>,
        /// Whether the cache is serverless.
        serverless: bool,
    },
}

impl Plan {
    /// Decides what to probe.
    ///
    /// # Errors
    /// If there is no endpoint, or the log-in asked for cannot or must not be done.
    pub fn new(document: &Document, wishes: &Wishes) -> Result<Self, Failure> {
        let cache = document.cache()?;
        let targets = match &wishes.endpoint {
            Some(endpoint) => vec![Target { role: None, endpoint: endpoint.clone() }],
            None => targets(document, cache.as_ref())?,
        };
        let first = &targets[0].endpoint;
        let known_tls = cache.as_ref().and_then(|cache| cache.tls);
        let engine = wishes.engine.or(cache.as_ref().and_then(|cache| cache.engine));
        let engine =
            engine.unwrap_or(if matches!(first.port(), 11211 | 11212) { Engine::Memcached } else { Engine::Valkey });
        let tls = wishes.tls.unwrap_or(known_tls != Some(Tls::Off));
        let login = login(wishes, cache.as_ref(), first, engine)?;
        // Only a person who writes --no-tls may send credentials where anybody can read them.
        if !tls && wishes.tls.is_none() && !matches!(login, Login::None) {
            return Err(Failure::new(&codes::PLAIN_REFUSED, format!("cannot send credentials to {first}"))
                .because("the cache has no encryption in transit")
                .hint("give --no-tls to send them in plain text, or --auth none to send none"));
        }
        let client = document.client()?;
        let hint = AwsName::read(&first.host());
        Ok(Self {
            allowed_hosts: wishes.allowed_hosts.clone(),
            upstream: Upstream::read(document, cache.as_ref(), client.as_ref()),
            engine,
            tls,
            tls_preferred: tls && known_tls == Some(Tls::Preferred),
            way: wishes.way.clone(),
            surroundings: wishes.surroundings,
            server_name: wishes.server_name.clone(),
            login,
            tokens: cache.iter().map(Expected::by_document).chain(hint.iter().map(Expected::by_name)).collect(),
            serverless: is_serverless(cache.as_ref(), hint.as_ref()),
            cluster_mode: cache.as_ref().and_then(|cache| cache.cluster_mode),
            region: region(wishes, cache.as_ref(), first),
            cache: cache.map(|cache| cache.name),
            client,
            targets,
        })
    }

    /// The name that the certificate of `target` must have.
    pub fn server_name(&self, target: &Target) -> String {
        self.server_name.clone().unwrap_or_else(|| target.endpoint.host())
    }

    /// Whether servers that `target` tells of can be reached, too.
    pub fn reaches_others(&self) -> bool {
        self.way.reaches_others()
    }

    /// Where `target` is dialled.
    pub fn dialled<'a>(&'a self, target: &'a Target) -> &'a Endpoint {
        self.way.dials(&target.endpoint)
    }

    /// The same for nodes that a server has named. Each has to prove its own name.
    #[must_use]
    pub fn for_nodes(&self, nodes: impl IntoIterator<Item = Endpoint>) -> Self {
        let target = |endpoint| Target { role: Some(EndpointRole::Node), endpoint };
        Self { targets: nodes.into_iter().map(target).collect(), server_name: None, ..self.clone() }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(engine: Engine, tls: bool) -> Self {
        let wishes = Wishes {
            endpoint: "orders.example:6379".parse().ok(),
            engine: Some(engine),
            tls: Some(tls),
            ..Wishes::default()
        };
        Self::new(&Document::empty(), &wishes).unwrap()
    }
}

/// The cache's Region: as asked for, as the document says, or as the host name hints.
fn region(wishes: &Wishes, cache: Option<&Cache>, endpoint: &Endpoint) -> Option<String> {
    let known = wishes.region.clone().or(cache.and_then(|cache| cache.region.clone()));
    known.or_else(|| AwsName::read(&endpoint.host())?.region)
}

/// The document's endpoints, each once: those that a client must reach before those that it may.
fn targets(document: &Document, cache: Option<&Cache>) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    let mut endpoints = cache.map(|cache| cache.endpoints.clone()).unwrap_or_default();
    endpoints.sort_by_key(|endpoint| endpoint.role == EndpointRole::Reader);
    for endpoint in endpoints {
        let parsed = Endpoint::new(&endpoint.host, endpoint.port).map_err(|why| {
            Failure::new(&codes::BAD_ENDPOINT, format!("cannot dial an endpoint of document {}", document.id()))
                .because(why)
                .hint("start from `ec-sg find`, or correct the document")
        })?;
        if targets.iter().all(|target| target.endpoint != parsed) {
            targets.push(Target { role: Some(endpoint.role), endpoint: parsed });
        }
    }
    if targets.is_empty() {
        let status = cache.and_then(|cache| cache.status.as_deref()).filter(|status| *status != "available");
        let mut failure = Failure::new(&codes::NO_ENDPOINT, format!("document {} names no endpoint", document.id()));
        if let Some(status) = status {
            failure = failure.because(format!("the cache is {status}"));
        }
        return Err(failure.hint("give --endpoint HOST:PORT, or start from `ec-sg find`"));
    }
    Ok(targets)
}

fn is_serverless(cache: Option<&Cache>, hint: Option<&AwsName>) -> bool {
    match cache.and_then(|cache| cache.deployment) {
        Some(deployment) => deployment == Deployment::Serverless,
        None => hint.is_some_and(|hint| hint.serverless),
    }
}

fn login(wishes: &Wishes, cache: Option<&Cache>, endpoint: &Endpoint, engine: Engine) -> Result<Login, Failure> {
    if engine == Engine::Memcached {
        // What is given is meant for the other caches of the same pipe: Memcached on ElastiCache has no log-in.
        return Ok(Login::None);
    }
    let incomplete = |what: &str| {
        Failure::new(&codes::LOG_IN, format!("cannot log in at {endpoint}"))
            .because(what)
            .hint("give --user with --password-file, VALKEYCLI_AUTH or --auth iam; or --auth none")
    };
    let by_document = cache.and_then(|cache| cache.auth.as_ref()).is_some_and(|auth| auth.kind == AuthKind::Iam);
    let kind = wishes.auth.unwrap_or(match &wishes.password {
        Some(_) => AuthWish::Password,
        None if by_document => AuthWish::Iam,
        None if wishes.user.is_some() => AuthWish::Password,
        None => AuthWish::None,
    });
    match kind {
        AuthWish::None => Ok(Login::None),
        AuthWish::Password => {
            let password = wishes.password.clone().ok_or_else(|| incomplete("no password is given"))?;
            Ok(Login::Password { user: wishes.user.clone(), password })
        }
        AuthWish::Iam => {
            let user = wishes.user.as_deref().ok_or_else(|| incomplete("an IAM log-in needs a user"))?;
            let hint = AwsName::read(&endpoint.host());
            let name = cache.map(|cache| cache.name.as_str()).or(hint.as_ref().map(|hint| hint.cache.as_str()));
            let name = name.ok_or_else(|| {
                Failure::new(&codes::NO_CACHE_NAME, format!("cannot sign an IAM token for {endpoint}"))
                    .because("the cache's name is not known")
                    .hint("start from `ec-sg find --cache NAME`, or dial the endpoint's own name with --connect-to")
            })?;
            let serverless = is_serverless(cache, hint.as_ref());
            Ok(Login::Iam {
                user: token::user_id(user)?,
                cache: token::cache_name(name)?,
                region: region(wishes, cache, endpoint),
                serverless,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use ec_shared::document::{Auth, Endpoint as Listed};

    use super::*;

    fn cache() -> Cache {
        let listed = |role, port| Listed { role, host: "orders.example".into(), port };
        Cache {
            name: "orders".into(),
            region: Some("eu-west-1".into()),
            deployment: Some(Deployment::Serverless),
            engine: Some(Engine::Valkey),
            tls: Some(Tls::Required),
            endpoints: vec![listed(EndpointRole::Reader, 6380), listed(EndpointRole::Primary, 6379)],
            ..Cache::default()
        }
    }

    fn planned(cache: &Cache, wishes: &Wishes) -> Result<Plan, Failure> {
        Plan::new(&Document::about(cache), wishes)
    }

    fn password() -> Secret {
        Secret::new("hunter2".into())
    }

    #[test]
    fn the_reader_endpoint_comes_last() {
        let plan = planned(&cache(), &Wishes::default()).unwrap();
        let endpoints: Vec<String> = plan.targets.iter().map(|target| target.endpoint.to_string()).collect();
        assert_eq!(endpoints, ["orders.example:6379", "orders.example:6380"]);
    }

    #[test]
    fn an_endpoint_that_stands_twice_is_probed_once() {
        let mut cache = cache();
        cache.endpoints[0].port = 6379;
        assert_eq!(planned(&cache, &Wishes::default()).unwrap().targets.len(), 1);
    }

    #[test]
    fn a_cache_without_an_endpoint_says_in_which_state_it_is() {
        let creating = Cache { endpoints: vec![], status: Some("creating".into()), ..cache() };
        let failure = planned(&creating, &Wishes::default()).unwrap_err();
        assert_eq!(failure.to_string(), "document orders names no endpoint: the cache is creating");
    }

    #[test]
    fn tls_is_spoken_unless_the_cache_has_none() {
        let tls = |tls| planned(&Cache { tls, ..cache() }, &Wishes::default()).unwrap().tls;
        assert!(tls(None) && tls(Some(Tls::Required)) && tls(Some(Tls::Preferred)));
        assert!(!tls(Some(Tls::Off)));
    }

    #[test]
    fn credentials_go_in_plain_text_only_where_a_person_says_so() {
        let plain = Cache { tls: Some(Tls::Off), ..cache() };
        let wishes = Wishes { password: Some(password()), ..Wishes::default() };
        assert_eq!(planned(&plain, &wishes).unwrap_err().code().id, "EC3016");
        assert!(planned(&plain, &Wishes { tls: Some(false), ..wishes.clone() }).is_ok());
        assert!(planned(&plain, &Wishes { auth: Some(AuthWish::None), ..wishes }).is_ok());
    }

    #[test]
    fn a_password_wins_over_the_documents_iam() {
        let iam = Cache { auth: Some(Auth { kind: AuthKind::Iam, user_group_ids: vec![] }), ..cache() };
        let user = Some("app".to_owned());
        let with = Wishes { user: user.clone(), password: Some(password()), ..Wishes::default() };
        assert!(matches!(planned(&iam, &with).unwrap().login, Login::Password { .. }));
        let without = Wishes { user, ..Wishes::default() };
        assert!(matches!(planned(&iam, &without).unwrap().login, Login::Iam { .. }));
    }

    #[test]
    fn an_iam_log_in_takes_its_facts_from_the_document_then_from_the_host_name() {
        let wishes = Wishes { user: Some("App".into()), auth: Some(AuthWish::Iam), ..Wishes::default() };
        let Login::Iam { user, cache: name, region, serverless } = planned(&cache(), &wishes).unwrap().login else {
            panic!("not IAM")
        };
        assert_eq!(
            (user.as_str(), name.as_str(), region.as_deref(), serverless),
            ("app", "orders", Some("eu-west-1"), true)
        );

        let endpoint = "master.orders.x1y2z3.use1.cache.amazonaws.com:6379".parse().ok();
        let plan = Plan::new(&Document::empty(), &Wishes { endpoint, ..wishes.clone() }).unwrap();
        let Login::Iam { cache: name, region, serverless, .. } = plan.login else { panic!("not IAM") };
        assert_eq!((name.as_str(), region.as_deref(), serverless), ("orders", Some("us-east-1"), false));

        let endpoint = "127.0.0.1:6379".parse().ok();
        let failure = Plan::new(&Document::empty(), &Wishes { endpoint, ..wishes }).unwrap_err();
        assert_eq!(failure.code().id, "EC3064");
    }

    #[test]
    fn a_log_in_that_lacks_something_is_refused() {
        let user = Wishes { user: Some("app".into()), ..Wishes::default() };
        assert_eq!(planned(&cache(), &user).unwrap_err().code().id, "EC3063");
        let iam = Wishes { auth: Some(AuthWish::Iam), ..Wishes::default() };
        assert_eq!(planned(&cache(), &iam).unwrap_err().code().id, "EC3063");
    }

    #[test]
    fn memcached_has_no_log_in_whatever_is_given() {
        let user = Some("app".to_owned());
        let wishes = Wishes { engine: Some(Engine::Memcached), user, auth: Some(AuthWish::Iam), ..Wishes::default() };
        assert!(matches!(planned(&cache(), &wishes).unwrap().login, Login::None));
    }

    #[test]
    fn the_port_tells_memcached_where_nothing_else_does() {
        let wishes = |endpoint: &str| Wishes { endpoint: endpoint.parse().ok(), ..Wishes::default() };
        let engine = |endpoint| Plan::new(&Document::empty(), &wishes(endpoint)).unwrap().engine;
        assert_eq!(engine("orders.example:11211"), Engine::Memcached);
        assert_eq!(engine("orders.example:6380"), Engine::Valkey);
    }
}
