//! Which machine this is: a probe's verdict is about the machine that it ran on.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

/// This machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its host name.
    pub host: String,
    /// Its EC2 instance id. Nitro instances show it as their board's asset tag, so no metadata service is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

impl Machine {
    /// Looks at this machine.
    pub fn here() -> Self {
        let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            instance_id: instance_id(line("/sys/devices/virtual/dmi/id/board_asset_tag")),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instance_id {
            Some(id) => write!(f, "{}, {id}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn instance_id(tag: String) -> Option<String> {
    let digits = tag.strip_prefix("i-")?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_tag_is_an_instance_id_only_if_it_looks_like_one() {
        assert_eq!(instance_id("i-0123456789abcdef0".into()).as_deref(), Some("i-0123456789abcdef0"));
        for tag in ["", "i-", "i-laptop00", "Not Specified"] {
            assert_eq!(instance_id(tag.into()), None, "{tag}");
        }
    }
}
