//! A cluster of Valkey or Redis OSS on loopback: three primaries, three replicas.

use std::fs;
use std::path::Path;

use crate::certs::Identity;
use crate::server::{free_port, wait_until};
use crate::valkey::{Valkey, ValkeyOptions};

/// How long a node of the cluster waits for another before it gives it up.
const NODE_TIMEOUT_MS: &str = "1000";

/// How a cluster is to be. Without anything: plain text, nobody asked for a password.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// The server to start, if not `valkey-server`.
    pub program: Option<String>,
    /// The nodes' certificate and key.
    pub tls: Option<Identity>,
    /// Users, in the words of an ACL file.
    pub users: Vec<String>,
    /// The names that the nodes announce instead of their address; all must lead to them.
    pub hostnames: Option<[&'static str; 6]>,
    /// Further arguments for every node.
    pub args: Vec<String>,
}

/// A cluster of six. The nodes 0, 1 and 2 begin as primaries; 3, 4 and 5 as their replicas, in this order.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Valkey>,
}

impl Cluster {
    /// The hash slots of the three shards.
    pub const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

    /// Starts the nodes and waits until all of them think alike.
    pub fn start(options: &ClusterOptions) -> Self {
        let nodes: Vec<Valkey> = (0..6).map(|index| node(options, index)).collect();
        let cluster = Self { nodes };
        for (index, (from, to)) in Self::SLOTS.into_iter().enumerate() {
            cluster.ask(index, &["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
        }
        for (index, node) in cluster.nodes.iter().enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index > 0 {
                let (port, bus) = (node.port().to_string(), node.bus_port().to_string());
                cluster.ask(0, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        wait_until("all nodes know each other", || cluster.all_say("cluster_known_nodes:6"));
        for index in 3..6 {
            let primary = cluster.nodes[index - 3].command(&["CLUSTER", "MYID"]);
            wait_until("a replica takes its primary", || {
                cluster.nodes[index].command(&["CLUSTER", "REPLICATE", &primary]) == "+OK"
            });
        }
        wait_until("the cluster is up", || cluster.all_say("cluster_state:ok"));
        wait_until("the replicas copy", || (3..6).all(|index| cluster.is_copying(index)));
        wait_until("every node tells three replicas", || {
            (0..6).all(|index| cluster.nodes[index].command(&["CLUSTER", "NODES"]).matches("slave").count() == 3)
        });
        cluster
    }

    /// A node.
    pub fn node(&self, index: usize) -> &Valkey {
        &self.nodes[index]
    }

    /// Waits until a node has taken over from its primary.
    pub fn wait_for_failover_to(&self, index: usize) {
        wait_until("the replica has taken over", || {
            self.nodes[index].command(&["INFO", "replication"]).contains("role:master")
        });
    }

    fn ask(&self, index: usize, words: &[&str]) {
        let answer = self.nodes[index].command(words);
        assert_eq!(answer, "+OK", "{words:?}\n{}", self.nodes[index].log());
    }

    fn all_say(&self, line: &str) -> bool {
        self.nodes.iter().all(|node| node.command(&["CLUSTER", "INFO"]).contains(line))
    }

    fn is_copying(&self, index: usize) -> bool {
        self.nodes[index].command(&["INFO", "replication"]).contains("master_link_status:up")
    }
}

fn node(options: &ClusterOptions, index: usize) -> Valkey {
    let bus = free_port();
    let mut args: Vec<String> =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT_MS, "--repl-diskless-sync-delay", "0"]
            .map(str::to_owned)
            .to_vec();
    args.extend(["--cluster-port".to_owned(), bus.to_string()]);
    if let Some(tls) = &options.tls {
        args.extend(["--tls-cluster", "yes", "--tls-replication", "yes"].map(str::to_owned));
        // The nodes verify each other, too: by the authority that signed for all of them.
        args.extend(["--tls-ca-cert-file".to_owned(), authority(&tls.cert)]);
    }
    if let Some(names) = options.hostnames {
        args.extend(["--cluster-announce-hostname", names[index]].map(str::to_owned));
        args.extend(["--cluster-preferred-endpoint-type", "hostname"].map(str::to_owned));
    }
    args.extend(options.args.iter().cloned());
    Valkey::with(ValkeyOptions {
        program: options.program.clone(),
        tls: options.tls.clone(),
        users: options.users.clone(),
        args,
        bus: Some(bus),
        ..ValkeyOptions::default()
    })
}

/// The authority's certificate stands beside those that it has signed.
fn authority(cert: &Path) -> String {
    let file = cert.with_file_name("ca.pem");
    assert!(fs::exists(&file).is_ok_and(|exists| exists), "{} is not there", file.display());
    file.display().to_string()
}
