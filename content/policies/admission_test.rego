# The tests of what is asked at admission.
package casemate.admission_test

import data.casemate.gate

violation(action) := {"policy": "K8sRequiredLabels owner", "action": action, "message": "no owner"}

input_of(action) := {"outcomes": [], "context": {"violations": [violation(action)]}}

messages(reasons) := {reason.message | some reason in reasons}

test_what_is_denied_is_denied if {
	messages(gate.deny) == {"K8sRequiredLabels owner: no owner"} with input as input_of("deny")
	count(gate.warn) == 0 with input as input_of("deny")
}

test_what_nobody_knows_is_denied if {
	count(gate.deny) == 1 with input as input_of("wran")
}

test_a_warning_warns if {
	messages(gate.warn) == {"K8sRequiredLabels owner: no owner"} with input as input_of("warn")
	count(gate.deny) == 0 with input as input_of("warn")
}

test_a_dry_run_is_no_reason if {
	count(gate.deny) == 0 with input as input_of("dryrun")
	count(gate.warn) == 0 with input as input_of("dryrun")
}
