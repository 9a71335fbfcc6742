"""What probing a fleet costs: a thousand endpoints that answer, a thousand that are silent, and ten thousand."""

import json
import os
import resource
import socket
import threading
from collections import deque

from measure import compare, cpu, peak_mib


def rows(probe, port, cafile, directory):
    """The rows of the table, as (what, ours, theirs, ratio, goal, met). A TLS Valkey listens on `port`."""
    # A silent server holds a connection for each probe, and a second one that asks for plain text.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    count = 1_000
    fleet = documents(directory / "fleet", [port] * count)
    ports = directory / "ports"
    ports.write_text(f"{port}\n" * count, encoding="utf-8")
    ours = ["sh", "-c", f"exec {probe} --tls --cafile {cafile} < {fleet}"]
    theirs = ["xargs", "-a", str(ports), "-P", str(2 * os.cpu_count()), "-I{}",
              "valkey-cli", "-h", "127.0.0.1", "-p", "{}", "--tls", "--cacert", cafile, "PING"]
    pair = compare({"ours": ours, "cli": theirs}, 5)
    yield ("probe of 1,000 TLS endpoints", pair["ours"], "`xargs -P` valkey-cli", pair["cli"], 1 / 4)

    handshakes = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", "3", "-CAfile", cafile]
    seconds, told = cpu(handshakes)
    # The last of its lines: 2904 connections in 4 real seconds, 0 bytes read per connection
    made = next(int(line.split()[0]) for line in reversed(told.splitlines()) if "real seconds" in line)
    yield ("CPU for one of them: TLS, AUTH, HELLO, PING", cpu(ours)[0] / count, "`openssl s_time -new`, TLS alone",
           seconds / made, 1.3)

    silent = silent_server()
    limit = 3.0
    still = ["sh", "-c", f"exec {probe} --tls --cafile {cafile} --timeout 2s < {documents(directory / 'still', [silent] * count)}"]
    yield ("probe of 1,000 silent endpoints, `--timeout 2s`", compare({"ours": still}, 3)["ours"], "the time-out and a second", limit, 1.0)
    yield ("memory for 1,000 silent endpoints", peak_mib(still, os.devnull), "the budget", 64.0, 1.0)
    many = documents(directory / "many", ([silent] * 9 + [port]) * count)
    many = ["sh", "-c", f"exec {probe} --tls --cafile {cafile} --timeout 1s < {many}"]
    yield ("memory for 10,000 endpoints, nine of ten silent", peak_mib(many, os.devnull), "the budget", 256.0, 1.0)


def documents(path, ports):
    """A stream of documents, each about a cache on one of the ports."""
    with open(path, "w", encoding="utf-8") as out:
        for number, port in enumerate(ports):
            endpoint = {"role": "primary", "host": "127.0.0.1", "port": port}
            cache = {"name": f"cache-{number}", "engine": "valkey", "endpoints": [endpoint]}
            line = {"kind": "ec.connection", "format_version": "1.0", "id": f"cache-{number}<-here", "cache": cache}
            out.write(json.dumps(line) + "\n")
    return path


def silent_server():
    """The port of a server that takes connections and never says a word; it ends with this process."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    # The oldest connections close, which their other ends have left long before.
    held = deque(maxlen=6_000)

    def accept():
        while True:
            held.append(listener.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
