//! Starts a proxy command, and sees to it that it ends. As OpenSSH does, the shell runs it with `exec`; it stays in this
//! process's group, so that ssh can ask for a passphrase at the terminal, and Ctrl-C there reaches it, too.
//!
//! Source: `ProxyCommand` in <https://man.openbsd.org/ssh_config>.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Opened;
use crate::answer::RelayFault;
use crate::endpoint::Endpoint;
use crate::way::ProxyCommand;

/// How much of a command's stderr is kept: the end of it, because a bastion may greet at length before ssh complains.
const KEPT: usize = 2 << 10;

/// How long whoever has closed the connection is given to end, and to have said why.
const MOMENT: Duration = Duration::from_millis(500);

/// How long a command that was asked to end is given before it is killed. ssh uses it to end what it has started itself.
const GRACE: Duration = Duration::from_millis(500);

/// Passwords for the cache, which the command has no use for.
const SECRETS: [&str; 2] = ["VALKEYCLI_AUTH", "REDISCLI_AUTH"];

impl ProxyCommand {
    /// Starts the command for `endpoint`.
    ///
    /// # Errors
    /// If this machine cannot start a shell.
    pub(super) fn start(&self, endpoint: &Endpoint) -> Result<Opened, RelayFault> {
        let cannot = |error: io::Error| RelayFault::NotStarted(format!("cannot start a shell: {error}"));
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(self.line(endpoint));
        for secret in SECRETS {
            command.env_remove(secret);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(cannot)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(cannot(io::Error::other("it has no pipes")));
        };
        let said = Arc::default();
        let listener = tokio::spawn(listen(stderr, Arc::clone(&said)));
        let running = Running { child: Some(child), listener, said, endings: self.endings.clone() };
        Ok(Opened { stream: Box::new(tokio::io::join(stdout, stdin)), command: Some(running) })
    }
}

/// A command under way. It is ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    listener: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
    endings: Endings,
}

impl Running {
    /// How the command has ended; none if it goes on. For when its stdout has: that it ends, too, is awaited for a moment.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        let status = timeout(MOMENT, self.child.as_mut()?.wait()).await.ok()?.ok()?;
        // A background process of the command may keep stderr open.
        let _ = timeout(MOMENT, &mut self.listener).await;
        Some(status)
    }

    /// What the command has said on stderr, at most the last 2 KiB, without what could move a terminal's cursor.
    pub fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said).replace('\r', "");
        text.chars().filter(|&char| char == '\n' || !char.is_control()).collect::<String>().trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listener.abort();
        if let Some(child) = self.child.take() {
            self.endings.take(child);
        }
    }
}

async fn listen(mut stderr: impl AsyncRead + Unpin, said: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&chunk[..length]);
        let excess = said.len().saturating_sub(KEPT);
        said.drain(..excess);
    }
}

/// Commands that were asked to end.
#[derive(Clone, Debug, Default)]
pub struct Endings(Arc<Mutex<JoinSet<()>>>);

impl Endings {
    /// Asks a command to end, and kills it if it does not in time.
    fn take(&self, mut child: Child) {
        // One that was waited for has no id any more, which by now may be another process's.
        let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
        let _ = kill_process(pid, Signal::TERM);
        if Handle::try_current().is_ok() {
            let mut endings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            while endings.try_join_next().is_some() {}
            // What is dropped while it still runs is killed.
            endings.spawn(async move { drop(timeout(GRACE, child.wait()).await) });
        }
    }

    /// Waits for all of them.
    pub(crate) async fn settle(&self) {
        let mut endings = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while endings.join_next().await.is_some() {}
    }
}
