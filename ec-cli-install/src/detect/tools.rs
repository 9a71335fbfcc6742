//! The programs of this machine that speak to Memcached.

use std::path::Path;

use super::{Client, PATIENCE, asked, file, places};
use crate::recipe::tools::TOOLS;
use crate::shell::{Job, Shell};

/// All of them, the best first. Only openssl is asked for its version: nc and telnet would wait for somebody to type.
pub fn tools(shell: &Shell) -> Vec<Client> {
    let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
    let mut tools = asked(places(shell, &[], &names), |path| look(shell, path));
    let by_name = |tool: &Client| TOOLS.iter().position(|known| known.name == tool.name);
    tools.sort_by_key(|tool| (tool.problem.is_some(), by_name(tool)));
    tools
}

fn look(shell: &Shell, path: &Path) -> Client {
    let mut tool = Client::at(shell, path);
    tool.problem = file::problem(path);
    let has_tls = TOOLS.iter().any(|known| known.name == tool.name && known.has_tls);
    if tool.problem.is_some() || !has_tls {
        return tool;
    }
    match shell.run(&Job::new(path, ["version"]).limit(PATIENCE)) {
        Ok(ran) if ran.is_late => tool.problem = Some("version did not end in time".to_owned()),
        Ok(ran) => match version(&ran.text()) {
            Some((version, has_tls13)) => {
                tool.version = Some(version);
                (tool.tls.listed, tool.tls.listed13) = (true, has_tls13);
            }
            None => tool.problem = Some(format!("version tells no version ({})", ran.last_words())),
        },
        Err(failure) => tool.problem = Some(file::why_not(path).unwrap_or_else(|| failure.to_string())),
    }
    tool
}

/// The version in `OpenSSL 3.0.19 27 Jan 2026`, and whether that has TLS 1.3: OpenSSL since 1.1.1, LibreSSL since 3.2.
fn version(text: &str) -> Option<(String, bool)> {
    let mut words = text.lines().next()?.split_whitespace();
    let least: [u32; 3] = match words.next()? {
        "OpenSSL" => [1, 1, 1],
        "LibreSSL" => [3, 2, 0],
        _ => return None,
    };
    let version = words.next()?;
    // 1.0.2k-fips: the last number ends with a letter.
    let number = |part: &str| part.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok();
    let numbers: Vec<u32> = version.split('-').next()?.split('.').map_while(number).collect();
    (!numbers.is_empty()).then(|| (version.to_owned(), numbers.as_slice() >= least.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_has_tls_1_3_since_1_1_1() {
        for (text, expected) in [
            ("OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)\n", Some(("3.0.19", true))),
            ("OpenSSL 1.1.1zb  11 Feb 2025\n", Some(("1.1.1zb", true))),
            ("OpenSSL 1.0.2k-fips  26 Jan 2017\n", Some(("1.0.2k-fips", false))),
            ("LibreSSL 3.3.6\n", Some(("3.3.6", true))),
            ("LibreSSL 2.8.3\n", Some(("2.8.3", false))),
            ("no such command\n", None),
            ("", None),
        ] {
            assert_eq!(version(text), expected.map(|(version, has)| (version.to_owned(), has)), "{text}");
        }
    }
}
