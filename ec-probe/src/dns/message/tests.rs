use proptest::prelude::*;

use super::*;

fn question() -> Question {
    Question::new(0x1234, "Orders.Example.", Kind::A).unwrap()
}

/// Bytes of records that follow the question; the question's name stands at offset 12.
struct Message {
    flags: u16,
    answers: u16,
    records: Vec<u8>,
}

impl Message {
    fn new() -> Self {
        Self { flags: 0x8180, answers: 0, records: Vec::new() }
    }

    fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    fn record(mut self, owner: &[u8], kind: u16, ttl_s: u32, data: &[u8]) -> Self {
        self.answers += 1;
        self.records.extend(owner);
        self.records.extend(kind.to_be_bytes());
        self.records.extend([0, 1]);
        self.records.extend(ttl_s.to_be_bytes());
        self.records.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.records.extend(data);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = question().message();
        bytes[2..4].copy_from_slice(&self.flags.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.answers.to_be_bytes());
        bytes.extend(&self.records);
        bytes
    }

    fn read(&self) -> Option<Reply> {
        question().read(&self.bytes())
    }
}

/// A pointer to the name of the question.
const NAME: &[u8] = &[0xc0, 12];

fn strs(chain: &[String]) -> Vec<&str> {
    chain.iter().map(String::as_str).collect()
}

#[test]
fn a_question_is_written_as_the_rfc_says() {
    let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06orders\x07example\x00\x00\x01\x00\x01";
    assert_eq!(question().message(), expected);
    let other = Question::new(1, "a", Kind::Aaaa).unwrap();
    assert_eq!(other.message()[12..], *b"\x01a\x00\x00\x1c\x00\x01");
}

#[test]
fn a_name_that_does_not_fit_is_no_question() {
    for name in ["", "a..b", &"x".repeat(64), &["x".repeat(63).as_str(); 5].join(".")] {
        assert_eq!(Question::new(1, name, Kind::A), None, "{name}");
    }
}

#[test]
fn the_chain_is_followed_and_the_least_ttl_counts() {
    let reply = Message::new()
        .record(b"\x03two\x00", 1, 3600, &[10, 0, 0, 2])
        .record(NAME, 5, 60, b"\x03One\x00")
        .record(b"\x03one\x00", 5, 15, b"\x03two\x00")
        .record(b"\x03two\x00", 1, 300, &[10, 0, 0, 1])
        .record(b"\x05other\x00", 1, 1, &[10, 9, 9, 9])
        .record(b"\x03two\x00", 16, 1, b"\x04text")
        .read()
        .unwrap();
    assert_eq!(strs(&reply.chain), ["one", "two"]);
    assert_eq!(reply.addresses, ["10.0.0.2", "10.0.0.1"].map(|address| address.parse::<IpAddr>().unwrap()));
    assert_eq!((reply.rcode, reply.ttl_s), (Rcode::NOERROR, Some(15)));
}

#[test]
fn a_chain_that_goes_in_circles_ends() {
    let reply = Message::new().record(NAME, 5, 1, b"\x03one\x00").record(b"\x03one\x00", 5, 1, NAME).read().unwrap();
    assert_eq!((strs(&reply.chain), reply.addresses.len()), (vec!["one"], 0));
}

#[test]
fn a_chain_without_an_end_is_cut() {
    let mut message = Message::new().record(NAME, 5, 1, b"\x010\x00");
    for number in 0..40_u8 {
        message = message.record(&[1, 128 + number, 0], 5, 1, &[1, 129 + number, 0]);
    }
    message.records.splice(2 + 10..2 + 10 + 3, [1, 128, 0]);
    assert_eq!(message.read().unwrap().chain.len(), LONGEST_CHAIN);
}

#[test]
fn a_refusal_without_the_question_is_an_answer_and_a_success_is_none() {
    let bare = |flags: u16| {
        let [high, low] = flags.to_be_bytes();
        question().read(&[0x12, 0x34, high, low, 0, 0, 0, 0, 0, 0, 0, 0]).map(|reply| reply.rcode.to_string())
    };
    assert_eq!(bare(0x8181).as_deref(), Some("FORMERR"));
    assert_eq!(bare(0x8185).as_deref(), Some("REFUSED"));
    assert_eq!(bare(0x8180), None);
}

#[test]
fn codes_have_their_names() {
    let code = |flags| Message::new().flags(flags).read().unwrap().rcode.to_string();
    assert_eq!(
        [0x8180, 0x8182, 0x8183, 0x8184, 0x8189].map(code),
        ["NOERROR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "RCODE 9"]
    );
}

#[test]
fn of_a_truncated_answer_nothing_is_kept() {
    let reply = Message::new().flags(0x8380).record(NAME, 1, 60, &[10, 0, 0, 1]).read().unwrap();
    assert!(reply.is_truncated && reply.addresses.is_empty());
}

#[test]
fn what_is_no_answer_to_the_question_is_none() {
    let good = Message::new().record(NAME, 1, 60, &[10, 0, 0, 1]).bytes();
    assert!(question().read(&good).is_some());
    // A byte of the message, and what it is instead.
    for (what, at, byte) in [
        ("another id", 1, 0x35),
        ("a question", 2, 0x01),
        ("another operation", 2, 0x89),
        ("two questions", 5, 2),
        ("another name", 13, b'x'),
        ("another type", 29, 28),
        ("another class", 31, 3),
        ("more answers than there are", 7, 2),
    ] {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_eq!(question().read(&bytes), None, "{what}");
    }
}

#[test]
fn records_of_another_length_or_with_a_pointer_ahead_are_refused() {
    for (what, message) in [
        ("an IPv4 address of five bytes", Message::new().record(NAME, 1, 1, &[10, 0, 0, 1, 1])),
        ("an IPv6 address of four bytes", Message::new().record(NAME, 28, 1, &[10, 0, 0, 1])),
        ("an alias that ends early", Message::new().record(NAME, 5, 1, b"\x03one\x00\x00")),
        ("a pointer to itself", Message::new().record(&[0xc0, 32], 1, 1, &[10, 0, 0, 1])),
        ("a pointer ahead", Message::new().record(&[0xc0, 40], 1, 1, &[10, 0, 0, 1])),
        ("a label of no type", Message::new().record(&[0x80, 0], 1, 1, &[10, 0, 0, 1])),
    ] {
        assert_eq!(message.read(), None, "{what}");
    }
}

#[test]
fn what_no_host_name_has_is_escaped() {
    let reply = Message::new().record(NAME, 5, 1, b"\x05\x1b[m.\xff\x00").read().unwrap();
    assert_eq!(strs(&reply.chain), [r"\027\091m\046\255"]);
}

#[test]
fn a_ttl_below_zero_is_none_at_all() {
    assert_eq!(Message::new().record(NAME, 1, 1 << 31, &[10, 0, 0, 1]).read().unwrap().ttl_s, Some(0));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        question().read(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_good_beginning_are_read_without_harm(
        answers in any::<u16>(),
        records in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xc0), Just(12), Just(0), Just(1)], 0..600),
    ) {
        if let Some(reply) = (Message { flags: 0x8180, answers, records }).read() {
            prop_assert!(reply.chain.len() <= LONGEST_CHAIN && reply.addresses.len() <= MOST_ADDRESSES);
            prop_assert!(reply.addresses.iter().all(IpAddr::is_ipv4));
            prop_assert!(reply.chain.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_graphic())));
        }
    }

    #[test]
    fn no_part_of_an_answer_is_an_answer(cut in 1_usize..60) {
        let bytes = Message::new().record(NAME, 5, 60, b"\x03one\x00").record(b"\x03one\x00", 1, 60, &[10, 0, 0, 1]).bytes();
        prop_assert_eq!(question().read(&bytes[..bytes.len() - cut.min(bytes.len())]), None);
    }
}
