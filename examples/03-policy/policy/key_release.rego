# The key of a sealed model: for an enclave that is what we measured, for as long as a shift, and with somebody's
# approval.
package casemate.gate

import data.casemate.clock
import data.casemate.statements

deny contains reason if {
	input.gate == "key-release"
	count(sound) == 0
	reason := {
		"message": sprintf("no verifier has told in the last %s that an enclave of ours asks: %s", [data.example.enclave.fresh, concat("; ", unsound)]),
		"severity": "critical",
	}
}

obligations contains duty if {
	input.gate == "key-release"
	duty := {
		"oblige": "approve",
		"by": data.example.enclave.approvers,
		"threshold": 1,
		"message": "somebody answers for the release",
	}
}

obligations contains duty if {
	input.gate == "key-release"
	duty := {"oblige": "expire", "after": data.example.enclave.shift, "message": "the next shift asks again"}
}

# What the verifier says of the evidence of an enclave.
results := [statement |
	some statement in statements.by_type("https://example.org/attestation/enclave/v1")
	statements.is_by(statement, ["enclave-verifier"])
]

sound := [result | some result in results; count(faults(result.predicate)) == 0]

unsound contains fault if {
	some result in results
	some fault in faults(result.predicate)
}

unsound contains "there is no statement" if count(results) == 0

faults(predicate) := {fault |
	some fault, is_right in {
		sprintf("the measurement %v is not ours", [object.get(predicate, "measurement", null)]): is_ours(predicate),
		"its memory can be read from outside": object.get(predicate, "debug", null) == false,
		"its GPU computes in the open": object.get(predicate, ["gpu", "confidential"], null) == true,
		"the statement is too old": is_fresh(predicate),
	}
	not is_right
}

default is_ours(_) := false

is_ours(predicate) if predicate.measurement in data.example.enclave.measurements

default is_fresh(_) := false

is_fresh(predicate) if {
	not clock.older_than(predicate.verifiedAt, data.example.enclave.fresh)
	not clock.ahead(predicate.verifiedAt)
}
