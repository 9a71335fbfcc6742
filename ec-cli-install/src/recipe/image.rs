//! Into a container image that has neither a package manager nor a shell: the client is built in a stage of its own, linked to
//! nothing outside itself, and copied.

use super::Recipe;
use super::build::{RELEASE, RELEASE_SHA256, RELEASE_URL};

/// Where the client goes in the image.
pub const TARGET: &str = "/usr/local/bin/valkey-cli";

/// The lines for the Dockerfile of the image.
pub fn into_image() -> Recipe {
    let source = format!("valkey-{RELEASE}");
    let dockerfile = vec![
        // musl, because the C library of Debian cannot look up names without its shared libraries.
        "FROM alpine:3.22 AS valkey-cli".to_owned(),
        "RUN apk add gcc make musl-dev linux-headers openssl-dev openssl-libs-static ca-certificates".to_owned(),
        format!("ADD --checksum=sha256:{RELEASE_SHA256} {RELEASE_URL} /valkey.tar.gz"),
        format!(
            "RUN tar xf /valkey.tar.gz && make -C /{source} -j\"$(nproc)\" valkey-cli BUILD_TLS=yes MALLOC=libc LDFLAGS=-static"
        ),
        "# and in the last stage, the image itself:".to_owned(),
        format!("COPY --from=valkey-cli /{source}/src/valkey-cli {TARGET}"),
        // The file that an OpenSSL of Alpine looks into.
        "COPY --from=valkey-cli /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem".to_owned(),
    ];
    let reasons = vec![
        "nothing can be installed into an image without a package manager and a shell: a client that is linked statically is copied from another stage".to_owned(),
        "without another image, the client runs beside the container: docker run --rm -it --network container:NAME alpine:3.22 sh -c 'apk add valkey-cli && exec valkey-cli -h HOST --tls'".to_owned(),
    ];
    Recipe { reasons, dockerfile, ..Recipe::default() }
}
