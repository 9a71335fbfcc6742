//! Cross-examination: when a server is silent or hangs up, a second connection asks whether it speaks TLS where the
//! first spoke plain text, or the other way round. A plain Valkey never answers a TLS handshake, and a TLS server may
//! never answer a plain command, so waiting longer tells nothing.

use std::sync::Arc;
use std::time::Duration;

use ec_shared::document::Engine;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::dialect::Dialect;
use crate::relay::Road;
use crate::tap::{Heard, Tap};
use crate::tls::{self, Witness};

/// How long silence is borne before somebody else is asked, and before the other answer is believed. Both grow with the
/// time that the network takes, and the first answer always wins while it is awaited.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    patience: Duration,
    grace: Duration,
}

impl Pace {
    /// The pace for a server at this distance.
    pub fn of(round_trip: Duration) -> Self {
        Self { patience: Duration::from_millis(10) + 3 * round_trip, grace: Duration::from_millis(20) + 4 * round_trip }
    }
}

/// Waits for `answer`. If nothing has been heard for a while, `other` is asked, and if it says something and the first
/// connection is silent still, that is the result.
///
/// # Errors
/// What `other` said.
pub async fn examine<T, U>(
    answer: impl Future<Output = T>,
    heard: &Heard,
    pace: Pace,
    other: impl Future<Output = Option<U>>,
) -> Result<T, U> {
    let second_thoughts = async {
        sleep(pace.patience).await;
        if heard.nothing()
            && let Some(said) = other.await
        {
            sleep(pace.grace).await;
            if heard.nothing() {
                return said;
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        answer = answer => Ok(answer),
        said = second_thoughts => Err(said),
    }
}

/// How long the second connection may take when the first has ended without a word.
const SECOND_CHANCE: Duration = Duration::from_secs(2);

/// Waits for `other` for a while; for when the first connection has ended, and nothing more is to be learned from it.
pub async fn second_chance<U>(other: impl Future<Output = Option<U>>) -> Option<U> {
    timeout(SECOND_CHANCE, other).await.ok().flatten()
}

/// What the server at the end of `road` says to a harmless command in plain text, if it is the answer of a cache.
pub async fn plain_answer(road: Road<'_>, engine: Engine) -> Option<Vec<u8>> {
    let question: &[u8] = match engine {
        Engine::Memcached => b"version\r\n",
        Engine::Valkey | Engine::Redis => b"PING\r\n",
    };
    let mut opened = road.open().await?;
    opened.stream.write_all(question).await.ok()?;
    opened.stream.flush().await.ok()?;
    let mut said = vec![0; 64];
    let length = opened.stream.read(&mut said).await.ok()?;
    said.truncate(length);
    matches!(Dialect::of(&said), Dialect::Resp | Dialect::Memcached).then_some(said)
}

/// Whether the server at the end of `road` answers a TLS handshake, whatever comes of it.
pub async fn answers_tls(road: Road<'_>, name: ServerName<'static>, witness: Arc<Witness>) -> Option<()> {
    let opened = road.open().await?;
    let tap = Tap::new(opened.stream);
    let heard = tap.heard();
    // Only the first bytes of the answer matter; they are there when the handshake has ended, well or badly.
    let _ = tls::handshake(tap, name, &witness).await;
    (Dialect::of(&heard.first()) == Dialect::Tls).then_some(())
}
