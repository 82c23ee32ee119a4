# The tests of statements: `casemate policy test`.
package casemate.statements_test

import data.casemate.statements

statement(type, predicate, signer) := {
	"predicateType": type,
	"predicate": predicate,
	"signers": [{"name": signer}],
	"covers": ["models/a.gguf", "models/b.gguf"],
}

signature(signer) := statement("https://model_signing/signature/v1.0", {}, signer)

provenance(builder) := statement("https://slsa.dev/provenance/v1", {"runDetails": {"builder": {"id": builder}}}, "training")

scan(result) := statement("https://in-toto.io/attestation/test-result/v0.1", {"result": result}, "scanner")

summary(result, levels) := statement(
	"https://slsa.dev/verification_summary/v1",
	{"verificationResult": result, "verifiedLevels": levels},
	"gate",
)

logged(one, by) := object.union(one, {"logged": [{"log": "log.example.org", "index": 1, "seen": {"by": by}}]})

test_a_signature_is_of_the_files_that_it_covers if {
	statements.signers_of("models/a.gguf") == {"release", "security"} with input.evidence as [signature("release"), signature("security")]
	statements.signed_by("release", "models/b.gguf") with input.evidence as [signature("release")]
	not statements.signed_by("release", "models/c.gguf") with input.evidence as [signature("release")]
	not statements.signed_by("training", "models/a.gguf") with input.evidence as [provenance("urn:a")]
}

test_nobody_signed_where_there_is_no_evidence if {
	statements.signers_of("models/a.gguf") == set() with input as {}
	statements.by_type("https://slsa.dev/provenance/v1") == [] with input as {}
}

# What is held against rules may say anything; the evidence is that of the assessment.
test_evidence_in_what_is_judged_is_none if {
	not statements.signed_by("release", "models/a.gguf") with input.evidence as [signature("release")] with data.casemate.assessment as {}
}

test_a_statement_names_what_its_subject_is if {
	named := object.union(signature("release"), {"subject": [{"digest": {"sha256": "aa", "sha512": "bb"}}]})
	statements.naming("signature", "sha256:aa") == [named] with input.evidence as [named, provenance("urn:a")]
	statements.naming("signature", "sha512:bb") == [named] with input.evidence as [named]
	every digest in ["sha256:bb", "aa", "sha512:aa"] {
		statements.naming("signature", digest) == [] with input.evidence as [named]
	}
	statements.naming("scan", "sha256:aa") == [] with input.evidence as [named]
}

test_one_signer_of_several if {
	statements.is_by(signature("release"), ["security", "release"])
	not statements.is_by(signature("release"), ["security"])
}

test_provenance_is_from_a_builder_that_fits if {
	statements.has_provenance_from("urn:builder:*", "models/a.gguf") with input.evidence as [provenance("urn:builder:ci")]
	not statements.has_provenance_from("urn:builder:*", "models/a.gguf") with input.evidence as [provenance("urn:other")]
	not statements.has_provenance_from("*", "models/c.gguf") with input.evidence as [provenance("urn:other")]
}

test_one_failure_outweighs_a_pass if {
	statements.scan_passed("models/a.gguf") with input.evidence as [scan("PASSED"), scan("WARNED")]
	not statements.scan_passed("models/a.gguf") with input.evidence as [scan("WARNED")]
	not statements.scan_passed("models/a.gguf") with input.evidence as [scan("PASSED"), scan("FAILED")]
	not statements.scan_passed("models/a.gguf") with input.evidence as []
	statements.summary_passed("models/a.gguf") with input.evidence as [summary("PASSED", ["SLSA_BUILD_LEVEL_2"])]
	not statements.summary_passed("models/a.gguf") with input.evidence as [summary("PASSED", ["FAILED"])]
	not statements.summary_passed("models/a.gguf") with input.evidence as [summary("PASSED", []), summary("FAILED", [])]
}

test_a_log_and_its_witnesses if {
	not statements.logged("signature", "models/a.gguf") with input.evidence as [signature("release")]
	statements.logged("signature", "models/a.gguf") with input.evidence as [logged(signature("release"), [])]
	statements.witnessed("signature", "models/a.gguf", 2) with input.evidence as [logged(signature("release"), ["a", "b"])]
	not statements.witnessed("signature", "models/a.gguf", 3) with input.evidence as [logged(signature("release"), ["a", "b"])]
	not statements.logged("scan", "models/a.gguf") with input.evidence as [logged(signature("release"), [])]
}

test_signatures_and_provenance_say_well_by_being_there if {
	statements.says_well("signature", {})
	statements.says_well("provenance", {})
	not statements.says_ill("provenance", {})
	statements.says_ill("scan", {})
	statements.says_ill("summary", {})
	not statements.says_well("other", {})
}
