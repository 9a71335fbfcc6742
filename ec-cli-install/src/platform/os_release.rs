//! The text of os-release: shell assignments, one a line.

/// The text.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// The value of `key`; the last assignment counts, as in a shell.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        let text = self.0.strip_prefix('\u{feff}').unwrap_or(self.0);
        text.lines().rev().find_map(|line| {
            let line = line.trim();
            line.strip_prefix("export ").unwrap_or(line).trim_start().strip_prefix(key)?.strip_prefix('=').map(unquote)
        })
    }
}

/// The release of Debian or Ubuntu that has this codename. <https://www.debian.org/releases/>,
/// <https://wiki.ubuntu.com/Releases>.
pub(super) fn base_release(codename: &str) -> Option<&'static str> {
    Some(match codename {
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "bionic" => "18.04",
        "focal" => "20.04",
        "jammy" => "22.04",
        "noble" => "24.04",
        "questing" => "25.10",
        "resolute" => "26.04",
        _ => return None,
    })
}

/// A value, which a shell would read.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    if let Some(value) = inner('\'') {
        return value.to_owned();
    }
    let mut plain = String::new();
    let mut chars = inner('"').unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain
}
