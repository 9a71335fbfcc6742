//! The verbs for a cache of Memcached, whose clients are programs of other names: openssl where the cache speaks TLS, nc or
//! telnet where it does not.

use ec_shared::document::{Finding, Severity, Status};
use ec_shared::{Failure, codes as shared_codes};

use super::Work;
use crate::codes;
use crate::detect::Client;
use crate::judge::{self, Need};
use crate::package;
use crate::plan::{Plan, Situation, Todo};
use crate::platform::Platform;
use crate::recipe::tools::{self, TOOLS, Tool};
use crate::request::Request;

impl Work<'_> {
    /// Which of these programs are there?
    pub(super) fn detect_tools(&mut self) {
        let tools = self.machine.tools().to_vec();
        self.tell("clients", &tools);
        self.tell_broken(&tools);
        match self.serving_tools().first() {
            Some(tool) => self.choose_tool(tool),
            None => self.deny_tool(),
        }
    }

    /// The programs that commands to this cache can be typed into, best first.
    pub(super) fn serving_tools(&mut self) -> Vec<Client> {
        let need = self.need;
        let serves = |tool: &&Client| {
            let known = |known: &Tool| known.name == tool.name && known.serves(need);
            TOOLS.iter().any(known) && tool.serves(need)
        };
        self.machine.tools().iter().filter(serves).cloned().collect()
    }

    pub(super) fn decide_tool(&mut self, platform: &Platform) -> Result<Plan, Failure> {
        if self.request != Request::default() {
            return Err(Failure::new(
                &shared_codes::FLAGS,
                "a cache of Memcached takes none of the flags for valkey-cli",
            )
            .because("its clients are openssl and nc, which come as packages")
            .hint("leave --method, --source-tarball and --prefix out"));
        }
        let is_here = !self.is_elsewhere;
        let serving = if is_here { self.serving_tools() } else { Vec::new() };
        let (manager, packages) = (self.manager(platform), tools::packages(platform, self.need));
        let shell = &self.machine.shell;
        let asked = manager.filter(|_| is_here && serving.is_empty() && !packages.is_empty());
        let offers = asked.map(|manager| package::offers(shell, manager, packages)).transpose()?;
        let is_root = is_here && self.machine.is_root;
        let plan =
            Situation { platform, clients: &serving, manager, need: self.need, is_root }.tool(offers.as_deref())?;
        let program = match &plan.todo {
            Todo::Package { package, .. } => package.client,
            _ => return Ok(plan),
        };
        self.tell_line(program);
        Ok(plan)
    }

    /// Does openssl really make a TLS connection?
    pub(super) fn verify_tool(&mut self) -> Result<(), Failure> {
        if let Some(tool) = self.serving_tools().into_iter().next() {
            return self.prove(tool);
        }
        self.deny_tool();
        Ok(())
    }

    /// Writes down the program, and the line to try.
    pub(super) fn choose_tool(&mut self, tool: &Client) {
        self.tell("client", tool);
        self.tell_line(&tool.name);
    }

    fn tell_line(&mut self, program: &str) {
        if let Some(cache) = &self.memcached {
            let line = judge::line_to_try(cache, program);
            self.tell("line_to_try", &line);
        }
    }

    fn deny_tool(&mut self) {
        let names: Vec<&str> = TOOLS.iter().filter(|tool| tool.serves(self.need)).map(|tool| tool.name).collect();
        self.section.status = Status::No;
        self.section.findings.push(
            Finding::new(
                &codes::NO_MEMCACHED_CLIENT,
                Severity::Error,
                format!("no {} on this machine works", names.join(", ")),
            )
            .fix("ec-cli-install apply   installs one; ec-probe needs none"),
        );
    }

    /// Whether there is anything to prove: a program without TLS is as good as it is.
    pub(super) fn is_plain_memcached(&self) -> bool {
        self.memcached.is_some() && self.need == Need::Plain
    }
}
