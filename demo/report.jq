# What each stage says of its work, in the order of the pipe: its status, what it looked at, what it changed, what it
# found. All of it stands in the one document. `$stages` names the keys that are wanted.

def mark: {ok: "✓", yes: "✓", done: "+", no: "✗", error: "✗", failed: "✗", warning: "!", unknown: "?"}[.] // "·";
def undoes: IN("delete", "detach", "remove");
def padded($width): tostring | . + " " * ([$width - length, 1] | max);

def looked_at:
  (.path[]? | "  \(.verdict | mark) \("\(.hop | gsub("_"; " ")) \(.tcp_port // "")" | padded(20))\(.detail)"),
  (.client? // empty | "  ✓ \(.path) \(.version), TLS 1.3 \(if .tls.tls13 then "proven" else "missing" end)"),
  (.stages[]? | "  \(.status | mark) \(.stage | padded(8))\("\(.ms) ms" | padded(12))\(.summary)");

# A revoke repeats what was done before; what it has to tell is what it took back.
def changed:
  (.command == "revoke") as $back
  | .changes[]?
  | select(($back | not) or (.action | undoes))
  | "  \(if .state == "done" and (.action | undoes) then "-" else .state | mark end) \(.action) \(.resource)  \(.state)";

def found:
  (.findings[]? | "  \(.severity | mark) \(.summary)  \(.code)"),
  (.error // empty | "  ✗ \(.message)  \(.code)");

def connection:
  "ec-sg find",
  "  ✓ \(.cache.name): \(.cache.deployment) \(.cache.engine) \(.cache.engine_version), TLS \(.cache.tls), \(.cache.network.vpc_id)",
  "  ✓ \(.client.instance_id) \"\(.client.name)\": \(.client.private_ips[0]), \(.client.vpc_id)";

{sg: "ec-sg", iam: "ec-iam", cli: "ec-cli-install", probe: "ec-probe"} as $tools
| ($stages | split(" ")[]) as $key
| if $key == "cache" then connection else
  .[$key] // empty
| "\($tools[$key]) \(.command): \(.status)\(if .reason then ", \(.reason)" else "" end)", looked_at, changed, found
end
