# The tests of findings: `casemate policy test`.
package casemate.findings_test

import data.casemate.findings

finding(rule, severity, file) := {"rule": rule, "severity": severity, "message": "wrong", "location": {"file": file}}

accepted := object.union(finding("CM-SEC-001", "high", "./a/b.env"), {"suppression": {"owner": "a"}})

code := finding("CM-PKL-001", "critical", "./a/models/c.pkl")

question := {
	"outcomes": [
		{"check": "secrets", "name": "./a/b.env", "findings": [accepted]},
		{"check": "artifact", "name": "./a/models/c.pkl", "subject": "urn:c", "findings": [code]},
		{"check": "artifact", "name": "./a/d"},
		{"check": "artifact", "count": 7},
	],
	"context": {"files": [{"name": "./a/models/c.pkl", "path": "models/c.pkl", "subject": "urn:c", "digest": "sha256:cc"}]},
}

test_accepted_and_open if {
	all := findings.all with input as question
	open := findings.open with input as question
	suppressed := findings.suppressed with input as question
	[all, open, suppressed] == [{accepted, code}, {code}, {accepted}]
}

by_rule(pattern) := found if found := findings.by_rule(pattern) with input as question

test_by_rule if {
	by_rule("CM-PKL-*") == {code}
	by_rule("CM-PKL-002") == set()
	by_rule("*") == {accepted, code}
}

at_least(threshold) := found if found := findings.at_least(threshold) with input as question

test_at_least if {
	at_least("high") == {accepted, code}
	at_least("critical") == {code}
}

in_path(pattern) := found if found := findings.in_path(pattern) with input as question

test_by_path_below_what_was_assessed_and_by_name if {
	in_path("models/*.pkl") == {code}
	in_path("./a/**") == {accepted, code}
	in_path("./a/*") == {accepted}
}

of(asset) := found if found := findings.of(asset) with input as question

test_of_an_asset if {
	of("models/c.pkl") == {code}
	of("sha256:cc") == {code}
	of("models/other") == set()
}

path_of(finding) := path if path := findings.path_of(finding) with input as question

test_a_path_below_what_was_assessed if {
	path_of(code) == "models/c.pkl"
	path_of(accepted) == "./a/b.env"
}

test_a_line if {
	findings.told(code) == "./a/models/c.pkl: wrong (CM-PKL-001)"
}
