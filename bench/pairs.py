#!/usr/bin/env python3
"""Runs two commands in turn and prints the ratio of what they cost, pair by pair.

usage: pairs.py [--pairs N] [--json FILE] 'OUR COMMAND' 'THEIR COMMAND'

Each command is split as a shell splits words and run without a shell, its output thrown away, once
unmeasured and then N times (5 unless said otherwise). The cost is user and system time of the whole
process, as the kernel accounts it at the end; peak is the largest resident set. Quote the median of
the ratios: the machine's speed may drift between pairs, and does not within one.
"""
import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys


ONCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "once.py")


def run(command, limit=0, memory=0, stdout=subprocess.DEVNULL, **how):
    """What one run of `command` costs; after `limit` seconds it is killed, and its exit is "timeout"."""
    read, write = os.pipe()
    launcher = [sys.executable, "-I", "-S", ONCE, str(write), str(limit), str(memory), *command]
    with subprocess.Popen(launcher, stdout=stdout, stderr=subprocess.DEVNULL, pass_fds=[write], **how):
        os.close(write)
        with os.fdopen(read) as said:
            return json.loads(said.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("ours")
    parser.add_argument("theirs")
    arguments = parser.parse_args()
    commands = [shlex.split(arguments.ours), shlex.split(arguments.theirs)]
    for command in commands:
        run(command)
    pairs = [[run(command) for command in commands] for _ in range(arguments.pairs)]
    ratios = [ours["cpu_s"] / max(theirs["cpu_s"], 1e-4) for ours, theirs in pairs]
    median = lambda side, key: statistics.median(pair[side][key] for pair in pairs)
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "ours": arguments.ours,
        "theirs": arguments.theirs,
        "pairs": pairs,
        "cpu_ratio": {
            "median": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3),
            "max": round(max(ratios), 3),
        },
    }
    for name, side in (("ours", 0), ("theirs", 1)):
        print(
            f"{name:>6}: cpu {median(side, 'cpu_s'):.3f} s, wall {median(side, 'wall_s'):.3f} s, "
            f"peak {median(side, 'peak_mib'):.1f} MiB, exit {pairs[0][side]['exit']}"
        )
    print("ratio of cpu: median {median}, min {min}, max {max}".format(**result["cpu_ratio"]))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
