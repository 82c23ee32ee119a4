# The tests of outcomes: `casemate policy test`.
package casemate.outcomes_test

import data.casemate.outcomes

outcome(name, result, more) := object.union(
	{"check": "artifact", "name": name, "subject": sprintf("urn:%s", [name]), "result": result, "coverage": "complete"},
	more,
)

finding(severity) := {"rule": "CM-TST-001", "severity": severity}

accepted(severity) := object.union(finding(severity), {"suppression": {"owner": "a"}})

file(name) := {"name": name, "path": trim_prefix(name, "./"), "subject": sprintf("urn:%s", [name]), "digest": null}

question(all) := {"outcomes": all, "context": {"files": [file("./a"), file("./b")]}}

population := {"check": "secrets", "result": "pass", "coverage": "complete", "count": 3}

test_singles_and_populations_are_told_apart if {
	some_outcomes := [population, outcome("./a", "fail", {})]
	outcomes.singles == [outcome("./a", "fail", {})] with input as question(some_outcomes)
	outcomes.populations == [population] with input as question(some_outcomes)
	outcomes.by_check("secrets") == [population] with input as question(some_outcomes)
}

test_an_assessment_beside_the_input_is_the_one_that_counts if {
	all := outcomes.all with input as question([]) with data.casemate.assessment as {"outcomes": [population]}
	all == [population]
	outcomes.all == [] with input as question([population]) with data.casemate.assessment as {}
	not outcomes.is_clean("a") with input as question([]) with data.casemate.assessment as {}
}

test_by_verdict if {
	unknown := outcome("./a", "undetermined", {"facts": {"verdict": "unknown"}})
	outcomes.by_verdict("unknown") == [unknown] with input as question([unknown, outcome("./b", "fail", {})])
}

test_findings_count_until_somebody_accepts_them if {
	all := [
		outcome("./a", "fail", {"findings": [accepted("critical"), finding("low")]}),
		outcome("./b", "fail", {"findings": [finding("high")]}),
	]
	[one.name | some one in outcomes.with_findings("medium")] == ["./b"] with input as question(all)
	count(outcomes.with_findings("low")) == 2 with input as question(all)
}

test_an_error_is_incomplete_as_partial_coverage_is if {
	all := [outcome("./a", "error", {}), outcome("./b", "pass", {"coverage": "partial"}), outcome("./c", "fail", {})]
	[one.name | some one in outcomes.incomplete] == ["./a", "./b"] with input as question(all)
}

test_an_asset_has_several_names if {
	every name in ["a", "./a", "urn:./a"] {
		count(outcomes.of(name)) == 1 with input as question([outcome("./a", "fail", {})])
	}
	outcomes.of("b") == [] with input as question([outcome("./a", "fail", {})])
	count(outcomes.of("sha256:1")) == 1 with input as {"outcomes": [outcome("./a", "fail", {"input": "sha256:1"})]}
}

test_what_was_not_looked_at_is_not_clean if {
	outcomes.is_clean("a") with input as question([])
	not outcomes.is_clean("c") with input as question([])
	not outcomes.is_clean("a") with input as {"outcomes": []}
	not outcomes.is_clean("a") with input as {}
}

test_what_is_less_than_a_clean_pass_is_not_clean if {
	every more in [
		{"result": "error"},
		{"result": "undetermined"},
		{"coverage": "partial"},
		{"facts": {"verdict": "unknown"}},
		{"facts": {"verdict": "dangerous"}},
		{"findings": [finding("info")]},
	] {
		not outcomes.is_clean("a") with input as question([outcome("./a", "pass", more)])
	}
	outcomes.is_clean("a") with input as question([outcome("./a", "pass", {"findings": [accepted("high")]})])
	outcomes.is_clean("b") with input as question([outcome("./a", "fail", {})])
}

test_a_file_without_an_identity_is_known_by_its_name if {
	listed := {"outcomes": [outcome("./a", "fail", {})], "context": {"files": [{"name": "./a", "path": "a"}]}}
	not outcomes.is_clean("a") with input as listed
}

# A file without a digest is not every asset without one.
test_nothing_is_an_asset_by_having_no_name if {
	not outcomes.is_examined(null) with input as question([])
}
