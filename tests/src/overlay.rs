//! A root of a test's own: another one lies below it, what is written goes into memory, and all is forgotten in the end.

use crate::tool::sh;

/// Whether this user may have mounts of its own.
pub fn may_unshare() -> bool {
    sh("unshare -m mount -t tmpfs tmpfs /mnt").run().code == 0
}

/// The beginning of a script for `unshare -m`: mounts a copy of the root `lower`, as a shell writes it, at `$1/root`.
pub fn overlay(lower: &str) -> String {
    format!(
        r#"
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir={lower},upperdir=$1/upper,workdir=$1/work" "$1/root"
for dir in dev proc sys; do mount --rbind "/$dir" "$1/root/$dir"; done
"#
    )
}

/// What goes on with a copy of this machine itself: the tool `$2` is in it, and packages start no servers.
pub const WITH_THE_TOOL: &str = r#"
cp "$2" "$1/root/usr/local/bin/"
printf '#!/bin/sh\nexit 101\n' > "$1/root/usr/sbin/policy-rc.d"
chmod 755 "$1/root/usr/sbin/policy-rc.d"
"#;
