"""The tables of bench/results/model-scan.md."""

ANSWERS = ["dangerous", "warned", "error", "skipped", "clean"]


def page(result, scanners):
    text = f"""# Scanning model files, side by side

Written by `bench/model-scan/run`; the raw results are in `model-scan.json`.

- date: {result["date"]}
- machine: {result["machine"]}
- {result["casemate"]}; {", ".join(result["peers"])}; Python {result["python"]}
- seed {result["seed"]}, at most {result["limit_s"]} s for a run

"""
    if "speed" in result:
        text += speed(result["speed"])
    if "detection" in result:
        text += detection(result["detection"], scanners)
    return text


def speed(rows):
    text = """## Cost

CPU is user and system time of the whole process, peak its largest resident set, never under the launcher's 10 MiB; medians of runs in turn with Casemate's.
A run of more than fifteen seconds was made once. The last column is their CPU as a multiple of Casemate's in the same pair:
below 1 they are cheaper. fickling takes no directory.

| work | scanner | CPU s | wall s | peak MiB | exit | times Casemate's CPU |
|---|---|---|---|---|---|---|
"""
    seen = None
    for row in rows:
        if row["what"] != seen:
            seen = row["what"]
            text += line(f"{seen}, {row['bytes'] / 1e6:,.1f} MB" if row["bytes"] >= 1e5 else seen, "casemate",
                         row["ours"], "1")
        text += line("", row["peer"], row["theirs"], ratio(row))
    return text + "\n"


def line(what, name, cost, times):
    return (f"| {what} | {name} | {cost['cpu_s']:.3f} | {cost['wall_s']:.2f} | {cost['peak_mib']:.0f} | {cost['exit']} "
            f"| {times} |\n")


def cost(one):
    return f"{one['cpu_s']:8.3f} s {one['peak_mib']:6.0f} MiB exit {one['exit']}"


def ratio(row):
    more = "> " if row["theirs"]["exit"] == "timeout" else ""
    return f"{more}{row['times_our_cpu']:,}"


def detection(answers, scanners):
    text = """## Detection

The malicious files are Casemate's own fixtures and a seeded half of 32 calls in 12 forms; Casemate was written against the
first, so compare the others with each other there. The benign ones are dumps by real libraries, and plain values. Each
scanner saw one file at a time, by its command line. What counts as what:

"""
    for scanner in scanners:
        text += f"- {scanner.name}: {scanner.definition}\n"
    for kind, title in (("malicious", "Malicious files"), ("benign", "Benign files")):
        text += f"\n### {title}\n\n"
        for prefix, what in PARTS[kind]:
            text += table(of_part(answers, kind, prefix), scanners, what, kind)
    return text


PARTS = {
    "malicious": [("", "all"), ("trick-", "fixtures"), ("call-", "calls in forms")],
    "benign": [("", "all"), ("fixture-", "fixtures"), ("plain", "plain values"), ("sklearn-", "scikit-learn")],
}


def of_part(answers, kind, prefix):
    return [said for name, said in answers.items() if name.startswith(f"{kind}/{prefix}")]


def table(files, scanners, what, kind):
    last = "exit 0" if kind == "malicious" else "exit not 0"
    text = f"| {what} | files | dangerous | warned | error | skipped | clean | {last} |\n|---|---|---|---|---|---|---|---|\n"
    for scanner in scanners:
        said = [file[scanner.name] for file in files if scanner.name in file]
        if not said:
            continue
        share = lambda count: f"{100 * count / len(said):.1f} %"
        cells = [share(sum(answer == known for answer, _ in said)) for known in ANSWERS]
        zeros = sum(status == 0 for _, status in said)
        cells.append(share(zeros if kind == "malicious" else len(said) - zeros))
        text += f"| {scanner.name} | {len(said)} | " + " | ".join(cells) + " |\n"
    return text + "\n"
