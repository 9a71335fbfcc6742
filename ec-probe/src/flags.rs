//! The flags of every verb that probes, and what they and the environment ask for.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ec_shared::Failure;
use ec_shared::codes::FLAGS;
use ec_shared::document::Engine;
use ec_shared::secret::Secret;

use crate::domain::HostSuffix;
use crate::endpoint::Endpoint;
use crate::plan::{AuthWish, Surroundings, Wishes};
use crate::way::{Relay, Way};

/// The tool's own flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Probe options")]
pub(crate) struct Flags {
    /// Probes this endpoint, and leaves stdin alone
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) endpoint: Option<Endpoint>,
    /// The engine [default: the document's; memcached for ports 11211 and 11212; else valkey]
    #[arg(long, value_name = "ENGINE", value_parser = engine())]
    engine: Option<Engine>,
    /// Speaks TLS; the default unless the document says that the cache has none
    #[arg(long, overrides_with = "no_tls")]
    tls: bool,
    /// Speaks plain text, even with credentials
    #[arg(long)]
    no_tls: bool,
    /// Certificates of authorities to trust beside the system's: a file, or a folder of files
    #[arg(long, value_name = "FILE", env = "EC_CAFILE")]
    pub(crate) cafile: Option<PathBuf>,
    /// The name that the certificate must have [default: the endpoint's host]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Dials there instead, such as at a tunnel's end; the endpoint's name is verified all the same
    #[arg(long, value_name = "HOST:PORT", env = "EC_CONNECT_TO", group = "way")]
    connect_to: Option<Endpoint>,
    /// Connects through this SOCKS5 proxy, such as ssh -D opens; names are resolved at its side
    #[arg(long, value_name = "HOST:PORT", env = "EC_SOCKS5", group = "way")]
    socks5: Option<Endpoint>,
    /// Connects through the stdin and stdout of this command, such as 'ssh -W %h:%p BASTION'; %% is a percent sign
    #[arg(long, value_name = "COMMAND", env = "EC_PROXY_COMMAND", hide_env_values = true, group = "way")]
    proxy_command: Option<String>,
    /// Sends the credentials to nodes at or below this host, too; can be given several times
    #[arg(long, value_name = "SUFFIX")]
    allow_host: Vec<HostSuffix>,
    /// The user to log in as; Memcached has none
    #[arg(long, value_name = "USER", env = "EC_USER")]
    user: Option<String>,
    /// File or descriptor with the password; or set VALKEYCLI_AUTH or REDISCLI_AUTH
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How to log in [default: password if there is one, iam if the document says so, else none]
    #[arg(long, value_name = "KIND", env = "EC_AUTH")]
    auth: Option<AuthWish>,
    /// Says no with the code of the stage that failed: 11 dns, 12 tcp, 13 tls, 14 auth, 15 command
    #[arg(long)]
    pub(crate) stage_exitcode: bool,
}

fn engine() -> impl TypedValueParser<Value = Engine> {
    let known = PossibleValuesParser::new(["valkey", "redis", "memcached"]);
    known.try_map(|name| Engine::from_aws(&name).ok_or("is no engine"))
}

/// What the environment has where this may be inside a VPC without being an instance: in CloudShell, a task of ECS, a function
/// of Lambda, a pod of Kubernetes.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const CONTAINERS: [&str; 4] =
    ["AWS_EXECUTION_ENV", "ECS_CONTAINER_METADATA_URI_V4", "AWS_LAMBDA_FUNCTION_NAME", "KUBERNETES_SERVICE_HOST"];

fn surroundings() -> Surroundings {
    if CONTAINERS.iter().any(|name| std::env::var_os(name).is_some()) {
        Surroundings::Container
    } else {
        Surroundings::Unknown
    }
}

impl Flags {
    /// The command line takes one of these flags at most.
    fn way(&self) -> Result<Way, Failure> {
        Ok(if let Some(end) = &self.connect_to {
            Way::Elsewhere(end.clone())
        } else if let Some(proxy) = &self.socks5 {
            Way::Relayed(Relay::Socks5(proxy.clone()))
        } else if let Some(command) = &self.proxy_command {
            // Read here, because clap would tell the whole text if it is wrong, and it may hold a secret.
            Way::Relayed(Relay::Command(command.parse().map_err(|why: String| {
                Failure::new(&FLAGS, "cannot use the command of --proxy-command")
                    .because(why)
                    .hint("ec-probe --help shows what there is")
            })?))
        } else {
            Way::Direct
        })
    }

    /// What they ask for, together with the environment.
    ///
    /// # Errors
    /// If a file cannot be read, or a flag does not fit.
    pub(crate) fn wishes(&self, region: Option<&str>) -> Result<Wishes, Failure> {
        let by_environment = || ["VALKEYCLI_AUTH", "REDISCLI_AUTH"].iter().find_map(|name| std::env::var(name).ok());
        let password = match &self.password_file {
            Some(path) => Some(Secret::from_file(path)?),
            None => by_environment().filter(|password| !password.is_empty()).map(Secret::new),
        };
        Ok(Wishes {
            endpoint: self.endpoint.clone(),
            engine: self.engine,
            tls: (self.tls || self.no_tls).then_some(self.tls),
            way: self.way()?,
            surroundings: surroundings(),
            server_name: self.server_name.clone(),
            auth: self.auth,
            // An empty variable names nobody.
            user: self.user.clone().filter(|user| !user.is_empty()),
            password,
            region: region.map(str::to_owned),
            allowed_hosts: self.allow_host.clone(),
        })
    }
}
