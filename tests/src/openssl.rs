//! OpenSSL's program, for what nobody else does any more: old versions of TLS, old signatures.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::certs::Identity;
use crate::server::Server;

/// Runs `openssl` with these arguments in a directory.
///
/// # Panics
/// If it fails; what it says stands in the message.
pub fn openssl(directory: &Path, args: &[&str]) {
    let output = Command::new("openssl").args(args).current_dir(directory).output().expect("openssl runs");
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A TLS server that takes everything that this OpenSSL still knows, narrowed by `args`, and says nothing of its own.
pub fn s_server(identity: &Identity, args: &[&str]) -> Server {
    let command = |port: u16, _: &Path| {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-cipher", "ALL:@SECLEVEL=0", "-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(&identity.cert).arg("-key").arg(&identity.key).args(args);
        command
    };
    Server::start("openssl", command, |port, _| TcpStream::connect(("127.0.0.1", port)).is_ok())
}
