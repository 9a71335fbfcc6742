//! Real replies and real certificates, damaged in every way: whatever comes of it, the readers come to an end, stay within
//! the limits, and let nothing through that a terminal would act on.
//!
//! What is damaged, and how, is the same in every run; `EC_FUZZ_CASES=1000000 cargo test --workspace --lib fuzz` looks
//! further. What the wire really said stands in `ec-probe/tests/wire`; `memcached-config` is as AWS documents it.

use std::sync::LazyLock;
use std::time::Duration;

use ec_shared::document::Engine;
use ec_shared::secret::Secret;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::answer::{Answer, Fault};
use crate::certificate::Certificate;
use crate::harmless::harmless;
use crate::ladder::Stage;
use crate::limits::{LINE_BYTES, LINES, REPLY_BYTES, REPLY_ELEMENTS, REPLY_LEVELS};
use crate::reach::Server;
use crate::replication::Replication;
use crate::resp::{self, Malformed, Value};
use crate::topology::read::{Asked, read};
use crate::trust::Trust;
use crate::verdict::tests::judged;
use crate::{discovery, memcached, topology};

macro_rules! wire {
    ($($name:literal),+ $(,)?) => { [$(include_bytes!(concat!("../tests/wire/", $name)).as_slice()),+] };
}

const RESP: [&[u8]; 14] = wire![
    "valkey-8-hello-2",
    "valkey-8-hello-3",
    "valkey-8-shards-2",
    "valkey-8-shards-3",
    "valkey-8-slots-2",
    "valkey-8-slots-3",
    "valkey-8-unknown",
    "valkey-8-role",
    "redis-7-hello-2",
    "redis-7-hello-3",
    "redis-7-shards-2",
    "redis-7-shards-3",
    "redis-7-slots-2",
    "redis-7-slots-3",
];
const MEMCACHED: [&[u8]; 4] = wire!["memcached-version", "memcached-stats", "memcached-error", "memcached-config"];
const CERTIFICATES: [&[u8]; 2] = wire!["amazon-root-ca-1.der", "amazon-root-ca-3.der"];

/// The system's authorities.
static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust::new(None).unwrap());

/// What breaks readers.
const SPLINTERS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"*2147483647\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$1073741824\r\n",
    b"%99999999999999999999\r\n",
    b"%1\r\n",
    b">2\r\n",
    b"|1\r\n",
    b"~3\r\n",
    b"_\r\n",
    b"=3\r\ntxt\r\n",
    b"!2\r\nno\r\n",
    b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    b"STAT a 1\r\n",
    b"END\r\n",
    b"\x1b[2J\xc2\x9b\xe2\x80\xae",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x30\x80",
    b"\x00\x00",
];

/// One kind of damage.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
    Insert(Index, &'static [u8]),
    Number(Index, u64),
    End(Index),
    Splice(Index, &'static [u8], Index),
}

fn damage(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Damage> {
    let number = select(vec![0, 1, 2, 31, 32, 33, 255, 16_383, 16_384, 65_535, 65_536, 1 << 20, 1 << 31, u64::MAX]);
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        any::<(Index, u8)>().prop_map(|(at, byte)| Damage::Set(at, byte)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (any::<Index>(), 1..60_usize, 1..50_usize).prop_map(|(at, length, times)| Damage::Repeat(at, length, times)),
        (any::<Index>(), select(&SPLINTERS[..])).prop_map(|(at, splinter)| Damage::Insert(at, splinter)),
        (any::<Index>(), number).prop_map(|(at, number)| Damage::Number(at, number)),
        any::<Index>().prop_map(Damage::End),
        (any::<Index>(), select(seeds), any::<Index>()).prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

impl Damage {
    fn done_to(&self, bytes: &mut Vec<u8>) {
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        let upto = |from: usize, length: usize, bytes: &[u8]| bytes.len().min(from + length);
        match self {
            Self::Flip(at, bit) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Set(at, new) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *new;
            }
            Self::Cut(at, length) => {
                let from = place(at, bytes);
                bytes.drain(from..upto(from, *length, bytes));
            }
            Self::Repeat(at, length, times) => {
                let from = place(at, bytes);
                let piece = bytes[from..upto(from, *length, bytes)].repeat(*times);
                bytes.splice(from..from, piece);
            }
            Self::Insert(at, splinter) => {
                let from = place(at, bytes);
                bytes.splice(from..from, splinter.iter().copied());
            }
            Self::Number(at, number) => {
                let from = place(at, bytes);
                let Some(first) = bytes[from..].iter().position(u8::is_ascii_digit).map(|offset| from + offset) else {
                    return;
                };
                let digits = bytes[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                bytes.splice(first..first + digits, number.to_string().into_bytes());
            }
            Self::End(at) => bytes.truncate(place(at, bytes)),
            Self::Splice(at, other, from) => {
                bytes.truncate(place(at, bytes));
                bytes.extend_from_slice(&other[from.index(other.len())..]);
            }
            Self::Flip(..) | Self::Set(..) => {}
        }
    }
}

fn damaged(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    (select(seeds), prop::collection::vec(damage(seeds), 0..6)).prop_map(|(seed, damages)| {
        let mut bytes = seed.to_vec();
        for damage in damages {
            damage.done_to(&mut bytes);
        }
        bytes
    })
}

fn config() -> ProptestConfig {
    let cases = std::env::var("EC_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(6379), failure_persistence: None, ..ProptestConfig::default() }
}

/// How deep a value is, how many elements it has, and how much memory it takes.
fn measured(value: &Value) -> (usize, usize, usize) {
    let own = size_of::<Value>();
    let inner = |values: &mut dyn Iterator<Item = &Value>| {
        values.map(measured).fold((0, 0, 0), |all, one| (all.0.max(one.0), all.1 + one.1 + 1, all.2 + one.2))
    };
    match value {
        Value::Text(bytes) | Value::Error(bytes) => (0, 0, own + bytes.capacity()),
        Value::Integer(_) | Value::Boolean(_) | Value::Null => (0, 0, own),
        Value::List(items) => {
            let (depth, elements, memory) = inner(&mut items.iter());
            (depth + 1, elements, memory + own + (items.capacity() - items.len()) * own)
        }
        Value::Map(pairs) => {
            let (depth, elements, memory) = inner(&mut pairs.iter().flat_map(|(name, value)| [name, value]));
            (depth + 1, elements, memory + own + (pairs.capacity() - pairs.len()) * 2 * own)
        }
    }
}

/// Everything that comes out of bytes that come in as portions of this size.
fn read_all(bytes: &[u8], size: usize) -> (Vec<Value>, Option<Malformed>) {
    resp::tests::read(&bytes.chunks(size).collect::<Vec<_>>())
}

/// What a terminal would act on.
fn acts(text: &str) -> Option<char> {
    text.chars()
        .find(|letter| letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

fn is_calm(answer: &Answer, stage: Stage) -> bool {
    let judgement = judged(Engine::Valkey, stage, answer);
    let finding = judgement.finding.as_ref().map(|finding| serde_json::to_string(finding).unwrap_or_default());
    acts(&judgement.summary).is_none() && finding.as_deref().and_then(acts).is_none()
}

#[test]
fn what_is_not_damaged_is_understood() {
    for seed in RESP {
        let (replies, malformed) = read_all(seed, seed.len());
        assert_eq!((replies.len(), malformed), (1, None), "{}", seed.escape_ascii());
        let asked = Asked { host: "orders.example", tls: false };
        let is_error = matches!(replies[0], Value::Error(_));
        let is_greeting = Server::greeted(&replies[0]).is_some();
        let is_role = Replication::read(&replies[0]).is_some();
        assert!(is_error || is_greeting || is_role || read(&replies[0], asked).is_some(), "{}", seed.escape_ascii());
    }
    for seed in MEMCACHED {
        assert!(matches!(memcached::reply(seed), Ok(Some(_))), "{}", seed.escape_ascii());
    }
    for seed in CERTIFICATES {
        assert!(Certificate::read(seed).is_some_and(|certificate| certificate.is_authority));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn fuzz_replies_of_valkey_and_redis(bytes in damaged(&RESP), size in 1_usize..200) {
        let (replies, malformed) = read_all(&bytes, size);
        prop_assert_eq!(&(replies.clone(), malformed), &read_all(&bytes, usize::MAX));
        for reply in replies {
            let (depth, elements, memory) = measured(&reply);
            prop_assert!(depth <= REPLY_LEVELS && elements <= REPLY_ELEMENTS);
            prop_assert!(memory <= 64 * bytes.len().min(REPLY_BYTES) + 64, "{} of {} bytes", memory, bytes.len());
            let answer = harmless(Answer::Reply(Ok(reply)), Some(&Secret::new("valkey-8-hello".into())));
            for stage in [Stage::Auth, Stage::Hello, Stage::Ping] {
                prop_assert!(is_calm(&answer, stage), "{:?}", answer);
            }
            let Answer::Reply(Ok(reply)) = answer else { unreachable!() };
            Replication::read(&reply);
            if let Some(topology) = read(&reply, Asked { host: "orders.example", tls: false }) {
                prop_assert!(topology.covered <= topology::SLOTS);
                prop_assert!(topology.nodes().all(|node| acts(&node.host).is_none()));
            }
        }
    }

    #[test]
    fn fuzz_replies_of_memcached(bytes in damaged(&MEMCACHED), end in any::<Index>()) {
        let whole = memcached::reply(&bytes);
        let part = memcached::reply(&bytes[..end.index(bytes.len() + 1)]);
        prop_assert!(part == Ok(None) || part == whole, "{:?} came to {:?}", part, whole);
        if let Ok(Some(reply)) = whole {
            if let memcached::Reply::Stats(stats) = &reply {
                prop_assert!(stats.len() <= LINES);
                prop_assert!(stats.iter().all(|(name, value)| name.len() + value.len() <= LINE_BYTES));
            }
            let answer = harmless(Answer::Memcached(Ok(reply)), None);
            if let Answer::Memcached(Ok(reply)) = &answer {
                discovery::read(reply);
            }
            prop_assert!(is_calm(&answer, Stage::Version) && is_calm(&answer, Stage::Stats), "{:?}", answer);
        }
    }

    #[test]
    fn fuzz_certificates(bytes in damaged(&CERTIFICATES)) {
        let answer = Answer::Handshake(Err(Fault::Silent), Certificate::read(&bytes));
        let answer = harmless(answer, None);
        prop_assert!(is_calm(&answer, Stage::Tls), "{:?}", answer);
        // An authority's certificate is no server's, and a damaged one is nobody's.
        let name = ServerName::try_from("orders.example").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_770_000_000));
        prop_assert!(TRUST.verify(&CertificateDer::from(bytes), &[], &name, now).is_err());
    }
}
