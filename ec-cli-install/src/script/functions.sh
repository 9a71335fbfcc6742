say() { echo "ec-cli-install: $*" >&2; }

# fail CODE STATUS WHAT [HINT]
fail() {
  echo "ec-cli-install: error: $3 ($1)" >&2
  [ -z "${4-}" ] || echo "ec-cli-install: hint: $4" >&2
  exit "$2"
}

# stop CODE STATUS HINT, after tries that failed. A network that is down passes.
stop() {
  tail -n 30 "$work/said" | sed 's/^/  /' >&2
  if [ "$1" = EC4016 ] && grep -qiE "$passing" "$work/said"; then
    fail EC4017 5 "cannot $purpose: the repository cannot be reached" 'wait, or look at the network, then run this again'
  fi
  fail "$1" "$2" "cannot $purpose" "$3"
}
passing='failed to fetch|failed to download|cannot download|could not resolve|temporary failure|could not connect|unable to connect|timed out|unreachable'

has() { command -v "$1" >/dev/null 2>&1; }

begin() {
  umask 022
  given_path=${PATH-}
  PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin
  export PATH LC_ALL=C
  is_system || fail EC4013 2 "this script is for $system, and this is $(os_release name)" \
    'write one for this system: ec-cli-install script --os ID'
}

# os_release id|version|like|name. The file is made to be read by a shell.
os_release() (
  for file in /etc/os-release /usr/lib/os-release; do
    # shellcheck source=/dev/null
    if [ -r "$file" ]; then . "$file"; break; fi
  done
  case $1 in
    id) echo "${ID-}" ;;
    version) echo "${VERSION_ID-}" ;;
    like) echo "${ID_LIKE-}" ;;
    *) echo "${PRETTY_NAME:-${NAME:-another system}}" ;;
  esac
)

# What is built on a system will do for it, with version numbers of its own. But Amazon Linux only resembles Fedora.
is_system() {
  case $system_id in
    '') return 0 ;;
    macos) [ "$(uname -s)" = Darwin ]; return ;;
  esac
  id=$(os_release id)
  if [ "$id" = "$system_id" ]; then
    [ -n "$system_version" ] || return 0
    case $(os_release version) in "$system_version" | "$system_version".*) return 0 ;; esac
    return 1
  fi
  [ "$id" != amzn ] || return 1
  case " $(os_release like) " in *" $system_id "*) return 0 ;; esac
  return 1
}

# Does it run, and know TLS? A client that was built without does not list the option.
is_good() {
  [ -f "$1" ] && [ -x "$1" ] && [ -n "$(version_of "$1")" ] && "$1" --help 2>&1 | grep -qE '^ *--tls( |$)'
}

version_of() { "$1" --version 2>/dev/null </dev/null | sed -n '1s/^[^ ]* \([0-9][^ ]*\).*/\1/p'; }

# Finds a good client on the PATH, by the best name first.
find_client() {
  for name in valkey-cli redis6-cli redis-cli; do
    rest=$PATH:
    while [ -n "$rest" ]; do
      client=${rest%%:*}/$name
      rest=${rest#*:}
      if is_good "$client"; then return 0; fi
    done
  done
  return 1
}

need_root() {
  [ "$(id -u)" != 0 ] || return 0
  if has sudo && sudo -n true 2>/dev/null; then return 0; fi
  fail EC4015 3 "cannot $1 as $(id -un)" "run it as root, or where sudo asks for no password${2-}"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

enter_work() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/ec-cli-install.XXXXXX") ||
    fail EC9022 7 "cannot make a directory in ${TMPDIR:-/tmp}" 'make room, or set TMPDIR to another directory'
  trap 'cd / && rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  cd "$work"
}

# try STEP PURPOSE: what it says is kept for stop. A package manager that another process uses is waited for.
try() {
  purpose=$2
  say "$purpose"
  waited=0
  until "$1" >"$work/log" 2>&1; do
    cat "$work/log" >>"$work/said"
    grep -qiE 'could not get lock|unable to lock|is locked' "$work/log" || return 1
    [ "$waited" -lt 300 ] || stop EC4017 5 'wait until the other process ends, then run this again'
    [ "$waited" -gt 0 ] || say 'another process uses the package manager; waiting for up to 300 s'
    sleep 5
    waited=$((waited + 5))
  done
  # apt-get update calls it a success when it could load nothing.
  cat "$work/log" >>"$work/said"
}

# Says which client there is now, and that it knows TLS.
prove() {
  is_good "$client" || fail EC4002 1 "$client does not know TLS"
  case ":$given_path:" in
    *":${client%/*}:"*) ;;
    *) say "warning: $client is not on the PATH (EC4006)" ;;
  esac
  echo "$client $(version_of "$client")"
}
