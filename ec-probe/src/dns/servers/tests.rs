use std::net::{IpAddr, UdpSocket as StdUdpSocket};
use std::thread;

use super::*;

/// Answers each question that comes to a port of 127.0.0.1 with the messages that `answers` gives, until the test ends.
fn server(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = StdUdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for answer in answers(&buffer[..length]) {
                socket.send_to(&answer, from).unwrap();
            }
        }
    });
    address
}

/// The same question as an answer: with these flags, and with this address if it asks for IPv4.
fn answer(question: &[u8], flags: [u8; 2], address: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = question.to_vec();
    bytes[2..4].copy_from_slice(&flags);
    let asks_for_ipv4 = question[question.len() - 3] == 1;
    if let Some(address) = address.filter(|_| asks_for_ipv4) {
        bytes[7] = 1;
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 15, 0, 4]);
        bytes.extend(address);
    }
    bytes
}

const GOOD: [u8; 2] = [0x81, 0x80];
const TRUNCATED: [u8; 2] = [0x83, 0x80];

fn asked(servers: Vec<SocketAddr>) -> Vec<Heard> {
    let mut ids = 7..;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut asking = Asking::begin("orders.example", servers, || ids.next()).unwrap();
        asking.settle().await;
        asking.heard()
    })
}

fn addresses(heard: &Heard) -> Vec<String> {
    heard.reply().map(|reply| reply.addresses.iter().map(IpAddr::to_string).collect()).unwrap_or_default()
}

#[test]
fn every_server_answers_for_itself() {
    let one = server(|question| vec![answer(question, GOOD, Some([10, 0, 0, 1]))]);
    let two = server(|question| vec![answer(question, [0x81, 0x83], None)]);
    let heard = asked(vec![one, two]);
    assert_eq!((heard[0].server, heard[1].server), (one, two));
    assert_eq!(addresses(&heard[0]), ["10.0.0.1"]);
    assert_eq!(heard[0].reply().unwrap().ttl_s, Some(15));
    assert_eq!(heard[1].reply().unwrap().rcode, Rcode::NXDOMAIN);
}

#[test]
fn what_is_no_answer_is_not_heard() {
    let forger = server(|question| {
        let mut forged = answer(question, GOOD, Some([10, 6, 6, 6]));
        forged[1] ^= 0x55;
        vec![b"garbage".to_vec(), forged, question.to_vec(), answer(question, GOOD, Some([10, 0, 0, 1]))]
    });
    assert_eq!(addresses(&asked(vec![forger])[0]), ["10.0.0.1"]);
}

#[test]
fn a_server_that_is_not_there_cannot_be_asked() {
    let gone = StdUdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    assert_eq!(asked(vec![gone])[0].said, Said::Failed("connection refused".into()));
}

#[test]
fn a_question_is_sent_again() {
    let heard_before = std::sync::atomic::AtomicUsize::new(0);
    let lossy = server(move |question| {
        let is_first = heard_before.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
        if is_first { vec![] } else { vec![answer(question, GOOD, Some([10, 0, 0, 1]))] }
    });
    let heard = &asked(vec![lossy])[0];
    assert_eq!(addresses(heard), ["10.0.0.1"]);
    assert!(heard.took >= AGAIN, "{heard:?}");
}

#[test]
fn addresses_of_one_family_are_an_answer_though_the_other_is_never_told() {
    let half = server(|question| match answer(question, GOOD, Some([10, 0, 0, 1])) {
        with_address if with_address[7] == 1 => vec![with_address],
        _ => vec![],
    });
    assert_eq!(addresses(&asked(vec![half])[0]), ["10.0.0.1"]);
}

#[test]
fn a_truncated_answer_whose_rest_is_not_to_be_had_is_none() {
    let short = server(|question| vec![answer(question, TRUNCATED, None)]);
    assert_eq!(asked(vec![short])[0].said, Said::Failed("connection refused".into()));
}

#[test]
fn an_answer_took_as_long_as_the_server_did_and_not_until_somebody_listened() {
    const LATER: Duration = Duration::from_millis(100);
    let good = server(|question| vec![answer(question, GOOD, Some([10, 0, 0, 1]))]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let heard = runtime.block_on(async {
        let mut asking = Asking::begin("orders.example", vec![good], || Some(1)).unwrap();
        let _ = timeout(LATER, std::future::pending::<()>()).await;
        asking.heard()
    });
    assert!(heard[0].reply().is_some() && heard[0].took < LATER, "{heard:?}");
}

#[test]
fn servers_that_have_said_nothing_yet_are_told_with_the_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let silent = server(|_| vec![]);
    let heard = runtime.block_on(async {
        let mut asking = Asking::begin("orders.example", vec![silent], || Some(1)).unwrap();
        asking.heard()
    });
    assert_eq!(heard[0].said, Said::Nothing);
    assert!(heard[0].took < PATIENCE, "{heard:?}");
}

#[test]
fn where_too_many_are_asked_the_next_ones_wait_until_somebody_needs_them() {
    static FEW: Semaphore = Semaphore::const_new(1);
    let silent = server(|_| vec![]);
    let good = server(|question| vec![answer(question, GOOD, Some([10, 0, 0, 1]))]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let begin = |server| Asking::begin_among(&FEW, "orders.example", vec![server], || Some(1)).unwrap();
        let (first, mut second) = (begin(silent), begin(good));
        assert_eq!(second.heard(), []);
        let early = timeout(Duration::from_millis(20), second.settle()).await;
        assert!(early.is_err(), "the first one is still being asked");
        drop(first);
        second.settle().await;
        assert_eq!(addresses(&second.heard()[0]), ["10.0.0.1"]);
    });
}

fn reply(rcode: Rcode, address: Option<&str>, ttl_s: Option<u32>) -> Reply {
    let addresses = address.map(|text| text.parse().unwrap()).into_iter().collect();
    Reply { rcode, is_truncated: false, chain: vec![], addresses, ttl_s }
}

#[test]
fn the_answers_about_both_families_become_one() {
    let (no_data, gone, fails) =
        (reply(Rcode::NOERROR, None, None), reply(Rcode::NXDOMAIN, None, None), reply(Rcode::SERVFAIL, None, None));
    let (ipv4, ipv6) =
        (reply(Rcode::NOERROR, Some("10.0.0.1"), Some(60)), reply(Rcode::NOERROR, Some("fd00::1"), Some(15)));
    let of = |first: &Reply, second: &Reply| {
        let merged = merged([Some(first.clone()), Some(second.clone())]).unwrap();
        (merged.rcode.to_string(), merged.addresses.len(), merged.ttl_s)
    };
    assert_eq!(of(&ipv4, &ipv6), ("NOERROR".into(), 2, Some(15)));
    for (first, second) in [(&ipv4, &no_data), (&no_data, &ipv4), (&ipv4, &fails), (&fails, &ipv4)] {
        assert_eq!(of(first, second), ("NOERROR".into(), 1, Some(60)));
    }
    assert_eq!(of(&no_data, &no_data).0, "NOERROR");
    assert_eq!((of(&no_data, &fails).0, of(&fails, &no_data).0), ("SERVFAIL".into(), "SERVFAIL".into()));
    assert_eq!(merged([Some(gone.clone()), None]), Some(gone));
    assert_eq!(merged([Some(no_data), None]), None, "the other family may have an address");
}
