"""Measures commands: wall times in turns, processor time, and peak memory."""

import os
import resource
import statistics
import subprocess
import sys
import time

PASSWORD = "bench-only-password"
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ["HOME"],
    "LC_ALL": "C",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",  # what version 1 of the AWS CLI reads
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_EC2_METADATA_DISABLED": "true",
    "REDISCLI_AUTH": PASSWORD,
}


def once(command, stdin=None):
    """Seconds that one run of `command` takes; the run must succeed, or answer no."""
    begin = time.perf_counter()
    with open(stdin or os.devnull, "rb") as source:
        done = subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENV)
    if done.returncode not in (0, 1):
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return time.perf_counter() - begin


def compare(commands, rounds, stdin=None):
    """The median seconds of each command; all of them run in turns."""
    times = {name: [] for name in commands}
    for command in commands.values():
        once(command, stdin)  # warm the page cache
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(once(command, stdin))
    return {name: statistics.median(values) for name, values in times.items()}


def cpu(command):
    """Seconds of processor time that one run of `command` takes, and what it says on stdout."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENV, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def peak_mib(command, stdin):
    """The peak resident memory of one run, in MiB, measured in a child that has run nothing else."""
    script = (
        "import resource,subprocess,sys;"
        "done=subprocess.run(sys.argv[2:],stdin=open(sys.argv[1],'rb'),stdout=subprocess.DEVNULL);"
        "assert done.returncode in (0,1),done;"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, stdin, *command], capture_output=True, text=True, env=ENV, check=True
    )
    return int(done.stdout) / 1024
