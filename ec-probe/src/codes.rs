//! The codes of ec-probe. A table, and long for that reason.

ec_shared::codes! {
    NO_SUCH_NAME = "EC3001" No "the name does not exist" {
        cause: "A typing error, a cache that was deleted, or a resolver that does not know the VPC's names.",
        see: "getent ahosts HOST; dig HOST",
        fix: "Take the endpoint from aws elasticache describe-serverless-caches or describe-replication-groups; use the VPC's resolver."
    }
    NO_ADDRESS = "EC3002" No "the name has no address" {
        cause: "The name exists, but not with an address of a family that this machine asks for.",
        see: "dig HOST A; dig HOST AAAA",
        fix: "Check the cache's network type (ipv4, ipv6, dual_stack) against this machine's."
    }
    RESOLVER = "EC3003" No "the resolver did not answer" {
        cause: "The DNS server is unreachable, overloaded, or failed to ask further.",
        see: "cat /etc/resolv.conf; dig HOST",
        fix: "Check enableDnsSupport of the VPC, the DHCP options, and any resolver of your own."
    }
    TCP_TIMEOUT = "EC3004" No "nobody answers the connection" {
        cause: "Packets are dropped on the way: by a security group, a network ACL, or for want of a route.",
        see: "nc -vz -w 3 HOST PORT",
        fix: "ec-sg check --cache NAME --from i-… names the rule that is missing; ec-sg apply opens it."
    }
    TCP_REFUSED = "EC3005" No "the host refuses the connection" {
        cause: "The host answers, and nothing listens on the port.",
        see: "nc -vz HOST PORT",
        fix: "Check the port, that the cache is available, and that a tunnel is up if one is used."
    }
    TCP_UNREACHABLE = "EC3006" No "the host cannot be reached" {
        cause: "This machine has no route to the address, or a firewall of its own forbids it.",
        see: "ip route get ADDRESS",
        fix: "Check the route tables of the subnet, and VPC peering or transit gateway if the cache is in another VPC."
    }
    SOME_ADDRESSES = "EC3007" No "some addresses of the name do not answer" {
        cause: "One Availability Zone, or one address family, is cut off: a network ACL or a route of one subnet.",
        see: "getent ahosts HOST, then nc -vz ADDRESS PORT for each",
        fix: "Compare network ACL and routes of the subnets. Clients fail now and then until this is mended."
    }
    OUTSIDE_VPC = "EC3008" No "a private address does not answer, and this machine is not known to be in its VPC" {
        cause: "The cache's addresses are private: they are reached from inside the VPC, from a network that is joined to it, or through a tunnel. This machine does not show to be an EC2 instance.",
        see: "ip route get ADDRESS; cat /sys/devices/virtual/dmi/id/board_asset_tag",
        fix: "Run ec-probe on a machine of the VPC; or open a tunnel, then --connect-to its end; or --proxy-command 'ssh -W %h:%p BASTION'."
    }
    PROXY_DOWN = "EC3009" No "the SOCKS5 proxy cannot be reached" {
        cause: "Nothing listens there, or nobody answers: ssh -D has ended, or host or port are wrong.",
        see: "nc -vz PROXY PORT",
        fix: "Start the proxy, such as ssh -N -D 1080 BASTION, and check --socks5."
    }
    NOAUTH = "EC3010" No "the server wants a log-in" {
        cause: "The cache has an AUTH token or users, and no credentials were sent.",
        see: "valkey-cli --tls -h HOST PING",
        fix: "Give --user and --password-file, or --auth iam."
    }
    NO_PASSWORD_SET = "EC3011" No "the server has no password, but one was sent" {
        cause: "The cache has neither AUTH token nor users; or a token without a user was sent to a cache that has only named users.",
        see: "aws elasticache describe-replication-groups: AuthTokenEnabled, UserGroupIds",
        fix: "Use --auth none, or name the user with --user."
    }
    WRONGPASS = "EC3012" No "the server refused the user" {
        cause: "Wrong password or user name; the user is off or not in the cache's user group; with IAM also: no elasticache:Connect on the cache and the user, a wrong Region or cache name, or a clock that is off.",
        see: "aws elasticache describe-users --user-id ID; aws elasticache describe-user-groups; ec-iam whoami",
        fix: "Put the user into the cache's user group and correct the password; for IAM: ec-iam apply, and --user equal to the user's id."
    }
    NOPERM = "EC3013" No "the user may not run the command" {
        cause: "The user's access string does not allow it.",
        see: "aws elasticache describe-users --user-id ID: AccessString",
        fix: "aws elasticache modify-user --user-id ID --append-access-string '+ping +hello'"
    }
    IAM_UNAVAILABLE = "EC3014" No "the cache cannot check IAM log-ins now" {
        cause: "IAM is unavailable or throttles the cache's log-ins, or the cache itself is overloaded.",
        see: "Try again in a minute.",
        fix: "Log in less often: one connection lasts up to 12 hours."
    }
    PLAIN_CREDENTIALS = "EC3015" No "credentials travelled in plain text" {
        cause: "--no-tls was given together with credentials.",
        see: "tcpdump -A shows them.",
        fix: "Turn on encryption in transit, then change the password."
    }
    PLAIN_REFUSED = "EC3016" Usage "credentials would travel in plain text" {
        cause: "The document says that the cache has no encryption in transit, and credentials were given.",
        see: "jq .cache.tls",
        fix: "Turn on encryption in transit; or give --no-tls to send them all the same, or --auth none to send none."
    }
    NOT_SOCKS5 = "EC3017" No "the proxy does not speak SOCKS5" {
        cause: "An HTTP proxy, a SOCKS4 proxy or some other server listens there, or the proxy hangs; the evidence shows its first bytes.",
        see: "curl -v --socks5-hostname PROXY:PORT telnet://HOST:PORT",
        fix: "Check host and port of --socks5. For an HTTP proxy: --proxy-command 'ncat --proxy PROXY:PORT --proxy-type http %h %p'."
    }
    PROXY_LOG_IN = "EC3018" No "the SOCKS5 proxy wants a log-in" {
        cause: "The proxy takes no client without user and password, or without GSSAPI; ec-probe has none for it.",
        see: "curl -v --socks5-hostname PROXY:PORT telnet://HOST:PORT",
        fix: "Use a proxy without a log-in, such as ssh -D; or --proxy-command with a program that logs in."
    }
    PROXY_COMMAND = "EC3019" No "the proxy command gives no connection" {
        cause: "It ended, or the time was up, before a byte of the server came through. The evidence shows what it said.",
        see: "Run the command by hand, with host and port in place of %h and %p; ssh -v tells how far it comes.",
        fix: "Mend what the command complains of. ssh must log in without asking: a key in ssh-agent, a known host key."
    }
    SERVER_IS_PLAIN = "EC3020" No "the server speaks plain text, not TLS" {
        cause: "Encryption in transit is off, and the client spoke TLS.",
        see: "printf 'PING\\r\\n' | nc HOST PORT",
        fix: "Use --no-tls here and no TLS in the application; or turn on encryption in transit."
    }
    SERVER_WANTS_TLS = "EC3021" No "the server speaks TLS, not plain text" {
        cause: "Encryption in transit is required, and the client spoke plain text.",
        see: "openssl s_client -connect HOST:PORT",
        fix: "Use TLS: leave --no-tls away here, and turn TLS on in the application."
    }
    CERTIFICATE_EXPIRED = "EC3022" No "the certificate has expired" {
        cause: "The server's certificate was not renewed, or the clock of this machine is ahead.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -dates; date -u",
        fix: "Renew the certificate, or set the clock."
    }
    CERTIFICATE_NOT_YET_VALID = "EC3023" No "the certificate is not valid yet" {
        cause: "The clock of this machine is behind, or the certificate was made for later.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -dates; date -u",
        fix: "Set the clock."
    }
    CERTIFICATE_NAME = "EC3024" No "the certificate is for another name" {
        cause: "The cache was dialled by an address, an alias or through a tunnel, or it is another server.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -ext subjectAltName",
        fix: "Dial the endpoint's own name; through a tunnel: --endpoint NAME:PORT --connect-to 127.0.0.1:PORT."
    }
    CERTIFICATE_SELF_SIGNED = "EC3025" No "the certificate is self-signed" {
        cause: "The server is not ElastiCache, or something between decrypts the traffic.",
        see: "openssl s_client -connect HOST:PORT -showcerts",
        fix: "If the server is yours, have an authority sign its certificate and give that one's with --cafile."
    }
    CERTIFICATE_UNKNOWN_AUTHORITY = "EC3026" No "the certificate's authority is not known here" {
        cause: "The system's store lacks the authority (for ElastiCache: Amazon Trust Services); the server leaves out a certificate between its own and the authority's (the evidence says which it has shown); or something between decrypts the traffic.",
        see: "openssl s_client -connect HOST:PORT -showcerts",
        fix: "Install the package ca-certificates, or give the authority's certificate with --cafile. SSL_CERT_FILE and SSL_CERT_DIR take the place of the system's store: unset them if they lead elsewhere. Let a server of your own show the whole chain."
    }
    CERTIFICATE_BAD = "EC3027" No "the certificate does not hold" {
        cause: "Its signature, purpose or form is wrong.",
        see: "openssl s_client -connect HOST:PORT -showcerts",
        fix: "Replace the certificate."
    }
    TLS_VERSION = "EC3028" No "no version of TLS in common" {
        cause: "This client speaks TLS 1.2 and 1.3. Public endpoints of ElastiCache take only 1.3; servers that know only 1.1 and older are not spoken to.",
        see: "openssl s_client -connect HOST:PORT -tls1_2; … -tls1_3",
        fix: "Turn on TLS 1.2 or 1.3 at the server, or at the proxy in between."
    }
    CLIENT_CERTIFICATE = "EC3029" No "the server wants a certificate of the client" {
        cause: "The server is set up for mutual TLS. ElastiCache never is.",
        see: "openssl s_client -connect HOST:PORT: Acceptable client certificate CA names",
        fix: "Check that the endpoint is the cache's; set tls-auth-clients no on a server of your own."
    }
    TLS_FAILED = "EC3030" No "the TLS handshake failed" {
        cause: "The server ended the handshake, or broke its rules.",
        see: "openssl s_client -connect HOST:PORT -msg",
        fix: "The alert in the evidence names the reason."
    }
    TLS_PREFERRED = "EC3031" No "the cache takes plain text beside TLS" {
        cause: "Its transit encryption mode is preferred: a step on the way to required.",
        see: "aws elasticache describe-replication-groups: TransitEncryptionMode",
        fix: "aws elasticache modify-replication-group --transit-encryption-mode required, once all clients use TLS."
    }
    CERTIFICATE_SIGNATURE = "EC3033" No "the certificate is signed with another key than its authority's" {
        cause: "An authority of this name is trusted here, and its key is another one: the authority was made anew under the same name, or the certificate was tampered with.",
        see: "openssl verify -CAfile FILE CERTIFICATE",
        fix: "Give the certificate of the authority as it is now with --cafile; or have it sign the server's certificate anew."
    }
    CERTIFICATE_OF_AUTHORITY = "EC3034" No "the certificate is an authority's, not a server's" {
        cause: "The server shows a certificate that may sign others (basicConstraints CA:TRUE); openssl req -x509 makes such. Whoever trusts it trusts all that it signs, so no client of this kind takes it for a server's.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -ext basicConstraints",
        fix: "Let that authority sign a certificate with CA:FALSE for the server, and give the authority's with --cafile."
    }
    CERTIFICATE_PURPOSE = "EC3035" No "the certificate is not for a server" {
        cause: "Its extended key usage does not have serverAuth: it was made for clients, mail or something else.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -ext extendedKeyUsage",
        fix: "Have a certificate with serverAuth among its usages, or with none, made for the server."
    }
    CERTIFICATE_COMMON_NAME = "EC3036" No "the certificate has the name only as its common name" {
        cause: "The right name stands in the subject and not among the subject alternative names, which alone count since RFC 6125; OpenSSL's tools still take it.",
        see: "openssl s_client -connect HOST:PORT | openssl x509 -noout -subject -ext subjectAltName",
        fix: "Have the certificate made anew with the name as a subject alternative name: -addext subjectAltName=DNS:NAME."
    }
    CERTIFICATE_ALGORITHM = "EC3037" No "the certificate is signed in a way that is no longer accepted" {
        cause: "It, or an authority above it, is signed with SHA-1 or MD5, or with a kind of key that is not in use for TLS.",
        see: "openssl s_client -connect HOST:PORT -showcerts | openssl x509 -noout -text: Signature Algorithm",
        fix: "Have the certificate signed with SHA-256 and a key of RSA 2048 or P-256, or more."
    }
    SELF_TEST = "EC3038" No "the self-test does not give the verdict that it must" {
        cause: "On this machine something stands between the tool and its own loopback: a firewall, a proxy that takes all connections, a sandbox; or a clock before 2021; or the tool is broken.",
        see: "ec-probe self-test -o text; date -u; nft list ruleset",
        fix: "Set the clock, let loopback through; if that is not it, report it with the document that self-test writes."
    }
    CLIENTS_REFUSED = "EC3039" No "the user may not run what clients begin with" {
        cause: "The user's access string lets PING through and not INFO or CLIENT SETINFO. Some client libraries ask these when they connect, and fail or wait for ever.",
        see: "valkey-cli --tls -h HOST --user USER --askpass INFO server; ACL WHOAMI",
        fix: "Add +info +client|setinfo to the user's access string, or tell the client not to ask (ioredis: enableReadyCheck false)."
    }
    SILENT = "EC3040" No "the server takes connections and never answers" {
        cause: "It hangs, a long command blocks it, or a tunnel or load balancer has nobody behind it.",
        see: "printf 'PING\\r\\n' | nc -w 3 HOST PORT",
        fix: "Look at EngineCPUUtilization; check what the tunnel leads to; give more time with --timeout."
    }
    CLOSED = "EC3041" No "the server closes the connection" {
        cause: "It has no room for more clients, it wants a log-in first, or a proxy or tunnel has nobody behind it.",
        see: "nc -v HOST PORT",
        fix: "Look at CurrConnections; check what the tunnel leads to; give credentials if the cache wants them."
    }
    NOT_A_CACHE = "EC3042" No "the server is not a cache" {
        cause: "Something else listens there; the evidence shows its first bytes.",
        see: "nc -v HOST PORT",
        fix: "Check host and port."
    }
    TOO_LARGE = "EC3043" No "the reply is larger than any reply may be" {
        cause: "More than 1 MiB, 32 levels or a million elements, for a question whose answer is a line: no cache does that.",
        see: "nc -v HOST PORT | head -c 100",
        fix: "Check host and port."
    }
    SLOW = "EC3044" No "the reply did not end in time" {
        cause: "Bytes come, but too slowly: a lossy path (MTU, overload), or a tar pit.",
        see: "ping -M do -s 1472 HOST",
        fix: "Check the path MTU and the instance's network limits; give more time with --timeout."
    }
    OTHER_ENGINE = "EC3045" No "the server is a cache of the other protocol" {
        cause: "Valkey and Redis OSS speak one protocol, Memcached another.",
        see: "printf 'version\\r\\n' | nc HOST PORT",
        fix: "Give the right --engine, or check the port: 6379 and 6380, or 11211 and 11212."
    }
    UNEXPECTED = "EC3046" No "the server answered with an error that is not known here" {
        cause: "The evidence shows its words.",
        see: "valkey-cli --tls -h HOST PING",
        fix: "Look the server's words up."
    }
    TOKEN_EXPIRED = "EC3047" No "the IAM token that was sent has expired, or is from the future" {
        cause: "A token is good for 15 minutes from the time that stands in it. By the clock of this machine they are over, or have not begun.",
        see: "date -u; ec-iam lint-token",
        fix: "Make a token for each log-in: --auth iam does. Set the clock if it is off."
    }
    TOKEN_UNFIT = "EC3048" No "the IAM token that was sent is for something else" {
        cause: "The token names another cache, kind of cache, user or Region than this connection is about; the server says WRONGPASS to that.",
        see: "ec-iam lint-token; jq '.cache | {name, deployment, region}'",
        fix: "Start from ec-sg find --cache NAME, so that cache, kind and Region are AWS's own; leave --region away."
    }
    DEFAULT_USER = "EC3049" No "the server refused the user default" {
        cause: "A password without a user is the default user's. With a user group that one is mostly switched off; otherwise it has another password.",
        see: "aws elasticache describe-user-groups; aws elasticache describe-users --user-id default",
        fix: "Name the user with --user; or check the cache's AUTH token."
    }
    LOADING = "EC3050" No "the server is still loading its data" {
        cause: "It has just started.",
        see: "INFO persistence: loading_eta_seconds",
        fix: "Wait, then probe again."
    }
    MASTERDOWN = "EC3051" No "the replica has lost its primary" {
        cause: "A failover is under way, or replication is broken.",
        see: "INFO replication: master_link_status",
        fix: "Wait for the failover, then probe again; aws elasticache describe-events shows it."
    }
    CLUSTERDOWN = "EC3052" No "the cluster is down" {
        cause: "Hash slots are not served: a failover, or a shard without any node.",
        see: "CLUSTER INFO: cluster_state, cluster_slots_ok",
        fix: "Wait for the failover, then probe again."
    }
    READONLY = "EC3053" No "the node only takes reads" {
        cause: "It is a replica: a reader endpoint, or a primary of yesterday.",
        see: "ROLE",
        fix: "Dial the primary endpoint; connect anew after a failover."
    }
    BUSY = "EC3054" No "a script or function blocks the server" {
        cause: "A Lua script or function has been running for longer than the limit.",
        see: "SCRIPT KILL, FUNCTION STATS",
        fix: "SCRIPT KILL or FUNCTION KILL, and a shorter script."
    }
    MAX_CLIENTS = "EC3055" No "the server has no room for more clients" {
        cause: "The limit of connections is reached: 65,000 for a node of ElastiCache.",
        see: "CurrConnections in CloudWatch",
        fix: "Share connections in the application, close idle ones, or add nodes."
    }
    MOVED = "EC3056" No "the server sends the client elsewhere" {
        cause: "The cache runs in cluster mode, or is being taken over by another node.",
        see: "CLUSTER SHARDS",
        fix: "Use a cluster client and the configuration endpoint."
    }
    PROTECTED_MODE = "EC3057" No "the server only serves its own machine" {
        cause: "A server of your own runs in protected mode: no password, and not bound to an address.",
        see: "CONFIG GET protected-mode",
        fix: "Give it a password, or protected-mode no."
    }
    LATE = "EC3058" No "the server did not answer at first" {
        cause: "It was loading its data, failing over, or blocked by a script: states that pass. The evidence has what it said, and for how long.",
        see: "aws elasticache describe-events --duration 60",
        fix: "Nothing, if it was to be expected. Clients need to try again with growing pauses, as this probe does."
    }
    OUT_OF_MEMORY = "EC3059" No "the server is out of memory" {
        cause: "It cannot even serve a question that stores nothing: too many connections with large buffers, or a node that is too small.",
        see: "CloudWatch: FreeableMemory, SwapUsage, CurrConnections",
        fix: "Share connections, lower the size of values, or take a larger node type; leave reserved memory (reserved-memory-percent)."
    }
    NO_ENDPOINT = "EC3060" Usage "there is nothing to probe" {
        cause: "The document names no endpoint: it has no cache, or the cache is still being created.",
        see: "jq .cache.endpoints",
        fix: "Give --endpoint HOST:PORT, or start from ec-sg find."
    }
    BAD_ENDPOINT = "EC3061" Usage "an endpoint of the document cannot be dialled" {
        cause: "Its host is neither a name nor an address, or its port is 0.",
        see: "jq .cache.endpoints",
        fix: "Start from ec-sg find, or correct the document."
    }
    CA_FILE = "EC3062" Config "the file of authorities holds no certificate" {
        cause: "The file given with --cafile is not PEM, or none of its certificates can be used as an authority.",
        see: "openssl x509 -in FILE -noout -subject",
        fix: "Give a PEM file with the authority's certificate."
    }
    LOG_IN = "EC3063" Usage "the log-in is incomplete" {
        cause: "A user without a password, a log-in by password without one, or IAM without a user.",
        see: "ec-probe --help",
        fix: "Give --user together with --password-file, VALKEYCLI_AUTH or --auth iam; or --auth none."
    }
    NO_CACHE_NAME = "EC3064" Usage "an IAM log-in needs the cache's name" {
        cause: "The token is signed for a cache by name, and neither the document nor the endpoint's host name says it.",
        see: "jq .cache.name",
        fix: "Start from ec-sg find --cache NAME, or use the endpoint's own name with --connect-to."
    }
    OTHER_MACHINE = "EC3065" No "the probe ran on another machine than the document's client" {
        cause: "The document is about a client that this machine does not show to be.",
        see: "cat /sys/devices/virtual/dmi/id/board_asset_tag",
        fix: "Run ec-probe on the client itself, for example with AWS Systems Manager."
    }
    REFUSED_AS_FOUND = "EC3066" No "the server refused the user for a reason that ec-iam has found" {
        cause: "The server says WRONGPASS to everything. The document's iam section names what is wrong: the evidence shows ec-iam's findings.",
        see: "jq .iam.findings; ec-iam explain CODE",
        fix: "Do what the finding of ec-iam says: mostly ec-iam apply."
    }
    REFUSED_THOUGH_ALLOWED = "EC3067" No "the server refused the user, and ec-iam finds no reason" {
        cause: "By the document's iam section the log-in works. So the token was signed by somebody else than was checked, or at a wrong time; or a change has not spread yet; or a policy has a condition that this connection does not meet.",
        see: "aws sts get-caller-identity; date -u; ec-iam simulate --live --context KEY=VALUE",
        fix: "Sign as the principal that was checked, set the clock, wait a minute after a change."
    }
    REFUSED_BEFORE_APPLY = "EC3068" No "the server refused the user, and changes of ec-iam are not made" {
        cause: "The document's iam section plans changes that nobody has made, or that failed.",
        see: "jq .iam.changes",
        fix: "ec-iam apply makes them; then probe again."
    }
    PATH_CLOSED = "EC3069" No "nobody answers, and ec-sg knows where the path is closed" {
        cause: "The document's sg section names the rule, network ACL or route that drops the packets: the evidence shows ec-sg's findings.",
        see: "jq .sg.findings; ec-sg explain CODE",
        fix: "ec-sg apply adds rules that are missing; network ACLs and routes are for whoever owns the network."
    }
    PATH_OPEN = "EC3070" No "nobody answers, although ec-sg finds every hop open" {
        cause: "By the document's sg section nothing of AWS's drops the packets. So the probe ran elsewhere, a firewall on the machine drops them, the name has an old address, or the instance tracks no more connections.",
        see: "nft list ruleset; dig HOST; ethtool -S DEVICE | grep conntrack_allowance_exceeded",
        fix: "Run ec-probe on the client itself; then look at its firewall, its resolver and its connection tracking."
    }
    OTHER_PATH = "EC3071" No "nobody answers, and the path that was looked at is another machine's" {
        cause: "The document's sg section is about its client, and the probe ran on another instance: what ec-sg found says nothing about the way from here.",
        see: "jq .client.instance_id; cat /sys/devices/virtual/dmi/id/board_asset_tag",
        fix: "Run ec-probe on the document's client, or ec-sg check --from this instance."
    }
    PRIMARY_SILENT = "EC3072" No "hash slots have no primary that answers" {
        cause: "The topology names the slots' primary, and a client cannot reach it from here, or it has become a replica. Commands on keys of those slots fail, whatever the other nodes answer.",
        see: "jq .probe.nodes; CLUSTER SHARDS; aws elasticache describe-events",
        fix: "Open the way to every node, not to the configuration endpoint alone; during a failover wait, then probe again."
    }
    NODE_SILENT = "EC3073" No "a node of the cluster does not answer, and others serve its slots" {
        cause: "A replica is down or cannot be reached from here, or it is a primary that another node has taken over from.",
        see: "jq .probe.nodes; aws elasticache describe-events",
        fix: "Open the way to every node; on ElastiCache wait for the node's replacement."
    }
    NODE_OUTSIDE = "EC3074" No "a node is announced under a name that is not the cache's" {
        cause: "A server may name any host as a node of its cluster, so credentials go only to hosts in the domain of the endpoint. This one was asked no further than TLS.",
        see: "CLUSTER SHARDS: endpoint; cluster-announce-hostname",
        fix: "If the host is yours, give --allow-host SUFFIX; else find out who announces it."
    }
    NODES_NOT_PROBED = "EC3075" No "nodes of the topology were not probed" {
        cause: "Through one tunnel only one endpoint can be reached, or the time was up before all nodes had their turn.",
        see: "jq .probe.topology",
        fix: "Run ec-probe where the nodes can be reached, such as on the client itself."
    }
    STALE_TOPOLOGY = "EC3076" No "a node is something else than the topology says" {
        cause: "A failover is under way or just over, and the node that was asked has not heard of it.",
        see: "ROLE at the node; CLUSTER SHARDS at another node",
        fix: "Probe again in a few seconds; let clients read the topology anew when they meet MOVED."
    }
    BEHIND_RELAY = "EC3077" No "the other side cannot reach the cache" {
        cause: "The SOCKS5 proxy or bastion is there, and could not connect from where it is: a security group that does not let it in, a wrong port, a name that it cannot resolve, or a rule of its own.",
        see: "On the bastion: nc -vz -w 3 HOST PORT; sshd_config: AllowTcpForwarding, PermitOpen",
        fix: "Let the bastion in: ec-sg check --cache NAME --from i-… (the bastion) names the rule that is missing."
    }
    TIME_UP = "EC3080" No "the time was up before all was measured" {
        cause: "The server answers, but so much cannot be measured within --timeout, which bounds the work on one document.",
        see: "ec-probe latency --help",
        fix: "Raise --timeout, or lower --count and --connections; with --rate, --count takes count / rate seconds."
    }
    GIVEN_UP = "EC3081" No "the document was not probed, because too many others have failed" {
        cause: "More documents have failed than --max-errors bears. Those in work were finished, and no more were begun.",
        see: "jq 'select(.ok == false) | .probe.findings[0].code'",
        fix: "Mend what the documents that failed name, then run again with --resume and the output of this run."
    }
    OUTAGE = "EC3090" No "the cache did not answer all the time" {
        cause: "A failover, maintenance, a restart, or a fault of the network; each outage tells the stage that failed.",
        see: "aws elasticache describe-events --duration 60",
        fix: "Compare with aws elasticache describe-events; let clients connect anew and resolve the name again."
    }
    NOT_UP = "EC3091" No "the cache did not come up in time" {
        cause: "It did not answer within --for; the last verdict beside this one tells why.",
        see: "aws elasticache describe-serverless-caches, or describe-replication-groups: Status",
        fix: "Mend what the last verdict names, or wait longer with --for."
    }
    REPLICA_BEHIND = "EC3092" No "a replica's link to its primary is not up" {
        cause: "The primary is gone, the network between the two is cut, or the replica is still copying everything for the first time: it serves old data, or none.",
        see: "ROLE; INFO replication: master_link_status",
        fix: "Wait for the end of a failover or first copy, then probe again; aws elasticache describe-events tells of either."
    }
    MEMCACHED_NODE_SILENT = "EC3093" No "a node of the Memcached cluster does not answer" {
        cause: "The node is down, or cannot be reached from here. Its share of the keys has no other node.",
        see: "jq .probe.nodes; aws elasticache describe-cache-clusters --show-cache-node-info",
        fix: "Open the way to every node, not to the configuration endpoint alone; on ElastiCache wait for the node's replacement."
    }
    READONLY_REFUSED = "EC3094" No "the reader endpoint refuses READONLY" {
        cause: "The user's access string does not allow it, or the server does not know it. Without READONLY a replica of a cluster sends every read to its primary.",
        see: "ACL WHOAMI; aws elasticache describe-users",
        fix: "Add +readonly +readwrite to the user's access string; or read from the primary endpoint."
    }
    SLOTS_UNCOVERED = "EC3095" No "hash slots belong to no node" {
        cause: "A shard is gone, or slots were never assigned. Commands on their keys fail with CLUSTERDOWN; with cluster-require-full-coverage yes, so do all other commands on keys.",
        see: "CLUSTER SHARDS; CLUSTER INFO: cluster_state, cluster_slots_assigned",
        fix: "On ElastiCache see the shards' status with aws elasticache describe-replication-groups; elsewhere assign the slots with CLUSTER ADDSLOTSRANGE, or valkey-cli --cluster fix."
    }
    NODE_NOT_ONLINE = "EC3096" No "a node of the cluster is not online" {
        cause: "The cluster has given the node up (failed), or the replica has not got anything of its primary's yet (loading), as a new one for some ten seconds.",
        see: "CLUSTER SHARDS: health; aws elasticache describe-events",
        fix: "Wait for the end of a replacement or failover, then probe again."
    }
    OTHER_MODE = "EC3097" No "the document and the server differ about cluster mode" {
        cause: "The document is old, or the endpoint is another cache's. A client without cluster mode fails with MOVED at a cluster; a cluster client fails at a standalone server.",
        see: "HELLO: mode; jq .cache.cluster_mode",
        fix: "Set the client as the server says: for a cluster valkey-cli -c, for a standalone server without -c; start anew from ec-sg find."
    }
    NO_TOPOLOGY = "EC3098" No "the user may not ask for the topology" {
        cause: "The user's access string allows neither CLUSTER SHARDS nor CLUSTER SLOTS, which cluster clients ask before anything else.",
        see: "ACL WHOAMI; aws elasticache describe-users",
        fix: "Add +cluster|shards +cluster|slots +cluster|nodes to the user's access string."
    }
    SHARD_DOWN = "EC3099" No "all nodes of a shard have failed" {
        cause: "The primary and every replica of the shard are given up by the cluster, so nobody serves its slots: commands on their keys fail.",
        see: "CLUSTER SHARDS: health; aws elasticache describe-events",
        fix: "On ElastiCache wait for the replacement of the nodes, and see describe-events; elsewhere start a node of the shard again."
    }
    PUBLIC_TLS = "EC3032" No "a public endpoint negotiated less than TLS 1.3" {
        cause: "Public endpoints of ElastiCache speak TLS 1.3 alone. So something between ends TLS here, such as a proxy, or the name leads to another server.",
        see: "openssl s_client -connect HOST:PORT -tls1_2: Protocol, issuer",
        fix: "Look who issued the certificate and where the name leads; let the endpoint through the proxy unopened."
    }
    SERVERS_FAIL = "EC3078" No "the DNS servers fail at the name" {
        cause: "SERVFAIL: the server could not ask further, or did not believe the answer (DNSSEC). REFUSED: it does not serve this client or this name.",
        see: "dig @SERVER HOST; dig @169.254.169.253 HOST on an instance",
        fix: "Mend the server's forwarding; or use the VPC's own resolver, 169.254.169.253, by the DHCP options."
    }
    SERVERS_SILENT = "EC3079" No "no DNS server answers" {
        cause: "The servers of /etc/resolv.conf are gone, or UDP and TCP port 53 do not get there. Security groups never close the way to the VPC's own resolver; more than 1,024 packets a second of one network interface are dropped.",
        see: "cat /etc/resolv.conf; dig @SERVER HOST",
        fix: "Check the addresses in /etc/resolv.conf, enableDnsSupport of the VPC, the DHCP options, and the way to a server of your own."
    }
    ADDRESSES_FILTERED = "EC3087" No "the addresses of the name are kept back" {
        cause: "The resolver knows the name and gives no address. Names of ElastiCache have one, mostly a private one; resolvers with protection against DNS rebinding (dnsmasq, unbound, many routers) drop private addresses.",
        see: "dig HOST; dig @1.1.1.1 HOST",
        fix: "Exempt amazonaws.com: rebind-domain-ok=/amazonaws.com/ for dnsmasq, private-domain: amazonaws.com for unbound; or use another resolver."
    }
    OTHER_ADDRESSES = "EC3088" No "the system resolves the name otherwise than DNS" {
        cause: "/etc/hosts, a cache (nscd, systemd-resolved) or another source of /etc/nsswitch.conf answers in the place of DNS. After a failover or a scaling such an address is an old one.",
        see: "getent ahosts HOST; dig HOST; grep ^hosts /etc/nsswitch.conf",
        fix: "Take the name out of /etc/hosts, or empty the cache: resolvectl flush-caches, nscd -i hosts."
    }
    SERVERS_DISAGREE = "EC3089" No "the DNS servers do not answer alike" {
        cause: "One is silent, fails, or has another view of the zone. Which one is asked hangs on the order in /etc/resolv.conf and on time-outs: connections fail, or are slow, now and then.",
        see: "cat /etc/resolv.conf; dig @SERVER HOST for each",
        fix: "Take the server out of /etc/resolv.conf or the DHCP options, or mend it."
    }
}
