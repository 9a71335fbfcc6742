"""What it costs to find the clients of a machine."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ENV, compare

CANDIDATES = 10


def rows(tools):
    """The rows of the table, as (what, ours, theirs, ratio, goal, met)."""
    with tempfile.TemporaryDirectory() as name:
        names = ("valkey-cli", "redis-cli")
        there = [program for program in map(shutil.which, names) if program]
        clients = []
        for number in range(CANDIDATES):
            directory = Path(name) / str(number)
            directory.mkdir()
            program = there[number % len(there)]
            # A copy of its own: one file under ten names would be asked once.
            clients.append(shutil.copy(program, directory / Path(program).name))
        path = os.pathsep.join([str(Path(client).parent) for client in clients] + [ENV["PATH"]])
        detect = ["env", f"PATH={path}", str(tools / "ec-cli-install"), "detect", "-n"]
        found = subprocess.run(detect, capture_output=True, text=True, env=ENV, check=True).stdout
        if found.count('"listed":true') < CANDIDATES:
            sys.exit(f"detect did not find the {CANDIDATES} clients: {found}")
        asked = "; ".join(f"'{client}' --version; '{client}' --help" for client in clients)
        times = compare({"ours": detect, "shell": ["sh", "-c", asked]}, 25)
    yield (f"`ec-cli-install detect`, {CANDIDATES} clients and this machine's own", times["ours"], "the budget", 0.05, 1.0)
    yield ("the same", times["ours"], "a shell that asks each for version and help", times["shell"], None)
