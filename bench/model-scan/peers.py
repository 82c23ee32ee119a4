"""The scanners that are compared: how each is called, and what its answer counts as.

An answer is one of

- `dangerous`: it says that the file is malicious;
- `warned`: it says that something in the file is not vouched for;
- `error`: it says that it could not read all of the file, crashed, or ran out of time or memory;
- `skipped`: it says that the file is none of its business;
- `clean`: none of these.
"""
import json
import re

# What pip installs, into an environment of its own.
PINNED = ["picklescan==1.0.5", "modelscan==0.8.8", "fickling==0.1.12", "modelaudit==0.2.54"]


class Scanner:
    def __init__(self, name, command, read, definition):
        self.name, self.command, self.read, self.definition = name, command, read, definition


def scanners(casemate, environment):
    """Every scanner; `casemate` is our program, `environment` the directory that `PINNED` is installed in."""
    def installed(name):
        return str(environment / "bin" / name)

    picklescan = [installed("picklescan"), "-p"]
    return [
        Scanner(
            "casemate", lambda path, _: [str(casemate), "--quiet", "scan", "--format", "json", path], read_casemate,
            "`dangerous`: verdict `dangerous`. `warned`: verdict `unknown`, or coverage `partial`."),
        Scanner(
            "picklescan", lambda path, _: picklescan + [path], read_picklescan,
            "`dangerous`: infected files, status 1. `warned`: suspicious globals, status 0. `error`: status 2. "
            "`skipped`: no file scanned."),
        Scanner(
            "picklescan --strict", lambda path, _: [picklescan[0], "--strict", "-p", path], read_picklescan,
            "as above, with suspicious globals promoted."),
        Scanner(
            "modelscan", lambda path, _: [installed("modelscan"), "-r", "json", "-p", path], read_modelscan,
            "`dangerous`: an issue of severity HIGH or CRITICAL. `warned`: a lower one. `error`: no issue, and an error "
            "in the report or status 2. `skipped`: status 3."),
        Scanner(
            "fickling", lambda path, out: [installed("fickling"), "--check-safety", "--json-output", out, path],
            read_fickling,
            "`dangerous`: LIKELY_UNSAFE or worse. `warned`: POSSIBLY_UNSAFE or SUSPICIOUS. `error`: no report, for "
            "whatever reason."),
        Scanner(
            "modelaudit", lambda path, _: [installed("modelaudit"), "scan", "--no-cache", "--format", "json", path],
            read_modelaudit,
            "`dangerous`: an issue of severity critical. `warned`: one of severity warning. `error`: status 2 and "
            "neither. Its cache is off, so that a second run costs what the first does."),
    ]


def read_casemate(status, out, report):
    artifacts = document(out).get("artifacts", [])
    verdicts = {artifact["verdict"] for artifact in artifacts}
    if "dangerous" in verdicts:
        return "dangerous"
    if not artifacts or status not in (0, 1):
        return "error"
    partial = any(artifact["coverage"] != "complete" for artifact in artifacts)
    return "warned" if "unknown" in verdicts or partial else "clean"


def read_picklescan(status, out, report):
    count = lambda what: int((re.search(rf"^{what}: (\d+)", out, re.M) or [0, 0])[1])
    if count("Infected files") or count("Dangerous globals"):
        return "dangerous"
    if status not in (0, 1) or "SCAN SUMMARY" not in out:
        return "error"
    if count("Suspicious globals"):
        return "warned"
    return "clean" if count("Scanned files") else "skipped"


def read_modelscan(status, out, report):
    found = document(out[out.find('{"summary"'):])
    severities = {issue["severity"] for issue in found.get("issues", [])}
    if severities & {"HIGH", "CRITICAL"}:
        return "dangerous"
    if severities:
        return "warned"
    if found.get("errors") or status not in (0, 3):
        return "error"
    return "clean" if status == 0 else "skipped"


def read_fickling(status, out, report):
    severities = set(re.findall(r'"severity": "(\w+)"', report))
    if severities & {"LIKELY_UNSAFE", "LIKELY_OVERTLY_MALICIOUS", "OVERTLY_MALICIOUS"}:
        return "dangerous"
    if severities & {"POSSIBLY_UNSAFE", "SUSPICIOUS"}:
        return "warned"
    return "clean" if status == 0 and severities else "error"


def read_modelaudit(status, out, report):
    severities = {issue["severity"] for issue in document(out).get("issues", [])}
    if "critical" in severities:
        return "dangerous"
    if "warning" in severities:
        return "warned"
    return "clean" if status in (0, 1) else "error"


def document(text):
    """A JSON document; modelscan breaks its own at the width of the terminal."""
    try:
        return json.loads(text.replace("\n", " "), strict=False)
    except ValueError:
        return {}
