//! The codes of ec-cli-install. EC4014 said that a source build takes a tarball; it can be loaded since.

use ec_shared::codes;

codes! {
    NO_CLIENT = "EC4001" No "there is no client for Valkey on this machine" {
        cause: "Neither the PATH nor the usual places hold a valkey-cli, redis6-cli or redis-cli that works.",
        see: "command -v valkey-cli redis6-cli redis-cli",
        fix: "ec-cli-install apply"
    }
    NO_TLS = "EC4002" No "the client cannot speak TLS" {
        cause: "The client was built without TLS, so it has no --tls; serverless caches and caches with encryption in transit take nothing else.",
        see: "valkey-cli --help | grep -- --tls",
        fix: "ec-cli-install apply, which installs a client with TLS and proves it."
    }
    NO_TLS13 = "EC4003" No "the client cannot speak TLS 1.3" {
        cause: "The client is linked to an OpenSSL older than 1.1.1. TLS 1.2 is enough for caches inside a VPC; a public endpoint wants TLS 1.3.",
        see: "openssl version; ldd $(command -v valkey-cli)",
        fix: "Install a client that is linked to OpenSSL 1.1.1 or later."
    }
    NO_CA_CHECK = "EC4004" No "the client accepts a certificate of an unknown authority" {
        cause: "Asked to trust one authority, the client talked to a server whose certificate another one signed: it would talk to anybody.",
        see: "valkey-cli --tls --cacert OTHER-CA.pem -h HOST ping",
        fix: "Do not use this client; ec-cli-install apply --method source builds one from a tarball that you trust."
    }
    OTHER_MACHINE = "EC4005" No "the document's client is another machine" {
        cause: "The document is about an EC2 instance, and this tool ran on another one: what it says holds for the machine it ran on.",
        see: "cat /sys/devices/virtual/dmi/id/board_asset_tag",
        fix: "Run ec-cli-install on the instance that the document names."
    }
    NOT_ON_PATH = "EC4006" No "the client is not on the PATH" {
        cause: "The client is in a directory that the shell does not search.",
        see: "echo $PATH",
        fix: "Add the directory that the finding names to the PATH."
    }
    BROKEN_CLIENT = "EC4007" No "a client does not run" {
        cause: "A program with the name of a client does not tell its version: a library is missing, it is built for another processor, or it hangs.",
        see: "Run the program that the finding names with --version; ldd PROGRAM",
        fix: "Remove it, or reinstall the package that it belongs to."
    }
    NO_TLS12 = "EC4008" No "the client cannot speak TLS 1.2" {
        cause: "The client, or the policy of the system's OpenSSL, allows TLS 1.3 only; caches with TLS 1.2 alone refuse it.",
        see: "openssl ciphers -s -tls1_2",
        fix: "Look for MinProtocol in the system's openssl.cnf."
    }
    NO_RECIPE = "EC4011" Config "there is no package recipe for this system" {
        cause: "No package with a client that has TLS is known for this system or this release of it; ec-cli-install plan --os help lists the systems.",
        see: "cat /etc/os-release",
        fix: "Build from source: ec-cli-install apply --method source --source-tarball FILE"
    }
    NO_PACKAGE = "EC4012" Refused "the package manager offers no client" {
        cause: "None of the packages that hold a client is in the enabled repositories, or the package lists are missing.",
        see: "apt-cache policy valkey-tools redis-tools; dnf list valkey redis6; zypper search valkey; apk policy valkey-cli; pacman -Si valkey",
        fix: "Enable a repository that has one of them, or build from source."
    }
    OTHER_SYSTEM = "EC4013" Usage "the plan is for another system" {
        cause: "apply and verify work on this machine; --os, or the planned document, names another system than this one.",
        see: "cat /etc/os-release",
        fix: "Leave --os out, or run the command on a machine of that system."
    }
    NOT_ROOT = "EC4015" Config "installing a package takes root" {
        cause: "The package manager changes the system, and this user may not; or sudo asks for a password.",
        see: "id -u; sudo -n true",
        fix: "Run as root, give --sudo where sudo asks for no password, or build from source into your home."
    }
    MANAGER_FAILED = "EC4016" Refused "the package manager refused" {
        cause: "Packages conflict, a signature is wrong, the disk is full; the error carries its last words.",
        see: "Run the command that the error names.",
        fix: "Mend what the package manager names, then run the same command again."
    }
    MANAGER_BUSY = "EC4017" Temporary "the package manager could not be used just now" {
        cause: "Another process holds its lock, or the repository could not be reached or has moved on since the lists were loaded.",
        see: "Run the command that the error names.",
        fix: "Wait, or refresh the package lists (apt-get update), then run the same command again."
    }
    STALE_PLAN = "EC4018" Refused "the plan no longer fits this machine" {
        cause: "The document plans another change than this machine needs now: it was planned elsewhere, or something has changed since.",
        see: "ec-cli-install plan",
        fix: "Plan again on this machine; apply without a planned document does so by itself."
    }
    CHECKSUM = "EC4021" Refused "the tarball is not the one that was asked for" {
        cause: "Its SHA-256 differs from the one given: the download is damaged, or somebody changed the file.",
        see: "sha256sum FILE",
        fix: "Download it again from a source that you trust; do not build this one."
    }
    BAD_ARCHIVE = "EC4022" Refused "the tarball is damaged" {
        cause: "It ends early, its checksums do not hold, or it is no tar archive compressed with gzip or xz.",
        see: "tar tf FILE | tail",
        fix: "Download it again."
    }
    HOSTILE_ARCHIVE = "EC4023" Refused "the tarball wants to write where it must not" {
        cause: "An entry leaves the directory of the archive, is absolute, is a device, or sets user ids. Nothing was unpacked.",
        see: "tar tvf FILE",
        fix: "Do not use this tarball; look at where it came from."
    }
    NOT_VALKEY = "EC4024" Refused "the tarball is not the source of Valkey" {
        cause: "It has no src/version.h that names a Valkey version in its one top directory.",
        see: "tar tf FILE | grep version.h",
        fix: "Give a source tarball of a Valkey release."
    }
    NO_MANAGER = "EC4025" Config "nothing can be installed into this system" {
        cause: "The system has no package manager, or it is not on the PATH: images without a shell, and systems that only run containers, are made so.",
        see: "command -v apt-get dnf yum zypper apk pacman brew port",
        fix: "ec-cli-install plan --os distroless shows how a client is copied into an image; or build from source with --method source."
    }
    NO_MEMCACHED_CLIENT = "EC4026" No "there is no client for Memcached on this machine" {
        cause: "Commands can be typed into openssl s_client where the cache has encryption in transit, and into nc or telnet where it has not; none of these works here.",
        see: "command -v openssl nc ncat telnet",
        fix: "ec-cli-install apply, with the document of the cache; ec-probe needs none of them."
    }
    NO_TOOLCHAIN = "EC4031" Config "what a build needs is missing" {
        cause: "make, a C compiler or the headers of OpenSSL are not installed.",
        see: "command -v make cc; echo '#include <openssl/ssl.h>' | cc -E -x c -",
        fix: "Run the line that the hint shows."
    }
    BUILD_FAILED = "EC4032" Refused "the client could not be built" {
        cause: "make ended with an error; the error carries its last words. The installed client is untouched.",
        see: "Unpack the tarball, and run make valkey-cli BUILD_TLS=yes MALLOC=libc",
        fix: "Mend what the compiler names, or take another version."
    }
    UNPROVEN = "EC4033" Refused "the built client did not prove its TLS" {
        cause: "It was built, but did not exchange a command over TLS with a server on loopback. The installed client is untouched.",
        see: "The error names what failed.",
        fix: "Check the OpenSSL on this machine: library and headers must be of one version."
    }
    PREFIX = "EC4034" Refused "the prefix cannot be written" {
        cause: "The directory cannot be made or written by this user, or something else than a directory is in its place.",
        see: "ls -ld PREFIX PREFIX/bin",
        fix: "Run as the owner of the prefix, or give another with --prefix."
    }
    TOO_SLOW = "EC4035" Temporary "a program did not end in time" {
        cause: "A program that this tool started was stopped when its time was over.",
        see: "Run the program that the error names.",
        fix: "Give more time with --timeout, then run the same command again."
    }
    NO_PROGRAM = "EC4036" Config "a program that is needed is missing" {
        cause: "The program is not on the PATH, or cannot be run by this user.",
        see: "command -v PROGRAM",
        fix: "Install it, or put its directory on the PATH."
    }
    NO_PROOF = "EC4037" Temporary "the proof could not be carried out" {
        cause: "The TLS server of the proof could not listen on loopback, or no temporary file could be made.",
        see: "df -h /tmp; ip address show lo",
        fix: "Make room, bring loopback up, then run the same command again."
    }
    NOT_LOADED = "EC4030" Temporary "the source could not be loaded" {
        cause: "The server could not be reached, broke off, or has no such file. It was tried twice; nothing was installed.",
        see: "curl -fSLO URL",
        fix: "Try again, name a mirror with --source-url, or load the tarball elsewhere and give --source-tarball FILE."
    }
    NOT_HTTPS = "EC4038" Refused "the source would come without TLS" {
        cause: "The address, or one that it leads to, is not https. The checksum would still hold, but who you are and what you load would be told to everybody.",
        see: "curl -sIL URL | grep -i location",
        fix: "Give an address that stays on https."
    }
    AT_WORK = "EC4039" Temporary "another ec-cli-install is at work" {
        cause: "Two builds of one user take turns; the other did not end in time.",
        see: "ps -p PID",
        fix: "Wait for it, or end it; then run the same command again."
    }
    CHANGED_SINCE = "EC4040" Refused "what is there is not what was installed" {
        cause: "The file differs from the one that was installed, or nothing tells what was installed there. It is not removed.",
        see: "sha256sum FILE; cat PREFIX/share/ec-cli-install/manifest.json",
        fix: "Look at what it is; remove it by hand if you do not want it."
    }
    NEEDED = "EC4041" Refused "something else needs the package" {
        cause: "Removing the package would remove, or replace, others that were not installed with it.",
        see: "apt-get -s remove PACKAGE, or rpm -e --test PACKAGE",
        fix: "Remove what needs it first, or keep both."
    }
    NO_ROOM = "EC4042" Refused "there is no room for the build" {
        cause: "The source and what is built of it take up to 64 MB in the directory for temporary files.",
        see: "df -h ${TMPDIR:-/tmp}",
        fix: "Make room, or set TMPDIR to a directory that has some."
    }
    MANIFEST = "EC4043" Refused "the manifest cannot be read" {
        cause: "PREFIX/share/ec-cli-install/manifest.json is damaged, belongs to a later version, or is something else.",
        see: "The error names the file and the place in it.",
        fix: "Move the file away. What it tells of is then no longer removed by this tool."
    }
    UNVOUCHED = "EC4045" Refused "only a document vouches for the source" {
        cause: "The document names an address and a checksum of its own. To build what is there is to run it, and anybody can write a document.",
        see: "jq .cli.request < DOCUMENT",
        fix: "If you trust it, give --source-url and --sha256 yourself."
    }
    NOT_RECORDED = "EC4044" No "what was installed is not written down" {
        cause: "The packages were installed, but the manifest could not be written. The document tells what was installed, too.",
        see: "ls -ld PREFIX/share",
        fix: "Keep the document: ec-cli-install remove < DOCUMENT"
    }
    NO_SCRIPT = "EC4050" Usage "there is no script for this" {
        cause: "A prefix for another machine has to be absolute; a system without a shell runs none; and with a tarball in it, it is longer than user data (16 KiB) or an SSM document (64 KiB) may be.",
        see: "The error says which of these it is.",
        fix: "Do as the hint says; ec-cli-install plan --os ID shows what there is for a system without a shell."
    }
    NOT_REACHED = "EC4052" No "the client does not reach the cache" {
        cause: "The network is in between: the name does not resolve, nothing listens, or packets are dropped; or TLS does not begin. What the client proved on loopback stands.",
        see: "valkey-cli --tls -h HOST -p PORT PING, on the same machine",
        fix: "Run ec-probe on that machine: it names what is in the way."
    }
    CACHE_REFUSES = "EC4053" No "the cache does not carry out the client's command" {
        cause: "The client arrives, and the cache wants a log-in, does not take this one, or does not allow the command. The client is not to blame.",
        see: "REDISCLI_AUTH=... valkey-cli --tls -h HOST -p PORT --user USER PING",
        fix: "Set REDISCLI_AUTH, name the user with --user; ec-iam check tells why a log-in is refused."
    }
    CERTIFICATE_REFUSED = "EC4054" No "the client refuses the cache's certificate" {
        cause: "No authority that the client trusts has signed it: the system's store is missing or old, or somebody else answers in the cache's place.",
        see: "openssl s_client -connect HOST:PORT </dev/null",
        fix: "Install the package ca-certificates; if the server is yours, give its authority's certificate with --cafile."
    }
}
