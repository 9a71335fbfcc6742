//! Which machine this is: what a tool finds out locally is true for the machine that it ran on.

use std::fmt;
use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine that a tool ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RanOn {
    /// Its host name.
    pub host: String,
    /// Its EC2 instance id. Nitro instances show it as their board's asset tag, so no metadata service is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
}

impl RanOn {
    /// Looks at this machine.
    pub fn here() -> Self {
        let line = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            host: line("/proc/sys/kernel/hostname"),
            instance_id: instance_id(line("/sys/devices/virtual/dmi/id/board_asset_tag")),
        }
    }

    /// Whether this machine is known to be the instance.
    pub fn is(&self, instance_id: &str) -> bool {
        self.instance_id.as_deref() == Some(instance_id)
    }
}

impl fmt::Display for RanOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instance_id {
            Some(id) => write!(f, "{}, {id}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn instance_id(tag: String) -> Option<String> {
    let digits = tag.strip_prefix("i-")?;
    (matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_tag_is_an_instance_id_only_if_it_looks_like_one() {
        assert_eq!(instance_id("i-0123456789abcdef0".into()).as_deref(), Some("i-0123456789abcdef0"));
        for tag in ["", "i-", "i-laptop00", "i-0123", "Not Specified"] {
            assert_eq!(instance_id(tag.into()), None, "{tag}");
        }
    }

    #[test]
    fn a_machine_is_an_instance_only_if_it_shows_its_id() {
        let on = |id: Option<&str>| RanOn { host: "app-1".into(), instance_id: id.map(str::to_owned) };
        assert!(on(Some("i-0123456789abcdef0")).is("i-0123456789abcdef0"));
        assert!(!on(Some("i-0aaaaaaaaaaaaaaa0")).is("i-0123456789abcdef0"));
        assert!(!on(None).is("i-0123456789abcdef0"));
    }
}
