#!/usr/bin/env python3
"""Holds the findings on a tree of Terraform against Checkov's, for the rules that both have.

    terragoat.py TREE CHECKOV.json SURVEY.txt

CHECKOV.json is what `checkov -d TREE --framework terraform -o json` prints, SURVEY.txt what
`cargo run --release -p casemate-posture --example survey -- TREE auditor` prints. A finding of ours
is that of Checkov's whose lines it is in. Prints every disagreement, and the shares.
"""

import json
import re
import sys

# Checkov's rule, and ours that ask the same.
SHARED = {
    "CKV_AWS_20": "CM-AWS-001", "CKV_AWS_57": "CM-AWS-001", "CKV_AWS_53": "CM-AWS-002", "CKV_AWS_54": "CM-AWS-002",
    "CKV_AWS_55": "CM-AWS-002", "CKV_AWS_56": "CM-AWS-002", "CKV2_AWS_6": "CM-AWS-003", "CKV_AWS_70": "CM-AWS-004",
    "CKV_AWS_283": "CM-AWS-004", "CKV_AWS_21": "CM-AWS-005", "CKV_AWS_18": "CM-AWS-006", "CKV_AWS_145": "CM-AWS-007",
    "CKV_AWS_24": "CM-AWS-020", "CKV_AWS_25": "CM-AWS-020", "CKV_AWS_277": "CM-AWS-021", "CKV_AWS_260": "CM-AWS-022",
    "CKV_AWS_382": "CM-AWS-023", "CKV2_AWS_12": "CM-AWS-024", "CKV2_AWS_11": "CM-AWS-025", "CKV_AWS_130": "CM-AWS-026",
    "CKV_AWS_2": "CM-AWS-027", "CKV_AWS_376": "CM-AWS-027", "CKV_AWS_92": "CM-AWS-028", "CKV_AWS_91": "CM-AWS-028",
    "CKV_AWS_62": "CM-AWS-040", "CKV_AWS_63": "CM-AWS-040", "CKV_AWS_355": "CM-AWS-041", "CKV_AWS_356": "CM-AWS-041",
    "CKV_AWS_273": "CM-AWS-047", "CKV_AWS_16": "CM-AWS-060", "CKV_AWS_96": "CM-AWS-060", "CKV_AWS_44": "CM-AWS-060",
    "CKV_AWS_17": "CM-AWS-061", "CKV_AWS_133": "CM-AWS-062", "CKV_AWS_3": "CM-AWS-063", "CKV_AWS_42": "CM-AWS-063",
    "CKV_AWS_8": "CM-AWS-064", "CKV_AWS_7": "CM-AWS-065", "CKV_AWS_26": "CM-AWS-066", "CKV_AWS_27": "CM-AWS-066",
    "CKV_AWS_5": "CM-AWS-067", "CKV_AWS_228": "CM-AWS-068", "CKV_AWS_51": "CM-AWS-069", "CKV_AWS_163": "CM-AWS-070",
    "CKV_AWS_67": "CM-AWS-071", "CKV_AWS_129": "CM-AWS-072", "CKV_AWS_324": "CM-AWS-072", "CKV_AWS_101": "CM-AWS-072",
    "CKV_AWS_79": "CM-AWS-080", "CKV_AWS_341": "CM-AWS-081", "CKV_AWS_38": "CM-AWS-082", "CKV_AWS_39": "CM-AWS-082",
    "CKV_AWS_58": "CM-AWS-083", "CKV_AWS_37": "CM-AWS-084", "CKV_AWS_45": "CM-AWS-085", "CKV_AWS_46": "CM-AWS-085",
    "CKV_AWS_122": "CM-AWS-100", "CKV_AWS_307": "CM-AWS-101", "CKV_AWS_22": "CM-AWS-103", "CKV_AWS_370": "CM-AWS-105",
    "CKV_AWS_98": "CM-AWS-106", "CKV_AWS_383": "CM-AWS-108", "CKV_AWS_373": "CM-AWS-109", "CKV_AWS_41": "CM-TF-003",
    "CKV_GCP_2": "CM-GCP-001", "CKV_GCP_3": "CM-GCP-001", "CKV_GCP_88": "CM-GCP-001", "CKV_GCP_28": "CM-GCP-002",
    "CKV_GCP_29": "CM-GCP-003", "CKV_GCP_114": "CM-GCP-004", "CKV_GCP_78": "CM-GCP-005", "CKV_GCP_11": "CM-GCP-006",
    "CKV_GCP_25": "CM-GCP-007", "CKV_GCP_64": "CM-GCP-007", "CKV_GCP_18": "CM-GCP-008", "CKV_GCP_20": "CM-GCP-008",
    "CKV_GCP_7": "CM-GCP-009", "CKV_GCP_12": "CM-GCP-010", "CKV_GCP_1": "CM-GCP-011", "CKV_GCP_69": "CM-GCP-012",
    "CKV_GCP_40": "CM-GCP-013", "CKV_GCP_35": "CM-GCP-014", "CKV_GCP_15": "CM-GCP-015", "CKV_GCP_6": "CM-GCP-016",
    "CKV_GCP_26": "CM-GCP-017", "CKV_GCP_36": "CM-GCP-018", "CKV_GCP_39": "CM-GCP-019", "CKV_GCP_13": "CM-GCP-020",
    "CKV_GCP_89": "CM-GCP-040", "CKV_GCP_92": "CM-GCP-041", "CKV_GCP_96": "CM-GCP-041",
    "CKV_AZURE_10": "CM-AZR-001", "CKV_AZURE_9": "CM-AZR-001", "CKV_AZURE_34": "CM-AZR-002", "CKV_AZURE_190": "CM-AZR-003",
    "CKV_AZURE_59": "CM-AZR-003", "CKV_AZURE_3": "CM-AZR-004", "CKV_AZURE_44": "CM-AZR-005", "CKV_AZURE_35": "CM-AZR-006",
    "CKV_AZURE_113": "CM-AZR-007", "CKV_AZURE_53": "CM-AZR-007", "CKV_AZURE_68": "CM-AZR-007", "CKV_AZURE_11": "CM-AZR-008",
    "CKV_AZURE_28": "CM-AZR-009", "CKV_AZURE_29": "CM-AZR-009", "CKV_AZURE_52": "CM-AZR-010", "CKV_AZURE_54": "CM-AZR-010",
    "CKV_AZURE_147": "CM-AZR-010", "CKV_AZURE_110": "CM-AZR-011", "CKV_AZURE_109": "CM-AZR-012", "CKV_AZURE_6": "CM-AZR-013",
    "CKV_AZURE_5": "CM-AZR-014", "CKV_AZURE_7": "CM-AZR-015", "CKV_AZURE_141": "CM-AZR-016", "CKV_AZURE_8": "CM-AZR-017",
    "CKV_AZURE_1": "CM-AZR-018", "CKV_AZURE_178": "CM-AZR-018", "CKV_AZURE_14": "CM-AZR-019", "CKV_AZURE_15": "CM-AZR-020",
    "CKV_AZURE_2": "CM-AZR-021", "CKV_AZURE_39": "CM-AZR-022", "CKV_AZURE_13": "CM-AZR-023", "CKV_AZURE_71": "CM-AZR-024",
    "CKV_AZURE_144": "CM-AZR-040", "CKV_AZURE_142": "CM-AZR-043", "CKV_AZURE_236": "CM-AZR-045", "CKV_AZURE_134": "CM-AZR-046",
    "CKV_AZURE_247": "CM-AZR-047",
    "CKV_AWS_287": "CM-AWS-048", "CKV_AWS_288": "CM-AWS-048", "CKV_AWS_139": "CM-AWS-073",
    "CKV_AWS_293": "CM-AWS-073", "CKV2_AWS_58": "CM-AWS-073", "CKV_AWS_161": "CM-AWS-074",
    "CKV_AWS_162": "CM-AWS-074", "CKV_AWS_359": "CM-AWS-074", "CKV_AWS_137": "CM-AWS-075",
    "CKV_AZURE_23": "CM-AZR-025", "CKV2_AZURE_27": "CM-AZR-026", "CKV2_AZURE_40": "CM-AZR-027",
    "CKV_GCP_60": "CM-GCP-021", "CKV_GCP_14": "CM-GCP-022", "CKV_GCP_32": "CM-GCP-023",
}


def main() -> None:
    _, _, checkov, survey = sys.argv
    results = json.load(open(checkov, encoding="utf-8"))
    results = results if isinstance(results, list) else [results]
    failed = [it for result in results for it in result["results"]["failed_checks"]]
    passed = [it for result in results for it in result["results"]["passed_checks"]]
    ours = []
    for line in open(survey, encoding="utf-8"):
        match = re.match(r"(CM-\w+-\d+) \w+ (\S+?):(\d+)", line)
        if match:
            ours.append((match[1], match[2].lstrip("/"), int(match[3])))
    taken = set()
    agreed, theirs_alone = 0, []
    for check in failed:
        rule = SHARED.get(check["check_id"])
        if rule is None:
            continue
        hits = [at for at, found in enumerate(ours) if covers(check, found, rule)]
        taken.update(hits)
        if hits:
            agreed += 1
        else:
            theirs_alone.append((check["check_id"], rule, check["resource"], check["file_path"]))
    shared = set(SHARED.values())
    ours_alone = []
    for at, (rule, path, line) in enumerate(ours):
        if at in taken or rule not in shared:
            continue
        denied = any(SHARED.get(check["check_id"]) == rule and covers(check, (rule, path, line), rule) for check in passed)
        ours_alone.append((rule, f"{path}:{line}", "passed by Checkov" if denied else "not asked by Checkov"))
    print(f"both {agreed}")
    print(f"Checkov alone {len(theirs_alone)}")
    for row in sorted(theirs_alone):
        print("  ", *row)
    print(f"Casemate alone {len(ours_alone)}")
    for row in sorted(ours_alone):
        print("  ", *row)


def covers(check: dict, found: tuple, rule: str) -> bool:
    first, last = check["file_line_range"]
    same_file = check["file_path"].lstrip("/") == found[1]
    return found[0] == rule and same_file and first <= found[2] <= last


main()
