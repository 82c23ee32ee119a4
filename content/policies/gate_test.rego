# The tests of the built-in gate: `casemate policy test`. Each rule has one that it fires for, and
# one that it stays silent for.
package casemate.gate_test

import data.casemate.gate

# --- What the inputs are made of ---------------------------------------------------------------

outcome(name, result) := {
	"check": "artifact",
	"version": "1",
	"subject": sprintf("urn:casemate:file:local:%s", [name]),
	"name": name,
	"result": result,
	"coverage": "complete",
}

found(name, rule, severity) := {
	"rule": rule,
	"severity": severity,
	"asset": sprintf("urn:casemate:file:local:%s", [name]),
	"location": {"file": name},
	"message": "something is wrong",
}

accepted(finding) := object.union(finding, {"suppression": {
	"reason": "a test fixture",
	"owner": "ml@example.org",
	"expires": "2027-01-31T00:00:00Z",
}})

with_findings(name, findings) := object.union(outcome(name, "fail"), {"findings": findings})

judged(name, format, verdict, findings) := object.union(
	with_findings(name, findings),
	{"facts": {"format": format, "verdict": verdict}},
)

input_of(outcomes) := {"outcomes": outcomes}

messages(reasons) := {reason.message | some reason in reasons}

shell := found("m.pkl", "CM-PKL-001", "critical")

clean := {"check": "artifact", "result": "pass", "coverage": "complete", "count": 7}

# --- Nothing wrong -----------------------------------------------------------------------------

test_a_clean_input_is_allowed if {
	count(gate.deny) == 0 with input as input_of([clean])
	count(gate.warn) == 0 with input as input_of([clean])
}

test_low_findings_are_no_reason if {
	outcomes := [with_findings("a", [found("a", "CM-TST-001", "low"), found("a", "CM-TST-002", "info")])]
	count(gate.deny) == 0 with input as input_of(outcomes)
	count(gate.warn) == 0 with input as input_of(outcomes)
}

# --- Dangerous models --------------------------------------------------------------------------

test_a_dangerous_model_is_denied_once if {
	outcomes := [judged("m.pkl", "pickle", "dangerous", [shell])]
	deny := gate.deny with input as input_of(outcomes)
	deny == {{
		"message": "m.pkl is dangerous: something is wrong",
		"severity": "critical",
		"rule": "CM-PKL-001",
		"subject": "urn:casemate:file:local:m.pkl",
		"path": "m.pkl",
	}}
}

test_a_dangerous_model_without_findings_is_denied if {
	outcomes := [judged("m.pkl", "pickle", "dangerous", [])]
	messages(gate.deny) == {"m.pkl is dangerous"} with input as input_of(outcomes)
}

test_an_accepted_dangerous_model_warns if {
	outcomes := [judged("m.pkl", "pickle", "dangerous", [accepted(shell), found("m.pkl", "CM-PKL-009", "low")])]
	count(gate.deny) == 0 with input as input_of(outcomes)
	warn := messages(gate.warn) with input as input_of(outcomes)
	warn == {"m.pkl is dangerous, and ml@example.org answers for it until 2027-01-31T00:00:00Z: a test fixture"}
}

test_a_dangerous_model_that_is_accepted_in_part_is_denied if {
	outcomes := [judged("m.pkl", "pickle", "dangerous", [accepted(shell), found("m.pkl", "CM-PKL-002", "medium")])]
	count(gate.deny) == 1 with input as input_of(outcomes)
}

# --- Models that nobody vouches for ------------------------------------------------------------

test_an_unknown_model_is_denied_with_what_to_do if {
	unlisted := found("m.pkl", "CM-PKL-002", "high")
	outcomes := [judged("m.pkl", "pickle", "unknown", [unlisted])]
	deny := messages(gate.deny) with input as input_of(outcomes)
	deny == {"m.pkl runs code that nobody vouches for when it is loaded: something is wrong; convert to safetensors, or accept the digest in an exception"}
}

test_an_unknown_model_by_kind_is_denied if {
	unknown := object.union(outcome("m.bin", "undetermined"), {
		"facts": {"kind": "model", "verdict": "unknown"},
		"reason": "not understood",
	})
	deny := messages(gate.deny) with input as input_of([unknown])
	deny == {"m.bin runs code that nobody vouches for when it is loaded: not understood; convert to safetensors, or accept the digest in an exception"}
}

test_many_unknown_models_are_one_reason if {
	outcomes := [judged(sprintf("%d.pt", [n]), "torch-zip", "unknown", []) | some n in numbers.range(1, 5)]
	deny := messages(gate.deny) with input as input_of(outcomes)
	deny == {"5 files run code that nobody vouches for when they are loaded (1.pt, 2.pt, 3.pt, ...); convert to safetensors, or accept the digest in an exception"}
}

test_an_accepted_unknown_model_passes if {
	outcomes := [judged("m.pkl", "pickle", "unknown", [accepted(found("m.pkl", "CM-PKL-002", "high"))])]
	count(gate.deny) == 0 with input as input_of(outcomes)
}

test_source_code_is_not_the_gates_business if {
	python := object.union(outcome("a.py", "undetermined"), {"facts": {"format": "python-source", "verdict": "unknown"}})
	count(gate.deny) == 0 with input as input_of([python])
	count(gate.warn) == 0 with input as input_of([python])
}

test_what_a_file_is_called_exempts_it_from_nothing if {
	named := object.union(outcome("a.yaml", "undetermined"), {"facts": {"kind": "configuration", "format": "configuration-with-code", "verdict": "unknown"}})
	count(gate.warn) == 1 with input as input_of([named])
}

test_what_is_neither_is_counted_in_a_warning if {
	program := object.union(outcome("a.so", "undetermined"), {"facts": {"format": "elf", "verdict": "unknown"}})
	count(gate.deny) == 0 with input as input_of([program])
	warn := messages(gate.warn) with input as input_of([program])
	warn == {"1 file is neither a model nor source code, and not judged: a.so"}
}

test_what_a_warning_names_is_not_counted_again if {
	program := judged("a.so", "elf", "unknown", [found("a.so", "CM-MSQ-002", "medium")])
	warn := messages(gate.warn) with input as input_of([program])
	warn == {"a.so: something is wrong"}
}

test_an_archive_with_an_unknown_model_is_denied if {
	archive := judged("a.zip", "zip", "unknown", [found("a.zip", "CM-PKL-002", "medium")])
	count(gate.deny) == 1 with input as input_of([archive])
	source := judged("b.zip", "zip", "unknown", [found("b.zip", "CM-COD-001", "info")])
	count(gate.deny) == 0 with input as input_of([source])
}

# --- Findings ----------------------------------------------------------------------------------

test_high_and_critical_findings_are_denied_one_by_one if {
	outcomes := [with_findings("a.env", [found("a.env", "CM-SEC-001", "critical"), found("a.env", "CM-SEC-002", "high")])]
	deny := messages(gate.deny) with input as input_of(outcomes)
	deny == {"a.env: something is wrong"}
	count(gate.warn) == 0 with input as input_of(outcomes)
}

test_many_findings_of_a_rule_are_one_reason if {
	outcomes := [with_findings(name, [found(name, "CM-SEC-001", severity)]) |
		some n in numbers.range(1, 5)
		name := sprintf("%d.env", [n])
		severity := ["high", "critical"][n % 2]
	]
	deny := gate.deny with input as input_of(outcomes)
	deny == {{
		"message": "5 findings of CM-SEC-001 in 1.env, 2.env, 3.env, ...: something is wrong",
		"severity": "critical",
		"rule": "CM-SEC-001",
	}}
}

# As what other tools found has them.
test_a_thousand_rules_have_a_reason_each if {
	outcomes := [with_findings("main.tf", [finding |
		some n in numbers.range(1, 1000)
		finding := found("main.tf", sprintf("tool:R%d", [n]), "high")
	])]
	deny := gate.deny with input as input_of(outcomes)
	count({reason.rule | some reason in deny}) == 1000
}

test_findings_are_grouped_by_rule_wherever_they_stand if {
	outcomes := [with_findings(name, [found(name, rule, "high") | some rule in ["CM-TST-002", "CM-TST-001"]]) |
		some n in numbers.range(1, 4)
		name := sprintf("%d.env", [n])
	]
	deny := messages(gate.deny) with input as input_of(outcomes)
	deny == {
		"4 findings of CM-TST-001 in 1.env, 2.env, 3.env, ...: something is wrong",
		"4 findings of CM-TST-002 in 1.env, 2.env, 3.env, ...: something is wrong",
	}
}

test_medium_findings_warn if {
	outcomes := [with_findings("a.tf", [found("a.tf", "CM-TST-001", "medium")])]
	count(gate.deny) == 0 with input as input_of(outcomes)
	warn := messages(gate.warn) with input as input_of(outcomes)
	warn == {"a.tf: something is wrong"}
}

test_accepted_findings_are_no_reason if {
	outcomes := [with_findings("a.env", [accepted(found("a.env", "CM-SEC-001", "critical"))])]
	count(gate.deny) == 0 with input as input_of(outcomes)
	count(gate.warn) == 0 with input as input_of(outcomes)
}

test_a_failure_without_findings_is_denied if {
	deny := messages(gate.deny) with input as input_of([outcome("a", "fail")])
	deny == {"a: the check artifact failed without a finding"}
}

# --- What was not looked at --------------------------------------------------------------------

test_errors_are_denied if {
	broken := object.union(outcome("a", "error"), {"coverage": "partial", "reason": "permission denied"})
	messages(gate.deny) == {"a could not be examined: permission denied"} with input as input_of([broken])
}

test_what_an_error_says_is_said_once if {
	broken := object.union(with_findings("a", [found("a", "CM-INV-001", "high")]), {"result": "error"})
	messages(gate.deny) == {"a could not be examined: something is wrong"} with input as input_of([broken])
}

test_errors_are_denied_whatever_the_settings_say if {
	count(gate.deny) == 1 with input as input_of([outcome("a", "error")])
		with data.casemate.settings as {"allow_partial": true}
}

partial := object.union(outcome("a.zip", "pass"), {"coverage": "partial", "reason": "a member is encrypted"})

test_partial_coverage_is_denied if {
	deny := messages(gate.deny) with input as input_of([partial])
	deny == {"a.zip was only partly examined: a member is encrypted"}
}

test_partial_coverage_is_one_reason if {
	cut := object.union(with_findings("a.h5", [found("a.h5", "CM-COV-001", "medium")]), {"coverage": "partial"})
	messages(gate.deny) == {"a.h5 was only partly examined: something is wrong"} with input as input_of([cut])
	count(gate.warn) == 0 with input as input_of([cut])
}

test_partial_coverage_warns_where_the_settings_allow_it if {
	count(gate.deny) == 0 with input as input_of([partial])
		with data.casemate.settings as {"allow_partial": true}
	warn := messages(gate.warn) with input as input_of([partial])
		with data.casemate.settings as {"allow_partial": true}
	warn == {"a.zip was only partly examined: a member is encrypted"}
}

test_a_partly_examined_model_that_is_dangerous_is_one_reason if {
	outcomes := [object.union(judged("m.pkl", "pickle", "dangerous", [shell]), {"coverage": "partial"})]
	count(gate.deny) == 1 with input as input_of(outcomes)
}

test_what_cannot_be_told_warns if {
	outcomes := [outcome(name, "undetermined") | some name in ["a", "b", "c", "d"]]
	count(gate.deny) == 0 with input as input_of(outcomes)
	messages(gate.warn) == {"4 files are undetermined: a, b, c, ..."} with input as input_of(outcomes)
}

test_populations_of_anything_but_clean_passes_are_denied if {
	failed := {"check": "secrets", "result": "fail", "coverage": "complete", "count": 3}
	cut := {"check": "secrets", "result": "pass", "coverage": "partial", "count": 2}
	deny := messages(gate.deny) with input as input_of([failed, cut, clean])
	deny == {
		"3 subjects of the check secrets (fail, complete coverage) are counted and not listed",
		"2 subjects of the check secrets (pass, partial coverage) are counted and not listed",
	}
}

# --- What files have to come with --------------------------------------------------------------

files(number) := [file |
	some n in numbers.range(1, number)
	file := {"name": sprintf("./models/%d", [n]), "path": sprintf("models/%d", [n]), "subject": sprintf("urn:%d", [n]), "format": "gguf"}
]

unsigned(number) := {"outcomes": [], "evidence": [], "context": {"files": files(number)}}

signed := [{"assets": ["models/*"], "signature": true}]

test_a_file_without_what_it_has_to_come_with_is_denied if {
	deny := gate.deny with input as unsigned(1) with data.casemate.requirements as signed
	deny == {{
		"message": "./models/1 is signed by nobody who may sign it",
		"severity": "high",
		"subject": "urn:1",
		"path": "models/1",
	}}
}

test_many_such_files_are_one_reason if {
	deny := messages(gate.deny) with input as unsigned(5) with data.casemate.requirements as signed
	deny == {"5 files, such as ./models/1, ./models/2, ./models/3, ...: each is signed by nobody who may sign it"}
}

test_what_is_no_requirement_is_denied if {
	count(gate.deny) == 1 with input as unsigned(1) with data.casemate.requirements as [{"assets": []}]
}

test_an_idle_requirement_is_denied_unless_the_settings_say_so if {
	elsewhere := [{"assets": ["elsewhere/*"], "signature": true}]
	count(gate.deny) == 1 with input as unsigned(1) with data.casemate.requirements as elsewhere
	settings := {"allow_idle": true}
	count(gate.deny) == 0 with input as unsigned(1) with data.casemate.requirements as elsewhere with data.casemate.settings as settings
	count(gate.warn) == 1 with input as unsigned(1) with data.casemate.requirements as elsewhere with data.casemate.settings as settings
}

# --- Settings ----------------------------------------------------------------------------------

test_the_thresholds_can_be_moved if {
	settings := {"deny_at": "critical", "warn_at": "low", "allow_partial": false}
	outcomes := [with_findings("a", [found("a", "CM-TST-001", "high"), found("a", "CM-TST-002", "low")])]
	count(gate.deny) == 0 with input as input_of(outcomes) with data.casemate.settings as settings
	count(gate.warn) == 2 with input as input_of(outcomes) with data.casemate.settings as settings
}

test_what_other_tools_found_counts_as_what_is_found_here if {
	outcomes := [with_findings("a", [found("a", "checkov:CKV_AWS_18", "high")])]
	count(gate.deny) == 1 with input as input_of(outcomes)
}

test_what_other_tools_found_only_warns_where_the_settings_say_so if {
	settings := {"imports_only_warn": true}
	outcomes := [with_findings("a", [found("a", "checkov:CKV_AWS_18", "critical"), found("a", "CM-TST-001", "high")])]
	deny := gate.deny with input as input_of(outcomes) with data.casemate.settings as settings
	{reason.rule | some reason in deny} == {"CM-TST-001"}
	warn := gate.warn with input as input_of(outcomes) with data.casemate.settings as settings
	{reason.rule | some reason in warn} == {"checkov:CKV_AWS_18"}
}

test_a_misspelt_setting_is_denied if {
	some settings in [{"imports_only_warn": "yes"}, {"deny_att": "high"}, {"deny_at": "hihg"}, {"warn_at": 7}, {"allow_partial": "yes"}]
	count(gate.deny) == 1 with input as input_of([clean]) with data.casemate.settings as settings
}

test_a_wrong_threshold_leaves_the_default if {
	settings := {"deny_at": "hihg", "warn_at": "hihg"}
	outcomes := [with_findings("a", [found("a", "CM-TST-001", "high"), found("a", "CM-TST-002", "medium")])]
	count(gate.deny) == 3 with input as input_of(outcomes) with data.casemate.settings as settings
	count(gate.warn) == 1 with input as input_of(outcomes) with data.casemate.settings as settings
}

# --- What was there before ---------------------------------------------------------------------

before(finding) := object.union(finding, {"unchanged": true})

test_what_was_there_before_is_no_reason if {
	outcomes := [with_findings("a", [before(found("a", "CM-TST-001", "critical"))])]
	count(gate.deny) == 0 with input as input_of(outcomes)
	count(gate.warn) == 0 with input as input_of(outcomes)
}

test_a_dangerous_model_counts_however_long_it_was_there if {
	outcomes := [judged("m.pkl", "pickle", "dangerous", [before(shell)])]
	count(gate.deny) == 1 with input as input_of(outcomes)
}

# --- What else is against a request for admission ----------------------------------------------

asked(action) := {"outcomes": [], "context": {"violations": [{
	"policy": "K8sRequiredLabels owner",
	"action": action,
	"message": "no owner",
}]}}

test_what_a_constraint_denies_is_denied if {
	messages(gate.deny) == {"K8sRequiredLabels owner: no owner"} with input as asked("deny")
	count(gate.warn) == 0 with input as asked("deny")
}

test_an_action_that_nobody_knows_denies if {
	count(gate.deny) == 1 with input as asked("wran")
}

test_a_constraint_may_warn_or_be_silent if {
	messages(gate.warn) == {"K8sRequiredLabels owner: no owner"} with input as asked("warn")
	count(gate.deny) == 0 with input as asked("warn")
	count(gate.deny) == 0 with input as asked("dryrun")
	count(gate.warn) == 0 with input as asked("dryrun")
}
