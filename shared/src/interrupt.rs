//! What a verb that writes does about SIGINT, SIGTERM and SIGHUP: it finishes what it has begun, begins nothing more,
//! and tells what was done. Every other verb ends at once, as programs do by default.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

use crate::codes;
use crate::exit::Exit;
use crate::failure::Failure;

const SIGNALS: [(i32, &str, Exit); 3] =
    [(SIGHUP, "SIGHUP", Exit::Hangup), (SIGINT, "SIGINT", Exit::Interrupted), (SIGTERM, "SIGTERM", Exit::Terminated)];

/// How long after the first signal another one counts as the same: `timeout` of the GNU coreutils signals its command and
/// then its whole process group, and a wrapper passes on the Ctrl-C that the terminal has sent to everybody.
const MOMENT: Duration = Duration::from_secs(1);

/// Signals are the process's, so there is one listener.
static LISTENER: OnceLock<Interrupt> = OnceLock::new();

/// Whether a signal has asked for the end. Clones share the answer. The default hears of no signal; it is for verbs that
/// need none, and for tests.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// The number of the exit code that the signal asks for; 0 before one came.
    number: Arc<AtomicUsize>,
    /// Nothing is under way that could be lost.
    idle: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on the first signal is only noted, for [`check`](Self::check) to tell; one that comes more than a second
    /// after it ends the process at once, and so does the first while the [stage](crate::run::Stage) waits for input. A
    /// signal that whoever started the process wants ignored, as `nohup` does with SIGHUP, stays ignored.
    ///
    /// # Errors
    /// `EC9021` if the operating system has no descriptor or thread left.
    pub fn listen() -> Result<Self, Failure> {
        if let Some(interrupt) = LISTENER.get() {
            return Ok(interrupt.clone());
        }
        let interrupt = Self::default();
        interrupt.register().map_err(|error| Failure::new(&codes::READ, "cannot listen for signals").because(error))?;
        Ok(LISTENER.get_or_init(|| interrupt).clone())
    }

    /// The process's listener; one that hears nothing where the verb does not [`listen`](Self::listen).
    pub(crate) fn of_process() -> Self {
        LISTENER.get().cloned().unwrap_or_default()
    }

    /// Whether a signal came.
    pub fn is_raised(&self) -> bool {
        self.exit().is_some()
    }

    /// The exit code that the signal asks for, once one came.
    pub fn exit(&self) -> Option<Exit> {
        Exit::of_number(self.number.load(SeqCst) as u64).filter(|exit| exit.is_signal())
    }

    /// To be asked before each write: whether it may still begin. The failure, given to
    /// [`Section::blame`](crate::Section::blame), marks the section as interrupted.
    ///
    /// # Errors
    /// `EC9024` once a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        let Some(exit) = self.exit() else { return Ok(()) };
        let name = SIGNALS.iter().find(|(.., asked)| *asked == exit).map_or("a signal", |(_, name, _)| name);
        Err(Failure::new(&codes::INTERRUPTED, "cannot go on")
            .because(format!("{name} came"))
            .hint("what was done stands in the document; run the same command again to do the rest")
            .exiting(exit))
    }

    /// Ends once a signal came: for waits that may be cut short, such as the one between two looks at the same thing.
    #[cfg(feature = "aws")]
    pub async fn raised(&self) {
        // A person does not notice this delay, and a machine not the work.
        const LOOK: Duration = Duration::from_millis(50);
        while !self.is_raised() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Notes a signal that did not come: for tests of what a verb does about one. `exit` is the signal's.
    pub fn raise(&self, exit: Exit) {
        self.number.store(exit.number().into(), SeqCst);
    }

    /// Waits for input, where a signal can end the process at once because nothing is under way. None, without waiting,
    /// if one came before.
    pub(crate) fn idle<T>(&self, wait: impl FnOnce() -> T) -> Option<T> {
        // In this order: a signal between the two lines is not overlooked.
        self.idle.store(true, SeqCst);
        let answer = (!self.is_raised()).then(wait);
        self.idle.store(false, SeqCst);
        answer
    }

    fn register(&self) -> io::Result<()> {
        let (mut heard, tell) = UnixStream::pair()?;
        let is_past = Arc::new(AtomicBool::new(false));
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        for (signal, _, exit) in SIGNALS.into_iter().filter(|(signal, ..)| ignored >> (signal - 1) & 1 == 0) {
            // In this order: what a signal sets does not end the process by that same signal.
            flag::register_conditional_shutdown(signal, exit.number().into(), Arc::clone(&self.idle))?;
            flag::register_conditional_shutdown(signal, exit.number().into(), Arc::clone(&is_past))?;
            flag::register_usize(signal, Arc::clone(&self.number), exit.number().into())?;
            pipe::register(signal, tell.try_clone()?)?;
        }
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if heard.read_exact(&mut [0]).is_ok() {
                thread::sleep(MOMENT);
                is_past.store(true, SeqCst);
            }
        })?;
        Ok(())
    }
}

/// The signals that the process was started to ignore, signal 1 in the lowest bit, from Linux's `/proc/self/status`.
/// Where there is no such file, none.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

// `tests/stage.rs` sends real signals to a real process.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_asks_for_the_exit_code_that_a_shell_would_show() {
        for (signal, _, exit) in SIGNALS {
            assert_eq!(i32::from(exit.number()), 128 + signal);
            assert!(exit.is_signal());
        }
    }

    #[test]
    fn nothing_may_begin_once_a_signal_came() {
        let interrupt = Interrupt::default();
        let shared = interrupt.clone();
        assert_eq!((interrupt.check(), interrupt.exit()), (Ok(()), None));
        shared.raise(Exit::Terminated);
        let failure = interrupt.check().unwrap_err();
        assert_eq!((failure.to_string().as_str(), failure.exit()), ("cannot go on: SIGTERM came", Exit::Terminated));
    }

    #[test]
    fn nothing_is_waited_for_once_a_signal_came() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.idle(|| interrupt.idle.load(SeqCst)), Some(true));
        assert!(!interrupt.idle.load(SeqCst));
        interrupt.raise(Exit::Hangup);
        assert_eq!(interrupt.idle(|| ()), None);
    }

    #[test]
    fn the_signals_to_ignore_are_read_from_the_status() {
        assert_eq!(ignored("Name:\tec-sg\nSigBlk:\tffff\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored(""), 0);
    }
}
