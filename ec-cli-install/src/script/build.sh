
need() {
  for program; do has "$program" || fail EC4036 3 "cannot find $program on the PATH" "install $program"; done
}

has_toolchain() {
  has make && has cc || return 1
  if [ "$(uname -s)" = Darwin ]; then
    # There make itself looks where Homebrew puts it.
    [ -e /opt/homebrew/opt/openssl@3 ] || [ -e /usr/local/opt/openssl@3 ]
    return
  fi
  echo '#include <openssl/ssl.h>' | cc -E -x c -o /dev/null - 2>/dev/null
}

# Is the client there that a build would give?
is_there() {
  is_good "$target" || return 1
  [ -z "$version" ] || [ "$version" = "$(version_of "$target")" ]
}

# Says before the long work whether the client can be put into its place after it.
can_put() {
  [ ! -d "$target" ] || fail EC4034 4 "cannot write $target: it is a directory"
  dir=${target%/*}
  while [ ! -e "${dir:-/}" ]; do dir=${dir%/*}; done
  [ -d "${dir:-/}" ] || fail EC4034 4 "cannot write $target: $dir is not a directory"
  if [ -w "${dir:-/}" ]; then owner=yes; return 0; fi
  owner=
  need_root "write $target" ', or give a directory of your own: --prefix DIR'
}

as_owner() { if [ -n "$owner" ]; then "$@"; else as_root "$@"; fi; }

# Nothing is put into place that does not know TLS.
check_built() {
  built=$(find "$work" -path '*/src/valkey-cli' -type f)
  is_good "$built" ||
    fail EC4033 4 'the client that was built does not know TLS' 'library and headers of OpenSSL must be of one version'
}
