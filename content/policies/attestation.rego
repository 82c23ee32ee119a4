# The built-in policy for attestations: what signed statements about a model have to say.
#
# `casemate verify-attestation` and `casemate attest vsa` ask it once, with every statement whose signatures
# count:
#
#	input.gate                    "attestation"
#	input.subject                 what the statements are about
#	input.evidence                the statements: predicateType, predicate, subject, signers, bundle
#	input.now                     when
#
# It answers as the gate does, with `deny`, `warn` and `obligations`. To add to it, write a file of your own
# in `package casemate.attestation`, and name its directory with `--policy`. To adjust it, put a document
# below `data/` there, for instance `data/attestation.toml`. These are the settings with their defaults:
#
#	[casemate.attestation_settings]
#	require = []                  # types of predicates that must be there, each at least once
#
#	[casemate.attestation_settings.builders]     # whose provenance is no surprise: builder ids, and
#	"urn:casemate:builder:ci" = ["ci-key"]       # the signers who may speak for each; [] is anybody
#
#	[casemate.attestation_settings.verifiers]    # the same of verifiers
#	"urn:casemate:verifier:release" = []
package casemate.attestation

provenance := "https://slsa.dev/provenance/v1"

tested := "https://in-toto.io/attestation/test-result/v0.1"

vsa := "https://slsa.dev/verification_summary/v1"

model_signature := "https://model_signing/signature/v1.0"

judged := {provenance, tested, vsa, model_signature}

# --- What is missing ---------------------------------------------------------------------------

deny contains reason if {
	count(object.get(input, "evidence", [])) == 0
	reason := {"message": "there is no attestation that counts", "severity": "high"}
}

deny contains reason if {
	some type in required
	not type in {evidence.predicateType | some evidence in input.evidence}
	reason := {"message": sprintf("there is no attestation of type %s, and one is required", [type]), "severity": "high"}
}

# --- What is said ------------------------------------------------------------------------------

deny contains reason if {
	some evidence in input.evidence
	evidence.predicateType == tested
	not object.get(evidence.predicate, "result", null) in {"PASSED", "WARNED"}
	reason := {
		"message": sprintf("tests failed, as %s says: %s", [signed_by(evidence), sample(failed_tests(evidence))]),
		"severity": "high",
	}
}

warn contains reason if {
	some evidence in input.evidence
	evidence.predicateType == tested
	evidence.predicate.result == "WARNED"
	reason := {
		"message": sprintf("tests passed with warnings, as %s says: %s", [signed_by(evidence), sample(warned_tests(evidence))]),
		"severity": "medium",
	}
}

deny contains reason if {
	some evidence in input.evidence
	evidence.predicateType == vsa
	object.get(evidence.predicate, "verificationResult", null) != "PASSED"
	verifier := object.get(evidence.predicate, ["verifier", "id"], "without a name")
	resource := object.get(evidence.predicate, "resourceUri", "anything")
	reason := {
		"message": sprintf("the verifier %v says that it does not pass as %v", [verifier, resource]),
		"severity": "high",
	}
}

warn contains reason if {
	some evidence in input.evidence
	evidence.predicateType == vsa
	verifier := object.get(evidence.predicate, ["verifier", "id"], "without a name")
	not is_named(verifiers, verifier, evidence)
	reason := {
		"message": sprintf("no setting names the verifier %v, for whom %s speaks", [verifier, signed_by(evidence)]),
		"severity": "medium",
	}
}

warn contains reason if {
	some evidence in input.evidence
	evidence.predicateType == provenance
	builder := object.get(evidence.predicate, ["runDetails", "builder", "id"], "without a name")
	not is_named(builders, builder, evidence)
	reason := {
		"message": sprintf("no setting names the builder %v, for whom %s speaks", [builder, signed_by(evidence)]),
		"severity": "medium",
	}
}

warn contains reason if {
	some evidence in input.evidence
	not evidence.predicateType in judged
	reason := {
		"message": sprintf("what %s says in %s is not judged by this policy", [signed_by(evidence), evidence.predicateType]),
		"severity": "low",
	}
}

# --- Settings ----------------------------------------------------------------------------------

# A setting that is misspelt would be ignored, so it denies.
deny contains reason if {
	some name, value in data.casemate.attestation_settings
	not is_setting(name, value)
	reason := sprintf("the setting %s = %v is not one: require is a list of types, builders and verifiers are tables of lists of signers", [name, value])
}

is_setting("require", value) if is_texts(value)

is_setting(name, value) if {
	name in {"builders", "verifiers"}
	is_object(value)
	every signers in value {
		is_texts(signers)
	}
}

is_texts(value) if {
	is_array(value)
	every text in value {
		is_string(text)
	}
}

default required := []

required := data.casemate.attestation_settings.require if is_texts(data.casemate.attestation_settings.require)

default builders := {}

builders := data.casemate.attestation_settings.builders if is_setting("builders", data.casemate.attestation_settings.builders)

default verifiers := {}

verifiers := data.casemate.attestation_settings.verifiers if is_setting("verifiers", data.casemate.attestation_settings.verifiers)

# --- What the rules above are made of ----------------------------------------------------------

# A builder or verifier is who signed for it and no more than that.
is_named(known, id, evidence) if {
	signers := known[id]
	count(signers) == 0
}

is_named(known, id, evidence) if {
	some signer in evidence.signers
	signer.name in known[id]
}

signed_by(evidence) := concat(" and ", sort([signer.name | some signer in evidence.signers]))

failed_tests(evidence) := [name | some name in object.get(evidence.predicate, "failedTests", [])]

warned_tests(evidence) := [name | some name in object.get(evidence.predicate, "warnedTests", [])]

# The first of the names, in order.
sample(names) := "no names are told" if count(names) == 0

sample(names) := concat(", ", sort(names)) if {
	count(names) > 0
	count(names) <= 3
}

sample(names) := sprintf("%s, ...", [concat(", ", array.slice(sort(names), 0, 3))]) if count(names) > 3
