"""What it costs to build a client from source: ours against all that the page "Setting up ElastiCache" has one build."""

import subprocess
import tempfile
from pathlib import Path

from measure import once


def rows(tools, cache):
    """The rows of the table, as (what, ours, theirs, ratio, goal, met). Each is built once: it takes minutes."""
    tarball = next((cache / "valkey-source").glob("*.orig.tar.*"), None)
    if tarball is None:
        # The tests load it from the Debian package's source.
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        ours = once([str(tools / "ec-cli-install"), "apply", "-n", "--method", "source", "--source-tarball", str(tarball),
                     "--prefix", str(directory / "prefix")])
        subprocess.run(["tar", "xf", str(tarball), "-C", name], check=True)
        source = next(path for path in directory.iterdir() if (path / "src" / "Makefile").exists())
        theirs = once(["make", "-C", str(source), "BUILD_TLS=yes"])
    yield (f"a client of {tarball.name}, built, proven and installed", ours, "`make BUILD_TLS=yes` in the same source",
           theirs, 1 / 3)
