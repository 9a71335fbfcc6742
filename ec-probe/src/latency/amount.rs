//! How much is to be measured, and how fast: the flags of the verb.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::{Deserialize, Serialize};

/// What the help says below the flags.
pub const HELP: &str = "\
First everything that ec-probe asks without a verb: what fails there is the verdict, and nothing is measured. Then the \
first endpoint is measured at the address that answered: new connections, which are closed again, then PING, or version \
of Memcached, on the connection that has logged in. Nothing that is sent changes data.

The whole work is bounded by --timeout. What does not fit in is told as such, and so is what Ctrl-C cuts off. \
Through a proxy command, only commands of the cache are measured: to start it is not to connect.

Examples:
  ec-sg find --cache orders | ec-probe latency --user app --auth iam
  ec-probe latency --endpoint localhost:6379 --cafile ca.pem --rate 100 --count 6000 --timeout 90s
  ec-probe latency --endpoint localhost:6379 --no-tls -o json | jq .probe.latency.command_us.p99";

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Latency options")]
pub struct Amount {
    /// New connections to open, one after the other, for the times of connecting and of the TLS handshake
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = up_to(10_000))]
    pub connections: u64,
    /// Commands to send on one connection, after one to warm up: each when the one before is answered, never pipelined
    #[arg(long = "count", value_name = "N", default_value_t = 1000, value_parser = up_to(10_000_000))]
    pub commands: u64,
    /// Commands per second, each timed from the moment when it was due: what waits behind a slow answer is slow, too
    /// [default: as fast as the answers come]
    #[arg(long, value_name = "N", value_parser = rate)]
    #[serde(rename = "commands_per_second", default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

fn up_to(most: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=most)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a rate is a number of commands per second, such as 100 or 0.5")?;
    if (0.001..=100_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("a rate lies between 0.001 and 100000 commands per second".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!((rate("100"), rate("0.5"), rate("1e3")), (Ok(100.0), Ok(0.5), Ok(1000.0)));
        for wrong in ["", "0", "-1", "NaN", "inf", "100001", "10/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
