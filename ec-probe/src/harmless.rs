//! What a server says, made harmless where it enters: without the secret that it was sent, and without the characters that
//! move a terminal's cursor or turn its text around. Whatever is kept, shown or judged afterwards has gone through here.

use ec_shared::secret::Secret;

use crate::answer::{Answer, CertificateFault, Fault, RelayFault};
use crate::certificate::Certificate;
use crate::limits::STRANGER_BYTES;
use crate::memcached;
use crate::resp::Value;

/// Stands for a secret.
const HIDDEN: &[u8] = b"***";
/// Stands for a character that is not shown.
const ODD: char = '\u{fffd}';
/// How many bytes of the beginning of a secret are hidden, too: a server may cut off what it repeats.
const BEGINNING: usize = 8;
/// How many of them where the text ends: it may have been cut in the middle of the secret.
const CUT: usize = 4;
/// What every server says. A password that is one of these words would otherwise make an answer unreadable.
const VOCABULARY: [&str; 20] = [
    "OK",
    "PONG",
    "server",
    "version",
    "proto",
    "id",
    "mode",
    "role",
    "modules",
    "valkey",
    "redis",
    "standalone",
    "cluster",
    "sentinel",
    "master",
    "replica",
    "slots",
    "nodes",
    "online",
    "default",
];

/// Makes an answer harmless. `secret`: what the server was sent.
pub fn harmless(mut answer: Answer, secret: Option<&Secret>) -> Answer {
    let filter = Filter { secret: secret.map_or(&[], |secret| secret.expose().as_bytes()) };
    match &mut answer {
        Answer::Reply(Ok(value)) => filter.value(value),
        Answer::Memcached(Ok(reply)) => filter.memcached(reply),
        Answer::Reply(Err(fault)) | Answer::Memcached(Err(fault)) => filter.fault(fault),
        Answer::Handshake(result, certificate) => {
            if let Err(fault) = result {
                filter.fault(fault);
            }
            if let Some(certificate) = certificate {
                filter.certificate(certificate);
            }
        }
        Answer::Relayed(Err(fault)) => filter.relay(fault),
        // Words of this machine and of its resolver.
        Answer::Addresses(_) | Answer::ResolvedThere | Answer::Dials(_) | Answer::Relayed(Ok(())) => {}
    }
    answer
}

/// What is taken out.
#[derive(Clone, Copy, Debug)]
struct Filter<'a> {
    /// Empty where the server was sent none.
    secret: &'a [u8],
}

impl Filter<'_> {
    /// No deeper than [`REPLY_LEVELS`](crate::limits::REPLY_LEVELS): the reader sees to that.
    fn value(self, value: &mut Value) {
        match value {
            Value::Text(bytes) | Value::Error(bytes) => self.bytes(bytes),
            Value::List(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Map(pairs) => pairs.iter_mut().for_each(|(name, value)| {
                self.value(name);
                self.value(value);
            }),
            Value::Integer(_) | Value::Boolean(_) | Value::Null => {}
        }
    }

    fn memcached(self, reply: &mut memcached::Reply) {
        match reply {
            memcached::Reply::Version(text) | memcached::Reply::Error(text) => self.text(text),
            memcached::Reply::Stats(stats) => stats.iter_mut().for_each(|(name, value)| {
                self.text(name);
                self.text(value);
            }),
            memcached::Reply::Item(bytes) => self.lines(bytes),
        }
    }

    fn fault(self, fault: &mut Fault) {
        match fault {
            // Shown with escapes, so that only the secret matters.
            Fault::Plain { said } | Fault::NotACache { said } => {
                *said = self.without_secret(said);
                said.truncate(STRANGER_BYTES);
            }
            Fault::Certificate(CertificateFault::Other(text))
            | Fault::TlsVersion(text)
            | Fault::Tls(text)
            | Fault::TooLarge(text)
            | Fault::Io(text) => self.text(text),
            Fault::Relay(fault) => self.relay(fault),
            Fault::Certificate(_)
            | Fault::WantsTls
            | Fault::ClientCertificate
            | Fault::Closed
            | Fault::Silent
            | Fault::Slow { .. } => {}
        }
    }

    fn relay(self, fault: &mut RelayFault) {
        match fault {
            RelayFault::Down(text) | RelayFault::NotStarted(text) => self.text(text),
            RelayFault::NotSocks5 { said } => *said = self.without_secret(said),
            RelayFault::Ended { said, .. } | RelayFault::Mute { said } => {
                let mut bytes = std::mem::take(said).into_bytes();
                self.lines(&mut bytes);
                *said = String::from_utf8_lossy(&bytes).into_owned();
            }
            RelayFault::LogIn | RelayFault::Refused(_) | RelayFault::HungUp | RelayFault::Undecided => {}
        }
    }

    fn certificate(self, certificate: &mut Certificate) {
        self.text(&mut certificate.subject);
        self.text(&mut certificate.issuer);
        certificate.names.iter_mut().chain(&mut certificate.above).for_each(|name| self.text(name));
    }

    fn text(self, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.bytes(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// Several lines, of which each is looked at, and whose ends stay.
    fn lines(self, bytes: &mut Vec<u8>) {
        let line = |line: &[u8]| {
            let end: &[u8] = if line.ends_with(b"\r") { b"\r" } else { b"" };
            let mut kept = line[..line.len() - end.len()].to_vec();
            self.bytes(&mut kept);
            [&kept, end].concat()
        };
        *bytes = bytes.split(|&byte| byte == b'\n').map(line).collect::<Vec<_>>().join(&b'\n');
    }

    fn bytes(self, bytes: &mut Vec<u8>) {
        if VOCABULARY.iter().any(|word| word.as_bytes() == bytes.as_slice()) {
            return;
        }
        let kept = self.without_secret(bytes);
        *bytes = String::from_utf8_lossy(&kept).replace(is_odd, ODD.encode_utf8(&mut [0; 4])).into_bytes();
    }

    /// Takes time in proportion to the text: a beginning of the secret is compared once, and then left behind.
    fn without_secret(self, text: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let alike = rest.iter().zip(self.secret).take_while(|(said, sent)| said == sent).count();
            let is_whole = alike > 0 && alike == self.secret.len();
            let is_cut = alike >= CUT && alike == rest.len();
            if is_whole || is_cut || alike >= BEGINNING {
                kept.extend_from_slice(HIDDEN);
                rest = &rest[alike..];
            } else {
                kept.push(byte);
                rest = after;
            }
        }
        kept
    }
}

/// Whether a character does something else than stand in its place: control characters, among them those that begin a
/// terminal's commands, ends of lines, marks that turn the direction of writing, and what cannot be seen.
fn is_odd(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use proptest::prelude::*;

    use super::*;
    use crate::resp::tests::value;

    const SECRET: &str = "correct-horse-battery";

    fn kept(said: &str, secret: &str) -> String {
        let answer = Answer::Reply(Ok(Value::Text(said.as_bytes().to_vec())));
        match harmless(answer, Some(&Secret::new(secret.into()))) {
            Answer::Reply(Ok(value)) => value.text().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_secret_is_hidden_wherever_a_server_repeats_it() {
        for (said, expected) in [
            ("correct-horse-battery", "***"),
            ("you said correct-horse-battery!", "you said ***!"),
            ("correct-horse-batterycorrect-horse-battery", "******"),
            ("'correct-horse-ba' is too long", "'***' is too long"),
            ("cut off after corre", "cut off after ***"),
            ("a correct answer", "a correct answer"),
            ("a cor", "a cor"),
        ] {
            assert_eq!(kept(said, SECRET), expected, "{said}");
        }
    }

    #[test]
    fn words_that_every_server_says_stay_even_if_one_is_the_password() {
        assert_eq!(kept("cluster", "cluster"), "cluster");
        assert_eq!(kept("PONG", "PONG"), "PONG");
        assert_eq!(kept("the password is cluster", "cluster"), "the password is ***");
    }

    #[test]
    fn what_moves_a_cursor_or_turns_text_around_is_replaced() {
        for said in ["\u{1b}[2J", "a\rb", "a\nb", "\u{9b}31m", "\u{202e}gpj", "a\u{200b}b", "\u{2066}x", "\u{7f}"] {
            let kept = kept(said, SECRET);
            assert!(kept.contains(ODD) && !kept.contains(is_odd), "{kept:?}");
        }
        assert_eq!(kept("Größe: 3 µs, 日本", SECRET), "Größe: 3 µs, 日本");
    }

    #[test]
    fn every_part_of_an_answer_goes_through() {
        let odd = || format!("\u{1b}[31m{SECRET}");
        let bytes = || odd().into_bytes();
        let certificate = Certificate {
            subject: odd(),
            issuer: odd(),
            names: vec![odd()],
            above: vec![odd()],
            is_authority: false,
            not_before: jiff::Timestamp::UNIX_EPOCH,
            not_after: jiff::Timestamp::UNIX_EPOCH,
        };
        let text = || Value::Text(bytes());
        for answer in [
            Answer::Reply(Ok(Value::Map(vec![(text(), Value::List(vec![text(), Value::Error(bytes())]))]))),
            Answer::Memcached(Ok(memcached::Reply::Version(odd()))),
            Answer::Memcached(Ok(memcached::Reply::Error(odd()))),
            Answer::Memcached(Ok(memcached::Reply::Item(bytes()))),
            Answer::Memcached(Ok(memcached::Reply::Stats(vec![(odd(), odd())]))),
            Answer::Handshake(Err(Fault::Tls(odd())), Some(certificate)),
            Answer::Handshake(Err(Fault::Certificate(CertificateFault::Other(odd()))), None),
            Answer::Reply(Err(Fault::TooLarge(odd()))),
            Answer::Relayed(Err(RelayFault::Down(odd()))),
            Answer::Relayed(Err(RelayFault::Mute { said: odd() })),
        ] {
            let kept = harmless(answer, Some(&Secret::new(SECRET.into())));
            let shown = format!("{kept:?}");
            // The bytes of a value are shown as numbers.
            let numbers = format!("{:?}", SECRET.as_bytes());
            let numbers = numbers.trim_matches(['[', ']']);
            assert!(!shown.contains(SECRET) && !shown.contains(numbers) && !shown.contains("\\u{1b}"), "{shown}");
            assert!(!shown.contains("27, 91"), "{shown}");
        }
    }

    #[test]
    fn a_password_that_a_proxy_command_says_is_not_shown_and_its_lines_stay_apart() {
        let said = format!("debug: {SECRET}\n\u{1b}[1mssh: no route");
        let ended = RelayFault::Ended { status: ExitStatus::from_raw(256), said: said.clone() };
        for fault in [ended, RelayFault::Mute { said }] {
            let kept = harmless(Answer::Relayed(Err(fault)), Some(&Secret::new(SECRET.into())));
            let Answer::Relayed(Err(RelayFault::Ended { said, .. } | RelayFault::Mute { said })) = kept else {
                panic!("{kept:?}")
            };
            assert_eq!(said, "debug: ***\n\u{fffd}[1mssh: no route");
        }
    }

    #[test]
    fn of_what_is_no_reply_the_first_bytes_are_kept() {
        let said = [b"HTTP/1.1 400 ".as_slice(), SECRET.as_bytes(), &[b'x'; 100]].concat();
        let kept = harmless(Answer::Reply(Err(Fault::NotACache { said })), Some(&Secret::new(SECRET.into())));
        let Answer::Reply(Err(Fault::NotACache { said })) = kept else { panic!("{kept:?}") };
        assert_eq!(said.len(), STRANGER_BYTES);
        assert!(said.starts_with(b"HTTP/1.1 400 ***xxx"), "{}", said.escape_ascii());
    }

    proptest! {
        #[test]
        fn no_text_lets_the_secret_through(before in ".{0,20}", after in ".{0,20}", secret in "[ -~]{8,40}") {
            // Where the text around it begins with its beginning, what is left of it is no secret.
            prop_assume!(!before.contains(&secret[..1]) && !VOCABULARY.contains(&secret.as_str()));
            let kept = kept(&format!("{before}{secret}{after}"), &secret);
            prop_assert!(!kept.contains(&secret) || secret.chars().all(|letter| letter == '*'), "{}", kept);
        }

        #[test]
        fn no_value_makes_it_panic_and_its_form_stays(value in value(), secret in "[ -~]{0,9}") {
            let count = |value: &Value| format!("{value:?}").matches("Map").count();
            let before = count(&value);
            let kept = harmless(Answer::Reply(Ok(value)), Some(&Secret::new(secret)));
            let Answer::Reply(Ok(value)) = kept else { panic!("an answer") };
            prop_assert_eq!(count(&value), before);
        }
    }
}
