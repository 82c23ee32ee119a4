#!/usr/bin/env python3
"""How many of the labelled mistakes the survey finds, and how many of its findings are labelled.

    measure.py SURVEY REPOSITORY=DIRECTORY ...

SURVEY is the example of casemate-posture (`cargo build --release -p casemate-posture --example survey`); each
DIRECTORY holds a checkout of REPOSITORY at the commit that labels.toml names. A finding meets a label of the same
rule and file within three lines, and each meets one: labels name the line that a person would point at, and a
finding of something that is missing points at what it is missing from.
"""

import pathlib
import re
import subprocess
import sys
import tomllib

NEAR = 3


def findings(survey, directory):
    """Rule, path and line of each finding in a checkout."""
    run = subprocess.run([survey, directory, "auditor"], capture_output=True, text=True, check=True)
    form = re.compile(r"^(CM-\S+) \S+ (.+?):(\d+):\d+ ")
    found = (form.match(line) for line in run.stdout.splitlines())
    return [(it[1], it[2], int(it[3])) for it in found if it]


def main():
    survey, *places = sys.argv[1:]
    directories = dict(place.split("=", 1) for place in places)
    labels = tomllib.loads((pathlib.Path(__file__).parent / "labels.toml").read_text())
    asked = {name: set(labels["rules"]) for name in ["first", "second"]}
    asked |= {name: set(labels["rules"] + labels["wider"]) for name in ["third", "fourth", "fifth"]}
    asked["sixth"] = asked["fifth"] | set(labels["later"])
    found = {name: findings(survey, directory) for name, directory in directories.items()}
    for name in dict.fromkeys(file["set"] for file in labels["file"]):
        files = [file for file in labels["file"] if file["set"] == name and file["repository"] in found]
        if not files:
            continue
        print(f"{name} set: {len(files)} files")
        judge(files, found, asked[name])


def judge(files, found, rules):
    counts = {}
    for file in files:
        here = [(rule, line) for rule, path, line in found[file["repository"]] if path == file["path"] and rule in rules]
        for label in file["labels"]:
            near = [it for it in here if it[0] == label["rule"] and abs(it[1] - label["line"]) <= NEAR]
            count = counts.setdefault(label["rule"], [0, 0, 0])
            if near:
                here.remove(min(near, key=lambda it: abs(it[1] - label["line"])))
                count[0] += 1
            else:
                count[1] += 1
                print("missed", label["rule"], file["repository"], f"{file['path']}:{label['line']}")
        for rule, line in here:
            counts.setdefault(rule, [0, 0, 0])[2] += 1
            print("extra", rule, file["repository"], f"{file['path']}:{line}")
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    for rule, (right, missed, extra) in sorted(counts.items()) + [("all", total)]:
        recall, precision = right / ((right + missed) or 1), right / ((right + extra) or 1)
        print(f"{rule:10} {right:3} right {missed:3} missed {extra:3} extra, recall {recall:.3f}, precision {precision:.3f}")


main()
