# What each stage says of its work, in the order of the pipe: its status, what it looked at, what it found, what it
# changed. All of it stands in the one document.

def mark: {ok: "✓", changed: "✓", unchanged: "✓", done: "+", no: "✗", error: "✗", failed: "✗", warning: "!", unknown: "?"}[.] // "·";

def stage($tool):
  "\($tool) \(.command): \(.status)\(if .reason then ", \(.reason)" else "" end)",
  (.changes[]? | "  \(if .state == "done" and (.action | IN("delete", "detach", "remove")) then "-" else (.state | mark) end) \(.action) \(.resource)  \(.state) \(.id // "")"),
  (.findings[]? | "  \(.severity | mark) \(.summary)  \(.code)"),
  (if .error then "  ✗ \(.error.message)  \(.error.code)" else empty end);

(.sg // empty | stage("ec-sg")),
(.iam // empty | stage("ec-iam")),
(.cli // empty | stage("ec-cli-install")),
(.probe // empty | stage("ec-probe"))
