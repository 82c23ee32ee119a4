# The tests of what a model has to come with: `casemate policy test`.
package casemate.evidence_test

import data.casemate.evidence

# --- What the inputs are made of ---------------------------------------------------------------

weights := {
	"name": "./models/a/weights.safetensors",
	"path": "models/a/weights.safetensors",
	"kind": "model",
	"format": "safetensors",
	"subject": "urn:casemate:artifact:sha256:aa",
	"digest": "sha256:aa",
}

statement(kind, predicate, signer) := {
	"predicateType": kind,
	"predicate": predicate,
	"subject": [{"name": "a", "digest": {"sha256": "00"}}],
	"signers": [{"name": signer, "key": "sha256:11"}],
	"bundle": "sha256:22",
	"covers": [weights.path],
}

signature(signer) := statement("https://model_signing/signature/v1.0", {}, signer)

provenance(builder) := statement("https://slsa.dev/provenance/v1", {"runDetails": {"builder": {"id": builder}}}, "training")

scan(result) := statement("https://in-toto.io/attestation/test-result/v0.1", {"result": result}, "scanner")

summary(result) := statement(
	"https://slsa.dev/verification_summary/v1",
	{
		"verificationResult": result,
		"verifiedLevels": ["SLSA_BUILD_LEVEL_0"],
		"verifier": {"id": "urn:casemate:verifier:ci"},
		"resourceUri": "pkg:generic/a@1",
		"policy": {"uri": "urn:casemate:policy:attestation"},
	},
	"gate",
)

logged(statement, witnesses) := object.union(statement, {"logged": [object.union(
	{"log": "log.example", "index": 7},
	{"seen": {"by": witnesses} | count(witnesses) > 0},
)]})

question(evidence) := {"outcomes": [], "evidence": evidence, "context": {"files": [weights]}}

requiring(terms) := [object.union({"assets": ["models/**"]}, terms)]

messages(reasons) := {reason.message | some reason in reasons}

allowed(evidence, terms) if {
	count(lacking(evidence, terms)) == 0
}

lacking(statements, terms) := {sprintf("%s %s", [lack.path, lack.what]) | some lack in lacks} if {
	lacks := evidence.lacks with input as question(statements) with data.casemate.requirements as requiring(terms)
}

misspelt(terms) := said if {
	said := evidence.misspelt with input as question([]) with data.casemate.requirements as requiring(terms)
}

# --- Nothing is required -----------------------------------------------------------------------

test_nothing_is_required_until_it_is_named if {
	count(evidence.lacks) == 0 with input as question([])
	count(evidence.misspelt) == 0 with input as question([])
	count(evidence.idle) == 0 with input as question([])
}

# --- Signatures --------------------------------------------------------------------------------

test_a_signature_of_anybody_who_is_trusted_will_do if {
	allowed([signature("release")], {"signature": true})
	allowed([statement("https://model_signing/Digests/v0.1", {}, "release")], {"signature": true})
}

test_a_model_without_a_signature_is_denied if {
	lacking([], {"signature": true}) == {"models/a/weights.safetensors is signed by nobody who may sign it"}
}

test_a_signature_counts_for_the_models_that_it_covers if {
	other := object.union(signature("release"), {"covers": ["models/b/weights.safetensors"]})
	count(lacking([other], {"signature": true})) == 1
}

test_a_signature_by_another_than_the_named_is_none if {
	allowed([signature("release")], {"signature": {"signers": ["release", "security"]}})
	count(lacking([signature("intern")], {"signature": {"signers": ["release", "security"]}})) == 1
}

test_what_is_false_is_not_required if {
	allowed([signature("release")], {"signature": true, "provenance": false, "scan": false, "summary": false})
}

# --- Provenance, scans and summaries -----------------------------------------------------------

test_provenance_is_by_a_builder_that_fits if {
	allowed([provenance("urn:casemate:builder:ci")], {"provenance": {"builders": ["urn:casemate:builder:*"]}})
	allowed([provenance("https://ci.example.org/runners/2.1")], {"provenance": {"builders": ["https://ci.*"]}})
	allowed([provenance("anything")], {"provenance": true})
	lacking([provenance("urn:other")], {"provenance": {"builders": ["urn:casemate:builder:*"]}}) == {"models/a/weights.safetensors comes from nowhere that is known: no provenance counts"}
}

test_a_scan_has_to_have_passed if {
	allowed([scan("PASSED")], {"scan": {"signers": ["scanner"]}})
	"models/a/weights.safetensors was not scanned by anybody who may say so, or did not pass" in lacking([scan("FAILED")], {"scan": true})
	count(lacking([scan("WARNED")], {"scan": true})) == 1
}

test_one_failure_denies_whatever_passed_before if {
	lacking([scan("PASSED"), scan("FAILED")], {"scan": true}) == {"models/a/weights.safetensors did not pass a scan, as scanner says"}
	lacking([summary("PASSED"), summary("FAILED")], {"summary": true}) == {"models/a/weights.safetensors did not pass a summary, as gate says"}
	allowed([scan("PASSED"), object.union(scan("FAILED"), {"signers": [{"name": "intern"}]})], {"scan": {"signers": ["scanner"]}})
}

test_a_summary_has_to_have_passed if {
	allowed([summary("PASSED")], {"summary": {"verifiers": ["urn:casemate:verifier:*"]}})
	"models/a/weights.safetensors has no verification summary that passed" in lacking([summary("FAILED")], {"summary": true})
	count(lacking([summary("PASSED")], {"summary": {"verifiers": ["urn:else"]}})) == 1
}

test_a_summary_passes_for_what_it_is_of_and_nothing_else if {
	allowed([summary("PASSED")], {"summary": {"resources": ["pkg:generic/a@*"], "policies": ["urn:casemate:policy:*"]}})
	count(lacking([summary("PASSED")], {"summary": {"resources": ["pkg:generic/b@*"]}})) == 1
	count(lacking([summary("PASSED")], {"summary": {"policies": ["urn:mine"]}})) == 1
	none := object.union(summary("PASSED"), {"predicate": object.union(summary("PASSED").predicate, {"verifiedLevels": ["FAILED"]})})
	count(lacking([none], {"summary": true})) == 1
}

test_one_statement_is_not_taken_for_another if {
	terms := {"signature": true, "provenance": true, "scan": true, "summary": true}
	count(lacking([signature("release")], terms)) == 3
	allowed([signature("release"), provenance("x"), scan("PASSED"), summary("PASSED")], terms)
}

# --- The log -----------------------------------------------------------------------------------

test_what_is_in_no_log_does_not_count_where_a_log_is_required if {
	allowed([logged(signature("release"), [])], {"signature": true, "logged": true})
	lacking([signature("release")], {"signature": true, "logged": true}) == {"models/a/weights.safetensors has a signature that is in no log, or was seen by too few witnesses"}
}

test_another_statement_that_is_logged_will_do if {
	allowed([logged(signature("release"), []), signature("security")], {"signature": true, "logged": true})
}

test_so_many_witnesses_have_to_have_seen_it if {
	allowed([logged(signature("release"), ["w1", "w2"])], {"signature": true, "witnesses": 2})
	count(lacking([logged(signature("release"), ["w1"])], {"signature": true, "witnesses": 2})) == 1
}

# --- Which models ------------------------------------------------------------------------------

test_other_models_are_not_required_to_have_anything if {
	count(evidence.lacks) == 0 with input as question([])
		with data.casemate.requirements as [{"assets": ["production/**"], "signature": true}]
}

test_a_pattern_that_matches_nothing_is_told if {
	reasons := messages(evidence.idle) with input as question([])
		with data.casemate.requirements as [{"assets": ["models/**", "production/**"], "signature": true}]
	reasons == {"a requirement is for production/**, and nothing is there"}
}

test_a_requirement_may_be_for_some_kinds_of_files if {
	allowed([], {"kinds": ["archive"], "signature": true})
	count(lacking([], {"kinds": ["archive", "model"], "signature": true})) == 1
}

test_a_symbolic_link_is_of_every_kind if {
	link := object.union(weights, {"kind": "other", "format": "symlink"})
	lacks := evidence.lacks with input as {"evidence": [], "context": {"files": [link]}}
		with data.casemate.requirements as requiring({"kinds": ["model"], "signature": true})
	count(lacks) == 1
}

# --- What is misspelt --------------------------------------------------------------------------

test_a_requirement_that_is_none_denies if {
	every terms in [
		{"signatures": true},
		{"signature": "release"},
		{"signature": {"signer": ["release"]}},
		{"signature": {"signers": "release"}},
		{"signature": {"signers": []}},
		{"signature": true, "logged": "yes"},
		{"signature": true, "witnesses": -1},
		{"signature": true, "assets": []},
		{"signature": true, "assets": "models/**"},
		{"logged": true},
		{"signature": false, "logged": true},
		{"signature": true, "kinds": ["models"]},
	] {
		count(misspelt(terms)) == 1
	}
}

test_requirements_may_have_names if {
	lacks := evidence.lacks with input as question([]) with data.casemate.requirements as {"prod": requiring({"signature": true})[0]}
	count(lacks) == 1
}
