# The tests of the policy for attestations: `casemate policy test`. Each rule has one that it fires for, and
# one that it stays silent for.
package casemate.attestation_test

import data.casemate.attestation

# --- What the inputs are made of ---------------------------------------------------------------

said(type, predicate) := {
	"predicateType": type,
	"predicate": predicate,
	"subject": [{"name": "model", "digest": {"sha256": "00"}}],
	"signers": [{"name": "ci", "key": "sha256:00"}],
	"bundle": "sha256:00",
}

input_of(evidence) := {"gate": "attestation", "evidence": evidence}

messages(reasons) := {reason.message | some reason in reasons}

signature := said("https://model_signing/signature/v1.0", {"files": 2})

built_by(id) := said("https://slsa.dev/provenance/v1", {"runDetails": {"builder": {"id": id}}})

tested(result, failed, warned) := said("https://in-toto.io/attestation/test-result/v0.1", {
	"result": result,
	"failedTests": failed,
	"warnedTests": warned,
})

verified(result) := said("https://slsa.dev/verification_summary/v1", {
	"verifier": {"id": "urn:x:verifier"},
	"resourceUri": "urn:x:model",
	"verificationResult": result,
})

# --- What is missing ---------------------------------------------------------------------------

test_a_signature_alone_is_allowed if {
	count(attestation.deny) == 0 with input as input_of([signature])
	count(attestation.warn) == 0 with input as input_of([signature])
}

test_nothing_is_denied if {
	messages(attestation.deny) == {"there is no attestation that counts"} with input as input_of([])
	messages(attestation.deny) == {"there is no attestation that counts"} with input as {"gate": "attestation"}
}

test_what_is_required_must_be_there if {
	settings := {"require": ["https://slsa.dev/provenance/v1"]}
	deny := messages(attestation.deny) with input as input_of([signature])
		with data.casemate.attestation_settings as settings
	deny == {"there is no attestation of type https://slsa.dev/provenance/v1, and one is required"}
	count(attestation.deny) == 0 with input as input_of([signature, built_by("urn:x:b")])
		with data.casemate.attestation_settings as settings
}

# --- What is said ------------------------------------------------------------------------------

test_failed_tests_are_denied if {
	deny := messages(attestation.deny) with input as input_of([tested("FAILED", ["b", "a"], [])])
	deny == {"tests failed, as ci says: a, b"}
}

test_many_failed_tests_are_one_reason if {
	deny := messages(attestation.deny) with input as input_of([tested("FAILED", ["d", "c", "b", "a"], [])])
	deny == {"tests failed, as ci says: a, b, c, ..."}
}

test_failed_tests_without_names_are_denied if {
	deny := messages(attestation.deny) with input as input_of([tested("FAILED", [], [])])
	deny == {"tests failed, as ci says: no names are told"}
}

test_warned_tests_warn if {
	count(attestation.deny) == 0 with input as input_of([tested("WARNED", [], ["a"])])
	warn := messages(attestation.warn) with input as input_of([tested("WARNED", [], ["a"])])
	warn == {"tests passed with warnings, as ci says: a"}
}

test_passed_tests_are_no_reason if {
	count(attestation.deny) == 0 with input as input_of([tested("PASSED", [], [])])
	count(attestation.warn) == 0 with input as input_of([tested("PASSED", [], [])])
}

test_one_failure_beside_a_pass_is_denied if {
	evidence := [tested("PASSED", [], []), tested("FAILED", ["a"], [])]
	count(attestation.deny) == 1 with input as input_of(evidence)
}

test_a_failed_verification_is_denied if {
	deny := messages(attestation.deny) with input as input_of([verified("FAILED")])
	deny == {"the verifier urn:x:verifier says that it does not pass as urn:x:model"}
}

test_a_verifier_that_nobody_named_warns if {
	count(attestation.deny) == 0 with input as input_of([verified("PASSED")])
	warn := messages(attestation.warn) with input as input_of([verified("PASSED")])
	warn == {"no setting names the verifier urn:x:verifier, for whom ci speaks"}
	count(attestation.warn) == 0 with input as input_of([verified("PASSED")])
		with data.casemate.attestation_settings as {"verifiers": {"urn:x:verifier": []}}
}

test_a_builder_that_nobody_named_warns if {
	warn := messages(attestation.warn) with input as input_of([built_by("urn:x:b")])
	warn == {"no setting names the builder urn:x:b, for whom ci speaks"}
}

test_a_builder_is_named_with_who_speaks_for_it if {
	count(attestation.warn) == 0 with input as input_of([built_by("urn:x:b")])
		with data.casemate.attestation_settings as {"builders": {"urn:x:b": ["ci"]}}
	count(attestation.warn) == 0 with input as input_of([built_by("urn:x:b")])
		with data.casemate.attestation_settings as {"builders": {"urn:x:b": []}}
	count(attestation.warn) == 1 with input as input_of([built_by("urn:x:b")])
		with data.casemate.attestation_settings as {"builders": {"urn:x:b": ["laptop"]}}
}

test_what_is_not_judged_warns if {
	warn := messages(attestation.warn) with input as input_of([said("https://example.org/x/v1", {})])
	warn == {"what ci says in https://example.org/x/v1 is not judged by this policy"}
}

# --- Settings ----------------------------------------------------------------------------------

test_a_misspelt_setting_is_denied if {
	some settings in [{"requires": []}, {"require": "a"}, {"require": [7]}, {"builders": []}, {"verifiers": {"urn:x:v": "ci"}}]
	count(attestation.deny) == 1 with input as input_of([signature])
		with data.casemate.attestation_settings as settings
}

# --- What is of no shape that is known ---------------------------------------------------------

test_what_is_neither_passed_nor_warned_is_denied if {
	every result in [{"FAILED": null}, null, "failed", ["PASSED"]] {
		count(attestation.deny) == 1 with input as input_of([tested(result, [], [])])
	}
	count(attestation.deny) == 1 with input as input_of([said("https://in-toto.io/attestation/test-result/v0.1", {})])
}

test_a_failed_summary_is_denied_whatever_its_verifier_is if {
	odd := said("https://slsa.dev/verification_summary/v1", {"verifier": ["urn:v", null], "verificationResult": "FAILED"})
	count(attestation.deny) == 1 with input as input_of([odd])
	count(attestation.warn) == 1 with input as input_of([odd])
}

test_a_builder_of_another_shape_is_not_named if {
	odd := said("https://slsa.dev/provenance/v1", {"runDetails": [["urn:x"]]})
	count(attestation.warn) == 1 with input as input_of([odd])
}
